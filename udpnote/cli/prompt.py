"""The prompt of `udpnote write`: line editing, the words that are no entries, and messages at the prompt."""

import os
import re
import sys
from enum import Enum
from typing import NamedTuple

from udpnote.cli.terminal.interruption import giving_terminal_back
from udpnote.cli.terminal.streams import escaping_output, fitted_to
from udpnote.errors import Notice
from udpnote.storage.new_files import make_folders
from udpnote.text.harmless import harmless

END_WORDS = frozenset(("quit", "exit", "bye", "q", ":q", "：q", "退出"))
"""The lines, in upper or lower case, that end the prompt. From a pipe, only `quit` ends it: the other words may be data."""

HELP_WORDS = frozenset(("help", "?", "？", "帮助", "幫助", "說明"))
"""The lines, in upper or lower case, that print the help at the prompt."""


class Action(Enum):
    """What a typed line asks for.

    STORE: to store the line as an entry. UNKNOWN: a command that the prompt does not have. NOT_ALONE: a command that takes no
    words, but words follow it. The value of every other action is the word that a user types after `/`.
    """

    STORE = ""
    HELP = "help"
    TAG = "tag"
    EDIT = "edit"
    UNDO = "undo"
    QUIT = "quit"
    UNKNOWN = "?"
    NOT_ALONE = "? …"


class Typed(NamedTuple):
    """What a typed line asks for, and `rest`: the text to store, or the words after a command of the prompt.

    For UNKNOWN and NOT_ALONE, `rest` is the whole line, for the message.
    """

    action: Action
    rest: str


_COMMANDS = {action.value: action for action in (Action.HELP, Action.TAG, Action.EDIT, Action.UNDO, Action.QUIT)} | {
    "exit": Action.QUIT,
    "标签": Action.TAG,
    "標籤": Action.TAG,
    "修改": Action.EDIT,
    "撤销": Action.UNDO,
    "撤銷": Action.UNDO,
    "復原": Action.UNDO,
    "退出": Action.QUIT,
}
"""The words that may follow a `/`, in upper or lower case, besides `HELP_WORDS`."""


def parse_line(line: str) -> Typed:
    """Find out what the typed `line` asks for, and return that.

    A line that begins with `/`, or with the full-width `／`, is a command of the prompt. A line that begins with two of them is
    an entry, without the first of them. `END_WORDS` and `HELP_WORDS` need no `/`. Any other line is an entry.
    """
    bare = line.strip()
    word = bare.casefold()
    if word in END_WORDS:
        return Typed(Action.QUIT, "")
    if word in HELP_WORDS:
        return Typed(Action.HELP, "")
    if not bare.startswith(("/", "／")):
        return Typed(Action.STORE, line)
    if bare[1:2] in ("/", "／"):
        return Typed(Action.STORE, bare[1:])
    name, *rest = re.split(r"\s+", bare[1:], maxsplit=1)  # also at the wide space of an input method
    name = name.casefold()
    action = Action.HELP if name in HELP_WORDS else _COMMANDS.get(name, Action.UNKNOWN)
    if rest and action in (Action.UNDO, Action.QUIT):
        action = Action.NOT_ALONE
    return Typed(action, bare if action in (Action.UNKNOWN, Action.NOT_ALONE) else "".join(rest))


class Prompt:
    """A prompt with line editing. It keeps the lines in the file `history`, so that the user can go back to them.

    If there is no such file, the constructor makes it, and its folder. If the file cannot be written, now or later, the lines
    are kept only until the command ends, and the next `ask` first prints a notice about that.
    """

    def __init__(self, history: str) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import History, InMemoryHistory
        from prompt_toolkit.key_binding import KeyBindings
        from prompt_toolkit.keys import Keys

        from udpnote.cli.prompt_history import PromptHistory

        self._problems: list[Notice] = []
        try:
            make_folders(os.path.dirname(history))
            os.close(os.open(history, os.O_CREAT | os.O_RDWR, 0o600))
            kept: History = PromptHistory(history, on_problem=self._problems.append)
        except OSError as error:  # from the history's file: the prompt works without it
            self._problems.append(Notice("history_not_kept", path=history, problem=error.strerror))
            kept = InMemoryHistory()
        keys = KeyBindings()
        keys.add(Keys.Vt100MouseEvent)(lambda _event: None)  # pasted colours look like mouse events, which would fail
        self._lines: PromptSession[str] = PromptSession(history=kept, enable_suspend=True, key_bindings=keys)
        self._unkept_lines: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), enable_suspend=True, key_bindings=keys
        )

    def ask(self, prompt: str, *, is_kept: bool = True, text: str = "") -> str:
        """Show `prompt`, let the user edit `text`, and return the result. If `is_kept`, keep the result in the history.

        What other threads print while the user edits appears above the prompt. The result has several lines if the user has
        pasted several. Raises `EOFError` after Ctrl-D and `KeyboardInterrupt` after Ctrl-C. SIGTERM, SIGHUP and SIGQUIT end the
        process (see `giving_terminal_back`).
        """
        from prompt_toolkit.patch_stdout import patch_stdout

        while self._problems:
            say_here(self._problems.pop())
        session = self._lines if is_kept else self._unkept_lines
        with giving_terminal_back(), patch_stdout(raw=True), escaping_output():
            return session.prompt(prompt, default=text)


def say_here(text: str | Notice) -> None:
    """Print each line of `text` on standard output. Characters that could harm a terminal are replaced.

    Other commands print messages on standard error, but at the prompt messages belong to the dialogue.
    """
    print(fitted_to(sys.stdout, "\n".join(map(harmless, str(text).split("\n")))), flush=True)

"""The prompt of `udpnote write`: line editing, the words that are no entries, and delivery of queued entries in a thread."""

import os
import re
import threading
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from udpnote.cli.terminal.interruption import giving_terminal_back
from udpnote.cli.terminal.streams import escaping_output
from udpnote.cli.terminal.text import shortened
from udpnote.client.client import Client
from udpnote.errors import Notice, UdpnoteError
from udpnote.model.notebook import KnownNotebook, display_name
from udpnote.protocol.discovery import SETTLING_SECONDS
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

    If there is no such file, the constructor makes it, and its folder. If the file cannot be written, the lines are kept only
    until the command ends, and `problem` is a notice about that.
    """

    def __init__(self, history: str) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, History, InMemoryHistory
        from prompt_toolkit.key_binding import KeyBindings
        from prompt_toolkit.keys import Keys

        self.problem: Notice | None = None
        try:
            make_folders(os.path.dirname(history))
            os.close(os.open(history, os.O_CREAT | os.O_RDWR, 0o600))
            kept: History = FileHistory(history)
        except OSError as error:  # from the history's file: the prompt works without it
            self.problem = Notice("history_not_kept", path=history, problem=error.strerror)
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

        with giving_terminal_back(), patch_stdout(raw=True), escaping_output():
            return (self._lines if is_kept else self._unkept_lines).prompt(prompt, default=text)


DELIVERY_PAUSE_SECONDS = 3.0
DELIVERY_PAUSE_MAX_SECONDS = 24.0
"""The pause before the next attempt to deliver queued entries. It doubles after each failed attempt, up to the maximum."""

DELIVERY_WAIT_SECONDS = SETTLING_SECONDS + 0.5
"""How long an attempt to deliver queued entries waits for an answer, in seconds. A line that the user types during an attempt
may have to wait as long.

It is longer than a discovery on the LAN, which takes `SETTLING_SECONDS` from the first answer on.
"""

NAME_CELLS_MAX = 40
"""A longer name of a notebook is shortened, so that its line fits on a terminal of 80 columns."""


def say_here(text: str | Notice) -> None:
    """Print each line of `text` on standard output. Characters that could harm a terminal are replaced.

    Other commands print messages on standard error, but at the prompt messages belong to the dialogue.
    """
    print("\n".join(map(harmless, str(text).split("\n"))), flush=True)


class DestinationLine:
    """Prints the line that names the notebook to which typed lines go, as soon as the notebook is known, and after each change.

    A change is that the client uses another notebook, or that its notebook gets another name, is sealed, or is made open.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._printed: tuple[bytes, str] | None = None
        self._lock = threading.Lock()

    def print_if_new(self) -> None:
        """Print the line, if the notebook is known and the line is not the one that was printed last.

        Several threads may call this.
        """
        with self._lock, suppress(UdpnoteError):  # `send` of the next line reports the same error
            notebook = self._client.notebook
            if notebook is None:
                return
            kind = "write_to_open" if notebook.key_id is None else "write_to_sealed"
            line = notebook.notebook_id, str(Notice(kind, name=self._name(notebook)))
            if line != self._printed:
                self._printed = line
                say_here(line[1])

    def _name(self, notebook: KnownNotebook) -> str | Notice:
        """Return the name of `notebook`, shortened. If another known notebook has the same name, the first digits of the id
        follow.
        """
        return display_name(notebook, self._client.known(), shown=shortened(notebook.name, NAME_CELLS_MAX))


class BackgroundDelivery:
    """In its `with` block, a thread of its own delivers queued entries, even while the prompt waits for a line.

    The end of the block does not wait for the thread. The caller must then close `client`: that ends a delivery that has begun.
    """

    def __init__(self, client: Client, destination: DestinationLine) -> None:
        self._client = client
        self._destination = destination
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="udpnote delivery", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()  # closing the client ends a delivery that is still going on

    def _deliver(self) -> None:
        pause = DELIVERY_PAUSE_SECONDS
        while not self._ended.wait(pause):
            pause = self.attempt(pause)

    def attempt(self, pause: float) -> float:
        """Try to deliver the queued entries. Return how many seconds to wait before the next attempt.

        `pause` is how many seconds were waited before this one. The next pause is longer if entries wait and none of them could
        be delivered. Errors are not printed. If the notebook to which the lines go has changed, this prints which one it is.
        """
        waiting = left = 0
        with suppress(UdpnoteError):  # no server answers: the user read that when the entry was queued
            waiting = left = count_waiting(self._client)
            if waiting:
                self._client.deliver(wait=DELIVERY_WAIT_SECONDS)
                self._destination.print_if_new()
                left = count_waiting(self._client)
        has_failed = 0 < waiting <= left
        return min(2 * pause, DELIVERY_PAUSE_MAX_SECONDS) if has_failed else DELIVERY_PAUSE_SECONDS


def count_waiting(client: Client) -> int:
    """How many entries in the outbox wait for delivery to any notebook. Refused entries are not counted."""
    return sum(each.entries for each in client.waiting_counts() if each.refused is None)

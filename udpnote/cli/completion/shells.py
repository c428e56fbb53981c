"""Answers a shell that completes a command line, and installs what makes the shell ask.

`udpnote --install-completion` installs scripts of typer in the shell. Such a script calls `udpnote` with `_UDPNOTE_COMPLETE` in
the environment, and with the command line up to the cursor in other variables. bash, fish and PowerShell take each printed line
as a suggestion. zsh runs the printed text as a command.
"""

import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn

from udpnote.cli.completion.word_at_cursor import Suggestion, read_table, word_at_cursor
from udpnote.errors import Notice, UdpnoteError
from udpnote.text.language import gettext as _

SECONDS_MAX = 1.0
"""The longest time that completion may take. After this time nothing is suggested, and the shell prints no message."""

_EXPLANATION_CHARACTERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ._-/+@%,#=;()")
"""The ASCII characters that an explanation keeps. zsh and fish give a meaning to the others."""


POWERSHELLS = ("complete_powershell", "complete_pwsh")
"""The values of `_UDPNOTE_COMPLETE` under the two names of PowerShell."""


class TypedLine(NamedTuple):
    """A command line up to the cursor: the words after `udpnote`, and `typed`, the start of the word at the cursor.

    `is_quoted` says that this word begins with a quotation mark which is not closed yet.
    """

    words: Sequence[str]
    typed: str
    is_quoted: bool


def complete(instruction: str, environ: Mapping[str, str]) -> int:
    """Print the suggestions for the command line in `environ`, and return the exit code.

    `instruction` is a key of `ANSWERS`: `complete_` and the name of the shell. If fish asks only whether there are suggestions,
    nothing is printed, and the exit code is the answer: 0 for yes, 1 for no. After `SECONDS_MAX`, a signal ends the process,
    and nothing is suggested.
    """
    if signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:  # this signal ends the process, even while SQLite waits for a lock
        signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
    line = read_line(instruction, environ)
    text = ANSWERS[instruction](suggestions(line), line)
    if environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        return 0 if text else 1
    print(text)
    return 0


def suggestions(line: TypedLine) -> list[Suggestion]:
    """Return the words that may stand at the cursor of `line`, with explanations in the user's language."""
    word = word_at_cursor(read_table(), line.words, line.typed)
    found = [each._replace(help=_(each.help)) for each in word.suggestions]
    if word.kind is not None:
        from udpnote.cli.completion.values import values  # here, because commands and options need no outbox

        found += values(word)
    return [each._replace(word=word.prefix + each.word) for each in found]


def read_line(instruction: str, environ: Mapping[str, str]) -> TypedLine:
    """Return the command line in `environ`. The scripts for the shells describe it in different ways: `instruction` names the
    shell.
    """
    if instruction == "complete_bash":
        words, is_quoted = _split(environ.get("COMP_WORDS", ""))
        cursor = int(environ.get("COMP_CWORD", "0"))
        return TypedLine(words[1:cursor], words[cursor] if cursor < len(words) else "", is_quoted)
    text = environ.get("_TYPER_COMPLETE_ARGS", "")
    words, is_quoted = _split(text)
    is_in_word = is_quoted or not text[-1:].isspace()
    if instruction in POWERSHELLS:  # whose text ends with the last word, even if the cursor is in a new word
        is_in_word = bool(environ.get("_TYPER_COMPLETE_WORD_TO_COMPLETE"))
    if len(words) > 1 and is_in_word:
        return TypedLine(words[1:-1], words[-1], is_quoted)
    return TypedLine(words[1:], "", is_quoted)


def _split(text: str) -> tuple[list[str], bool]:
    """Return the words of the command line `text`, without their quotation marks, and whether the last word has one that is not
    closed.
    """
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError as error:  # a quotation mark that is not closed, or a backslash at the end
        return [*words, lexer.token], "quotation" in str(error)
    return words, False


def _for_bash(found: Sequence[Suggestion], line: TypedLine) -> str:
    """Return the suggestions as bash inserts them, one on each line. Spaces and `#` get a backslash, unless the word at the
    cursor of `line` is in quotation marks.
    """
    words = [each.word for each in found]
    if not line.is_quoted:
        words = [word.replace(" ", "\\ ").replace("#", "\\#") for word in words]
    return "\n".join(words)


def _for_zsh(found: Sequence[Suggestion], _line: TypedLine) -> str:
    """Return a command for zsh that shows the suggestions with their explanations. If there are no suggestions, return a
    command that completes names of files.
    """
    if not found:
        return "_files"
    pairs = [f'"{each.word}":"{_without_shell_signs(each.help)}"' if each.help else f'"{each.word}"' for each in found]
    return "_arguments '*: :(({}))'".format("\n".join(pairs))


def _for_fish(found: Sequence[Suggestion], _line: TypedLine) -> str:
    """Return the suggestions, one on each line, each with its explanation after a tab."""
    return "\n".join(f"{each.word}\t{_without_shell_signs(each.help)}" if each.help else each.word for each in found)


def _for_powershell(found: Sequence[Suggestion], _line: TypedLine) -> str:
    """Return the suggestions as PowerShell inserts them, one on each line, each with its explanation after `:::`. A word with
    spaces or `#` is in quotation marks.
    """
    words = [f"'{each.word}'" if " " in each.word or "#" in each.word else each.word for each in found]
    return "\n".join(f"{word}:::{_without_shell_signs(each.help) or ' '}" for word, each in zip(words, found, strict=True))


def _without_shell_signs(text: str) -> str:
    """`text` without the characters to which a shell could give a meaning."""
    return "".join(each for each in text if each in _EXPLANATION_CHARACTERS or (each > "\x7f" and each.isprintable()))


ANSWERS: dict[str, Callable[[Sequence[Suggestion], TypedLine], str]] = {
    "complete_bash": _for_bash,
    "complete_zsh": _for_zsh,
    "complete_fish": _for_fish,
    **dict.fromkeys(POWERSHELLS, _for_powershell),
}
"""For each value of `_UDPNOTE_COMPLETE` that udpnote answers itself: the function that makes the text to print."""


class CompletionRefused(UdpnoteError):
    """Completion cannot be installed in this shell."""


def install_completion() -> Notice:
    """Let typer install completion in the shell that has started udpnote. Return the message for the user.

    Raises `CompletionRefused` if typer does not know this shell.
    """
    from contextlib import redirect_stdout
    from io import StringIO

    import typer.completion  # here, because no suggestion needs typer, whose import takes longer than all the rest

    try:
        with redirect_stdout(StringIO()):  # typer speaks English only
            shell, path = typer.completion.install(prog_name="udpnote")  # type: ignore[attr-defined]
    except typer.Exit:
        raise CompletionRefused("completion_not_installed") from None
    return Notice("completion_installed", shell=shell, path=str(path))


def leave_to_typer() -> NoReturn:
    """Let typer print the script with which a shell completes command lines. Raises `SystemExit`.

    typer itself reads from `sys.argv` and from the environment which script it has to print.
    """
    import typer  # here, too

    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)  # typer needs a command to which it adds its options
    app(prog_name="udpnote")
    raise AssertionError("typer always raises `SystemExit`")

"""Standard input, output and error of a command. A command can use them even if one of them was closed when it started."""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from udpnote.errors import Notice
from udpnote.text.harmless import harmless

COLUMNS_WITHOUT_TERMINAL = 80
"""The width of lines if the width of the terminal is not known. Early terminals had this width, and later ones are not
narrower.
"""

LINES_WITHOUT_TERMINAL = 24
"""The height of a screen if it is not known: that of early terminals."""

CELLS_MAX = 2
"""The most terminal cells that a character takes: a Chinese one takes two."""

SIZE_VARIABLES = ("COLUMNS", "LINES", "TERMINAL_WIDTH")
"""The environment variables in which udpnote, typer or rich looks for the size of the terminal, in cells."""

SIZE_MAX = 9999
"""A larger size in the environment is taken for a mistake. A table as wide as that would take all memory."""

UTF_8 = "utf-8"
"""UTF-8, as Python names it."""

_spare: list[int] = []
"""At most one open descriptor. If the process has so many files open that `said` cannot load the modules with the sentences,
`said` closes this descriptor. One is enough: Python opens these modules one after the other.
"""


def prepare() -> None:
    """Make standard input, output and error usable.

    A standard input or standard error that was closed when the process started becomes /dev/null. In place of a closed standard
    output comes one on which every write fails, so that a command says that its results are lost.

    A character that an output's encoding lacks is printed as an escape. A byte of the input that is not in the input's encoding
    becomes a lone surrogate. No entry may contain lone surrogates, so the check of the entry reports them.

    A variable of `SIZE_VARIABLES` that is not a number from 1 to `SIZE_MAX` is removed from the environment, because typer and
    rich would fail. A descriptor is kept for `said` (see `_spare`).
    """
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - it stays open until the process ends
    sys.stdout = sys.stdout or open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: SIM115 - the system refuses writes
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdin else _errors_of(stream))
    for name in SIZE_VARIABLES:
        if _size_in(name) is None:
            os.environ.pop(name, None)
    if not _spare:
        with suppress(OSError):  # not one more file can be opened
            _spare.append(os.open(os.devnull, os.O_RDONLY))


def _errors_of(stream: io.TextIOWrapper) -> str:
    """The name of the error handler that prints an escape for each character that the encoding of `stream` lacks."""
    if _codec_name(stream) == UTF_8:
        return "backslashreplace"
    from udpnote.cli.terminal.other_encodings import TEXT_ESCAPES  # here, because most terminals have UTF-8

    return TEXT_ESCAPES


def prepare_for_json() -> None:
    """Make standard output ready for JSON. Nothing may have been printed on it before.

    In a file or a pipe, JSON is in UTF-8, whatever the locale is (RFC 8259, section 8.1). On a terminal, it is in the
    terminal's encoding, with JSON's escapes for the characters that this encoding lacks.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and codecs.lookup(sys.stdout.encoding).name != UTF_8:
        if sys.stdout.isatty():
            from udpnote.cli.terminal.other_encodings import JSON_ESCAPES  # here, because most terminals have UTF-8

            sys.stdout.reconfigure(errors=JSON_ESCAPES)
        else:
            sys.stdout.reconfigure(encoding=UTF_8, errors="backslashreplace")


def text_encoding() -> str:
    """The encoding of texts from standard input and the editor: that of the locale, as Python names it.

    If the locale's encoding is ASCII, the result is UTF-8, which includes ASCII.
    """
    return _codec_name(sys.stdin)


def typed_text(words: list[str]) -> str:
    """Join `words`, the words of a text on the command line, by spaces. Raises `InvalidEntry` as `typed_line` does."""
    return typed_line(" ".join(words), sys.getfilesystemencoding())  # by which Python has decoded the words


def typed_line(line: str, encoding: str) -> str:
    """Return `line`, which the user has typed, and which Python has decoded by `encoding`, the encoding of the locale.

    If `encoding` is not UTF-8 and `line` is not ASCII, check the bytes that the user has typed. Raise `InvalidEntry` if they
    are not in `encoding`, or if they are more likely UTF-8 (see `is_rather_utf8`).
    """
    if encoding != UTF_8 and not line.isascii():
        from udpnote.cli.terminal.input_lines import decoded

        with suppress(UnicodeEncodeError):  # a line from the history, which was typed in another locale
            decoded(line.encode(encoding, "surrogateescape"), encoding)
    return line


def is_printed_whole(text: str) -> bool:
    """Return whether the encoding of standard output has all characters of `text`. If it lacks one, an escape would be
    printed.
    """
    try:
        text.encode(_codec_name(sys.stdout))
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def escaping_output() -> Iterator[None]:
    """In the block, print an escape for each character that the encoding of standard output lacks, as `prepare` arranges it.

    This is for the prompt: its library would print `?` for these characters.
    """
    encoding = _codec_name(sys.stdout)
    if encoding == UTF_8:
        yield
        return
    from udpnote.cli.terminal.other_encodings import EscapingOutput

    stream, sys.stdout = sys.stdout, cast(TextIO, EscapingOutput(sys.stdout, encoding))
    try:
        yield
    finally:
        sys.stdout = stream


def drawn(signs: str, plain: str) -> str:
    """Return `signs` if standard output is in UTF-8, else `plain`: as many characters, but only of ASCII.

    Other encodings lack some signs of frames and charts, and their terminals show many of them two cells wide.
    """
    return signs if is_in_utf_8(sys.stdout) else plain


def is_in_utf_8(stream: TextIO) -> bool:
    """Whether the encoding of `stream` is UTF-8. ASCII counts as UTF-8, and so does an encoding that is not known."""
    return _codec_name(stream) == UTF_8


def _codec_name(stream: TextIO) -> str:
    """The encoding of `stream`, as Python names it. It is UTF-8 if the encoding is ASCII or not known."""
    name = codecs.lookup(getattr(stream, "encoding", None) or UTF_8).name
    return UTF_8 if name == "ascii" else name


def said(message: str | Notice) -> str:
    """The line that `say` prints for `message`, without its newline: `udpnote: ` and the message.

    Control characters are replaced, because parts of the message may come from the network. If too many files are open to
    import the sentence of a notice, this closes the spare descriptor (see `_spare`) and tries again.
    """
    try:
        text = _sentence(message) if isinstance(message, Notice) else message
    except OSError:  # no more files can be opened, not even a module with sentences
        while _spare:
            os.close(_spare.pop())
        text = str(message)
    return f"udpnote: {harmless(text)}"


def say(message: str | Notice) -> None:
    """Print `message` on standard error, after `udpnote: `; a terminal gets it in several lines if it is longer than one
    (see `fitted_to`). If that fails, nothing is raised.
    """
    with suppress(OSError):  # the terminal was closed; the work goes on
        print(fitted_to(sys.stderr, said(message)), file=sys.stderr, flush=True)


def fitted_to(stream: TextIO, message: str, *, label_cells: int = 0) -> str:
    """Return `message` as it is printed on `stream`: on a terminal, with longer lines broken between words.

    `label_cells` is the width of a label at the beginning of `message` (see `wrapped_message`).
    """
    if not stream.isatty():
        return message
    columns = terminal_columns(stream)
    if len(message) * CELLS_MAX <= columns:
        return message
    from udpnote.cli.terminal.wrapping import wrapped_message  # here, because most commands have no long message

    return "\n".join(line for each in message.split("\n") for line in wrapped_message(each, columns, label_cells))


def _sentence(notice: Notice) -> str:
    """Return the sentence of `notice`. Raises `OSError` if the modules that make it cannot be opened."""
    from udpnote.text.messages.sentences import sentence_of  # here, because most commands have no message

    return sentence_of(notice)


def terminal_columns(stream: TextIO | None = None) -> int:
    """Return the width of lines in terminal cells: $COLUMNS if that is a possible width. If it is not, return the width of
    the terminal of `stream` or, if that is None, of standard output. Without a terminal, it is 80.
    """
    return _size_in("COLUMNS") or _terminal_size(stream or sys.stdout)[0] or COLUMNS_WITHOUT_TERMINAL


def terminal_lines() -> int:
    """Return the number of lines of the screen: $LINES if that is a possible height. If it is not, return the height of
    standard output's terminal, or 24 without a terminal.
    """
    return _size_in("LINES") or _terminal_size(sys.stdout)[1] or LINES_WITHOUT_TERMINAL


def _terminal_size(stream: TextIO) -> tuple[int, int]:
    """Return the columns and lines of the terminal of `stream`. A size that is not known is 0.

    With $COLUMNS and $LINES, this does the work of `shutil.get_terminal_size`. To import shutil, which is for archives as well,
    would take longer.
    """
    try:
        return os.get_terminal_size(stream.fileno())
    except OSError:  # it is no terminal
        return 0, 0


def _size_in(variable: str) -> int | None:
    """The size in the variable `variable` of the environment, in cells. None if it is not a number from 1 to `SIZE_MAX`."""
    given = os.environ.get(variable, "").lstrip("0")
    is_size = given.isascii() and given.isdecimal() and len(given) <= len(str(SIZE_MAX))
    return int(given) if is_size else None


class OptionalOutput:
    """Standard output for a command that must finish its work even if its output cannot be written.

    The output goes to `stream`. If that fails, `error` is set to the `OSError`, which is not raised, and the rest of the output
    is discarded.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of `stream`. Only `write` and `flush` are not the stream's own."""
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write `text` to the stream or discard it, and return how many characters it has."""
        try:
            self.stream.write(text)
        except OSError as error:  # from standard output
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        """Flush `stream`. If that fails, discard the rest of the output."""
        try:
            self.stream.flush()
        except OSError as error:  # from standard output
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """Keep `error`, and discard all later output."""
        self.error = error
        mute_output()


def output_error() -> OSError | None:
    """Return the error because of which an `OptionalOutput` discards the command's output.

    Return None if nothing has failed, or if standard output is not an `OptionalOutput`.
    """
    return sys.stdout.error if isinstance(sys.stdout, OptionalOutput) else None


@contextmanager
def optional_output() -> Iterator[OptionalOutput]:
    """In the block, an `OptionalOutput` takes the place of standard output. The block gets it."""
    stream, output = sys.stdout, OptionalOutput(sys.stdout)
    sys.stdout = cast(TextIO, output)
    try:
        yield output
    finally:
        sys.stdout = stream


def mute_output() -> None:
    """Discard everything that is written to standard output from now on.

    Call this when standard output cannot be written, because the program that reads it has ended or because a disk is full.
    """
    _mute(sys.stdout)


def drop_unwritten_messages() -> None:
    """Discard the messages that could not be written to standard error. Call this at the end of the process.

    Python would try to write them once more after the command. If that failed as well, it would end the process with an exit
    code of its own, 120.
    """
    try:
        sys.stderr.flush()
    except OSError:  # a disk is full, or the program that reads the messages has ended
        _mute(sys.stderr)


def _mute(stream: TextIO) -> None:
    """Discard what `stream` has not written yet, and everything that is written to it from now on."""
    with suppress(OSError):  # no more files can be opened: then the output fails again when Python flushes it
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, stream.fileno())
        os.close(sink)

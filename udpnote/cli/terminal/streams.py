"""Standard input, output and error of a command. They work even if one of them was closed when the command started."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from udpnote.errors import Notice
from udpnote.text.harmless import harmless

COLUMNS_WITHOUT_TERMINAL = 80
"""How wide lines are if nothing says how wide the terminal is: that of early terminals, which every terminal has at least."""

LINES_WITHOUT_TERMINAL = 24
"""How many lines a screen has if nothing says how many: as many as that of the same terminals."""

SIZE_VARIABLES = ("COLUMNS", "LINES", "TERMINAL_WIDTH")
"""The environment variables in which udpnote, typer or rich looks for the size of the terminal, in cells."""

SIZE_MAX = 9999
"""A larger size in the environment cannot be meant. Tables as wide as it says would take all memory."""

YES = ("y", "yes", "是")
"""The answers that confirm a question, in any language."""


def prepare() -> None:
    """Make standard input, output and error usable.

    A stream that was closed when the process started becomes /dev/null. A character that an output's encoding does not have is
    printed as an escape. A byte of the input that is not UTF-8 becomes a lone surrogate; no entry may contain these, so the
    check of the entry reports them. `SIZE_VARIABLES` that have no number from 1 to `SIZE_MAX` are removed from the environment,
    because typer and rich would fail.
    """
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    for name in SIZE_VARIABLES:
        if _size_in(name) is None:
            os.environ.pop(name, None)


def said(message: str | Notice) -> str:
    """The line, without its newline, that `say` prints for `message`: `udpnote: ` and the message.

    Control characters in the message, which may come from the network, are replaced.
    """
    return f"udpnote: {harmless(str(message))}"


def say(message: str | Notice) -> None:
    """Print `message` on standard error, as a line that begins with `udpnote: `. If that fails, nothing is raised."""
    try:
        line = said(message)
    except OSError:  # no more files can be opened, not even the module with the sentences
        line = f"udpnote: {message!r}"
    with suppress(OSError):  # the terminal was closed; the work goes on
        print(line, file=sys.stderr, flush=True)


def terminal_columns() -> int:
    """How many cells wide the terminal of standard output is: $COLUMNS if that can be a width, 80 without a terminal.

    This does the work of `shutil.get_terminal_size`. Importing shutil, which is for archives as well, would take longer.
    """
    if (given := _size_in("COLUMNS")) is not None:
        return given
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or COLUMNS_WITHOUT_TERMINAL
    except OSError:  # standard output is no terminal
        return COLUMNS_WITHOUT_TERMINAL


def terminal_lines() -> int:
    """How many lines the terminal of standard output has: $LINES if that can be a height, 24 without a terminal."""
    if (given := _size_in("LINES")) is not None:
        return given
    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines or LINES_WITHOUT_TERMINAL
    except OSError:  # standard output is no terminal
        return LINES_WITHOUT_TERMINAL


def _size_in(variable: str) -> int | None:
    """The number of cells in this environment variable; None: it is not set, or has no number from 1 to `SIZE_MAX`."""
    given = os.environ.get(variable, "").lstrip("0")
    is_size = given.isascii() and given.isdecimal() and len(given) <= len(str(SIZE_MAX))
    return int(given) if is_size else None


def ask_to_type(request: Notice) -> None:
    """If standard input is a terminal, print `request` on standard error: what to type, and which key ends it."""
    if sys.stdin.isatty():
        say(request)


def is_confirmed(question: Notice) -> bool:
    """Ask the user `question` on standard error; whether the answer, a line of standard input, is one of `YES`.

    The end of the input counts as no.
    """
    with suppress(OSError):  # the terminal was closed: then standard input has ended, too
        print(f"{said(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in YES


class OptionalOutput:
    """Standard output for a command that must finish its work even if its output cannot be written.

    What is written goes on to `stream`. If that fails, `error` becomes the error, and the rest of the output is discarded. No
    `OSError` is raised.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Everything except `write` and `flush` comes from `stream`."""
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write `text` to the stream or discard it, and return how many characters it has."""
        try:
            self.stream.write(text)
        except OSError as error:  # from standard output
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        try:
            self.stream.flush()
        except OSError as error:  # from standard output
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        self.error = error
        mute_output()


def output_error() -> OSError | None:
    """The error because of which an `OptionalOutput` discards the command's output.

    None if nothing has failed, or if standard output is not an `OptionalOutput`.
    """
    return sys.stdout.error if isinstance(sys.stdout, OptionalOutput) else None


@contextmanager
def optional_output() -> Iterator[OptionalOutput]:
    """In the block, replace standard output by an `OptionalOutput`, which the block gets."""
    stream, output = sys.stdout, OptionalOutput(sys.stdout)
    sys.stdout = cast(TextIO, output)
    try:
        yield output
    finally:
        sys.stdout = stream


def mute_output() -> None:
    """Discard what is written to standard output from now on.

    This is for an output that cannot be written, because a program that reads it has ended, or because a disk is full.
    """
    with suppress(OSError):  # no more files can be opened: then the output fails again when Python flushes it
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)

"""Shows output that is longer than the screen in a pager, such as `less`.

Output is not printed until it is longer than the screen. Then the pager is started, and gets the output so far and all that
follows. So short output stays on the terminal, whatever pager the user has, and no other program is started for it.
"""

import os
import sys
from _signal import SIGINT, signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, cast

from udpnote.cli.terminal.interruption import exit_code_in_shell
from udpnote.cli.terminal.streams import say, terminal_columns, terminal_lines
from udpnote.cli.terminal.styles import is_dumb_terminal
from udpnote.errors import Notice

if TYPE_CHECKING:
    from subprocess import Popen

PAGER_VARIABLES = ("UDPNOTE_PAGER", "PAGER")
"""The environment variables that name the pager. The first one that is set counts; if it is empty, there is no pager."""

DEFAULT_PAGER = "less"
"""The pager if no variable names one. If it is not installed, there is no pager."""

NO_PAGERS = ("", "cat")
"""The values of a variable that mean: no pager."""

LESS_OPTIONS = "FRX"
"""Options of less if $LESS is not set: end at once if all fits (F), show colours (R), leave the text on the screen (X)."""

LESS_BYTES = "8bcccbcc18b95.b128."
"""The value of $LESSCHARDEF for a terminal whose encoding less does not know: one that is neither UTF-8 nor ASCII but, for
example, GBK. With it, less shows all bytes from 128 on.

A Chinese character has two bytes and two cells there, so less counts its width right, too.
"""

KEPT_CHARACTERS_MAX = 1 << 18
"""How many characters of output are kept while a pager runs: more than a pipe can hold. If the pager fails early, the kept
output is printed.
"""

_CTRL_C_CODES = (-SIGINT, 128 + SIGINT)
"""The exit codes of a pager that Ctrl-C has ended: of the program itself, and of a shell that has started it."""


@contextmanager
def paged(*, is_wanted: bool = True, starts_at_end: bool = False) -> Iterator[None]:
    """Show the output of the block in the user's pager, if standard output is a terminal and the output does not fit on its
    screen.

    If the user closes the pager early, the block ends there, without an error. At the end of the block, this waits until the
    user closes the pager. If standard error is a terminal, messages are held back until then. If the pager cannot be started or
    fails, all the output is printed on the terminal, and a message says so. If the command is `less`, the default, no message
    says that it cannot be started.

    With `starts_at_end`, less shows the end of the output first, because the newest is there. Other pagers begin at the start.

    There is no pager if `is_wanted` is False, if the environment asks for none (see `PAGER_VARIABLES`), or on a terminal that
    cannot move its cursor. Raises `KeyboardInterrupt` if Ctrl-C ends the pager. If the pager fails after more than
    `KEPT_CHARACTERS_MAX` characters, this prints a message and raises `BrokenPipeError`.
    """
    given = os.environ.get(_variable(), DEFAULT_PAGER).strip()
    if not is_wanted or given in NO_PAGERS or not sys.stdout.isatty() or is_dumb_terminal():
        yield
        return
    screen, messages = sys.stdout, sys.stderr
    output = _PagedOutput(screen, given, starts_at_end=starts_at_end)
    sys.stdout = cast(TextIO, output)
    try:
        with suppress(_PagerClosed):
            try:
                yield
            finally:
                output.finish()
    finally:
        held, sys.stdout, sys.stderr = sys.stderr, screen, messages
        if held is not messages:
            messages.write(cast(Any, held).getvalue())
    if output.failure is not None:
        say(Notice("pager_failed_late", command=given, code=output.failure, variable=_variable()))
        raise BrokenPipeError


def _variable() -> str:
    """The name of the environment variable that names the pager; PAGER if none does."""
    return next((name for name in PAGER_VARIABLES if name in os.environ), PAGER_VARIABLES[-1])


class _PagerClosed(Exception):
    """The pager has ended, so nobody reads further output.

    This is not a `BrokenPipeError`, because rich would turn that into another error.
    """


class _PagedOutput:
    """Standard output that starts the pager `command` when the output is longer than the terminal `screen`. `paged` explains
    `starts_at_end`.

    `failure` is None, or the exit code of a pager that has failed so late that the output was not kept any more.
    """

    def __init__(self, screen: TextIO, command: str, *, starts_at_end: bool) -> None:
        self._screen, self._command, self._starts_at_end = screen, command, starts_at_end
        self._pager: Popen[bytes] | None = None
        self._kept: list[str] | None = []  # all output so far, or None if that was too much
        self._characters = 0
        self._is_plain = False  # whether there is no pager any more, so that output goes to the terminal
        self._columns, self._rows_left, self._line = terminal_columns(), terminal_lines() - 1, ""
        self._before: Any = None
        self.failure: int | None = None

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the terminal's own output. The methods for writing are those of this class."""
        return getattr(self._screen, name)

    def write(self, text: str) -> int:
        """Keep `text`, or write it to the pager or the terminal. Return how many characters it has.

        Raises `_PagerClosed` if the user has closed the pager.
        """
        if self._is_plain:
            return self._screen.write(text)
        self._keep(text)
        if self._pager is not None:
            self._pass_on(text)
        elif not self._fits(text):
            self._start()
        return len(text)

    def flush(self) -> None:
        """Let the user see what was written so far. If it fits on the screen, it stays kept, because more output may follow."""
        if self._is_plain:
            self._screen.flush()
        elif self._pager is not None:
            self._pass_on("")

    def finish(self) -> None:
        """End the output. If there is no pager, print what was kept. If there is one, wait until the user closes it."""
        if self._is_plain:
            self._screen.flush()
        elif self._pager is None:
            self._print_kept()
        elif self._pager.returncode is None:
            self._end()

    def _keep(self, text: str) -> None:
        """Keep `text`. Once the pager runs and the output is longer than `KEPT_CHARACTERS_MAX`, keep nothing any more."""
        if self._kept is not None:
            self._kept.append(text)
            self._characters += len(text)
            if self._characters > KEPT_CHARACTERS_MAX and self._pager is not None:
                self._kept = None

    def _fits(self, text: str) -> bool:
        """Whether the screen has room for all output so far, whose last part is `text`.

        This counts the lines of `text`, so it must be called once for each part.
        """
        from udpnote.cli.terminal.styles import without_styles
        from udpnote.cli.terminal.text import cell_count

        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._rows_left -= max(-(-cell_count(without_styles(line)) // self._columns), 1)
        return self._rows_left >= 0

    def _start(self) -> None:
        """Start the pager, and give it the output so far.

        Two effects outlast this call. Ctrl-C is for the pager (see `_interrupt`) until `_end` finds that the pager has ended.
        If standard error is a terminal, messages are not printed before the end of `paged`.

        If the pager cannot be started, print the output on the terminal. Print also a message, but not if the pager is `less`
        (`DEFAULT_PAGER`). Raises `_PagerClosed` if the user has closed the pager already.
        """
        from io import StringIO
        from shlex import split
        from subprocess import PIPE, Popen

        self._before = signal(SIGINT, self._interrupt)  # before the pager runs, because Ctrl-C is for the pager from then on
        try:
            words = split(self._command)
            if self._starts_at_end and os.path.basename(words[0]) == "less":
                words.append("+G")
            self._pager = Popen(words, stdin=PIPE, env=_environment(self._screen.encoding))
        except (OSError, ValueError, IndexError) as error:  # the program is missing, or a quotation mark is not closed
            signal(SIGINT, self._before)
            if self._command != DEFAULT_PAGER:
                problem = getattr(error, "strerror", None) or str(error)
                say(Notice("pager_not_started", command=self._command, problem=problem, variable=_variable()))
            self._print_kept()
            return
        if sys.stderr.isatty():
            sys.stderr = StringIO()
        self._pass_on("".join(self._kept or ()))

    def _pass_on(self, text: str) -> None:
        """Write `text` to the pager. If the pager has failed and all output is kept, print the output on the terminal (see
        `_end`). If the pager has ended otherwise, raise `_PagerClosed`.
        """
        assert self._pager is not None, "there would be nobody to read the output"
        assert self._pager.stdin is not None, "the pager would read the keys of the user as its text"
        try:
            self._pager.stdin.write(text.encode(self._screen.encoding, self._screen.errors or "strict"))
            self._pager.stdin.flush()
        except BrokenPipeError:
            self._end()
            if not self._is_plain:
                raise _PagerClosed from None

    def _end(self) -> None:
        """Wait until the pager has ended. If it has failed, print the kept output or, if the output is not kept any more, set
        `failure`.

        Raises `KeyboardInterrupt` if Ctrl-C has ended the pager.
        """
        assert self._pager is not None, "there is a pager"
        assert self._pager.stdin is not None, "and its pipe"
        with suppress(BrokenPipeError):
            self._pager.stdin.close()
        code = self._pager.wait()
        signal(SIGINT, self._before)
        if code in _CTRL_C_CODES:
            raise KeyboardInterrupt
        if code and self._kept is None:
            self.failure = exit_code_in_shell(code)
        elif code:
            say(Notice("pager_failed", command=self._command, code=exit_code_in_shell(code), variable=_variable()))
            self._print_kept()

    def _print_kept(self) -> None:
        """Print the kept output, and let later output go to the terminal."""
        self._is_plain = True
        self._screen.write("".join(self._kept or ()))
        self._screen.flush()

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Handle Ctrl-C. While the pager runs, do nothing, because Ctrl-C is for the pager: in less it ends a search.

        Raises `KeyboardInterrupt` if the pager has ended.
        """
        if self._pager is not None and self._pager.poll() is not None:
            raise KeyboardInterrupt


def _environment(encoding: str) -> dict[str, str]:
    """The environment of the pager, with options for less and lv, on a terminal with this `encoding`."""
    less = os.environ.get("LESS")
    options = {"LESS": LESS_OPTIONS if less is None else f"-R {less}"}
    if encoding.lower() not in ("utf-8", "ascii"):
        options["LESSCHARDEF"] = os.environ.get("LESSCHARDEF", LESS_BYTES)
    return {"LV": "-c", **os.environ, **options}

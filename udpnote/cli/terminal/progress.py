"""Shows on a terminal how far long work has come."""

import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from udpnote.cli.terminal.streams import say
from udpnote.errors import Notice

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PATIENCE_SECONDS = 1.0
"""No progress is shown for work that takes less time than this."""

INTERVAL_SECONDS = 0.1
"""The time between two updates of the bar: it looks smooth, and costs next to nothing."""


def size_of(descriptor: int) -> int | None:
    """The size in bytes of the open file `descriptor`; None for a pipe or a terminal, whose size is not known."""
    status = os.fstat(descriptor)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


class Progress:
    """Counts entries, and shows their number and rate on a terminal if the work takes longer than `PATIENCE_SECONDS`.

    `position` returns how much of the work is done. If `total`, the amount of all the work in the same unit, is not None, there
    is a bar as well. `prints` says whether the work prints results to standard output: if that is a terminal, no progress is
    shown.
    """

    def __init__(self, position: Callable[[], int], total: int | None, *, prints: bool) -> None:
        self._position = position
        self._total = total
        self._may_show = sys.stderr.isatty() and not (prints and sys.stdout.isatty())
        self._started_at = self._updated_at = time.monotonic()
        self._entries = 0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._bar is not None:
            self._update()
            self._bar.stop()

    def advance(self, entries: int = 1) -> None:
        """Count `entries` more as done."""
        self._entries += entries
        if not self._may_show:
            return
        now = time.monotonic()
        if now - self._updated_at >= INTERVAL_SECONDS and now - self._started_at >= PATIENCE_SECONDS:
            self._updated_at = now
            self._update()

    def _update(self) -> None:
        if self._bar is None:
            self._start()
        assert self._bar is not None
        assert self._task is not None
        rate = self._entries / (time.monotonic() - self._started_at)
        text = f"{self._entries:,} entries, {rate:,.0f}/s"
        self._bar.update(self._task, completed=self._position(), description=text)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        known = [BarColumn(), TimeRemainingColumn()] if self._total is not None else []
        self._bar = Bar(*columns, *known, console=Console(stderr=True), transient=True, redirect_stdout=False)
        self._task = self._bar.add_task("", total=self._total)
        self._bar.start()


class IndexingProgress:
    """Tells the user that a search waits for the search index: on a terminal with a percentage, elsewhere once."""

    def __init__(self) -> None:
        self._latest: tuple[int, int] | None = None
        self._is_shown = False

    def show(self, indexed: int, last: int) -> None:
        """Show that the index has the entries up to the number `indexed`; the notebook has entries up to `last`."""
        is_first, is_new = self._latest is None, self._latest != (indexed, last)
        self._latest = indexed, last
        if not sys.stderr.isatty():
            if is_first:
                say(Notice("index_being_built"))
        elif is_new:
            self._write(f"\rudpnote: {Notice('index_percentage', percent=100 * indexed // max(last, 1))}\x1b[K")
            self._is_shown = True

    def clear(self) -> None:
        """Remove the percentage from the terminal, so that something else can be printed."""
        if self._is_shown:
            self._write("\r\x1b[K")
            self._is_shown = False

    def say(self, message: str | Notice) -> None:
        """Print a message in place of the percentage."""
        self.clear()
        say(message)

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the terminal was closed; the work goes on
            sys.stderr.write(text)
            sys.stderr.flush()

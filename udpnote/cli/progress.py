"""Progress on work that takes long, on a terminal only."""

import os
import stat
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PATIENCE_SECONDS = 1.0
"""What is done sooner needs no progress bar."""

INTERVAL_SECONDS = 0.1
"""Between updates: smooth to the eye, and no work to speak of."""


class Progress:
    """A count with its rate, and a bar where the input on `descriptor` is a file; shown only if it takes a while.

    `bytes_read` says how far into the input the work has come.
    """

    def __init__(self, descriptor: int, bytes_read: Callable[[], int]) -> None:
        self._bytes_read = bytes_read
        status = os.fstat(descriptor)
        self._bytes_total = status.st_size if stat.S_ISREG(status.st_mode) else None
        self._may_show = sys.stderr.isatty() and not sys.stdout.isatty()
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

    def advance(self) -> None:
        """One more entry is through."""
        self._entries += 1
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
        self._bar.update(self._task, completed=self._bytes_read(), description=text)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        known = [BarColumn(), TimeRemainingColumn()] if self._bytes_total is not None else []
        self._bar = Bar(*columns, *known, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=self._bytes_total)
        self._bar.start()

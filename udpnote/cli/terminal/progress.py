"""Shows on a terminal how much of its work a command has done."""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from udpnote.cli.terminal.streams import said, say, terminal_columns
from udpnote.cli.terminal.text import shortened
from udpnote.errors import Notice

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PATIENCE_SECONDS = 1.0
"""Work that takes less time than this shows no progress."""

INTERVAL_SECONDS = 0.1
"""The least time between two updates of what is shown. Such updates look smooth and take hardly any time."""

ITEMS_BETWEEN_UPDATES = 256
"""After how many items the clock is read again. Reading it takes longer than handling a small item."""

Item = TypeVar("Item")


def size_of(descriptor: int) -> int | None:
    """Return the size in bytes of the open file `descriptor`; None if it is not a regular file but, for example, a pipe or a
    terminal.
    """
    status = os.fstat(descriptor)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


class Progress:
    """Counts the entries that a command has worked on. Shows how many there are so far, and how many a second.

    Both are shown on standard error, if it is a terminal and the work takes longer than `PATIENCE_SECONDS`, and removed at the
    end of the `with` block. `prints` says that the command prints results on standard output while it works: if that is a
    terminal, nothing is shown.

    `total` is the amount of all the work, such as a number of bytes, or None if it is not known. `position` returns how much of
    that amount is done. If `total` is known, a bar and the remaining time are shown, too.
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
        """Count `entries` more entries. Update what is shown, unless the last update was less than `INTERVAL_SECONDS` ago."""
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
        text = str(Notice("entries_done", entries=self._entries, rate=rate))
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


class StatusLine:
    """A line on standard error that says what a command is doing, and changes in place. It is shown only on a terminal.

    The end of the `with` block removes the line.
    """

    def __init__(self) -> None:
        self._is_shown = False
        self._updated_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.clear()

    def show(self, message: Notice) -> None:
        """Show `message` in place of the message before. On a narrow terminal, it is cut."""
        if sys.stderr.isatty():
            line = shortened(said(message), terminal_columns() - 1)
            self._write(f"\r{line}\x1b[K")
            self._is_shown = True

    def update(self, message: Notice) -> None:
        """Show `message`, unless the last update was less than `INTERVAL_SECONDS` ago."""
        now = time.monotonic()
        if now - self._updated_at >= INTERVAL_SECONDS:
            self._updated_at = now
            self.show(message)

    def clear(self) -> None:
        """Remove the line from the terminal, so that other lines can be printed. If it is not shown, do nothing."""
        if self._is_shown:
            self._write("\r\x1b[K")
            self._is_shown = False

    def say(self, message: str | Notice) -> None:
        """Remove the line, and print `message` on standard error."""
        self.clear()
        say(message)

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the terminal was closed; the work goes on
            sys.stderr.write(text)
            sys.stderr.flush()


class CopyingProgress(StatusLine):
    """Shows how much of a file is copied, and afterwards that the copy is being checked.

    Nothing is shown in the first `patience_seconds`.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        super().__init__()
        self._shown_from = time.monotonic() + patience_seconds
        self._percent = -1

    def show_copied(self, copied: int, total: int) -> None:
        """Show which percentage of `total` bytes is `copied`. If all bytes are copied, show that the copy is being checked."""
        percent = 100 * copied // max(total, 1)
        if percent != self._percent and time.monotonic() >= self._shown_from:
            self.show(Notice("copy_being_checked") if copied >= total else Notice("copy_percentage", percent=percent))
            self._percent = percent


class IndexingProgress(StatusLine):
    """Tells the user on standard error that a search has to wait until the search index has all entries.

    A terminal shows a percentage, which changes in place. In a pipe or a file, one message is printed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._latest: tuple[int, int] | None = None

    def show_indexed(self, indexed: int, last: int) -> None:
        """Show that the index has the entries up to the number `indexed`. `last` is the number of the last entry in the
        notebook.

        If both numbers are those of the call before, print nothing.
        """
        is_first, is_new = self._latest is None, self._latest != (indexed, last)
        self._latest = indexed, last
        if not sys.stderr.isatty():
            if is_first:
                say(Notice("index_being_built"))
        elif is_new:
            self.show(Notice("index_percentage", percent=100 * indexed // max(last, 1)))


def shown_percentage(
    items: Iterable[Item], total: int, message: Callable[[int], Notice], patience_seconds: float = PATIENCE_SECONDS
) -> Iterator[Item]:
    """Yield `items`, of which there are about `total`. Meanwhile show on a terminal which percentage of them was yielded.

    `message` makes a notice from the percentage. The notice is shown if the work takes longer than `patience_seconds`, and is
    removed at the end.
    """
    shown_from = time.monotonic() + patience_seconds
    with StatusLine() as status:
        for done, item in enumerate(items):
            if not done % ITEMS_BETWEEN_UPDATES and time.monotonic() >= shown_from:
                status.update(message(min(100, 100 * done // max(total, 1))))
            yield item

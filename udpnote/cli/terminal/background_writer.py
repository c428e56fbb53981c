"""Writes lines to an output in a thread, so that the caller does not wait for a terminal that has stopped (Ctrl-S)."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

LINES_MAX = 10_000
CHARACTERS_MAX = 1 << 18
"""The most lines, and characters in them, that may wait for a slow output. Further lines are skipped to limit memory."""

PORTION_CHARACTERS = 1 << 16
"""About how many characters the thread writes in one system call. After each call, the thread takes Python's global lock
from the other threads. So fewer and longer calls delay them less.
"""

END_WAIT_SECONDS = 0.3
"""How long `close` waits for an output that has stopped."""


class BackgroundWriter:
    """Writes lines to the file behind `stream` in a thread. Until the writer is closed, other code must not write to `stream`.

    The thread does not use Python's buffer for `stream`: at the end of the process, Python flushes that buffer, and aborts if a
    thread is stuck in a write to it. Lines that cannot be written, because of a full disk or a closed pipe, are lost.

    If too many lines wait, further lines are skipped. When no line waits any more, the thread calls `on_skipped` with the
    number of lines skipped since the last such call.
    """

    def __init__(self, stream: TextIO, on_skipped: Callable[[int], None]) -> None:
        self._descriptor = stream.fileno()
        self._encoding, self._errors = stream.encoding, stream.errors or "strict"
        self._on_skipped = on_skipped
        self._waiting: deque[tuple[Callable[[], str], int]] = deque()
        self._characters = self._skipped = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_all, name="udpnote writer", daemon=True)
        self._thread.start()

    def write(self, make_line: Callable[[], str], characters: int) -> None:
        """Let the thread call `make_line`, and write the text that it returns, which must end with a line end.

        `characters` is about the length of that text. The line is skipped if `LINES_MAX` lines wait already, or if the waiting
        lines and this one have more than `CHARACTERS_MAX` characters together. If no line waits, the line is never skipped.
        """
        with self._changed:
            is_full = len(self._waiting) >= LINES_MAX or self._characters + characters > CHARACTERS_MAX
            if is_full and self._waiting:
                self._skipped += 1
                return
            self._waiting.append((make_line, characters))
            self._characters += characters
            self._changed.notify()

    def close(self) -> None:
        """Wait until all lines are written and the thread has ended, but at most `END_WAIT_SECONDS`.

        If the output is slow or has stopped, the process can end before the remaining lines are written: then they are lost.
        Lines that `write` gets after this may be lost, too.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(END_WAIT_SECONDS)

    def _write_all(self) -> None:
        """Do the work of the thread: write lines until the writer is closed and no line waits."""
        while line_makers := self._next_portion():
            data = memoryview("".join(make_line() for make_line in line_makers).encode(self._encoding, self._errors))
            with suppress(OSError):
                while data:
                    data = data[os.write(self._descriptor, data) :]
            self._report_skipped()

    def _next_portion(self) -> list[Callable[[], str]]:
        """Wait for lines, take the first ones off the queue, and return the functions that make them. Together these lines are
        about `PORTION_CHARACTERS` long.

        The result is empty if the writer is closed and no line waits.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            line_makers = []
            taken = 0
            while self._waiting and taken < PORTION_CHARACTERS:
                make_line, characters = self._waiting.popleft()
                line_makers.append(make_line)
                taken += characters
            self._characters -= taken
            return line_makers

    def _report_skipped(self) -> None:
        """If no line waits, and lines were skipped since the last report, call `on_skipped` with their number."""
        with self._changed:
            if self._waiting:
                return
            skipped, self._skipped = self._skipped, 0
        if skipped:
            self._on_skipped(skipped)

"""Writes lines to an output in a thread, so that a terminal that has stopped (Ctrl-S) does not hold up the caller."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

LINES_MAX = 10_000
CHARACTERS_MAX = 1 << 18
"""How many lines, and characters of them, may wait for a slow output. More are skipped, so that memory stays bounded."""

PORTION_CHARACTERS = 1 << 16
"""About how many characters one system call writes. Each call also costs the other threads some time."""

END_WAIT_SECONDS = 0.3
"""How long `close` waits for an output that has stopped."""


class BackgroundWriter:
    """Writes lines to the file behind `stream`; other code must not write to `stream` meanwhile.

    The thread does not use Python's buffer for `stream`: when the process ends, Python flushes that buffer, and aborts if a
    thread is stuck in a write to it. Lines that cannot be written, because of a full disk or a closed pipe, are lost.

    When lines were skipped, the thread calls `on_skipped` with their number as soon as no line waits any more.
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

    def write(self, line: Callable[[], str], characters: int) -> None:
        """Let the thread call `line` and write the result, which has about `characters` characters and ends with a line end.

        If too many lines, or characters of them, wait already, the line is only counted.
        """
        with self._changed:
            is_full = len(self._waiting) >= LINES_MAX or self._characters + characters > CHARACTERS_MAX
            if is_full and self._waiting:
                self._skipped += 1
                return
            self._waiting.append((line, characters))
            self._characters += characters
            self._changed.notify()

    def close(self) -> None:
        """End the thread once all lines are written; wait no longer than `END_WAIT_SECONDS` for a slow or stopped output."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(END_WAIT_SECONDS)

    def _write_all(self) -> None:
        while lines := self._next_portion():
            data = memoryview("".join(line() for line in lines).encode(self._encoding, self._errors))
            with suppress(OSError):
                while data:
                    data = data[os.write(self._descriptor, data) :]
            self._report_skipped()

    def _next_portion(self) -> list[Callable[[], str]]:
        """Wait for lines, and take some of them; none: the writer was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            lines = []
            taken = 0
            while self._waiting and taken < PORTION_CHARACTERS:
                line, characters = self._waiting.popleft()
                lines.append(line)
                taken += characters
            self._characters -= taken
            return lines

    def _report_skipped(self) -> None:
        with self._changed:
            if self._waiting:
                return
            skipped, self._skipped = self._skipped, 0
        if skipped:
            self._on_skipped(skipped)

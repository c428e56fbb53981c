"""Lines of standard input as they come, checked, and never waited for while the network has work."""

import os
import threading
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import BinaryIO

from udpnote.errors import InvalidEntry
from udpnote.model.entry import TEXT_BYTES_MAX, check_text

CHUNK_BYTES = 1 << 16
"""What is read at a time: a pipe's worth."""

CHUNKS_AHEAD_MAX = 16
"""How far reading may run ahead of sending: 1 MiB."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class InputLines:
    """The lines of the open file `descriptor` for `Client.send_many`: each a text, or None where there is none for the moment.

    A reader thread calls `on_ready` whenever there is more; `on_idle` is called where there is none. Blank lines are passed
    over; a line that cannot be an entry is reported to `on_bad` with its number, and the others go on. Both are counted.
    """

    def __init__(
        self, descriptor: int, *, on_ready: Callable[[], None], on_idle: Callable[[], None], on_bad: Callable[[str], None]
    ) -> None:
        self._descriptor = descriptor
        self._on_ready = on_ready
        self._on_idle = on_idle
        self._on_bad = on_bad
        self._chunks: Queue[bytes] = Queue(CHUNKS_AHEAD_MAX)
        self._unfinished: list[bytes] = []
        self._unfinished_bytes = 0
        self._number = 0
        self.bytes_read = 0
        self.error: str | None = None
        self.blank = 0
        self.bad = 0
        threading.Thread(target=self._read, name="udpnote input", daemon=True).start()

    def __iter__(self) -> Iterator[str | None]:
        while True:
            try:
                chunk = self._chunks.get_nowait()
            except Empty:
                self._on_idle()
                yield None
                continue
            if not chunk:
                break
            self.bytes_read += len(chunk)
            for line in self._split(chunk):
                yield from self._checked(line)
        if self._unfinished_bytes:
            yield from self._checked(self._finish(b""))

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._descriptor, CHUNK_BYTES)  # not sys.stdin: its lock would outlive an interrupt
            except OSError as error:  # of the input, which is neither in lan/ nor in storage/
                self.error = f"the input could not be read to its end ({error.strerror})"
                chunk = b""
            self._chunks.put(chunk)
            self._on_ready()
            if not chunk:
                return

    def _split(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that `chunk` completes; the rest is kept, as far as it can still be an entry."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield self._finish(line)
        self._keep(rest)

    def _finish(self, line: bytes) -> bytes:
        self._keep(line)
        whole = b"".join(self._unfinished)
        self._unfinished, self._unfinished_bytes = [], 0
        return whole

    def _keep(self, data: bytes) -> None:
        if self._unfinished_bytes <= TEXT_BYTES_MAX + 1:  # past the limit, it is too long whatever follows
            self._unfinished.append(data)
        self._unfinished_bytes += len(data)

    def _checked(self, line: bytes) -> Iterator[str]:
        self._number += 1
        if self._number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        line = line.removesuffix(b"\r")
        if not line.strip():
            self.blank += 1
            return
        try:
            text = decoded(line)
            check_text(text)
        except InvalidEntry as error:
            self.bad += 1
            self._on_bad(f"line {self._number:,}: {error}; this line is not sent")
            return
        yield text


def whole_input(file: BinaryIO) -> str:
    """All of `file` as one text, without its last newline; raises `InvalidEntry`."""
    data = file.read(TEXT_BYTES_MAX + 2)
    text = decoded(data.removeprefix(_BYTE_ORDER_MARK)) if len(data) < TEXT_BYTES_MAX + 2 else data.decode(errors="replace")
    text = text.removesuffix("\n").removesuffix("\r")
    if len(data) == TEXT_BYTES_MAX + 2:
        raise InvalidEntry(f"the input is longer than the {TEXT_BYTES_MAX:,} bytes that an entry holds: split it")
    check_text(text)
    return text


def decoded(data: bytes) -> str:
    """`data` as the UTF-8 that it must be; raises `InvalidEntry` with the place and the remedy."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidEntry(
            f"not valid UTF-8 (byte 0x{data[error.start]:02x} at {error.start + 1:,}): convert it first, "
            "for example with `iconv -f GB18030 -t UTF-8`"
        ) from None

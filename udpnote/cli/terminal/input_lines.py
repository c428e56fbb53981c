"""Reads standard input: all of it as one entry, or each line as an entry.

A thread reads the lines, because a read from a terminal or a pipe can block while the client has to send and receive.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from queue import Empty, Queue
from typing import BinaryIO, TextIO

from udpnote.errors import InvalidEntry, Notice
from udpnote.model.entry import TEXT_BYTES_MAX, check_text
from udpnote.text.encoding import is_rather_utf8, other_encoding

CHUNK_BYTES = 1 << 16
"""The most bytes to read at a time: as many as a pipe holds."""

START_BYTES = 8000
"""How many bytes at the beginning of the input are used to recognize its encoding. git tells text from binary by as many."""

CHUNKS_AHEAD_MAX = 16
"""How many chunks the thread reads before the iterator takes them: together 1 MiB."""

UTF_8 = "utf-8"
"""UTF-8, as Python names it."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_INPUT_BYTES_MAX = len(_BYTE_ORDER_MARK) + TEXT_BYTES_MAX + len(b"\r\n")
"""The most bytes of an input that can be one entry. A byte order mark and a line end are not part of the entry's text."""


class InputLines:
    """Iterates over the lines of an open file, as the texts for `Client.send_many`. It can be iterated over once.

    A thread reads ahead from the file `descriptor`, and calls `on_ready` after each chunk and at the end of the file. If the
    thread has no chunk ready, the iterator does not wait: it calls `on_idle` and yields None.

    The iterator decodes the lines by `encoding`, the encoding of the locale; by UTF-8 if the file begins with a byte order
    mark. It yields a line without its line end (LF or CRLF), and the first line without the byte order mark. It skips blank
    lines, and counts them in `blank_lines`. It skips lines that cannot be entries, and calls `on_bad` with a notice about each.

    `bytes_read` is how many bytes the iterator has used so far. `error` is None, or a notice about one of two problems. Either
    the file could not be read to its end, or its beginning looks like UTF-16 or a similar encoding (see `other_encoding`). In
    the second case the iterator has yielded no line.
    """

    def __init__(
        self,
        descriptor: int,
        encoding: str,
        *,
        on_ready: Callable[[], None],
        on_idle: Callable[[], None],
        on_bad: Callable[[Notice], None],
    ) -> None:
        self._encoding = encoding
        self._descriptor = os.dup(descriptor)  # for the thread, which may still read when the caller has closed its own
        self._on_ready = on_ready
        self._on_idle = on_idle
        self._on_bad = on_bad
        self._chunks: Queue[bytes] = Queue(CHUNKS_AHEAD_MAX)
        self._unfinished: list[bytes] = []
        self._unfinished_bytes = 0
        self._number = 0
        self.bytes_read = 0
        self.error: Notice | None = None
        self.blank_lines = 0
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
            if not self.bytes_read and (encoding := other_encoding(chunk[:START_BYTES])) is not None:
                self.error = Notice("input_in_other_encoding", encoding=encoding)
                return
            self.bytes_read += len(chunk)
            yield from self._texts_of(chunk)
        if self._unfinished_bytes:
            yield from self._checked(self._finish(b""))

    def _read(self) -> None:
        """Put chunks into the queue until the end of the file, or until it cannot be read. The last chunk is empty."""
        chunk = b" "
        while chunk:
            try:
                chunk = os.read(self._descriptor, CHUNK_BYTES)  # not with sys.stdin, whose lock would stay locked after Ctrl-C
            except OSError as error:  # standard input cannot be read any more
                self.error = Notice("input_cut_short", problem=error.strerror)
                chunk = b""
            self._chunks.put(chunk)
            self._on_ready()
        os.close(self._descriptor)

    def _texts_of(self, chunk: bytes) -> Iterator[str]:
        """Yield the text of each line that ends in `chunk`. Keep the rest of `chunk`, which begins the next line."""
        first, line_end, rest = chunk.partition(b"\n")
        if not line_end:
            self._keep(first)
            return
        yield from self._checked(self._finish(first))
        lines, line_end, beginning = rest.rpartition(b"\n")
        self._keep(beginning)
        if line_end:
            yield from self._texts_at_once(lines)

    def _texts_at_once(self, lines: bytes) -> Iterable[str]:
        """Return the texts of `lines`, which are one or more lines with LF between them. The first line of the input must not
        be among them, because only `_checked` removes a byte order mark.

        If the encoding is UTF-8, all lines are checked together, which is faster. If one of them is not text, each is checked
        by itself.
        """
        if self._encoding != UTF_8:
            return chain.from_iterable(map(self._checked, lines.split(b"\n")))
        try:
            decoded_lines = lines.decode()
        except UnicodeDecodeError:
            decoded_lines = "\0"  # no text has this character, so each line is checked by itself
        if "\0" in decoded_lines:
            return chain.from_iterable(map(self._checked, lines.split(b"\n")))
        texts = [line.removesuffix("\r") for line in decoded_lines.split("\n")]
        filled = list(filter(str.strip, texts))
        self._number += len(texts)
        self.blank_lines += len(texts) - len(filled)
        return filled

    def _finish(self, line: bytes) -> bytes:
        """Return a whole line: its beginning, which was kept, and its end, which is `line`. Nothing is kept afterwards."""
        self._keep(line)
        whole = b"".join(self._unfinished)
        self._unfinished, self._unfinished_bytes = [], 0
        return whole

    def _keep(self, data: bytes) -> None:
        if self._unfinished_bytes <= _INPUT_BYTES_MAX:  # a longer line is too long for an entry, so its rest is not kept
            self._unfinished.append(data)
        self._unfinished_bytes += len(data)

    def _checked(self, line: bytes) -> Iterator[str]:
        """Yield the text of `line`. If it is blank, count it in `blank_lines`, and yield nothing.

        If it cannot be an entry, call `on_bad`, and yield nothing.
        """
        self._number += 1
        if self._number == 1 and line.startswith(_BYTE_ORDER_MARK):
            line, self._encoding = line.removeprefix(_BYTE_ORDER_MARK), UTF_8
        line = line.removesuffix(b"\r")
        try:
            if len(line) > TEXT_BYTES_MAX:  # its rest may not have been kept, so its length and its end are not known
                raise InvalidEntry("text_longer_than", bytes_max=TEXT_BYTES_MAX)
            if b"\0" in line:
                raise InvalidEntry("nul_in_line", position=line.index(0) + 1)
            text = decoded(line, self._encoding)
            if not text.strip():
                self.blank_lines += 1
                return
            check_text(text)
        except InvalidEntry as error:
            self._on_bad(Notice("line_not_sent", line=self._number, problem=error))
            return
        yield text


def next_line(file: TextIO) -> str:
    """Read the next line of `file`, and return it without its newline. Raises `EOFError` at the end of the file.

    A line of more than `TEXT_BYTES_MAX` characters is too long for an entry. Only its first `TEXT_BYTES_MAX` + 1 characters are
    returned, so that the check of the entry refuses it. The rest is read and dropped, because it could take all memory. Raises
    `InvalidEntry` if the line looks like text in another encoding, such as UTF-16.
    """
    line = file.readline(TEXT_BYTES_MAX + 1)
    if not line:
        raise EOFError
    _check_encoding(line[:START_BYTES].encode(file.encoding or UTF_8, "surrogateescape"))
    rest = line
    while not rest.endswith("\n") and (rest := file.readline(CHUNK_BYTES)):
        pass
    return line.removesuffix("\n")


def whole_input(file: BinaryIO, encoding: str) -> str:
    """Read all of `file`, which is a text in `encoding`, and return it as the text of one entry.

    One line end at the end (LF, CRLF or CR) is removed. So is a byte order mark at the beginning, which says that the text is
    in UTF-8. Raises `InvalidEntry` if the text is too long or blank, and the errors of `decoded`.
    """
    data = entry_bytes(file)
    if data.startswith(_BYTE_ORDER_MARK):
        data, encoding = data.removeprefix(_BYTE_ORDER_MARK), UTF_8
    text = decoded(data, encoding).removesuffix("\n").removesuffix("\r")
    check_text(text)
    return text


def entry_bytes(file: BinaryIO) -> bytes:
    """Read all bytes of `file`, and return them. Raises `InvalidEntry` if there are more than `TEXT_BYTES_MAX`, besides a byte
    order mark and a line end.
    """
    data = file.read(_INPUT_BYTES_MAX + 1)
    if len(data) > _INPUT_BYTES_MAX:
        raise InvalidEntry("input_too_long", bytes_max=TEXT_BYTES_MAX)
    return data


def decoded(data: bytes, encoding: str) -> str:
    """Return `data` decoded by `encoding`, the encoding of the locale. Raises `InvalidEntry` if `data` is not in this encoding
    or has a NUL byte.

    Also raises `InvalidEntry` if `encoding` is not UTF-8, but `data` is more likely UTF-8 (see `is_rather_utf8`). Then either
    the text or the locale is wrong, and a wrong guess would store nonsense.
    """
    _check_encoding(data)
    if 0 in data:
        raise InvalidEntry("nul_in_line", position=data.index(0) + 1)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == UTF_8:
            raise InvalidEntry("not_utf8", byte=data[error.start], position=error.start + 1) from None
        if is_rather_utf8(data, ""):
            raise InvalidEntry("utf8_in_other_locale", encoding=encoding.upper()) from None
        raise InvalidEntry(
            "not_in_encoding", byte=data[error.start], position=error.start + 1, encoding=encoding.upper()
        ) from None
    if encoding != UTF_8 and is_rather_utf8(data, text):
        raise InvalidEntry("utf8_in_other_locale", encoding=encoding.upper())
    return text


def _check_encoding(data: bytes) -> None:
    """Raise `InvalidEntry` if `data` is in another encoding than UTF-8, such as UTF-16 (see `other_encoding`)."""
    encoding = other_encoding(data)
    if encoding is not None:
        raise InvalidEntry("text_in_other_encoding", encoding=encoding)

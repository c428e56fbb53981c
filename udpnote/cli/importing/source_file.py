"""The file that `udpnote import` reads: its bytes, its text and its format."""

import os
import shutil
import sys
import tempfile
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import BinaryIO, cast

from udpnote.cli.terminal.interruption import noticing_signals
from udpnote.errors import InvalidImport
from udpnote.model.entry import TEXT_BYTES_MAX
from udpnote.storage.disk_errors import storage_errors
from udpnote.text.encoding import other_encoding
from udpnote.text.import_format import Format, format_of_binary, format_of_text, unknown_format
from udpnote.text.language import gettext as _

LINE_BYTES_MAX = 6 * TEXT_BYTES_MAX + (1 << 16)
"""No line of an export is longer. The longest line has a text in which JSON escapes each byte with six bytes (`\\u0001`), and
the other fields.
"""


class SourceFile:
    """The file to import: the file at `path`, or standard input if `path` is `-`.

    `name` is what messages call the file. The attribute `path` is None for standard input. The constructor copies a pipe to a
    temporary file. Each method that reads starts at the beginning of the file.

    These methods and the constructor raise `StorageError` if the file cannot be read. The constructor raises `InvalidImport` if
    the first line of a pipe is longer than `LINE_BYTES_MAX`.
    """

    def __init__(self, path: str) -> None:
        self.name = _("standard input") if path == "-" else path
        self.path = None if path == "-" else path
        with storage_errors(self.name):
            self._file = _open(path)
            self._start = self._file.tell()  # not 0 if a program before this one has read a part of standard input

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def size(self) -> int:
        """The size of the file in bytes. If the file is a pipe, it is the size of the copy that was made of it."""
        return os.fstat(self._file.fileno()).st_size

    def position(self) -> int:
        """How many bytes from the beginning of the file have been read. If the file is read a second time, the count starts
        again at 0.

        It is a method, and not a property, because `Progress` takes a function that returns the position.
        """
        return self._file.tell()

    def pieces(self) -> Iterator[bytes]:
        """Yield the lines of the file with their newlines. A line longer than `LINE_BYTES_MAX` bytes comes in several parts."""
        with storage_errors(self.name):
            self._file.seek(self._start)
            yield from iter(partial(self._file.readline, LINE_BYTES_MAX), b"")

    def characters(self) -> Iterator[str]:
        """Yield the text of the `pieces`, decoded as UTF-8. Bytes that are not UTF-8 become lone surrogates, which no entry may
        contain.
        """
        decode = getincrementaldecoder("utf-8")("surrogateescape").decode  # a piece may end within a character
        for piece in self.pieces():
            yield decode(piece)
        yield decode(b"", True)

    def binary(self) -> BinaryIO:
        """Go to the beginning of the file, and return the open file. The caller must not close it."""
        with storage_errors(self.name):
            self._file.seek(self._start)
        return self._file

    def beginning(self) -> bytes:
        """Read and return the first 64 bytes of the file, or all if there are fewer."""
        with storage_errors(self.name):
            return self.binary().read(64)

    def reader(self) -> Callable[[int], str]:
        """Return a function that reads the file from its beginning: each call returns the next characters (see `decoding`)."""
        return decoding(self.binary())

    def first_line(self) -> str:
        """Return the first line that is not blank, without white space around it. Return an empty string if there is no such
        line.

        A line longer than `LINE_BYTES_MAX` is cut off there. Raises `InvalidImport` if the text is in another encoding than
        UTF-8, such as UTF-16.
        """
        for piece in self.pieces():
            if (encoding := other_encoding(piece)) is not None:
                raise InvalidImport("import_in_other_encoding", encoding=encoding)
            if line := piece.decode(errors="surrogateescape").strip():
                return line
        return ""

    def form(self, date_format: str) -> Format | None:
        """Return the format of the file, recognized by its beginning; None if the file is blank. `Reading` explains
        `date_format`.

        Raises `InvalidImport` if the format is not known, or if the text is in another encoding than UTF-8, such as UTF-16.
        """
        if (form := format_of_binary(self.beginning())) is not None:
            return form
        if not (line := self.first_line()):
            return None
        if (form := format_of_text(line, self.reader(), date_format)) is None:
            raise unknown_format(line)
        return form


def decoding(binary: BinaryIO) -> Callable[[int], str]:
    """Return a function that reads `binary`, which is UTF-8. Its argument is the largest number of bytes to read at a time.

    The function returns the text of the next bytes, and the empty string only at the end. Bytes that are not UTF-8 become lone
    surrogates, which no entry may contain.
    """
    decoder = getincrementaldecoder("utf-8")("surrogateescape")

    def read(size: int) -> str:
        while data := binary.read(size):
            if text := decoder.decode(data):
                return text
        return decoder.decode(b"", True)

    return read


def _open(path: str) -> BinaryIO:
    """Open the file at `path` (`-`: standard input) for reading it several times. Return the open file.

    If the file can be read only once, as a pipe can, its bytes are copied to a temporary file, and that file is returned. A
    terminal is such a file: the user is asked on standard error to paste. Raises `OSError`. Raises `InvalidImport` if the file
    can be read only once and its first line is longer than `LINE_BYTES_MAX`.
    """
    file = cast(BinaryIO, sys.stdin.buffer if path == "-" else open(path, "rb"))  # noqa: SIM115 - closed by the `SourceFile`
    if file.seekable():
        return file
    if file.isatty():
        print(_("Paste what was exported; Ctrl-D ends it."), file=sys.stderr)
    with file, ExitStack() as stack, noticing_signals():
        spool = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
        first_line = file.readline(LINE_BYTES_MAX)
        check_length(first_line)  # refuse an endless line before it fills the disk
        spool.write(first_line)
        shutil.copyfileobj(file, spool)
        spool.seek(0)
        stack.pop_all()  # closed by the `SourceFile`, too
        return spool


def check_length(line: bytes) -> None:
    """Raise `InvalidImport` if `line` is only the first `LINE_BYTES_MAX` bytes of a longer line."""
    if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
        raise InvalidImport("import_line_too_long", bytes_max=LINE_BYTES_MAX)

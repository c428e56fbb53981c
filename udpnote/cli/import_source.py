"""A file to import: opened, spooled if it can be read only once, and its entries, the bad ones reported."""

import os
import shutil
import sys
import tempfile
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import BinaryIO, cast

from udpnote.cli.times import localize
from udpnote.errors import InvalidImport
from udpnote.model.entry import TEXT_BYTES_MAX, StoredEntry
from udpnote.storage.database import storage_errors
from udpnote.text.jsonl import Format, TextBlocks, detect, parse_jsonl, text_entries

LINE_BYTES_MAX = 6 * TEXT_BYTES_MAX + (1 << 16)
"""A text of nothing but characters that JSON escapes (`\\u0001`), and the other fields: no line of an export is longer."""

OnBad = Callable[[InvalidImport], None]


class ImportFile:
    """The file at `path`, or standard input for `-`, to be read from its beginning as often as is wanted.

    Raises `StorageError` where it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._name = "standard input" if path == "-" else path
        with storage_errors(self._name):
            self._file = _open(path)
            self._start = self._file.tell()

    def close(self) -> None:
        """Close it."""
        self._file.close()

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return os.fstat(self._file.fileno()).st_size

    def position(self) -> int:
        """How many bytes of it have been read."""
        return self._file.tell()

    def pieces(self) -> Iterator[bytes]:
        """Its lines with their newlines, from the beginning; one of more than `LINE_BYTES_MAX` comes in several pieces."""
        with storage_errors(self._name):
            self._file.seek(self._start)
            yield from iter(partial(self._file.readline, LINE_BYTES_MAX), b"")

    def characters(self) -> Iterator[str]:
        """The same, decoded; what is not UTF-8 becomes lone surrogates."""
        decode = getincrementaldecoder("utf-8")("surrogateescape").decode  # a piece may end within a character
        for piece in self.pieces():
            yield decode(piece)
        yield decode(b"", True)

    def form(self) -> Format | None:
        """What it holds; None if it is empty. Raises `InvalidImport` if it is something else."""
        for line in self.characters():
            if line.strip():
                return detect(line)
        return None


class JsonLines:
    """The entries of a file of JSON lines; a line that is none is reported to `on_bad`."""

    def __init__(self, file: ImportFile, on_bad: OnBad) -> None:
        self._file = file
        self._on_bad = on_bad

    def __iter__(self) -> Iterator[StoredEntry]:
        number, is_start = 0, True
        for piece in self._file.pieces():
            number += is_start
            if is_start and not piece.isspace():
                try:
                    entry = _parsed(piece)
                except InvalidImport as error:
                    self._on_bad(InvalidImport(f"line {number:,}: {error}"))
                else:
                    yield entry
            is_start = piece.endswith(b"\n")

    def revised(self) -> set[int]:
        """The numbers that revisions and deletions name; they are few, however long the file is."""
        numbers = set()
        for piece in self._file.pieces():
            if b'"revises"' in piece:
                with suppress(InvalidImport):  # it is reported when its turn comes to be imported
                    numbers.add(_parsed(piece).entry.revises)
        return numbers


class TextEntries:
    """The entries of a text file, as `author`'s, numbered from 1; what can be none is reported to `on_bad`."""

    def __init__(self, file: ImportFile, author: str, on_bad: OnBad) -> None:
        self._blocks = TextBlocks(file.characters(), on_bad)
        self._author = author

    def __iter__(self) -> Iterator[StoredEntry]:
        for number, entry in enumerate(text_entries(self._blocks, self._author, localize), 1):
            yield StoredEntry(number, 0, entry, number)

    def revised(self) -> set[int]:
        """None: a text file holds notes only."""
        return set()


def _open(path: str) -> BinaryIO:
    """Open a file to be read; what can be read only once, as a pipe, is copied into one without a name."""
    file = cast(BinaryIO, sys.stdin.buffer if path == "-" else open(path, "rb"))  # noqa: SIM115 - closed by the `ImportFile`
    if file.seekable():
        return file
    if file.isatty():
        print("Paste what was exported; Ctrl-D ends it.", file=sys.stderr)
    with file:
        spool = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - likewise
        shutil.copyfileobj(file, spool)
        spool.seek(0)
        return spool


def _parsed(line: bytes) -> StoredEntry:
    if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
        raise InvalidImport(f"it has more than {LINE_BYTES_MAX:,} bytes, and no entry is so long")
    return parse_jsonl(line.decode(errors="surrogateescape"))

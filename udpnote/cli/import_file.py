"""The file that `udpnote import` reads: its bytes, its format, and its entries."""

import os
import shutil
import sys
import tempfile
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from itertools import chain, count, islice
from typing import BinaryIO, cast

from udpnote.cli.terminal.interruption import noticing_signals
from udpnote.cli.terminal.progress import shown_percentage
from udpnote.cli.times import localize
from udpnote.client.notebook_reader import NotebookReader
from udpnote.errors import InvalidImport, Notice
from udpnote.model.entry import TEXT_BYTES_MAX, Identity, Kind, StoredEntry
from udpnote.storage.database import storage_errors
from udpnote.text.encoding import other_encoding
from udpnote.text.import_format import Format, format_of_binary, format_of_text, unknown_format
from udpnote.text.jsonl import parse_jsonl
from udpnote.text.language import gettext as _
from udpnote.text.notebook_text import TextBlocks, TextEntry, stored_blocks, text_entries
from udpnote.text.query_check import QUERY_NUMBERS_MAX

LINE_BYTES_MAX = 6 * TEXT_BYTES_MAX + (1 << 16)
"""No line of an export is longer. The longest line has a text in which JSON escapes each byte with six bytes (`\\u0001`), and
the other fields.
"""

OnBad = Callable[[InvalidImport], None]
"""Called with the error about each line or block that cannot be imported."""


class ImportFile:
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

    def form(self, date_format: str = "") -> Format | None:
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


def log_to_compare(notebook: NotebookReader, *, newest_first: bool = False) -> Iterator[StoredEntry]:
    """Yield all entries of `notebook` as they were stored, so that the caller can compare them with the file to import.

    The order is that of their numbers, reversed with `newest_first`. On a terminal, this shows which percentage has been read.
    """
    log = notebook.log(newest_first=newest_first)
    return shown_percentage(log, notebook.last_number(), lambda percent: Notice("import_comparing", percent=percent))


def identities_in(notebook: NotebookReader) -> tuple[set[Identity], set[Identity]]:
    """Read all of `notebook`. Return two sets of identities, which are pairs of client id and sequence: those of the entries in
    `notebook`, and those of the entries that were erased from it.
    """
    known, erased = set[Identity](), set[Identity]()
    missing: list[int] = []
    last = 0
    for stored in log_to_compare(notebook):
        known.add(stored.entry[:2])
        missing += range(last + 1, stored.number)
        last = stored.number
    # `log` yields an erased entry only if its number is asked for: ask for the numbers that are missing so far. The last
    # entries may be erased, too: ask for the numbers after `last`, until none is found. That is the end, because a notebook's
    # numbers have no gaps.
    numbers = chain(missing, count(last + 1))
    while found := list(notebook.log(numbers=list(islice(numbers, QUERY_NUMBERS_MAX)))):
        for stored in found:
            (erased if stored.entry.kind is Kind.ERASED else known).add(stored.entry[:2])
    return known, erased


class JsonLines:
    """Iterates over the entries of `file`, whose format is JSON lines, as `StoredEntry`s with the numbers that the file gives
    them.

    If a line is not an entry, `on_bad` is called with an `InvalidImport`. Blank lines are skipped.
    """

    def __init__(self, file: ImportFile, on_bad: OnBad) -> None:
        self._file = file
        self._on_bad = on_bad

    def __iter__(self) -> Iterator[StoredEntry]:
        for number, line in self._lines():
            try:
                entry = _parsed(line)
            except InvalidImport as error:
                self._on_bad(InvalidImport("bad_import_line", line=number, problem=error))
            else:
                yield entry

    def compare_with(self, _notebook: NotebookReader) -> None:
        """Do nothing, because the client id and sequence of each entry show whether a notebook already has it."""

    def revised(self) -> set[int]:
        """Read the whole file. Return the numbers of the entries that its revisions and deletions change (`revises`)."""
        numbers = set()
        for _number, line in self._lines():
            if b'"revises"' in line:
                with suppress(InvalidImport):  # `__iter__` reports it
                    numbers.add(_parsed(line).entry.revises)
        return numbers

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line that is not blank, with its line number, from 1 on. A line longer than `LINE_BYTES_MAX` is cut off
        there.
        """
        number, is_start = 0, True
        for piece in self._file.pieces():
            number += is_start
            if is_start and not piece.isspace():
                yield number, piece
            is_start = piece.endswith(b"\n")


class TextEntries:
    """Iterates over the entries of `file`, whose format is `text`, as `StoredEntry`s with the numbers 1, 2, 3 and so on.

    In this format, an entry is a block of lines: its time, its text and a blank line. If a block is not an entry, `on_bad` is
    called with an `InvalidImport`. The author of all entries is `author`, and their times are read in this machine's time zone.
    An entry that is in the notebook given to `compare_with` is left out, and `on_stored_already` is called.
    """

    def __init__(self, file: ImportFile, author: str, on_bad: OnBad, on_stored_already: Callable[[], None]) -> None:
        self._file = file
        self._author = author
        self._on_bad = on_bad
        self._on_stored_already = on_stored_already
        self._stored: Counter[int] = Counter()

    def __iter__(self) -> Iterator[StoredEntry]:
        for number, (entry, key, copies) in enumerate(self._entries(self._on_bad), 1):
            if self._stored[key] > copies:  # the notebook has more notes with this time and text than the file had so far
                self._on_stored_already()
            else:
                yield StoredEntry(number, stored_at=0, entry=entry, version=number)  # 0 stands for the time of the import

    def compare_with(self, notebook: NotebookReader) -> None:
        """Read the whole file and the whole `notebook` to find the entries that the notebook already has.

        On a terminal, show the progress. Raises `StorageError`, and the errors of reading (see `NotebookReader`).
        """
        if notebook.last_number():
            keys = {each.key for each in self._entries(lambda _: None)}
            self._stored = stored_blocks(log_to_compare(notebook, newest_first=True), keys)

    def revised(self) -> set[int]:
        """The numbers of the entries that revisions in the file change: none, because a text file has no revisions."""
        return set()

    def _entries(self, on_bad: OnBad) -> Iterator[TextEntry]:
        return text_entries(TextBlocks(self._file.characters(), on_bad), self._author, localize)


def _open(path: str) -> BinaryIO:
    """Open the file at `path` (`-`: standard input) for reading it several times. Return the open file.

    If the file can be read only once, as a pipe can, its bytes are copied to a temporary file, and that file is returned. A
    terminal is such a file: the user is asked on standard error to paste. Raises `OSError`. Raises `InvalidImport` if the file
    can be read only once and its first line is longer than `LINE_BYTES_MAX`.
    """
    file = cast(BinaryIO, sys.stdin.buffer if path == "-" else open(path, "rb"))  # noqa: SIM115 - closed by the `ImportFile`
    if file.seekable():
        return file
    if file.isatty():
        print(_("Paste what was exported; Ctrl-D ends it."), file=sys.stderr)
    with file, ExitStack() as stack, noticing_signals():
        spool = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
        first_line = file.readline(LINE_BYTES_MAX)
        _check_length(first_line)  # refuse an endless line before it fills the disk
        spool.write(first_line)
        shutil.copyfileobj(file, spool)
        spool.seek(0)
        stack.pop_all()  # closed by the `ImportFile`, too
        return spool


def _parsed(line: bytes) -> StoredEntry:
    """Return the entry in `line`, a line of JSON. Raises `InvalidImport` if `line` has no entry or is longer than
    `LINE_BYTES_MAX`.
    """
    _check_length(line)
    return parse_jsonl(line.decode(errors="surrogateescape"))


def _check_length(line: bytes) -> None:
    """Raise `InvalidImport` if `line` is only the first `LINE_BYTES_MAX` bytes of a longer line."""
    if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
        raise InvalidImport("import_line_too_long", bytes_max=LINE_BYTES_MAX)

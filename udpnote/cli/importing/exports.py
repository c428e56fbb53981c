"""The entries in a file that `udpnote export` has written, as JSON lines or as text."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from udpnote.cli.importing.comparison import log_to_compare
from udpnote.cli.importing.source_file import SourceFile, check_length
from udpnote.cli.options.times import localize
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import InvalidImport
from udpnote.model.entry import StoredEntry
from udpnote.text.jsonl import parse_jsonl
from udpnote.text.notebook_text import TextEntry, stored_blocks, text_blocks, text_entries

OnBad = Callable[[InvalidImport], None]
"""Called with the error about each line or block that cannot be imported."""


class JsonLines:
    """Iterates over the entries of `file`, whose format is JSON lines, as `StoredEntry`s with the numbers that the file gives
    them.

    If a line is not an entry, `on_bad` is called with an `InvalidImport`. Blank lines are skipped.
    """

    def __init__(self, file: SourceFile, on_bad: OnBad) -> None:
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
            if is_start:
                number += 1
                if not piece.isspace():
                    yield number, piece
            is_start = piece.endswith(b"\n")


class TextEntries:
    """Iterates over the entries of `file`, whose format is `text`, as `StoredEntry`s with the numbers 1, 2, 3 and so on.

    In this format, an entry is a block of lines: its time, its text and a blank line. If a block is not an entry, `on_bad` is
    called with an `InvalidImport`. The author of all entries is `author`, and their times are read in this machine's time zone.
    An entry that is in the notebook given to `compare_with` is left out, and `on_stored_already` is called.
    """

    def __init__(self, file: SourceFile, author: str, on_bad: OnBad, on_stored_already: Callable[[], None]) -> None:
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
        return text_entries(text_blocks(self._file.characters(), on_bad), self._author, localize, on_bad)


def _parsed(line: bytes) -> StoredEntry:
    """Return the entry in `line`, a line of JSON. Raises `InvalidImport` if `line` has no entry or is longer than
    `LINE_BYTES_MAX`.
    """
    check_length(line)
    return parse_jsonl(line.decode(errors="surrogateescape"))

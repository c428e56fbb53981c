"""Notes for a person, as `list` and `search` print them: under the day of writing, in one line or as a whole."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from udpnote.cli.terminal.styles import Printer, author_colour
from udpnote.cli.terminal.text import cell_count, local_day, padded, shortened, snippet
from udpnote.cli.terminal.wrapping import marked_lines
from udpnote.model.entry import StoredEntry
from udpnote.text.harmless import harmless, harmless_lines

if TYPE_CHECKING:
    from udpnote.cli.terminal.styles import Piece

AUTHOR_CELLS_MAX = 20
"""The most cells of an author's name before a text on the same line; on a narrow terminal, a quarter of its width if less."""

TEXT_CELLS_MIN = 10
"""The least room for a text in terminal cells. On a terminal with less room, the terminal breaks the line."""

COLUMNS_MIN = 60
"""On a narrower terminal, the text of a note gets a line of its own, because the columns would leave it hardly any room."""

INDENT = "  "
"""What stands before the lines of a text that does not begin on the line with the note's number."""


class NoteList:
    """Prints notes under headings. A heading is the day on which the notes below it were written, in this machine's time zone.

    Each note is one line, with as much of its text as fits. On a terminal narrower than `COLUMNS_MIN`, the text is on a second
    line. With `is_full`, the whole text follows on lines of its own, wrapped to the width of the terminal. On a terminal, the
    `words` of a search are highlighted.
    """

    def __init__(self, printer: Printer, words: Sequence[str], *, is_full: bool) -> None:
        self._printer, self._words, self._is_full = printer, words, is_full
        self._day = ""
        self._number_cells = self._author_cells = 0

    def print(self, portion: Sequence[StoredEntry]) -> None:
        """Print the notes in `portion`, which must not be empty.

        Lines of the same portion have columns of the same width. The columns of the next portion can be wider, not narrower.
        """
        self._number_cells = max(self._number_cells, *(len(f"#{stored.number}") for stored in portion))
        lines_of_each = self._blocks if self._is_full or self._printer.width < COLUMNS_MIN else self._rows
        for stored, lines in zip(portion, lines_of_each(portion), strict=True):
            is_new_day = self._print_heading(stored)
            if self._is_full and not is_new_day:
                self._printer.print()
            for line in lines:
                self._printer.print(*line)

    def _print_heading(self, stored: StoredEntry) -> bool:
        """If the note before was not written on the same day as `stored`, print the day as a heading. Return whether it was
        printed.
        """
        day = local_day(stored.entry.written_at)
        if day == self._day:
            return False
        if self._day:
            self._printer.print()
        self._printer.print((day, "bold"))
        self._day = day
        return True

    def _rows(self, portion: Sequence[StoredEntry]) -> "Iterator[list[list[Piece]]]":
        """Yield each note as one line of columns."""
        width = self._printer.width
        author_cells_max = min(AUTHOR_CELLS_MAX, width // 4)
        authors = [shortened(stored.entry.author, author_cells_max) for stored in portion]
        self._author_cells = max(self._author_cells, *map(cell_count, authors))
        text_cells = max(width - self._number_cells - self._author_cells - len("*  00:00    "), TEXT_CELLS_MIN)
        for stored, author in zip(portion, authors, strict=True):
            head = self._head(stored, padded(author, self._author_cells))
            yield [[*head, "  ", snippet(stored.entry.text, self._words, text_cells)]]

    def _blocks(self, portion: Iterable[StoredEntry]) -> "Iterator[list[list[Piece]]]":
        """Yield each note as a line with its number, time and author, followed by the lines of its text."""
        for stored in portion:
            author_cells = self._printer.width - self._number_cells - len("*  00:00  ")
            author = stored.entry.author
            name = harmless(author) if self._is_full else shortened(author, max(author_cells, 1))
            yield [self._head(stored, name), *([INDENT, *line] if any(line) else [] for line in self._text(stored.entry.text))]

    def _text(self, text: str) -> "Iterable[Sequence[Piece]]":
        """Return the lines of a text that does not begin on the line with the note's number: all of them if `is_full`, else
        one.
        """
        columns = max(self._printer.width - len(INDENT), TEXT_CELLS_MIN)
        if not self._is_full:
            return [[snippet(text, self._words, columns)]]
        if not self._printer.is_terminal:
            return ([line.removesuffix("\r")] for line in harmless_lines(text.rstrip()).split("\n"))
        from udpnote.text.highlight import occurrences  # here, because `list` has no words

        return marked_lines(text, occurrences(text, self._words) if self._words else [], columns)

    def _head(self, stored: StoredEntry, author: str) -> "list[Piece]":
        """Return the beginning of a note's line: its number, the mark of a revised note, the time of writing, and the
        `author`.
        """
        return [
            (f"#{stored.number}".rjust(self._number_cells), "cyan"), (revision_mark(stored) or " ", "yellow"),
            (time.strftime("  %H:%M  ", time.localtime(stored.entry.written_at // 1_000_000)), "dim"),
            (author, f"color({author_colour(stored.entry.author)})"),
        ]  # fmt: skip


def revision_mark(stored: StoredEntry) -> str:
    """Return `*` if the note was revised, else an empty string."""
    return "" if stored.version == stored.number else "*"

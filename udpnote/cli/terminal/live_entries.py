"""Entries as lines that are printed as soon as the entries are stored, by `follow` and `serve`."""

import sys
import time

from udpnote.cli.terminal.streams import terminal_columns
from udpnote.cli.terminal.styles import author_style, shows_styles, styled
from udpnote.cli.terminal.text import cell_count, change_label, line_for_reader, local_day, shortened
from udpnote.cli.terminal.wrapping import wrapped_lines
from udpnote.model.entry import Entry
from udpnote.text.harmless import harmless_lines

WIDE_COLUMNS_MIN = 60
"""On a terminal of this width or wider, the second and later lines of a text are indented by `INDENT_CELLS`. On a
narrower one they are indented by two cells.
"""

INDENT_CELLS = len("09:00:00  ")
"""This indentation leaves the column of the times free, so that the eye finds where an entry begins."""

TEXT_CELLS_MIN = 10
"""No text is wrapped to fewer cells than this. On a narrower terminal, lines are longer than the terminal."""

_HEADING, _TIME, _NUMBER = "1", "2", "36"
"""Styles, as parameters of SGR (ECMA-48 §8.3.117): of headings, of times, of numbers."""


class LiveEntries:
    """Makes the lines that standard output shows for entries as soon as they are stored.

    In a pipe or a file, each entry is one line with its date. On a terminal, the day of writing is a heading, which is repeated
    only when the day changes. Each text is wrapped to the present width of the terminal. If the terminal shows colours, each
    author has a colour.
    """

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._is_styled = shows_styles(sys.stdout)
        self._day = ""

    def lines(self, number: int, entry: Entry, note: int = 0) -> str:
        """Return the lines, each with a newline, for the `entry` with this `number`.

        `note` is the number of the note that a revision or deletion changes; 0 if it is not known, or if `entry` is a note. On
        a terminal, a heading stands before the lines if the entry was written on another day than the entry before.
        """
        if not self._is_terminal:
            return line_for_reader(number, entry, note) + "\n"
        return "".join(f"{line}\n" for line in [*self._heading(entry), *self._wrapped(number, entry, note)])

    def _heading(self, entry: Entry) -> list[str]:
        """Return the lines of a heading with the day of `entry`, or no lines if the last heading had this day."""
        day = local_day(entry.written_at)
        if day == self._day:
            return []
        is_first, self._day = not self._day, day
        return [self._styled(day, _HEADING)] if is_first else ["", self._styled(day, _HEADING)]

    def _wrapped(self, number: int, entry: Entry, note: int) -> list[str]:
        """Return the lines of an entry on a terminal: time, number, author and text, wrapped to the terminal's width.

        `note` is the number of the note that the entry changes, or 0, as in `lines`.
        """
        columns = terminal_columns()
        indent = INDENT_CELLS if columns >= WIDE_COLUMNS_MIN else 2
        parts = (
            (time.strftime("%H:%M:%S", time.localtime(entry.written_at // 1_000_000)), _TIME),
            (f"#{number} {change_label(entry, note)}".rstrip(), _NUMBER),
            (shortened(entry.author, max(columns // 3, TEXT_CELLS_MIN)), author_style(entry.author)),
        )
        cells = cell_count("  ".join(part for part, _ in parts))
        filler = "x" * max(cells + 1 - indent, 1)  # stands for the head, so that the first line has room for it
        text = harmless_lines(entry.text.strip("\r\n"))
        first, *rest = wrapped_lines(f"{filler} {text}", max(columns - indent, TEXT_CELLS_MIN))
        head = "  ".join(self._styled(*part) for part in parts)
        return [f"{head} {first.removeprefix(filler)}".rstrip(), *(" " * indent + line if line else "" for line in rest)]

    def _styled(self, text: str, style: str) -> str:
        return styled(text, style) if self._is_styled else text

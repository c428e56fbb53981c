"""Exports a notebook as CSV (RFC 4180), a table for spreadsheets: a row for each note.

A spreadsheet treats a cell that begins with `=`, `+`, `-` or `@` as a formula, and a formula can start programs or send other
cells away. Anybody on the LAN may write such a note. Therefore an apostrophe is put before such a sign at the beginning of an
author or a text: then the spreadsheet treats the cell as text.

Some spreadsheets, as in Germany, expect semicolons or tabs between cells. They divide this table at these characters, and begin
a row at each line of a text. So a sign after a semicolon or tab, or at the beginning of a line, gets an apostrophe, too, but
only if `(` or `|` follows on the line. A formula without these does no harm, and a list with `-` stays as it is.
"""

import csv
import re
from collections.abc import Iterable, Iterator

from udpnote.model.entry import StoredEntry
from udpnote.text.harmless import harmless_lines
from udpnote.text.jsonl import BYTE_ORDER_MARK, iso_time

HEADINGS = ("number", "written", "time_zone", "author", "text")

_SIGN = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
"""The signs with which a formula begins, including their wide forms, which Chinese and Japanese keyboards type."""

_FORMULA = re.compile(rf"\A[\s\"]*(?={_SIGN})|[;\t\r\n][\s\"]*(?={_SIGN}[^\r\n]*[(|])")


def csv_table(notes: Iterable[StoredEntry], *, for_file: bool) -> Iterator[str]:
    """The `notes` as CSV, in pieces that the caller writes one after the other: a row of `HEADINGS`, then one for each note.

    A row has the note's number, the writer's local time (`2026-05-09 16:37:08`) and time zone (`UTC+08:00`), the author and the
    text. Rows end with CR LF. If `for_file` is true, the table begins with a byte order mark. Without it, Excel expects another
    encoding than UTF-8 and shows Chinese wrongly. Characters that could harm a terminal are replaced.
    """
    writer = csv.writer(_Returned())
    yield (BYTE_ORDER_MARK if for_file else "") + writer.writerow(HEADINGS)
    for number, _, entry, _ in notes:
        iso = iso_time(entry.written_at, entry.utc_offset)
        cells = (number, f"{iso[:10]} {iso[11:19]}", f"UTC{iso[26:]}", _as_text(entry.author), _as_text(entry.text))
        yield writer.writerow(cells)


class _Returned:
    """A file object for `csv.writer` whose `write` returns its argument.

    So `writerow` returns the row instead of writing it.
    """

    def write(self, row: str) -> str:
        """Return `row`."""
        return row


def _as_text(value: str) -> str:
    """`value` with apostrophes where a spreadsheet would see a formula, and without characters that could harm a terminal."""
    return _FORMULA.sub(r"\g<0>'", harmless_lines(value))

"""Entries as text for a terminal: in local time, fitted into a number of cells, and with nothing that could harm the terminal.

A cell is the width of a Latin letter on the terminal. A Chinese character takes two cells.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from udpnote.model.entry import Entry, Kind
from udpnote.text.harmless import harmless, harmless_json
from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext

if TYPE_CHECKING:
    from rich.text import Text

MATCH_STYLE = "bold reverse"
"""The style of the words that a search has found. It is not a colour, so that it is visible with NO_COLOR, too."""

GAP = "  "
"""The space between two columns of a table, and before a line that continues another one."""

Line = list[str | tuple[str, str]]
"""A line that consists of pieces. A piece is a text, or a pair of a text and its style."""

_LINE_ENDS = str.maketrans("\r\n", "  ")


def in_json(value: object) -> str:
    """`value` as JSON on one line, with escapes for characters that would control the terminal or are invisible."""
    import json  # here, because most commands print no JSON

    return harmless_json(json.dumps(value, ensure_ascii=False))


def local_time(written_at: int) -> str:
    """The time `written_at` (microseconds since 1970 UTC) in this machine's time zone: `2026-05-09 16:37:08`."""
    return _local_time(written_at // 1_000_000, (time.timezone, *time.tzname))


@lru_cache(maxsize=8)
def _local_time(seconds: int, zone: tuple[int, str, str]) -> str:  # noqa: ARG001 - so that nothing is kept for another zone
    """Do the work of `local_time` for a time in seconds since 1970 UTC. `zone` must describe this machine's present time zone.

    The results are cached: entries that are sent together have the same time, and making the text takes long. `zone` is only a
    part of the cache's key.
    """
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def local_day(written_at: int) -> str:
    """The day of the time `written_at` (microseconds since 1970 UTC) in this machine's time zone: `2026-11-23 Monday`."""
    from udpnote.text.writing_days import dated_weekday  # here, because a one-shot send prints no such day

    day = time.localtime(written_at // 1_000_000)
    return dated_weekday(day.tm_year, day.tm_mon, day.tm_mday, day.tm_wday)


def zoned_time(written_at: int, utc_offset: int) -> str:
    """The time `written_at` (microseconds since 1970 UTC) in a time zone: `2026-05-09 16:37:08 +08:00`.

    The time zone is `utc_offset` minutes east of UTC.
    """
    from udpnote.text.jsonl import iso_time  # here, because a one-shot send prints no such time

    iso = iso_time(written_at, utc_offset)
    return f"{iso[:10]} {iso[11:19]} {iso[26:]}"


def change_label(entry: Entry, note: int = 0) -> str:
    """Return what a revision or deletion does: `revises #42`, or `revises #57 of note #42`. Return an empty string for a note.

    The first number is that of the version that the entry replaces. `note` is the number of the note, or 0 if it is not known.
    It is the second number, and left out if it equals the first.

    If the entry deletes an entry that waits in the outbox and has no number yet, the result says so without a number.
    """
    if entry.kind is Kind.NOTE:
        return ""
    if not entry.revises:
        return _("deletes the entry that it takes back")
    is_of_other = note not in (0, entry.revises)
    if entry.kind is Kind.DELETION:
        label = _("deletes #{number} of note #{note}") if is_of_other else _("deletes #{number}")
    else:
        label = _("revises #{number} of note #{note}") if is_of_other else _("revises #{number}")
    return label.format(number=entry.revises, note=note)


def line_for_writer(number: int, entry: Entry) -> str:
    """Return a stored entry as one line for the person who wrote it, without a newline.

    The line has the number of the entry, the version that it revises or deletes, the local time of writing, and the text.
    Characters that could harm a terminal are replaced (see `harmless`).
    """
    head = f"#{number} {change_label(entry)}".rstrip()
    return f"{head}  {local_time(entry.written_at)}  {harmless(entry.text)}".rstrip()


def line_for_reader(number: int, entry: Entry, note: int) -> str:
    """Return a stored entry as one line, without a newline, as `serve` and `follow` print it.

    The line has the local time of writing, the number of the entry, the version that it revises or deletes, the author and the
    text. `note` is the number of the note to which that version belongs, or 0 if it is not known. Characters that could harm a
    terminal are replaced (see `harmless`).
    """
    head = f"#{number} {change_label(entry, note)}".rstrip()
    line = f"{local_time(entry.written_at)}  {head}  {harmless(entry.author)}  {harmless(entry.text)}"
    return line.rstrip()


def cell_count(text: str) -> int:
    """How many terminal cells `text` takes. `text` must have no control characters (see `harmless`)."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # here, because to import it takes longer than all else in a short command

    return cell_len(text)


def shortened(text: str, cells_max: int) -> str:
    """Return `text`, made harmless for a terminal by `harmless`, in at most `cells_max` terminal cells.

    A longer text is cut, and `…` is then its last character.
    """
    from rich.cells import cell_len, set_cell_size

    start = text[: 8 * cells_max]  # enough, except for a text of combining characters only
    shown = harmless(start)
    if len(start) == len(text) and cell_len(shown) <= cells_max:
        return shown
    return set_cell_size(shown, min(cells_max - 1, cell_len(shown))).rstrip() + "…"


def padded(text: str, cells: int) -> str:
    """Return `text`, made harmless for a terminal by `harmless`, followed by spaces up to a width of `cells` terminal cells.

    A wider text stays as it is.
    """
    text = harmless(text)
    return text + " " * (cells - cell_count(text))


def padded_left(text: str, cells: int) -> str:
    """Return what `padded` returns, but with the spaces before the text: for a column of numbers."""
    text = harmless(text)
    return " " * (cells - cell_count(text)) + text


def fitted(cells: Sequence[str], width: int | None) -> list[str]:
    """Return a row of a table as lines of at most `width` terminal cells. `cells` are the row's cells, padded to the widths of
    their columns.

    The row is one line if that is not too wide, or if `width` is None. If it is too wide, the cells that do not fit follow on
    further lines, which begin with two spaces. A cell that is wider than a line is not cut. Spaces at the ends of lines are
    kept, and do not count.
    """
    lines = [cells[0]]
    for cell in cells[1:]:
        longer = lines[-1] + GAP + cell
        if width is None or cell_count(longer.rstrip()) <= width:
            lines[-1] = longer
        else:
            lines.append(GAP + cell)
    return lines


def count(number: int, one: str, many: str) -> str:
    """Return `number`, with commas, and a noun: `1 entry`, `1,234 entries`. `one` and `many` are the noun's two forms in
    English.

    Use this for a count that stands by itself. For a count in a sentence, give the whole sentence to `ngettext`.
    """
    return ngettext(f"{{count:,}} {one}", f"{{count:,}} {many}", number).format(count=number)


def snippet(text: str, words: Sequence[str], cells: int) -> "Text":
    """Return a part of `text` for one line of at most `cells` terminal cells. The `words` of a search are highlighted.

    The part is the beginning of the first line that is not blank. But if the first match of a word is not wholly in it, the
    part is the text around this match, with spaces in place of line ends. `…` stands for text that is left out. Control
    characters are replaced.
    """
    from rich.text import Text

    from udpnote.text.highlight import occurrences  # here, because a one-shot send shows no snippet

    matches = occurrences(text, words) if words else []
    start, end = _ends_of_part(text, matches, cells)
    line = Text("…" if text[:start].strip() else "")
    for match_start, match_end in matches:
        if start <= match_start < end:
            line.append(_on_one_line(text[start:match_start]))
            line.append(_on_one_line(text[match_start : min(match_end, end)]), MATCH_STYLE)
            start = min(match_end, end)
    line.append(_on_one_line(text[start:end]) + ("…" if text[end:].strip() else ""))
    if line.cell_len > cells:
        line.truncate(cells - 1, overflow="crop")
        line.rstrip()
        line.append("…")
    return line


def _ends_of_part(text: str, matches: Sequence[tuple[int, int]], cells: int) -> tuple[int, int]:
    """Two positions in `text`: the beginning and the end of the part that `snippet` shows.

    Each of `matches` is a pair (start, end), as for a slice of `text`. The part may be wider than `cells` terminal cells, and
    `snippet` then cuts it. But it is never long, because to measure a long text takes long.
    """
    from rich.cells import cell_len

    characters_max = 8 * cells  # enough, except for a text of combining characters only
    start, end = _first_line(text)
    if matches:
        match_start, match_end = matches[0]
        is_in_first_line = match_end <= min(end, start + characters_max)
        if not is_in_first_line or cell_len(harmless(text[start:match_end])) >= cells:
            start, end = _start_of_context(text, match_start, cells // 3), len(text.rstrip())
    return start, min(end, start + characters_max)


def _first_line(text: str) -> tuple[int, int]:
    """Two positions in `text`: the beginning and the end of the first line that is not blank, without spaces around it."""
    start = len(text) - len(text.lstrip())
    end_of_line = text.find("\n", start)
    line = text[start : end_of_line if end_of_line >= 0 else len(text)]
    return start, start + len(line.rstrip())


def _start_of_context(text: str, match_start: int, cells: int) -> int:
    """Return the position in `text` where a snippet must begin to have `cells` terminal cells before a match.

    The match begins at the position `match_start`. If there is less text before the match, return 0.
    """
    from rich.cells import cell_len

    start, first = match_start, max(match_start - 8 * cells, 0)
    while start > first and cell_len(_on_one_line(text[start - 1 : match_start])) < cells:
        start -= 1
    return start


def _on_one_line(text: str) -> str:
    """Return `text`, made harmless for a terminal by `harmless`, with a space in place of each CR and LF."""
    return harmless(text.translate(_LINE_ENDS))

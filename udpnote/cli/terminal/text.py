"""Entries as text for a terminal: harmless, in local time, and fitted into a number of cells.

A cell is the width of a Latin letter on the terminal; a Chinese character takes two cells.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from udpnote.model.entry import Entry, Kind
from udpnote.text.harmless import harmless, harmless_json

if TYPE_CHECKING:
    from rich.text import Text

MATCH_STYLE = "bold reverse"
"""The style of the words that a search has found. It has no colour, so that they are visible with NO_COLOR, too."""

_LINE_ENDS = str.maketrans("\r\n", "  ")


def in_json(value: object, *, indent: int | None = None) -> str:
    """`value` as JSON, in which characters that would control the terminal are escaped."""
    import json  # here, because most commands print none

    return harmless_json(json.dumps(value, ensure_ascii=False, indent=indent))


def local_time(written_at: int) -> str:
    """Microseconds since 1970 UTC as `2026-05-09 16:37:08` in this machine's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(written_at // 1_000_000))


def zoned_time(written_at: int, utc_offset: int) -> str:
    """Microseconds since 1970 UTC as `2026-05-09 16:37:08 +08:00`, `utc_offset` minutes east of UTC."""
    from udpnote.text.jsonl import iso_time  # here, because a one-shot send prints no such time

    iso = iso_time(written_at, utc_offset)
    return f"{iso[:10]} {iso[11:19]} {iso[26:]}"


def change_label(entry: Entry) -> str:
    """The change that a revision or deletion makes, as in `revises #42`; the empty string for a note."""
    if entry.kind is Kind.NOTE:
        return ""
    return f"{'deletes' if entry.kind is Kind.DELETION else 'revises'} #{entry.revises}"


def line_for_writer(number: int, entry: Entry) -> str:
    """A stored entry for the person who wrote it: number, the entry that it revises or deletes, time and text."""
    head = f"#{number} {change_label(entry)}".rstrip()
    return f"{head}  {local_time(entry.written_at)}  {harmless(entry.text)}".rstrip()


def line_for_reader(number: int, entry: Entry) -> str:
    """A stored entry as `serve` and `follow` print it: time, number, the entry that it revises or deletes, author and text."""
    head = f"#{number} {change_label(entry)}".rstrip()
    line = f"{local_time(entry.written_at)}  {head}  {harmless(entry.author)}  {harmless(entry.text)}"
    return line.rstrip()


def shortened(text: str, cells_max: int) -> str:
    """`harmless(text)` with `…` in place of what does not fit into `cells_max` terminal cells."""
    from rich.cells import cell_len, set_cell_size

    start = text[: 8 * cells_max]  # enough, except for a text of combining characters only
    shown = harmless(start)
    if len(start) == len(text) and cell_len(shown) <= cells_max:
        return shown
    return set_cell_size(shown, min(cells_max - 1, cell_len(shown))).rstrip() + "…"


def padded(text: str, cells: int) -> str:
    """`harmless(text)` with spaces added until it is `cells` terminal cells wide."""
    from rich.cells import cell_len

    text = harmless(text)
    return text + " " * (cells - cell_len(text))


def count(number: int, one: str, many: str) -> str:
    """`1 entry`, `1,234 entries`."""
    return f"{number:,} {one if number == 1 else many}"


def reads_chinese(environ: Mapping[str, str]) -> bool:
    """Whether the locale is Chinese. LC_ALL overrides LC_MESSAGES, and that overrides LANG, as in locale(7)."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return locale.startswith("zh")


def snippet(text: str, words: Sequence[str], cells: int) -> "Text":
    """At most `cells` terminal cells of `text` on one line, without control characters, with all of `words` highlighted.

    The snippet is the first line of the text or, if the first match is not in that line, the text around the first match. `…`
    stands for text that is left out.
    """
    from rich.cells import cell_len
    from rich.text import Text

    from udpnote.text.highlight import occurrences  # here, because a one-shot send shows no snippet

    matches = occurrences(text, words) if words else []
    characters_max = 8 * cells  # enough, except for a text of combining characters only
    start, end = _first_line(text)
    if matches and not (
        matches[0][1] <= min(end, start + characters_max) and cell_len(harmless(text[start : matches[0][1]])) < cells
    ):
        start, end = _start_of_context(text, matches[0][0], cells // 3), len(text.rstrip())
    end = min(end, start + characters_max)
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


def _first_line(text: str) -> tuple[int, int]:
    """The positions where the first line that is not blank begins and ends."""
    start = len(text) - len(text.lstrip())
    end_of_line = text.find("\n", start)
    line = text[start : end_of_line if end_of_line >= 0 else len(text)]
    return start, start + len(line.rstrip())


def _start_of_context(text: str, match_start: int, cells: int) -> int:
    """The position where a snippet begins that shows `cells` terminal cells before the match at `match_start`."""
    from rich.cells import cell_len

    start, first = match_start, max(match_start - 8 * cells, 0)
    while start > first and cell_len(_on_one_line(text[start - 1 : match_start])) < cells:
        start -= 1
    return start


def _on_one_line(text: str) -> str:
    """`harmless(text)`, but with spaces in place of line ends."""
    return harmless(text.translate(_LINE_ENDS))

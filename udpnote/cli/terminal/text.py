"""How entries look on a terminal, where they must do no harm."""

import time
from functools import cache

from udpnote.model.entry import Entry, Kind

_BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))


@cache
def _harmless() -> dict[int, str]:
    """What stands for each character that a terminal would obey: control pictures (U+2400) or an escape."""
    table = {code: chr(0x2400 + code) for code in range(0x20)}
    table[0x7F] = "\u2421"
    for code in (*range(0x80, 0xA0), 0x2028, 0x2029, *_BIDIRECTIONAL):
        table[code] = f"\\u{code:04x}"
    for code in range(0xD800, 0xE000):
        table[code] = f"\\u{code:04x}"
    return table


def harmless(text: str) -> str:
    """`text` on one line, without a character that could move the cursor, change colours or turn the writing around."""
    return text if text.isprintable() else text.translate(_harmless())


@cache
def _json_escapes() -> dict[int, str]:
    """JSON's escape of each character that a terminal would obey and JSON allows."""
    codes = (0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, *_BIDIRECTIONAL, *range(0xD800, 0xE000))
    return {code: f"\\u{code:04x}" for code in codes}


def in_json(value: object, *, indent: int | None = None) -> str:
    """`value` as JSON, with nothing in it that a terminal would obey."""
    import json  # here, because most commands print none

    return json.dumps(value, ensure_ascii=False, indent=indent).translate(_json_escapes())


def local_time(written_at: int) -> str:
    """Microseconds since 1970 UTC as `2026-05-09 16:37:08` in this machine's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(written_at // 1_000_000))


def zoned_time(written_at: int, utc_offset: int) -> str:
    """Microseconds since 1970 UTC as `2026-05-09 16:37:08 +08:00`, `utc_offset` minutes east of UTC."""
    from udpnote.text.jsonl import iso_time  # here, because a one-shot send prints no such time

    iso = iso_time(written_at, utc_offset)
    return f"{iso[:10]} {iso[11:19]} {iso[26:]}"


def deed(entry: Entry) -> str:
    """What a revision or deletion does, `revises #42`; nothing for a note."""
    if entry.kind is Kind.NOTE:
        return ""
    return f"{'deletes' if entry.kind is Kind.DELETION else 'revises'} #{entry.revises}"


def stored_line(number: int, entry: Entry) -> str:
    """A stored entry as its writer sees it: number, what it revises or deletes, time, text."""
    head = f"#{number} {deed(entry)}".rstrip()
    return f"{head}  {local_time(entry.written_at)}  {harmless(entry.text)}".rstrip()


def noted_line(number: int, entry: Entry) -> str:
    """A stored entry as the server's owner and followers see it: time, number, what it revises or deletes, author, text."""
    head = f"#{number} {deed(entry)}".rstrip()
    line = f"{local_time(entry.written_at)}  {head}  {harmless(entry.author)}  {harmless(entry.text)}"
    return line.rstrip()


def shortened(text: str, cells_max: int) -> str:
    """`text`, harmless, cut to `cells_max` terminal cells; a Chinese character takes two."""
    from rich.cells import cell_len, set_cell_size

    start = text[: 8 * cells_max]  # enough, unless it is all combining characters
    shown = harmless(start)
    if len(start) == len(text) and cell_len(shown) <= cells_max:
        return shown
    return set_cell_size(shown, min(cells_max - 1, cell_len(shown))).rstrip() + "…"


def padded(text: str, cells: int) -> str:
    """`text`, harmless, filled with spaces to `cells` terminal cells."""
    from rich.cells import cell_len

    text = harmless(text)
    return text + " " * (cells - cell_len(text))


def count(number: int, one: str, many: str) -> str:
    """`1 entry`, `1,234 entries`."""
    return f"{number:,} {one if number == 1 else many}"

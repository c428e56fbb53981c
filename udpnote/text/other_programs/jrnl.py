"""Reads journals of jrnl: the text that it keeps, and what `jrnl --format json` prints.

In the text, an entry begins with a line such as `[2026-11-23 07:52] The title. *`. The star at the end of the line is optional,
and marks the entry as starred. The text below it, up to the next such line, belongs to the entry. Words that begin with `@` are
tags. An entry has no id. Its identity comes from its minute and its text, so both formats give the same identities.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from udpnote.errors import InvalidEntry, InvalidImport, InvalidSetting
from udpnote.model.entry import TEXT_BYTES_MAX
from udpnote.text.jsonl import BYTE_ORDER_MARK
from udpnote.text.other_programs.imported_note import (
    STARRED,
    ImportedNote,
    LeftOut,
    Place,
    Reading,
    digest_of,
    error_at,
    text_in,
    texts_in,
    with_tags,
)
from udpnote.text.other_programs.note_times import Stamp, stamp_of

SOURCE = "jrnl"
JSON_ARRAY = "entries"

_BRACKETS = re.compile(r"\[([^\]\n]+)\] ")
_SEEMS_A_DATE = re.compile(r"\d.*[-./: ].*\d")
_TAG = re.compile(r"(?<!\S)@([-+*#/\w]+)")


_SAMPLE_TIME = datetime(2026, 11, 23, 19, 52, 31, tzinfo=UTC)
"""Its year, month and day are not those that `strptime` assumes for a format without them: 1900, 1 and 1."""


def check_date_format(date_format: str) -> None:
    """Raise `InvalidSetting` if `date_format` has no year, month or day, or if no date can be read with it. For `date_format`
    see `Reading`: it may be empty.
    """
    if not date_format:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # since Python 3.13 about a format without a year
            moment = datetime.strptime(_SAMPLE_TIME.strftime(date_format), date_format)
    except (ValueError, re.error):  # `re.error` if the format has a part such as %Y twice
        raise InvalidSetting("date_format_unknown", date_format=date_format) from None
    missing = [part for part in ("%Y", "%m", "%d") if moment.strftime(part) != _SAMPLE_TIME.strftime(part)]
    if missing:
        raise InvalidSetting("date_format_incomplete", date_format=date_format, missing=missing)


def is_jrnl_line(line: str, date_format: str = "") -> bool:
    """Whether a jrnl text can begin with `line`: a date in brackets, then a title. For `date_format` see `Reading`."""
    return _heading(line.removeprefix(BYTE_ORDER_MARK), date_format) is not None


def is_jrnl_record(fields: dict[str, Any]) -> bool:
    """Whether a JSON object is an entry from `jrnl --format json`."""
    return {"title", "body", "date", "time"} <= fields.keys()


def jrnl_text_notes(lines: Iterable[str], reading: Reading, path: str = "") -> Iterator[ImportedNote]:
    """Yield the entries of a jrnl text as notes. `lines` are its lines with their newlines; a long line may come in pieces.

    `path` is the file's path in its folder if it is one of several files, else empty. Text before the first date is reported to
    `reading.on_bad`. If an entry is too long, little more than the longest possible note is kept in memory.
    """
    copies = Copies()
    for line, stamp, text, characters in _blocks(lines, reading, path):
        place = Place(path, line)
        if characters > TEXT_BYTES_MAX:
            reading.on_bad(error_at(place, InvalidEntry("text_longer_than", bytes_max=TEXT_BYTES_MAX)))
            continue
        title, _, body = text.replace("\r\n", "\n").strip().partition("\n")
        is_starred = title.rstrip().endswith("*")
        whole = f"{title.strip(' *') if is_starred else title}\n{body}".strip()
        names = [name.lower() for name in _TAG.findall(whole)]
        note = _note(place, stamp, whole, names, is_starred=is_starred, reading=reading, copies=copies)
        if reading.accepts(note):
            yield note


def jrnl_json_note(fields: dict[str, Any], place: Place, reading: Reading, copies: "Copies") -> ImportedNote | None:
    """Convert an entry of the JSON format, which is at `place` in the file, to a note; None if it is bad or has no text.

    An entry without text is counted in `reading.left_out`. If the entry is bad, this calls `reading.on_bad`. `copies` must be
    the same object for all entries of a file.
    """
    stamp = stamp_of(f"{text_in(fields, 'date')} {text_in(fields, 'time')}")
    if stamp is None or not is_jrnl_record(fields):
        reading.on_bad(error_at(place, InvalidImport("record_without_time", program="jrnl", field="date")))
        return None
    text = f"{text_in(fields, 'title').strip()}\n{text_in(fields, 'body').strip()}".strip()
    note = _note(
        place, stamp, text, texts_in(fields, "tags"), is_starred=fields.get("starred") is True, reading=reading, copies=copies
    )
    return note if reading.accepts(note) else None


class Copies:
    """Counts entries with the same minute and text that follow each other, so that each of them gets an identity of its own."""

    def __init__(self) -> None:
        self._minute = ""
        self._seen: Counter[bytes] = Counter()

    def number(self, minute: str, digest: bytes) -> int:
        """Count an entry with this `minute` and text `digest`. Return how many such entries came before it.

        Only entries since the last one with another minute count.
        """
        if minute != self._minute:
            self._minute, self._seen = minute, Counter()
        self._seen[digest] += 1
        return self._seen[digest] - 1


def _note(
    place: Place, stamp: Stamp, text: str, names: list[str], *, is_starred: bool, reading: Reading, copies: Copies
) -> ImportedNote:
    written_at, utc_offset = stamp.moment(reading.zones)
    minute = f"{stamp.day} {stamp.clock.isoformat('minutes') if stamp.clock is not None else '00:00'}"
    digest = digest_of("".join(text.split()))  # jrnl breaks lines after the title, whether the text has a newline there or not
    identity = f"{minute}\n{copies.number(minute, digest)}\n{digest.hex()}"
    tagged = with_tags(text, [*names, *([STARRED] if is_starred else [])]) if text else ""
    return ImportedNote(place, identity, may_change=False, written_at=written_at, utc_offset=utc_offset, text=tagged)


def _blocks(lines: Iterable[str], reading: Reading, path: str) -> Iterator[tuple[int, Stamp, str, int]]:
    """Yield (line number, time, text, number of characters) for each entry. For `lines` and `path` see `jrnl_text_notes`.

    The line number is that of the entry's first line, from 1. The text comes without the time in brackets there.

    If a text has more than `TEXT_BYTES_MAX` characters, it is cut, but the number of characters is that of the whole text. Text
    before the first entry is reported to `reading.on_bad`, and lines whose date is not understood are counted in
    `reading.left_out`.
    """
    start: tuple[int, Stamp] | None = None  # of the entry that is read: `pieces` have its text, which has `characters`
    pieces: list[str] = []
    number, is_start, characters = 1, True, 0  # `is_start`: whether the next piece begins a line
    for piece in lines:
        line = piece.removeprefix(BYTE_ORDER_MARK) if number == 1 and is_start else piece
        heading = _heading(line, reading.date_format) if is_start else None
        if heading is not None:
            if start is not None:
                yield *start, "".join(pieces), characters
            stamp, line = heading
            start, pieces, characters = (number, stamp), [], 0
        elif is_start and (match := _BRACKETS.match(line)) and _SEEMS_A_DATE.search(match[1]):
            reading.left_out[LeftOut.DATES_NOT_READ] += 1
        if start is not None and characters <= TEXT_BYTES_MAX:
            pieces.append(line)
        elif start is None and line.strip():
            reading.on_bad(error_at(Place(path, number), InvalidImport("text_before_first_date", text=line.strip())))
        characters += len(line)
        is_start = piece.endswith("\n")
        number += is_start
    if start is not None:
        yield *start, "".join(pieces), characters


def _heading(line: str, date_format: str) -> tuple[Stamp, str] | None:
    """The time in brackets at the beginning of `line`, and the rest of the line. None if there is no such time.

    For `date_format` see `Reading`.
    """
    match = _BRACKETS.match(line)
    if match is None:
        return None
    stamp = stamp_of(match[1])
    if date_format:
        try:
            moment = datetime.strptime(match[1], date_format)
        except (ValueError, re.error):  # `re.error` if the format has a part such as %Y twice
            return None
        stamp = Stamp(moment.date(), moment.time(), moment.utcoffset())
    return (stamp, line[match.end() :]) if stamp is not None and stamp.day is not None else None

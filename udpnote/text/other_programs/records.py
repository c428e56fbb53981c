"""Reads the JSON of jrnl, Day One and memos as notes, and recognizes which of these programs wrote it."""

from collections.abc import Callable, Iterator
from typing import Any

from udpnote.errors import InvalidImport
from udpnote.text.other_programs import day_one, jrnl, memos
from udpnote.text.other_programs.imported_note import ImportedNote, Place, Reading, error_at
from udpnote.text.other_programs.json_records import JsonRecord, json_records

_ARRAYS = {jrnl.JSON_ARRAY, day_one.JSON_ARRAY, *memos.JSON_ARRAYS}
_TESTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    day_one.SOURCE: day_one.is_day_one_record,
    jrnl.SOURCE: jrnl.is_jrnl_record,
    memos.SOURCE: memos.is_memos_record,
}


def format_of_records(read: Callable[[int], str]) -> str | None:
    """Return the `SOURCE` of the program that wrote the JSON: jrnl, Day One or memos. None if its first record is of none.

    `read(n)` returns the next characters of the file (see `json_records`).
    """
    try:
        for record in json_records(read, _ARRAYS):
            fields = record.value
            return next((name for name, test in _TESTS.items() if isinstance(fields, dict) and test(fields)), None)
    except InvalidImport:
        return None
    return None


def record_notes(read: Callable[[int], str], source: str, reading: Reading, path: str = "") -> Iterator[ImportedNote]:
    """Yield the notes in the JSON of a program. `source` is one of the constants `SOURCE` in this package.

    `read(n)` returns the next characters of the file (see `json_records`). `path` names the file in messages if it is one of
    several. Where the file is not JSON, this calls `reading.on_bad` and ends.
    """
    copies = jrnl.Copies()
    for _, position, fields in _until_damage(json_records(read, _ARRAYS), reading):
        place = Place(path, position=position)
        if not isinstance(fields, dict):
            reading.on_bad(error_at(place, InvalidImport("json_not_an_object", value=fields)))
            continue
        if source == jrnl.SOURCE:
            note = jrnl.jrnl_json_note(fields, place, reading, copies)
        else:
            note = (day_one.day_one_note if source == day_one.SOURCE else memos.memos_note)(fields, place, reading)
        if note is not None:
            yield note


def _until_damage(records: Iterator[JsonRecord], reading: Reading) -> Iterator[JsonRecord]:
    """Yield `records` up to the place where the file is damaged, so that everything before it is imported. Report the damage to
    `reading.on_bad`.
    """
    try:
        yield from records
    except InvalidImport as error:
        reading.on_bad(error)

"""Reads the JSON of jrnl, Day One and memos as notes, record by record, and recognizes which of these programs wrote it.

The whole file is never in memory.
"""

import json
from collections.abc import Callable, Container, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from udpnote.errors import InvalidImport
from udpnote.text.jsonl import BYTE_ORDER_MARK
from udpnote.text.other_programs import day_one, jrnl, memos
from udpnote.text.other_programs.imported_note import ImportedNote, Place, Reading, error_at

CHUNK_CHARACTERS = 1 << 16
"""How many characters are read from the file at a time."""

RECORD_CHARACTERS_MAX = 32 << 20
"""The longest record; a longer one counts as damaged. The longest text of a note is 1 MiB. Escaped, with its second copy in the
rich text of Day One and the descriptions of its pictures, it needs less than half of this."""

_CUT_CHARACTERS_MAX = 12
"""An error up to this many characters before the end of the buffer may only mean that a word or an escape is cut off there, as
`false`, `-Infinity` or `\\ud83d\\ude00` may be."""

_TOKEN_CHARACTERS_MAX = 256
"""How much of the token of a next page is printed. The tokens of memos have about ten characters."""

_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder(strict=False)


class JsonRecord(NamedTuple):
    """A value in an array of a JSON file. `array` is the array's name, or empty if it has none; `position` counts from 1.

    The value of a field that is no array has the field's name as `array`, and the position 0.
    """

    array: str
    position: int
    value: Any


def json_records(
    read: Callable[[int], str], arrays: Container[str], single_fields: Container[str] = ()
) -> Iterator[JsonRecord]:
    """Yield the elements of the arrays whose names are in `arrays`, and the values of the `single_fields`. All of these must be
    fields of the outermost object.

    `read(n)` returns the next characters of the file, at most `n`, and the empty string at the end. If the file is an array
    itself, its elements are yielded. Several JSON values may follow each other. Positions count through the whole file. Raises
    `InvalidImport` where the file is not JSON, or if a record is longer than `RECORD_CHARACTERS_MAX`.
    """
    text, position = _Text(read), 0
    while (sign := text.next_sign()) != "":
        fields = _array_elements(text, "") if sign == "[" else _elements(text, arrays, single_fields)
        for name, value in fields:
            if name in single_fields:
                yield JsonRecord(name, 0, value)
            else:
                position += 1
                yield JsonRecord(name, position, value)


def _elements(text: "_Text", arrays: Container[str], single_fields: Container[str]) -> Iterator[tuple[str, Any]]:
    """Yield (name of the array, element) for the `arrays` in the object that begins at the place of `text`, and (name, value)
    for its `single_fields`.

    Other fields are skipped.
    """
    text.expect("{")
    if text.skip("}"):
        return
    while True:
        name = text.value()
        if type(name) is not str:
            raise text.error()
        text.expect(":")
        if name in arrays and text.next_sign() == "[":
            yield from _array_elements(text, name)
        elif name in single_fields:
            yield name, text.value()
        else:
            text.value()
        if text.skip("}"):
            return
        text.expect(",")


def _array_elements(text: "_Text", name: str) -> Iterator[tuple[str, Any]]:
    """Yield (`name`, element) for each element of the array that begins at the place of `text`."""
    text.expect("[")
    if text.skip("]"):
        return
    while True:
        yield name, text.value()
        if text.skip("]"):
            return
        text.expect(",")


class _Text:
    """The characters of the file that were read, and the current place in them. For `read` see `json_records`."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._buffer = ""
        self._at = 0  # the current place, as an index of the buffer
        self._passed = 0  # how many characters of the file were before the buffer
        self._more()
        self._at = len(BYTE_ORDER_MARK) if self._buffer.startswith(BYTE_ORDER_MARK) else 0

    def next_sign(self) -> str:
        """The next character that is not white space, or the empty string at the end of the file. It is not skipped."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def skip(self, sign: str) -> bool:
        """If `sign` is the next character, move past it and return True. If it is not, return False."""
        is_next = self.next_sign() == sign
        self._at += is_next
        return is_next

    def expect(self, sign: str) -> None:
        """Move past `sign`. Raises `InvalidImport` if it is not the next character."""
        if not self.skip(sign):
            raise self.error()

    def value(self) -> Any:
        """Read the JSON value that begins here, and move past it. Raises `InvalidImport` if there is none."""
        self.next_sign()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - _CUT_CHARACTERS_MAX
                if is_cut and len(self._buffer) - self._at < RECORD_CHARACTERS_MAX and self._more():
                    continue
                raise self.error(error.pos) from None
            except (ValueError, RecursionError):  # a number with thousands of digits, or lists nested too deeply
                raise self.error() from None
            if end == len(self._buffer) and self._more():
                continue  # the rest of a number may follow
            self._at = end
            return value

    def error(self, place: int | None = None) -> InvalidImport:
        """The error for a file that is not JSON at the index `place` of the buffer (None for the current place)."""
        return InvalidImport("import_json_damaged", character=self._passed + (self._at if place is None else place) + 1)

    def _more(self) -> bool:
        """Read at least as many characters as the buffer still has, so that a long value is decoded only a few times.

        Returns False at the end of the file.
        """
        kept = self._buffer[self._at :]
        read = self._read(max(CHUNK_CHARACTERS, len(kept)))
        if read:
            self._passed += self._at
            self._buffer, self._at = kept + read, 0
        return bool(read)


_ARRAYS = {jrnl.JSON_ARRAY, day_one.JSON_ARRAY, *memos.JSON_ARRAYS}
_TESTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    day_one.SOURCE: day_one.is_day_one_record,
    jrnl.SOURCE: jrnl.is_jrnl_record,
    memos.SOURCE: memos.is_memos_record,
}


def format_of_records(read: Callable[[int], str]) -> str | None:
    """Return the `SOURCE` of the program that wrote the JSON: jrnl, Day One or memos.

    None if the first record is of another program, or if there is none. `read(n)` returns the next characters of the file (see
    `json_records`).
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
    several. Where the file is not JSON, this calls `reading.on_bad` and ends. The API of memos may divide its memos into
    pages: if this file is a page that names a next one, this calls `reading.on_bad` at the end.
    """
    copies = jrnl.Copies()
    next_page: Any = ""
    for name, position, fields in _until_damage(json_records(read, _ARRAYS, {memos.NEXT_PAGE}), reading):
        if name == memos.NEXT_PAGE:
            next_page = fields
            continue
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
    if source == memos.SOURCE and isinstance(next_page, str) and next_page:
        token = quote(next_page[:_TOKEN_CHARACTERS_MAX], safe="", errors="replace")
        reading.on_bad(InvalidImport("import_memos_page", token=token))


def _until_damage(records: Iterator[JsonRecord], reading: Reading) -> Iterator[JsonRecord]:
    """Yield `records` up to the place where the file is damaged, so that everything before it is imported. Report the damage to
    `reading.on_bad`.
    """
    try:
        yield from records
    except InvalidImport as error:
        reading.on_bad(error)

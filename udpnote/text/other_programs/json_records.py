"""Reads the records of a large JSON file one after the other, without holding the whole file in memory."""

import json
from collections.abc import Callable, Container, Iterator
from typing import Any, NamedTuple

from udpnote.errors import InvalidImport
from udpnote.text.jsonl import BYTE_ORDER_MARK

CHUNK_CHARACTERS = 1 << 16
"""How many characters are read at a time."""

RECORD_CHARACTERS_MAX = 32 << 20
"""A longer record is taken for damaged. The longest text of a note is 1 MiB; escaped, with its second copy in the rich text of
Day One and the descriptions of its pictures, it needs less than half of this."""

_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder(strict=False)


class JsonRecord(NamedTuple):
    """A value in an array of a JSON file: the name of the array (empty if it has none), the position from 1, and the value."""

    array: str
    position: int
    value: Any


def json_records(read: Callable[[int], str], arrays: Container[str]) -> Iterator[JsonRecord]:
    """Yield the elements of the arrays that are fields in the outermost object and whose names are in `arrays`.

    `read` returns the next characters of the file, at most as many as it is asked for, and the empty string at the end. If the
    file is an array itself, its elements are yielded. Several JSON values may follow each other. Positions count through the
    whole file. Raises `InvalidImport` where the file is not JSON, or a record is longer than `RECORD_CHARACTERS_MAX`.
    """
    text, position = _Text(read), 0
    while (sign := text.next_sign()) != "":
        fields = _array_elements(text, "") if sign == "[" else _elements(text, arrays)
        for array, value in fields:
            position += 1
            yield JsonRecord(array, position, value)


def _elements(text: "_Text", arrays: Container[str]) -> Iterator[tuple[str, Any]]:
    """Yield (name of the array, element) for the arrays in the object that begins here; other fields are skipped."""
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
        else:
            text.value()
        if text.skip("}"):
            return
        text.expect(",")


def _array_elements(text: "_Text", name: str) -> Iterator[tuple[str, Any]]:
    text.expect("[")
    if text.skip("]"):
        return
    while True:
        yield name, text.value()
        if text.skip("]"):
            return
        text.expect(",")


class _Text:
    """The characters of the file from the present place on, as far as they have been read."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._buffer = ""
        self._at = 0
        self._passed = 0
        self._more()
        self._at = len(BYTE_ORDER_MARK) if self._buffer.startswith(BYTE_ORDER_MARK) else 0

    def next_sign(self) -> str:
        """The next character that is not white space; the empty string at the end of the file."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def skip(self, sign: str) -> bool:
        """Go on behind `sign` if it is the next character, and return whether it was."""
        is_next = self.next_sign() == sign
        self._at += is_next
        return is_next

    def expect(self, sign: str) -> None:
        """Go on behind `sign`, which must be the next character; otherwise raise `InvalidImport`."""
        if not self.skip(sign):
            raise self.error()

    def value(self) -> Any:
        """The JSON value that begins here. Raises `InvalidImport` if there is none."""
        self.next_sign()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - 12
                if is_cut and len(self._buffer) - self._at < RECORD_CHARACTERS_MAX and self._more():
                    continue
                raise self.error(error.pos) from None
            except (ValueError, RecursionError):  # a number of thousands of digits, a list in a list in a list …
                raise self.error() from None
            if end == len(self._buffer) and self._more():
                continue  # a number may go on
            self._at = end
            return value

    def error(self, place: int | None = None) -> InvalidImport:
        """The error that says that the file is not JSON at `place` in the buffer; None: at the present place."""
        return InvalidImport("import_json_damaged", character=self._passed + (self._at if place is None else place) + 1)

    def _more(self) -> bool:
        """Read as many characters again as are kept, so that no long value is decoded often. False: the file ends here."""
        kept = self._buffer[self._at :]
        read = self._read(max(CHUNK_CHARACTERS, len(kept)))
        if read:
            self._passed += self._at
            self._buffer, self._at = kept + read, 0
        return bool(read)

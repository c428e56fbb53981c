"""Recognizes the format of a file to import by its beginning."""

import json
from collections.abc import Callable
from enum import Enum

from udpnote.errors import InvalidImport
from udpnote.text.jsonl import BYTE_ORDER_MARK
from udpnote.text.notebook_text import begins_text_file
from udpnote.text.other_programs.jrnl import is_jrnl_line
from udpnote.text.other_programs.json_records import RECORD_CHARACTERS_MAX, format_of_records

SQLITE_HEADER = b"SQLite format 3\x00"
ZIP_HEADERS = (b"PK\x03\x04", b"PK\x05\x06")
"""How zip files begin: with the header of their first file, or with the end of their directory if they are empty."""

GZIP_HEADER = b"\x1f\x8b"


class Format(Enum):
    """The formats that can be imported: udpnote's own exports, and the formats of other programs (see `other_programs`)."""

    JSONL = "jsonl"
    TEXT = "text"
    JRNL = "jrnl"
    DAY_ONE = "day-one"
    MEMOS = "memos"
    MARKDOWN = "markdown"


def format_of_binary(beginning: bytes) -> Format | None:
    """Return the format of a zip file or a database that begins with the bytes `beginning`; None if it is neither.

    Raises `InvalidImport` if the file is compressed with gzip.
    """
    if beginning.startswith(GZIP_HEADER):
        raise InvalidImport("import_compressed")
    if beginning.startswith(SQLITE_HEADER):
        return Format.MEMOS
    return Format.DAY_ONE if beginning.startswith(ZIP_HEADERS) else None


def format_of_text(first_line: str, read: Callable[[int], str], date_format: str) -> Format | None:
    """Return the format of a text file; None if it is unknown. `first_line` is the first line that is not blank.

    `read(n)` returns the next n characters of the file, from its beginning. It is called only for a file that begins like JSON.
    For JSON of an unknown program the result is JSONL, because the reader of JSONL says what is wrong with it. For
    `date_format` see `Reading`. The caller must have decoded the text with `errors="surrogateescape"`.
    """
    line = first_line.removeprefix(BYTE_ORDER_MARK).lstrip()
    if line.startswith("{") and _is_exported(line):
        return Format.JSONL
    if line.startswith("{") or (line.startswith("[") and line[1:].lstrip()[:1] in ("", "{", "]")):
        program = format_of_records(_limited(read, 2 * RECORD_CHARACTERS_MAX))
        return Format(program) if program is not None else Format.JSONL
    if begins_text_file(line):
        return Format.TEXT
    return Format.JRNL if is_jrnl_line(line, date_format) else None


def unknown_format(first_line: str) -> InvalidImport:
    """The error for a file that begins with `first_line` and has an unknown format."""
    try:
        first_line.encode()
    except UnicodeEncodeError:
        return InvalidImport("import_not_unicode")
    return InvalidImport("import_format_unknown", text=first_line.removeprefix(BYTE_ORDER_MARK).strip())


def _is_exported(line: str) -> bool:
    """Whether `line` is a JSON object with the fields that `udpnote export` writes first."""
    try:
        fields: dict[str, object] = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return {"number", "kind"} <= fields.keys()


def _limited(read: Callable[[int], str], characters_max: int) -> Callable[[int], str]:
    """Return a function like `read` that returns at most `characters_max` characters in all its calls together."""
    left = characters_max

    def limited(size: int) -> str:
        nonlocal left
        piece = read(min(size, left)) if left else ""
        left -= len(piece)
        return piece

    return limited

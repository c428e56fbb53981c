"""JSON lines, the format of a notebook's complete export and import: each line is a JSON object for one entry.

`jsonl_line` writes a line, and `parse_jsonl` reads it. The same entry always gives the same bytes.
"""

import json
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import (
    CLIENT_ID_BYTES,
    SEQUENCE_MAX,
    UTC_OFFSET_MINUTES_MAX,
    Entry,
    Kind,
    StoredEntry,
    check_author,
    check_text,
    is_writing_time,
)
from udpnote.text.harmless import harmless_json

BYTE_ORDER_MARK = "\ufeff"
"""Some editors write this character at the beginning of a file. It does not belong to the text."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MINUTE_MICROSECONDS = 60_000_000
_SIXTY = [f"{number:02}" for number in range(60)]
_THOUSAND = [f"{number:03}" for number in range(1000)]
"""Numbers with leading zeros: 00 to 59 for minutes and seconds, 000 to 999 for fractions. Formatting each again is slower."""

_STAYS = bytes(code >= 0x20 and code not in b'"\\\x7f' for code in range(256))
"""A table for `bytes.translate` of ASCII: 1 for a character that stays as it is in a JSON string, 0 for one to be escaped."""

_NOTE = Kind.NOTE
_KIND_NAMES = {Kind.NOTE: "note", Kind.REVISION: "revision", Kind.DELETION: "deletion"}
_KINDS = {name: kind for kind, name in _KIND_NAMES.items()}


def iso_time(written_at: int, utc_offset: int) -> str:
    """Return `written_at` (microseconds since 1970 UTC) as ISO 8601, in the time zone `utc_offset` minutes east of UTC.

    For example `2026-11-23T07:52:00.123456+08:00`, always with microseconds and the UTC offset.
    """
    minute = written_at // _MINUTE_MICROSECONDS
    rest = written_at - minute * _MINUTE_MICROSECONDS
    minute += utc_offset
    millisecond = rest // 1000
    fraction = f"{_THOUSAND[millisecond % 1000]}{_THOUSAND[rest % 1000]}"
    return f"{_hour(minute // 60)}:{_SIXTY[minute % 60]}:{_SIXTY[millisecond // 1000]}.{fraction}{_offset(utc_offset)}"


def jsonl_line(stored: StoredEntry) -> str:
    """`stored` as a JSON object on one line, with a newline at its end and without characters that could harm a terminal."""
    number, stored_at, (client_id, sequence, kind, written_at, utc_offset, author, text, revises, _), _ = stored
    kind_and_revises = '"note"' if kind is _NOTE else f'"{_KIND_NAMES[kind]}", "revises": {revises}'
    return (
        f'{{"number": {number}, "kind": {kind_and_revises}, "text": {_json_text(text)}, '
        f'"written_at": "{iso_time(written_at, utc_offset)}", "stored_at": "{_stored_time(stored_at)}", '
        f'{_writer(author, client_id)}, "sequence": {sequence}}}\n'
    )


def parse_jsonl(line: str) -> StoredEntry:
    """Return the stored entry that `line` describes, with the number that it had in the exported notebook.

    `line` comes from `jsonl_line` or another program, with or without its newline. Unknown keys are ignored. The caller must
    have decoded the line with `errors="surrogateescape"`, so that this function notices invalid UTF-8. Raises `InvalidImport`
    if the line is not a JSON object, or if a field is missing or has an invalid value.
    """
    fields = _object(line)
    kind = _KINDS.get(_field(fields, "kind", str))
    if kind is None:
        raise InvalidImport("kind_invalid", value=fields["kind"])
    number = _positive(fields, "number")
    written_at, utc_offset = _time(fields, "written_at")
    stored_at, _ = _time(fields, "stored_at")
    entry = Entry(
        _client(fields), _positive(fields, "sequence"), kind, written_at, utc_offset,
        _author(fields), _text(fields, kind), _revises(fields, kind, number),
    )  # fmt: skip
    return StoredEntry(number, stored_at, entry, number)


@lru_cache(1024)
def _hour(hour: int) -> str:
    """The day and hour that begin `hour` hours after 1970-01-01 00:00, such as `2026-11-23T07`.

    The result is cached, because many entries are written in the same hour.
    """
    return f"{date.fromordinal(_EPOCH_DAY + hour // 24).isoformat()}T{hour % 24:02}"


@lru_cache(16)
def _stored_time(stored_at: int) -> str:
    """The time `stored_at` (microseconds since 1970 UTC) as ISO 8601 in UTC.

    The result is cached, because all entries that were stored in one transaction have the same time.
    """
    return iso_time(stored_at, 0)


@lru_cache(1024)
def _writer(author: str, client_id: bytes) -> str:
    """The fields `author` and `client` of a JSON object, without its braces. Cached, because few writers write many entries."""
    return f'"author": {_json_text(author)}, "client": "{client_id.hex()}"'


def _json_text(text: str) -> str:
    """`text` as a JSON string, in double quotes, without characters that could harm a terminal."""
    if text.isascii():
        if 0 not in text.encode().translate(_STAYS):  # most texts; `isprintable` would take three times as long
            return f'"{text}"'
        if "\x7f" not in text:
            return encode_basestring(text)
    return harmless_json(encode_basestring(text))


@lru_cache(128)
def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _object(line: str) -> dict[str, Any]:
    """The JSON object in `line`. Raises `InvalidImport` if `line` is anything else."""
    try:
        fields = json.loads(line.removeprefix(BYTE_ORDER_MARK))
    except json.JSONDecodeError as error:
        raise InvalidImport("not_json", character=error.pos + 1) from None
    except (ValueError, RecursionError):  # a number with thousands of digits, or lists nested too deeply
        raise InvalidImport("json_not_of_an_export") from None
    if type(fields) is not dict:
        raise InvalidImport("json_not_an_object", value=fields)
    return fields


def _field(fields: dict[str, Any], key: str, kind: type) -> Any:
    """The value of the field `key`. Raises `InvalidImport` unless its type is `kind`, which is str or int."""
    value = fields.get(key)
    if type(value) is not kind:  # not isinstance: True is an int
        if key not in fields:
            raise InvalidImport("field_missing", field=key)
        raise InvalidImport("field_not_text" if kind is str else "field_not_whole_number", field=key, value=value)
    return value


def _positive(fields: dict[str, Any], key: str) -> int:
    """The integer in the field `key`. Raises `InvalidImport` unless it is from 1 to `SEQUENCE_MAX`."""
    value: int = _field(fields, key, int)
    if not 0 < value <= SEQUENCE_MAX:
        raise InvalidImport("field_out_of_range", field=key, maximum=SEQUENCE_MAX, value=value)
    return value


def _time(fields: dict[str, Any], key: str) -> tuple[int, int]:
    """The ISO 8601 time in the field `key`: microseconds since 1970 UTC, and the UTC offset in minutes east.

    Raises `InvalidImport` if the field is missing or is not text, if the text is not a time with a UTC offset, or if an entry
    cannot have this time.
    """
    value = _field(fields, key, str)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidImport("field_not_time", field=key, value=value) from None
    offset = moment.utcoffset()
    if offset is None:
        raise InvalidImport("time_without_utc_offset", field=key, value=value)
    minutes = _minutes(offset)
    if minutes is None:
        raise InvalidImport("utc_offset_invalid", field=key, value=value)
    since_1970 = moment - _EPOCH
    written_at = (since_1970.days * 86_400 + since_1970.seconds) * 1_000_000 + since_1970.microseconds
    if not is_writing_time(written_at):
        raise InvalidImport("time_out_of_range", field=key, value=value)
    return written_at, minutes


@lru_cache(128)
def _minutes(offset: timedelta) -> int | None:
    """The UTC offset `offset` in minutes. None if an entry cannot have it, because it has seconds or is too large."""
    minutes, rest = divmod(offset, timedelta(minutes=1))
    return None if rest or abs(minutes) > UTC_OFFSET_MINUTES_MAX else minutes


def _client(fields: dict[str, Any]) -> bytes:
    value = _field(fields, "client", str)
    try:
        client_id = bytes.fromhex(value)
    except ValueError:
        client_id = b""
    if len(client_id) != CLIENT_ID_BYTES or len(value) != 2 * CLIENT_ID_BYTES:
        raise InvalidImport("client_invalid", value=value)
    return client_id


def _author(fields: dict[str, Any]) -> str:
    author: str = _field(fields, "author", str)
    try:
        check_author(author)
    except InvalidEntry as error:
        raise InvalidImport("author_invalid", error=error) from None
    return author


def _text(fields: dict[str, Any], kind: Kind) -> str:
    text: str = _field(fields, "text", str)
    if kind is Kind.DELETION:
        if text:
            raise InvalidImport("deletion_with_text", value=text)
        return text
    try:
        check_text(text)
    except InvalidEntry as error:
        raise InvalidImport("text_invalid", error=error) from None
    return text


def _revises(fields: dict[str, Any], kind: Kind, number: int) -> int:
    """The field `revises` of a revision or deletion with this `number`; 0 for a note.

    Raises `InvalidImport` if the field is not a positive integer less than `number`, or if a note has this field.
    """
    if kind is Kind.NOTE:
        if "revises" in fields:
            raise InvalidImport("note_with_revises")
        return 0
    revises = _positive(fields, "revises")
    if revises >= number:
        raise InvalidImport("revises_not_before", number=number, revises=revises)
    return revises

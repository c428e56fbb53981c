"""What a notebook is exported to and imported from: JSON lines, and the text file of the old notebook.

JSON lines are complete: what `parse_jsonl` reads is what `jsonl_line` was given, and gives the same bytes again. The text file
holds times and texts only, as the old notebook wrote them; importing it a second time adds nothing.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import (
    CLIENT_ID_BYTES,
    SEQUENCE_MAX,
    TEXT_BYTES_MAX,
    UTC_OFFSET_MINUTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Entry,
    Kind,
    StoredEntry,
    check_author,
    check_text,
)

LINE_CHARACTERS_MAX = TEXT_BYTES_MAX + 2
"""Whoever reads a text file line by line need not read more of one: it is longer than an entry, whatever follows."""

TEXT_CLIENT_ID = sha256(b"udpnote text import").digest()[:CLIENT_ID_BYTES]
"""All entries of text files come from one client, so that the same entry is known again wherever it is imported."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MINUTE_MICROSECONDS = 60_000_000
_SIXTY = [f"{number:02}" for number in range(60)]
"""Minutes and seconds as a clock shows them."""

_BYTE_ORDER_MARK = "\ufeff"

_NOTE = Kind.NOTE
_KIND_NAMES = {Kind.NOTE: "note", Kind.REVISION: "revision", Kind.DELETION: "deletion"}
_KINDS = {name: kind for kind, name in _KIND_NAMES.items()}

_LONG = f"the text has more than {TEXT_BYTES_MAX:,} bytes of UTF-8, and an entry holds no more: split it"
_STAMP = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})\s*")


class Format(Enum):
    """What can be imported."""

    JSONL = "jsonl"
    TEXT = "text"


def detect(first_line: str) -> Format:
    """The format of the file whose first line that is not blank is `first_line`; raises `InvalidImport` if it is none.

    What is not UTF-8 is expected as `surrogateescape` leaves it.
    """
    line = first_line.removeprefix(_BYTE_ORDER_MARK)
    if line.lstrip().startswith("{"):
        return Format.JSONL
    if _stamp(line) is not None:
        return Format.TEXT
    if not _is_unicode(line):
        raise InvalidImport("the file is not valid UTF-8: convert it first, for example with `iconv -f GB18030 -t UTF-8`")
    raise InvalidImport(
        f"{_shown(line.strip())} begins neither JSON lines, as `udpnote export` writes them, nor a text file, which begins "
        "with a time such as 2019/05/09 16:37:08"
    )


# JSON lines


def iso_time(written_at: int, utc_offset: int) -> str:
    """Microseconds since 1970 UTC as ISO 8601 in the writer's time zone, `utc_offset` minutes east of UTC."""
    minute = written_at // _MINUTE_MICROSECONDS
    rest = written_at - minute * _MINUTE_MICROSECONDS
    minute += utc_offset
    second, microsecond = _SIXTY[rest // 1_000_000], rest % 1_000_000
    return f"{_hour(minute // 60)}:{_SIXTY[minute % 60]}:{second}.{microsecond:06}{_offset(utc_offset)}"


def jsonl_line(stored: StoredEntry) -> str:
    """All of a stored entry as one line of JSON, with its newline."""
    number, stored_at, (client_id, sequence, kind, written_at, utc_offset, author, text, revises), _ = stored
    what = '"note"' if kind is _NOTE else f'"{_KIND_NAMES[kind]}", "revises": {revises}'
    return (
        f'{{"number": {number}, "kind": {what}, "text": {encode_basestring(text)}, '
        f'"written_at": "{iso_time(written_at, utc_offset)}", "stored_at": "{_stored_time(stored_at)}", '
        f'{_writer(author, client_id)}, "sequence": {sequence}}}\n'
    )


def parse_jsonl(line: str) -> StoredEntry:
    """The stored entry that `jsonl_line` made `line` of; keys that it does not know are passed over.

    Raises `InvalidImport` unless every field is there and in its range.
    """
    fields = _object(line)
    kind = _KINDS.get(_field(fields, "kind", str))
    if kind is None:
        raise InvalidImport(f"kind must be note, revision or deletion, not {_shown(fields['kind'])}")
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
    """An hour, counted from 1970, as ISO 8601: the entries of an hour share it."""
    return f"{date.fromordinal(_EPOCH_DAY + hour // 24).isoformat()}T{hour % 24:02}"


@lru_cache(16)
def _stored_time(stored_at: int) -> str:
    """When an entry was stored, in UTC: all that were stored in one transaction share it."""
    return iso_time(stored_at, 0)


@lru_cache(1024)
def _writer(author: str, client_id: bytes) -> str:
    """Who wrote an entry, as JSON: few have written many of them."""
    return f'"author": {encode_basestring(author)}, "client": "{client_id.hex()}"'


@lru_cache(128)
def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _object(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line.removeprefix(_BYTE_ORDER_MARK))
    except json.JSONDecodeError as error:
        raise InvalidImport(f"not JSON ({error.msg} at character {error.pos + 1:,})") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a list in a list in a list …
        raise InvalidImport(f"not JSON that an export would hold ({error})") from None
    if type(fields) is not dict:
        raise InvalidImport(f"not a JSON object but {_shown(fields)}")
    return fields


def _field(fields: dict[str, Any], key: str, kind: type) -> Any:
    value = fields.get(key)
    if type(value) is not kind:  # not isinstance: True is an int
        if key not in fields:
            raise InvalidImport(f"{key} is missing")
        raise InvalidImport(f"{key} must be a {'text' if kind is str else 'whole number'}, not {_shown(value)}")
    return value


def _positive(fields: dict[str, Any], key: str) -> int:
    value: int = _field(fields, key, int)
    if not 0 < value <= SEQUENCE_MAX:
        raise InvalidImport(f"{key} must be from 1 to {SEQUENCE_MAX}, not {_shown(value)}")
    return value


def _time(fields: dict[str, Any], key: str) -> tuple[int, int]:
    """A time with its offset, as microseconds since 1970 UTC and minutes east of UTC."""
    value = _field(fields, key, str)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidImport(f"{key} must be a time such as 2019-05-09T16:37:08+08:00, not {_shown(value)}") from None
    offset = moment.utcoffset()
    if offset is None:
        raise InvalidImport(f"{key} must have its UTC offset, as in 2019-05-09T16:37:08+08:00, not {_shown(value)}")
    minutes = _minutes(offset)
    if minutes is None:
        raise InvalidImport(f"{key} must have a UTC offset in minutes, of at most 18 hours, not {_shown(value)}")
    since_1970 = moment - _EPOCH
    written_at = (since_1970.days * 86_400 + since_1970.seconds) * 1_000_000 + since_1970.microseconds
    if not WRITTEN_AT_MIN <= written_at <= WRITTEN_AT_MAX:
        raise InvalidImport(f"{key} must be from 0001-01-02 to 9999-12-31, not {_shown(value)}")
    return written_at, minutes


@lru_cache(128)
def _minutes(offset: timedelta) -> int | None:
    """A UTC offset in minutes; None if it is none that an entry may have."""
    minutes, rest = divmod(offset, timedelta(minutes=1))
    return None if rest or abs(minutes) > UTC_OFFSET_MINUTES_MAX else minutes


def _client(fields: dict[str, Any]) -> bytes:
    value = _field(fields, "client", str)
    try:
        client_id = bytes.fromhex(value)
    except ValueError:
        client_id = b""
    if len(client_id) != CLIENT_ID_BYTES or len(value) != 2 * CLIENT_ID_BYTES:
        raise InvalidImport(f"client must be {2 * CLIENT_ID_BYTES} hexadecimal digits, not {_shown(value)}")
    return client_id


def _author(fields: dict[str, Any]) -> str:
    author: str = _field(fields, "author", str)
    try:
        check_author(author)
    except InvalidEntry as error:
        raise InvalidImport(f"author: {error}") from None
    return author


def _text(fields: dict[str, Any], kind: Kind) -> str:
    text: str = _field(fields, "text", str)
    if kind is Kind.DELETION:
        if text:
            raise InvalidImport(f"a deletion has no text, and here is {_shown(text)}")
        return text
    complaint = _complaint(text)
    if complaint is not None:
        raise InvalidImport(f"text: {complaint}")
    return text


def _revises(fields: dict[str, Any], kind: Kind, number: int) -> int:
    if kind is Kind.NOTE:
        if "revises" in fields:
            raise InvalidImport("a note revises nothing: it has no revises")
        return 0
    revises = _positive(fields, "revises")
    if revises >= number:
        raise InvalidImport(f"revises must be less than number, {number}, not {revises}")
    return revises


# The text file of the old notebook


class TextBlock(NamedTuple):
    """What a text file holds at `line` (from 1): a local time without zone, and what was written then."""

    line: int
    written: datetime
    text: str


class TextBlocks:
    """The blocks of a text file, one after the other; of a block that is too long, no more is kept than an entry holds.

    `lines` come with their newlines, as a file gives them; one without goes on in the next, so that `readline` may be given a
    limit (`LINE_CHARACTERS_MAX`). A block begins with a time on a line of its own that is the first or follows a blank one; a
    time that is none of the calendar is text. A block without text is passed over, and counted in `blank`. One that cannot
    be an entry is counted in `bad` and reported to `on_bad`, which may raise it; the others go on.

    Iterating raises `InvalidImport` if there is text before the first time.
    """

    def __init__(self, lines: Iterable[str], on_bad: Callable[[InvalidImport], None]) -> None:
        self._lines = lines
        self._on_bad = on_bad
        self._stamp: tuple[int, datetime] | None = None
        self._pieces: list[str] = []
        self._characters = 0
        self._is_long = False
        self.blank = 0
        self.bad = 0

    def __iter__(self) -> Iterator[TextBlock]:
        number, is_start, follows_blank = 1, True, True
        for piece in self._lines:
            line = piece.removeprefix(_BYTE_ORDER_MARK) if number == 1 and is_start else piece
            written = _stamp(line) if is_start and follows_blank else None
            if written is not None:
                yield from self._finish()
                self._stamp = number, written
            else:
                self._keep(line.replace("\r\n", "\n"), number)
            follows_blank = (follows_blank or is_start) and not line.strip()
            is_start = piece.endswith("\n")
            number += is_start
        yield from self._finish()

    def _keep(self, piece: str, number: int) -> None:
        is_blank = not piece.strip()
        if self._stamp is None and is_blank:
            return
        if self._stamp is None:
            raise InvalidImport(
                f"line {number:,}, {_shown(piece.strip())}, comes before any time: is this a udpnote text file?"
            )
        if self._characters <= TEXT_BYTES_MAX:
            self._pieces.append(piece)
            self._characters += len(piece)
        elif not is_blank:  # blank lines at its end would not count
            self._is_long = True

    def _finish(self) -> Iterator[TextBlock]:
        """The block that is complete now, if it can be an entry."""
        text, is_long = _without_blank_end("".join(self._pieces)), self._is_long
        self._pieces, self._characters, self._is_long = [], 0, False
        if self._stamp is None:
            return
        complaint = _LONG if is_long else _complaint(text)
        if not text and not is_long:
            self.blank += 1
        elif complaint is None:
            yield TextBlock(*self._stamp, text)
        else:
            self.bad += 1
            self._on_bad(InvalidImport(f"the entry at line {self._stamp[0]:,}: {complaint}"))


def text_block(written_at: int, utc_offset: int, text: str) -> str:
    """An entry as the old notebook wrote it: the writer's local time, the text, a blank line.

    A text that holds, after a blank line, a line that is a time would be read as two entries: the format knows no better.
    """
    written = text.rstrip("\r\n")
    return f"{_as_stamp(iso_time(written_at, utc_offset))}\n{written}\n\n"


def text_entries(blocks: Iterable[TextBlock], author: str, localize: Callable[[datetime], tuple[int, int]]) -> Iterator[Entry]:
    """`blocks` as entries of `author` that are the same ones whenever they are made, so that a second import adds nothing.

    Equal texts written in the same second are told apart by counting them, as long as no other time comes between: a file
    that holds everything twice is one notebook, a second with two equal lines is two entries. `localize` gives, for a local
    time without zone, microseconds since 1970 UTC and minutes east of UTC.
    """
    second: datetime | None = None
    seen: dict[int, int] = {}
    for _, written, text in blocks:
        if written != second:
            second, seen = written, {}
        first = _sequence(written, text, 0)
        count = seen.get(first, 0)
        seen[first] = count + 1
        written_at, utc_offset = localize(written)
        sequence = _sequence(written, text, count) if count else first
        yield Entry(TEXT_CLIENT_ID, sequence, Kind.NOTE, written_at, utc_offset, author, text)


def _as_stamp(iso: str) -> str:
    """A time of ISO 8601 as the old notebook wrote it, to the second."""
    return iso[:19].replace("-", "/").replace("T", " ")


def _stamp(line: str) -> datetime | None:
    """The local time that is all of `line`, if it is one."""
    match = _STAMP.fullmatch(line)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _complaint(text: str) -> str | None:
    """Why `text` can be no entry; None if it can."""
    try:
        check_text(text)
    except InvalidEntry as error:
        return str(error)
    return None


def _without_blank_end(text: str) -> str:
    """`text` without the lines at its end that are blank, and without its last newline."""
    written = text.rstrip()
    end_of_line = text.find("\n", len(written))
    return "" if not written else text if end_of_line < 0 else text[:end_of_line]


def _sequence(written: datetime, text: str, count: int) -> int:
    """63 bits that stand for an entry of a text file; never 0, which is no sequence."""
    content = f"{_as_stamp(written.isoformat())}\n{count}\n{text}"
    return int.from_bytes(sha256(content.encode()).digest()[:8]) % SEQUENCE_MAX + 1


# Both


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    """`value` as a message shows it: its beginning, or its type if it holds others."""
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__}"
    shown = repr(value[:50] if isinstance(value, str) else value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."

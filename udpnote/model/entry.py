"""Entries: each is a note, a revision or a deletion; the parts in which it travels; and the server's verdict on each part."""

from enum import IntEnum
from typing import NamedTuple

from udpnote.errors import InvalidEntry

CLIENT_ID_BYTES = 16
"""128 random bits: two clients do not get the same id by chance (RFC 9562 §6.9 argues the same for UUIDs)."""

SEQUENCE_MAX = 2**63 - 1
"""The largest integer that SQLite stores; at a million entries a second it lasts 292,000 years."""

TEXT_BYTES_MAX = 1 << 20
"""1 MiB of UTF-8: longer than any note, and short enough that a few unfinished entries cannot fill a server's memory."""

AUTHOR_BYTES_MAX = 128
"""Room for `user@host` with a host name of 63 characters, or for some forty Chinese characters."""

UTC_OFFSET_MINUTES_MAX = 18 * 60
"""ISO 8601 offsets in use lie within ±14 hours; ±18 is what other date libraries accept."""

WRITTEN_AT_MIN = -62_135_510_400_000_000
WRITTEN_AT_MAX = 253_402_214_400_000_000
"""0001-01-02 and 9999-12-31 in microseconds since 1970 UTC: a calendar can show the time between them in any UTC offset."""


class Kind(IntEnum):
    """The effect of an entry on the notebook: it adds a note, replaces the text of a note, or deletes a note."""

    NOTE = 1
    REVISION = 2
    DELETION = 3


class Status(IntEnum):
    """The server's verdict on one part of an entry."""

    STORED = 1
    STORED_ALREADY = 2
    PART_KEPT = 3
    CONFLICT = 4
    TOO_LARGE = 5
    NO_SPACE = 6
    REFUSED = 7


class Entry(NamedTuple):
    """One entry as its client wrote it; (`client_id`, `sequence`) identifies it for ever.

    `written_at` is in microseconds since 1970 UTC; `utc_offset` is the writer's, in minutes east. In a revision or deletion,
    `revises` is the number of the entry that its writer saw: a note, or an earlier revision or deletion of it. In a note it is
    0. A deletion has no text.
    """

    client_id: bytes
    sequence: int
    kind: Kind
    written_at: int
    utc_offset: int
    author: str
    text: str
    revises: int = 0


class Restored(NamedTuple):
    """How to store an imported entry: with the time `stored_at` (microseconds since 1970 UTC; 0: now), after another entry.

    `after_client` and `after_sequence` identify the other entry, which must be in the notebook already; a sequence of 0 names
    none. So imported entries keep their order, and with it their numbers, even if the network loses or reorders datagrams.
    """

    stored_at: int
    after_client: bytes
    after_sequence: int


NO_PREDECESSOR = (bytes(CLIENT_ID_BYTES), 0)
"""The last two fields of a `Restored` that need not wait for another entry."""


class Part(NamedTuple):
    """A part of an entry: `data` is the bytes of its UTF-8 text from `offset` on. Most entries have a single part.

    `restored` is set if the entry is imported.
    """

    client_id: bytes
    sequence: int
    kind: Kind
    written_at: int
    utc_offset: int
    author: str
    total_bytes: int
    offset: int
    data: bytes
    revises: int = 0
    restored: Restored | None = None


class Verdict(NamedTuple):
    """Whether a part was stored, or why not, and the number of its entry (0: the entry is not stored)."""

    status: Status
    number: int


class StoredEntry(NamedTuple):
    """An entry in a notebook under its `number`; `stored_at` is the server's clock, in microseconds since 1970 UTC.

    `version` is the number of the revision that the text is from, or the entry's own number if it is the first text.
    """

    number: int
    stored_at: int
    entry: Entry
    version: int


def check_text(text: str) -> None:
    """Raise `InvalidEntry` unless `text` can be an entry: not blank, Unicode, at most `TEXT_BYTES_MAX` bytes of UTF-8."""
    if not isinstance(text, str):
        raise InvalidEntry("text_not_str", type=type(text).__name__)
    if not text.strip():
        raise InvalidEntry("text_blank")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidEntry("text_not_unicode", character=error.start + 1) from None
    if size > TEXT_BYTES_MAX:
        raise InvalidEntry("text_too_long", bytes=size, bytes_max=TEXT_BYTES_MAX)


def is_text(data: bytes) -> bool:
    """Whether `data` is the UTF-8 of a text that is not blank."""
    try:
        return bool(data.decode().strip())
    except UnicodeDecodeError:
        return False


def check_author(author: str) -> None:
    """Raise `InvalidEntry` unless `author` is Unicode text, not blank, of at most `AUTHOR_BYTES_MAX` bytes of UTF-8."""
    try:
        size = len(author.encode())
    except UnicodeEncodeError:
        raise InvalidEntry("author_not_unicode") from None
    if not author.strip():
        raise InvalidEntry("author_blank")
    if size > AUTHOR_BYTES_MAX:
        raise InvalidEntry("author_too_long", bytes=size, bytes_max=AUTHOR_BYTES_MAX)


def check_number(number: int) -> None:
    """Raise `InvalidEntry` unless `number` can be the number of an entry in a notebook."""
    if not 0 < number <= SEQUENCE_MAX:
        raise InvalidEntry("no_such_number", number=number)


def split(entry: Entry, part_bytes_max: int, restored: Restored | None = None) -> list[Part]:
    """The parts of `entry`, in order, each of at most `part_bytes_max` bytes of text."""
    client_id, sequence, kind, written_at, utc_offset, author, text, revises = entry
    data = text.encode()
    size = len(data)
    header = (client_id, sequence, kind, written_at, utc_offset, author, size)
    if size <= part_bytes_max:  # nearly always; `tuple.__new__` takes half the time of `Part(...)`
        return [tuple.__new__(Part, (*header, 0, data, revises, restored))]
    return [
        Part(*header, offset, data[offset : offset + part_bytes_max], revises, restored)
        for offset in range(0, size, part_bytes_max)
    ]


def is_whole(part: Part) -> bool:
    """Whether this part has the whole text of its entry."""
    return len(part.data) == part.total_bytes

"""What is written down: entries, the parts they travel in, and the verdict on each."""

from enum import IntEnum
from typing import NamedTuple

from udpnote.errors import InvalidEntry

CLIENT_ID_BYTES = 16
"""128 random bits: two installations do not meet by chance (RFC 9562 §6.9 argues the same for UUIDs)."""

SEQUENCE_MAX = 2**63 - 1
"""The largest integer that SQLite stores; at a million entries a second it lasts 292,000 years."""

TEXT_BYTES_MAX = 1 << 20
"""1 MiB of UTF-8: longer than any note, short enough that a few unfinished ones cannot fill a server."""

AUTHOR_BYTES_MAX = 128
"""Room for `user@host` with a host name of 63 characters, or some forty Chinese characters."""

UTC_OFFSET_MINUTES_MAX = 18 * 60
"""ISO 8601 offsets in use lie within ±14 hours; ±18 is what other date libraries accept."""

WRITTEN_AT_MIN = -62_135_510_400_000_000
WRITTEN_AT_MAX = 253_402_214_400_000_000
"""Microseconds since 1970 of 0001-01-02 and 9999-12-31: what a calendar can show in any UTC offset."""


class Kind(IntEnum):
    """What an entry does to the notebook: it adds a note, or replaces the text of one, or takes one away."""

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

    `written_at` is in microseconds since 1970 UTC, `utc_offset` the writer's, in minutes east. A revision or a deletion
    names in `revises` the number of what its writer saw: a note, or an earlier revision or deletion of one. A note has 0
    there, and a deletion no text.
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
    """How an imported entry is to be kept: as `stored_at` (microseconds since 1970 UTC; 0: now), and after another one.

    The other one, (`after_client`, `after_sequence`), must be in the notebook already; a sequence of 0 names none. So
    entries keep their order, and with it their numbers, whatever the network loses.
    """

    stored_at: int
    after_client: bytes
    after_sequence: int


NO_PREDECESSOR = (bytes(CLIENT_ID_BYTES), 0)
"""In a `Restored`: it may be kept at once."""


class Part(NamedTuple):
    """`data`, the bytes of an entry's UTF-8 text from `offset` on; most entries have a single part.

    `restored` is there if the entry is imported.
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
    """What became of a part, and the entry's number where it is stored (0 where it is not)."""

    status: Status
    number: int


class StoredEntry(NamedTuple):
    """An entry in a notebook under its `number`; `stored_at` is the server's clock, microseconds since 1970 UTC.

    `version` is the number of the revision whose text it shows; its own where it shows what was written first.
    """

    number: int
    stored_at: int
    entry: Entry
    version: int


def check_text(text: str) -> None:
    """Raise `InvalidEntry` unless `text` can be an entry: not blank, Unicode, at most `TEXT_BYTES_MAX` bytes of UTF-8."""
    if not isinstance(text, str):
        raise InvalidEntry(f"an entry is a text, not {type(text).__name__}")
    if not text.strip():
        raise InvalidEntry("the text is empty: write something, or quote it if the shell took it away")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidEntry(
            f"the text is not valid UTF-8 (character {error.start + 1}): convert it first, "
            "for example with `iconv -f GB18030 -t UTF-8`"
        ) from None
    if size > TEXT_BYTES_MAX:
        raise InvalidEntry(
            f"the text has {size:,} bytes of UTF-8, and an entry holds at most {TEXT_BYTES_MAX:,}: split it, "
            "or send it line by line"
        )


def is_text(data: bytes) -> bool:
    """Whether `data` is the UTF-8 of a text that is not blank."""
    try:
        return bool(data.decode().strip())
    except UnicodeDecodeError:
        return False


def check_author(author: str) -> None:
    """Raise `InvalidEntry` unless `author` is Unicode text of 1 to `AUTHOR_BYTES_MAX` bytes of UTF-8."""
    try:
        size = len(author.encode())
    except UnicodeEncodeError:
        raise InvalidEntry("the author is not valid UTF-8") from None
    if not author.strip():
        raise InvalidEntry("the author is empty: name one with --author or UDPNOTE_AUTHOR")
    if size > AUTHOR_BYTES_MAX:
        raise InvalidEntry(f"the author has {size} bytes of UTF-8, and {AUTHOR_BYTES_MAX} is the most")


def check_number(number: int) -> None:
    """Raise `InvalidEntry` unless `number` can be that of an entry in a notebook."""
    if not 0 < number <= SEQUENCE_MAX:
        raise InvalidEntry(f"entries are numbered from 1 on: there is no #{number}")


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
    """Whether this part is all of its entry."""
    return len(part.data) == part.total_bytes

"""Entries, the parts in which they travel, and the server's verdict on each part.

Everything that a client writes into a notebook is an entry: a new note, a revision, which replaces a note's text, or a
deletion. Each datagram carries one part of an entry, or several whole short notes: a run or a bundle (see `NoteRun`, `Bundle`).
"""

from enum import IntEnum
from typing import NamedTuple

from udpnote.errors import InvalidEntry
from udpnote.model.argument_types import check_type

CLIENT_ID_BYTES = 16
"""The length of a client id. With 128 random bits, two clients never get the same id by chance (RFC 9562 §6.9)."""

Identity = tuple[bytes, int]
"""The client id and the sequence number of an entry. Together they are unique in a notebook."""

SEQUENCE_MAX = 2**63 - 1
"""The largest sequence number of a client and the largest number in a notebook: the largest integer that SQLite stores."""

TEXT_BYTES_MAX = 1 << 20
"""The longest text of an entry: 1 MiB of UTF-8. Nobody writes more in one note, and 64 incomplete entries of this size fit into
the space that a server has for them."""

AUTHOR_BYTES_MAX = 128
"""The longest author, in bytes of UTF-8. It has room for `user@host` with a host name of 63 characters, or for 42 Chinese
characters."""

UTC_OFFSET_MINUTES_MAX = 18 * 60
"""The largest UTC offset, east or west. Time zones lie within ±14 hours, but date libraries accept up to ±18 hours."""

WRITTEN_AT_MIN = -62_135_510_400_000_000
WRITTEN_AT_MAX = 253_402_214_400_000_000
"""The earliest and the latest time of an entry, in microseconds since 1970 UTC: the start of 0001-01-02 and of 9999-12-31.
`datetime` covers the years 1 to 9999. One day is left at each end, so that `datetime` can show these times in any time zone."""


new_tuple = tuple.__new__
"""`new_tuple(Class, values)` makes a NamedTuple in half the time that `Class(*values)` takes. It is used where that is done for
every entry or datagram: a busy server makes 100,000 of them a second."""


class Kind(IntEnum):
    """The effect of an entry on the notebook: it adds a note, replaces the text of a note, or deletes a note."""

    NOTE = 1
    REVISION = 2
    DELETION = 3

    ERASED = 4
    """The remains of an entry that was erased. No client writes this kind.

    The notebook keeps the entry's number, client id, sequence number, `revises` and time of storing. `written_at` is the time
    of the erasure. The author and the text are empty.
    """


class Status(IntEnum):
    """What the server did with one part of an entry. Only `STORED` and `STORED_ALREADY` mean that the entry is stored."""

    STORED = 1
    """The server has stored the entry, because this part was the last one that was missing."""

    STORED_ALREADY = 2
    """The entry was stored earlier. The client sent this part again, or the network delivered it twice."""

    PART_KEPT = 3
    """The server keeps this part in the notebook's file, and waits for the other parts of the entry."""

    CONFLICT = 4
    """The server has another entry, or a part of another one, with the same client id and sequence number."""

    TOO_LARGE = 5
    """The entry is longer than `TEXT_BYTES_MAX`."""

    NO_SPACE = 6
    """The server's disk is full. The client may send the part again later."""

    REFUSED = 7
    """The text or the author is invalid, or the entry revises or deletes a number that the notebook does not have."""

    OLDER_COPY = 8
    """The notebook was restored from an older copy: it lacks the entry in `seen` (see `Entry`) of this revision or deletion."""

    NOT_WRITABLE = 9
    """The server cannot write the notebook now, though its disk is not full. The client may send the part again later."""

    SPLIT = 10
    """No other status is true of all notes in this run or bundle. The client sends each note again, in its own datagram."""

    ERASED = 11
    """The notebook has erased this entry, or the note that this entry would revise or delete."""

    @property
    def is_temporary(self) -> bool:
        """Whether the same part may be stored if the client sends it again later."""
        return self in (Status.NO_SPACE, Status.NOT_WRITABLE)


class SeenEntry(NamedTuple):
    """An entry that a client has seen in a notebook: its number there, and what identifies it for ever (see `Entry`).

    If the notebook has no entry with this number, or has another one, the notebook was restored from an older copy. In such a
    notebook, this number and higher ones may belong to other entries than before. The `number` 0 means: the client has seen no
    entry.
    """

    number: int
    client_id: bytes
    sequence: int

    def __repr__(self) -> str:
        return readable(self)


NOTHING_SEEN = SeenEntry(0, bytes(CLIENT_ID_BYTES), 0)
"""The `SeenEntry` of a client that has seen no entry of the notebook."""


class WritingTime(NamedTuple):
    """When an entry was written. Both fields have the same meaning and units as in `Entry`."""

    written_at: int
    utc_offset: int


class Entry(NamedTuple):
    """One entry as its client wrote it. The pair (`client_id`, `sequence`) identifies it for ever.

    `sequence` is from 1 to `SEQUENCE_MAX`, and different in each entry of a client. `written_at` is in microseconds since 1970
    UTC. `utc_offset` is the UTC offset of the writer's time zone, in minutes east of UTC. A deletion has an empty text.

    A revision or deletion also has `revises` and `seen`. `revises` is the number of the version that the writer saw: the note
    itself, or an earlier revision or deletion of it. It is 0 in a note. `seen` is an entry that the writer has seen in the
    notebook. A notebook without that entry refuses the revision or deletion, because there `revises` may be the number of
    another note. No notebook stores `seen`.
    """

    client_id: bytes
    sequence: int
    kind: Kind
    written_at: int
    utc_offset: int
    author: str
    text: str
    revises: int = 0
    seen: SeenEntry = NOTHING_SEEN

    def __repr__(self) -> str:
        return readable(self)


class Restored(NamedTuple):
    """The fields that only an imported entry has: when it was first stored, and its predecessor. Each part of it has them.

    `stored_at` is in microseconds since 1970 UTC; 0 stands for the time of the import. The predecessor is the entry that must
    be stored before this one: `after_client` is the predecessor's client id, and `after_sequence` its sequence number. If there
    is no predecessor, they are `NO_PREDECESSOR`. Thus imported entries keep their order, even if the network loses or reorders
    datagrams.
    """

    stored_at: int
    after_client: bytes
    after_sequence: int


NO_PREDECESSOR = (bytes(CLIENT_ID_BYTES), 0)
"""The fields `after_client` and `after_sequence` of a `Restored` without a predecessor."""


class Part(NamedTuple):
    """A part of an entry. It has the fields of the entry and a piece of its text. Most entries have a single part.

    `data` is the piece: bytes of the text in UTF-8, from the byte `offset` on. The whole text has `total_bytes` bytes.
    `restored` is None unless the entry is imported.
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
    seen: SeenEntry = NOTHING_SEEN
    restored: Restored | None = None


class NoteRun(NamedTuple):
    """A run: whole short notes of one client with consecutive sequence numbers, the first of which is `sequence`.

    `written_at` and `texts` have one element for each note. The times are in microseconds since 1970 UTC, in ascending order;
    equal times may occur. All notes have the same `utc_offset` and `author` (see `Entry`).
    """

    client_id: bytes
    sequence: int
    utc_offset: int
    author: str
    written_at: tuple[int, ...]
    texts: tuple[str, ...]


class Bundle(NamedTuple):
    """A bundle: whole short notes that are sent together. The server stores them in the order of `notes`.

    The notes may have several clients and authors, and gaps between their sequence numbers. They all have the kind `Kind.NOTE`.

    If the notes are imported, the other fields are those of `Restored`. `stored_at` has one time for each note. `after_client`
    and `after_sequence` identify the predecessor of the first note. The predecessor of any other note is the note before it. If
    the notes are not imported, each time in `stored_at` is 0, and `after_sequence` is 0.
    """

    notes: tuple[Entry, ...]
    stored_at: tuple[int, ...]
    after_client: bytes
    after_sequence: int

    @property
    def client_id(self) -> bytes:
        """The client id of the first note."""
        return self.notes[0].client_id

    @property
    def sequence(self) -> int:
        """The sequence number of the first note."""
        return self.notes[0].sequence


Arrival = Part | NoteRun | Bundle
"""What one datagram brings to a server to store: a part of an entry, a run or a bundle. It gets one verdict."""


class Verdict(NamedTuple):
    """What the server did with a part, and the number of its entry in the notebook (0: the entry is not stored).

    In a verdict on a run or bundle, `number` is the number of the first note. The other notes have the numbers after it.
    """

    status: Status
    number: int


class StoredEntry(NamedTuple):
    """An entry as a notebook has it. `number` is its number there.

    `stored_at` is when the server stored it, by the server's clock, in microseconds since 1970 UTC. In the results of a query
    with `View.NOTES`, `entry` has the latest text of a note. If the note was revised, `version` is the number of the revision
    with that text. In all other cases, `version` equals `number`.
    """

    number: int
    stored_at: int
    entry: Entry
    version: int

    @property
    def text(self) -> str:
        """The text of `entry`. It is empty for a deletion or an erased entry."""
        return self.entry.text

    @property
    def author(self) -> str:
        """The author of `entry`."""
        return self.entry.author

    @property
    def noted_at(self) -> int:
        """The time by which notes are listed: when the entry was written or stored, whichever is earlier.

        It is in microseconds since 1970 UTC. A note that was imported or sent late keeps the time when it was written. A note
        from a machine whose clock is ahead gets the time when it was stored.
        """
        return min(self.entry.written_at, self.stored_at)

    @property
    def as_seen(self) -> SeenEntry:
        """The number, client id and sequence number of this entry, as a `SeenEntry`."""
        return SeenEntry(self.number, self.entry.client_id, self.entry.sequence)


def check_text(text: str) -> None:
    """Raise `InvalidEntry` unless `text` may be a note's text: Unicode, not blank, at most `TEXT_BYTES_MAX` bytes of UTF-8.

    Raises `TypeError` if `text` is not a str.
    """
    if type(text) is not str:  # this comparison spares most texts the slower call
        check_type("text", text, str)
    if not text.strip():
        raise InvalidEntry("text_blank")
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidEntry("text_not_unicode", character=error.start + 1) from None
    if size > TEXT_BYTES_MAX:
        raise InvalidEntry("text_too_long", size=size, bytes_max=TEXT_BYTES_MAX, has_lines="\n" in text.strip())


def is_text(data: bytes) -> bool:
    """Whether `data` is valid UTF-8 and not blank. Its length is not checked."""
    try:
        return bool(data.decode().strip())
    except UnicodeDecodeError:
        return False


def is_one_line(text: str) -> bool:
    """Whether `text` is one line: not blank, and without any line break, even at its end."""
    return bool(text.strip()) and text.splitlines() == [text]


def check_author(author: str) -> None:
    """Raise `InvalidEntry` unless `author` is one line of Unicode, not blank, of at most `AUTHOR_BYTES_MAX` bytes of UTF-8.

    Raises `TypeError` if `author` is not a str.
    """
    check_type("author", author, str)
    try:
        size = len(author.encode())
    except UnicodeEncodeError:
        raise InvalidEntry("author_not_unicode") from None
    if not author.strip():
        raise InvalidEntry("author_blank")
    if not is_one_line(author):
        raise InvalidEntry("author_of_several_lines")
    if size > AUTHOR_BYTES_MAX:
        raise InvalidEntry("author_too_long", bytes=size, bytes_max=AUTHOR_BYTES_MAX)


def is_writing_time(written_at: int) -> bool:
    """Whether an entry may have been written at `written_at`, which is in microseconds since 1970 UTC."""
    return WRITTEN_AT_MIN <= written_at <= WRITTEN_AT_MAX


def check_writing_time(written: WritingTime) -> None:
    """Raise `InvalidEntry` if `written` is out of range, and `TypeError` if one of its fields is not an int."""
    check_type("written_at", written.written_at, int)
    check_type("utc_offset", written.utc_offset, int)
    if not is_writing_time(written.written_at) or abs(written.utc_offset) > UTC_OFFSET_MINUTES_MAX:
        raise InvalidEntry("writing_time_out_of_range", written_at=written.written_at, utc_offset=written.utc_offset)


def split(entry: Entry, part_bytes_max: int, restored: Restored | None = None) -> list[Part]:
    """Cut `entry` into parts with at most `part_bytes_max` bytes of text each, in order.

    A deletion, which has no text, has one part. Each part gets `restored`, which is None unless the entry is imported.
    """
    client_id, sequence, kind, written_at, utc_offset, author, text, revises, seen_entry = entry
    data = text.encode()
    size = len(data)
    header = (client_id, sequence, kind, written_at, utc_offset, author, size)
    if size <= part_bytes_max:  # nearly always
        return [new_tuple(Part, (*header, 0, data, revises, seen_entry, restored))]
    return cut(Part(*header, 0, data, revises, seen_entry, restored), part_bytes_max)


def cut(part: Part, part_bytes_max: int) -> list[Part]:
    """Cut `part` into smaller parts with at most `part_bytes_max` bytes of text each, in order."""
    starts = range(0, len(part.data) or 1, part_bytes_max)
    return [part._replace(offset=part.offset + start, data=part.data[start : start + part_bytes_max]) for start in starts]


def is_whole(part: Part) -> bool:
    """Whether `part` has the whole text of its entry."""
    return len(part.data) == part.total_bytes


def readable(value: tuple[object, ...]) -> str:
    """The `repr` of `value`, a named tuple, but with hexadecimal digits for fields that are bytes, such as ids."""
    names: tuple[str, ...] = getattr(type(value), "_fields", ())
    fields = (f"{name}={each.hex() if isinstance(each, bytes) else each!r}" for name, each in zip(names, value, strict=True))
    return f"{type(value).__name__}({', '.join(fields)})"

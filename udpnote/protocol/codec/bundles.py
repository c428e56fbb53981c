"""The part of the codec for BUNDLEs. A BUNDLE carries, in one datagram, short notes that a RUN cannot carry.

They are imported notes, or notes that are not alike. A writer is a combination of a client, an author and a UTC offset. Each
writer is in the datagram once. Each note has the index of its writer, from 0 on.
"""

from functools import lru_cache
from itertools import accumulate, pairwise
from struct import Struct

from udpnote.errors import BadDatagram
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    CLIENT_ID_BYTES,
    NO_PREDECESSOR,
    NOTHING_SEEN,
    SEQUENCE_MAX,
    UTC_OFFSET_MINUTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Bundle,
    Entry,
    Kind,
    new_tuple,
)
from udpnote.protocol.codec.fields import check_padding
from udpnote.protocol.codec.runs import RUN_NOTES_MAX, RUN_NOTES_MIN, RUN_START
from udpnote.protocol.envelope import BODY_BYTES_MAX
from udpnote.protocol.messages import Run, run_check

Writer = tuple[bytes, int, str]
"""A client id, a UTC offset in minutes, and an author."""

_HEAD = Struct(f">{CLIENT_ID_BYTES}sQBB")
"""The first fields of the content of a BUNDLE: client id and sequence number of the predecessor, numbers of notes and writers.
The writers, the `_columns` and the texts follow."""

_WRITER = Struct(f">{CLIENT_ID_BYTES}shB")
"""The fields of a writer: client id, UTC offset, length of the author. The author follows."""

_NOTE_OVERHEAD_BYTES = 27
"""How many bytes a note takes in addition to its text: eight each for its two times and its sequence number, two for the length
of its text, one for the index of its writer."""

BUNDLE_BYTES_MAX = BODY_BYTES_MAX - RUN_START.size - _HEAD.size
"""The most bytes that the notes and the writers of a bundle take together: the sum of `bundled_note_bytes` for each note and of
`writer_bytes` for each writer."""


def bundled_note_bytes(text: bytes) -> int:
    """How many bytes a note with this text (in UTF-8) takes in a bundle. Its writer is not included."""
    return _NOTE_OVERHEAD_BYTES + len(text)


def writer_bytes(author: str) -> int:
    """How many bytes a `Writer` with this author takes in a bundle."""
    return _WRITER.size + len(author.encode())


def writer_of(note: Entry) -> Writer:
    """The client id, the UTC offset and the author of `note`."""
    return note[0], note[4], note[5]  # client_id, utc_offset, author: by index, because names take longer


def pack_bundle(bundle: Bundle, texts: list[bytes]) -> bytes:
    """Convert `bundle` to the content of a BUNDLE, for `notes_body`. `texts` has the text of each note in UTF-8.

    The caller makes sure that all fields are within their limits.
    """
    notes, stored_at, after_client, after_sequence = bundle
    writers: dict[Writer, int] = {}
    indices = [writers.setdefault(writer_of(note), len(writers)) for note in notes]
    packed = [_HEAD.pack(after_client, after_sequence, len(notes), len(writers))]
    for client_id, utc_offset, author_text in writers:
        author = author_text.encode()
        packed += [_WRITER.pack(client_id, utc_offset, len(author)), author]
    written_at, sequences = [note[3] for note in notes], [note[1] for note in notes]
    columns = written_at, stored_at, sequences, map(len, texts), indices
    packed.append(_columns(len(notes)).pack(*(value for column in columns for value in column)))
    return b"".join(packed + texts)


def parse_bundle(body: bytes) -> Run:
    """The message that a BUNDLE with this `body` carries: a `Run` with a `Bundle` as its notes.

    Raises `BadDatagram`, `struct.error` or `UnicodeDecodeError` if `body` breaks a rule of the protocol.
    """
    _, notebook_id, token, attempt = RUN_START.unpack_from(body)
    after_client, after_sequence, count, writers_count = _HEAD.unpack_from(body, RUN_START.size)
    writers, columns_at = _parse_writers(body, writers_count)
    columns = _columns(count)
    values = columns.unpack_from(body, columns_at)
    written_at, stored_at, sequences, sizes, indices = (values[at * count : (at + 1) * count] for at in range(5))
    has_predecessor = 0 < after_sequence <= SEQUENCE_MAX
    if not (
        attempt
        and count >= RUN_NOTES_MIN
        and (has_predecessor or (after_client, after_sequence) == NO_PREDECESSOR)
        and 0 < min(sequences) <= max(sequences) <= SEQUENCE_MAX
        and min(written_at + stored_at) >= WRITTEN_AT_MIN
        and max(written_at + stored_at) <= WRITTEN_AT_MAX
        and all(sizes)
        and list(dict.fromkeys(indices)) == list(range(writers_count))  # the writers are in the order of their first notes
    ):
        raise BadDatagram("malformed")
    starts = list(accumulate(sizes, initial=columns_at + columns.size))
    check_padding(body, starts[-1])
    notes = []
    for index, sequence, time, (begin, end) in zip(indices, sequences, written_at, pairwise(starts), strict=True):
        client_id, utc_offset, author = writers[index]
        text = body[begin:end].decode()
        notes.append(new_tuple(Entry, (client_id, sequence, Kind.NOTE, time, utc_offset, author, text, 0, NOTHING_SEEN)))
    bundle = new_tuple(Bundle, (tuple(notes), stored_at, after_client, after_sequence))
    return new_tuple(Run, (notebook_id, token, attempt, bundle, run_check(body[RUN_START.size : starts[-1]])))


def _parse_writers(body: bytes, count: int) -> tuple[list[Writer], int]:
    """The `count` writers in the `body` of a BUNDLE, and the index where they end. Raises the errors of `parse_bundle`."""
    writers: list[Writer] = []
    at = RUN_START.size + _HEAD.size
    for _ in range(count):
        client_id, utc_offset, author_bytes = _WRITER.unpack_from(body, at)
        at += _WRITER.size + author_bytes
        writers.append((client_id, utc_offset, body[at - author_bytes : at].decode()))
        if not (0 < author_bytes <= AUTHOR_BYTES_MAX and -UTC_OFFSET_MINUTES_MAX <= utc_offset <= UTC_OFFSET_MINUTES_MAX):
            raise BadDatagram("malformed")
    if len(set(writers)) < count:
        raise BadDatagram("malformed")
    return writers, at


@lru_cache(maxsize=RUN_NOTES_MAX + 1)
def _columns(count: int) -> Struct:
    """The layout of the five columns of numbers that a BUNDLE of `count` notes has, each with a number for each note.

    The columns are the times at which the notes were written, the times at which they were stored, their sequence numbers, the
    lengths of their texts, and the indexes of their writers.
    """
    return Struct(f">{count}q{count}q{count}Q{count}H{count}B")

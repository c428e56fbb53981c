"""The part of the codec for RUNs. A RUN carries, in one datagram, several whole short notes that are alike.

The notes have the same client, author and UTC offset, so the datagram has these once. This module packs and unpacks each list
of numbers in one call, because the time that Python needs for each note limits how many notes are stored per second.
"""

from functools import lru_cache
from itertools import accumulate, islice, pairwise
from operator import sub
from struct import Struct

from udpnote.errors import BadDatagram
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    CLIENT_ID_BYTES,
    SEQUENCE_MAX,
    UTC_OFFSET_MINUTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    NoteRun,
    new_tuple,
)
from udpnote.protocol.codec.fields import HEADERS, check_padding
from udpnote.protocol.envelope import BODY_BYTES_MAX
from udpnote.protocol.messages import NOTEBOOK_ID_BYTES, TOKEN_BYTES, Run, run_check

RUN_NOTES_MIN = 2
"""The fewest notes in a run or bundle. A single note travels in an APPEND."""

RUN_NOTES_MAX = 255
"""The most notes in a run or bundle, because their number takes one byte."""

PAUSE_MICROSECONDS_MAX = 2**32 - 1
"""The longest time between two notes of a run: the largest number of four bytes, which is 71 minutes."""

RUN_START = Struct(f">4s{NOTEBOOK_ID_BYTES}s{TOKEN_BYTES}sH")
"""The fields before the content of a RUN or BUNDLE: the header, the notebook's id, the token and the attempt."""

_CONTENT_HEAD = Struct(f">{CLIENT_ID_BYTES}sQhqBB")
"""The first fields of the content of a RUN: client id, sequence number of the first note, UTC offset, time at which the first
note was written, number of notes, length of the author. The author, the `_numbers` and the texts follow."""

_NOTE_OVERHEAD_BYTES = 6
"""How many bytes a note takes in addition to its text: four for the time since the note before, two for the length of its
text."""


def notes_that_fit(texts: list[bytes], author: str) -> int:
    """How many notes of `author` with these `texts` in UTF-8, counted from the first, fit into one run.

    The caller makes sure that the notes are alike.
    """
    room, count = BODY_BYTES_MAX - RUN_START.size - _CONTENT_HEAD.size - len(author.encode()), 0
    for text in islice(texts, RUN_NOTES_MAX):
        room -= _NOTE_OVERHEAD_BYTES + len(text)
        if room < 0:
            break
        count += 1
    return count


def pack_notes(notes: NoteRun, texts: list[bytes]) -> bytes:
    """Convert `notes` to the content of a RUN, for `notes_body`. `texts` has the text of each note in UTF-8.

    `notes.texts` is not used. The caller makes sure that all fields are within their limits.
    """
    author, written_at = notes.author.encode(), notes.written_at
    pauses = map(sub, written_at[1:], written_at)
    return (
        _CONTENT_HEAD.pack(notes.client_id, notes.sequence, notes.utc_offset, written_at[0], len(texts), len(author))
        + author
        + _numbers(len(texts)).pack(0, *pauses, *map(len, texts))
        + b"".join(texts)
    )


def notes_body(kind: int, notebook_id: bytes, token: bytes, attempt: int, content: bytes) -> bytes:
    """The body of a message of the type `kind`: RUN or BUNDLE. `content` comes from `pack_notes` or `pack_bundle`.

    For the other arguments see `Run`. The caller may append zeros to the body as padding.
    """
    return RUN_START.pack(HEADERS[kind], notebook_id, token, attempt) + content


def parse_run(body: bytes) -> Run:
    """The RUN with this `body`.

    Raises `BadDatagram`, `struct.error` or `UnicodeDecodeError` if `body` breaks a rule of the protocol.
    """
    _, notebook_id, token, attempt = RUN_START.unpack_from(body)
    start = RUN_START.size
    client_id, sequence, utc_offset, first_written_at, count, author_bytes = _CONTENT_HEAD.unpack_from(body, start)
    author_at = start + _CONTENT_HEAD.size
    numbers_at = author_at + author_bytes
    numbers = _numbers(count)
    values = numbers.unpack_from(body, numbers_at)  # `count` times since the note before, then `count` lengths of texts
    starts = list(accumulate(values[count:], initial=numbers_at + numbers.size))
    written_at = tuple(accumulate(values[1:count], initial=first_written_at))
    if not (
        attempt
        and count >= RUN_NOTES_MIN
        and 0 < sequence <= SEQUENCE_MAX - count + 1
        and 0 < author_bytes <= AUTHOR_BYTES_MAX
        and -UTC_OFFSET_MINUTES_MAX <= utc_offset <= UTC_OFFSET_MINUTES_MAX
        and first_written_at >= WRITTEN_AT_MIN
        and written_at[-1] <= WRITTEN_AT_MAX
        and not values[0]  # no note is before the first
        and all(values[count:])
    ):
        raise BadDatagram("malformed")
    if starts[-1] != len(body):
        check_padding(body, starts[-1])
    texts = tuple([body[begin:end].decode() for begin, end in pairwise(starts)])
    author = body[author_at:numbers_at].decode()
    notes = new_tuple(NoteRun, (client_id, sequence, utc_offset, author, written_at, texts))
    return new_tuple(Run, (notebook_id, token, attempt, notes, run_check(body[start : starts[-1]])))


@lru_cache(maxsize=RUN_NOTES_MAX + 1)
def _numbers(count: int) -> Struct:
    """The layout of two columns of `count` numbers: for each note, the time since the note before, and the length of its text.

    The time is in microseconds; it is 0 for the first note.
    """
    return Struct(f">{count}I{count}H")

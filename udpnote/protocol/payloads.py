"""What one datagram of a sender carries, and the queue of what was not sent yet, which packs short notes into runs."""

from collections import deque
from collections.abc import Callable, Iterable

from udpnote.model.entry import Entry, Kind, NoteRun, Part, Restored, split
from udpnote.protocol.codec import append_body, part_bytes_max, run_body
from udpnote.protocol.codec_runs import (
    PAUSE_MICROSECONDS_MAX,
    RUN_NOTES_MAX,
    RUN_NOTES_MIN,
    note_bytes,
    pack_notes,
    run_bytes_max,
)
from udpnote.protocol.messages import Append, content_check, run_check

SHORT_NOTE_BYTES_MAX = 512
"""A note with a longer text travels alone, because two such notes do not fit into one datagram."""

ATTEMPT_MAX = 2**16 - 1
"""The largest attempt number that fits into a datagram; later attempts have this number, too. A payload reaches it after 45
days with a minute between attempts."""

PayloadKey = tuple[bytes, int, int]
_new = tuple.__new__
"""`_new(Class, values)` makes a NamedTuple in half the time that `Class(*values)` takes; every datagram needs some."""


class PartPayload:
    """One part to deliver.

    `sent_at` has the monotonic times at which it was sent: of its first attempt, its second and so on, up to `ATTEMPT_MAX`.
    `timed_from` is the monotonic time from which its timer runs: that of the latest attempt, unless the server has answered
    that it keeps the part. `key` is its client id, sequence and offset.
    """

    __slots__ = ("key", "part", "sent_at", "timed_from")

    def __init__(self, part: Part) -> None:
        self.key: PayloadKey = (part.client_id, part.sequence, part.offset)
        self.part = part
        self.sent_at: list[float] = []
        self.timed_from = 0.0

    @property
    def check(self) -> int:
        """The check that an answer to this payload must have."""
        return content_check(self.part)

    def body(self, notebook_id: bytes, token: bytes) -> bytes:
        """The body of the APPEND that carries the part, for its latest attempt."""
        return append_body(_new(Append, (notebook_id, token, len(self.sent_at), self.part)))


class RunPayload:
    """Several short notes to deliver, in the order of their sequences; see `PartPayload`. The offset in `key` is 0."""

    __slots__ = ("_content", "entries", "key", "sent_at", "timed_from")

    def __init__(self, entries: list[Entry], texts: list[bytes]) -> None:
        first = entries[0]
        self.key: PayloadKey = (first.client_id, first.sequence, 0)
        self.entries = tuple(entries)
        self.sent_at: list[float] = []
        self.timed_from = 0.0
        written_at = tuple([entry.written_at for entry in entries])
        fields = (first.client_id, first.sequence, first.utc_offset, first.author, written_at, ())
        self._content = pack_notes(_new(NoteRun, fields), texts)

    @property
    def check(self) -> int:
        """The check that an answer to this payload must have."""
        return run_check(self._content)

    def body(self, notebook_id: bytes, token: bytes) -> bytes:
        """The body of the RUN that carries the notes, for its latest attempt."""
        return run_body(notebook_id, token, len(self.sent_at), self._content)


Payload = PartPayload | RunPayload


class UnsentPayloads:
    """The queue of what was not sent yet. Short notes are packed when they are taken out, so that many leave together."""

    def __init__(self) -> None:
        self._queue: deque[PartPayload | tuple[Entry, bytes]] = deque()

    def __len__(self) -> int:
        """How many parts and short notes are in the queue."""
        return len(self._queue)

    def add(self, entry: Entry, restored: Restored | None = None) -> None:
        """Add an entry at the end of the queue: a short note that is not imported, or the parts of another entry."""
        if entry.kind is Kind.NOTE and restored is None:
            text = entry.text.encode()
            if len(text) <= SHORT_NOTE_BYTES_MAX:
                self._queue.append((entry, text))
                return
        self._queue.extend(map(PartPayload, split(entry, part_bytes_max(entry.author), restored)))

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Add notes at the beginning of the queue, each of which travels alone: the server had no common verdict on them."""
        parts = [part for entry in entries for part in split(entry, part_bytes_max(entry.author))]
        self._queue.extendleft(map(PartPayload, reversed(parts)))

    def take(self, is_outstanding: Callable[[tuple[bytes, int]], bool]) -> Payload | None:
        """Remove and return the next payload; None: nothing is left. Parts of entries that are not outstanding are dropped.

        A short note that was not sent is always outstanding.

        `is_outstanding` tells it of a client id and a sequence.
        """
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, tuple):
                return self._packed(*item)
            if is_outstanding(item.key[:2]):
                return item
        return None

    def _packed(self, first: Entry, text: bytes) -> Payload:
        """A run of the note `first` and the notes after it that fit into the same datagram; a part if none does."""
        entries, texts = [first], [text]
        client_id, sequence, _, written_at, utc_offset, author, *_ = first
        room = run_bytes_max(author) - note_bytes(text)
        while self._queue and len(entries) < RUN_NOTES_MAX:
            item = self._queue[0]
            if not isinstance(item, tuple):
                break
            entry, text = item
            sequence += 1
            room -= note_bytes(text)
            # by index, because each name would cost time for each note
            is_like_first = entry[0] == client_id and entry[1] == sequence and entry[4] == utc_offset and entry[5] == author
            if room < 0 or not is_like_first or not 0 <= entry[3] - written_at <= PAUSE_MICROSECONDS_MAX:
                break
            written_at = entry[3]
            entries.append(entry)
            texts.append(text)
            self._queue.popleft()
        if len(entries) < RUN_NOTES_MIN:
            [part] = split(first, part_bytes_max(author))
            return PartPayload(part)
        return RunPayload(entries, texts)

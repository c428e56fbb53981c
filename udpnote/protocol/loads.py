"""What one datagram of a sender carries: a part of an entry, or a run of short notes. Packs short notes into runs."""

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

NOTE_BYTES_MAX = 512
"""A longer text travels in a datagram of its own: two of them do not fit into one."""

ATTEMPT_MAX = 2**16 - 1
"""The largest attempt number that fits into a datagram; later attempts have this number, too. A load reaches it after 45 days
with a minute between attempts."""

LoadKey = tuple[bytes, int, int]
_new = tuple.__new__
"""`_new(Class, values)` makes a NamedTuple in half the time that `Class(*values)` takes; every datagram needs some."""


class PartLoad:
    """One part to deliver.

    `sent_at` has the monotonic times at which it was sent: of its first attempt, its second and so on, up to `ATTEMPT_MAX`.
    `timed_from` is the monotonic time from which its timer runs. `key` is its client id, sequence and offset.
    """

    __slots__ = ("key", "part", "sent_at", "timed_from")

    def __init__(self, part: Part) -> None:
        self.key: LoadKey = (part.client_id, part.sequence, part.offset)
        self.part = part
        self.sent_at: list[float] = []
        self.timed_from = 0.0

    @property
    def check(self) -> int:
        """The check that an answer to this load must have."""
        return content_check(self.part)

    def body(self, notebook_id: bytes, token: bytes) -> bytes:
        """The body of the APPEND that carries the part, for its latest attempt."""
        return append_body(_new(Append, (notebook_id, token, len(self.sent_at), self.part)))


class RunLoad:
    """Several short notes to deliver, in the order of their sequences; see `PartLoad`. The offset in `key` is 0."""

    __slots__ = ("_content", "entries", "key", "sent_at", "timed_from")

    def __init__(self, entries: list[Entry], texts: list[bytes]) -> None:
        first = entries[0]
        self.key: LoadKey = (first.client_id, first.sequence, 0)
        self.entries = tuple(entries)
        self.sent_at: list[float] = []
        self.timed_from = 0.0
        written_at = tuple([entry.written_at for entry in entries])
        fields = (first.client_id, first.sequence, first.utc_offset, first.author, written_at, ())
        self._content = pack_notes(_new(NoteRun, fields), texts)

    @property
    def check(self) -> int:
        """The check that an answer to this load must have."""
        return run_check(self._content)

    def body(self, notebook_id: bytes, token: bytes) -> bytes:
        """The body of the RUN that carries the notes, for its latest attempt."""
        return run_body(notebook_id, token, len(self.sent_at), self._content)


Load = PartLoad | RunLoad


class UnsentLoads:
    """The queue of what was not sent yet. Short notes are packed when they are taken out, so that many leave together."""

    def __init__(self) -> None:
        self._queue: deque[PartLoad | tuple[Entry, bytes]] = deque()

    def __len__(self) -> int:
        """How many parts and short notes are in the queue."""
        return len(self._queue)

    def add(self, entry: Entry, restored: Restored | None = None) -> None:
        """Add an entry at the end of the queue: a short note that is not imported, or the parts of another entry."""
        if entry.kind is Kind.NOTE and restored is None:
            text = entry.text.encode()
            if len(text) <= NOTE_BYTES_MAX:
                self._queue.append((entry, text))
                return
        self._queue.extend(map(PartLoad, split(entry, part_bytes_max(entry.author), restored)))

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Add notes at the beginning of the queue, each of which travels in a datagram of its own."""
        parts = [part for entry in entries for part in split(entry, part_bytes_max(entry.author))]
        self._queue.extendleft(map(PartLoad, reversed(parts)))

    def take(self, is_outstanding: Callable[[tuple[bytes, int]], bool]) -> Load | None:
        """Remove and return the next load; None: nothing is left. Parts of entries that are not outstanding are dropped.

        `is_outstanding` tells it of a client id and a sequence.
        """
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, tuple):
                return self._packed(*item)
            if is_outstanding(item.key[:2]):
                return item
        return None

    def _packed(self, first: Entry, text: bytes) -> Load:
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
            is_like_first = entry[0] == client_id and entry[1] == sequence and entry[4] == utc_offset and entry[5] == author
            if room < 0 or not is_like_first or not 0 <= entry[3] - written_at <= PAUSE_MICROSECONDS_MAX:
                break
            written_at = entry[3]
            entries.append(entry)
            texts.append(text)
            self._queue.popleft()
        if len(entries) < RUN_NOTES_MIN:
            [part] = split(first, part_bytes_max(author))
            return PartLoad(part)
        return RunLoad(entries, texts)

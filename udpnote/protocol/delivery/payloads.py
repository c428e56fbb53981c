"""Payloads, and the queue of the entries that were not sent yet, which packs short notes together.

A payload is what one datagram of a sender carries: a part, a run or a bundle. It gets one verdict of the server.

A short note is a new note of at most `SHORT_NOTE_BYTES_MAX` bytes. Short notes that are alike (see `NoteRun`) are packed into
runs, which take the fewest bytes. Short notes that are not alike are packed into a bundle if the bundle carries more
notes than a run would. Imported short notes are always packed into bundles.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import repeat
from operator import sub

from udpnote.model.entry import NO_PREDECESSOR, Bundle, Entry, Identity, Kind, NoteRun, Part, Restored, new_tuple, split
from udpnote.protocol.codec.bundles import (
    BUNDLE_BYTES_MAX,
    Writer,
    bundled_note_bytes,
    pack_bundle,
    writer_bytes,
    writer_of,
)
from udpnote.protocol.codec.codec import append_body, part_bytes_max
from udpnote.protocol.codec.fields import BUNDLE, RUN
from udpnote.protocol.codec.runs import (
    PAUSE_MICROSECONDS_MAX,
    RUN_NOTES_MAX,
    RUN_NOTES_MIN,
    notes_body,
    notes_that_fit,
    pack_notes,
)
from udpnote.protocol.messages import Append, content_check, run_check

SHORT_NOTE_BYTES_MAX = 512
"""The longest text of a short note, in bytes of UTF-8: nearly half of a datagram. Two notes that are much longer do not fit
into one datagram, so each of them travels alone."""

ATTEMPT_MAX = 2**16 - 1
"""The largest attempt number that fits into a datagram. Further attempts have this number, too. With a minute between attempts,
a payload reaches it after 45 days."""

PayloadKey = tuple[bytes, int, int]
"""The client id, the sequence number and the offset of a payload. The offset is 0 if the payload has several notes."""

ShortNote = tuple[Entry, bytes, Restored | None]
"""A short note, its text in UTF-8, and its `Restored`, which is None unless the note is imported."""


class PartPayload:
    """One `part` of `entry` to deliver.

    `sent_at` has the monotonic time of each attempt to send the part, the first one first. Attempts after the number
    `ATTEMPT_MAX` are not recorded. `timed_from` is the monotonic time at which the part's retransmission timer started. Usually
    this is the time of the latest attempt. But the timer starts again when the client learns that the server has lost parts of
    the entry that it had kept (see `state.KeptParts`).
    """

    __slots__ = ("entry", "key", "part", "sent_at", "timed_from")

    def __init__(self, part: Part, entry: Entry) -> None:
        self.key: PayloadKey = (part.client_id, part.sequence, part.offset)
        self.part = part
        self.entry = entry
        self.sent_at: list[float] = []
        self.timed_from = 0.0

    @property
    def identities(self) -> set[Identity]:
        """The client id and sequence number of the entry, as a set with one element."""
        return {self.key[:2]}

    @property
    def check(self) -> int:
        """The value that an answer to this payload must have in its field `check`."""
        return content_check(self.part)

    def body(self, notebook_id: bytes, token: bytes) -> bytes:
        """The body of the APPEND or RESTORE for the latest attempt to send this part. For the arguments see `Append`."""
        return append_body(new_tuple(Append, (notebook_id, token, len(self.sent_at), self.part)))


class NotesPayload:
    """Several short notes: `entries`, in this order, which travel in a run or a bundle. For other attributes see `PartPayload`.

    `kind` is the type of the message, RUN or BUNDLE, and `content` its packed notes. In a bundle, the notes may be imported:
    then `restored` has the `Restored` of each, and each note but the first names the note before it as its predecessor.
    """

    __slots__ = ("_content", "_restored", "entries", "key", "kind", "sent_at", "timed_from")

    def __init__(
        self, kind: int, entries: Sequence[Entry], content: bytes, restored: Sequence[Restored | None] | None = None
    ) -> None:
        self.kind = kind
        self.key: PayloadKey = (entries[0].client_id, entries[0].sequence, 0)
        self.entries = tuple(entries)
        self.sent_at: list[float] = []
        self.timed_from = 0.0
        self._restored = restored
        self._content = content

    @property
    def identities(self) -> set[Identity]:
        """The client id and sequence number of each note."""
        return {entry[:2] for entry in self.entries}

    @property
    def check(self) -> int:
        """The value that an answer to this payload must have in its field `check`."""
        return run_check(self._content)

    def body(self, notebook_id: bytes, token: bytes) -> bytes:
        """The body of the RUN or BUNDLE for the latest attempt to send these notes. For the arguments see `Run`."""
        return notes_body(self.kind, notebook_id, token, len(self.sent_at), self._content)

    def as_parts(self) -> list[PartPayload]:
        """Return a payload of its own for each of the notes."""
        return list(map(_whole, self.entries, self._restored or repeat(None)))


def _run(entries: list[Entry], texts: list[bytes]) -> NotesPayload:
    """The run of `entries`, which are alike and in the order of their sequence numbers. `texts` has their texts in UTF-8."""
    first, written_at = entries[0], tuple([entry.written_at for entry in entries])
    fields = (first.client_id, first.sequence, first.utc_offset, first.author, written_at, ())  # no texts: see `pack_notes`
    return NotesPayload(RUN, entries, pack_notes(new_tuple(NoteRun, fields), texts))


def _bundle(notes: list[ShortNote]) -> NotesPayload:
    """The bundle of `notes`, none of which is imported, or all (see `NotesPayload`)."""
    entries, texts, restored = zip(*notes, strict=True)
    stored_at = tuple([each.stored_at if each is not None else 0 for each in restored])
    after = restored[0][1:] if restored[0] is not None else NO_PREDECESSOR
    return NotesPayload(BUNDLE, entries, pack_bundle(Bundle(entries, stored_at, *after), list(texts)), restored)


Payload = PartPayload | NotesPayload


def remove_given_up(payloads: dict[PayloadKey, Payload], given_up: set[Identity]) -> set[Identity]:
    """Remove from `payloads` each payload all of whose entries are in `given_up`: the client no longer wants to send these.

    Returns the entries of `given_up` that must still be sent, because each of them shares a payload with other entries.
    """
    shared: set[Identity] = set()
    for payload in list(payloads.values()):
        if payload.identities <= given_up:
            del payloads[payload.key]
        else:
            shared |= payload.identities & given_up
    return shared


class UnsentPayloads:
    """The queue of the parts, and of the groups of short notes, that were not sent yet.

    Notes are packed into runs and bundles only when `take` is called. Until then, more notes may come and share a datagram with
    notes that are in the queue already.
    """

    def __init__(self) -> None:
        self._queue: deque[PartPayload | _ShortNotes] = deque()
        self._length = 0

    def __len__(self) -> int:
        """The number of short notes in the queue, plus the number of parts of other entries."""
        return self._length

    def add(self, entries: Sequence[Entry]) -> None:
        """Add `entries`, none of which is imported, to the end of the queue, in order.

        Entries that are not short notes are cut into parts.
        """
        texts = [entry.text.encode() for entry in entries]
        if max(map(len, texts), default=0) <= SHORT_NOTE_BYTES_MAX and _may_travel_together(entries):
            self._add_short_notes(entries, texts)
        elif len(entries) == 1:
            self.add_parts(entries[0])
        else:
            for entry in entries:
                self.add([entry])

    def add_parts(self, entry: Entry, restored: Restored | None = None) -> None:
        """Add the parts of an entry to the end of the queue. `restored` is None unless the entry is imported."""
        parts = split(entry, part_bytes_max(entry.author), restored)
        self._queue.extend([PartPayload(part, entry) for part in parts])
        self._length += len(parts)

    def add_imported(self, entry: Entry, restored: Restored) -> None:
        """Add an imported entry to the end of the queue. `restored` has the fields that only an imported entry has."""
        text = entry.text.encode()
        if entry.kind is not Kind.NOTE or len(text) > SHORT_NOTE_BYTES_MAX:
            self.add_parts(entry, restored)
            return
        last = self._queue[-1] if self._queue else None
        if isinstance(last, _ShortNotes) and last.restored and last.entries[-1][:2] == restored[1:]:
            last.entries.append(entry)
            last.texts.append(text)
            last.restored.append(restored)
        else:
            self._queue.append(_ShortNotes([entry], [text], [restored]))
        self._length += 1

    def put_back(self, payloads: Sequence[PartPayload]) -> None:
        """Put `payloads`, the notes of a run or bundle with the verdict `Status.SPLIT`, first in the queue, in order."""
        self._queue.extendleft(reversed(payloads))
        self._length += len(payloads)

    def drop(self, identities: Collection[Identity]) -> None:
        """Remove the entries with these client ids and sequence numbers. None of them may be an imported entry.

        The notes that stay are grouped anew, because a run must not have gaps between its sequence numbers.
        """
        queue, self._queue, self._length = self._queue, deque(), 0
        for item in queue:
            if isinstance(item, _ShortNotes) and item.restored is None:
                self.add([entry for entry in item.entries if entry[:2] not in identities])
            elif isinstance(item, _ShortNotes) or item.key[:2] not in identities:
                self._queue.append(item)
                self._length += len(item.entries) if isinstance(item, _ShortNotes) else 1

    def take(self, is_outstanding: Callable[[Entry], bool]) -> Payload | None:
        """Remove and return the next payload; None if the queue is empty.

        `is_outstanding(entry)` says whether the client still waits for the verdict on this entry. If it does not, the entry's
        parts are removed and not returned. Short notes in a group cannot have a verdict before they are sent, so
        `is_outstanding` is not called for them.
        """
        while self._queue:
            first = self._queue[0]
            if isinstance(first, _ShortNotes):
                return self._take_notes(first)
            self._queue.popleft()
            self._length -= 1
            if is_outstanding(first.entry):
                return first
        return None

    def _add_short_notes(self, entries: Sequence[Entry], texts: list[bytes]) -> None:
        """Add `entries`, which may travel in one run, to the end of the queue. `texts` has their texts in UTF-8.

        If they may travel in one run with the last notes of the queue, they are added to the group of these notes. If not, they
        become a group of their own.
        """
        last = self._queue[-1] if self._queue else None
        if isinstance(last, _ShortNotes) and last.restored is None and _may_travel_together([last.entries[-1], entries[0]]):
            last.entries += entries
            last.texts += texts
        else:
            self._queue.append(_ShortNotes(list(entries), texts))
        self._length += len(entries)

    def _take_notes(self, first: "_ShortNotes") -> Payload:
        """Remove notes from the beginning of `first`, the first group in the queue. Return them as a run, a bundle or a part.

        Imported notes are packed into a bundle, other notes into a run. But if one run has room for all notes of `first`, and a
        bundle has room for them and for notes of the next groups, all of these notes are packed into a bundle. A note that
        travels alone is returned as a part.
        """
        if len(first.entries) == len(self._queue) == 1 and first.restored is None:  # one note waits alone
            self._queue.clear()
            self._length = 0
            return _whole(first.entries[0])
        count = notes_that_fit(first.texts, first.entries[0].author) if first.restored is None else 1  # without a bundle
        if first.restored is not None or (count == len(first.entries) and len(self._queue) > 1):
            notes = _fitting(self._bundle_candidates(first))
            if len(notes) > count:
                self._remove(len(notes))
                return _bundle(notes)
        entries, texts = first.entries[:count], first.texts[:count]
        restored = first.restored[0] if first.restored is not None else None
        self._remove(count)
        return _run(entries, texts) if count >= RUN_NOTES_MIN else _whole(entries[0], restored)

    def _bundle_candidates(self, first: "_ShortNotes") -> Iterator[ShortNote]:
        """Yield the notes that may be in one bundle, in order: those of `first`, the first group in the queue, and later ones.

        A group of imported notes gets bundles of its own, because a bundle names the predecessor of its first note only.
        """
        for item in self._queue:
            if not isinstance(item, _ShortNotes) or (item is not first and (item.restored or first.restored)):
                return
            yield from zip(item.entries, item.texts, item.restored or repeat(None), strict=False)

    def _remove(self, count: int) -> None:
        """Remove the first `count` notes of the queue, all of which must be short."""
        self._length -= count
        while count:
            first = self._queue[0]
            assert isinstance(first, _ShortNotes), "a part would be lost"
            removed = first.remove(count)
            count -= removed
            if not first.entries:
                self._queue.popleft()


class _ShortNotes:
    """A group of short notes in the queue, `entries` (at least one), and their `texts` in UTF-8.

    If the notes are not imported, `restored` is None, and they may travel together in a run. If they are imported, `restored`
    has the `Restored` of each note, and each note but the first names the note before it as its predecessor.
    """

    __slots__ = ("entries", "restored", "texts")

    def __init__(self, entries: list[Entry], texts: list[bytes], restored: list[Restored] | None = None) -> None:
        self.entries = entries
        self.texts = texts
        self.restored = restored

    def remove(self, count: int) -> int:
        """Remove the first `count` notes, or all if there are fewer. Returns how many were removed."""
        before = len(self.entries)
        del self.entries[:count], self.texts[:count]
        if self.restored is not None:
            del self.restored[:count]
        return before - len(self.entries)


def _fitting(notes: Iterable[ShortNote]) -> list[ShortNote]:
    """The first of `notes`: as many as one bundle may have, by its length in bytes and by `RUN_NOTES_MAX`."""
    fitting: list[ShortNote] = []
    writers: set[Writer] = set()
    room = BUNDLE_BYTES_MAX
    for note in notes:
        writer = writer_of(note[0])
        room -= bundled_note_bytes(note[1])
        if writer not in writers:
            writers.add(writer)
            room -= writer_bytes(note[0].author)
        if room < 0 or len(fitting) == RUN_NOTES_MAX:
            break
        fitting.append(note)
    return fitting


def _may_travel_together(entries: Sequence[Entry]) -> bool:
    """Whether `entries`, in this order, may form a run: they are notes that are alike (see `NoteRun`). False if there are none.

    Each field is compared for all entries at once, because comparing entry by entry takes longer than packing them.
    """
    if len(entries) <= 1:
        return bool(entries) and entries[0].kind is Kind.NOTE
    clients, sequences, kinds, written_at, offsets, authors, *_ = zip(*entries, strict=True)
    pauses = list(map(sub, written_at[1:], written_at))
    return bool(
        kinds.count(Kind.NOTE) == len(entries)
        and sequences == tuple(range(sequences[0], sequences[0] + len(entries)))
        and clients.count(clients[0]) == offsets.count(offsets[0]) == authors.count(authors[0]) == len(entries)
        and 0 <= min(pauses) <= max(pauses) <= PAUSE_MICROSECONDS_MAX
    )


def _whole(note: Entry, restored: Restored | None = None) -> PartPayload:
    """The payload of a short note that travels alone. `restored` is None unless the note is imported."""
    [part] = split(note, part_bytes_max(note.author), restored)
    return PartPayload(part, note)


def padded(bodies: list[bytes]) -> list[bytes]:
    """Pad `bodies` (at least one) with zeros to one length, so that one system call can send them as datagrams.

    If padding would more than double the bytes, the bodies are returned unchanged.
    """
    if len(bodies) == 1:
        return bodies
    longest, total = max(map(len, bodies)), sum(map(len, bodies))
    if total < longest * len(bodies) <= 2 * total:
        return [body.ljust(longest, b"\0") for body in bodies]
    return bodies

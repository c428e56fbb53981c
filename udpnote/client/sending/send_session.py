"""The session that delivers entries from the outbox to one notebook, and removes from the outbox what the notebook has stored.

The session delivers only entries that are in the outbox. `SendSession.deliver_now` delivers entries that a call has just added,
`SendSession.prepare` entries that were there before. If both take the same entry, `Delivery` delivers it once.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from udpnote.client.sending.text_source import PENDING_ENTRIES_MAX
from udpnote.client.session import Peer, Session, delivery_to
from udpnote.model.entry import NOTHING_SEEN, SEQUENCE_MAX, Entry, Kind, Status
from udpnote.model.outbox_entries import StoredRun
from udpnote.protocol.congestion import WINDOW_MAX
from udpnote.protocol.delivery.events import Rejected, Stored
from udpnote.protocol.rediscovery import RediscoveryEvent
from udpnote.protocol.server_contact import KeyChanged
from udpnote.storage.outbox.outbox import PAGE_ENTRIES, Outbox

UNSENT_PARTS_MAX = 4 * WINDOW_MAX
"""While this many parts wait to be sent, the session takes no further entries. A long entry is sent in several parts, one in a
datagram. Short entries never reach this number."""


def is_held(entry: Entry) -> bool:
    """Whether `entry` is a deletion that is not sent yet, because the entry that it takes back has no number yet."""
    return entry.kind is not Kind.NOTE and not entry.revises


class Renewed(NamedTuple):
    """Event: `entry` is sent again as `renewed`, because the notebook has another entry with the same client id and sequence.

    `renewed` has a new client id and sequence. It is None if another process has given the entry new ones already, and sends
    it.
    """

    entry: Entry
    renewed: Entry | None


class SendSession(Session[Stored | Rejected | Renewed]):
    """Delivers entries from `outbox` to `peer`, and removes from the outbox those that the notebook has stored.

    An entry that the notebook does not store stays in the outbox. There are three cases. If the notebook cannot store the entry
    now, for example on a full disk, it is sent again after the next `look_into_outbox`. If the notebook has another entry with
    the same client id and sequence, the entry gets new ones (see `Renewed`), and is sent again at once. If the notebook refuses
    the entry for good, the entry is marked as refused.

    `optional_writes` surrounds writes to the outbox that follow an acknowledgement: the entry is stored, whether they fail or
    not. An entry that cannot be removed stays in the outbox, but this session does not send it again.
    """

    def __init__(self, peer: Peer, outbox: Outbox, optional_writes: AbstractContextManager[object]) -> None:
        self._delivery = delivery_to(peer)
        super().__init__(peer, self._delivery)
        self._outbox = outbox
        self._optional_writes = optional_writes
        self._has_old_key = False
        self._acknowledged: list[StoredRun] = []
        """The stored entries that `flush` has not removed from the outbox yet."""
        self._acknowledged_entries = 0
        self._postponed: set[int] = set()
        """The sequences of the entries that the notebook could not store since the last `look_into_outbox`."""
        self._postponed_for: Status | None = None
        self._renewed: list[Entry] = []
        self._may_find_more = True
        """Whether `prepare` reads the outbox, because more entries may wait there."""

    @property
    def outstanding(self) -> int:
        """How many entries are being delivered and have no outcome yet."""
        return self._delivery.outstanding

    @property
    def has_room(self) -> bool:
        """Whether the session may take more entries to deliver. If not, they stay in the outbox until there is room."""
        return self._delivery.outstanding <= PENDING_ENTRIES_MAX and self._delivery.unsent_parts < UNSENT_PARTS_MAX

    @property
    def is_idle(self) -> bool:
        """Whether no entry is being delivered, and `prepare` will not read the outbox before `look_into_outbox` is called."""
        return not self._may_find_more and not self._delivery.outstanding

    @property
    def postponed_for(self) -> Status | None:
        """Why the notebook can store nothing now, as far as is known. None if it can, and while entries are being delivered.

        If it is not None, no entry is sent until `look_into_outbox` is called.
        """
        return self._postponed_for if self.is_idle else None

    @property
    def has_old_key(self) -> bool:
        """Whether the server has answered that the notebook's key has changed, and has acknowledged nothing since."""
        return self._has_old_key

    @property
    def retransmissions(self) -> int:
        """How many datagrams with entries this session has sent again."""
        return self._delivery.retransmissions

    def deliver_now(self, entries: Sequence[Entry], now: float) -> None:
        """Begin to deliver `entries`, in this order. One call has just added them to the outbox for `notebook`; all have the
        same kind.

        If no entries are being delivered yet, this begins with those that waited in the outbox before `entries`. A revision or
        deletion must not reach the notebook before an earlier entry. So if earlier ones may still wait, revisions and deletions
        are left to `prepare`, which takes entries from the outbox in order. A held deletion (see `is_held`) is always left to
        `prepare`. Also calls `flush` if many entries were acknowledged since the last `flush`.
        """
        if not entries:
            return
        if not self._delivery.outstanding:
            self.has_sent = False
        first = entries[0]  # all entries of one call are of one kind, and either all of them are held or none is
        if is_held(first):
            self.look_into_outbox()
            return
        self._deliver_waiting(now, last=first.sequence - 1)
        if first.kind is not Kind.NOTE and (self._may_find_more or self._postponed):
            self.look_into_outbox()
        else:
            self._delivery.add(entries, now)
        if self._acknowledged_entries >= PAGE_ENTRIES:
            self.flush()  # now, because `Outbox.add` calls this while the disk is writing `entries`

    def look_into_outbox(self) -> None:
        """Let `prepare` read the outbox again: more entries may wait there, or the notebook's disk may have space again."""
        self._may_find_more = True
        self._postponed.clear()
        self._postponed_for = None

    def prepare(self, now: float) -> None:
        """Read the next entries for the notebook from the outbox, and begin to deliver them.

        Does nothing while entries are being delivered. If the last call found no entries in the outbox, or the notebook cannot
        store entries now, does nothing until `look_into_outbox` is called.
        """
        self._deliver_waiting(now)

    def flush(self) -> None:
        """Remove the acknowledged entries from the outbox, which remembers them for undo (see `Outbox.remove`).

        If the outbox cannot be written, the next `flush` tries again (see `optional_writes`).
        """
        with self._optional_writes:
            self._outbox.remove(self.notebook.notebook_id, self._acknowledged)
            self._acknowledged, self._acknowledged_entries = [], 0

    def _deliver_waiting(self, now: float, *, last: int = SEQUENCE_MAX) -> None:
        """Do the work of `prepare`, with entries up to the sequence `last` only."""
        if not self._may_find_more or self._delivery.outstanding:
            return
        self.flush()
        notebook_id, key_id = self.notebook.notebook_id, self.notebook.key_id
        passed_over = self._postponed.union(*(run.sequences for run in self._acknowledged))  # `flush` could not remove these
        limit = PAGE_ENTRIES + len(passed_over)
        waiting = self._outbox.waiting_for(notebook_id, key_id=key_id, last=last, limit=limit)
        fresh = [entry for entry in waiting if entry.sequence not in passed_over]
        self._may_find_more = bool(fresh)
        if fresh:
            self.has_sent = False
            self._outbox.make_durable()  # another process may just be adding them
            self._delivery.add(fresh, now)

    def _take_answer(self) -> None:
        self._has_old_key = False

    def _take_events(self, now: float) -> None:
        super()._take_events(now)
        if self._renewed:
            renewed, self._renewed = self._renewed, []
            self._delivery.add(renewed, now)  # together, so that they can share datagrams

    def _take_event(self, event: Stored | Rejected | Renewed | RediscoveryEvent) -> None:
        """Record in the outbox and in this session what `event` says, and keep the event for `events`.

        If the notebook has another entry under the same client id and sequence, the event becomes `Renewed`. A `KeyChanged`
        is not kept: see `has_old_key`.
        """
        match event:
            case Stored():
                self._take_stored(event.entries, event.number)
            case Rejected(entry, Status.CONFLICT):
                renewed = self._outbox.renew(self.notebook.notebook_id, entry)
                event = Renewed(entry, renewed)
                if renewed is not None:
                    self._renewed.append(renewed)
            case Rejected(entry, status) if status.is_temporary:
                self._postponed.add(entry.sequence)
                self._postponed_for = status
                self._may_find_more = False  # the notebook would not store the other entries either
            case Rejected(entry, status):
                self._outbox.mark_refused(self.notebook.notebook_id, entry.sequence, status)
                if status is Status.OLDER_COPY:
                    self._outbox.record_newest(self.notebook.notebook_id, NOTHING_SEEN)
            case KeyChanged():
                self._has_old_key = True  # not an error here: the entries stay in the outbox until the user joins again
                return
        self._events.append(event)

    def _take_stored(self, entries: tuple[Entry, ...], number: int) -> None:
        """Record that `entries` are stored under consecutive numbers, from `number` on.

        If they are revisions or deletions, remember the last of them in the outbox: `Client.overtaken` reports it if another
        client overtakes it.
        """
        first, last = entries[0], entries[-1]
        sequences = [entry.sequence for entry in entries]
        consecutive = range(first.sequence, first.sequence + len(entries))
        if sequences == list(consecutive) and first.client_id == last.client_id:
            self._acknowledged.append(StoredRun(consecutive, number, first.client_id, first.kind))
        else:
            self._acknowledged += [
                StoredRun(range(entry.sequence, entry.sequence + 1), number + place, entry.client_id, entry.kind)
                for place, entry in enumerate(entries)
            ]
        self._acknowledged_entries += len(entries)
        if first.kind is not Kind.NOTE:
            with self._optional_writes:
                self._outbox.revisions.watch(self.notebook.notebook_id, self._acknowledged[-1].last)

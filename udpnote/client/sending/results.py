"""The outcomes of the entries for which calls of a client wait."""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from enum import Enum
from itertools import count, repeat
from operator import attrgetter
from typing import NamedTuple

from udpnote.client.sending.send_session import Renewed, SendSession
from udpnote.errors import Notice
from udpnote.model.entry import Entry, Kind, Status, new_tuple
from udpnote.model.notebook import SilentServer
from udpnote.protocol.delivery.events import Rejected, Stored
from udpnote.storage.outbox.outbox import Outbox

_sequence = attrgetter("sequence")


class State(Enum):
    """The outcome of sending an entry, as far as the client knows it.

    STORED: the notebook has the entry. QUEUED: the entry is still in the outbox and is sent again later; it may or may not be
    stored yet. REFUSED: the notebook has refused the entry for good, and the entry is not sent again. DISCARDED: another
    command has removed the entry from the outbox, and the entry is not sent again; it is stored only if it was sent before.
    """

    STORED = "stored"
    QUEUED = "queued"
    REFUSED = "refused"
    DISCARDED = "discarded"


class SentEntry(NamedTuple):
    """An entry that a call of the client has sent or queued, and its outcome, `state`.

    `number` is the entry's number in the notebook if the state is STORED. It is None in the other states, and if another
    command has delivered the entry. `reason` says why the entry is not stored, or None if it is stored. `entry` has the client
    id and sequence under which it was sent last (see `Outcomes.renew`).
    """

    entry: Entry
    state: State
    number: int | None
    reason: Notice | None


_POSTPONED = {Status.NO_SPACE: Notice("notebook_disk_full"), Status.NOT_WRITABLE: Notice("notebook_not_writable")}
"""Why an entry stays queued after each temporary status."""


def silence(server: SilentServer, wait_seconds: float) -> Notice:
    """Why entries wait for `server`, which has not answered for `wait_seconds`."""
    return Notice("no_answer_yet", server=server) if wait_seconds else Notice("not_waited")


def reason_to_wait(session: SendSession, server: SilentServer, wait_seconds: float) -> Notice | None:
    """Why entries still wait for the notebook of `session`, which has delivered what it could; None if none waits.

    If the server has not answered for `wait_seconds`, the result says so of `server`.
    """
    if session.postponed_for is not None:
        return _POSTPONED[session.postponed_for]
    return None if session.is_idle else silence(server, wait_seconds)


class Outcomes:
    """The outcomes of the entries for which calls of the client wait, one `SentEntry` for each entry.

    Several threads may call the client: each takes the outcomes of its own entries with `pop`. `on_delivered` is called with
    the outcome of each entry that is stored while no call waits for it. `on_notice` is called with a notice if an entry is
    refused while no call waits for it, and if an entry gets a new client id and sequence.
    """

    def __init__(self, on_delivered: Callable[[SentEntry], None] | None, on_notice: Callable[[Notice], None]) -> None:
        self._on_delivered = on_delivered
        self._on_notice = on_notice
        self._awaited: dict[int, SentEntry | None] = {}
        """For the sequence of each entry for which a call waits: its outcome, or None if there is none yet. Within the client's
        outbox, the sequence alone identifies an entry."""
        self._origins: dict[int, int] = {}
        """For the new sequence under which an entry is sent now: its first sequence, for which a call waits."""
        self._delivered_by_others: set[int] = set()
        """The sequences of entries that other commands have delivered. A call has got their outcome, but not their number. If
        the server answers this client, too, the entry is not reported again."""

    @property
    def are_awaited(self) -> bool:
        """Whether any call has entries whose outcomes it has not taken with `pop` yet."""
        return bool(self._awaited)

    def expect(self, entries: Iterable[Entry]) -> None:
        """Record that a call waits for the outcomes of `entries`. The call will take them with `pop`."""
        self._awaited.update(dict.fromkeys(map(_sequence, entries)))

    def forget(self, entries: Iterable[Entry]) -> None:
        """Record that no call waits for `entries` any more, and drop their outcomes."""
        for entry in entries:
            self._awaited.pop(entry.sequence, None)

    def are_ready(self, entries: deque[Entry]) -> bool:
        """Whether `pop` would return any outcome of `entries`."""
        return bool(entries) and self._awaited[entries[0].sequence] is not None

    def pop(self, entries: deque[Entry]) -> list[SentEntry]:
        """Return the outcomes of the first `entries`, in order, up to the first entry without an outcome.

        Removes these entries from `entries`, and forgets their outcomes. A call must be waiting for each of `entries`.
        """
        outcomes: list[SentEntry] = []
        while entries and (outcome := self._awaited[sequence := entries[0].sequence]) is not None:
            del self._awaited[sequence]
            entries.popleft()
            outcomes.append(outcome)
        return outcomes

    def queue(self, entries: Iterable[Entry], reason: Notice) -> None:
        """Give the outcome QUEUED, with this `reason`, to each of `entries` that has no outcome yet.

        A call must be waiting for each of `entries`.
        """
        for entry in entries:
            if self._awaited[entry.sequence] is None:
                self._awaited[entry.sequence] = SentEntry(entry, State.QUEUED, None, reason)

    def postpone(self, entries: Iterable[Entry], status: Status) -> None:
        """Give the outcome QUEUED to each of `entries` that has none yet, because the notebook can store nothing now.

        `status`, a temporary one, says why. A call must be waiting for each of `entries`.
        """
        self.queue(entries, _POSTPONED[status])

    def take_removed(self, entries: Collection[Entry], outbox: Outbox) -> set[int]:
        """Give outcomes to those `entries` that another command has removed from `outbox`. Returns the sequences of those that
        are still there.

        The outcome is DISCARDED if that command has discarded the entry. Otherwise it has delivered the entry, and the outcome
        is STORED, without a number. If the entry has an outcome already, it keeps that one. An entry that was renewed is in the
        outbox under its new sequence, so it gets no outcome here. A call must be waiting for each of `entries`.
        """
        waiting = outbox.waiting_sequences(entries)
        removed = {entry.sequence: entry for entry in entries if entry.sequence not in waiting}
        discarded = outbox.writes.discarded(removed) if removed else ()
        for sequence, entry in removed.items():
            if self._awaited[sequence] is None and sequence not in self._origins.values():
                is_discarded = sequence in discarded
                state, reason = (State.DISCARDED, Notice("entry_discarded")) if is_discarded else (State.STORED, None)
                self._awaited[sequence] = SentEntry(entry, state, None, reason)
                if not is_discarded:
                    self._delivered_by_others.add(sequence)
        return waiting

    def take_events(self, events: Iterable[Stored | Rejected | Renewed]) -> None:
        """Give entries the outcomes that the `events` of a `SendSession` report."""
        for event in events:
            match event:
                case Stored(entries, number):
                    self.store(entries, number)
                case Rejected(entry, status):
                    self.reject(entry, status)
                case Renewed(entry, renewed):
                    self.renew(entry, renewed)

    def store(self, entries: Collection[Entry], first: int) -> None:
        """Give each of `entries` the outcome STORED. Their numbers in the notebook are consecutive, from the number `first` on.

        Calls `on_delivered` for each entry for which no call waits.
        """
        sequences = list(map(_sequence, entries))
        fields = zip(entries, repeat(State.STORED), count(first), repeat(None))
        # for each entry `new_tuple(SentEntry, values)`
        outcomes: list[SentEntry] = list(map(new_tuple, repeat(SentEntry), fields))
        if not self._origins and all(map(self._awaited.__contains__, sequences)):  # nearly always
            self._awaited.update(zip(sequences, outcomes, strict=True))
        else:
            for outcome in outcomes:
                self._resolve(outcome)

    def reject(self, entry: Entry, status: Status) -> None:
        """Give `entry`, which the notebook has not stored, its outcome: QUEUED if `status.is_temporary`, REFUSED if not.

        If no call waits for the entry, REFUSED becomes a notice, and QUEUED is not reported at all.
        """
        if status in _POSTPONED:
            self._resolve(SentEntry(entry, State.QUEUED, None, _POSTPONED[status]))
        elif status is Status.OLDER_COPY:
            self._resolve(SentEntry(entry, State.REFUSED, None, Notice("older_copy", number=entry.revises)))
        elif status is Status.ERASED:
            self._resolve(SentEntry(entry, State.REFUSED, None, Notice("entry_erased", number=entry.revises)))
        elif entry.kind is not Kind.NOTE and status is Status.REFUSED:
            self._resolve(SentEntry(entry, State.REFUSED, None, Notice("no_entry_to_change", number=entry.revises)))
        else:
            self._resolve(SentEntry(entry, State.REFUSED, None, Notice("entry_refused", status=status.name)))

    def renew(self, entry: Entry, renewed: Entry | None) -> None:
        """Record that `entry` gets a new client id and sequence, because the notebook has another entry under the old ones.

        `renewed` is the entry with the new client id and sequence, as it is sent now. Its outcome becomes the outcome of
        `entry`. If `renewed` is None, another process has renewed the entry and sends it: then `entry` gets the outcome QUEUED.
        In both cases `on_notice` is called.
        """
        self._on_notice(Notice("identity_taken", sequence=entry.sequence))
        if renewed is None:
            self._resolve(SentEntry(entry, State.QUEUED, None, Notice("delivered_by_another_command")))
        else:
            self._origins[renewed.sequence] = self._origins.pop(entry.sequence, entry.sequence)

    def _resolve(self, sent: SentEntry) -> None:
        """Keep the outcome `sent` for the call that waits for its entry.

        If no call waits for it, STORED goes to `on_delivered`, REFUSED becomes a notice, and QUEUED is not reported.
        """
        sequence = sent.entry.sequence
        if self._origins:
            sequence = self._origins.pop(sequence, sequence)
        if sequence in self._awaited:
            self._awaited[sequence] = sent
        elif sent.state is State.STORED and self._on_delivered is not None and sequence not in self._delivered_by_others:
            self._on_delivered(sent)
        elif sent.state is State.REFUSED:
            self._on_notice(Notice("queued_entry_refused", sequence=sent.entry.sequence, reason=sent.reason))

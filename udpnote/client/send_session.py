"""A client's entries to one notebook, without the network: outbox, delivery and rediscovery together.

Where entries come from: the outbox, always. `carry` takes on the ones just added, and `carry_waiting` the ones that earlier
commands left; both may meet, because an entry is taken on once.
"""

from collections.abc import Collection
from random import Random
from typing import NamedTuple

from udpnote.model.address import Address, Datagram
from udpnote.model.entry import Entry, Kind, Status
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.congestion import WINDOW_MAX
from udpnote.protocol.delivery import Delivery, DeliveryEvent, Rejected, Stored
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.rediscovery import Rediscovery, RediscoveryEvent
from udpnote.protocol.server_contact import KeyChanged, ServerSilent, WrongServer
from udpnote.storage.outbox import Outbox

PAGE_ENTRIES = 1000
"""How many waiting entries are taken from the outbox at a time: memory stays bounded, however many there are."""


class Renewed(NamedTuple):
    """The identity of `entry` was taken by another content; it is on its way again as `renewed` (None: by another process)."""

    entry: Entry
    renewed: Entry | None


CourierEvent = Stored | Rejected | Renewed | RediscoveryEvent


class Courier:
    """Carries entries from `outbox` to `notebook`, in `envelope`.

    Feed it (`carry`, `carry_waiting`, `receive_datagram`, `handle_timeout`), then drain `datagrams_to_send`,
    `probes_to_send` (for everybody on the LAN) and `events`. What is rejected stays in the outbox: for NO_SPACE
    it may be sent again, else it is marked. Times are seconds of one monotonic clock.
    """

    def __init__(
        self,
        outbox: Outbox,
        notebook: KnownNotebook,
        *,
        random: Random,
        envelope: Envelope = OPEN,
        window_max: int = WINDOW_MAX,
        round_trip_seconds: float | None = None,
    ) -> None:
        self._outbox = outbox
        self._rediscovery = Rediscovery(notebook, random=random, envelope=envelope)
        self._delivery = Delivery(
            notebook.notebook_id,
            random=random,
            envelope=envelope,
            window_max=window_max,
            round_trip_seconds=round_trip_seconds,
        )
        self._has_old_key = False
        self._answers = 0
        self._acknowledged: list[int] = []
        self._postponed: set[int] = set()
        self._may_wait = True
        self._events: list[CourierEvent] = []

    @property
    def notebook(self) -> KnownNotebook:
        """The notebook, and where it answers now."""
        return self._rediscovery.notebook

    @property
    def outstanding(self) -> int:
        """How many entries are on their way."""
        return self._delivery.outstanding

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way and nothing more waits in the outbox, as far as is known."""
        return not self._may_wait and not self._delivery.outstanding

    @property
    def is_silent(self) -> bool:
        """Whether the server has fallen silent."""
        return self._delivery.is_silent

    @property
    def has_old_key(self) -> bool:
        """Whether the server has said, and not taken back by an acknowledgement, that its key is another one now."""
        return self._has_old_key

    @property
    def answered_at(self) -> float:
        """When the latest acknowledgement arrived; minus infinity before the first."""
        return self._delivery.answered_at

    @property
    def retransmissions(self) -> int:
        """How many datagrams were sent again so far."""
        return self._delivery.retransmissions

    def carry(self, entries: Collection[Entry], now: float) -> None:
        """Take on entries that were just added to the outbox for this notebook.

        Revisions and deletions are left to `carry_waiting` where others may wait: none must overtake an earlier one.
        """
        if (self._may_wait or self._postponed) and any(entry.kind is not Kind.NOTE for entry in entries):
            self.look_into_outbox()
        else:
            self._delivery.add(entries, now)

    def look_into_outbox(self) -> None:
        """Have `carry_waiting` look again: other entries may have been left there, or may be taken now."""
        self._may_wait = True
        self._postponed.clear()

    def carry_waiting(self, now: float) -> None:
        """Take on the next entries that wait in the outbox, once the ones before are through."""
        if not self._may_wait or self._delivery.outstanding:
            return
        self.flush()
        notebook_id, key_id = self.notebook.notebook_id, self.notebook.key_id
        waiting = self._outbox.waiting_for(notebook_id, key_id=key_id, limit=PAGE_ENTRIES + len(self._postponed))
        fresh = [entry for entry in waiting if entry.sequence not in self._postponed]
        self._may_wait = bool(fresh)
        self._delivery.add(fresh, now)

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Take what has arrived."""
        notebook = self.notebook
        found = self._rediscovery.receive_datagram(data, source, now)
        if found is not None:
            self._delivery.server_found(now, round_trip_seconds=found.round_trip_seconds)
        if self.notebook != notebook:
            self._outbox.remember(self.notebook)
        self._delivery.receive_datagram(data, now)
        self._take_events(now)

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""
        self._delivery.handle_timeout(now)
        self._take_events(now)
        self._rediscovery.handle_timeout(now)

    def datagrams_to_send(self) -> list[Datagram]:
        """Drain the datagrams that are due, with where each goes."""
        address = self._rediscovery.address
        return [(data, address) for data in self._delivery.datagrams_to_send()]

    def probes_to_send(self) -> list[bytes]:
        """Drain the probes that are due, for everybody on the LAN."""
        return self._rediscovery.probes_to_send()

    def events(self) -> list[CourierEvent]:
        """Drain what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if nothing waits."""
        timeouts = (self._delivery.next_timeout(), self._rediscovery.next_timeout())
        return min((timeout for timeout in timeouts if timeout is not None), default=None)

    def flush_if_due(self) -> None:
        """Flush if enough has been acknowledged, or nothing more is on its way."""
        if len(self._acknowledged) >= PAGE_ENTRIES or (self._acknowledged and not self._delivery.outstanding):
            self.flush()

    def flush(self) -> None:
        """Remove from the outbox what has been acknowledged."""
        acknowledged, self._acknowledged = self._acknowledged, []
        self._outbox.remove(acknowledged)

    def _take_events(self, now: float) -> None:
        for event in self._delivery.events():
            self._take_event(event, now)
        for news in self._rediscovery.events():
            self._has_old_key = self._has_old_key or isinstance(news, KeyChanged)
            self._events.append(news)
        if self._delivery.answers > self._answers:
            self._answers = self._delivery.answers
            self._rediscovery.end()
            self._has_old_key = False

    def _take_event(self, event: DeliveryEvent, now: float) -> None:
        match event:
            case Stored():
                self._acknowledged.append(event.entry.sequence)
                if event.entry.kind is not Kind.NOTE:
                    self._outbox.watch_revision(self.notebook.notebook_id, event.number)
                self._events.append(event)
            case Rejected(entry, Status.CONFLICT):
                renewed = self._outbox.renew(entry)
                self._events.append(Renewed(entry, renewed))
                if renewed is not None:
                    self._delivery.add([renewed], now)
            case Rejected(entry, status):
                if status is Status.NO_SPACE:
                    self._postponed.add(entry.sequence)
                    self._may_wait = False  # the others would fare no better
                else:
                    self._outbox.mark_refused(entry.sequence, status)
                self._events.append(event)
            case KeyChanged():
                self._has_old_key = True
                self._events.append(event)
            case ServerSilent() | WrongServer():
                self._rediscovery.begin(now)

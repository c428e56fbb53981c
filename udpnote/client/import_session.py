"""Importing entries into a notebook, without the network: as they were, in their order, each once.

An imported entry keeps its identity, so that importing it again adds nothing, and the time at which it was stored. Each is
stored after the one before it in the file, whatever the network loses: so numbers come out in the same order, and into an
empty notebook as the same numbers. A revision names what it revises by a number, which may be another one here: it is sent
once that is known. The file is the outbox: what was cut short is imported again.
"""

from collections.abc import Collection
from random import Random
from typing import NamedTuple

from udpnote.model.address import Address, Datagram
from udpnote.model.entry import NO_PREDECESSOR, Entry, Kind, Restored, StoredEntry
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.delivery import Delivery, Rejected, Stored
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.rediscovery import Rediscovery, RediscoveryEvent
from udpnote.protocol.server_contact import ServerSilent, WrongServer

ImporterEvent = Stored | Rejected | RediscoveryEvent
_Identity = tuple[bytes, int]


class Prepared(NamedTuple):
    """An entry to import, and how it is to be kept."""

    entry: Entry
    restored: Restored


class Renumbering:
    """Which numbers imported entries have got; `revised` are the numbers, in the file, that its revisions name."""

    def __init__(self, revised: Collection[int]) -> None:
        self._revised = revised
        self._under_way: dict[_Identity, int] = {}
        self._numbers: dict[int, int] = {}
        self._predecessor: _Identity = NO_PREDECESSOR

    def prepare(self, old: StoredEntry) -> Prepared | None:
        """What to import for an entry of the file; None for a revision of what has no number here (yet)."""
        number, stored_at, entry, _ = old
        if entry.kind is not Kind.NOTE:
            revises = self._numbers.get(entry.revises)
            if revises is None:
                return None
            entry = entry._replace(revises=revises)
        identity = (entry.client_id, entry.sequence)
        if number in self._revised:
            self._under_way[identity] = number
            self._numbers.pop(number, None)  # of two exports in one file, this is the other one's
        prepared = Prepared(entry, Restored(stored_at, *self._predecessor))
        self._predecessor = identity
        return prepared

    def settle(self, entry: Entry, number: int) -> None:
        """An imported entry has got its number; 0 if it has got none."""
        old = self._under_way.pop((entry.client_id, entry.sequence), None)
        if old is not None and number:
            self._numbers[old] = number


class Importer:
    """Brings prepared entries to `notebook`, in `envelope`.

    Feed it (`add`, `receive_datagram`, `handle_timeout`), then drain `datagrams_to_send`, `probes_to_send` (for everybody on
    the LAN) and `events`. Times are seconds of one monotonic clock.
    """

    def __init__(
        self, notebook: KnownNotebook, *, random: Random, envelope: Envelope = OPEN, round_trip_seconds: float | None = None
    ) -> None:
        self._rediscovery = Rediscovery(notebook, random=random, envelope=envelope)
        self._delivery = Delivery(notebook.notebook_id, random=random, envelope=envelope, round_trip_seconds=round_trip_seconds)
        self._answers = 0
        self._events: list[ImporterEvent] = []

    @property
    def notebook(self) -> KnownNotebook:
        """The notebook, and where it answers now."""
        return self._rediscovery.notebook

    @property
    def outstanding(self) -> int:
        """How many entries are on their way."""
        return self._delivery.outstanding

    @property
    def answered_at(self) -> float:
        """When the latest acknowledgement arrived; minus infinity before the first."""
        return self._delivery.answered_at

    def add(self, prepared: list[Prepared], now: float) -> None:
        """Take entries on."""
        self._delivery.add_restored(prepared, now)

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Take what has arrived."""
        found = self._rediscovery.receive_datagram(data, source, now)
        if found is not None:
            self._delivery.server_found(now, round_trip_seconds=found.round_trip_seconds)
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

    def events(self) -> list[ImporterEvent]:
        """Drain what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if nothing waits."""
        timeouts = (self._delivery.next_timeout(), self._rediscovery.next_timeout())
        return min((timeout for timeout in timeouts if timeout is not None), default=None)

    def _take_events(self, now: float) -> None:
        for event in self._delivery.events():
            if isinstance(event, ServerSilent | WrongServer):
                self._rediscovery.begin(now)
            else:
                self._events.append(event)
        self._events += self._rediscovery.events()
        if self._delivery.answers > self._answers:
            self._answers = self._delivery.answers
            self._rediscovery.end()

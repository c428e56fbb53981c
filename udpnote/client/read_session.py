"""A client's reading of one notebook, without the network: reading and rediscovery together."""

from random import Random

from udpnote.model.address import Address, Datagram
from udpnote.model.notebook import KnownNotebook
from udpnote.model.query import Item, Query
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.reading import Indexing, Reading, Selection
from udpnote.protocol.rediscovery import Rediscovery, RediscoveryEvent
from udpnote.protocol.server_contact import KeyChanged, ServerSilent, WrongServer


class Reader:
    """Reads what `query` finds in `notebook`, wherever its server is, in `envelope`.

    Feed it (`receive_datagram`, `handle_timeout`), then drain `datagrams_to_send`, `probes_to_send` (for everybody on the
    LAN), `items` and `events`. At most `limit` items are read (0: all), from the number `start` on; one that `follows` goes
    on for ever. Times are seconds of one monotonic clock.
    """

    def __init__(
        self,
        notebook: KnownNotebook,
        query: Query,
        *,
        random: Random,
        now: float,
        envelope: Envelope = OPEN,
        limit: int = 0,
        follows: bool = False,
        start: int | None = None,
        round_trip_seconds: float | None = None,
    ) -> None:
        self._rediscovery = Rediscovery(notebook, random=random, envelope=envelope)
        self._reading = Reading(
            notebook.notebook_id,
            Selection(query, limit, start, follows),
            random=random,
            now=now,
            envelope=envelope,
            round_trip_seconds=round_trip_seconds,
        )
        self._events: list[RediscoveryEvent] = []

    @property
    def notebook(self) -> KnownNotebook:
        """The notebook, and where it answers now."""
        return self._rediscovery.notebook

    @property
    def is_ended(self) -> bool:
        """Whether all has been read."""
        return self._reading.is_ended

    @property
    def is_refused(self) -> bool:
        """Whether the server cannot answer the query."""
        return self._reading.is_refused

    @property
    def is_silent(self) -> bool:
        """Whether the server has fallen silent."""
        return self._reading.is_silent

    @property
    def answered_at(self) -> float:
        """When the latest page arrived, or when reading began."""
        return self._reading.answered_at

    @property
    def is_nonsense(self) -> bool:
        """Whether the server sends what none of this protocol would."""
        return self._reading.is_nonsense

    @property
    def progressed_at(self) -> float:
        """When reading last got on, or when it began."""
        return self._reading.progressed_at

    @property
    def indexing(self) -> Indexing | None:
        """How far the search index has come, while the server says that it is not ready."""
        return self._reading.indexing

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Take what has arrived."""
        found = self._rediscovery.receive_datagram(data, source, now)
        if found is not None:
            self._reading.server_found(now, round_trip_seconds=found.round_trip_seconds)
        reading = self._reading
        answered_at = reading.answered_at
        reading.receive_datagram(data, now)
        if reading.answered_at > answered_at:
            self._rediscovery.end()
        self._take_events(now)

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""
        self._reading.handle_timeout(now)
        self._take_events(now)
        self._rediscovery.handle_timeout(now)

    def datagrams_to_send(self) -> list[Datagram]:
        """Drain the READs that are due, with where each goes."""
        address = self._rediscovery.address
        return [(data, address) for data in self._reading.datagrams_to_send()]

    def probes_to_send(self) -> list[bytes]:
        """Drain the probes that are due, for everybody on the LAN."""
        return self._rediscovery.probes_to_send()

    def items(self) -> list[Item]:
        """Drain what has been read since the last call, in order."""
        return self._reading.items()

    def events(self) -> list[RediscoveryEvent]:
        """Drain what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if all has been read."""
        timeouts = (self._reading.next_timeout(), self._rediscovery.next_timeout())
        return min((timeout for timeout in timeouts if timeout is not None), default=None)

    def _take_events(self, now: float) -> None:
        for event in self._reading.events():
            match event:
                case KeyChanged():
                    self._events.append(event)
                case ServerSilent() | WrongServer():
                    self._rediscovery.begin(now)
        self._events += self._rediscovery.events()

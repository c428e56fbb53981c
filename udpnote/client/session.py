"""The session with one notebook: what sending, reading and importing have in common.

A `Session` combines two state machines of the protocol: the conversation with the server (a delivery or a reading) and the
rediscovery, which looks for the server when it falls silent. A session neither waits nor uses the network: `client.driver` does
both. To *drain* events or datagrams is to take all that have collected since the last time. All times are seconds of the
client's monotonic clock.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from udpnote.model.address import Address, Datagram
from udpnote.model.notebook import KnownNotebook
from udpnote.model.randomness import Randomness
from udpnote.protocol.delivery.delivery import Delivery
from udpnote.protocol.envelope import Envelope
from udpnote.protocol.rediscovery import Rediscovery, RediscoveryEvent
from udpnote.protocol.server_contact import SILENCE_SECONDS, KeyChanged, ServerContact, ServerSilent, WrongServer

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)


class Peer(NamedTuple):
    """The `notebook` with which a session talks, and what it needs for that.

    All datagrams to and from the notebook travel in `envelope`. `random` makes tokens and spreads retransmissions. For
    `round_trip_seconds` see `Located`.
    """

    notebook: KnownNotebook
    envelope: Envelope
    random: Randomness
    round_trip_seconds: float | None


def delivery_to(peer: Peer) -> Delivery:
    """Make a delivery of entries to `peer`, for a session."""
    notebook, envelope, random, round_trip_seconds = peer
    return Delivery(notebook.notebook_id, random=random, envelope=envelope, round_trip_seconds=round_trip_seconds)


class Conversation(Protocol[Event_co]):
    """The client's side of an exchange with a server: a `Delivery` (in `protocol.delivery`) or a `Reading` (in
    `protocol.reading`).
    """

    @property
    def answers(self) -> int:
        """How many datagrams from the server have answered a request of this conversation so far."""

    @property
    def contact(self) -> ServerContact:
        """What the conversation knows of its server."""

    def receive_datagrams(self, datagrams: Iterable[bytes], now: float) -> None:
        """Handle datagrams that have arrived at `now`. Ignores those that do not answer a request of this conversation."""

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""

    def server_found(self, now: float, *, round_trip_seconds: float) -> None:
        """Send the unanswered requests again, because discovery has found the server, with the given round-trip time."""

    def datagrams_to_send(self) -> list[bytes]:
        """Return and forget the datagrams that are due."""

    def events(self) -> Sequence[Event_co | ServerSilent | WrongServer | KeyChanged]:
        """Return and forget the events that have collected."""

    def next_timeout(self) -> float | None:
        """When `handle_timeout` must be called next; None if no timer runs."""


class Session(Generic[Event]):
    """Combines the `conversation` with the server of `peer`, and the search for this server when it falls silent.

    After each input (`prepare`, `receive_datagrams`, `handle_timeout`) the caller drains `datagrams_to_send`, `probes_to_send`
    and `events`.
    """

    def __init__(self, peer: Peer, conversation: Conversation[Event]) -> None:
        self._rediscovery = Rediscovery(peer.notebook, random=peer.random, envelope=peer.envelope)
        self._conversation = conversation
        self._answers = 0
        """How many answers the conversation had received when its events were taken last."""
        self._is_unreachable = False
        """Whether `record_unreachable` has begun to look for the server, and the server has not answered since."""
        self.has_sent = False
        """Whether a request of this session has left this machine. `SendSession` sets this to False when it begins to deliver
        entries, and no other ones are being delivered."""
        self.obstacle: str | None = None
        """The system's reason if it had no way to the server for the latest datagrams; None if it has sent them."""
        self.is_cut_off = False
        """Whether there is an `obstacle`, and the latest probe did not leave this machine either."""
        self._events: list[Event | RediscoveryEvent] = []

    @property
    def notebook(self) -> KnownNotebook:
        """The notebook, with the name and address with which its server has last answered a discovery."""
        return self._rediscovery.notebook

    @property
    def address(self) -> Address:
        """The address to which the datagrams for the server go."""
        return self._rediscovery.address

    @property
    def another(self) -> KnownNotebook | None:
        """A different notebook that has answered with the name of this notebook, or from its address; None if none has."""
        return self._rediscovery.another

    @property
    def waits_for_ever(self) -> bool:
        """Whether the caller waits for the server without limit. If so, a notice must explain why the server is silent."""
        return False

    @property
    def is_silent(self) -> bool:
        """Whether the server counts as silent: it has left requests unanswered for too long, or refused one."""
        return self._conversation.contact.is_silent

    @property
    def answered_at(self) -> float:
        """When the latest answer arrived. Before the first one: minus infinity in a delivery, the beginning in a reading."""
        return self._conversation.contact.answered_at

    @property
    def round_trip_seconds(self) -> float | None:
        """The smoothed round-trip time of requests and answers; None before it was first measured."""
        return self._conversation.contact.timer.smoothed_seconds

    @property
    def progressed_at(self) -> float:
        """When the session last made progress: when the latest answer arrived, unless a subclass measures it in another way.

        If the session makes no progress for too long, `Driver.drive` gives up.
        """
        return self.answered_at

    @property
    def may_wait(self) -> bool:
        """Whether the driver may wait for the next datagram or timer. False while there are events that were not drained."""
        return not self._events

    def prepare(self, now: float) -> None:
        """Add the requests to send next. The driver calls this at the beginning of each round. Here, it does nothing.

        A subclass that has requests to add overrides it.
        """

    def receive_datagrams(self, datagrams: Sequence[Datagram], now: float) -> None:
        """Handle datagrams, each with its source address, that have arrived at `now`. Ignores those for other sessions. If one
        shows where the server is now, unanswered requests are sent there again.
        """
        for data, source in datagrams:
            found = self._rediscovery.receive_datagram(data, source, now)
            if found is not None:
                self._is_unreachable = False
                self._conversation.server_found(now, round_trip_seconds=found.round_trip_seconds)
        self._conversation.receive_datagrams([data for data, _ in datagrams], now)
        self._take_events(now)

    def record_unreachable(self, now: float) -> None:
        """Look for the server at once, because the system says that its address cannot be reached.

        That is only a hint, which anybody can forge. So this does nothing if the server has answered less than
        `SILENCE_SECONDS` ago, or counts as silent already.
        """
        is_heard = self._answers > 0 and now - self.answered_at < SILENCE_SECONDS
        if not is_heard and not self.is_silent and not self._is_unreachable:
            self._is_unreachable = True
            self._rediscovery.begin(now)
            self._take_events(now)

    def record_answer_to(self, other: "Session[Any]") -> None:
        """Record that the server of `other` has just answered, while the server of this session is silent.

        If both sessions have the same notebook, this one asks again soon, at the address of `other`. If not, this does nothing.
        """
        mine, theirs = self.notebook, other.notebook
        if (mine.notebook_id, mine.key_id) == (theirs.notebook_id, theirs.key_id):
            self._rediscovery.notebook, self._rediscovery.address = theirs, other.address
            self._conversation.contact.hasten_probe()

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""
        self._conversation.handle_timeout(now)
        self._take_events(now)
        self._rediscovery.handle_timeout(now)

    def datagrams_to_send(self) -> list[Datagram]:
        """Return and forget the datagrams that are due, each with the address of the notebook's server."""
        address = self.address
        return [(data, address) for data in self._conversation.datagrams_to_send()]

    def probes_to_send(self) -> list[bytes]:
        """Return and forget the due probes, each for the named server or, if none is named, for all hosts of the LAN."""
        return self._rediscovery.probes_to_send()

    def events(self) -> list[Event | RediscoveryEvent]:
        """Return and forget the events of the conversation and of the rediscovery."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When `handle_timeout` must be called next; None if no timer runs."""
        timeout, rediscovery_timeout = self._conversation.next_timeout(), self._rediscovery.next_timeout()
        if timeout is None or rediscovery_timeout is None:
            return timeout if rediscovery_timeout is None else rediscovery_timeout
        return min(timeout, rediscovery_timeout)

    def _take_events(self, now: float) -> None:
        """Act on the new events of the conversation and of the rediscovery. A subclass overrides this to act on all of them
        together.

        If the server has answered a request, end the rediscovery, and call `_take_answer`. If the server is silent, or has
        another notebook now, begin the rediscovery. Pass every other event to `_take_event`.
        """
        if self._conversation.answers > self._answers:  # first, because the server may have fallen silent after its answers
            self._answers = self._conversation.answers
            self._is_unreachable = False
            self._rediscovery.end()
            self._take_answer()
        for event in self._conversation.events():
            match event:
                case ServerSilent() | WrongServer():
                    # If an answer that came with the event has ended the silence, the server is not looked for. If the server
                    # is unreachable, `record_unreachable` has begun the discovery already.
                    if self._conversation.contact.is_silent and not self._is_unreachable:
                        self._rediscovery.begin(now)
                case _:
                    self._take_event(event)
        for rediscovery_event in self._rediscovery.events():
            self._take_event(rediscovery_event)

    def _take_event(self, event: Event | RediscoveryEvent) -> None:
        """Keep an event for `events`. A subclass overrides this to act on some events."""
        self._events.append(event)

    def _take_answer(self) -> None:
        """Called when the server has answered requests. A subclass overrides this to act on it."""

"""The session with one notebook, and the loop that drives it: sending, reading and importing share both.

A `Session` combines two state machines of the protocol: the conversation with the server (a delivery or a reading) and the
rediscovery, which looks for the server when it falls silent. A session neither waits nor uses the network. A `Driver` does
both: in each round it sends the datagrams that are due, waits for a datagram or a timer, passes datagrams to the sessions, and
returns the events. To *drain* events or datagrams is to take all that have collected since the last time. All times are seconds
of the client's monotonic clock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from udpnote.client.answers import impostor_notice, served_twice_notice, unreachable_notice
from udpnote.client.connection import Connection
from udpnote.client.notebook_finder import Located, NotebookFinder
from udpnote.client.trust import Keyring
from udpnote.errors import Notice, OldKey
from udpnote.lan.udp_socket import format_address, format_host
from udpnote.model.address import Address, Datagram
from udpnote.model.notebook import KnownNotebook, SilentServer, address_of, display_name
from udpnote.model.randomness import Randomness
from udpnote.protocol.envelope import Envelope
from udpnote.protocol.rediscovery import (
    AnotherNotebookFound,
    ImpostorFound,
    LookingForServer,
    Rediscovery,
    RediscoveryEvent,
    ServedTwice,
    ServerMoved,
)
from udpnote.protocol.server_contact import SILENCE_SECONDS, KeyChanged, ServerContact, ServerSilent, WrongServer
from udpnote.storage.outbox.outbox import Outbox

_REPORTED = (LookingForServer, ServerMoved, ImpostorFound, AnotherNotebookFound, ServedTwice)
"""The events that become notices for the user."""

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)


class Conversation(Protocol[Event_co]):
    """The client's side of an exchange with a server: `protocol.delivery.Delivery` or `protocol.reading.Reading`."""

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
    """Combines the `conversation` with the server of `notebook`, and the search for this server when it falls silent.

    After each input (`prepare`, `receive_datagrams`, `handle_timeout`) the caller drains `datagrams_to_send`, `probes_to_send`
    and `events`. All datagrams to and from the notebook travel in `envelope`.
    """

    def __init__(
        self, notebook: KnownNotebook, conversation: Conversation[Event], *, random: Randomness, envelope: Envelope
    ) -> None:
        self._rediscovery = Rediscovery(notebook, random=random, envelope=envelope)
        self._conversation = conversation
        self._answers = 0
        """How many answers the conversation had received when its events were taken last."""
        self._is_unreachable = False
        """Whether `record_unreachable` has begun to look for the server, and the server has not answered since."""
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
        """If the silent server of this session has just answered `other`, ask it again soon, at the address of `other`."""
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


class Driver:
    """Drives the sessions of one client, in one or several threads, and calls `on_notice` with each notice for the user."""

    def __init__(
        self,
        connection: Connection,
        outbox: Outbox,
        keyring: Keyring,
        finder: NotebookFinder,
        on_notice: Callable[[Notice], None],
    ) -> None:
        self.connection = connection
        self.now = connection.now
        """The monotonic time in seconds."""
        self.outbox = outbox
        self.keyring = keyring
        self.finder = finder
        self.on_notice = on_notice
        self._unreachable: Notice | None = None
        """Why a server could not be reached; the notice about the next search for a server says so."""

    def locate(self, seconds: float) -> Located:
        """Return the client's notebook, and the round-trip time to its server, as a `Located`.

        If the notebook is not known, discovery looks for it for up to `seconds`. Raises the errors of `NotebookFinder.find`.
        The caller must hold the lock of the connection.
        """
        return self.finder.locate(self.now() + seconds)

    def drive(
        self,
        session: Session[Event],
        *,
        started: float,
        patience_seconds: float,
        on_events: Callable[[list[Event]], None],
        is_done: Callable[[], bool] | None = None,
    ) -> Iterator[None]:
        """Drive `session` round by round. A generator: it yields None after each round.

        It holds the lock of the connection during a round, and not while it yields. It ends before a round if `is_done` returns
        True. It also ends when the session has made no progress for `patience_seconds`, counted from the monotonic time
        `started` at the earliest; time between two rounds does not count. After each round `on_events` is called with the
        events of the round, with the lock held. Raises the errors of `round`. The session must be a listener of the connection.
        """
        is_given_up = False
        while not is_given_up:
            with self.connection.lock():
                session.prepare(self.now())
                if is_done is not None and is_done():
                    return
                given_up_at = max(started, session.progressed_at) + patience_seconds
                on_events(self.round(session, given_up_at))
                has_progressed = max(started, session.progressed_at) + patience_seconds > given_up_at
                is_given_up = self.now() >= given_up_at and not has_progressed
                yielded_at = self.now()
            yield
            started = max(started, session.progressed_at) + self.now() - yielded_at
            self.connection.rest()

    def round(self, session: Session[Event], until: float, *, is_key_checked: bool = False) -> list[Event]:
        """Send due datagrams, wait for a datagram or a timer until `until` at the latest, and return the session's own events.

        Does not wait if the session's `may_wait` is False. Events of the rediscovery become notices for the user, and are not
        returned. If the server has moved, its new address is saved in the outbox. The caller must hold the lock of the
        connection.

        Raises `JoinedOrLeftMeanwhile` if another command has joined or left the notebook: entries might else be sent
        unencrypted, or an open server be trusted. Raises `OldKey` if the server answers that the notebook's key has changed.

        With `is_key_checked`, the caller has just checked that no command has joined or left the notebook, so this does not.
        """
        if not is_key_checked:
            self.finder.check(session.notebook)
        self._exchange(session, until if session.may_wait else 0.0)
        happened: list[Event] = []
        for event in session.events():
            if isinstance(event, KeyChanged):
                raise OldKey("key_changed", session.notebook, name=self.name_of(session.notebook))
            if isinstance(event, _REPORTED):
                self._report(session, event)
            else:
                happened.append(event)
        return happened

    def remember_round_trip(self, session: Session[Event]) -> None:
        """Save the round-trip time of `session` in the outbox, for the next session with its notebook.

        Does nothing if the time was not measured. The caller must hold the lock of the connection.
        """
        if session.round_trip_seconds is not None:
            with self.finder.optional_writes:
                self.outbox.round_trips.record(session.notebook.notebook_id, session.round_trip_seconds)

    def name_of(self, notebook: KnownNotebook) -> str | Notice:
        """The name of `notebook` for messages, with the start of its id if another known notebook has the same name."""
        return display_name(notebook, self.outbox.notebooks())

    def silent_server(self, session: Session[Event]) -> SilentServer:
        """A description of the server of the session's notebook, for the message that it does not answer."""
        notebook, another = session.notebook, session.another
        name = display_name(notebook, [*self.outbox.notebooks(), *([another] if another is not None else [])])
        return SilentServer(name, format_host(address_of(notebook)), notebook.key_id is not None, another)

    def _exchange(self, session: Session[Event], until: float) -> None:
        """Send due datagrams, wait until `until` at the latest, and pass what arrives to all sessions, `session` included."""
        connection = self.connection
        self._send_due(session)
        due = session.next_timeout()
        datagrams = connection.receive(until if due is None else min(until, due))
        now = self.now()
        self._record_errors(session, now)
        if datagrams:
            connection.pass_on(datagrams[:1], now)
        if len(datagrams) > 1:
            self._send_due(session)  # so that the server can answer while the listeners handle the other datagrams
            connection.pass_on(datagrams[1:], now)
        if datagrams and len(connection.listeners) > 1:
            sessions = [each for each in connection.listeners if isinstance(each, Session)]
            answered = [each for each in sessions if each.answered_at == now]
            for silent in (each for each in sessions if each.is_silent):
                for other in answered:
                    silent.record_answer_to(other)
        if due is not None and now >= due:
            session.handle_timeout(now)
        self._send_due(session)

    def _record_errors(self, session: Session[Event], now: float) -> None:
        """If the system says that the server of `session` cannot be reached, have the session look for it."""
        for address, error in self.connection.endpoint.errors().items():
            if address[:2] == session.address[:2]:
                self._unreachable = unreachable_notice(address, error)
                session.record_unreachable(now)

    def _send_due(self, session: Session[Event]) -> None:
        """Send the datagrams and probes of `session` that are due."""
        datagrams = session.datagrams_to_send()
        if datagrams:
            self.connection.endpoint.send(datagrams)
        for probe in session.probes_to_send():
            self.finder.probe_again(probe, session.notebook)

    def _report(
        self,
        session: Session[Event],
        event: LookingForServer | ServerMoved | ImpostorFound | AnotherNotebookFound | ServedTwice,
    ) -> None:
        """Give the user a notice about `event`. If the server has moved, save its new address in the outbox.

        There is no notice about another notebook unless the caller waits without limit (`Session.waits_for_ever`).
        """
        match event:
            case LookingForServer():
                self.on_notice(self._unreachable or Notice("server_silent"))
                self._unreachable = None
            case ServerMoved(address):
                if self.outbox.notebook(session.notebook.notebook_id) != session.notebook:
                    with self.finder.optional_writes:
                        self.outbox.remember(session.notebook)
                self.on_notice(Notice("server_found_again", address=format_address(address)))
            case ImpostorFound():
                self.on_notice(impostor_notice(event, self.outbox.notebooks()))
            case ServedTwice(answer):
                self.on_notice(served_twice_notice(answer, self.outbox.notebooks()))
            case AnotherNotebookFound() if session.waits_for_ever:
                self.on_notice(Notice("another_notebook_answers", server=self.silent_server(session)))

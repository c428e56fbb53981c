"""The loop that drives sessions: sending, reading and importing share it.

In each round, a `Driver` sends the datagrams that are due, waits for a datagram or a timer, passes datagrams to the sessions,
and returns the events. What the events of the rediscovery mean for people becomes a notice.
"""

import errno
import os
from collections.abc import Callable, Iterator

from udpnote.client.connection import Connection
from udpnote.client.finding.answers import impostor_notice, served_twice_notice, unreachable_notice
from udpnote.client.finding.notebook_finder import LOCATE_SECONDS_MIN, Located, NotebookFinder
from udpnote.client.finding.trust import Keyring
from udpnote.client.session import Event, Peer, Session
from udpnote.errors import Notice, OldKey
from udpnote.lan.probing_endpoint import THIS_MACHINE
from udpnote.lan.udp_socket import SendError, format_address, format_host
from udpnote.model.notebook import KnownNotebook, SilentServer, address_of, display_name
from udpnote.protocol.rediscovery import (
    AnotherNotebookFound,
    AnswersOnlyDiscovery,
    ImpostorFound,
    LookingForServer,
    ServedTwice,
    ServerFoundAgain,
)
from udpnote.protocol.server_contact import KeyChanged
from udpnote.settings import WAIT_SECONDS
from udpnote.storage.outbox.outbox import Outbox

CUT_OFF_PATIENCE = 0.2
"""While nothing can leave this machine, a client waits for a server only for this part of the usual time: most probably the
machine is on no network. The client does wait, because the server may be on this machine, or the machine may just be joining a
network."""

_NO_WAY_OUT = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)
"""The errors with which the system says that it has no way to an address."""

_REPORTED = (LookingForServer, ServerFoundAgain, AnswersOnlyDiscovery, ImpostorFound, AnotherNotebookFound, ServedTwice)
"""The events that become notices for the user."""


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
        self.finder, self.discoverer = finder, finder.discoverer
        self.on_notice = on_notice
        self._unreachable: Notice | None = None
        """Why a server could not be reached; the notice about the next search for a server says so."""

    def locate(self, seconds: float, *, since: float | None = None) -> Located:
        """Return the client's notebook, and the round-trip time to its server, as a `Located`.

        If the notebook is not known, discovery looks for it until `seconds` after the monotonic time `since` (None: now). Fewer
        `seconds` than `LOCATE_SECONDS_MIN` count as `LOCATE_SECONDS_MIN`. Raises the errors of `Discoverer.find`. The caller
        must hold the lock of the connection.
        """
        since = self.now() if since is None else since
        return self.finder.locate(since + max(seconds, LOCATE_SECONDS_MIN))

    def peer(self, located: Located) -> Peer:
        """The `Peer` for a session with the notebook of `located`. Raises `KeyMissing`."""
        envelope = self.keyring.envelope(located.notebook)
        return Peer(located.notebook, envelope, self.connection.random, located.round_trip_seconds)

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
        True. It also ends when the session has made no progress for `patience_seconds` (see `patience`), counted from the
        monotonic time `started` at the earliest; time between two rounds does not count. After each round `on_events` is called
        with the events of the round, with the lock held. Raises the errors of `round`. The session must be a listener of the
        connection.
        """
        is_given_up = False
        while not is_given_up:
            with self.connection.lock():
                session.prepare(self.now())
                if is_done is not None and is_done():
                    return
                since = max(started, session.progressed_at)
                given_up_at = since + patience(session, patience_seconds)
                on_events(self.round(session, given_up_at))
                has_progressed = max(started, session.progressed_at) > since
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
        obstacle = None if session.has_sent else session.obstacle
        return SilentServer(name, format_host(address_of(notebook)), notebook.key_id is not None, another, obstacle)

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
            self._tell_silent_sessions(now)
        if due is not None and now >= due:
            session.handle_timeout(now)
        self._send_due(session)

    def _tell_silent_sessions(self, now: float) -> None:
        """Tell each session whose server is silent which other sessions have got an answer `now`: their server may be the same,
        and then the session need not go on looking for it.
        """
        sessions = [each for each in self.connection.listeners if isinstance(each, Session)]
        answered = [each for each in sessions if each.answered_at == now]
        for silent in [each for each in sessions if each.is_silent]:
            for other in answered:
                silent.record_answer_to(other)

    def _record_errors(self, session: Session[Event], now: float) -> SendError | None:
        """If the system says that the server of `session` cannot be reached, have the session look for the server. Returns the
        error, or None if the system does not say this.
        """
        found = None
        for address, error in self.connection.endpoint.errors().items():
            if address[:2] == session.address[:2]:
                found = error
                self._unreachable = unreachable_notice(address, error)
                session.record_unreachable(now)
        return found

    def _send_due(self, session: Session[Event]) -> None:
        """Send the datagrams and probes of `session` that are due, and record in the session whether they have left."""
        datagrams = session.datagrams_to_send()
        if datagrams:
            self.connection.endpoint.send(datagrams)
            session.obstacle = _obstacle(self._record_errors(session, self.now()))
            if session.obstacle is None:
                session.has_sent = True
                session.is_cut_off = False
        for probe in session.probes_to_send():
            self.discoverer.probe_again(probe, session.notebook)
            have_left = any(each.error is None and each.interface != THIS_MACHINE for each in self.discoverer.attempts)
            session.is_cut_off = session.obstacle is not None and not have_left

    def _report(
        self,
        session: Session[Event],
        event: LookingForServer | ServerFoundAgain | AnswersOnlyDiscovery | ImpostorFound | AnotherNotebookFound | ServedTwice,
    ) -> None:
        """Give the user a notice about `event`. If the server was found at another address, save that in the outbox.

        There is no notice about another notebook unless the caller waits without limit (`Session.waits_for_ever`).
        """
        match event:
            case LookingForServer():
                if session.waits_for_ever or not session.is_cut_off:  # else the outcome says the same, and is near
                    self.on_notice(self._unreachable or Notice("server_silent"))
                self._unreachable = None
            case ServerFoundAgain(address):
                if self.outbox.notebook(session.notebook.notebook_id) != session.notebook:
                    with self.finder.optional_writes:
                        self.outbox.remember(session.notebook)
                self.on_notice(Notice("server_found_again", address=format_address(address)))
            case AnswersOnlyDiscovery(address):
                self.on_notice(Notice("server_answers_only_discovery", address=format_address(address)))
            case ImpostorFound():
                self.on_notice(impostor_notice(event, self.outbox.notebooks()))
            case ServedTwice(answer):
                self.on_notice(served_twice_notice(answer, self.outbox.notebooks()))
            case AnotherNotebookFound() if session.waits_for_ever:
                self.on_notice(Notice("another_notebook_answers", server=self.silent_server(session)))


def _obstacle(error: SendError | None) -> str | None:
    """The system's text for `error` if it means that no datagram has left this machine; None for another error or none.

    An error that came by ICMP does not mean this: a datagram has left this machine, and another host has answered.
    """
    if error is None or error.came_by_icmp or error.number not in _NO_WAY_OUT:
        return None
    return os.strerror(error.number)


def patience(session: Session[Event], seconds: float) -> float:
    """How many seconds to wait for the server of `session`: usually `seconds`.

    While nothing can leave this machine, it is only a part of `seconds` (`CUT_OFF_PATIENCE`: a fifth). But a user who has set
    more than the default `WAIT_SECONDS` gets all of them: a machine that was just started may need them to join its network.
    """
    return seconds * CUT_OFF_PATIENCE if session.is_cut_off and seconds <= WAIT_SECONDS else seconds

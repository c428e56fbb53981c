"""The session in which all calls of a client send, and the delivery of what waits in the outbox.

What one call does, with its texts and their outcomes, is in `client.sending.send_call`.
"""

from udpnote.client.driver import Driver
from udpnote.client.finding.notebook_finder import Located
from udpnote.client.optional_writes import OptionalWrites
from udpnote.client.sending.results import Outcomes, reason_to_wait
from udpnote.client.sending.send_session import SendSession
from udpnote.errors import JoinedOrLeftMeanwhile, Notice, OldKey
from udpnote.model.entry import Entry


class Sender:
    """Sends entries of the outbox through `driver`, and gives their outcomes (see `State`) to `outcomes`.

    Several threads may send at once. They share one `session`, which lasts until the notebook is joined or left, or until the
    client uses another notebook. `session` is None until the next one begins. `notebook_changes` counts how often a session was
    ended because the client uses another notebook.

    A caller of a method must hold the lock of the connection, except for `deliver`, `finish` and `retransmissions`.
    """

    def __init__(self, driver: Driver, outcomes: Outcomes) -> None:
        self.driver = driver
        self.outbox = driver.outbox
        self.outcomes = outcomes
        self.session: SendSession | None = None
        self.notebook_changes = 0
        self._connection = driver.connection
        self._removals = OptionalWrites(lambda error: driver.on_notice(Notice("not_removed", error=error)))
        self._connection.on_interrupted.append(self._forget_session)

    @property
    def retransmissions(self) -> int:
        """How many datagrams with entries the current session has sent again; 0 if there is no session."""
        return self.session.retransmissions if self.session is not None else 0

    def deliver(self, wait_seconds: float) -> Notice | None:
        """Deliver what waits in the outbox for the client's notebook. Returns and raises what `Client.deliver` does.

        Ends earlier if the server is silent for `wait_seconds`, or if another command has joined or left the notebook. While
        calls in other threads send, this also waits for the outcomes of their entries. If one of these calls ends the session,
        this begins again.
        """
        started = self.driver.now()
        with self._connection.lock():
            self._end_outdated_session()
            session = self.session or self.locate(started, wait_seconds)
            session.look_into_outbox()
        self.finish(session, started, wait_seconds, leaves_rest=False)
        with self._connection.lock():
            if session.has_old_key:
                raise OldKey("key_changed", name=self.driver.name_of(session.notebook))
            if not session.is_idle:
                self.driver.finder.check(session.notebook)
            if session.is_idle or session is self.session:
                return reason_to_wait(session, self.driver.silent_server(session), wait_seconds)
        return self.deliver(wait_seconds)  # another thread has ended the session, perhaps before its server was asked

    def finish(self, session: SendSession, started: float, wait_seconds: float, *, leaves_rest: bool = True) -> None:
        """Deliver what waits in the outbox for the notebook of `session`, also entries of earlier commands, until none waits.

        Ends earlier if the server is silent for `wait_seconds` (`started`: see `Driver.drive`), if it says that the key has
        changed, or if another command has joined or left the notebook. With `leaves_rest`, also ends while a call in another
        thread waits for outcomes: that call delivers the rest. At the end, saves the round-trip time. Raises `StorageError`.
        """

        def is_done() -> bool:
            return session is not self.session or session.is_idle or (leaves_rest and self.outcomes.are_awaited)

        with self._connection.lock():
            session.prepare(self.driver.now())
            if is_done():  # nearly always
                self._remember(session)
                return
        rounds = self.driver.drive(
            session, started=started, patience_seconds=wait_seconds, on_events=self.outcomes.take_events, is_done=is_done
        )
        try:
            for _ in rounds:
                if session.has_old_key:
                    break
        except JoinedOrLeftMeanwhile:
            with self._connection.lock():
                self._end_outdated_session()
        with self._connection.lock():
            self._remember(session)

    def locate(self, started: float, wait_seconds: float) -> SendSession:
        """Return a new session with the notebook that `Driver.locate` finds within `wait_seconds` of `started`."""
        return self.begin_session(self.driver.locate(wait_seconds, since=started))

    def begin_session(self, located: Located) -> SendSession:
        """Begin and return a session with the notebook of `located`.

        In the outbox, assigns to it the entries that were written for it while it was not known. Raises `KeyMissing`.
        """
        peer = self.driver.peer(located)
        self.outbox.assign(peer.notebook.notebook_id, destination=self.driver.finder.destination)
        self.session = SendSession(peer, self.outbox, self._removals)
        self._connection.add_listener(self.session)
        return self.session

    def deliver_now(self, session: SendSession, entries: list[Entry]) -> None:
        """Begin to deliver `entries`, which were just added to the outbox. If `session` has no room, leave them there."""
        if session.outstanding:
            self._connection.wait(until=0.0)  # take what has arrived, because now the disk is writing `entries`
        if session.has_room:
            session.deliver_now(entries, self.driver.now())
        else:
            session.look_into_outbox()

    def round(self, session: SendSession, until: float, *, is_key_checked: bool) -> None:
        """Do `Driver.round` with these arguments, and record the outcomes. End `session` if its notebook was joined or left."""
        try:
            events = self.driver.round(session, until, is_key_checked=is_key_checked)
        except JoinedOrLeftMeanwhile:
            self.end(session)
        else:
            self.outcomes.take_events(events)

    def end(self, session: SendSession) -> None:
        """End the session, and remove from the outbox what `session` has delivered."""
        self._forget_session()
        session.flush()

    def leave_other_notebook(self) -> None:
        """End the session if its notebook is not the client's any more.

        Entries that were not acknowledged stay in the outbox, for the notebook for which they were written. The calls that wait
        for them then give them the outcome QUEUED.
        """
        if self.session is not None and not self.driver.finder.uses(self.session.notebook):
            self.end(self.session)
            self.notebook_changes += 1

    def flush(self) -> None:
        """Remove the acknowledged entries from the outbox (see `SendSession.flush`). Does nothing without a session."""
        if self.session is not None:
            self.session.flush()

    def _end_outdated_session(self) -> None:
        """End the session if its notebook was joined or left: no entry for a sealed notebook may be sent unencrypted."""
        if self.session is not None:
            try:
                self.driver.finder.check(self.session.notebook)
            except JoinedOrLeftMeanwhile:
                self.end(self.session)

    def _forget_session(self) -> None:
        """End the session. What it has not delivered, or not removed from the outbox, is delivered again by the next one."""
        if self.session is not None:
            self._connection.remove_listener(self.session)
            self.session = None

    def _remember(self, session: SendSession) -> None:
        """Remove from the outbox what `session` has delivered, and save the round-trip time."""
        session.flush()
        self.driver.remember_round_trip(session)

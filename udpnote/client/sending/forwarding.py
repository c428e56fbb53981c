"""Forwards entries of other writers to the client's notebook, without the client's outbox.

The writers, browsers for example, keep their entries and give them client ids and sequences of their own. So nothing is lost if
the forwarding process is killed: a writer has the entry forwarded again, with the same client id and sequence, and the notebook
stores it once.

Several threads may forward at once. Their entries share one session, and thus datagrams and the fsyncs of the server. One of
the calls, the driving call, exchanges datagrams for all calls. The other calls wait until the driving call has received their
verdicts. When the driving call has its own verdicts, it ends, and the call that has waited longest becomes the driving call.
"""

import threading
from collections.abc import Collection, Iterable, Sequence
from copy import copy

from udpnote.client.driver import Driver
from udpnote.client.session import Peer, Session, delivery_to
from udpnote.errors import JoinedOrLeftMeanwhile, UdpnoteError
from udpnote.model.entry import Entry, Identity, Verdict
from udpnote.model.notebook import address_of
from udpnote.protocol.delivery.events import Rejected, Stored, verdicts


class ForwardSession(Session[Stored | Rejected]):
    """Delivers forwarded entries to `peer`. Each gets one event with its outcome, unless `give_up` is called for it."""

    def __init__(self, peer: Peer) -> None:
        self._delivery = delivery_to(peer)
        super().__init__(peer, self._delivery)
        self._held: list[Entry] = []

    @property
    def outstanding(self) -> int:
        """How many entries have no outcome yet. Entries that are held (see `add`) count."""
        return self._delivery.outstanding + len(self._held)

    def add(self, entries: Iterable[Entry], now: float) -> None:
        """Begin to deliver `entries`. An entry that is being delivered already is not delivered twice.

        If a different entry with the same client id and sequence is being delivered, the new entry is held (not sent) until the
        earlier entry has its verdict. Then the new entry is sent, too, and gets a verdict of its own.
        """
        ready: dict[Identity, Entry] = {}
        for entry in entries:
            identity = entry[:2]
            earlier = ready.get(identity) or self._delivery.outstanding_entry(*identity)
            if earlier is None or earlier == entry:
                ready[identity] = entry
            elif entry not in self._held:
                self._held.append(entry)
        self._delivery.add(list(ready.values()), now)

    def prepare(self, now: float) -> None:
        """Begin to deliver each held entry, if the other entry with its client id and sequence has its verdict by now."""
        if self._held:
            held, self._held = self._held, []
            self.add(held, now)

    def give_up(self, entries: Collection[Entry], now: float) -> None:
        """Stop delivering `entries`. They get no event any more."""
        self._held = [entry for entry in self._held if entry not in entries]
        self._delivery.give_up([entry for entry in entries if self._delivery.outstanding_entry(*entry[:2]) == entry], now)

    def kept_parts(self, entry: Entry) -> int:
        """How many parts of the long `entry`, which this session is delivering, have reached the server so far."""
        return self._delivery.kept_parts(entry)


class _Call:
    """A call of `Forwarder.forward`, with its verdicts so far.

    The keys of `pending` are the entries that have no verdict yet; the values are their places in the arguments of the call,
    because an entry may be given twice. The call gives up at the monotonic time `gives_up_at`: at first, `wait_seconds` after
    `now`. When `is_over` is True, the call returns `verdicts` or raises `error`. The thread of the call waits for `woken`,
    which is set when the call is over, or becomes the driving call.
    """

    def __init__(self, entries: Sequence[Entry], wait_seconds: float, now: float) -> None:
        self.verdicts: list[Verdict | None] = [None] * len(entries)
        self.error: UdpnoteError | None = None
        self.pending: dict[Entry, list[int]] = {}
        for place, entry in enumerate(entries):
            self.pending.setdefault(entry, []).append(place)
        self.wait_seconds = wait_seconds
        self.gives_up_at = now + wait_seconds
        self.is_over = False
        self.woken = threading.Event()
        self._kept_parts = 0

    def settle(self, entry: Entry, verdict: Verdict, now: float) -> None:
        """Record the verdict on `entry`, and let the call wait for up to `wait_seconds` more for the other entries."""
        for place in self.pending.pop(entry):
            self.verdicts[place] = verdict
        self.gives_up_at = now + self.wait_seconds

    def look_at_progress(self, session: ForwardSession, now: float) -> None:
        """If the server keeps more parts of long entries than at the last look, let the call wait up to `wait_seconds` more."""
        kept_parts = sum(map(session.kept_parts, self.pending))
        if kept_parts > self._kept_parts:
            self.gives_up_at = now + self.wait_seconds
        self._kept_parts = kept_parts


class Forwarder:
    """Forwards the entries of calls that run at the same time, in one session with the client's notebook.

    `driver` exchanges the datagrams of the session. The session ends at an error, when the notebook is joined or left, and when
    the client uses another one. While no call waits, it also ends if its server is silent and another session has found a new
    address.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._session: ForwardSession | None = None
        self._waiting: dict[Entry, list[_Call]] = {}
        """Which calls wait for the verdict on an entry. This and `_session` need the lock of the connection."""
        self._lock = threading.Lock()
        """Guards the attributes below, which threads use without the lock of the connection."""
        self._calls: list[_Call] = []
        """The calls that are not over, in the order in which they began."""
        self._new_calls: list[_Call] = []
        """The calls whose entries the driving call has not begun to deliver yet."""
        self._interrupted_calls: list[_Call] = []
        """The calls that an exception has ended, such as Ctrl-C. The driving call stops delivering their entries."""
        self._driving: _Call | None = None
        driver.connection.on_interrupted.append(self._begin_again)

    def forward(self, entries: Sequence[Entry], *, wait_seconds: float) -> list[Verdict | None]:
        """Deliver `entries`, and return a verdict or None for each, in their order; see `Client.forward`."""
        call = _Call(entries, wait_seconds, self._driver.now())
        try:
            if entries and not self._begins_to_drive(call):
                self._driver.connection.endpoint.wake()
                call.woken.wait()
            while call.pending and not call.is_over:
                with self._driver.connection.lock():
                    self._round(call)
        finally:
            self._leave(call)
        if call.error is not None:
            raise copy(call.error)  # because other threads raise it as well
        return call.verdicts

    def leave_other_notebook(self) -> None:
        """End the session, and all calls that wait, if its notebook is not the client's any more.

        These calls return the verdicts that they have. The caller must hold the lock of the connection.
        """
        if self._session is not None and not self._driver.finder.uses(self._session.notebook):
            self._end_session()
            self._end_calls()

    def _begins_to_drive(self, call: _Call) -> bool:
        """Add `call`. Returns whether it must exchange datagrams for all calls, because no other call does so now."""
        with self._lock:
            self._calls.append(call)
            self._new_calls.append(call)
            if self._driving is None:
                self._driving = call
            return self._driving is call

    def _leave(self, call: _Call) -> None:
        """Record that `call` has ended. If it was the driving call, the call that has waited longest drives from now on."""
        with self._lock:
            if call in self._calls:  # it was interrupted
                self._calls.remove(call)
                self._interrupted_calls.append(call)
            if self._driving is call:
                self._driving = self._calls[0] if self._calls else None
                if self._driving is not None:
                    self._driving.woken.set()

    def _round(self, driving: _Call) -> None:
        """Send what is due, receive answers, and end the calls that have all verdicts or have waited too long.

        If the notebook cannot be used, all calls raise the error. If the notebook was joined or left, all calls return, with
        None in place of the missing verdicts.
        """
        try:
            session = self._prepare(driving)
            with self._lock:
                until = min(call.gives_up_at for call in self._calls)
            self._take_verdicts(verdicts(self._driver.round(session, until)))
            self._end_overdue_calls(session)
        except JoinedOrLeftMeanwhile:
            self._end_session()
            self._end_calls()
        except UdpnoteError as error:
            self._end_session()
            self._end_calls(error)

    def _prepare(self, driving: _Call) -> ForwardSession:
        """Return the session. If there is none, begin one, with the `wait_seconds` of `driving`.

        Also begin to deliver the entries of new calls, and stop delivering those of interrupted calls. Raises the errors of
        `_begin_session`.
        """
        if not self._waiting:
            self._end_outdated_session()
        session = self._session or self._begin_session(driving.wait_seconds)
        now = self._driver.now()
        with self._lock:
            new_calls, self._new_calls = self._new_calls, []
            interrupted_calls, self._interrupted_calls = self._interrupted_calls, []
        for call in new_calls:
            for entry in call.pending:
                self._waiting.setdefault(entry, []).append(call)
        for call in interrupted_calls:
            self._give_up(session, call, now)
        # A new call may have been interrupted already: then nobody waits for its entries.
        entries = [entry for call in new_calls for entry in call.pending if entry in self._waiting]
        if entries:
            session.add(entries, now)
        session.prepare(now)
        return session

    def _begin_session(self, wait_seconds: float) -> ForwardSession:
        """Begin and return a session with the client's notebook. If the notebook is not known, discovery looks for it first.

        The discovery lasts for up to `wait_seconds`. After it, the waiting time of each call begins anew. For the errors see
        `Driver.locate`.
        """
        located = self._driver.locate(wait_seconds)
        self._session = ForwardSession(self._driver.peer(located))
        self._driver.connection.add_listener(self._session)
        now = self._driver.now()
        with self._lock:
            for call in self._calls:  # else they might give up at once, because of the time that the discovery has taken
                call.gives_up_at = now + call.wait_seconds
        return self._session

    def _end_outdated_session(self) -> None:
        """End the session if its notebook was joined or left. The caller must make sure that no call waits.

        If the user has named no server, also end the session if its server is silent, and the outbox now has another address
        for the notebook.
        """
        session, finder = self._session, self._driver.finder
        if session is None:
            return
        try:
            finder.check(session.notebook)
        except JoinedOrLeftMeanwhile:
            self._end_session()
            return
        if session.is_silent and finder.destination.host is None:
            known = finder.known()
            if known is not None and address_of(known) != session.address:
                self._end_session()

    def _begin_again(self) -> None:
        """End the session. The next round begins another one, and delivers what the calls still wait for."""
        self._end_session()
        self._waiting.clear()
        with self._lock:
            self._new_calls = list(self._calls)

    def _end_session(self) -> None:
        if self._session is not None:
            self._driver.connection.remove_listener(self._session)
            self._session = None

    def _take_verdicts(self, given: Iterable[tuple[Entry, Verdict]]) -> None:
        """Pass the verdicts that were `given` on to the calls that wait for them."""
        now = self._driver.now()
        for entry, verdict in given:
            for call in self._waiting.pop(entry, ()):
                call.settle(entry, verdict, now)
                if not call.pending:
                    self._end(call)

    def _end_overdue_calls(self, session: ForwardSession) -> None:
        """End the calls that have waited too long, and stop delivering entries for which only they have waited."""
        now = self._driver.now()
        with self._lock:
            overdue = [call for call in self._calls if now >= call.gives_up_at]
        for call in overdue:
            call.look_at_progress(session, now)
            if now >= call.gives_up_at:
                self._give_up(session, call, now)
                self._end(call)

    def _give_up(self, session: ForwardSession, call: _Call, now: float) -> None:
        """Stop delivering the entries of `call` for which no other call waits."""
        unwanted: set[Entry] = set()
        for entry in call.pending:
            calls = [each for each in self._waiting.pop(entry, ()) if each is not call]
            if calls:
                self._waiting[entry] = calls
            else:
                unwanted.add(entry)
        session.give_up(unwanted, now)

    def _end_calls(self, error: UdpnoteError | None = None) -> None:
        """End all calls: they raise `error` or, if it is None, return the verdicts that they have."""
        self._waiting.clear()
        with self._lock:
            calls = list(self._calls)
            self._new_calls.clear()
            self._interrupted_calls.clear()
        for call in calls:
            call.error = error
            self._end(call)

    def _end(self, call: _Call) -> None:
        """Let the thread of `call` return from `forward`."""
        with self._lock:
            for calls in (self._calls, self._new_calls):
                if call in calls:
                    calls.remove(call)
        call.is_over = True
        call.woken.set()

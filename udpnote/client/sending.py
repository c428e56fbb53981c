"""Sends texts: saves them in the outbox, delivers them to the notebook, and gives each call the outcomes of its own texts."""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator
from functools import partial

from udpnote.client.driver import Driver
from udpnote.client.notebook_finder import LOCATE_SECONDS_MIN, Located
from udpnote.client.optional_writes import OptionalWrites
from udpnote.client.results import Outcomes, SentEntry, State, reason_to_wait, silence
from udpnote.client.send_session import SendSession
from udpnote.client.text_source import TextSource
from udpnote.errors import JoinedOrLeftMeanwhile, Notice, OldKey, StorageError, UdpnoteError
from udpnote.model.entry import Entry, Kind
from udpnote.model.notebook import KnownNotebook

IDLE_SECONDS = 1.0
"""A call whose iterator has no text for the moment waits this long for datagrams, and then asks for the next text again."""


class Sender:
    """Sends entries through `driver`, and gives each call the outcomes (see `State`) of its own entries from `outcomes`.

    Several threads may send at once. They share one session, which lasts until the notebook is joined or left, or until the
    client uses another notebook.
    """

    def __init__(self, driver: Driver, outcomes: Outcomes) -> None:
        self._driver = driver
        self._connection = driver.connection
        self._outbox = driver.outbox
        self._outcomes = outcomes
        self._removals = OptionalWrites(lambda error: driver.on_notice(Notice("not_removed", error=error)))
        self._session: SendSession | None = None
        self._connection.on_interrupted.append(self._forget_session)
        self._notebook_changes = 0  # how often a session was ended because the client uses another notebook

    @property
    def retransmissions(self) -> int:
        """How many datagrams with entries the current session has sent again; 0 if there is no session."""
        return self._session.retransmissions if self._session is not None else 0

    def flush(self) -> None:
        """Remove the acknowledged entries from the outbox (see `SendSession.flush`).

        Does nothing without a session. The caller must hold the lock of the connection.
        """
        if self._session is not None:
            self._session.flush()

    def leave_other_notebook(self) -> None:
        """End the session if its notebook is not the client's any more. The caller must hold the lock of the connection.

        Entries that were not acknowledged stay in the outbox, for the notebook for which they were written. The calls that wait
        for them then give them the outcome QUEUED.
        """
        if self._session is not None and not self._driver.finder.uses(self._session.notebook):
            self._end(self._session)
            self._notebook_changes += 1

    def deliver(self, wait_seconds: float) -> Notice | None:
        """Deliver what waits in the outbox for the client's notebook. Returns and raises what `Client.deliver` does.

        Ends earlier if the server is silent for `wait_seconds`, or if another command has joined or left the notebook. While
        calls in other threads send, this also waits for the outcomes of their entries. Begins again if one ends the session.
        """
        started = self._driver.now()
        with self._connection.lock():
            self._end_outdated_session()
            session = self._session or self._locate(started, wait_seconds)
            session.look_into_outbox()
        self._finish(session, started, wait_seconds, leaves_rest=False)
        with self._connection.lock():
            if session.has_old_key:
                raise OldKey("key_changed", name=self._driver.name_of(session.notebook))
            if not session.is_idle:
                self._driver.finder.check(session.notebook)
            if session.is_idle or session is self._session:
                return reason_to_wait(session, self._driver.silent_server(session), wait_seconds)
        return self.deliver(wait_seconds)  # another thread has ended the session, perhaps before its server was asked

    def send(self, source: TextSource, *, author: str, wait_seconds: float) -> Iterator[SentEntry]:
        """Store each text of `source` in the notebook, and yield the `SentEntry` of each, in order; see `Client.send_many`.

        Then delivers what earlier commands have left in the outbox for this notebook, and raises `source.error`, if any.
        If the outbox fails when all texts have outcomes, its error only becomes a notice. If it fails before, entries without
        an outcome that are in it become QUEUED, and the `StorageError` is raised only if a text is not in it. But if the outbox
        was removed, no entry becomes QUEUED, and the error is raised at once.
        """
        pending, chunk = deque[Entry](), list[str]()
        try:
            any_waits = yield from self._send_all(source, pending, chunk, author, wait_seconds)
        except StorageError as error:
            if not pending and not chunk and source.is_exhausted:  # all have outcomes
                self._driver.on_notice(error.notice)
            elif error.notice.kind == "outbox_removed":
                raise
            self._outcomes.queue(pending, error.notice)
            yield from self._outcomes.pop(pending)
            if chunk or not source.is_exhausted:
                raise
            if source.error is not None:
                raise source.error from None
        else:
            if any_waits:
                self._outbox.make_durable()
        finally:
            self._outcomes.forget(pending)

    def _send_all(
        self, source: TextSource, pending: deque[Entry], chunk: list[str], author: str, wait_seconds: float
    ) -> Generator[SentEntry, None, bool]:
        """Do the work of `send`, and return whether any entry is QUEUED. `pending` and `chunk` are empty at first. Also after
        an error, `pending` holds the entries without an outcome, and `chunk` the texts that were taken and are not in the
        outbox.
        """
        started = left_at = self._driver.now()  # when this began to wait for an answer, and when its latest round ended
        characters, notebook_changes, any_waits = 0, self._notebook_changes, False
        while True:
            if notebook_changes != self._notebook_changes:  # the client uses another notebook now
                notebook_changes = self._notebook_changes
                with self._connection.lock():
                    self._give_up_elsewhere(pending)
            for outcome in self._outcomes.pop(pending):
                characters -= len(outcome.entry.text)
                if outcome.reason is not None:  # never for a stored entry; asking for the state of each would take longer
                    any_waits = any_waits or outcome.state is State.QUEUED
                yield outcome
            wakes = self._connection.wakes  # before the iterator is asked, so that a `wake` after that is not missed
            has_more = self._take_texts(chunk, source, author, pending, characters)
            if source.is_exhausted and not pending and not chunk:
                break  # all outcomes were yielded
            now = self._driver.now()
            with self._connection.lock():
                started = self._waiting_since(started, left_at, now, is_first=bool(chunk) and not pending)
                is_key_checked = bool(chunk) and self._add_to_outbox(chunk, source, author, pending)  # see `Driver.round`
                characters += sum(map(len, chunk))
                chunk.clear()
                self._advance(pending, started, wait_seconds, None if has_more else wakes, is_key_checked)
            if wakes == self._connection.wakes:  # else the iterator may have a text
                self._connection.rest()  # so that another thread that wants the lock gets it
            left_at = self._driver.now()
        if self._session is not None and not self._session.has_old_key:  # with an old key, nothing can be delivered
            self._finish(self._session, started, wait_seconds)
        if source.error is not None:
            raise source.error
        return any_waits

    def _take_texts(self, chunk: list[str], source: TextSource, author: str, pending: deque[Entry], characters: int) -> bool:
        """Take the next texts of `source` into the empty `chunk`. Returns whether more may be ready (see `TextSource.take`).

        `characters` is the length of all texts of `pending`. If the iterator raises an error, `chunk` goes into the outbox.
        """
        try:
            return source.take(chunk, len(pending), characters, self._driver.now)
        except BaseException:  # also Ctrl-C; the iterator does not give the texts in `chunk` again
            if chunk:
                with self._connection.lock():
                    self._add_to_outbox(chunk, source, author, pending)
            raise

    def _waiting_since(self, started: float, left_at: float, now: float, *, is_first: bool) -> float:
        """Return since when a call waits for an answer: since `started`, or since the latest answer if that is later.

        From `left_at` until `now`, the caller and the iterator had control. That is no wait, so the result is later by as much.
        `is_first`: no text has waited before the present ones. Then the wait begins `now`, unless the server is silent already.
        """
        session = self._session
        if is_first and (session is None or not session.is_silent):
            return now
        return max(started, session.answered_at if session is not None else started) + now - left_at

    def _add_to_outbox(self, texts: list[str], source: TextSource, author: str, pending: deque[Entry]) -> bool:
        """Add `texts` of `source` to the outbox, and the entries to `pending`. Begin to deliver if notebook and key are known.

        Returns whether this has also checked that no other command has joined or left the notebook, and so changed its key:
        then `Driver.round` need not check it again. The caller must hold the lock of the connection.
        """
        session, finder = self._session, self._driver.finder
        if session is None:
            notebook = finder.known()
            entries = self._add(texts, source, author, notebook)
            self._expect(entries, pending)
            if notebook is not None and self._driver.keyring.can_open(notebook):
                self._deliver_now(self._begin_session(finder.located(notebook)), entries)
            return False
        try:
            check, on_added = partial(finder.check, session.notebook), partial(self._deliver_now, session)
            entries = self._add(texts, source, author, session.notebook, check=check, on_added=on_added)
        except JoinedOrLeftMeanwhile:
            self._end(session)  # no entry for a sealed notebook may be sent unencrypted
            return self._add_to_outbox(texts, source, author, pending)
        except StorageError:
            self._end(session)  # it may have taken entries that are not in the outbox
            raise
        self._expect(entries, pending)
        return True

    def _expect(self, entries: list[Entry], pending: deque[Entry]) -> None:
        """Add `entries`, which were just added to the outbox, to `pending`, and have their outcomes kept for this call."""
        self._outcomes.expect(entries)
        pending.extend(entries)

    def _add(
        self,
        texts: list[str],
        source: TextSource,
        author: str,
        notebook: KnownNotebook | None,
        *,
        check: Callable[[], None] | None = None,
        on_added: Callable[[list[Entry]], None] | None = None,
    ) -> list[Entry]:
        """Add `texts`, which came from `source`, to the outbox, for `notebook` if it is known, and return the new entries.

        For `check` and `on_added` see `Outbox.add`.
        """
        finder = self._driver.finder
        if notebook is None and source.kind is not Kind.NOTE:  # the user knows its number from the notebook that was there last
            notebook = finder.server.last_notebook(finder.destination)
        return source.add_to(
            self._outbox,
            texts,
            author=author,
            clock=self._connection.clock,
            notebook_id=notebook.notebook_id if notebook is not None else None,
            destination=finder.destination,
            check=check,
            on_added=on_added,
        )

    def _deliver_now(self, session: SendSession, entries: list[Entry]) -> None:
        """Begin to deliver `entries`, which were just added to the outbox. If `session` has no room, leave them there."""
        if session.outstanding:
            self._connection.wait(until=0.0)  # take what has arrived, because now the disk is writing `entries`
        if session.has_room:
            session.deliver_now(entries, self._driver.now())
        else:
            session.look_into_outbox()

    def _end_outdated_session(self) -> None:
        """End the session if its notebook was joined or left: no entry for a sealed notebook may be sent unencrypted."""
        session = self._session
        if session is not None:
            try:
                self._driver.finder.check(session.notebook)
            except JoinedOrLeftMeanwhile:
                self._end(session)

    def _end(self, session: SendSession) -> None:
        self._forget_session()
        session.flush()

    def _forget_session(self) -> None:
        """End the session. What it has not delivered, or not removed from the outbox, is delivered again by the next one."""
        if self._session is not None:
            self._connection.remove_listener(self._session)
            self._session = None

    def _advance(
        self, pending: deque[Entry], started: float, wait_seconds: float, wakes: int | None, is_key_checked: bool
    ) -> None:
        """Do one round of sending and receiving. If there is no session, find the notebook and begin one instead.

        The `pending` entries get the outcome QUEUED in three cases: `wait_seconds` have passed since the latest answer and
        since the call began to wait (`started`); the server says that its key has changed; it says that it can store nothing
        now. The round waits for datagrams only if `wakes`, read before the iterator was asked, still is `Connection.wakes`
        (None: the iterator may have another text), and no other thread has received an outcome of `pending`. For
        `is_key_checked` see `Driver.round`. The caller must hold the lock of the connection.
        """
        session, now = self._session, self._driver.now()
        if session is None:
            self._advance_without_server(pending, started, wait_seconds, wakes)
            return
        session.prepare(now)
        if not pending:
            session.flush()  # the next text may come in an hour
        given_up_at = max(started, session.answered_at) + wait_seconds if pending else now + IDLE_SECONDS
        may_wait = wakes == self._connection.wakes and not self._outcomes.are_ready(pending)
        self._round(session, given_up_at if may_wait else 0.0, is_key_checked=is_key_checked)
        if pending and session.postponed_for is not None:
            self._outcomes.postpone(pending, session.postponed_for)
        elif pending and session.has_old_key:
            self._give_up(pending, Notice("key_changed", name=self._driver.name_of(session.notebook)))
        elif pending and self._driver.now() >= given_up_at:
            self._give_up(pending, silence(self._driver.silent_server(session), wait_seconds))

    def _advance_without_server(self, pending: deque[Entry], started: float, wait_seconds: float, wakes: int | None) -> None:
        """While there is no session, find the client's notebook, and begin to deliver `pending` to it.

        All `pending` entries get the outcome QUEUED if the notebook cannot be found, or could not be found shortly before (see
        `NotebookFinder.recent_failure`). If it is found, only those that wait for another notebook get this outcome. If
        `pending` is empty, this only waits for datagrams, for up to `IDLE_SECONDS`. For the other arguments see `_advance`.
        """
        if not pending:
            self._connection.wait(self._driver.now() + IDLE_SECONDS if wakes == self._connection.wakes else 0.0)
            return
        failure = self._driver.finder.recent_failure()
        if failure is not None:
            self._give_up(pending, failure)
            return
        try:
            session = self._locate(started, wait_seconds)
        except UdpnoteError as error:
            self._give_up(pending, error.notice)
            return
        for_notebook = self._outbox.waiting_sequences(pending, notebook_id=session.notebook.notebook_id)
        session.deliver_now([entry for entry in pending if entry.sequence in for_notebook], self._driver.now())
        self._give_up_elsewhere(pending)
        self._advance(pending, started, wait_seconds, wakes, is_key_checked=False)  # now: the next text may come in an hour

    def _give_up_elsewhere(self, entries: Collection[Entry]) -> None:
        """Give outcomes to the `entries` that do not wait for the client's present notebook, unless they have outcomes already.

        An entry that waits for another notebook gets QUEUED: another command has moved it, or the client has chosen another
        notebook since it was written. One that has left the outbox gets the outcome that `Outcomes.take_removed` gives.
        """
        notebook = self._driver.finder.known()
        for_notebook = self._outbox.waiting_sequences(entries, notebook_id=notebook.notebook_id) if notebook else set[int]()
        waiting = self._outcomes.take_removed(entries, self._outbox)
        elsewhere = [entry for entry in entries if entry.sequence in waiting - for_notebook]
        self._outcomes.queue(elsewhere, Notice("for_another_notebook"))

    def _give_up(self, entries: Collection[Entry], reason: Notice) -> None:
        """Give the outcome QUEUED, with this `reason`, to those `entries` that wait in the outbox and have no outcome. Those
        that are not in the outbox any more get the outcomes that `Outcomes.take_removed` gives. Raises `StorageError`.
        """
        self._outbox.make_durable()  # raises `StorageError` if the outbox was removed
        self._outcomes.take_removed(entries, self._outbox)
        self._outcomes.queue(entries, reason)

    def _finish(self, session: SendSession, started: float, wait_seconds: float, *, leaves_rest: bool = True) -> None:
        """Deliver what waits in the outbox for the notebook of `session`, also entries of earlier commands, until none waits.

        Ends earlier if the server is silent for `wait_seconds` (`started`: see `Driver.drive`), if it says that the key has
        changed, or if another command has joined or left the notebook. With `leaves_rest`, also ends while a call in another
        thread waits for outcomes: that call delivers the rest. At the end, saves the round-trip time. Raises `StorageError`.
        """

        def is_done() -> bool:
            return session is not self._session or session.is_idle or (leaves_rest and self._outcomes.are_awaited)

        with self._connection.lock():
            session.prepare(self._driver.now())
            if is_done():  # nearly always
                self._remember(session)
                return
        rounds = self._driver.drive(
            session, started=started, patience_seconds=wait_seconds, on_events=self._outcomes.take_events, is_done=is_done
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

    def _remember(self, session: SendSession) -> None:
        """Remove from the outbox what `session` has delivered, and save the round-trip time."""
        session.flush()
        self._driver.remember_round_trip(session)

    def _round(self, session: SendSession, until: float, *, is_key_checked: bool) -> None:
        """Do `Driver.round` with these arguments, and record the outcomes. End `session` if its notebook was joined or left."""
        try:
            events = self._driver.round(session, until, is_key_checked=is_key_checked)
        except JoinedOrLeftMeanwhile:
            self._end(session)
        else:
            self._outcomes.take_events(events)

    def _locate(self, started: float, wait_seconds: float) -> SendSession:
        """Return a new session with the notebook that `NotebookFinder.locate` finds within `wait_seconds` of `started`."""
        return self._begin_session(self._driver.finder.locate(started + max(wait_seconds, LOCATE_SECONDS_MIN)))

    def _begin_session(self, located: Located) -> SendSession:
        """Begin and return a session with the notebook of `located`.

        In the outbox, assigns to it the entries that were written for it while it was not known. Raises `KeyMissing`.
        """
        peer = self._driver.peer(located)
        self._outbox.assign(peer.notebook.notebook_id, destination=self._driver.finder.destination)
        self._session = SendSession(peer, self._outbox, self._removals)
        self._connection.add_listener(self._session)
        return self._session

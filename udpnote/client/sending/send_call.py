"""One call that sends texts: takes them, saves them in the outbox, waits for their outcomes, and gives up after a while."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from udpnote.client.driver import patience
from udpnote.client.sending.results import SentEntry, State, silence
from udpnote.client.sending.sender import Sender
from udpnote.client.sending.text_source import TextSource
from udpnote.errors import JoinedOrLeftMeanwhile, Notice, StorageError, UdpnoteError
from udpnote.model.entry import Entry, Kind
from udpnote.model.notebook import KnownNotebook

IDLE_SECONDS = 1.0
"""A call whose iterator has no text for the moment waits this long for datagrams, and then asks for the next text again."""


class SendCall:
    """A call that sends the texts of `source`, which `author` has written, through `sender`.

    Its entries become QUEUED if the server does not answer for `wait_seconds`. `outcomes`, `_send_all` and `_take_texts` are
    called without the lock of the connection, all other methods with it.
    """

    def __init__(self, sender: Sender, source: TextSource, *, author: str, wait_seconds: float) -> None:
        self._sender = sender
        self._driver, self._outbox, self._outcomes = sender.driver, sender.outbox, sender.outcomes
        self._connection = sender.driver.connection
        self._source = source
        self._author = author
        self._wait_seconds = wait_seconds
        self._chunk: list[str] = []
        """The texts that were taken, and are not in the outbox yet."""
        self._pending: deque[Entry] = deque()
        """The entries whose outcomes were not yielded yet."""
        self._characters = 0  # the length of all texts of `_pending`
        self._has_queued = False  # whether an entry has become QUEUED
        self._waits_since = self._left_at = 0.0
        """When the call began to wait for an answer, and when its latest round ended."""

    def outcomes(self) -> Iterator[SentEntry]:
        """Store each text in the notebook, and yield the `SentEntry` of each, in order; see `Client.send_many`.

        Then delivers what earlier commands have left in the outbox for this notebook, and raises `source.error`, if any.

        What happens if the outbox fails:

        - If all texts have outcomes, the error of the outbox becomes a notice, and is not raised.
        - If the outbox was removed, its `StorageError` is raised at once.
        - Otherwise the entries without an outcome become QUEUED: they are in the outbox. The `StorageError` is raised only if
          there are further texts, which are not in the outbox.
        """
        source, pending = self._source, self._pending
        try:
            yield from self._send_all()
        except StorageError as error:
            if not pending and not self._chunk and source.is_exhausted:  # all have outcomes
                self._driver.on_notice(error.notice)
            elif error.notice.kind == "outbox_removed":
                raise
            self._outcomes.queue(pending, error.notice)
            yield from self._outcomes.pop(pending)
            if self._chunk or not source.is_exhausted:
                raise
            if source.error is not None:
                raise source.error from None
        else:
            if self._has_queued:
                self._outbox.make_durable()
        finally:
            self._outcomes.forget(pending)

    def _send_all(self) -> Iterator[SentEntry]:
        """Do the work of `outcomes`. After an error, `_pending` holds the entries without an outcome."""
        source, pending = self._source, self._pending
        self._waits_since = self._left_at = self._driver.now()
        notebook_changes = self._sender.notebook_changes
        while True:
            if notebook_changes != self._sender.notebook_changes:  # the client uses another notebook now
                notebook_changes = self._sender.notebook_changes
                with self._connection.lock():
                    self._give_up_elsewhere()
            for outcome in self._outcomes.pop(pending):
                self._characters -= len(outcome.entry.text)
                if outcome.reason is not None and outcome.state is State.QUEUED:  # a stored entry has no reason: a quick test
                    self._has_queued = True
                yield outcome
            wakes = self._connection.wakes  # before the iterator is asked, so that a `wake` after that is not missed
            has_more = self._take_texts()
            if source.is_exhausted and not pending and not self._chunk:
                break  # all outcomes were yielded
            now = self._driver.now()
            with self._connection.lock():
                self._note_return(now)
                is_key_checked = bool(self._chunk) and self._save_and_deliver()  # see `Driver.round`
                self._advance(None if has_more else wakes, is_key_checked=is_key_checked)
            if wakes == self._connection.wakes:  # else the iterator may have a text
                self._connection.rest()  # so that another thread that wants the lock gets it
            self._left_at = self._driver.now()
        session = self._sender.session
        if session is not None and not session.has_old_key:  # with an old key, nothing can be delivered
            self._sender.finish(session, self._waits_since, self._wait_seconds)
        if source.error is not None:
            raise source.error

    def _take_texts(self) -> bool:
        """Take the next texts of `source` into the empty `_chunk`. Returns whether more may be ready (see `TextSource.take`).

        If the iterator raises an error, `_chunk` goes into the outbox.
        """
        try:
            return self._source.take(self._chunk, len(self._pending), self._characters, self._driver.now)
        except BaseException:  # also Ctrl-C; the iterator does not give the texts in `_chunk` again
            if self._chunk:
                with self._connection.lock():
                    self._save_and_deliver()
            raise

    def _note_return(self, now: float) -> None:
        """Set `_waits_since`, the time from which `wait_seconds` count. The caller and the iterator had control until `now`.

        If `_chunk` has texts, no entry was waiting before, and the server is not silent, the wait begins `now`. In all other
        cases the wait goes on, but the time for which the caller and the iterator had control does not count.
        """
        session, since = self._sender.session, self._waits_since
        is_first = bool(self._chunk) and not self._pending
        if is_first and (session is None or not session.is_silent):
            self._waits_since = now
        else:
            self._waits_since = max(since, session.answered_at if session is not None else since) + now - self._left_at

    def _save_and_deliver(self) -> bool:
        """Move the texts of `_chunk` into the outbox, as entries of `_pending`. Begin to deliver them if notebook and key are
        known.

        Returns True if this has also checked that the notebook still has the same key, because no other command has joined or
        left it. In this case, `Driver.round` need not check that again.
        """
        sender, finder = self._sender, self._driver.finder
        session = sender.session
        if session is None:
            notebook = finder.known()
            entries = self._save(notebook)
            if notebook is not None and self._driver.keyring.can_open(notebook):
                sender.deliver_now(sender.begin_session(finder.located(notebook)), entries)
            return False
        try:
            check, on_added = partial(finder.check, session.notebook), partial(sender.deliver_now, session)
            self._save(session.notebook, check=check, on_added=on_added)
        except JoinedOrLeftMeanwhile:
            sender.end(session)  # no entry for a sealed notebook may be sent unencrypted
            return self._save_and_deliver()
        except StorageError:
            sender.end(session)  # it may have taken entries that are not in the outbox
            raise
        return True

    def _save(
        self,
        notebook: KnownNotebook | None,
        *,
        check: Callable[[], None] | None = None,
        on_added: Callable[[list[Entry]], None] | None = None,
    ) -> list[Entry]:
        """Move the texts of `_chunk` into the outbox, for `notebook` if it is known. Returns the new entries, which are now in
        `_pending`. For `check` and `on_added` see `Outbox.add`.
        """
        source, finder, clock = self._source, self._driver.finder, self._connection.clock
        if notebook is None and source.kind is not Kind.NOTE:  # the user knows its number from the notebook that was there last
            notebook = finder.server.last_notebook()
        written_at, utc_offset = source.written or (clock.microseconds(), clock.utc_offset_minutes())
        entries = self._outbox.add(
            self._chunk,
            author=self._author,
            written_at=written_at,
            utc_offset=utc_offset,
            kind=source.kind,
            revises=source.revises,
            seen=source.seen,
            notebook_id=notebook.notebook_id if notebook is not None else None,
            destination=finder.destination,
            undoes=source.undoes,
            check=check,
            on_added=on_added,
        )
        self._outcomes.expect(entries)
        self._pending.extend(entries)
        self._characters += sum(map(len, self._chunk))
        self._chunk.clear()
        return entries

    def _advance(self, wakes: int | None, *, is_key_checked: bool = False) -> None:
        """Do one round of sending and receiving. If there is no session, find the notebook and begin one instead.

        The `_pending` entries get the outcome QUEUED in three cases: no answer has come for `wait_seconds`; the server says
        that its key has changed; it says that it can store nothing now.

        The round does not wait for datagrams if the call has something else to do: `wakes` is None, because the iterator may
        have another text; `wakes`, read before the iterator was asked, is not `Connection.wakes` any more; or another thread
        has received an outcome of `_pending`. For `is_key_checked` see `Driver.round`.
        """
        session, pending, now = self._sender.session, self._pending, self._driver.now()
        if session is None:
            self._advance_without_server(wakes)
            return
        session.prepare(now)
        if not pending:
            session.flush()  # the next text may come in an hour
        waits_since, seconds = max(self._waits_since, session.answered_at), patience(session, self._wait_seconds)
        given_up_at = waits_since + seconds if pending else now + IDLE_SECONDS
        may_wait = wakes == self._connection.wakes and not self._outcomes.are_ready(pending)
        self._sender.round(session, given_up_at if may_wait else 0.0, is_key_checked=is_key_checked)
        if pending and session.postponed_for is not None:
            self._outcomes.postpone(pending, session.postponed_for)
        elif pending and session.has_old_key:
            self._give_up(Notice("key_changed", name=self._driver.name_of(session.notebook)))
        elif pending and self._driver.now() >= given_up_at:
            self._give_up(silence(self._driver.silent_server(session), self._wait_seconds))

    def _advance_without_server(self, wakes: int | None) -> None:
        """Find the client's notebook, begin a session, and begin to deliver the `_pending` entries. There must be no session.

        If the notebook cannot be found, or could not be found shortly before (see `NotebookFinder.recent_failure`), all of
        these entries get the outcome QUEUED. If it is found, only those that wait for another notebook get this outcome. If no
        entry is pending, this only waits for datagrams, for up to `IDLE_SECONDS`. For `wakes` see `_advance`.
        """
        pending = self._pending
        if not pending:
            self._connection.wait(self._driver.now() + IDLE_SECONDS if wakes == self._connection.wakes else 0.0)
            return
        failure = self._driver.finder.recent_failure()
        if failure is not None:
            self._give_up(failure)
            return
        try:
            session = self._sender.locate(self._waits_since, self._wait_seconds)
        except UdpnoteError as error:
            self._give_up(error.notice)
            return
        for_notebook = self._outbox.waiting_sequences(pending, notebook_id=session.notebook.notebook_id)
        session.deliver_now([entry for entry in pending if entry.sequence in for_notebook], self._driver.now())
        self._give_up_elsewhere()
        self._advance(wakes)  # now: the next text may come in an hour

    def _give_up_elsewhere(self) -> None:
        """Give an outcome to each `_pending` entry that has none, and does not wait for the client's present notebook.

        An entry that waits for another notebook gets QUEUED: another command has moved it, or the client has chosen another
        notebook since it was written. One that has left the outbox gets the outcome that `Outcomes.take_removed` gives.
        """
        pending, notebook = self._pending, self._driver.finder.known()
        for_notebook = self._outbox.waiting_sequences(pending, notebook_id=notebook.notebook_id) if notebook else set[int]()
        waiting = self._outcomes.take_removed(pending, self._outbox)
        elsewhere = [entry for entry in pending if entry.sequence in waiting - for_notebook]
        self._outcomes.queue(elsewhere, Notice("for_another_notebook"))

    def _give_up(self, reason: Notice) -> None:
        """Give the outcome QUEUED, with this `reason`, to the `_pending` entries that wait in the outbox and have no outcome.
        Those that are not in the outbox any more get the outcomes that `Outcomes.take_removed` gives. Raises `StorageError`.
        """
        self._outbox.make_durable()  # raises `StorageError` if the outbox was removed
        self._outcomes.take_removed(self._pending, self._outbox)
        self._outcomes.queue(self._pending, reason)

"""Sends texts: saves them in the outbox, delivers them to the notebook, and gives each call the outcomes of its own texts.

A session delivers only entries that are in the outbox. `SendSession.deliver_now` takes those that a call has just added,
`SendSession.prepare` those that earlier commands left. If both take the same entry, `Delivery` delivers it once.
"""

from collections import deque
from collections.abc import Collection, Iterator
from contextlib import suppress
from random import Random
from typing import NamedTuple

from udpnote.client.notebook_finder import LOCATE_SECONDS_MIN
from udpnote.client.results import Outcomes, SentEntry, TextSource
from udpnote.client.session import Driver, Session
from udpnote.errors import JoinedOrLeftMeanwhile, Notice, OldKey, UdpnoteError
from udpnote.model.entry import NOTHING_SEEN, Entry, Kind, SeenEntry, Status
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.congestion import WINDOW_MAX
from udpnote.protocol.delivery import Delivery, Rejected, Stored
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.rediscovery import RediscoveryEvent
from udpnote.protocol.server_contact import KeyChanged
from udpnote.storage.outbox import PAGE_ENTRIES, Outbox

CHUNK_ENTRIES = 1024
"""The most entries that one transaction adds to the outbox: so many that the fsync costs each entry about a microsecond."""

PENDING_ENTRIES_MAX = 2 * WINDOW_MAX
PENDING_CHARACTERS_MAX = 4 << 20
"""While a call has so many entries without an outcome, or entries of so many characters together, it takes no further texts.
This is enough to fill the congestion window twice, and little enough to keep in memory."""

UNSENT_PARTS_MAX = 2 * PENDING_ENTRIES_MAX
"""While this many parts of entries wait to be sent, further entries stay in the outbox. Short entries never get so far."""

IDLE_SECONDS = 1.0
"""How long a call waits for datagrams, when its iterator has no text, before it asks for the next text again."""


class Renewed(NamedTuple):
    """Event: `entry` is sent again as `renewed`, because the notebook has another entry with its client id and sequence.

    `renewed` has another client id and sequence. It is None if another process has already renewed the entry, and sends it.
    """

    entry: Entry
    renewed: Entry | None


class SendSession(Session[Stored | Rejected | Renewed]):
    """Delivers entries from `outbox` to `notebook`, and removes from the outbox those that the notebook has stored.

    An entry that the notebook does not store stays in the outbox. If the notebook's disk was full, a later call sends the entry
    again. If the entry gets a new identity (see `Renewed`), it is sent again at once. Otherwise it is marked as refused.
    """

    def __init__(
        self,
        outbox: Outbox,
        notebook: KnownNotebook,
        *,
        random: Random,
        envelope: Envelope = OPEN,
        round_trip_seconds: float | None = None,
    ) -> None:
        self._delivery = Delivery(notebook.notebook_id, random=random, envelope=envelope, round_trip_seconds=round_trip_seconds)
        super().__init__(notebook, self._delivery, random=random, envelope=envelope)
        self._outbox = outbox
        self._has_old_key = False
        self._acknowledged: list[int] = []
        self._newest = NOTHING_SEEN
        self._postponed: set[int] = set()
        self._may_find_more = True

    @property
    def outstanding(self) -> int:
        """How many entries are being delivered and have no outcome yet."""
        return self._delivery.outstanding

    @property
    def has_room(self) -> bool:
        """Whether the session may take more entries to deliver. If not, they stay in the outbox until there is room."""
        return self._delivery.outstanding < PENDING_ENTRIES_MAX and self._delivery.unsent_parts < UNSENT_PARTS_MAX

    @property
    def is_idle(self) -> bool:
        """Whether no entry is being delivered, and the outbox had no further one for the notebook when it was last read."""
        return not self._may_find_more and not self._delivery.outstanding

    @property
    def has_old_key(self) -> bool:
        """Whether the server has answered that the notebook's key has changed, and has acknowledged nothing since."""
        return self._has_old_key

    @property
    def retransmissions(self) -> int:
        """How many of the datagrams with entries that this session has sent were retransmissions."""
        return self._delivery.retransmissions

    def deliver_now(self, entries: Collection[Entry], now: float) -> None:
        """Begin to deliver `entries`, which were just added to the outbox for this notebook.

        If earlier entries may wait in the outbox, and a revision or deletion is among `entries`, this leaves all of them to
        `prepare`, which takes entries in order: a revision must not reach the notebook before an earlier one.
        """
        if (self._may_find_more or self._postponed) and any(entry.kind is not Kind.NOTE for entry in entries):
            self.look_into_outbox()
        else:
            self._delivery.add(entries, now)

    def look_into_outbox(self) -> None:
        """Let `prepare` read the outbox again: more entries may wait there, or the notebook's disk may have space again."""
        self._may_find_more = True
        self._postponed.clear()

    def prepare(self, now: float) -> None:
        """Read the next entries for the notebook from the outbox, and begin to deliver them.

        Does nothing while entries are being delivered, or once the outbox had no further ones, until `look_into_outbox` is
        called.
        """
        if not self._may_find_more or self._delivery.outstanding:
            return
        self.flush()
        notebook_id, key_id = self.notebook.notebook_id, self.notebook.key_id
        waiting = self._outbox.waiting_for(notebook_id, key_id=key_id, limit=PAGE_ENTRIES + len(self._postponed))
        fresh = [entry for entry in waiting if entry.sequence not in self._postponed]
        self._may_find_more = bool(fresh)
        self._delivery.add(fresh, now)

    def flush_if_due(self) -> None:
        """Call `flush` if `PAGE_ENTRIES` entries were acknowledged since it was called last, or if none is being delivered."""
        if len(self._acknowledged) >= PAGE_ENTRIES or (self._acknowledged and not self._delivery.outstanding):
            self.flush()

    def flush(self) -> None:
        """Remove the acknowledged entries from the outbox, and note there the newest of them as seen in the notebook."""
        acknowledged, self._acknowledged = self._acknowledged, []
        newest, self._newest = self._newest, NOTHING_SEEN
        self._outbox.remove(acknowledged)
        if newest.number:
            self._outbox.note_newest(self.notebook.notebook_id, newest)

    def _take_answer(self) -> None:
        self._has_old_key = False

    def _take_event(self, event: Stored | Rejected | Renewed | RediscoveryEvent, now: float) -> None:
        match event:
            case Stored():
                self._acknowledged.append(event.entry.sequence)
                if event.number > self._newest.number:
                    self._newest = SeenEntry(event.number, *event.entry[:2])
                if event.entry.kind is not Kind.NOTE:
                    self._outbox.watch_revision(self.notebook.notebook_id, SeenEntry(event.number, *event.entry[:2]))
            case Rejected(entry, Status.CONFLICT):
                renewed = self._outbox.renew(entry)
                event = Renewed(entry, renewed)
                if renewed is not None:
                    self._delivery.add([renewed], now)
            case Rejected(entry, Status.NO_SPACE):
                self._postponed.add(entry.sequence)
                self._may_find_more = False  # there is no space for the other entries either
            case Rejected(entry, status):
                self._outbox.mark_refused(entry.sequence, status)
                if status is Status.OLDER_COPY:
                    self._outbox.note_newest(self.notebook.notebook_id, NOTHING_SEEN)
            case KeyChanged():
                self._has_old_key = True  # not an error here: the entries stay in the outbox until the user joins again
                return
        self._events.append(event)


class Sender:
    """Sends entries through `driver`, and gives each call the outcomes of its own entries from `outcomes`.

    Several threads may send at once. They share one session, which lasts until the notebook is joined or left.
    """

    def __init__(self, driver: Driver, outcomes: Outcomes) -> None:
        self._driver = driver
        self._connection = driver.connection
        self._outbox = driver.outbox
        self._outcomes = outcomes
        self._session: SendSession | None = None

    @property
    def retransmissions(self) -> int:
        """How many of the datagrams that the current session has sent were retransmissions; 0 if there is no session."""
        return self._session.retransmissions if self._session is not None else 0

    def flush(self) -> None:
        """Remove the acknowledged entries from the outbox. The caller must hold the lock of the connection."""
        if self._session is not None:
            self._session.flush()

    def deliver(self, wait_seconds: float) -> None:
        """Deliver the entries that wait in the outbox for the client's notebook, until none waits; see `Client.deliver`.

        Ends earlier if the server is silent for `wait_seconds`, or if another thread goes on with the session.
        """
        started = self._driver.now()
        with self._connection.lock():
            self._end_outdated_session()
            session = self._session or self._locate(started, wait_seconds)
            session.look_into_outbox()
        self._finish(session, started, wait_seconds)
        if session.has_old_key:
            with self._connection.lock():
                raise OldKey("key_changed", name=self._driver.name_of(session.notebook))

    def send(self, source: TextSource, *, author: str, wait_seconds: float) -> Iterator[SentEntry]:
        """Store each text of `source` in the notebook, and yield the `SentEntry` of each, in order; see `Client.send_many`.

        At the end it also delivers what earlier commands have left in the outbox for this notebook.
        """
        pending: deque[Entry] = deque()
        try:
            yield from self._send_all(source, pending, author, wait_seconds)
        finally:
            self._outcomes.forget(pending)

    def _send_all(self, source: TextSource, pending: deque[Entry], author: str, wait_seconds: float) -> Iterator[SentEntry]:
        started, characters = self._driver.now(), 0
        while True:
            while pending and (outcome := self._outcomes.pop(pending[0])) is not None:
                characters -= len(pending.popleft().text)
                yield outcome
            chunk = (
                source.take(CHUNK_ENTRIES, PENDING_CHARACTERS_MAX - characters) if len(pending) < PENDING_ENTRIES_MAX else []
            )
            if chunk:
                pending.extend(self._add_to_outbox(chunk, source, author))
                characters += sum(map(len, chunk))
            elif source.is_exhausted and not pending:
                break
            self._advance(pending, started, wait_seconds, may_wait=not chunk)
        if self._session is not None and not self._session.has_old_key:  # with an old key the outcomes have reported it
            self._finish(self._session, started, wait_seconds)
        if source.error is not None:
            raise source.error

    def _add_to_outbox(self, texts: list[str], source: TextSource, author: str) -> list[Entry]:
        """Add `texts` to the outbox, begin to deliver them if the notebook is known, and return the new entries."""
        clock = self._connection.clock
        written_at = clock.microseconds()
        with self._connection.lock():
            self._end_outdated_session()
            notebook = self._session.notebook if self._session is not None else self._driver.finder.known()
            entries = self._outbox.add(
                texts,
                author=author,
                written_at=written_at,
                utc_offset=clock.utc_offset_minutes(),
                kind=source.kind,
                revises=source.revises,
                seen=source.seen,
                notebook_id=notebook.notebook_id if notebook is not None else None,
                destination=self._driver.finder.destination,
            )
            self._outcomes.expect(entries)
            if self._session is None and notebook is not None and self._driver.keyring.can_open(notebook):
                round_trip_seconds = self._outbox.round_trips.seconds(notebook.notebook_id)
                self._begin_session(notebook, round_trip_seconds=round_trip_seconds)
            if self._session is not None:
                self._deliver_now(self._session, entries)
        return entries

    def _deliver_now(self, session: SendSession, entries: list[Entry]) -> None:
        """Begin to deliver `entries`, which were just added to the outbox, or leave them there until the session has room."""
        if session.has_room:
            session.prepare(self._driver.now())
            session.deliver_now(entries, self._driver.now())
        else:
            session.look_into_outbox()

    def _end_outdated_session(self) -> None:
        """End the session if its notebook was joined or left: no entry for a sealed notebook may go unencrypted."""
        session = self._session
        if session is not None:
            try:
                self._driver.finder.check(session.notebook)
            except JoinedOrLeftMeanwhile:
                session.flush()
                self._connection.remove_listener(session)
                self._session = None

    def _advance(self, pending: deque[Entry], started: float, wait_seconds: float, *, may_wait: bool) -> None:
        """Do one round of sending and receiving, and give the outcome QUEUED to `pending` entries that have waited too long.

        Entries have waited too long if `wait_seconds` have passed since the latest answer, and since the call began
        (`started`). Only if `may_wait` is True does the round wait for datagrams.
        """
        with self._connection.lock():
            self._end_outdated_session()
            session = self._session
            if session is None:
                self._advance_without_server(pending, started, wait_seconds)
                return
            session.prepare(self._driver.now())
            given_up_at = max(started, session.answered_at) + wait_seconds if pending else self._driver.now() + IDLE_SECONDS
            self._round(session, given_up_at if may_wait else 0.0)
            if pending and session.has_old_key:
                name = self._driver.name_of(session.notebook)
                self._outcomes.queue(pending, Notice("key_changed", name=name))
            elif pending and self._driver.now() >= given_up_at:
                silence = Notice("no_answer_yet", server=self._driver.silent_server(session.notebook))
                self._outcomes.queue(pending, silence if wait_seconds else Notice("not_waited"))

    def _advance_without_server(self, pending: deque[Entry], started: float, wait_seconds: float) -> None:
        if not pending:
            self._connection.receive(self._driver.now() + IDLE_SECONDS)
            return
        failure = self._driver.finder.recent_failure()
        if failure is not None:
            self._outcomes.queue(pending, failure)
            return
        try:
            session = self._locate(started, wait_seconds)
        except UdpnoteError as error:
            self._outcomes.queue(pending, error.notice)
            return
        for_notebook = self._outbox.waiting_sequences(pending, notebook_id=session.notebook.notebook_id)
        session.deliver_now([entry for entry in pending if entry.sequence in for_notebook], self._driver.now())
        self._leave_to_others([entry for entry in pending if entry.sequence not in for_notebook])

    def _leave_to_others(self, entries: Collection[Entry]) -> None:
        """Give outcomes to `entries`, which another command has taken over while this one looked for the notebook.

        Entries that are still in the outbox get QUEUED. The others were delivered: they get STORED without a number.
        """
        waiting = self._outbox.waiting_sequences(entries)
        for entry in entries:
            if entry.sequence in waiting:
                self._outcomes.queue([entry], Notice("delivered_by_another_command"))
            else:
                self._outcomes.store_elsewhere(entry)

    def _finish(self, session: SendSession, started: float, wait_seconds: float) -> None:
        """Deliver what waits in the outbox for the notebook of `session`, also entries of earlier commands, until none waits.

        Ends earlier if the server is silent for `wait_seconds` or says that the key has changed, or if another thread, which
        waits for outcomes, goes on with the session.
        """

        def is_done() -> bool:  # if another thread waits for outcomes, that thread goes on with the session
            return session is not self._session or session.is_idle or self._outcomes.are_awaited

        rounds = self._driver.drive(
            session,
            started=started,
            patience_seconds=wait_seconds,
            on_events=lambda events: self._take_events(session, events),
            is_done=is_done,
        )
        with suppress(JoinedOrLeftMeanwhile):  # `_end_outdated_session` handles that
            for _ in rounds:
                if session.has_old_key:
                    break
        with self._connection.lock():
            self._end_outdated_session()
            session.flush()
            self._driver.remember_round_trip(session)

    def _round(self, session: SendSession, until: float) -> None:
        """Do one round of `session` until the monotonic time `until` at the latest, and note the outcomes of its entries."""
        with suppress(JoinedOrLeftMeanwhile):  # `_end_outdated_session` handles that
            self._take_events(session, self._driver.round(session, until))

    def _take_events(self, session: SendSession, events: list[Stored | Rejected | Renewed]) -> None:
        for event in events:
            match event:
                case Stored(entry, number):
                    self._outcomes.store(entry, number)
                case Rejected(entry, status):
                    self._outcomes.reject(entry, status)
                case Renewed(entry, renewed):
                    self._outcomes.renew(entry, renewed)
        session.flush_if_due()

    def _locate(self, started: float, wait_seconds: float) -> SendSession:
        """Begin and return a session with the client's notebook. If the notebook is not known, discovery looks for it first."""
        located = self._driver.finder.locate(started + max(wait_seconds, LOCATE_SECONDS_MIN))
        return self._begin_session(located.notebook, round_trip_seconds=located.round_trip_seconds)

    def _begin_session(self, notebook: KnownNotebook, *, round_trip_seconds: float | None) -> SendSession:
        """Begin and return a session with `notebook`.

        Assigns to it the entries that were written for it before it was known.
        """
        envelope = self._driver.keyring.envelope(notebook)
        self._outbox.assign(notebook.notebook_id, destination=self._driver.finder.destination)
        self._session = SendSession(
            self._outbox, notebook, random=self._connection.random, envelope=envelope, round_trip_seconds=round_trip_seconds
        )
        self._connection.add_listener(self._session)
        return self._session

"""The client's half of reading: a query goes out as READs, and comes back as pages, in order, each thing once.

What has come without a gap is gathered (see `gathering`). An ask is one turn: some READs for consecutive pages from one cursor
on; its first page tells where the last one will end, so that the next turn is asked for while this one is still arriving.
Pages that come out of order wait until the gap before them is closed. What does not come is asked for again when a timer
expires, gap by gap.

A reading that follows goes on at the end: it leaves a READ with the server, refreshes it before its lease ends, and gets a
page when there is something.
"""

from random import Random
from typing import NamedTuple

from udpnote.errors import BadDatagram
from udpnote.model.query import Cursor, Item, Query
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.congestion import CongestionWindow, RetransmissionTimer
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import STREAM_ID_BYTES, Page, PageState, Read
from udpnote.protocol.page_assembly import Gathering
from udpnote.protocol.server_events import SILENCE_SECONDS, SILENT_INTERVAL_SECONDS, KeyChanged, ServerSilent, WrongServer

PAGES_WINDOW_MAX = 64
"""READs of one turn: what a server makes in a few milliseconds, while the pages of the turn before are worked through."""

ENTRIES_PER_PAGE = 5
"""How many usual entries a page holds: what is limited asks for no more pages than that takes."""

LEASE_SECONDS = 15.0
"""How long a READ is left waiting with the server: several refreshes may be lost before it is forgotten."""

REFRESH_SECONDS = 3.0
"""How often it is left anew, which also finds out that the server has gone: as often as one may speak to a silent one."""

POLL_SECONDS = 1.0
"""How often a follower asks a server that has no room for its waiting READ."""

INDEXING_PAUSE_SECONDS = 0.1
"""How often a search asks whether the index is ready."""

LIMIT_MAX = 2**32 - 1
"""What the field holds; the READs that follow ask for the rest."""

TURNS_TIMED_MAX = 64
"""Turns whose sending time is remembered, so that a late answer still tells its round trip."""

ReadingEvent = ServerSilent | WrongServer | KeyChanged


class Indexing(NamedTuple):
    """The server's search index has come to the entry `indexed` of `last`."""

    indexed: int
    last: int


class _Ask:
    """One turn that is under way: from where, and, once its first page is there, to where."""

    __slots__ = ("ahead", "cursor", "is_parked", "timed_from")

    def __init__(self, cursor: Cursor, now: float) -> None:
        self.cursor = cursor
        self.timed_from = now
        self.ahead: Cursor | None = None
        self.is_parked = False


class Reading:
    """One reading of one notebook, until its end, or, if it `follows`, for ever.

    Feed it (`receive_datagram`, `handle_timeout`, `server_found`), then drain `datagrams_to_send`, `items` and `events`.
    At most `limit` items are delivered (0: all). Everything travels in `envelope`. Times are seconds of one monotonic
    clock; `random` must be unpredictable outside of tests.
    """

    def __init__(
        self,
        notebook_id: bytes,
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
        self._notebook_id = notebook_id
        self._envelope = envelope
        self._query = query
        self._random = random
        self._stream_id = random.randbytes(STREAM_ID_BYTES)
        self._timer = RetransmissionTimer(random)
        if round_trip_seconds is not None:
            self._timer.sample(round_trip_seconds)
        self._window = CongestionWindow(PAGES_WINDOW_MAX)
        self._follows = follows
        self._gathered = Gathering(query, limit=limit, start=start)
        self._order = self._gathered.pages.order
        self._turn = 0
        self._asks: dict[int, _Ask] = {}
        self._sent_at: dict[int, float] = {}
        self._resume_at: float | None = None
        self._is_index_awaited = False
        self._silent_until: float | None = None
        self._answered_at = self._quiet_since = now
        self._is_refused = False
        self._progressed_at = now
        self._datagrams: list[bytes] = []
        self._events: list[ReadingEvent] = []
        self._indexed = -1
        self.indexing: Indexing | None = None
        self.last = 0
        self._ask_on(now)

    @property
    def is_ended(self) -> bool:
        """Whether all has been delivered."""
        is_enough = self._gathered.remaining == 0 or (self._gathered.is_at_end and not self._follows)
        return is_enough or self._is_refused or self._gathered.is_nonsense

    @property
    def is_refused(self) -> bool:
        """Whether the server cannot answer the query."""
        return self._is_refused

    @property
    def is_nonsense(self) -> bool:
        """Whether the server sends what none of this protocol would."""
        return self._gathered.is_nonsense

    @property
    def progressed_at(self) -> float:
        """When reading last got on: something new came, was waited for, or was indexed; or when it began."""
        return self._progressed_at

    @property
    def is_silent(self) -> bool:
        """Whether the server has fallen silent."""
        return self._silent_until is not None

    @property
    def is_at_end(self) -> bool:
        """Whether a reading that follows has delivered all there was."""
        return self._gathered.is_at_end

    @property
    def answered_at(self) -> float:
        """When the latest page arrived, or when reading began."""
        return self._answered_at

    @property
    def position(self) -> Cursor:
        """How far everything has been delivered."""
        return self._gathered.position

    def receive_datagram(self, data: bytes, now: float) -> None:
        """Take what has arrived, from anywhere: pages are matched by the reading's stream id, and anything else is ignored."""
        try:
            message = decode(data, self._envelope)
        except BadDatagram:
            return
        if isinstance(message, Page) and message.stream_id == self._stream_id and not self.is_ended:
            self._receive_page(message, now)

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""
        if self.is_ended:
            return
        if self._silent_until is not None:
            self._send_to_silence(now)
            return
        if self._resume_at is not None and self._resume_at <= now:
            self._resume_at = None
            self._quiet_since = now  # nothing was asked meanwhile
        expired = [ask for ask in self._asks.values() if self._expires_at(ask) <= now]
        if any(not ask.is_parked for ask in expired):
            self._lose(max(ask.timed_from for ask in expired), now)
        elif expired:
            self._quiet_since = now  # no answer was due before
        if expired:
            self._ask_again(now)
        else:
            self._ask_on(now)

    def server_found(self, now: float, *, round_trip_seconds: float) -> None:
        """Begin anew on a fresh path: the server was found by a round trip that took so long, perhaps at a new address."""
        self._timer = RetransmissionTimer(self._random)
        self._timer.sample(round_trip_seconds)
        self._leave_silence(now)
        self._asks.clear()
        self._ask_on(now)

    def datagrams_to_send(self) -> list[bytes]:
        """Drain the READs that are due, for the server's current address."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def items(self) -> list[Item]:
        """Drain what has been read since the last call, in order."""
        return self._gathered.items()

    def events(self) -> list[ReadingEvent]:
        """Drain what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if all has been delivered."""
        if self.is_ended:
            return None
        if self._silent_until is not None:
            return self._silent_until
        timeouts = [self._expires_at(ask) for ask in self._asks.values()]
        if self._resume_at is not None:
            timeouts.append(self._resume_at)
        assert timeouts, "a reading that waits for nothing would never end"
        return min(timeouts)

    def _receive_page(self, page: Page, now: float) -> None:
        ask = self._asks.get(page.turn)
        if not self._is_sensible(page):
            return
        self._note_answer(page, now)
        match page.state:
            case PageState.WRONG_NOTEBOOK | PageState.KEY_CHANGED:
                self._receive_refusal(page, now)
                return
            case PageState.BAD_QUERY:
                self._is_refused = True
                return
            case PageState.WAITING:
                self._progressed_at = now
                if ask is not None:
                    ask.is_parked, ask.timed_from = True, now
                self._ask_on(now)  # it may have ended a silence in which nothing was asked
                return
            case _:
                pass
        self.last = max(self.last, page.last)
        is_amid = ask is not None and ask.ahead == page.ahead != page.next
        if ask is not None:
            ask.timed_from, ask.ahead = now, page.ahead
        if is_amid and page.start == self._gathered.position and page.state is PageState.MORE and self._gathered.pages.is_empty:
            self._progressed_at = now
            self._deliver(page)
            if self._asks:  # nearly always: there is nothing to end, and nothing to ask for
                return
        self._gathered.pages.keep(page, self._gathered.position)
        position = self._gathered.position
        self._advance(page, now)
        if self._gathered.position != position:
            self._progressed_at = now

    def _receive_refusal(self, page: Page, now: float) -> None:
        """The server says that the notebook is another one, or its key is."""
        if page.turn not in self._asks:
            return
        next_datagram_at = now + SILENT_INTERVAL_SECONDS
        if page.state is PageState.KEY_CHANGED and self._envelope.key_id is not None:
            self._fall_silent(KeyChanged(), next_datagram_at=max(self._silent_until or 0.0, next_datagram_at))
        elif not self.is_silent:
            self._fall_silent(WrongServer(), next_datagram_at=next_datagram_at)

    def _is_sensible(self, page: Page) -> bool:
        """Whether a server of this protocol would say so: another one must not make us ask for ever."""
        start, end = self._order(page.start), self._order(page.next)
        if page.state is PageState.WAITING:
            return self._follows
        return end >= start and (page.state is not PageState.MORE or end > start)

    def _note_answer(self, page: Page, now: float) -> None:
        """Learn from an answer about the path."""
        if page.state in (PageState.WRONG_NOTEBOOK, PageState.KEY_CHANGED):
            return
        sent_at = self._sent_at.pop(page.turn, None)
        if sent_at is not None:
            self._timer.sample(now - sent_at)
        self._timer.answered()
        self._window.acknowledged(1, in_flight=self._window.datagrams)
        self._answered_at = self._quiet_since = now
        if self.is_silent:
            self._leave_silence(now)

    def _advance(self, latest: Page, now: float) -> None:
        """Deliver what has no gap before it, and ask for more."""
        while not self.is_ended and (page := self._gathered.pages.take(self._gathered.position)) is not None:
            self._deliver(page)
        here = self._order(self._gathered.position)
        done = [turn for turn, ask in self._asks.items() if ask.ahead is not None and self._order(ask.ahead) <= here]
        for turn in done:
            del self._asks[turn]
        self._is_index_awaited = latest.state is PageState.INDEXING
        self.indexing = None
        if self._is_index_awaited:
            if latest.indexed > self._indexed:
                self._progressed_at = now
            self._indexed = latest.indexed
            self.indexing = Indexing(latest.indexed, latest.last)
            self._pause(INDEXING_PAUSE_SECONDS, now)
        elif self._gathered.is_at_end and not latest.items and self._follows and not self._asks:
            self._ask_for_news(latest, now)
        else:
            self._ask_on(now)

    def _ask_for_news(self, latest: Page, now: float) -> None:
        """There is nothing more yet: leave a READ with the server, unless it has just said that it has no room for it."""
        if latest.turn == self._turn and self._was_asked_to_wait:
            self._pause(POLL_SECONDS, now)
        else:
            self._ask_on(now)

    def _pause(self, seconds: float, now: float) -> None:
        self._asks.clear()
        self._resume_at = now + seconds

    def _deliver(self, page: Page) -> None:
        if not self._gathered.deliver(page):  # an entry was revised while its parts were on their way
            self._asks.clear()

    def _expires_at(self, ask: _Ask) -> float:
        return ask.timed_from + (REFRESH_SECONDS if ask.is_parked else self._timer.timeout_seconds)

    def _lose(self, sent_at: float, now: float) -> None:
        """Something has not come: be slower."""
        if sent_at > self._quiet_since:
            self._window.collapse(now=now)
        else:
            self._window.lost(sent_at=sent_at, now=now)
        self._timer.back_off()
        if now - self._quiet_since >= SILENCE_SECONDS:
            self._fall_silent(ServerSilent(), next_datagram_at=now)
            self._send_to_silence(now)

    def _fall_silent(self, event: ReadingEvent, *, next_datagram_at: float) -> None:
        self._events.append(event)
        self._silent_until = next_datagram_at
        self._asks.clear()

    def _leave_silence(self, now: float) -> None:
        self._silent_until = None
        self._quiet_since = now
        self._window.restart()

    def _send_to_silence(self, now: float) -> None:
        """Ask for a single page, if enough time has passed since the last one."""
        if self._silent_until is not None and now >= self._silent_until:
            self._timer.back_off()
            self._silent_until = now + max(SILENT_INTERVAL_SECONDS, self._timer.timeout_seconds)
            self._asks.clear()
            self._ask(self._gathered.position, 1, now)

    def _ask_on(self, now: float) -> None:
        """Ask for what comes next, if nothing is under way, or for what comes after that, if that is known."""
        if self.is_ended or self._resume_at is not None:
            return
        if not self._asks:
            self._ask(self._gathered.position, self._credits(), now)
        elif len(self._asks) == 1 and self._gathered.remaining is None and not self._gathered.is_at_end:
            [ask] = self._asks.values()
            if ask.ahead is not None and self._order(ask.ahead) > self._order(ask.cursor):
                self._ask(ask.ahead, self._credits(), now)

    def _ask_again(self, now: float) -> None:
        """Ask for what is missing: for one page at each gap, and for more behind the last page that is there."""
        if self.is_silent:
            return
        self._asks.clear()
        *gaps, behind = self._gathered.pages.gaps(self._gathered.position)
        room = 1 if self._is_index_awaited else self._window.datagrams
        for gap in gaps[:room]:
            self._ask(gap, 1, now)
        if room > len(gaps):
            self._ask(behind, min(self._credits(), room - len(gaps)), now)

    def _credits(self) -> int:
        """How many pages to ask for; a single one to find out whether the search index is ready."""
        if self._is_index_awaited:
            return 1
        if self._gathered.remaining is None:
            return self._window.datagrams
        expected = -(-self._gathered.remaining // ENTRIES_PER_PAGE)
        return min(self._window.datagrams, max(expected, self._gathered.pages_taken))  # they may be long ones

    def _ask(self, cursor: Cursor, pages: int, now: float) -> None:
        self._was_asked_to_wait = self._follows and self._gathered.is_at_end and cursor == self._gathered.position
        wait_seconds = LEASE_SECONDS if self._was_asked_to_wait else 0
        self._turn += 1
        self._asks[self._turn] = _Ask(cursor, now)
        self._sent_at[self._turn] = now
        if len(self._sent_at) > TURNS_TIMED_MAX:
            del self._sent_at[next(iter(self._sent_at))]
        limit = min(self._gathered.remaining or 0, LIMIT_MAX)
        read = Read(self._notebook_id, self._stream_id, self._turn, cursor, limit, int(wait_seconds * 1000), self._query)
        self._datagrams += [encode(read, self._envelope)] * (1 if wait_seconds else pages)

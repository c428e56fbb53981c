"""The client's half of reading: it sends a query in READs, and gives the items of the pages that answer, in order, each once.

The reader sends READs in bursts. A burst is a number of identical READs, which ask for as many consecutive pages, starting at
one cursor. Each page says where the last page of its burst will end. So the reader can send the next burst while the pages of
this one are still arriving; at most two bursts are in flight. `page_assembly` puts the pages in order. If a burst's timer
expires, the reader asks again for the missing pages: for one at each gap, and for more after the last page that has arrived.

A reading that follows does not end at the last entry: it sends a READ that waits at the server, which answers it when something
is stored. The reader sends that READ again before its lease ends.
"""

from random import Random
from typing import NamedTuple

from udpnote.errors import BadDatagram
from udpnote.model.query import Cursor, Item, Query
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import STREAM_ID_BYTES, Page, PageState, Read
from udpnote.protocol.page_assembly import PageAssembly
from udpnote.protocol.server_contact import KeyChanged, ServerContact, ServerSilent, WrongServer

PAGES_WINDOW_MAX = 64
"""The most READs in one burst: a server answers them in a few milliseconds, while the reader handles the pages before them."""

ENTRIES_PER_PAGE = 5
"""How many entries of usual length a page holds: from it, a reading with a limit computes how many pages to ask for."""

LEASE_SECONDS = 15.0
"""How long a READ may wait at the server: several refreshes may be lost before the server forgets it."""

REFRESH_SECONDS = 3.0
"""How often the reader sends a waiting READ again, which also shows whether the server still answers. It is the interval at
which RFC 8085 §3.1.3 allows datagrams to a host that does not answer."""

POLL_SECONDS = 1.0
"""How often a follower asks a server whose table of waiting READs is full."""

INDEXING_PAUSE_SECONDS = 0.1
"""How often a search asks whether the search index is ready."""

LIMIT_MAX = 2**32 - 1
"""The largest limit that a READ can carry; later READs ask for the rest."""

BURSTS_TIMED_MAX = 64
"""For how many bursts the reader remembers when it sent them, so that a late answer still gives a sample of the round trip."""

ReadingEvent = ServerSilent | WrongServer | KeyChanged


class Selection(NamedTuple):
    """What to read: the results of `query`, from the number `start` on (None: from the first), at most `limit` items (0: all).

    A reading that `follows` does not end at the last one: it waits for entries that are stored later.
    """

    query: Query
    limit: int = 0
    start: int | None = None
    follows: bool = False


class Indexing(NamedTuple):
    """The server's search index has the entries up to the number `indexed`; the notebook has them up to `last`."""

    indexed: int
    last: int


class _Burst:
    """READs in flight: for pages from `cursor` on, up to `burst_end` once their first page has arrived."""

    __slots__ = ("burst_end", "cursor", "timed_from", "waits_at_server")

    def __init__(self, cursor: Cursor, now: float) -> None:
        self.cursor = cursor
        self.timed_from = now
        self.burst_end: Cursor | None = None
        self.waits_at_server = False


class Reading:
    """One reading of one notebook: it ends when everything is delivered, but a reading that follows does not end.

    Feed it (`receive_datagram`, `handle_timeout`, `server_found`), then drain `datagrams_to_send`, `items` and `events`.
    All datagrams travel in `envelope`. If discovery has just found the server, `round_trip_seconds` is the first sample of the
    path. Times are seconds of one monotonic clock. `random` must be unpredictable outside of tests: it makes the stream id, by
    which the reading recognizes its pages.
    """

    def __init__(
        self,
        notebook_id: bytes,
        selection: Selection,
        *,
        random: Random,
        now: float,
        envelope: Envelope = OPEN,
        round_trip_seconds: float | None = None,
    ) -> None:
        self._notebook_id = notebook_id
        self._query = selection.query
        self._follows = selection.follows
        self._envelope = envelope
        self._stream_id = random.randbytes(STREAM_ID_BYTES)
        self._contact = ServerContact(
            random=random,
            key_id=envelope.key_id,
            window_max=PAGES_WINDOW_MAX,
            round_trip_seconds=round_trip_seconds,
            now=now,
        )
        self._assembly = PageAssembly(selection.query, limit=selection.limit, start=selection.start)
        self._bursts: dict[int, _Burst] = {}
        self._latest_burst = 0
        self._latest_burst_may_wait = False
        self._sent_at: dict[int, float] = {}
        self._resume_at: float | None = None
        self._is_refused = False
        self._answers = 0
        self._progressed_at = now
        self._indexed_before = -1
        self.indexing: Indexing | None = None
        """How far the search index has come, while the server says that it is not ready."""
        self._datagrams: list[bytes] = []
        self._events: list[ReadingEvent] = []
        self._send_next_burst(now)

    @property
    def is_ended(self) -> bool:
        """Whether everything was delivered, or the server cannot answer."""
        is_complete = self._assembly.remaining == 0 or (self._assembly.is_at_end and not self._follows)
        return is_complete or self._is_refused or self._assembly.has_invalid_pages

    @property
    def is_refused(self) -> bool:
        """Whether the server cannot answer the query."""
        return self._is_refused

    @property
    def has_invalid_pages(self) -> bool:
        """Whether the server sent something that no server of this protocol sends."""
        return self._assembly.has_invalid_pages

    @property
    def progressed_at(self) -> float:
        """When the reading last made progress, or when it began.

        It makes progress when items arrive, when a READ waits at the server, and when the search index has grown.
        """
        return self._progressed_at

    @property
    def is_silent(self) -> bool:
        """Whether the server counts as silent."""
        return self._contact.is_silent

    @property
    def answers(self) -> int:
        """How many pages have answered a READ of this reading."""
        return self._answers

    @property
    def answered_at(self) -> float:
        """When the latest page arrived, or when reading began."""
        return self._contact.answered_at

    def receive_datagram(self, data: bytes, now: float) -> None:
        """Handle a datagram from any address: a page with the stream id of this reading; any other datagram is ignored."""
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
        if self._contact.is_silent:
            self._send_probe(now)
            return
        if self._resume_at is not None and self._resume_at <= now:
            self._resume_at = None
            self._contact.expect_answers_from(now)
        expired = [burst for burst in self._bursts.values() if self._expires_at(burst) <= now]
        if any(not burst.waits_at_server for burst in expired):
            self._report(self._contact.note_loss(sent_at=max(burst.timed_from for burst in expired), now=now))
        elif expired:
            self._contact.expect_answers_from(now)  # no answer was due before: the server kept the READ
        if expired:
            self._ask_again(now)
        else:
            self._send_next_burst(now)

    def server_found(self, now: float, *, round_trip_seconds: float) -> None:
        """Start again on a new path: discovery has found the server, perhaps at another address.

        `round_trip_seconds` is the first sample of the path.
        """
        self._contact.server_found(now, round_trip_seconds=round_trip_seconds)
        self._bursts.clear()
        self._send_next_burst(now)

    def datagrams_to_send(self) -> list[bytes]:
        """Drain the READs that are due, for the server's current address."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def items(self) -> list[Item]:
        """Drain the items that were read since the last call, in order."""
        return self._assembly.items()

    def events(self) -> list[ReadingEvent]:
        """Drain the events since the last call."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if reading has ended."""
        if self.is_ended:
            return None
        if self._contact.next_probe_at is not None:
            return self._contact.next_probe_at
        timeouts = [self._expires_at(burst) for burst in self._bursts.values()]
        if self._resume_at is not None:
            timeouts.append(self._resume_at)
        assert timeouts, "a reading that waits for nothing would never end"
        return min(timeouts)

    def _receive_page(self, page: Page, now: float) -> None:
        if not self._is_valid(page):
            return
        match page.state:
            case PageState.WRONG_NOTEBOOK | PageState.KEY_CHANGED:
                if page.burst in self._bursts:
                    is_key_changed = page.state is PageState.KEY_CHANGED
                    self._report(self._contact.note_refusal(is_key_changed=is_key_changed, now=now))
                return
            case PageState.BAD_QUERY:
                self._note_answer(page, now)
                self._is_refused = True
            case PageState.WAITING:
                self._note_answer(page, now)
                self._note_waiting(page, now)
            case _:
                self._note_answer(page, now)
                self._receive_items(page, now)

    def _is_valid(self, page: Page) -> bool:
        """Whether a server of this protocol would send this page. Pages that do not lead on could keep the reader asking."""
        start, end = self._assembly.order(page.start), self._assembly.order(page.next)
        if page.state is PageState.WAITING:
            return self._follows
        return end >= start and (page.state is not PageState.MORE or end > start)

    def _note_answer(self, page: Page, now: float) -> None:
        """Count an answer, and learn about the path from it."""
        self._answers += 1
        in_flight = self._contact.window.datagrams  # the READs of a burst leave together, so the window was used
        self._contact.receive_answer(now, sent_at=self._sent_at.pop(page.burst, None), answered=1, in_flight=in_flight)

    def _note_waiting(self, page: Page, now: float) -> None:
        """Note that the server keeps the READ of this burst until something is stored."""
        self._progressed_at = now
        burst = self._bursts.get(page.burst)
        if burst is not None:
            burst.waits_at_server, burst.timed_from = True, now
        self._send_next_burst(now)  # if the page has ended a silence, nothing is in flight

    def _receive_items(self, page: Page, now: float) -> None:
        assembly, burst = self._assembly, self._bursts.get(page.burst)
        is_inside_burst = burst is not None and burst.burst_end == page.burst_end != page.next
        if burst is not None:
            burst.timed_from, burst.burst_end = now, page.burst_end
        if is_inside_burst and page.start == assembly.position and page.state is PageState.MORE and assembly.early.is_empty:
            self._progressed_at = now
            self._deliver(page)
            if self._bursts:  # nearly always: no burst ends here, and there is nothing to ask for
                return
        position = assembly.position
        assembly.early.keep(page, position)
        self._deliver_from_position()
        if assembly.position != position:
            self._progressed_at = now
        self._continue(page, now)

    def _deliver_from_position(self) -> None:
        """Deliver the pages that have no gap before them, and forget the bursts that they complete."""
        assembly = self._assembly
        while not self.is_ended and (page := assembly.early.take(assembly.position)) is not None:
            self._deliver(page)
        here = assembly.order(assembly.position)
        complete = [
            number for number, burst in self._bursts.items() if burst.burst_end and assembly.order(burst.burst_end) <= here
        ]
        for number in complete:
            del self._bursts[number]

    def _deliver(self, page: Page) -> None:
        if not self._assembly.deliver(page):
            self._bursts.clear()

    def _continue(self, latest: Page, now: float) -> None:
        """Ask for the next pages, or pause, as the state of the latest page requires."""
        self.indexing = None
        if latest.state is PageState.INDEXING:
            if latest.indexed > self._indexed_before:
                self._progressed_at = now
            self._indexed_before = latest.indexed
            self.indexing = Indexing(latest.indexed, latest.last)
            self._pause(INDEXING_PAUSE_SECONDS, now)
        elif self._is_waiting_table_full(latest):
            self._pause(POLL_SECONDS, now)
        else:
            self._send_next_burst(now)

    def _is_waiting_table_full(self, latest: Page) -> bool:
        """Whether the server's table of waiting READs is full: it answered a READ that may wait at once, with an empty page."""
        is_waiting_next = self._follows and self._assembly.is_at_end and not self._bursts
        return is_waiting_next and not latest.items and latest.burst == self._latest_burst and self._latest_burst_may_wait

    def _pause(self, seconds: float, now: float) -> None:
        self._bursts.clear()
        self._resume_at = now + seconds

    def _expires_at(self, burst: _Burst) -> float:
        return burst.timed_from + (REFRESH_SECONDS if burst.waits_at_server else self._contact.timer.timeout_seconds)

    def _report(self, event: ReadingEvent | None) -> None:
        """Report an event about the server, if there is one, and forget the bursts in flight."""
        if event is not None:
            self._events.append(event)
            self._bursts.clear()

    def _send_probe(self, now: float) -> None:
        """Ask the silent server for a single page, if enough time has passed since the last one."""
        if self._contact.is_probe_due(now):
            self._contact.note_probe(now)
            self._bursts.clear()
            self._send_burst(self._assembly.position, 1, now)

    def _send_next_burst(self, now: float) -> None:
        """Send a burst from `position` on if none is in flight, or after the only one in flight once its end is known."""
        assembly = self._assembly
        if self.is_ended or self._resume_at is not None:
            return
        if not self._bursts:
            self._send_burst(assembly.position, self._pages_to_ask_for(), now)
        elif len(self._bursts) == 1 and assembly.remaining is None and not assembly.is_at_end:
            [burst] = self._bursts.values()
            if burst.burst_end is not None and assembly.order(burst.burst_end) > assembly.order(burst.cursor):
                self._send_burst(burst.burst_end, self._pages_to_ask_for(), now)

    def _ask_again(self, now: float) -> None:
        """Ask for the missing pages: for one at each gap, and for more after the last page that has arrived."""
        if self._contact.is_silent:
            self._send_probe(now)
            return
        self._bursts.clear()
        *gaps, end = self._assembly.early.gaps(self._assembly.position)
        room = 1 if self.indexing else self._contact.window.datagrams
        for gap in gaps[:room]:
            self._send_burst(gap, 1, now)
        if room > len(gaps):
            self._send_burst(end, min(self._pages_to_ask_for(), room - len(gaps)), now)

    def _pages_to_ask_for(self) -> int:
        """How many pages to ask for: a single one while the search index is not ready."""
        if self.indexing:
            return 1
        window = self._contact.window.datagrams
        if self._assembly.remaining is None:
            return window
        expected = -(-self._assembly.remaining // ENTRIES_PER_PAGE)
        return min(window, max(expected, self._assembly.pages_taken))  # long entries take more pages: ask for more each time

    def _send_burst(self, cursor: Cursor, pages: int, now: float) -> None:
        assembly = self._assembly
        may_wait = self._follows and assembly.is_at_end and cursor == assembly.position
        self._latest_burst += 1
        self._latest_burst_may_wait = may_wait
        self._bursts[self._latest_burst] = _Burst(cursor, now)
        self._sent_at[self._latest_burst] = now
        if len(self._sent_at) > BURSTS_TIMED_MAX:
            del self._sent_at[next(iter(self._sent_at))]
        wait_milliseconds = int(LEASE_SECONDS * 1000) if may_wait else 0
        limit = min(assembly.remaining or 0, LIMIT_MAX)
        read = Read(self._notebook_id, self._stream_id, self._latest_burst, cursor, limit, wait_milliseconds, self._query)
        self._datagrams += [encode(read, self._envelope)] * (1 if may_wait else pages)

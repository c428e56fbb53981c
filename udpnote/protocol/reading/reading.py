"""The client's side of reading: sends a query in READs, and delivers the items of the answering pages, in order, each once.

The reader sends READs in bursts. A burst is a group of identical READs. The server answers each READ with one page, which
begins where the page before it ends. Each page says where the last page of its burst will end. So the reader can send the next
burst while pages of the first one are still arriving. Unless pages are missing, at most two bursts are in flight.
`page_assembly` orders the pages. If a burst's timer expires, the reader asks again for the missing pages, as many as the
congestion window allows: one page at each gap, and more after the last page that has arrived.

A reading that follows does not end at the last result: it sends a READ that waits at the server, and the server answers when
there is another result. The server keeps that READ for a limited time, its lease; the reader sends the READ again before that.
"""

from collections.abc import Iterable
from typing import NamedTuple

from udpnote.model.entry import NOTHING_SEEN, StoredEntry
from udpnote.model.query import Cursor, Item, Selection
from udpnote.model.randomness import Randomness
from udpnote.protocol.congestion import RTO_MAX_SECONDS
from udpnote.protocol.envelope import Envelope
from udpnote.protocol.reading.bursts import Burst, Bursts
from udpnote.protocol.reading.page_assembly import PageAssembly, pages_in
from udpnote.protocol.reading.shown_entries import NotebookRestored, ShownEntries
from udpnote.protocol.reading_messages import Page, PageState
from udpnote.protocol.server_contact import (
    FOLLOWER_INTERVAL_SECONDS_MAX,
    KeyChanged,
    NotebookUnreadable,
    ServerContact,
    ServerSilent,
    WrongServer,
)

PAGES_WINDOW_MAX = 54
"""The most READs in one burst: as many as one system call sends (see `lan.udp_socket`)."""

ENTRIES_PER_PAGE = 5
"""How many entries of usual length fit into a page. A reading with a limit computes from this how many pages to ask for."""

REFRESH_SECONDS = 3.0
"""The interval at which the reader sends a waiting READ again, to see that the server still answers. RFC 8085 §3.1.3 allows one
datagram per 3 seconds without an estimate of the round-trip time."""

POLL_SECONDS = 1.0
"""The interval at which a reading that follows asks again if the server cannot keep its READ waiting or cannot read the
notebook."""

INDEXING_PAUSE_SECONDS = 0.1
"""The interval at which a reading asks again while the server's search index lacks entries."""

ReadingEvent = ServerSilent | WrongServer | KeyChanged | NotebookRestored | NotebookUnreadable


class Indexing(NamedTuple):
    """The server's search index has the entries up to the number `indexed`. The highest number in the notebook is `last`."""

    indexed: int
    last: int


class Reading:
    """Reads the results of `selection` from the notebook `notebook_id`. The first READs are due at once, at `now`.

    The caller reports what happens (`receive_datagrams`, `handle_timeout`, `server_found`), and after each call takes
    `datagrams_to_send`, `items` and `events`. All datagrams travel in `envelope`. `round_trip_seconds` is the round-trip time
    to the server from discovery or an earlier exchange (None if it is unknown). Times are seconds of one monotonic clock.
    `random` makes the stream id, by which the reading recognizes its pages, so it must be unpredictable, except in tests.
    """

    def __init__(
        self,
        notebook_id: bytes,
        selection: Selection,
        *,
        random: Randomness,
        now: float,
        envelope: Envelope,
        round_trip_seconds: float | None,
    ) -> None:
        self._query = selection.query
        self._follows = selection.follows
        self._envelope = envelope
        self._bursts = Bursts(notebook_id, selection.query, envelope, random)
        self.contact = ServerContact(
            random=random,
            key_id=envelope.key_id,
            window_max=PAGES_WINDOW_MAX,
            round_trip_seconds=round_trip_seconds,
            probe_interval_max_seconds=FOLLOWER_INTERVAL_SECONDS_MAX if selection.follows else RTO_MAX_SECONDS,
            now=now,
        )
        """What this reading knows of its server."""
        self._assembly = PageAssembly(selection.query, limit=selection.limit, start=selection.start)
        self._shown = ShownEntries(selection.seen, stored_until=selection.seen_until)
        self._items: list[Item] = []
        self._resume_at: float | None = None
        """The monotonic time at which the pause of this reading ends (see `_pause`); None if there is no pause."""
        self.refusal: PageState | None = None
        """Why the server refuses the query: `BAD_QUERY` or `NOT_READABLE`. None if its latest page refuses nothing."""
        self.answers = 0
        """How many valid pages with this reading's stream id have arrived. Repeated pages count, and so do those that set
        `refusal`. Pages in the states WRONG_NOTEBOOK and KEY_CHANGED do not."""
        self._progressed_at = now
        self._indexed_before = -1
        """The `indexed` of the latest page that said how far the index is; -1 if none did. A higher one is progress."""
        self.indexing: Indexing | None = None
        """The progress of the server's search index; None unless the latest page says that the index lacks entries."""
        self.newest = NOTHING_SEEN
        """The entry with the highest number in the notebook, by the latest page; `NOTHING_SEEN` if unknown."""
        self._events: list[ReadingEvent] = []
        self._send_next_burst(now)

    @property
    def is_ended(self) -> bool:
        """Whether the reading is over: it has failed or reached its limit, or has no more results and does not follow.

        It has failed if the query is bad, if the server breaks the protocol, or if the server cannot read the notebook and this
        reading does not follow.
        """
        is_complete = self._assembly.remaining == 0 or (self._assembly.is_at_end and not self._follows)
        is_refused = self.refusal is PageState.BAD_QUERY or (self.refusal is not None and not self._follows)
        return is_complete or is_refused or self._assembly.has_invalid_pages

    @property
    def has_invalid_pages(self) -> bool:
        """Whether the reading has failed because the server breaks the protocol (see `PageAssembly.has_invalid_pages`)."""
        return self._assembly.has_invalid_pages

    @property
    def progressed_at(self) -> float:
        """The monotonic time of the reading's latest progress, or of its beginning.

        Progress means: pages were delivered, the server said that it keeps a READ waiting, or its search index has grown.
        """
        return self._progressed_at

    def receive_datagrams(self, datagrams: Iterable[bytes], now: float) -> None:
        """Handle datagrams that have arrived. Ignore all but PAGEs with this reading's stream id, from any address."""
        for page, count in self._assembly.joined(pages_in(datagrams, self._envelope)):
            if page.stream_id == self._bursts.stream_id and not self.is_ended:
                self._receive_page(page, count, now)

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`: ask again for missing pages, end a pause, or probe a silent server.

        A probe is a burst of a single READ. If the server counts as silent from now on, report `ServerSilent`.
        """
        if self.is_ended:
            return
        if self.contact.is_silent:
            self._send_probe(now)
            return
        if self._resume_at is not None and self._resume_at <= now:
            self._resume_at = None
            self.contact.expect_answers_from(now)
        expired = [burst for burst in self._bursts if self._expires_at(burst) <= now]
        if any(not burst.waits_at_server for burst in expired):
            self._report(self.contact.record_loss(sent_at=max(burst.timed_from for burst in expired), now=now))
        elif expired:
            self.contact.expect_answers_from(now)  # the server kept the READ, so no answer was due until now
        if expired:
            self._ask_again(now)
        else:
            self._send_next_burst(now)

    def server_found(self, now: float, *, round_trip_seconds: float) -> None:
        """Ask for the missing results again, because discovery has found the server, perhaps at another address.

        The caller sends the READs there. The timer and congestion window start anew; `round_trip_seconds`, which discovery has
        measured, is the timer's first sample.
        """
        self.contact.server_found(now, round_trip_seconds=round_trip_seconds)
        self._bursts.clear()
        self._send_next_burst(now)

    def datagrams_to_send(self) -> list[bytes]:
        """Return and remove the READs that are due; the caller sends them to the server's current address."""
        return self._bursts.datagrams_to_send()

    def items(self) -> list[Item]:
        """Return and remove the items that were delivered since the last call, in the order of the query, each once."""
        items, self._items = self._items, []
        return items

    def events(self) -> list[ReadingEvent]:
        """Return and remove the events since the last call, in the order in which they happened."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """The monotonic time at which the caller must call `handle_timeout` next; None if the reading has ended."""
        if self.is_ended:
            return None
        if self.contact.next_probe_at is not None:
            return self.contact.next_probe_at
        timeouts = [self._expires_at(burst) for burst in self._bursts]
        if self._resume_at is not None:
            timeouts.append(self._resume_at)
        assert timeouts, "a reading that waits for nothing would never end"
        return min(timeouts)

    def _receive_page(self, page: Page, count: int, now: float) -> None:
        """Handle `page`, which was joined from `count` received pages. Ignore it if it is not valid for this reading."""
        if not self._is_valid(page):
            return
        match page.state:
            case PageState.MORE | PageState.END | PageState.INDEXING:
                self._record_answer(page, count, now)
                self._record_agreement()
                self._receive_items(page, now)
            case PageState.WRONG_NOTEBOOK | PageState.KEY_CHANGED:
                if self._bursts.get(page.burst) is not None:
                    is_key_changed = page.state is PageState.KEY_CHANGED
                    self._report(self.contact.record_refusal(is_key_changed=is_key_changed, now=now))
                return
            case PageState.BAD_QUERY | PageState.NOT_READABLE:
                self._record_answer(page, count, now)
                self._record_refusal(page.state, now)
            case PageState.OLDER_COPY:
                self._record_answer(page, count, now)
                self._go_back(now)
            case PageState.WAITING:  # pragma: no branch - mypy proves that none is left
                self._record_answer(page, count, now)
                self._record_agreement()
                self._record_waiting(page, now)

    def _is_valid(self, page: Page) -> bool:
        """Whether the state and the cursors of `page` make sense for this reading."""
        if page.state is PageState.WAITING:
            return self._follows
        if page.state is PageState.OLDER_COPY:
            return bool(self._shown.latest.number)
        return self._assembly.are_cursors_valid(page)

    def _record_answer(self, page: Page, count: int, now: float) -> None:
        """Count `page` as `count` answers, update the timer and the congestion window, and set `newest` from the page."""
        self.answers += count
        self.newest = page.newest
        in_flight = self.contact.window.datagrams  # the READs of a burst leave together, so they filled the window
        self.contact.receive_answer(now, sent_at=self._bursts.take_sent_at(page.burst), answered=count, in_flight=in_flight)

    def _go_back(self, now: float) -> None:
        """Go back, because the notebook lacks the READ's `seen`: continue after an earlier one of the entries in `_shown`.

        Each further call goes back further. The READs get a new stream id, so late pages for the earlier READs are ignored.
        """
        self._shown.go_back()
        self._bursts.begin_stream()
        self._assembly = PageAssembly(self._query, limit=self._assembly.remaining or 0, start=self._shown.latest.number + 1)
        self._send_next_burst(now)

    def _record_refusal(self, state: PageState, now: float) -> None:
        """Set `refusal` to `state`. A reading that follows asks again after a pause if the notebook cannot be read.

        Of several refusals in a row, only the first is reported, as `NotebookUnreadable`.
        """
        if self._follows and state is PageState.NOT_READABLE and self.refusal is None:
            self._events.append(NotebookUnreadable())
        self.refusal = state
        self._pause(POLL_SECONDS, now)

    def _record_agreement(self) -> None:
        """Record that the notebook has the READ's `seen`. If `_go_back` has chosen that entry, report `NotebookRestored`."""
        self.refusal = None
        if self._shown.is_going_back:
            self._shown.confirm()
            self._events.append(NotebookRestored(self._shown.latest.number + 1))

    def _record_waiting(self, page: Page, now: float) -> None:
        """Record that the server keeps the READ until there is a result. Its answer to the READ is `page`."""
        self._progressed_at = now
        burst = self._bursts.get(page.burst)
        if burst is not None:
            burst.waits_at_server, burst.timed_from = True, now
        self._send_next_burst(now)  # if the page has ended a silence, perhaps no burst is in flight

    def _receive_items(self, page: Page, now: float) -> None:
        """Deliver `page` and the early pages that follow it or, if pages are missing before it, keep it. Ask for more pages."""
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
        """Deliver the pages that have no gap before them, and remove the bursts whose pages were all delivered."""
        assembly = self._assembly
        while not self.is_ended and (page := assembly.early.take(assembly.position)) is not None:
            self._deliver(page)
        self._bursts.remove_up_to(assembly.position, assembly.order)

    def _deliver(self, page: Page) -> None:
        """Add the items of `page` to `items`. A reading that follows leaves out entries that it has shown before."""
        if not self._assembly.deliver(page):  # a long entry was revised: it is read again from its beginning
            self._bursts.clear()
        items = self._assembly.items()
        if self._follows:
            items = [item for item in items if not isinstance(item, StoredEntry) or self._shown.remember(item)]
            if page.next.number == page.newest.number + 1:  # all entries were read, though not all of them are results
                self._shown.add(page.newest)
        self._items += items

    def _continue(self, latest: Page, now: float) -> None:
        """Ask for the next pages now or, if the page `latest` says that the server cannot answer at once, after a pause."""
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
        """Whether the server has no room for another waiting READ: it has answered `END`, not `WAITING`, in `latest`."""
        is_waiting_next = self._follows and self._assembly.is_at_end and not self._bursts
        return is_waiting_next and not latest.items and latest.burst == self._bursts.latest and self._bursts.may_latest_wait

    def _pause(self, seconds: float, now: float) -> None:
        """Stop waiting for the bursts in flight, and send nothing for `seconds`, counted from `now`."""
        self._bursts.clear()
        self._resume_at = now + seconds

    def _expires_at(self, burst: Burst) -> float:
        return burst.timed_from + REFRESH_SECONDS if burst.waits_at_server else self.contact.expires_at(burst.timed_from)

    def _report(self, event: ReadingEvent | None) -> None:
        """If `event` is not None, add it to `events`, and stop waiting for the bursts in flight."""
        if event is not None:
            self._events.append(event)
            self._bursts.clear()

    def _send_probe(self, now: float) -> None:
        """If a probe is due, ask the silent server for a single page, and stop waiting for the bursts in flight."""
        if self.contact.is_probe_due(now):
            self.contact.record_probe(now)
            self._bursts.clear()
            self._send_burst(self._assembly.position, 1, now)

    def _send_next_burst(self, now: float) -> None:
        """If no burst is in flight, send one from `position` on. If one is in flight, send a second one from its end on.

        Do nothing in a pause. Send no second burst if the end of the first is unknown, or if the reading has a limit.
        """
        assembly = self._assembly
        if self.is_ended or self._resume_at is not None:
            return
        if not self._bursts:
            self._send_burst(assembly.position, self._pages_to_ask_for(), now)
        elif len(self._bursts) == 1 and assembly.remaining is None and not assembly.is_at_end:
            [burst] = self._bursts
            if burst.burst_end is not None and assembly.order(burst.burst_end) > assembly.order(burst.cursor):
                self._send_burst(burst.burst_end, self._pages_to_ask_for(), now)

    def _ask_again(self, now: float) -> None:
        """Ask again for missing pages: one at each gap between the early pages, then more after the last early page.

        Ask for as many as the window has room for, the first gaps first. If the server counts as silent, send a probe instead,
        but only if one is due (see `_send_probe`).
        """
        if self.contact.is_silent:
            self._send_probe(now)
            return
        self._bursts.clear()
        *gaps, end = self._assembly.early.gaps(self._assembly.position)
        room = 1 if self.indexing else self.contact.window.datagrams
        for gap in gaps[:room]:
            self._send_burst(gap, 1, now)
        if room > len(gaps):
            self._send_burst(end, min(self._pages_to_ask_for(), room - len(gaps)), now)

    def _pages_to_ask_for(self) -> int:
        """How many pages to ask for: the window, or fewer if the limit needs fewer; one while the index lacks entries."""
        if self.indexing:
            return 1
        window = self.contact.window.datagrams
        if self._assembly.remaining is None:
            return window
        expected = -(-self._assembly.remaining // ENTRIES_PER_PAGE)  # rounded up
        return min(window, max(expected, self._assembly.pages_taken))  # long entries take more pages: ask for more each time

    def _send_burst(self, cursor: Cursor, pages: int, now: float) -> None:
        assembly = self._assembly
        may_wait = self._follows and assembly.is_at_end and cursor == assembly.position
        limit, seen = assembly.remaining or 0, self._shown.latest
        self._bursts.begin(cursor, now, pages=pages, limit=limit, may_wait=may_wait, seen=seen)

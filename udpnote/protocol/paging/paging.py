"""The server's side of reading: decides which pages answer which READ, and when.

The server does not amplify traffic: it answers each READ with one PAGE, which is no longer than the READ (see `READ_BYTES` in
`codec.reading`). A burst is a group of identical READs. The server builds all pages for a burst together: each page
begins where the page before it ends. It sends a page for each READ that has arrived, and keeps the others for a while (see
`kept_pages`). If a burst needs a search, it waits while a worker thread searches and the server answers other READs. The number
of bursts that wait for a search is limited. Apart from them, from kept pages and from waiting READs (see below), the server
keeps no state of a reader between READs.

A READ may ask the server to wait if there is no result yet. The server keeps such a READ for a limited time, its lease, in a
table of limited size. All PAGEs for such a READ together are no longer than the READ (`credit_bytes`): the first PAGE says that
the READ waits, and a second PAGE ends the wait when there is a result. The second PAGE may be lost, so a timer with backoff
repeats it, until the reader's next READ replaces this one or `credit_bytes` is used up.

The caller reports what happens to a `Pager` (`receive_read`, `notice_stored`, `handle_timeout`), calls `serve`, and takes
`datagrams_to_send`. Times are seconds of one monotonic clock.
"""

from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

from udpnote.errors import StorageError
from udpnote.model.address import Datagram
from udpnote.model.entry import NOTHING_SEEN, SeenEntry, new_tuple
from udpnote.model.query import Cursor, Lookup
from udpnote.protocol.codec.reading import READ_BYTES, page_body_of
from udpnote.protocol.envelope import Envelope, Requester
from udpnote.protocol.fair_queue import FairQueue
from udpnote.protocol.paging.kept_pages import KeptPages
from udpnote.protocol.paging.page_builder import BuiltPage, PageBuilder
from udpnote.protocol.paging.waiting_reads import WAIT_END_SENDINGS_MAX, WaitingRead, WaitingReads
from udpnote.protocol.reading_messages import Page, PageState, Read

PENDING_BURSTS_MAX = 512
"""The most bursts of one address that wait to be served, see `FairQueue`. The server drops the READs of further bursts. The
readers send dropped READs again."""

PAGES_MAX = 64
"""The most pages for one burst. The server builds them in a few milliseconds, and they fit into a reader's receive buffer."""

UNANSWERED_SECONDS_MAX = 0.2
"""If the lookup for a burst takes longer than this, the server sends the results found so far, as soon as the lookup can be
paused. If it sent nothing for longer, the reader would count it as silent."""

SEARCHES_MAX = 64
"""The most bursts that wait for a search. This bounds the memory, because each burst may have up to `PAGES_MAX` built pages."""

SEARCHES_PER_HOST_MAX = 8
"""The most bursts from one host that wait for a search. A reader has at most two such bursts, so this hardly limits readers.
But all searches share one thread, and without this limit one host could keep the others from searching."""


class _Burst:
    """A burst that was not answered yet. `read` is one of its READs, and `pages_owed` is how many of them have arrived.

    The server owes one page for each READ. `builder` builds the pages; it is None until the server begins to serve the burst.
    `began_at` is the monotonic time of that beginning, and `last` is the highest number in the notebook at that time.
    """

    __slots__ = ("began_at", "builder", "last", "pages_owed", "read", "requester")

    def __init__(self, read: Read, requester: Requester) -> None:
        self.read = read
        self.requester = requester
        self.pages_owed = 1
        self.builder: PageBuilder | None = None
        self.began_at = 0.0
        self.last = 0

    @property
    def pages_to_build(self) -> int:
        """How many pages to build: one for each READ that has arrived, and at least as many as the READs ask for."""
        return max(self.pages_owed, min(self.read.pages, PAGES_MAX))

    @property
    def is_ready(self) -> bool:
        """Whether the server can serve this burst now. It cannot while a worker thread searches for results of the burst."""
        return self.builder is None or self.builder.is_ready


class ServeContext(NamedTuple):
    """What `Pager.serve` needs from its caller.

    `lookup` finds results in the notebook. `newest` is the notebook's entry with the highest number. `seen_at(number)` is the
    entry with that number as a `SeenEntry`, or `NOTHING_SEEN` if there is no such entry. `now` is the monotonic time.
    `is_time_up()` says whether `serve` shall stop as soon as it can.
    """

    lookup: Lookup
    newest: SeenEntry
    seen_at: Callable[[int], SeenEntry]
    now: float
    is_time_up: Callable[[], bool]

    @property
    def last(self) -> int:
        """The highest number of an entry in the notebook, or 0 if there are no entries."""
        return self.newest.number


_BurstKey = tuple[Requester, bytes, Cursor]
"""What identifies a burst: the requester, stream id and cursor of its READs. The burst's number is not in it, so a reader that
sends its READs again, in a new burst, does not make the server look for the same results twice."""


class Pager:
    """Answers the READs for the notebook `notebook_id`."""

    def __init__(self, notebook_id: bytes) -> None:
        self._notebook_id = notebook_id
        self._pending: dict[_BurstKey, _Burst] = {}
        self._order: FairQueue[_BurstKey] = FairQueue(PENDING_BURSTS_MAX)
        """The keys of `_pending` in the order in which `serve` takes them. Some keys may not be in `_pending` any more."""

        self._searching: dict[_BurstKey, _Burst] = {}
        self._kept = KeptPages()
        self._waiting = WaitingReads()
        self._datagrams: list[Datagram] = []
        self._drops: Counter[str] = Counter()
        self.failure: StorageError | None = None
        """The latest error of a lookup, or None. The server has answered the READ that needed the lookup with
        `NOT_READABLE`."""

    @property
    def is_busy(self) -> bool:
        """Whether `serve` has a READ to answer now. READs that wait for a result or for a search do not count."""
        return bool(self._pending or self._waiting.are_due) or any(burst.is_ready for burst in self._searching.values())

    @property
    def waiting(self) -> int:
        """How many READs wait for a result because they asked the server to wait. READs that wait for a search do not count."""
        return len(self._waiting)

    def receive_read(self, read: Read, requester: Requester) -> None:
        """Take one READ. It is answered at once, or later by `serve`.

        - If the pages of its burst were made already, it gets the next kept page at once, or nothing if none is left.
        - If its burst waits to be served, or for its search, it adds one page to the burst, up to `PAGES_MAX`.
        - If it is for another notebook, it is refused at once.
        - If too many bursts of its sender wait to be served, it is dropped and counted.
        - Else it begins a burst. An earlier READ of the same stream then no longer waits for a result.
        """
        kept = self._kept.take((requester, read.stream_id, read.burst))
        if kept is not None:
            self._datagrams += [(page, requester.address) for page in kept]
            return
        key = (requester, read.stream_id, read.cursor)
        burst = self._pending.get(key) or self._searching.get(key)
        if burst is not None and burst.read.query == read.query:  # one more READ of that burst, or a READ sent again
            burst.pages_owed = min(burst.pages_owed + 1, PAGES_MAX)
        elif read.notebook_id != self._notebook_id:
            self._datagrams.append((refusing_page(read, PageState.WRONG_NOTEBOOK, requester.envelope), requester.address))
        elif not self._order.add(key, requester.address):
            self._drops["too many reads"] += 1
        else:
            if not self._waiting.have_later(read, requester):
                self._waiting.forget(read, requester)
            self._searching.pop(key, None)
            self._pending[key] = _Burst(read, requester)

    def forget_other_envelopes(self, envelopes: Collection[Envelope]) -> None:
        """Drop the READs that came in other envelopes than `envelopes`, because the server must not answer them any more.

        Also drop all pages that `datagrams_to_send` has not returned yet.
        """
        for bursts in (self._pending, self._searching):
            for key in [key for key, burst in bursts.items() if burst.requester.envelope not in envelopes]:
                del bursts[key]
        self._kept.forget_other_envelopes(envelopes)
        self._waiting.forget_other_envelopes(envelopes)
        self._datagrams = []  # it has pages only after an error, and the readers ask for them again

    def notice_stored(self, last: int) -> None:
        """Record that the highest number is now `last`, so that `serve` looks again for results of the waiting READs."""
        self._waiting.notice_stored(last)

    def serve(self, context: ServeContext) -> None:
        """Answer READs until all that can be answered now are answered, or until `context.is_time_up()`.

        `serve` answers three kinds, one after the other: waiting READs for which there may be a result now, bursts whose search
        has ended, and new bursts. Each call serves at least one of each kind, if there is one, so that no kind delays the
        others for long.
        """
        while (waiting := self._waiting.take_due()) is not None:
            self._serve_waiting(waiting, context)
            if context.is_time_up():
                break
        for key in [key for key, burst in self._searching.items() if burst.is_ready]:
            self._serve_burst(key, self._searching.pop(key), context)
            if context.is_time_up():
                break
        while self._order:
            key = self._order.take()
            burst = self._pending.pop(key, None)
            if burst is not None:
                self._serve_burst(key, burst, context)
                if context.is_time_up():
                    break

    def handle_timeout(self, now: float) -> None:
        """Drop the waiting READs whose lease has ended by `now`. Repeat each page that ends a wait if it is due again."""
        self._datagrams += self._waiting.handle_timeout(now)

    def next_timeout(self) -> float | None:
        """The monotonic time at which the caller must call `handle_timeout` next; None if no READ waits for a result."""
        return self._waiting.next_timeout()

    def datagrams_to_send(self) -> list[Datagram]:
        """Return and remove the PAGEs that are due, each with its destination."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def drops(self) -> Counter[str]:
        """Return and reset the numbers of READs that were dropped, by reason."""
        drops, self._drops = self._drops, Counter()
        return drops

    def _serve_burst(self, key: _BurstKey, burst: _Burst, context: ServeContext) -> None:
        """Answer `burst`, or let it wait. If the notebook cannot be read, answer `NOT_READABLE`, and set `failure`."""
        try:
            self._serve_results(key, burst, context)
        except StorageError as error:
            self.failure = error
            built = BuiltPage([], burst.read.cursor, PageState.NOT_READABLE)
            self._answer(burst, [built], newest=context.newest)

    def _serve_results(self, key: _BurstKey, burst: _Burst, context: ServeContext) -> None:
        """Answer `burst` with the pages of its results, or let it wait: for its search, or for a result if it asks for that.

        Raises `StorageError` if the notebook cannot be read.
        """
        read, requester = burst.read, burst.requester
        if burst.builder is None and read.seen.number and context.seen_at(read.seen.number) != read.seen:
            self._answer(burst, [BuiltPage([], read.cursor, PageState.OLDER_COPY)], newest=context.newest)
            return
        if burst.builder is None:
            burst.builder, burst.began_at, burst.last = PageBuilder(read, context.lookup), context.now, context.last
        is_overdue = context.now - burst.began_at >= UNANSWERED_SECONDS_MAX
        built = burst.builder.build(pages_max=burst.pages_to_build, is_time_up=lambda: is_overdue or context.is_time_up())
        if built is None:
            self._wait_for_search(key, burst)
            return
        asks_to_wait = read.wait_milliseconds and built[-1].state is PageState.END and not any(page.items for page in built)
        if asks_to_wait and self._waiting.have_room_for(read, requester):
            # If something was stored while the search was running, there may be a result already.
            self._wait(read, requester, built[-1].next, context, is_due=context.last > burst.last)
        else:
            self._answer(burst, built, newest=context.newest)

    def _wait_for_search(self, key: _BurstKey, burst: _Burst) -> None:
        """Keep `burst` until its search has ended. Drop its READs if too many bursts, of its host or of all, wait for
        searches.
        """
        host = burst.requester.address[0]
        of_host = sum(other.requester.address[0] == host for other in self._searching.values())
        if len(self._searching) >= SEARCHES_MAX or of_host >= SEARCHES_PER_HOST_MAX:
            self._drops["too many searches"] += burst.pages_owed
        else:
            self._searching[key] = burst

    def _serve_waiting(self, waiting: WaitingRead, context: ServeContext) -> None:
        """End the wait of a READ with a page if there is a result or an error now. If not, remember how far the lookup came.

        The wait also ends if only a search can find results: see `_page_without_search`.
        """
        envelope = waiting.requester.envelope
        body_bytes_max = waiting.credit_bytes // WAIT_END_SENDINGS_MAX - envelope.overhead_bytes
        read = waiting.read._replace(cursor=waiting.looked_up_to)
        builder = PageBuilder(read, context.lookup, body_bytes_max=body_bytes_max)
        try:
            [built] = builder.build(pages_max=1, is_time_up=context.is_time_up) or [_page_without_search(read, context)]
        except StorageError as error:
            self.failure = error
            built = BuiltPage([], read.cursor, PageState.NOT_READABLE)
        if built.state is PageState.END and not built.items:
            waiting.looked_up_to = built.next
            return
        waiting.answer = _page(waiting.read, waiting.read.cursor, built, built.next, context.newest, envelope)
        self._datagrams += self._waiting.send_answer(waiting, context.now)

    def _wait(self, read: Read, requester: Requester, looked_up_to: Cursor, context: ServeContext, *, is_due: bool) -> None:
        """Keep `read` until its lease ends, in place of an earlier READ of its stream. Answer that `read` waits.

        There are no results before the cursor `looked_up_to`. If `is_due` is true, the next `serve` looks again for results.
        """
        page = _page(
            read, read.cursor, BuiltPage([], read.cursor, PageState.WAITING), read.cursor, context.newest, requester.envelope
        )
        self._datagrams.append((page, requester.address))
        credit_bytes = READ_BYTES + requester.envelope.overhead_bytes - len(page)
        expires_at = context.now + read.wait_milliseconds / 1000
        waiting = WaitingRead(read, requester, looked_up_to, credit_bytes=credit_bytes, expires_at=expires_at)
        self._waiting.add(waiting, is_due=is_due)

    def _answer(self, burst: _Burst, built: list[BuiltPage], *, newest: SeenEntry) -> None:
        """Make datagrams with the pages `built` for `burst`. Those that the server owes become due (see `datagrams_to_send`).
        The others are kept for the READs of the burst that have not arrived yet. For `newest` see `_page`.

        All pages but the last are padded to one size, so that one system call can send them.
        """
        read, requester = burst.read, burst.requester
        pages, start, burst_end = [], read.cursor, built[-1].next
        for each in built:
            padded_bytes = READ_BYTES if each is not built[-1] else 0
            pages.append(_page(read, start, each, burst_end, newest, requester.envelope, padded_bytes=padded_bytes))
            start = each.next
        self._datagrams += [(page, requester.address) for page in pages[: burst.pages_owed]]
        if read.pages > 1:
            self._kept.keep((requester, read.stream_id, read.burst), pages[burst.pages_owed :])


def _page_without_search(read: Read, context: ServeContext) -> BuiltPage:
    """The empty page that ends a wait if only a search can find results. The reader then asks again without a wait."""
    return BuiltPage([], read.cursor, PageState.INDEXING, context.last)


def refusing_page(read: Read, state: PageState, envelope: Envelope) -> bytes:
    """The datagram in `envelope` with an empty page that answers `read`. `state` says why the page is empty."""
    return _page(read, read.cursor, BuiltPage([], read.cursor, state), read.cursor, NOTHING_SEEN, envelope)


def _page(
    read: Read,
    start: Cursor,
    built: BuiltPage,
    burst_end: Cursor,
    newest: SeenEntry,
    envelope: Envelope,
    *,
    padded_bytes: int = 0,
) -> bytes:
    """The datagram in `envelope` with the page `built`, which answers `read` and begins at the cursor `start`.

    `burst_end` is where the last page of the burst ends. `newest` is the entry with the highest number in the notebook. Zeros
    pad the body to `padded_bytes`.
    """
    items, following, state, indexed, are_tallies = built
    page = new_tuple(Page, (read.stream_id, read.burst, state, start, following, burst_end, newest, indexed, ()))
    return envelope.wrap(page_body_of(page, items, are_tallies=are_tallies, padded_bytes=padded_bytes))

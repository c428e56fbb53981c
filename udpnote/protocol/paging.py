"""The server's half of reading: which READ gets which pages, and when.

A reader pulls. Each READ pays for one PAGE that is no longer than it. READs of the same turn, which are all alike, pay for as
many consecutive pages, which are built in one go. If a turn needs a search, it is set aside while a worker thread searches; the
number of such turns is limited. Otherwise the server keeps nothing of a reader between its READs.

A READ may ask to wait if nothing is found. The server keeps it, with a lease, in a table of limited size. All PAGEs that are
sent for it are together no longer than it: the first one says that it waits, and another one ends the wait when something is
stored. That one may be lost, so a timer that backs off repeats it, until the reader's next READ replaces this one.

Feed a `Pager` (`receive_read`, `notice_stored`, `handle_timeout`), let it `serve`, then drain `datagrams_to_send`. Times are
seconds of one monotonic clock.
"""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Generic, NamedTuple, TypeVar

from udpnote.model.query import Cursor, Lookup
from udpnote.protocol.codec import READ_BYTES, encode_page
from udpnote.protocol.envelope import HEADER_BYTES, Envelope, Requester
from udpnote.protocol.messages import Page, PageState, Read
from udpnote.protocol.page_builder import BuiltPage, PageBuilder

PENDING_TURNS_MAX = 1024
"""Turns that wait to be served. Beyond it READs are dropped, and their readers ask again."""

PAGES_MAX = 64
"""Pages that one turn may ask for: they take a few milliseconds, and fit into the reader's receive buffer."""

WAITING_READS_MAX = 1024
"""READs that wait for something to be stored: ten times the followers of a busy notebook."""

WAITING_PER_SOURCE_MAX = 32
"""Of these, from one address: one process with too many of them cannot keep out the others."""

NEWS_SENDINGS = 3
"""How often the page that ends a wait may be sent: it is no longer than a third of the READ. The rest comes with the next."""

REPEAT_SECONDS = 0.02
"""When the page that ends a wait is sent again if its reader has not sent another READ; the pause doubles each time."""

SIGN_OF_LIFE_SECONDS = 0.2
"""A turn whose search takes longer is answered at the next pause, with what was found: a silent server would count as gone."""

SEARCHES_MAX = 64
"""Turns that wait for a search: each may hold all the pages that were built for it so far."""

SEARCHES_PER_SOURCE_MAX = 8
"""Of these, from one address: a reader has two turns in flight, and one process cannot keep the others from searching."""

Source = TypeVar("Source")


class _Turn(Generic[Source]):
    """What a reader asks for in one turn: as many pages as `credits`; `builder` builds them once the turn has begun."""

    __slots__ = ("began_at", "builder", "credits", "last", "read", "requester")

    def __init__(self, read: Read, requester: Requester[Source]) -> None:
        self.read = read
        self.requester = requester
        self.credits = 1
        self.builder: PageBuilder | None = None
        self.began_at = 0.0
        self.last = 0

    @property
    def is_ready(self) -> bool:
        """Whether no search is running that must end first."""
        return self.builder is None or self.builder.is_ready


class _Waiting(Generic[Source]):
    """A READ that waits. `credit_bytes` may still be sent for it; the next lookup begins at `looked_up_to`."""

    __slots__ = ("answer", "credit_bytes", "expires_at", "looked_up_to", "pause", "read", "repeat_at", "requester")

    def __init__(
        self, read: Read, requester: Requester[Source], looked_up_to: Cursor, *, credit_bytes: int, expires_at: float
    ) -> None:
        self.read = read
        self.requester = requester
        self.looked_up_to = looked_up_to
        self.credit_bytes = credit_bytes
        self.expires_at = expires_at
        self.answer: bytes | None = None
        self.pause = REPEAT_SECONDS
        self.repeat_at = float("inf")


class ServeContext(NamedTuple):
    """What `Pager.serve` needs: the notebook's lookup, the highest number in it, the time, and whether to stop."""

    lookup: Lookup
    last: int
    now: float
    is_spent: Callable[[], bool]


_TurnKey = tuple[Requester[Source], bytes, Cursor]
"""Who reads, in which stream, and from which cursor on."""


class Pager(Generic[Source]):
    """Serves the READs of one notebook. `Source` is an address, which is only compared and handed back."""

    def __init__(self, notebook_id: bytes) -> None:
        self._notebook_id = notebook_id
        self._pending: dict[_TurnKey[Source], _Turn[Source]] = {}
        self._searching: dict[_TurnKey[Source], _Turn[Source]] = {}
        self._waiting: dict[tuple[Requester[Source], bytes], _Waiting[Source]] = {}
        self._due: dict[tuple[Requester[Source], bytes], None] = {}
        self._per_source: Counter[Source] = Counter()
        self._timeout_at = float("inf")
        self._datagrams: list[tuple[bytes, Source]] = []
        self._drops: Counter[str] = Counter()

    @property
    def is_busy(self) -> bool:
        """Whether there is something for `serve` to do."""
        return bool(self._pending or self._due) or any(turn.is_ready for turn in self._searching.values())

    @property
    def is_searching(self) -> bool:
        """Whether a turn waits for a search, and is to be served when that is over."""
        return bool(self._searching)

    @property
    def waiting(self) -> int:
        """How many READs wait for something to be stored."""
        return len(self._waiting)

    def receive_read(self, read: Read, requester: Requester[Source]) -> None:
        """Take one READ."""
        key = (requester, read.stream_id, read.cursor)
        turn = self._pending.get(key) or self._searching.get(key)
        if turn is not None and turn.read.query == read.query:  # of the same turn, or sent again because we are slow
            turn.credits = min(turn.credits + 1, PAGES_MAX)
        elif read.notebook_id != self._notebook_id:
            self._datagrams.append((refusing_page(read, PageState.WRONG_NOTEBOOK, requester.envelope), requester.address))
        elif len(self._pending) >= PENDING_TURNS_MAX:
            self._drops["too many reads"] += 1
        else:
            if not self._is_overtaken(read, requester):
                self._forget_waiting((requester, read.stream_id))
            self._searching.pop(key, None)
            self._pending[key] = _Turn(read, requester)

    def forget_others(self, envelopes: Collection[Envelope]) -> None:
        """Forget the requests that came in another envelope than these: they may not be answered any more."""
        for turns in (self._pending, self._searching):
            for key in [key for key, turn in turns.items() if turn.requester.envelope not in envelopes]:
                del turns[key]
        for left, waiting in list(self._waiting.items()):
            if waiting.requester.envelope not in envelopes:
                self._forget_waiting(left)
        self._datagrams = []  # they are left over only after an error; their readers ask again

    def notice_stored(self, last: int) -> None:
        """The highest number in the notebook is `last` now: READs that wait for this number or an earlier one are due."""
        for key, waiting in self._waiting.items():
            if waiting.answer is None and waiting.looked_up_to.number <= last:
                self._due[key] = None

    def serve(self, context: ServeContext) -> None:
        """Serve READs until none is left or `context.is_spent()`; at least one waiting, one searching and one new."""
        while self._due:
            due = next(iter(self._due))
            del self._due[due]
            self._serve_waiting(due, context)
            if context.is_spent():
                break
        for turns in (self._searching, self._pending):
            for key in [key for key, turn in turns.items() if turn.is_ready]:
                self._serve_turn(key, turns.pop(key), context)
                if context.is_spent():
                    break

    def handle_timeout(self, now: float) -> None:
        """Repeat the pages that seem to be lost, and forget the READs whose lease has ended."""
        if now < self._timeout_at:
            return
        for key, waiting in list(self._waiting.items()):
            if waiting.expires_at <= now:
                self._forget_waiting(key)
            elif waiting.repeat_at <= now:
                self._send_waiting(waiting, now)
        timeouts = (min(waiting.repeat_at, waiting.expires_at) for waiting in self._waiting.values())
        self._timeout_at = min(timeouts, default=float("inf"))

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if nothing waits."""
        return self._timeout_at if self._waiting else None

    def datagrams_to_send(self) -> list[tuple[bytes, Source]]:
        """Drain the pages that are due, with where each goes."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def drops(self) -> Counter[str]:
        """Drain the counts of dropped READs since the last call, by reason."""
        drops, self._drops = self._drops, Counter()
        return drops

    def _serve_turn(self, key: _TurnKey[Source], turn: _Turn[Source], context: ServeContext) -> None:
        read, requester = turn.read, turn.requester
        if turn.builder is None:
            turn.builder, turn.began_at, turn.last = PageBuilder(read, context.lookup), context.now, context.last
        is_overdue = context.now - turn.began_at >= SIGN_OF_LIFE_SECONDS
        built = turn.builder.build(pages_max=turn.credits, is_spent=lambda: is_overdue or context.is_spent())
        if built is None:
            self._wait_for_search(key, turn)
            return
        is_waited_for = read.wait_milliseconds and built[-1].state is PageState.END and not any(page.items for page in built)
        if is_waited_for and self._may_wait(read, requester):
            self._wait(read, requester, built[-1].next, context)
            if context.last > turn.last:  # something was stored while the search was running
                self._due[requester, read.stream_id] = None
        else:
            self._answer(read, requester, built, last=context.last)

    def _wait_for_search(self, key: _TurnKey[Source], turn: _Turn[Source]) -> None:
        from_there = sum(other.requester.address == turn.requester.address for other in self._searching.values())
        if len(self._searching) >= SEARCHES_MAX or from_there >= SEARCHES_PER_SOURCE_MAX:
            self._drops["too many searches"] += 1
        else:
            self._searching[key] = turn

    def _serve_waiting(self, key: tuple[Requester[Source], bytes], context: ServeContext) -> None:
        """End a wait if something is found now; otherwise remember how far the lookup came."""
        waiting = self._waiting[key]
        envelope = waiting.requester.envelope
        body_bytes_max = waiting.credit_bytes // NEWS_SENDINGS - HEADER_BYTES - envelope.overhead_bytes
        looked_up = waiting.read._replace(cursor=waiting.looked_up_to)
        builder = PageBuilder(looked_up, context.lookup, body_bytes_max=body_bytes_max)
        [built] = builder.build(pages_max=1, is_spent=context.is_spent) or [_to_be_asked_again(looked_up, context)]
        if built.state is PageState.END and not built.items:
            waiting.looked_up_to = built.next
            return
        waiting.answer = _page(waiting.read, waiting.read.cursor, built, built.next, context.last, envelope)
        self._send_waiting(waiting, context.now)

    def _may_wait(self, read: Read, requester: Requester[Source]) -> bool:
        has_room = len(self._waiting) < WAITING_READS_MAX and self._per_source[requester.address] < WAITING_PER_SOURCE_MAX
        return has_room and not self._is_overtaken(read, requester)

    def _is_overtaken(self, read: Read, requester: Requester[Source]) -> bool:
        """Whether a later READ of the same stream waits: the network has delayed this one."""
        waiting = self._waiting.get((requester, read.stream_id))
        return waiting is not None and waiting.read.turn > read.turn

    def _wait(self, read: Read, requester: Requester[Source], looked_up_to: Cursor, context: ServeContext) -> None:
        """Keep a READ until its lease ends, and answer that; it replaces another one of its stream."""
        self._forget_waiting((requester, read.stream_id))
        page = _page(
            read, read.cursor, BuiltPage([], read.cursor, PageState.WAITING), read.cursor, context.last, requester.envelope
        )
        self._datagrams.append((page, requester.address))
        self._waiting[requester, read.stream_id] = _Waiting(
            read,
            requester,
            looked_up_to,
            credit_bytes=READ_BYTES + requester.envelope.overhead_bytes - len(page),
            expires_at=context.now + read.wait_milliseconds / 1000,
        )
        self._timeout_at = min(self._timeout_at, context.now + read.wait_milliseconds / 1000)
        self._per_source[requester.address] += 1

    def _send_waiting(self, waiting: _Waiting[Source], now: float) -> None:
        """Send the page that ends a wait, unless the READ does not pay for it again."""
        assert waiting.answer is not None, "a page that was not built would be sent"
        if waiting.credit_bytes < len(waiting.answer):
            waiting.repeat_at = float("inf")
            return
        waiting.credit_bytes -= len(waiting.answer)
        self._datagrams.append((waiting.answer, waiting.requester.address))
        waiting.repeat_at = now + waiting.pause
        self._timeout_at = min(self._timeout_at, waiting.repeat_at)
        waiting.pause *= 2

    def _forget_waiting(self, key: tuple[Requester[Source], bytes]) -> None:
        if self._waiting.pop(key, None) is not None:
            self._due.pop(key, None)
            self._per_source[key[0].address] -= 1
            if not self._per_source[key[0].address]:
                del self._per_source[key[0].address]

    def _answer(self, read: Read, requester: Requester[Source], built: list[BuiltPage], *, last: int) -> None:
        """Send the pages of one turn, padded to one size except the last one, so that one system call sends them."""
        start, ahead = read.cursor, built[-1].next
        for each in built:
            padded_bytes = READ_BYTES if each is not built[-1] else 0
            page = _page(read, start, each, ahead, last, requester.envelope, padded_bytes=padded_bytes)
            self._datagrams.append((page, requester.address))
            start = each.next


def _to_be_asked_again(read: Read, context: ServeContext) -> BuiltPage:
    """The page that ends a wait if a search is needed: the reader sends a READ that does not wait, which the search serves."""
    return BuiltPage([], read.cursor, PageState.INDEXING, context.last)


def refusing_page(read: Read, state: PageState, envelope: Envelope) -> bytes:
    """The datagram that answers `read` with `state` and no items."""
    return _page(read, read.cursor, BuiltPage([], read.cursor, state), read.cursor, 0, envelope)


def _page(
    read: Read, start: Cursor, built: BuiltPage, ahead: Cursor, last: int, envelope: Envelope, *, padded_bytes: int = 0
) -> bytes:
    """The datagram of one page."""
    items, following, state, indexed, are_tallies = built
    page = Page(read.stream_id, read.turn, state, start, following, ahead, last, indexed, ())
    return encode_page(page, items, are_tallies=are_tallies, padded_bytes=padded_bytes, envelope=envelope)

"""The server's half of reading: which READ gets which pages, and when.

Reading is a pull. A READ pays for one PAGE that is no longer than it; READs of the same turn pay for as many consecutive
ones, made in one go. A turn that must wait for a search is set aside until that has got further; of these there are only so
many. Nothing else is kept of a reader between its READs but the ones that wait for something to be stored: a bounded table,
in which each has a lease. To one that waits, PAGEs are sent as long as all of them together are no longer
than it: the first says that it waits, and the one that ends its wait is repeated, by a timer that backs off, in case it
is lost; the reader's next READ takes its place.

Feed it (`receive_read`, `notice_stored`, `handle_timeout`), have it `serve`, then drain `datagrams_to_send`. Times are
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
"""Turns that wait to be served; past it READs are dropped, and their readers ask again."""

PAGES_MAX = 64
"""Pages that one turn may ask for: a few milliseconds' work, and less than a receive buffer holds."""

WAITING_READS_MAX = 1024
"""READs that wait for something to be stored: followers of one notebook, ten times a busy one's."""

WAITING_PER_SOURCE_MAX = 32
"""Of these, from one address: one process that follows too much does not push out the others."""

NEWS_SENDINGS = 3
"""How often a READ that waited pays for the page that ends its wait: what does not fit a third of it, comes with the next."""

REPEAT_SECONDS = 0.02
"""Until the page that ends a wait is sent again, if its reader has not asked on; doubled each time."""

SIGN_OF_LIFE_SECONDS = 0.2
"""A turn whose search takes longer is answered with what there is at the next pause: its reader takes silence for absence."""

SEARCHES_MAX = 64
"""Turns that wait for a search: each may hold all the pages that it has filled so far."""

SEARCHES_PER_SOURCE_MAX = 8
"""Of these, from one address: a reader has two turns under way, and one process does not take the search from all others."""

Source = TypeVar("Source")


class _Turn(Generic[Source]):
    """What a reader asks for in one turn: `credits` pages, which are being filled once the turn has begun."""

    __slots__ = ("began_at", "credits", "filling", "last", "peer", "read")

    def __init__(self, read: Read, peer: Requester[Source]) -> None:
        self.read = read
        self.peer = peer
        self.credits = 1
        self.filling: PageBuilder | None = None
        self.began_at = 0.0
        self.last = 0

    @property
    def is_ready(self) -> bool:
        """Whether there is no search to wait for."""
        return self.filling is None or self.filling.is_ready


class _Waiting(Generic[Source]):
    """A READ that waits; `credit_bytes` is what may still be sent for it, `looked_up_to` where the next look begins."""

    __slots__ = ("answer", "credit_bytes", "expires_at", "looked_up_to", "pause", "peer", "read", "repeat_at")

    def __init__(
        self, read: Read, peer: Requester[Source], looked_up_to: Cursor, *, credit_bytes: int, expires_at: float
    ) -> None:
        self.read = read
        self.peer = peer
        self.looked_up_to = looked_up_to
        self.credit_bytes = credit_bytes
        self.expires_at = expires_at
        self.answer: bytes | None = None
        self.pause = REPEAT_SECONDS
        self.repeat_at = float("inf")


class ServeContext(NamedTuple):
    """What `Pager.serve` works with: what finds things, the highest number in the notebook, the time, and when to stop."""

    lookup: Lookup
    last: int
    now: float
    is_spent: Callable[[], bool]


_TurnKey = tuple[Requester[Source], bytes, Cursor]
"""Who reads what, and from where."""


class Pager(Generic[Source]):
    """Serves the READs of one notebook. `Source` is an address, compared and handed back but never looked into."""

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
        """Whether somebody's turn goes on when a search is over: then there is something to do."""
        return bool(self._searching)

    @property
    def waiting(self) -> int:
        """How many READs wait for something to be stored."""
        return len(self._waiting)

    def receive_read(self, read: Read, peer: Requester[Source]) -> None:
        """Take one READ."""
        key = (peer, read.stream_id, read.cursor)
        turn = self._pending.get(key) or self._searching.get(key)
        if turn is not None and turn.read.query == read.query:  # of the same turn, or asked again because we are slow
            turn.credits = min(turn.credits + 1, PAGES_MAX)
        elif read.notebook_id != self._notebook_id:
            self._datagrams.append((refusing_page(read, PageState.WRONG_NOTEBOOK, peer.envelope), peer.address))
        elif len(self._pending) >= PENDING_TURNS_MAX:
            self._drops["too many reads"] += 1
        else:
            if not self._is_overtaken(read, peer):
                self._forget_waiting((peer, read.stream_id))
            self._searching.pop(key, None)
            self._pending[key] = _Turn(read, peer)

    def forget_others(self, envelopes: Collection[Envelope]) -> None:
        """Forget whoever waits for an answer in another envelope than these: it may not be given any more."""
        for turns in (self._pending, self._searching):
            for key in [key for key, turn in turns.items() if turn.peer.envelope not in envelopes]:
                del turns[key]
        for left, waiting in list(self._waiting.items()):
            if waiting.peer.envelope not in envelopes:
                self._forget_waiting(left)
        self._datagrams = []  # pages are left over only where reading failed; their readers ask again

    def notice_stored(self, last: int) -> None:
        """The highest number in the notebook is `last` now: whoever waits for less is due."""
        for key, waiting in self._waiting.items():
            if waiting.answer is None and waiting.looked_up_to.number <= last:
                self._due[key] = None

    def serve(self, work: ServeContext) -> None:
        """Serve READs, in turn, until none is left or `work.is_spent()`; at least one of each kind."""
        while self._due:
            due = next(iter(self._due))
            del self._due[due]
            self._serve_waiting(due, work)
            if work.is_spent():
                break
        for turns in (self._searching, self._pending):
            for key in [key for key, turn in turns.items() if turn.is_ready]:
                self._serve_turn(key, turns.pop(key), work)
                if work.is_spent():
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

    def _serve_turn(self, key: _TurnKey[Source], turn: _Turn[Source], work: ServeContext) -> None:
        read, peer = turn.read, turn.peer
        if turn.filling is None:
            turn.filling, turn.began_at, turn.last = PageBuilder(read, work.lookup), work.now, work.last
        is_overdue = work.now - turn.began_at >= SIGN_OF_LIFE_SECONDS
        filled = turn.filling.go_on(pages_max=turn.credits, is_spent=lambda: is_overdue or work.is_spent())
        if filled is None:
            self._wait_for_search(key, turn)
            return
        is_waited_for = read.wait_milliseconds and filled[-1].state is PageState.END and not any(page.items for page in filled)
        if is_waited_for and self._may_wait(read, peer):
            self._wait(read, peer, filled[-1].next, work)
            if work.last > turn.last:  # it was searched for while that was stored
                self._due[peer, read.stream_id] = None
        else:
            self._answer(read, peer, filled, last=work.last)

    def _wait_for_search(self, key: _TurnKey[Source], turn: _Turn[Source]) -> None:
        from_there = sum(other.peer.address == turn.peer.address for other in self._searching.values())
        if len(self._searching) >= SEARCHES_MAX or from_there >= SEARCHES_PER_SOURCE_MAX:
            self._drops["too many searches"] += 1
        else:
            self._searching[key] = turn

    def _serve_waiting(self, key: tuple[Requester[Source], bytes], work: ServeContext) -> None:
        """End a wait, if there is something now; else it goes on behind what was looked through."""
        waiting = self._waiting[key]
        envelope = waiting.peer.envelope
        body_bytes_max = waiting.credit_bytes // NEWS_SENDINGS - HEADER_BYTES - envelope.overhead_bytes
        looked_up = waiting.read._replace(cursor=waiting.looked_up_to)
        filling = PageBuilder(looked_up, work.lookup, body_bytes_max=body_bytes_max)
        [filled] = filling.go_on(pages_max=1, is_spent=work.is_spent) or [_to_be_asked_again(looked_up, work)]
        if filled.state is PageState.END and not filled.items:
            waiting.looked_up_to = filled.next
            return
        waiting.answer = _page(waiting.read, waiting.read.cursor, filled, filled.next, work.last, envelope)
        self._send_waiting(waiting, work.now)

    def _may_wait(self, read: Read, peer: Requester[Source]) -> bool:
        has_room = len(self._waiting) < WAITING_READS_MAX and self._per_source[peer.address] < WAITING_PER_SOURCE_MAX
        return has_room and not self._is_overtaken(read, peer)

    def _is_overtaken(self, read: Read, peer: Requester[Source]) -> bool:
        """Whether a READ of the same stream waits that was sent after this one, which the network has delayed."""
        waiting = self._waiting.get((peer, read.stream_id))
        return waiting is not None and waiting.read.turn > read.turn

    def _wait(self, read: Read, peer: Requester[Source], looked_up_to: Cursor, work: ServeContext) -> None:
        """Keep a READ until its lease ends, and say so; it takes the place of another one of its stream."""
        self._forget_waiting((peer, read.stream_id))
        page = _page(read, read.cursor, BuiltPage([], read.cursor, PageState.WAITING), read.cursor, work.last, peer.envelope)
        self._datagrams.append((page, peer.address))
        self._waiting[peer, read.stream_id] = _Waiting(
            read,
            peer,
            looked_up_to,
            credit_bytes=READ_BYTES + peer.envelope.overhead_bytes - len(page),
            expires_at=work.now + read.wait_milliseconds / 1000,
        )
        self._timeout_at = min(self._timeout_at, work.now + read.wait_milliseconds / 1000)
        self._per_source[peer.address] += 1

    def _send_waiting(self, waiting: _Waiting[Source], now: float) -> None:
        """Send the page that ends a wait, as often as the READ pays for it."""
        assert waiting.answer is not None, "a page that was not made would be sent"
        if waiting.credit_bytes < len(waiting.answer):
            waiting.repeat_at = float("inf")
            return
        waiting.credit_bytes -= len(waiting.answer)
        self._datagrams.append((waiting.answer, waiting.peer.address))
        waiting.repeat_at = now + waiting.pause
        self._timeout_at = min(self._timeout_at, waiting.repeat_at)
        waiting.pause *= 2

    def _forget_waiting(self, key: tuple[Requester[Source], bytes]) -> None:
        if self._waiting.pop(key, None) is not None:
            self._due.pop(key, None)
            self._per_source[key[0].address] -= 1
            if not self._per_source[key[0].address]:
                del self._per_source[key[0].address]

    def _answer(self, read: Read, peer: Requester[Source], filled: list[BuiltPage], *, last: int) -> None:
        """The pages of one turn: of one size, but for the last one, so that they can leave in one system call."""
        start, ahead = read.cursor, filled[-1].next
        for each in filled:
            padded_bytes = READ_BYTES if each is not filled[-1] else 0
            page = _page(read, start, each, ahead, last, peer.envelope, padded_bytes=padded_bytes)
            self._datagrams.append((page, peer.address))
            start = each.next


def _to_be_asked_again(read: Read, work: ServeContext) -> BuiltPage:
    """What ends a wait for something that must be searched for: a READ that does not wait gets it."""
    return BuiltPage([], read.cursor, PageState.INDEXING, work.last)


def refusing_page(read: Read, state: PageState, envelope: Envelope) -> bytes:
    """The datagram that answers `read` with nothing but `state`."""
    return _page(read, read.cursor, BuiltPage([], read.cursor, state), read.cursor, 0, envelope)


def _page(
    read: Read, start: Cursor, filled: BuiltPage, ahead: Cursor, last: int, envelope: Envelope, *, padded_bytes: int = 0
) -> bytes:
    """The datagram of one page."""
    items, following, state, indexed, are_tallies = filled
    page = Page(read.stream_id, read.turn, state, start, following, ahead, last, indexed, ())
    return encode_page(page, items, are_tallies=are_tallies, padded_bytes=padded_bytes, envelope=envelope)

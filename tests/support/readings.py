"""Builds what the tests of reading need: a notebook in memory, READs, pages that answer them, and readers."""

from collections.abc import Callable, Iterator
from random import Random

from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, STORED_AT, STREAM_ID, WRITTEN_AT
from tests.support.wire import decoded
from udpnote.errors import InvalidQuery, StorageError
from udpnote.model.entry import NOTHING_SEEN, Entry, Kind, SeenEntry, StoredEntry
from udpnote.model.query import FIRST, Cursor, IndexBehind, Item, LookupStep, PausePoint, Query, SearchRunning, Selection, Tally
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.envelope import OPEN, Envelope, Requester
from udpnote.protocol.paging.paging import Pager, ServeContext
from udpnote.protocol.reading.reading import Reading
from udpnote.protocol.reading_messages import Page, PageItem, PageState, Read

AUTHOR = "小明"
OTHER_STREAM = bytes(range(8))
NOTES = Query()
NEWEST_FIRST = Query(newest_first=True)
UNANSWERABLE = Query(words=("?",))  # what a `Book` cannot answer


def note(number: int, text: str = "我是一个中文", *, version: int | None = None, client_id: bytes = CLIENT_ID) -> StoredEntry:
    entry = Entry(client_id, number, Kind.NOTE, WRITTEN_AT + number % 1000, 480, AUTHOR, text)
    return StoredEntry(number, STORED_AT + number % 1000, entry, version or number)


def seen(number: int) -> SeenEntry:
    """Return the `SeenEntry` of the entry with this `number`, if `note` or `deletion` has made that."""
    return SeenEntry(number, CLIENT_ID, number)


def deletion(number: int, *, revises: int) -> StoredEntry:
    entry = Entry(CLIENT_ID, number, Kind.DELETION, WRITTEN_AT + number % 1000, 480, AUTHOR, "", revises)
    return StoredEntry(number, STORED_AT + number % 1000, entry, number)


def notes(count: int, first: int = 1, *, text: str = "x" * 430) -> list[StoredEntry]:
    """Make notes with consecutive numbers. With the default text, two of them fill a page."""
    return [note(number, f"{number} {text}") for number in range(first, first + count)]


class Book:
    """A notebook in memory. `lookups` has the queries that it was asked, each with the number where reading began.

    A lookup yields a `PausePoint` every `stride` numbers. If `indexed` is a number, the search index ends there, and a lookup
    yields only an `IndexBehind`. While `is_searching` is true, a lookup waits for a search and yields `SearchRunning`. If
    `is_broken` is true, it raises `StorageError`.
    """

    def __init__(self, *items: Item, stride: int = 4) -> None:
        self.items: dict[int, Item] = {}
        self.lookups: list[tuple[Query, int]] = []
        self.stride = stride
        self.indexed: int | None = None
        self.is_searching = self.is_broken = False
        self.add(*items)

    @property
    def last(self) -> int:
        return max(self.items, default=0)

    def add(self, *items: Item) -> None:
        for item in items:
            self.items[number_of(item)] = item

    def seen_at(self, number: int) -> SeenEntry:
        item = self.items.get(number)
        return item.as_seen if isinstance(item, StoredEntry) else NOTHING_SEEN

    def wanted(self, query: Query) -> list[Item]:
        """Return all items that `query` finds, in the order of the query."""
        found = [item for item in self.items.values() if _is_wanted(item, query)]
        return sorted(found, key=lambda item: _place(item, query), reverse=query.newest_first)

    def find(self, query: Query, cursor: Cursor) -> Iterator[LookupStep]:
        """Yield the results of `query` from `cursor` on, and pauses, as `Lookup.answer` does for a real notebook."""
        start = cursor.number
        self.lookups.append((query, start))
        if self.is_broken:
            raise StorageError("database_failed", path="notebook.sqlite3", problem="disk I/O error")
        if query == UNANSWERABLE:
            raise InvalidQuery("no_search_term", words="?")
        if self.indexed is not None:
            yield IndexBehind(self.indexed)
            return
        if query.by_time:
            yield from self._find_by_time(query, cursor)
            return
        step = -1 if query.newest_first else 1
        number = min(start, self.last) if query.newest_first else max(start, 1)
        yield from self._search()
        while 1 <= number <= self.last:
            item = self.items.get(number)
            if item is not None and _is_wanted(item, query):
                yield item
            number += step
            if number % self.stride == 0 or not 1 <= number <= self.last:
                yield PausePoint(number)
                yield from self._search()

    def _find_by_time(self, query: Query, cursor: Cursor) -> Iterator[LookupStep]:
        yield from self._search()
        for item in self.wanted(query):
            place, start = _place(item, query), (cursor.time, cursor.number)
            if place <= start if query.newest_first else place >= start:
                yield item
                if place[1] % self.stride == 0:
                    yield PausePoint(place[1] + (-1 if query.newest_first else 1), place[0])

    def _search(self) -> Iterator[SearchRunning]:
        while self.is_searching:
            yield SearchRunning(lambda: not self.is_searching)

    def context(self, now: float = 0.0, is_time_up: Callable[[], bool] = lambda: False) -> ServeContext:
        return ServeContext(self.find, self.seen_at(self.last), self.seen_at, now, is_time_up)


def _place(item: Item, query: Query) -> tuple[int, int]:
    return item.noted_at if query.by_time and isinstance(item, StoredEntry) else 0, number_of(item)


def number_of(item: Item) -> int:
    return item.key if isinstance(item, Tally) else item.number


def _is_wanted(item: Item, query: Query) -> bool:
    return isinstance(item, Tally) or all(word in item.entry.text for word in query.words)


def after(calls: int) -> Callable[[], bool]:
    """Make a function `is_time_up` that returns False for the first `calls` calls, and then True."""
    left = calls

    def is_time_up() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    return is_time_up


def read(
    cursor: Cursor = FIRST, *, burst: int = 1, limit: int = 0, wait: float = 0.0, query: Query = NOTES,
    stream_id: bytes = STREAM_ID, notebook_id: bytes = NOTEBOOK_ID, seen: SeenEntry = NOTHING_SEEN, pages: int = 1,
) -> Read:  # fmt: skip
    """Make a READ. `wait` is in seconds."""
    return Read(notebook_id, stream_id, burst, cursor, limit, int(wait * 1000), query, seen, pages)


def page(
    to: Read, *items: PageItem, following: Cursor | None = None, start: Cursor | None = None,
    state: PageState = PageState.MORE, indexed: int = 0, envelope: Envelope = OPEN,
) -> bytes:  # fmt: skip
    """Encode a page that answers the READ `to`. It begins at `start` (None: at the cursor of `to`).

    The next page begins at `following` (None: at `start`).
    """
    start = to.cursor if start is None else start
    following = start if following is None else following
    return encode(Page(to.stream_id, to.burst, state, start, following, following, seen(9), indexed, items), envelope)


def answers(book: Book, *reads: Read, now: float = 0.0) -> list[bytes]:
    """Return the datagrams with which a new pager for `book` answers `reads`."""
    pager = Pager(NOTEBOOK_ID)
    for each in reads:
        pager.receive_read(each, Requester(("here", 1), OPEN))
    pager.serve(book.context(now))
    return [data for data, _ in pager.datagrams_to_send()]


class Reader(Reading):
    """A `Reading` whose sent datagrams are decoded, and whose READs `exchange` and `finish` can answer."""

    def sent(self, envelope: Envelope = OPEN) -> list[Read]:
        """Return the READs that it sends now."""
        return decoded(Read, self.datagrams_to_send(), envelope)

    def receive(self, *datagrams: bytes, now: float) -> None:
        self.receive_datagrams(datagrams, now)

    def numbers_read(self) -> list[int]:
        return [number_of(item) for item in self.items()]

    def expire(self) -> float:
        """Let the next timer expire, and return the time at which it did."""
        now = self.next_timeout()
        assert now is not None, "nothing waits"
        self.handle_timeout(now)
        return now

    def sent_next(self) -> tuple[float, list[Read]]:
        """Drop the READs that are due now. Let timers expire until READs are due again; return the time, and these READs."""
        self.datagrams_to_send()
        while True:
            now = self.expire()
            if reads := self.sent():
                return now, reads

    def exchange(self, book: Book, *, now: float) -> None:
        """Let a new pager for `book` answer all READs that it sends, until it sends no more."""
        while reads := self.sent():
            self.receive(*answers(book, *reads, now=now), now=now)

    def finish(self, book: Book, *, now: float) -> None:
        """Let a new pager for `book` answer all READs that it sends, also after timers, until it has ended."""
        self.exchange(book, now=now)
        while not self.is_ended:
            self.exchange(book, now=self.expire())


def new_reading(
    query: Query = NOTES, *, limit: int = 0, follows: bool = False, start: int | None = None,
    round_trip_seconds: float | None = 0.01, seed: int = 1, envelope: Envelope = OPEN, seen: tuple[SeenEntry, ...] = (),
) -> Reader:  # fmt: skip
    """Make a reading that begins at time 0. By default it knows the round-trip time, and its timeout is 30 ms."""
    selection, random = Selection(query, limit, start, follows, seen), Random(seed)
    return Reader(NOTEBOOK_ID, selection, random=random, now=0.0, round_trip_seconds=round_trip_seconds, envelope=envelope)


def asked(reads: list[Read]) -> list[tuple[Cursor, int]]:
    """For each burst of `reads`, return the cursor from which it asks, and for how many pages."""
    bursts: dict[int, list[Read]] = {}
    for each in reads:
        bursts.setdefault(each.burst, []).append(each)
    assert all(len(set(alike)) == 1 for alike in bursts.values())
    return [(alike[0].cursor, len(alike)) for alike in bursts.values()]

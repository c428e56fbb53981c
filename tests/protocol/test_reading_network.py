"""Both halves of reading, with a network between them that loses, doubles, delays and reorders datagrams at random."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import NOTEBOOK_ID
from tests.support.readings import Book, deletion, new_reading, note
from udpnote.model.entry import StoredEntry
from udpnote.model.query import Item, Query, View
from udpnote.protocol.codec import decode
from udpnote.protocol.envelope import OPEN, Requester
from udpnote.protocol.messages import Read
from udpnote.protocol.paging import Pager
from udpnote.protocol.reading import Reading

HOUR = 3600.0


class Weather(NamedTuple):
    """What the network does, and how often the server runs out of time; `scatter` is how much of a burst is reordered."""

    seed: int
    loss: float
    doubling: float
    scatter: float
    delay_seconds: float
    haste: float


class Network:
    """A reader, a server of `book`, and the network between them, which is as random as its seed."""

    def __init__(self, reader: Reading, book: Book, weather: Weather) -> None:
        self.reader, self.book, self.weather = reader, book, weather
        self.random = Random(weather.seed)
        self.pager: Pager[str] = Pager(NOTEBOOK_ID)
        self.now = 0.0
        self.items: list[Item] = []
        self.to_come: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def happens(self, at: float, what: Callable[[], None]) -> None:
        heappush(self.to_come, (at, next(self._order), what))

    def run(self, *, until: Callable[[], bool]) -> None:
        """Let time pass until the condition holds."""
        while not until():
            self._carry(self.reader.datagrams_to_send(), self._serve)
            timeouts = (self.reader.next_timeout(), self.pager.next_timeout(), self.to_come[0][0] if self.to_come else None)
            self.now = max(self.now, min(timeout for timeout in timeouts if timeout is not None))
            assert self.now < HOUR, "an hour is enough for anything"
            self._arrive()
            self.reader.handle_timeout(self.now)
            self.pager.handle_timeout(self.now)
            self._answer()
            self.items += self.reader.items()

    def store(self, *entries: StoredEntry) -> None:
        self.book.add(*entries)
        self.pager.notice_stored(self.book.last)

    def restart(self) -> None:
        """Another server process for the same notebook: it knows nothing of the READs that wait."""
        self.pager = Pager(NOTEBOOK_ID)

    def _carry(self, datagrams: list[bytes], destination: Callable[[bytes], None]) -> None:
        burst = self._delay()
        for data in datagrams:
            while self.random.random() >= self.weather.loss:
                delay = self._delay() if self.random.random() < self.weather.scatter else burst
                self.happens(self.now + delay, lambda data=data: destination(data))  # type: ignore[misc]
                if self.random.random() >= self.weather.doubling:
                    break

    def _delay(self) -> float:
        return self.random.uniform(0.0002, self.weather.delay_seconds)

    def _arrive(self) -> None:
        while self.to_come and self.to_come[0][0] <= self.now:
            heappop(self.to_come)[2]()

    def _serve(self, data: bytes) -> None:
        message = decode(data)
        assert isinstance(message, Read)
        self.pager.receive_read(message, Requester("reader", OPEN))

    def _answer(self) -> None:
        while self.pager.is_busy:
            self.pager.serve(self.book.context(self.now, lambda: self.random.random() < self.weather.haste))
        answers = [data for data, _ in self.pager.datagrams_to_send()]
        self._carry(answers, lambda data: self.reader.receive_datagram(data, self.now))


weathers = st.builds(
    Weather,
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.0, 0.2, 0.5]),
    doubling=st.sampled_from([0.0, 0.3]),
    scatter=st.sampled_from([0.0, 0.1, 1.0]),
    delay_seconds=st.sampled_from([0.0003, 0.005, 0.2]),
    haste=st.sampled_from([0.0, 0.1, 1.0]),
)


def texts(random: Random, number: int) -> str:
    """A text of a few bytes to several pages."""
    size = random.choice((1, 20, 200, 1000, 1040, 3000))
    return f"{number} " + "中" * (random.randrange(size) // 3)


def written(seed: int, entries_count: int) -> list[StoredEntry]:
    """Entries of random sizes, with gaps between their numbers."""
    random, entries, number = Random(seed), list[StoredEntry](), 0
    for _ in range(entries_count):
        number += random.choice((1, 1, 1, 2, 7))
        is_deletion = number > 1 and random.random() < 0.1
        entries.append(deletion(number, revises=1) if is_deletion else note(number, texts(random, number)))
    return entries


@given(weathers, st.integers(0, 60), st.booleans(), st.integers(1, 9), st.sampled_from([None, 0.001, 0.3]))
@settings(deadline=None, max_examples=60)
def test_on_any_network_all_entries_come_in_order_and_once(
    weather: Weather, entries_count: int, newest_first: bool, stride: int, round_trip: float | None
) -> None:
    query, book = Query(newest_first=newest_first), Book(*written(weather.seed, entries_count), stride=stride)
    reader = new_reading(query, round_trip_seconds=round_trip, seed=weather.seed)
    lab = Network(reader, book, weather)
    lab.run(until=lambda: reader.is_ended)
    assert lab.items == book.wanted(query)
    assert reader.next_timeout() is None


@given(weathers, st.integers(1, 50), st.booleans(), st.integers(0, 30), st.floats(0.0001, 0.1))
@settings(deadline=None, max_examples=60)
def test_what_is_revised_and_stored_meanwhile_comes_once_in_one_of_its_versions(
    weather: Weather, entries_count: int, newest_first: bool, changes: int, pause: float
) -> None:
    query, book = Query(newest_first=newest_first), Book(*written(weather.seed, entries_count))
    lab, random = Network(new_reading(query, seed=weather.seed), book, weather), Random(weather.seed + 1)
    known = {number: {item} for number, item in book.items.items()}
    obliged = set(known)

    def change() -> None:
        version = book.last + 1
        number = random.choice([*known, version])
        entry = note(number, texts(random, version), version=version)
        known.setdefault(number, set()).add(entry)
        lab.store(entry, note(version, "another")) if number != version else lab.store(entry)
        known.setdefault(version, set()).add(book.items[version])

    for at in range(changes):
        lab.happens(pause * (at + random.random()), change)
    lab.run(until=lambda: lab.reader.is_ended)
    numbers = [item.number for item in lab.items if isinstance(item, StoredEntry)]
    assert numbers == sorted(set(numbers), reverse=newest_first)
    assert obliged <= set(numbers)
    assert all(item in known[number] for number, item in zip(numbers, lab.items, strict=True))


@given(weathers, st.integers(0, 40), st.integers(1, 40), st.sampled_from([0.0, 0.001, 0.1, 4.0]), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_follower_sees_exactly_what_is_stored_in_order_and_once_also_across_restarts(
    weather: Weather, entries_count: int, news: int, pause: float, restarts: bool
) -> None:
    entries = written(weather.seed, entries_count + news)
    book = Book(*entries[:entries_count])
    lab, random = (
        Network(new_reading(Query(View.LOG), follows=True, seed=weather.seed), book, weather),
        Random(weather.seed + 1),
    )
    for at, entry in enumerate(entries[entries_count:]):
        when = pause * (at + random.random())
        lab.happens(when, lambda entry=entry: lab.store(entry))  # type: ignore[misc]
        if restarts and random.random() < 0.2:
            lab.happens(when, lab.restart)
    lab.run(until=lambda: len(lab.items) >= len(entries))
    assert lab.items == entries
    lab.run(until=lambda until=lab.now + 20: lab.now >= until)  # type: ignore[misc]
    assert lab.items == entries, "and nothing more"
    assert not lab.reader.is_ended

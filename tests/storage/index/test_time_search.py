"""Searches in the order of time: the right notes in the right order, whatever the order of their numbers, with few pauses."""

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from random import Random

import pytest

from tests.writings import NOW, Writings, catch_up, opened
from udpnote.model.query import PausePoint, Query, beginning_of
from udpnote.storage.database import atomic
from udpnote.storage.index.counts import BLOCK_NUMBERS
from udpnote.storage.index.index import Index

BLOCKS = 6
SECOND = 1_000_000


def orders() -> dict[str, list[int]]:
    """For each kind of order: when each note was written, in seconds after the time a year before `NOW`."""
    count = BLOCKS * BLOCK_NUMBERS
    in_order, random = list(range(count)), Random(3)
    blocks = [in_order[first : first + BLOCK_NUMBERS] for first in range(0, count, BLOCK_NUMBERS)]
    late = [second if random.random() > 0.01 else random.randrange(count) for second in in_order]
    return {
        "in order": in_order, "some sent late": late, "an import of old notes": [*chain(*blocks[3:5], *blocks[:3], blocks[5])],
        "no order at all": random.sample(in_order, count), "all at once": [7] * count,
    }  # fmt: skip


@pytest.fixture(scope="module", params=orders())
def searched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Index, Writings]]:
    """An index and its notebook, whose notes were written in one of the `orders`."""
    with closing(Writings()) as writings:
        with atomic(writings.connection):
            for number, second in enumerate(orders()[request.param]):
                word = "often" if number % 3 else "seldom" if number % 999 == 0 else ""
                long_text = "x " * 5000 if number % 2000 == 1 else ""
                writings.note(f"{word} {long_text} word", written_at=NOW - 365 * 86_400 * SECOND + second * SECOND)
        path = str(tmp_path_factory.mktemp("time") / "index")
        with opened(path, writings, shard_numbers_max=BLOCK_NUMBERS * 5 // 2) as index:
            catch_up(index)
            yield index, writings


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("words", [("often",), ("seldom",), ("x",), ("often", "x"), ("never",)])
def test_matches_come_in_the_order_of_time_from_any_place(
    searched: tuple[Index, Writings], words: tuple[str, ...], newest_first: bool
) -> None:
    index, writings = searched
    query = Query(words=words, newest_first=newest_first, by_time=True)
    place = {number: (note.written_at, number) for number, note in writings.notes.items()}
    wanted = sorted(writings.matches(query), key=place.__getitem__, reverse=newest_first)
    start = beginning_of(query)
    steps = list(index.matches(query, start.number, start.time))
    assert [step for step in steps if not isinstance(step, PausePoint)] == wanted
    pauses = [at for at, step in enumerate(steps) if isinstance(step, PausePoint)]
    for at in pauses[:: max(len(pauses) // 3, 1)]:
        pause, found = steps[at], sum(not isinstance(step, PausePoint) for step in steps[:at])
        assert isinstance(pause, PausePoint)
        rest = index.matches(query, pause.number, pause.time)
        assert [step for step in rest if not isinstance(step, PausePoint)] == wanted[found:]
    assert len(pauses) <= len(wanted) // 32 + 2 * BLOCKS

"""How many texts are taken from the caller's iterator at once."""

from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from udpnote.client.sending.text_source import (
    ALONE_TEXTS,
    HELD_SECONDS_MAX,
    PENDING_CHARACTERS_MAX,
    PENDING_ENTRIES_MAX,
    TextSource,
)


def at_once() -> float:
    """The time, which does not pass."""
    return 0.0


@pytest.mark.parametrize(
    ("under_way_max", "chunk"), [(256, 128), (600, 300), (1024, 512), (9999, 512)]
)  # fmt: skip
def test_half_as_many_texts_are_taken_at_once_as_may_be_under_way(under_way_max: int, chunk: int) -> None:
    taken: list[str] = []
    under_way: list[int] = []

    def texts() -> Iterator[str | None]:
        while True:
            yield "text" if sum(under_way) + len(taken) < under_way_max else None

    source = TextSource(texts())
    sizes = []
    for _ in range(20):
        taken.clear()
        source.take(taken, sum(under_way), 0, at_once)
        sizes.append(len(taken))
        under_way = [*under_way, len(taken)][-1:]  # the server has stored what was taken before
    assert sizes[-5:] == [chunk] * 5


def test_texts_are_taken_only_while_few_are_under_way() -> None:
    source, taken = TextSource(repeat("text")), list[str]()
    for entries, characters in ((PENDING_ENTRIES_MAX + 1, 0), (1, PENDING_CHARACTERS_MAX)):
        assert (source.take(taken, entries, characters, at_once), taken) == (False, [])
    assert (source.take(taken, PENDING_ENTRIES_MAX, PENDING_CHARACTERS_MAX - 7, at_once), taken) == (False, ["text"] * 2)


def test_more_texts_may_come_at_once_only_if_the_iterator_has_given_as_many_as_were_wanted() -> None:
    source, taken = TextSource(chain(repeat("text", 128), [None])), list[str]()
    assert (source.take(taken, 0, 0, at_once), len(taken), source.is_exhausted) == (True, 128, False)
    taken.clear()
    assert (source.take(taken, 128, 0, at_once), taken, source.is_exhausted) == (False, [], False)
    assert (source.take(taken, 128, 0, at_once), taken, source.is_exhausted) == (False, [], True)


def test_of_an_iterator_that_may_block_the_first_text_and_some_after_each_slow_one_are_taken_alone() -> None:
    now = 0.0

    def texts() -> Iterator[str]:
        nonlocal now
        yield "first"
        yield from repeat("fast", 5)
        now += 2 * HELD_SECONDS_MAX
        yield from repeat("slow", 3 + ALONE_TEXTS)

    def sizes(*, may_block: bool) -> list[int]:
        source, found = TextSource(texts(), may_block=may_block), list[int]()
        while not source.is_exhausted:
            taken: list[str] = []
            source.take(taken, 0, 0, lambda: now)
            found.append(len(taken))
        return found

    assert sizes(may_block=True) == [1, 6, *[1] * ALONE_TEXTS, 2]
    assert sizes(may_block=False) == [8, ALONE_TEXTS + 1]


def test_texts_of_a_slow_iterator_are_not_held_back_until_there_are_many() -> None:
    now = 0.0

    def texts() -> Iterator[str]:
        nonlocal now
        for number in range(4):
            now += HELD_SECONDS_MAX * 0.6
            yield str(number)

    source = TextSource(texts())
    rounds = []
    for _ in range(3):
        taken: list[str] = []
        rounds.append((source.take(taken, 0, 0, lambda: now), taken))
    assert rounds == [(False, ["0", "1"]), (False, ["2", "3"]), (False, [])]

"""Counts: tallies of tags, authors and days, and the blocks of notes that a query for a time can skip."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.writings import END, HOUR, NOW, Writings, catch_up, caught_up, tallies
from udpnote.model.query import View
from udpnote.storage.database import IN_MEMORY, atomic
from udpnote.storage.index.index import Index


@pytest.fixture(scope="module")
def blocks() -> Iterator[Index]:
    """An index of four blocks and one note more. The notes of each block are written an hour after those before."""
    with closing(Writings()) as writings:
        with atomic(writings.connection):
            for number in range(1, 4097):
                writings.note("x", written_at=NOW + number // 1024 * HOUR)
        with caught_up(IN_MEMORY, writings) as index:
            yield index


def test_tallies_come_by_key_and_go_on_after_any_of_them(index: Index, writings: Writings) -> None:
    with atomic(writings.connection):
        for number in range(600):
            writings.note(f"#t{number}", author=f"a{number}", written_at=NOW + number * 24 * HOUR)
    catch_up(index)
    for view in (View.TAGS, View.AUTHORS, View.DAYS):
        all_of_them = list(tallies(index, view))
        keys = [tally.key for tally in all_of_them]
        assert len(keys) == 600
        assert keys == sorted(set(keys))
        assert list(index.tallies(view, keys[299])) == all_of_them[300:]


def test_blocks_of_another_time_and_the_times_between_two_blocks_are_skipped(blocks: Index) -> None:
    for start, since, until, newest_first, skipped_to in (  # `since` and `until` in hours after `NOW`
        (1, 0, None, False, 1), (1, 1, None, False, 1024), (1500, 1, 2, False, 1500), (1500, 2, None, False, 2048),
        (1500, 0, 1, False, 4097), (1500, None, 1, False, 4097), (1500, None, 1, True, 1023), (1500, 1, None, True, 1500),
        (4096, 1, 2, True, 2047), (1500, 2, None, True, 0),
    ):  # fmt: skip
        first, end = (None if hours is None else NOW + hours * HOUR for hours in (since, until))
        assert blocks.next_candidate(start, first, end, newest_first) == skipped_to, (start, since, until, newest_first)
    assert blocks.next_candidate(1, NOW + 1, NOW + HOUR, False) == 4097
    assert blocks.time_span() == (NOW, NOW + 4 * HOUR)


def test_notes_that_are_not_indexed_yet_are_never_skipped(index: Index, writings: Writings) -> None:
    writings.fill(["x"] * 100)
    catch_up(index)
    writings.note("later", written_at=NOW + HOUR)
    for start, newest_first, skipped_to in ((1, False, 101), (101, False, 101), (101, True, 101), (END, True, END)):
        assert index.next_candidate(start, NOW + HOUR, None, newest_first) == skipped_to
    catch_up(index)
    assert index.next_candidate(1, NOW + HOUR, None, False) == 1


def test_a_revision_does_not_widen_the_time_of_its_block(index: Index, writings: Writings) -> None:
    writings.note("old", written_at=NOW)
    writings.revise(1, "new")
    catch_up(index)
    assert (index.time_span(), index.next_candidate(1, NOW + 1, None, False)) == ((NOW, NOW), 3)


def test_a_block_spans_the_times_of_its_notes_in_whatever_order_they_come(index: Index, writings: Writings) -> None:
    for hours in (5, 7, 2, 9, 4):
        writings.note("x", written_at=NOW + hours * HOUR)
        catch_up(index)
    assert index.time_span() == (NOW + 2 * HOUR, NOW + 9 * HOUR)
    assert index.next_candidate(1, NOW + 9 * HOUR, None, False) == index.next_candidate(1, None, NOW + 2 * HOUR + 1, False) == 1
    assert index.next_candidate(1, NOW + 9 * HOUR + 1, None, False) == index.next_candidate(1, None, NOW + 2 * HOUR, False) == 6

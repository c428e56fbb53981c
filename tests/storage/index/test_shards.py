"""Shards: full text in pieces that take little time to search, and whose segments are merged in small steps."""

import sqlite3
from contextlib import closing
from random import Random

import pytest

from tests.support.notebook_files import read
from tests.writings import END, Writings, assert_right, catch_up, caught_up, items, opened
from udpnote.model.query import PausePoint, Query
from udpnote.storage.index.indexed_notebook import BATCH_CHARACTERS_MAX, BATCH_ENTRIES_MAX
from udpnote.storage.index.shards import CRISIS_SEGMENTS, MERGED_SEGMENTS_MIN, UNMERGED_SEGMENTS_MAX

SEED = 20190509
HAN = [chr(code) for code in range(0x4E00, 0x9F00)]
WORDS = Query(words=("会",))


def segments(path: str, shard: int) -> int:
    [(count,)] = read(path, f"count(DISTINCT segid) FROM search_{shard}_idx")
    return int(count)


@pytest.mark.parametrize("limit", ["numbers", "bytes"])
def test_a_full_shard_is_followed_by_another_one(path: str, writings: Writings, limit: str) -> None:
    writings.fill(["会"] * 10 * BATCH_ENTRIES_MAX)
    numbers_max, bytes_max = (2 * BATCH_ENTRIES_MAX, 1 << 30) if limit == "numbers" else (1 << 30, 6 * BATCH_ENTRIES_MAX)
    with caught_up(path, writings, shard_numbers_max=numbers_max, shard_bytes_max=bytes_max) as index:
        ends = [2 * BATCH_ENTRIES_MAX * count for count in range(1, 6)]
        for start, newest_first, found in (
            (1, False, [end + 1 for end in ends[:-1]]), (ends[1], False, [end + 1 for end in ends[1:-1]]),
            (END, True, ends[-2::-1]), (ends[1], True, [ends[0]]),
        ):  # fmt: skip
            assert items(index, Query(words=("gone",), newest_first=newest_first), start) == [*map(PausePoint, found)]
        assert_right(index, writings)


def test_a_search_that_pauses_blocks_no_checkpoint_and_is_not_disturbed_by_writing(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 300)
    with caught_up(path, writings, shard_numbers_max=100) as index, closing(sqlite3.connect(path)) as other:
        search = index.matches(WORDS, 1)
        found = [next(search) for _ in range(10)]
        [(is_blocked, _, _)] = other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert not is_blocked
        for number in range(1, 301):
            writings.revise(number, "会 again" if number % 2 else "away")
        catch_up(index)
        kept = [each for each in [*found, *search] if not isinstance(each, PausePoint)]
        assert kept == sorted(set(kept))
        assert set(kept) >= set(range(1, 301, 2)), "the notes that matched all the time"


def test_a_full_shard_is_merged_into_a_single_segment(path: str, writings: Writings) -> None:
    writings.fill(f"开会 word{number}" for number in range(3000))
    with caught_up(path, writings, shard_numbers_max=1000):
        assert segments(path, 1) == 1


def test_entries_that_come_one_by_one_do_not_leave_a_segment_each(path: str, writings: Writings) -> None:
    with opened(path, writings) as index:
        for number in range(200):
            writings.note(f"开会 word{number}")
            catch_up(index)
        assert segments(path, 1) < 3 * MERGED_SEGMENTS_MIN
        assert_right(index, writings)


def test_revisions_of_many_old_shards_do_not_leave_a_segment_each(path: str, writings: Writings) -> None:
    writings.fill(f"开会 word{number}" for number in range(8 * BATCH_ENTRIES_MAX))
    with caught_up(path, writings, shard_numbers_max=BATCH_ENTRIES_MAX) as index:
        for turn in range(CRISIS_SEGMENTS + 10):
            for shard in range(8):
                writings.revise(shard * BATCH_ENTRIES_MAX + 1 + turn % BATCH_ENTRIES_MAX, f"开会 again {turn}")
            catch_up(index)
        assert max(segments(path, shard) for shard in range(1, 9)) < CRISIS_SEGMENTS
        assert_right(index, writings)


def test_nothing_is_indexed_while_a_shard_has_too_many_unmerged_segments(path: str, writings: Writings) -> None:
    random = Random(SEED)
    writings.fill("".join(random.choices(HAN, k=BATCH_CHARACTERS_MAX)) for _ in range(2 * UNMERGED_SEGMENTS_MAX))
    most = 0
    with opened(path, writings) as index:
        while not index.catch_up(lambda: True):
            most = max(most, segments(path, 1))
        assert MERGED_SEGMENTS_MIN < most <= UNMERGED_SEGMENTS_MAX + MERGED_SEGMENTS_MIN, "FTS5 would merge so many at once"
        assert index.transactions > index.indexed

"""One index file and several programs: also if they cannot write it or lock it, each finds the right notes."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.disks import fill, mounted
from tests.support.later_searcher import LaterSearcher
from tests.support.requirements import acting_as
from tests.writings import Writings, assert_right, caught_up, find, indexed_at, never, numbers, opened
from udpnote.model.query import Query, SearchRunning
from udpnote.storage.index.indexed_notebook import BATCH_ENTRIES_MAX

# A file that this process may not write


@pytest.mark.parametrize("has_room", [True, False], ids=["in a temporary file", "in memory"])
@pytest.mark.parametrize("place", ["folder", "file/index"])
def test_where_no_file_can_be_made_the_index_is_a_temporary_one_that_is_removed_at_the_end(
    tmp_path: Path, hundred: Writings, monkeypatch: pytest.MonkeyPatch, place: str, has_room: bool
) -> None:
    for folder in ("folder", "temporary"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("temporary" if has_room else "nowhere")))
    query, searcher = Query(words=("会",)), LaterSearcher()
    with caught_up(str(tmp_path / place), hundred) as index:
        hundred.revise(1, place)
        assert_right(index, hundred)
        index.use_executor(searcher)
        assert isinstance(next(index.matches(query, 1)), SearchRunning) == has_room
        assert numbers(index, query, searcher=searcher) == hundred.matches(query)
        assert len(os.listdir(tmp_path / "temporary")) == has_room
    assert {path.name for path in tmp_path.rglob("*")} == {"file", "folder", "temporary"}


def test_a_file_that_another_program_has_locked_is_left_to_it(path: str, partly_indexed: Writings) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with opened(path, partly_indexed) as index:
            assert index.indexed == 0
            assert_right(index, partly_indexed)
        other.execute("COMMIT")
    assert indexed_at(path, partly_indexed) == BATCH_ENTRIES_MAX


@pytest.mark.parametrize("is_in_use", [False, True])
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o555), (0o444, 0o777), (0o000, 0o777)])
def test_an_index_that_may_not_be_written_is_left_as_it_is_for_a_temporary_one(
    hundred: Writings, file_mode: int, folder_mode: int, is_in_use: bool
) -> None:
    with TemporaryDirectory() as folder:  # which other users reach as soon as its mode lets them
        path = f"{folder}/index"
        with opened(path, hundred) as owners:
            owners.catch_up(lambda: True)
            if not is_in_use:
                owners.close()
            for file in os.listdir(folder):
                os.chmod(f"{folder}/{file}", file_mode)
            os.chmod(folder, folder_mode)
            with acting_as(os.geteuid() or 65_534), opened(path, hundred) as index:
                assert_right(index, hundred)
            os.chmod(folder, 0o755)
            os.chmod(path, 0o600)
        assert indexed_at(path, hundred) == BATCH_ENTRIES_MAX


def test_on_a_full_disk_the_index_waits_and_goes_on_when_there_is_space(tmp_path: Path, writings: Writings) -> None:
    with mounted(tmp_path / "disk", megabytes=2) as disk:
        writings.fill(f"开会 word{number}" for number in range(1000))
        path = str(disk / "index")
        with opened(path, writings, shard_numbers_max=BATCH_ENTRIES_MAX) as index:
            index.catch_up(lambda: True)
            filler = fill(disk)
            for _ in range(100):
                assert not index.catch_up(never)
            assert index.indexed < 1000
            assert find(index, "word3") == [4], "what is indexed can be searched"
            filler.unlink()
            assert not index.catch_up(never), "a disk that was full so often is not tried at each call"
            assert_right(index, writings)
            assert os.stat(path).st_size, "the index is still in its file"


# Several writers


def test_two_indexes_of_one_file_catch_up_by_turns_and_both_are_right(path: str, writings: Writings) -> None:
    with opened(path, writings, shard_numbers_max=100) as one, opened(path, writings, shard_numbers_max=100) as other:
        for turn in range(5):
            writings.fill(f"开会 word{turn} {number}" for number in range(100))
            writings.revise(turn + 1, f"revised {turn}")
            one.catch_up(lambda: True)
            other.catch_up(lambda: True)
        assert_right(one, writings)
        assert one.indexed == 505
        assert other.catch_up(lambda: True), "the first one has done it all"
        assert_right(other, writings)


def test_an_index_that_another_process_writes_is_tried_again_later(path: str, partly_indexed: Writings) -> None:
    with opened(path, partly_indexed) as index, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not index.catch_up(never)
        assert find(index, "会") == list(range(1, BATCH_ENTRIES_MAX + 1)), "it can be searched meanwhile"
        other.execute("ROLLBACK")
        assert index.catch_up(never)
        assert_right(index, partly_indexed)
        other.execute("UPDATE state SET rules = 'others', indexed = 0")
        assert_right(index, partly_indexed)
        assert other.execute("SELECT rules, indexed FROM state").fetchone() == ("others", 0)

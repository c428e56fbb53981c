"""The files of search indexes: a file that is damaged or does not fit is made again, and agrees with the notebook."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.disks import overwritten
from tests.support.errors import raises
from tests.support.notebook_files import change
from tests.writings import NOW, Writings, assert_right, caught_up, find, indexed_at, never, opened, tallied
from udpnote.errors import StorageError
from udpnote.model.query import View
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.index.index import IndexDamaged
from udpnote.storage.index.index_file import open_index_file, remove_index_file
from udpnote.storage.index.indexed_notebook import BATCH_ENTRIES_MAX


def test_an_index_goes_on_where_it_was_and_is_one_file_when_it_is_closed(path: str, partly_indexed: Writings) -> None:
    with opened(path, partly_indexed) as index:
        assert find(index, "会") == list(range(1, BATCH_ENTRIES_MAX + 1))
        assert_right(index, partly_indexed)
    with opened(path, partly_indexed) as index:
        assert index.indexed == 100
        assert_right(index, partly_indexed)
    assert os.listdir(os.path.dirname(path)) == ["notebook.index"]
    for file in (path, f"{path}.new"):  # its commits do not wait for the disk
        with closing(open_index_file(file)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL
            assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_a_notebook_that_cannot_be_read_for_a_while_does_not_spoil_the_index(path: str, partly_indexed: Writings) -> None:
    with opened(path, partly_indexed) as index:
        partly_indexed.connection.execute("ALTER TABLE clients RENAME TO gone")
        with raises(StorageError, "database_failed", path=IN_MEMORY):
            index.catch_up(never)
        partly_indexed.connection.execute("ALTER TABLE gone RENAME TO clients")
        assert_right(index, partly_indexed)


@pytest.mark.parametrize(
    ("change", "indexed"),
    [
        ("UPDATE clients SET client_id = zeroblob(16)", 0), ("UPDATE entries SET sequence = 777 WHERE number = {last}", 0),
        ("UPDATE entries SET stored_at = 777 WHERE number = {last}", 0), ("DELETE FROM entries WHERE number > 3", 0),
        ("DELETE FROM entries WHERE number > {last} + 3", BATCH_ENTRIES_MAX),
    ],
    ids=["another client", "another sequence", "another time", "a backup from before it", "a backup from after it"],
)  # fmt: skip
def test_another_entry_under_the_last_number_is_noticed(path: str, partly_indexed: Writings, change: str, indexed: int) -> None:
    partly_indexed.connection.execute(change.format(last=BATCH_ENTRIES_MAX))
    assert indexed_at(path, partly_indexed) == indexed


def test_a_new_index_does_not_use_the_log_of_an_index_file_that_was_removed(path: str, hundred: Writings) -> None:
    with caught_up(path, hundred):
        pass  # the log is in the file now
    with opened(path, hundred) as index:
        hundred.fill(["without a tag"])
        index.catch_up(never)
        os.unlink(path)
        index.catch_up(never)
        assert tallied(index, View.TAGS) == {"a": 100}
        assert_right(index, hundred)


# What is wrong with its file


def run(statement: str) -> Callable[[str], None]:
    return lambda path: change(path, statement)


DAMAGES = {
    "of another notebook": run(f"UPDATE state SET notebook_id = x'{bytes(16).hex()}'"),
    "by other rules": run("UPDATE state SET rules = '0 15.0.0'"), "of a newer version": run("PRAGMA user_version = 99"),
    "of another kind": run("PRAGMA application_id = 77"), "without its state": run("DELETE FROM state"),
    "without a table": run("DROP TABLE shards"), "empty": overwritten(0, b""), "text": overwritten(0, b"2019/05/09 16:37:08\n"),
    "zeros": overwritten(0, bytes(8192)), "cut in the header": overwritten(50, b""),
    "cut after a page": overwritten(4096, b""), "noise": overwritten(0), "noise after the header": overwritten(100),
    "noise after a page": overwritten(4096),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_file_that_is_not_a_fit_index_is_made_again(path: str, hundred: Writings, damage: Callable[[str], None]) -> None:
    with caught_up(path, hundred):
        pass
    damage(path)
    with opened(path, hundred) as index:
        assert index.indexed == 0
        assert_right(index, hundred)
    assert indexed_at(path, hundred) == 100, "the new one is in the old one's place"


def test_an_index_is_removed_with_its_log_or_not_at_all(path: str, tmp_path: Path) -> None:
    assert remove_index_file(path), "a missing file counts as removed"
    for end in ("", "-wal", "-shm"):
        Path(path + end).touch()
    assert remove_index_file(path)
    assert os.listdir(tmp_path) == []
    os.mkdir(path)
    assert not remove_index_file(path)


BROKEN_BLOCKS = "UPDATE search_1_data SET block = x'00ff' WHERE id > 10"
"""Breaks the blocks that FTS5 reads in each search. Those with smaller ids it reads only when it opens the table."""


@pytest.mark.parametrize("statement", [BROKEN_BLOCKS, "DROP TABLE tags", "DROP TABLE spans", "DROP TABLE totals"])
def test_damage_that_is_found_while_reading_is_mended(path: str, hundred: Writings, statement: str) -> None:
    with caught_up(path, hundred):
        pass
    run(statement)(path)
    with opened(path, hundred) as index:
        assert index.indexed == 100
        with pytest.raises(IndexDamaged):
            _ = find(index, "开会"), tallied(index, View.TAGS), index.next_candidate(1, NOW, None, False), index.totals
        assert index.indexed == 0, "until it is mended, a damaged index counts as empty"
        assert_right(index, hundred)
    with opened(path, hundred) as index:
        assert_right(index, hundred)


@pytest.mark.parametrize("statement", ["DROP TABLE authors", "UPDATE authors SET notes = 1"], ids=["a table", "a count"])
def test_damage_that_is_found_while_writing_is_mended(path: str, hundred: Writings, statement: str) -> None:
    with caught_up(path, hundred) as index:
        run(statement)(path)
        hundred.delete(1)
        hundred.delete(2)
        assert not index.catch_up(never)
        assert_right(index, hundred)

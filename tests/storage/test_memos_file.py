"""Databases of the program memos, of its old and new versions, also while memos writes to them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.disks import make_unwritable
from tests.support.errors import raises
from tests.support.notebook_files import change
from udpnote.errors import InvalidImport, StorageError
from udpnote.storage.memos_file import read_memos
from udpnote.storage.notebook.notebook import Notebook

OLD = """
CREATE TABLE memo (id INTEGER PRIMARY KEY, creator_id INTEGER, created_ts BIGINT, content TEXT);
INSERT INTO memo VALUES (2, 1, 20, '第二'), (1, 1, 10, 'one');
"""
NEW = """
CREATE TABLE user (id INTEGER PRIMARY KEY, username TEXT);
CREATE TABLE memo (id INTEGER PRIMARY KEY, uid TEXT, creator_id INTEGER, created_ts BIGINT, updated_ts BIGINT, row_status TEXT,
    content TEXT, visibility TEXT, pinned INTEGER, payload TEXT);
CREATE TABLE memo_relation (memo_id INTEGER, related_memo_id INTEGER, type TEXT);
CREATE TABLE attachment (id INTEGER PRIMARY KEY, memo_id INTEGER);
INSERT INTO user VALUES (1, 'lin');
INSERT INTO memo VALUES (1, 'G3BL', 1, 10, 11, 'ARCHIVED', 'one', 'PRIVATE', 1, '{}');
INSERT INTO memo VALUES (2, 'hZ9U', 9, 20, 20, 'NORMAL', '第二', 'PUBLIC', 0, '{}');
INSERT INTO memo_relation VALUES (1, 2, 'REFERENCE');
INSERT INTO attachment VALUES (1, 1), (2, 1);
"""


@pytest.mark.parametrize("schema", [OLD, NEW])
def test_memos_come_by_time_with_the_fields_of_their_version(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "memos 100%.db"
    with closing(sqlite3.connect(path)) as memos:
        memos.executescript("PRAGMA journal_mode=WAL;" + schema)
        first, second = read_memos(str(path))  # while it is open
    assert [(memo["id"], memo["createdTs"], memo["content"]) for memo in (first, second)] == [(1, 10, "one"), (2, 20, "第二")]
    assert first["uid"] == ("" if schema is OLD else "G3BL")
    if schema is NEW:
        assert (first["creatorUsername"], second["creatorUsername"], first["pinned"]) == ("lin", "", 1)
        assert (first["rowStatus"], first["visibility"], first["updatedTs"]) == ("ARCHIVED", "PRIVATE", 11)
        assert [(len(memo["resourceList"]), len(memo["relationList"])) for memo in (first, second)] == [(2, 1), (0, 0)]


def test_memos_are_read_from_a_disk_that_cannot_be_written(small_disk: Path) -> None:
    path = small_disk / "memos.db"
    change(path, "PRAGMA journal_mode=WAL;" + OLD)
    make_unwritable(small_disk, "read-only")
    assert [memo["content"] for memo in read_memos(str(path))] == ["one", "第二"]


def test_a_database_that_cannot_be_opened_is_not_called_unwritable(tmp_path: Path) -> None:
    path = tmp_path / "memos.db"
    change(path, "PRAGMA journal_mode=WAL;" + OLD)
    (tmp_path / "memos.db-wal").mkdir()
    with raises(StorageError, "database_not_opened", path=str(path)):
        list(read_memos(str(path)))


def test_a_text_that_is_not_utf8_hinders_no_other_memo(tmp_path: Path) -> None:
    path = tmp_path / "memos.db"
    change(path, OLD + "UPDATE memo SET content = CAST(x'61ff' AS TEXT) WHERE id = 1;")
    assert [memo["content"] for memo in read_memos(str(path))] == ["a\udcff", "第二"]


def test_other_databases_and_files_are_refused(tmp_path: Path) -> None:
    Notebook(str(tmp_path / "notebook.sqlite3")).close()
    with raises(InvalidImport, "import_database_unknown"):
        list(read_memos(str(tmp_path / "notebook.sqlite3")))
    with pytest.raises(StorageError):
        list(read_memos(str(tmp_path / "missing.db")))


def test_a_view_or_virtual_table_is_no_table_of_memos_because_its_rows_may_have_no_end(tmp_path: Path) -> None:
    """The rows of these views have an end, so that the test ends without what it tests."""
    row = "SELECT 1 AS id, 10 AS created_ts, 'one' AS content"
    for name, script in (
        ("memo.db", f"CREATE VIEW memo AS {row};"),
        (
            "virtual.db",
            f"CREATE VIEW memos AS {row}; CREATE VIRTUAL TABLE memo USING fts5(id, created_ts, content, content = 'memos');",
        ),
        (
            "others.db",
            OLD + "CREATE VIEW attachment AS SELECT 1 AS memo_id; CREATE VIEW user AS SELECT 1 AS id, 'lin' AS username;",
        ),
    ):
        change(tmp_path / name, script)
    for name in ("memo.db", "virtual.db"):
        with raises(InvalidImport, "import_database_unknown"):
            list(read_memos(str(tmp_path / name)))
    first, _ = read_memos(str(tmp_path / "others.db"))
    assert (first["content"], first["resourceList"], first["creatorUsername"]) == ("one", [], "")


@pytest.mark.parametrize("start", [16, 4096])
def test_a_damaged_database_is_called_one_of_memos(tmp_path: Path, start: int) -> None:
    path = tmp_path / "memos.db"
    change(path, OLD)
    path.write_bytes(path.read_bytes()[:start] + b"x" * 8192)
    with raises(StorageError, "import_memos_damaged"):
        list(read_memos(str(path)))

"""Errors of SQLite and of the system as those of udpnote, and the reason why a disk refuses to write."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest

from tests.storage.diary import DIARY
from tests.support.disks import bindfs, make_unwritable
from tests.support.errors import raises
from tests.support.processes import longest_file
from udpnote.errors import NoSpace, StorageError
from udpnote.storage.database import atomic, open_database
from udpnote.storage.disk_errors import refusal, storage_errors


def test_each_refusal_of_sqlite_or_the_disk_has_an_error_of_its_own(tmp_path: Path) -> None:
    path = str(tmp_path / "diary.sqlite3")

    def error_of(connection: sqlite3.Connection, statement: str) -> StorageError:
        with pytest.raises(StorageError) as raised, storage_errors(path):
            connection.execute(statement)
        return raised.value

    with closing(open_database(path, DIARY)) as writer, closing(sqlite3.connect(path, timeout=0)) as other:
        with atomic(writer):
            writer.execute("SELECT * FROM lines").fetchall()
            assert error_of(other, "BEGIN IMMEDIATE").notice.kind == "database_busy", "others are locked out from its start"
        writer.execute("PRAGMA max_page_count = 1")
        assert isinstance(error_of(writer, f"INSERT INTO lines VALUES ('{'x' * 5000}')"), NoSpace)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        assert error_of(reader, "INSERT INTO lines VALUES ('two')").notice.kind == "database_writable_again"
        folder = os.path.dirname(path)
        os.rename(folder, f"{folder}.moved")
        assert error_of(reader, "INSERT INTO lines VALUES ('two')").notice.kind == "database_not_writable"
        os.rename(f"{folder}.moved", folder)
    kinds = {
        errno.ENOSPC: "disk_full", errno.EDQUOT: "quota_reached", errno.EFBIG: "size_limit_reached",
        errno.EROFS: "disk_read_only",
    }  # fmt: skip
    for number, kind in kinds.items():
        with raises(StorageError, kind, path=path), storage_errors(path):
            raise OSError(number, os.strerror(number))
    with raises(NoSpace, "disk_full_for_new_file", path="missing"), storage_errors("missing"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_or_log_that_may_get_no_longer_is_said_to_have_reached_this_limit(tmp_path: Path) -> None:
    path = str(tmp_path / "diary.sqlite3")
    with closing(open_database(path, DIARY)) as writer:
        with longest_file(200_000), raises(NoSpace, "size_limit_reached", path=path), storage_errors(path):
            for _ in range(10):
                writer.execute("INSERT INTO lines VALUES (?)", ("x" * 100_000,))
        writer.execute("INSERT INTO lines VALUES (?)", ("x" * 600_000,))
        with longest_file(500_000), raises(NoSpace, "size_limit_reached", path=path), storage_errors(path):
            writer.execute("PRAGMA wal_checkpoint")


@pytest.mark.parametrize(("trouble", "number"), [("read-only", errno.EROFS), ("none", errno.ENOENT)])
def test_the_reason_why_a_missing_folder_cannot_be_made_is_that_of_the_disk(
    small_disk: Path, trouble: str, number: int
) -> None:
    if trouble != "none":
        make_unwritable(small_disk, trouble)
    assert refusal(str(small_disk / "missing" / "folder" / "diary"), 1) == number


def test_a_file_system_that_cannot_share_memory_is_called_unsuitable(tmp_path: Path) -> None:
    with bindfs(tmp_path, "direct_io") as folder, raises(StorageError, "file_system_unsuitable", path=str(folder / "diary")):
        open_database(str(folder / "diary"), DIARY)


def test_a_file_system_without_locks_is_called_unsuitable_for_a_new_file_and_a_locked_one(tmp_path: Path) -> None:
    path = str(tmp_path / "diary")
    with mock.patch("fcntl.lockf", side_effect=OSError(errno.ENOLCK, "No locks available")):
        with raises(StorageError, "file_system_unsuitable", path=path):
            open_database(path, DIARY)
        assert not list(tmp_path.iterdir())
        locked = sqlite3.OperationalError("database is locked")
        locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
        with raises(StorageError, "file_system_unsuitable", path=path), storage_errors(path):
            raise locked

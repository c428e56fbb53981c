"""A log that a killed command has left is checked before the outbox is used, and a damaged one is kept."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.errors import raises
from tests.support.killed_database import OUTBOX_NOTES, damage_last_frame, files, is_held, killed_outbox, open_elsewhere
from udpnote.errors import StorageError
from udpnote.storage.outbox.log_check import move_lone_log
from udpnote.storage.outbox.outbox import Outbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An outbox whose command was killed, with its log."""
    killed_outbox(tmp_path / "outbox")
    return tmp_path / "outbox"


def texts(outbox: Outbox) -> list[str]:
    return [each.entry.text for each in outbox.listing(1)]


@pytest.mark.parametrize("is_read_only", [False, True])
def test_an_outbox_with_a_damaged_log_is_not_opened_and_its_files_stay(path: Path, is_read_only: bool) -> None:
    damage_last_frame(path)
    before = files(path)
    for _ in range(2):
        with raises(StorageError, "outbox_log_damaged", path=str(path), log=f"{path}-wal"):
            Outbox(path, is_read_only=is_read_only)
    assert files(path) == before


def test_a_log_whose_outbox_is_gone_is_not_taken_for_that_of_a_new_outbox(path: Path) -> None:
    path.unlink()
    log = Path(f"{path}-wal").read_bytes()
    with raises(StorageError, "outbox_log_alone", path=str(path), log=f"{path}-wal"):
        Outbox(path)
    assert (path.exists(), Path(f"{path}-wal").read_bytes()) == (False, log)
    with closing(Outbox(path, is_read_only=True)) as outbox:
        assert texts(outbox) == []
    assert move_lone_log(str(path)) == f"{path}-wal.1.old"
    assert (Path(f"{path}-wal.1.old").read_bytes(), Path(f"{path}-shm").exists()) == (log, False)
    with closing(Outbox(path)) as outbox:
        assert texts(outbox) == []
        outbox.add(["new"], author="amy@pi", written_at=1, utc_offset=0)
        assert move_lone_log(str(path)) is None


@pytest.mark.parametrize("lose", [Path.unlink, lambda log: os.truncate(log, 0), lambda log: os.truncate(log, 32)])
@pytest.mark.parametrize("is_read_only", [False, True])
def test_a_log_that_was_removed_or_emptied_after_a_command_was_killed_is_noticed(
    path: Path, lose: Callable[[Path], object], is_read_only: bool
) -> None:
    lose(Path(f"{path}-wal"))
    for _ in range(2):
        with raises(StorageError, "outbox_log_gone", path=str(path), log=f"{path}-wal"):
            Outbox(path, is_read_only=is_read_only)
    os.utime(f"{path}-shm", (0, 0))  # from before this machine was started: a power failure may have left it like this
    Outbox(path, is_read_only=is_read_only).close()


def test_a_log_that_was_removed_when_all_of_it_was_in_the_file_is_not_missed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        copied = path.with_name("copied")
        for suffix in ("", "-shm"):
            shutil.copy(f"{path}{suffix}", f"{copied}{suffix}")
    with closing(Outbox(copied)) as outbox:
        assert len(texts(outbox)) == OUTBOX_NOTES


def test_a_log_from_before_the_machine_was_started_may_be_what_a_power_failure_has_left(path: Path) -> None:
    damage_last_frame(path)
    os.utime(f"{path}-wal", (0, 0))
    with closing(Outbox(path)) as outbox:
        assert len(texts(outbox)) == OUTBOX_NOTES - 1


def test_while_another_command_uses_the_outbox_its_log_is_not_checked(path: Path) -> None:
    with open_elsewhere(path):
        damage_last_frame(path)
        with closing(Outbox(path)) as outbox:
            assert len(texts(outbox)) == OUTBOX_NOTES


def test_the_log_is_checked_again_once_this_process_has_closed_the_outbox(path: Path) -> None:
    outbox = Outbox(path)
    outbox.close()
    path.unlink()
    killed_outbox(path)
    damage_last_frame(path)
    with raises(StorageError, "outbox_log_damaged", path=str(path), log=f"{path}-wal"):
        Outbox(path)


@pytest.mark.parametrize(
    "name_again", [lambda path: path, lambda path: path.parent / "." / ".." / path.parent.name / path.name]
)
def test_a_second_outbox_in_a_process_leaves_the_first_one_its_locks(path: Path, name_again: Callable[[Path], str]) -> None:
    with closing(Outbox(path)) as outbox:
        outbox._file.connection.execute("BEGIN")
        assert len(texts(outbox)) == OUTBOX_NOTES
        Outbox(name_again(path), is_read_only=True).close()
        assert is_held(path)
        outbox._file.connection.execute("COMMIT")

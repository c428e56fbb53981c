"""A backup of a notebook with a damaged log has the readable entries, is not complete, and leaves the notebook as it is."""

import os
import shutil
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import read, write
from tests.support.errors import raises
from tests.support.killed_database import NOTES, Damage, Killed, cut, flip, zero
from udpnote.errors import InvalidSetting, StorageError
from udpnote.storage.key_file import NotebookKeys, read_key_file, write_key_file
from udpnote.storage.notebook.backup import Backup, back_up
from udpnote.storage.notebook.read_only import ReadOnlyNotebook
from udpnote.storage.notebook.restore import prepared_restore

KEYS = NotebookKeys(b"k" * 16)


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    """A notebook whose log is damaged in its last frame, which only the index of the log shows."""
    (tmp_path / "home").mkdir()
    killed = Killed(tmp_path / "home")
    killed.damage(flip, killed.frames[-1])
    return killed


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.sqlite3"


def backed_up(killed: Killed, copy: Path) -> Backup:
    return back_up(str(killed.path), str(copy), with_key=None)


@pytest.mark.parametrize("damage", [zero, flip, cut])
def test_a_backup_of_a_notebook_with_a_damaged_log_has_the_readable_entries_and_is_not_complete(
    killed: Killed, copy: Path, damage: Damage
) -> None:
    killed.damage(damage, killed.frames[-1])
    before = killed.files()
    made = backed_up(killed, copy)
    assert (made.is_complete, made.content.entries, copy.stat().st_mode & 0o777) == (False, NOTES - 1, 0o600)
    assert os.listdir(copy.parent) in (["home", copy.name], [copy.name, "home"])
    assert killed.files() == before
    assert killed.is_refused()
    assert [text[:6] for text in read(copy)] == [f"note {number}" for number in range(1, NOTES)]


def test_a_backup_without_the_log_is_not_complete_and_one_with_a_whole_log_is(killed: Killed, copy: Path) -> None:
    killed.log.unlink()
    assert backed_up(killed, copy).is_complete is False
    assert read(copy) == []
    killed.repair()
    made = back_up(str(killed.path), str(copy), with_key=None, replaces=True)
    assert (made.is_complete, made.content.entries) == (True, NOTES)


def test_a_backup_that_is_not_complete_replaces_no_earlier_one(killed: Killed, copy: Path) -> None:
    copy.write_bytes(b"earlier")
    with raises(StorageError, "backup_exists", path=str(copy)):
        backed_up(killed, copy)
    with raises(StorageError, "log_damaged", path=str(killed.path), log=str(killed.log)):
        back_up(str(killed.path), str(copy), with_key=None, replaces=True)
    assert (copy.read_bytes(), len(os.listdir(copy.parent))) == (b"earlier", 2)


def test_the_key_of_a_sealed_notebook_is_asked_for_and_copied_although_its_log_is_damaged(tmp_path: Path, copy: Path) -> None:
    killed = Killed(tmp_path, is_sealed=True)
    write_key_file(f"{killed.path}.key", KEYS, notebook_name="")
    killed.damage(flip, killed.frames[-1])
    with raises(InvalidSetting, "backup_key_undecided", path=str(killed.path)):
        backed_up(killed, copy)
    assert not copy.exists()
    made = back_up(str(killed.path), str(copy), with_key=True)
    assert (made.is_complete, read_key_file(f"{copy}.key")) == (False, KEYS)


def test_a_damaged_log_of_another_file_is_not_applied_to_a_copy(killed: Killed, copy: Path) -> None:
    write(copy, "of another file")
    shutil.move(copy, killed.path)
    with raises(StorageError, "log_of_another_file", path=str(killed.path), log=str(killed.log)):
        backed_up(killed, copy)
    assert not copy.exists()
    assert [each for each in os.listdir(copy.parent) if ".udpnote" in each] == []


def test_no_backup_is_made_of_a_damaged_log_that_a_program_changes_meanwhile(killed: Killed, copy: Path) -> None:
    with raises(StorageError, "database_busy", path=str(killed.path)):
        back_up(str(killed.path), str(copy), with_key=None, on_progress=lambda *_: os.utime(killed.log))
    assert os.listdir(copy.parent) == ["home"]


def test_a_restore_that_is_given_up_leaves_the_damaged_files(killed: Killed, copy: Path) -> None:
    backed_up(killed, copy)
    before = killed.files()
    with prepared_restore(str(copy), str(killed.path)) as restore:
        old = restore.old
    assert old is not None
    assert old.problem is not None
    assert old.problem.notice.kind == "log_damaged"
    assert killed.files() == before
    assert killed.is_refused()


@pytest.mark.parametrize(
    ("damage", "suffixes", "kind"),
    [(flip, ("", "-wal", "-shm"), "log_damaged"), (cut, ("", "-wal"), "log_damaged"), (None, ("",), "log_gone")],
    ids=["damaged", "cut, without its index", "gone"],
)
def test_a_restore_keeps_the_damaged_log_with_the_file_that_it_replaces(
    killed: Killed, copy: Path, damage: Damage | None, suffixes: tuple[str, ...], kind: str
) -> None:
    if damage is None:
        killed.log.unlink()
    else:
        killed.damage(damage, killed.frames[-1], has_index="-shm" in suffixes)
    before = [Path(f"{killed.path}{suffix}").read_bytes() for suffix in suffixes]
    write(copy, "in the backup")
    with prepared_restore(str(copy), str(killed.path)) as restore:
        kept = restore.commit()
    assert kept == [f"{restore.aside}{suffix}" for suffix in suffixes if suffix != "-shm"]
    assert [Path(f"{restore.aside}{suffix}").read_bytes() for suffix in suffixes] == before
    assert read(killed.path) == ["in the backup"]
    with raises(StorageError, kind, path=restore.aside):
        ReadOnlyNotebook(restore.aside)


def test_a_backup_whose_own_log_is_damaged_is_not_restored(killed: Killed, copy: Path) -> None:
    before = killed.files()
    with (
        raises(StorageError, "log_damaged", path=str(killed.path), log=str(killed.log)),
        prepared_restore(str(killed.path), str(copy)),
    ):
        pass
    assert (killed.files(), copy.exists()) == (before, False)

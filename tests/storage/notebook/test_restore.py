"""A restore: the backup takes the place of the notebook, and what was there is kept, counted and never mixed with it."""

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from itertools import groupby
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import CLIENT, add, read, write
from tests.support.disks import fill, overwritten, shorten
from tests.support.errors import raises
from tests.support.killed import killable
from tests.support.notebook_files import change
from udpnote.errors import NoSpace, NotebookInUse, StorageError, UdpnoteError
from udpnote.storage.key_file import NotebookKeys, read_key_file, write_key_file
from udpnote.storage.notebook.backup import back_up
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.restore import KeySource, Vanishing, prepared_restore
from udpnote.storage.outbox.outbox import Outbox

OTHER_CLIENT = b"fedcba9876543210"
MEGABYTE = "长" * 349_525
STEPS_MAX = 20
OLD_KEYS, NEW_KEYS = NotebookKeys(b"o" * 16), NotebookKeys(b"n" * 16)


class Place:
    """A notebook that has the entries 1 to 3, and a backup of it that was made at entry 2."""

    def __init__(self, folder: Path) -> None:
        self.home, self.backup = folder / "home", folder / "backup"
        self.path, self.aside = self.home / "notebook", self.home / "notebook.1.old"
        self.home.mkdir()
        self.write("一", "二")
        back_up(str(self.path), str(self.backup), with_key=False)
        self.write("三")

    def write(self, *kept: str, client_id: bytes = CLIENT) -> None:
        write(self.path, *kept, client_id=client_id)

    def seal(self, path: Path, *, is_sealed: bool = True) -> None:
        with closing(Notebook(path)) as notebook:
            notebook.set_sealed(is_sealed=is_sealed)

    def crash(self) -> None:
        """Leave what a server leaves that is killed after it has stored entry 4."""
        left = self.home.with_name("left")
        left.mkdir()
        with closing(Notebook(self.path)) as notebook:
            add(notebook, "四")
            for each in self.home.glob("notebook*"):
                shutil.copy(each, left)
        for each in left.glob("notebook*"):
            shutil.copy(each, self.home)

    def restore(self, *, with_key: bool | None = None) -> tuple[Vanishing | None, list[str]]:
        """Restore the backup. Return what vanishes, or None if nothing is replaced, and the names of the kept files."""
        with prepared_restore(str(self.backup), str(self.path), with_key=with_key) as restore:
            kept = restore.commit()
        return restore.old and restore.old.vanishing, [os.path.basename(each) for each in kept]

    def read(self, path: Path | None = None) -> list[str]:
        return read(path or self.path)

    def files(self) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in self.home.iterdir() if each.is_file() and "-shm" not in each.name}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_backup_takes_the_place_of_the_notebook_which_is_kept_whole_each_time(place: Place) -> None:
    os.chmod(place.path, 0o640)
    assert place.restore() == ((1, 3, 3), ["notebook.1.old"])
    assert sorted(place.files()) == ["notebook", "notebook.1.old"], "no draft, no log, and no index of the other file"
    assert place.path.stat().st_mode & 0o777 == 0o640
    assert (place.read(), place.read(place.aside)) == (["一", "二"], ["一", "二", "三"])
    assert place.restore() == ((0, 0, 0), ["notebook.2.old"])
    shutil.rmtree(place.home)
    place.home.mkdir()
    assert place.restore() == (None, [])
    assert (place.read(), place.path.stat().st_mode & 0o777) == (["一", "二"], 0o600)


def test_the_entries_that_vanish_are_counted_by_their_identity_and_not_by_their_numbers(place: Place) -> None:
    place.restore()
    place.write("二 by another client", "三", "四", client_id=OTHER_CLIENT)
    newer = place.backup.with_name("newer")
    shutil.copy(place.aside, newer)
    place.backup = newer
    assert place.restore()[0] == (3, 3, 5), "entries that only the backup has do not reduce the count"


def test_the_log_that_a_crash_has_left_goes_with_its_file_and_its_entries_are_counted(place: Place) -> None:
    place.crash()
    assert place.restore() == ((2, 3, 4), ["notebook.1.old"])
    assert (place.read(), place.read(place.aside)) == (["一", "二"], ["一", "二", "三", "四"])


def replace_beside_log(place: Place) -> None:
    place.crash()
    shutil.copy(place.backup, place.path)


def lose_file(place: Place) -> None:
    place.crash()
    place.path.unlink()


def damage(place: Place) -> None:
    place.crash()
    overwritten(1024)(str(place.path))


@pytest.mark.parametrize(
    ("break_it", "kept"),
    [
        (replace_beside_log, ["notebook.1.old", "notebook.1.old-wal"]),
        (damage, ["notebook.1.old", "notebook.1.old-wal"]),
        (lose_file, ["notebook.1.old-wal"]),
    ],
)
def test_a_notebook_that_cannot_be_read_is_kept_with_its_log_and_its_entries_are_not_counted(
    place: Place, break_it: Callable[[Place], None], kept: list[str]
) -> None:
    break_it(place)
    before = place.files()
    with prepared_restore(str(place.backup), str(place.path)) as restore:
        assert restore.old is not None
        assert (restore.old.content, restore.old.problem is None) == (None, False)
    assert place.files() == before, "the restore was not committed"
    assert place.restore() == ((0, 0, 0), kept)
    assert not place.path.with_name("notebook-shm").exists()
    after = place.files()
    assert [after[name] for name in kept] == [before[name.replace(".1.old", "")] for name in kept]
    assert (set(after) - set(kept), place.read()) == ({"notebook"}, ["一", "二"])


@pytest.mark.parametrize(
    ("present", "of_backup", "with_key", "source", "left", "aside"),
    [
        (NEW_KEYS, OLD_KEYS, None, KeySource.KEPT, NEW_KEYS, None),
        (NEW_KEYS, OLD_KEYS, False, KeySource.KEPT, NEW_KEYS, None),
        (NEW_KEYS, OLD_KEYS, True, KeySource.FROM_BACKUP, OLD_KEYS, NEW_KEYS),
        (OLD_KEYS, OLD_KEYS, True, KeySource.KEPT, OLD_KEYS, None),
        (None, OLD_KEYS, None, KeySource.FROM_BACKUP, OLD_KEYS, None),
        (None, OLD_KEYS, False, KeySource.MISSING, None, None),
        (None, None, None, KeySource.MISSING, None, None),
    ],
)
def test_a_restore_does_not_undo_the_rotation_of_a_key_unless_told_to(
    place: Place,
    present: NotebookKeys | None,
    of_backup: NotebookKeys | None,
    with_key: bool | None,
    source: KeySource,
    left: NotebookKeys | None,
    aside: NotebookKeys | None,
) -> None:
    for path, keys in ((place.path, present), (place.backup, of_backup)):
        place.seal(path)
        if keys is not None:
            write_key_file(f"{path}.key", keys, notebook_name="厨房")
    with prepared_restore(str(place.backup), str(place.path), with_key=with_key) as restore:
        assert (restore.key_source, restore.backup_has_other_keys) == (source, source is KeySource.KEPT and with_key is None)
        restore.commit()
    assert (read_key_file(f"{place.path}.key"), read_key_file(f"{place.aside}.key")) == (left, aside)


def test_a_damaged_key_file_of_the_backup_ends_a_restore_only_if_the_restore_needs_it(place: Place) -> None:
    for path in (place.path, place.backup):
        place.seal(path)
    damaged, present = Path(f"{place.backup}.key"), Path(f"{place.path}.key")
    damaged.write_text("key = 'mistyped'")
    write_key_file(str(present), NEW_KEYS, notebook_name="厨房")
    with prepared_restore(str(place.backup), str(place.path)) as restore:
        assert restore.backup_key_problem is not None
        assert restore.backup_key_problem.notice.values["path"] == str(damaged)
        assert (restore.key_source, restore.backup_has_other_keys) == (KeySource.KEPT, False)
        restore.commit()
    assert read_key_file(str(present)) == NEW_KEYS
    with raises(StorageError, "key_file_damaged", path=str(damaged)):
        place.restore(with_key=True)
    present.unlink()
    with raises(StorageError, "key_file_damaged", path=str(damaged)):
        place.restore()
    place.restore(with_key=False)


@pytest.mark.parametrize("is_sealed", [False, True])
def test_the_key_of_another_or_a_once_sealed_notebook_is_kept_aside_and_not_used(place: Place, is_sealed: bool) -> None:
    if is_sealed:
        place.path.unlink()
        place.write("of another notebook")
        place.seal(place.backup)
    place.seal(place.path)
    write_key_file(f"{place.path}.key", NEW_KEYS, notebook_name="厨房")
    assert place.restore()[1] == ["notebook.1.old", "notebook.1.old.key"]
    assert (read_key_file(f"{place.path}.key"), read_key_file(f"{place.aside}.key")) == (None, NEW_KEYS)


def set_version(path: Path) -> None:
    change(path, "PRAGMA user_version = 2")


def make_outbox(path: Path) -> None:
    path.unlink()
    Outbox(str(path)).close()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path, to: Path) -> None:
    path.unlink()
    path.symlink_to(to)


REFUSED: dict[str, tuple[Callable[[Place], object], type[UdpnoteError], str]] = {
    "text": (lambda place: place.backup.write_text("text"), StorageError, "other_kind_of_file"),
    "an outbox": (lambda place: make_outbox(place.backup), StorageError, "other_kind_of_file"),
    "of a newer version": (lambda place: set_version(place.backup), StorageError, "file_of_newer_version"),
    "missing": (lambda place: place.backup.unlink(), StorageError, "backup_not_there"),
    "a pipe": (lambda place: pipe(place.backup), StorageError, "database_is_no_file"),
    "damaged": (lambda place: overwritten(4096)(str(place.backup)), StorageError, "database_damaged"),
    "onto an outbox": (lambda place: make_outbox(place.path), StorageError, "other_kind_of_file"),
    "onto a newer version": (lambda place: set_version(place.path), StorageError, "file_of_newer_version"),
    "onto itself": (lambda place: link(place.backup, place.path), StorageError, "copy_onto_itself"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_restored_or_replaced_stays_as_it_is(place: Place, case: str) -> None:
    prepare, error, kind = REFUSED[case]
    prepare(place)
    before = place.files()
    with raises(error, kind):
        place.restore()
    assert place.files() == before


def test_a_restore_is_refused_under_a_server_or_without_the_wanted_key_and_keeps_servers_out(place: Place) -> None:
    with closing(Notebook(place.path)), raises(NotebookInUse, "restore_while_served", path=str(place.path)):
        place.restore()
    with prepared_restore(str(place.backup), str(place.path)), raises(NotebookInUse, "notebook_in_use"):
        Notebook(place.path)
    for _ in ("open", "sealed"):
        with raises(StorageError, "backup_without_key", path=f"{place.backup}.key"):
            place.restore(with_key=True)
        place.seal(place.backup)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_notebook_that_another_program_moves_there_meanwhile_is_not_replaced(place: Place, is_there: bool) -> None:
    other = place.path.rename(place.home / "other")
    if is_there:
        place.write("一", "二")
    with prepared_restore(str(place.backup), str(place.path)) as restore:
        other.replace(place.path)
        with raises(StorageError, "restore_place_taken", path=str(place.path)):
            restore.commit()
    assert (place.read(), place.aside.exists()) == (["一", "二", "三"], False)


KILLED = """
from udpnote.storage.notebook.restore import prepared_restore
def run(backup, path):
    with prepared_restore(backup, path, with_key=True) as restore:
        sys.addaudithook(lambda event, _: step() if event in ("os.link", "os.rename", "os.remove") else None)
        restore.commit()
"""


def test_a_restore_that_is_killed_before_any_step_leaves_the_old_or_the_new_notebook_and_can_be_repeated(place: Place) -> None:
    for path, keys in ((place.path, NEW_KEYS), (place.backup, OLD_KEYS)):
        place.seal(path)
        write_key_file(f"{path}.key", keys, notebook_name="厨房")
    place.crash()
    start = place.home.rename(place.home.with_name("start"))
    outcomes = []
    with killable(KILLED) as restore:
        for steps in range(STEPS_MAX):
            shutil.copytree(start, place.home)
            is_killed = restore(steps, place.backup, place.path)
            is_new = place.aside.exists() and not place.aside.samefile(place.path)
            key, key_aside = read_key_file(f"{place.path}.key"), read_key_file(f"{place.aside}.key")
            outcomes.append((is_new, place.read(), place.read(place.aside) if is_new else None))
            assert (key, key_aside) in (
                [(OLD_KEYS, NEW_KEYS), (None, NEW_KEYS)] if is_new else [(NEW_KEYS, None), (None, NEW_KEYS)]
            )
            if not is_killed:
                break
            place.restore(with_key=True)
            assert (place.read(), read_key_file(f"{place.path}.key")) == (["一", "二"], OLD_KEYS)
            shutil.rmtree(place.home)
    before, after = (False, ["一", "二", "三", "四"], None), (True, ["一", "二"], ["一", "二", "三", "四"])
    assert [each for each, _ in groupby(outcomes)] == [before, after]
    assert STEPS_MAX > len(outcomes) > 6


@pytest.mark.parametrize("room", [0, 1 << 20])
def test_on_a_full_disk_nothing_is_restored_and_nothing_is_left(place: Place, small_disk: Path, room: int) -> None:
    place.write(*[MEGABYTE] * 3)
    back_up(str(place.path), f"{place.backup}.2", with_key=None)
    place.home = small_disk
    place.path, place.backup = small_disk / "notebook", place.backup.with_name("backup.2")
    place.write("of now")
    filler = fill(small_disk)
    shorten(filler, room)
    with pytest.raises(NoSpace) as raised:
        place.restore()
    assert str(place.path) in str(raised.value)
    assert {"filler", "notebook"} <= set(os.listdir(small_disk)) <= {"filler", "notebook", "notebook.index"}
    filler.unlink()
    assert place.read() == ["of now"]

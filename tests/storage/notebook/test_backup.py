"""A backup: whole, of one moment, private, checked after it is written, and never in place of a file of another kind."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import NOW, add, read, write
from tests.support.disks import fill, overwritten, shorten
from tests.support.errors import raises
from tests.support.killed import killable
from udpnote.errors import InvalidSetting, NoSpace, NotebookInUse, NotebookOpen, StorageError
from udpnote.storage.key_file import NotebookKeys, read_key_file, write_key_file
from udpnote.storage.new_files import OTHER_DRAFT_SECONDS_MAX
from udpnote.storage.notebook.backup import back_up
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.verified_copy import STEP_BYTES
from udpnote.storage.outbox.outbox import Outbox

MEGABYTE = "长" * 349_525
STEPS_MAX = 30
KEYS, OTHER_KEYS = NotebookKeys(b"k" * 16), NotebookKeys(b"o" * 16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A notebook with one entry, alone in its folder."""
    (tmp_path / "home").mkdir()
    path = tmp_path / "home" / "notebook.sqlite3"
    write(path, "今天开会")
    path.with_name(f"{path.name}.index").unlink()
    return path


@pytest.fixture
def sealed(path: Path) -> Path:
    with closing(Notebook(path)) as notebook:
        notebook.set_sealed(is_sealed=True)
    write_key_file(f"{path}.key", KEYS, notebook_name="厨房")
    return path


def texts_of(path: Path) -> list[str]:
    """The texts in a notebook's file, without a change to the file or its folder; none if it is missing."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM entries ORDER BY number")]


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


@pytest.mark.usefixtures("no_umask")
def test_a_backup_of_a_served_notebook_ends_and_has_the_entries_of_one_moment(path: Path, tmp_path: Path) -> None:
    write(path, *[MEGABYTE] * 12)
    steps: list[tuple[int, int]] = []
    with closing(Notebook(path)) as notebook:
        add(notebook, "in the log")

        def store_another(copied: int, total: int) -> None:
            steps.append((copied, total))
            if len(steps) < 20:
                add(notebook, MEGABYTE)

        made = back_up(str(path), str(tmp_path / "backup"), with_key=None, on_progress=store_another)
        assert notebook.last_number == 14 + len(steps)
    assert steps[-1] == (made.size_bytes, made.size_bytes)
    assert len(steps) == -(-made.size_bytes // STEP_BYTES) > 3, "new entries do not let the copy begin again"
    assert (made.content.entries, made.content.newest.number, made.content.newest_at, made.key_path) == (14, 14, NOW, None)
    assert sorted(os.listdir(tmp_path)) == ["backup", "home"]
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    assert read(tmp_path / "backup") == ["今天开会", *[MEGABYTE] * 12, "in the log"]


def test_no_log_of_the_notebook_is_taken_for_that_of_a_backup_even_if_made_during_a_checkpoint(
    path: Path, tmp_path: Path
) -> None:
    backup, crashed = tmp_path / "backup", tmp_path / "crashed"
    with closing(Notebook(path)) as notebook, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        add(notebook, *[MEGABYTE] * 20)
        add(notebook, "this begins a checkpoint, which the reader cuts short")
        back_up(str(path), str(backup), with_key=None)
        add(notebook, "later")
        shutil.copy(f"{path}-wal", f"{crashed}-wal")
    shutil.copy(backup, crashed)
    with raises(StorageError, "log_of_another_file", path=str(crashed)):
        Notebook(crashed)


@pytest.mark.parametrize("with_key", [True, False])
def test_a_backup_of_a_sealed_notebook_has_its_key_only_if_wanted_and_replaces_an_earlier_one_and_its_key(
    sealed: Path, tmp_path: Path, with_key: bool
) -> None:
    backup = tmp_path / "backup"
    with raises(InvalidSetting, "backup_key_undecided", path=str(sealed)):
        back_up(str(sealed), str(backup), with_key=None)
    for earlier in (None, not with_key, with_key):
        if earlier is not None:
            back_up(str(sealed), str(backup), with_key=earlier, replaces=True)
            os.chmod(backup, 0o666)
        made = back_up(str(sealed), str(backup), with_key=with_key, replaces=earlier is not None)
        found = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir() if each.is_file()}
        assert found == {"backup": 0o600} | ({"backup.key": 0o600} if with_key else {})
        assert made.key_path == (f"{backup}.key" if with_key else None)
        assert read_key_file(f"{backup}.key") == (KEYS if with_key else None)
        for each in tmp_path.glob("backup*"):
            each.unlink()


def link_to_itself(path: Path) -> None:
    path.with_name("link").symlink_to(path)


def key_alone(path: Path) -> None:
    write_key_file(f"{path.with_name('b')}.key", OTHER_KEYS, notebook_name="")


REFUSED: dict[str, tuple[str, Callable[[Path], object], bool, str]] = {
    "a file": ("text", lambda path: path.with_name("text").write_text("my text"), False, "backup_exists"),
    "a file, forced": ("text", lambda path: path.with_name("text").write_text("my text"), True, "other_kind_of_file"),
    "a key file": ("b", key_alone, False, "backup_key_exists"),
    "a key file, forced": ("b", key_alone, True, "backup_key_exists"),
    "an outbox": ("outbox", lambda path: Outbox(str(path.with_name("outbox"))).close(), True, "other_kind_of_file"),
    "another notebook": ("other", lambda path: write(path.with_name("other"), "mine"), True, "backup_of_another"),
    "itself": ("notebook.sqlite3", lambda _path: None, True, "copy_onto_itself"),
    "itself, through a link": ("link", link_to_itself, True, "copy_onto_itself"),
    "its log": ("notebook.sqlite3-wal", lambda _path: None, True, "belongs_to_a_database"),
    "its key": ("notebook.sqlite3.key", lambda _path: None, True, "belongs_to_a_database"),
    "a folder": ("folder", lambda path: path.with_name("folder").mkdir(), True, "is_a_folder"),
    "a pipe": ("pipe", lambda path: os.mkfifo(path.with_name("pipe")), True, "backup_needs_a_file"),
    "in no folder": ("nowhere/b", lambda _path: None, False, "folder_not_there"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_no_backup_may_replace_stays_with_nothing_beside_it(path: Path, case: str) -> None:
    name, prepare, replaces, kind = REFUSED[case]
    prepare(path)
    before = files(path.parent)
    with raises(StorageError, kind):
        back_up(str(path), str(path.parent / name), with_key=None, replaces=replaces)
    assert files(path.parent) == before


def test_a_copy_that_is_served_is_not_replaced_and_an_open_notebook_has_no_key_to_back_up(path: Path) -> None:
    served = path.with_name("served")
    shutil.copy(path, served)
    with closing(Notebook(served)), raises(NotebookInUse, "backup_in_use", path=str(served)):
        back_up(str(path), str(served), with_key=None, replaces=True)
    with raises(NotebookOpen, "open_without_key", path=str(path)):
        back_up(str(path), str(path.with_name("b")), with_key=True)
    with raises(StorageError, "notebook_not_there"):
        back_up(str(path.with_name("missing")), str(path.with_name("b")), with_key=None)
    assert not path.with_name("b").exists()


@pytest.mark.parametrize("fault", ["an index lacks an entry", "pages are lost"])
def test_of_a_damaged_notebook_no_backup_is_made_even_if_every_page_can_be_read(path: Path, tmp_path: Path, fault: str) -> None:
    write(path, *["长" * 300] * 200)
    if fault == "pages are lost":
        overwritten(path.stat().st_size // 2)(str(path))
    else:
        with closing(sqlite3.connect(path)) as connection, connection:
            (index,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'notes_by_time'").fetchone()
            connection.execute("DROP INDEX notes_by_time")
            connection.execute(index.replace(" WHERE", " WHERE 1 -"))  # an index of no entry
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'notes_by_time'", (index,))
    with pytest.raises(StorageError) as raised:
        back_up(str(path), str(tmp_path / "b"), with_key=None)
    assert raised.value.notice.kind == ("database_damaged" if fault == "pages are lost" else "copy_damaged")
    assert os.listdir(tmp_path) == ["home"]


KILLED = """
from udpnote.storage.notebook.backup import back_up
def look(event, arguments):
    if event in ("os.link", "os.rename", "os.remove", "sqlite3.connect") or (event == "open" and arguments[2] & os.O_CREAT):
        step()
def run(path, backup, with_key):
    sys.addaudithook(look)
    back_up(path, backup, with_key=with_key, replaces=True)
"""


@pytest.mark.parametrize(("with_key", "is_earlier"), [(True, False), (False, True)])
def test_a_backup_killed_before_any_step_leaves_a_whole_file_or_none_and_the_next_removes_its_drafts(
    sealed: Path, tmp_path: Path, with_key: bool, is_earlier: bool
) -> None:
    folder, outcomes = tmp_path / "backups", list[list[str]]()
    with killable(KILLED) as run:
        for steps in range(STEPS_MAX):
            folder.mkdir()
            backup = folder / "厨房-11-27"
            if is_earlier:
                back_up(str(sealed), str(backup), with_key=not with_key)
                write(sealed, "later")
            before, after = texts_of(backup), texts_of(sealed)
            is_killed = run(steps, sealed, backup, with_key)
            outcomes.append(texts_of(backup))
            assert outcomes[-1] in (before, after)
            assert read_key_file(f"{backup}.key") in (None, KEYS)
            if not is_killed:
                break
            for each in folder.iterdir():
                assert each.stat().st_mode & 0o777 == 0o600
                os.utime(each, (time.time() - OTHER_DRAFT_SECONDS_MAX - 1,) * 2)
            back_up(str(sealed), str(folder / "厨房-11-28"), with_key=False)
            left = {each.name for each in folder.iterdir()}
            assert left <= {"厨房-11-27", "厨房-11-27.key", "厨房-11-28"}, (
                "no draft stays where backups are named by their dates"
            )
            back_up(str(sealed), str(backup), with_key=with_key, replaces=True)
            assert (texts_of(backup), read_key_file(f"{backup}.key")) == (after, KEYS if with_key else None)
            shutil.rmtree(folder)
    assert STEPS_MAX > len(outcomes) > 6
    assert outcomes[0] != outcomes[-1]


@pytest.mark.parametrize("room", [0, 8 << 10, 1 << 20])
def test_a_full_disk_is_named_and_nothing_is_left_there(path: Path, small_disk: Path, room: int) -> None:
    write(path, *[MEGABYTE] * 3)
    shorten(fill(small_disk), room)
    with pytest.raises(NoSpace) as raised:
        back_up(str(path), str(small_disk / "b"), with_key=None)
    assert str(small_disk / "b") in str(raised.value)
    assert os.listdir(small_disk) == ["filler"]


def test_a_read_only_notebook_and_one_behind_a_link_are_backed_up_onto_another_disk(
    path: Path, tmp_path: Path, small_disk: Path
) -> None:
    os.chmod(path, 0o400)
    link = tmp_path / "link"
    link.symlink_to(path)
    (small_disk / "link").symlink_to(small_disk / "target")
    back_up(str(link), str(small_disk / "link"), with_key=None)
    assert (sorted(os.listdir(small_disk)), os.listdir(path.parent)) == (["link", "target"], ["notebook.sqlite3"])
    assert read(small_disk / "target") == ["今天开会"]

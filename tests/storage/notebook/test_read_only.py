"""Reading a notebook's file: not with a damaged log, which is left as it is, but on a read-only disk."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import TEXT, add, write
from tests.support.errors import raises
from tests.support.killed import printed_by
from tests.support.killed_database import NOTES, Killed, flip, is_held, open_elsewhere
from tests.support.notebook_files import change
from udpnote.errors import Notice, StorageError
from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, Query
from udpnote.storage.notebook.erasure import prepared_erasure
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.read_only import ReadOnlyNotebook
from udpnote.storage.notebook.verified_copy import opened_to_copy


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    return Killed(tmp_path)


def read_only(path: str) -> None:
    ReadOnlyNotebook(path).close()


def to_copy(path: str) -> None:
    with opened_to_copy(path):
        pass


@pytest.mark.parametrize("read", [read_only, to_copy])
def test_a_notebook_with_a_damaged_log_is_not_read_and_its_files_stay(killed: Killed, read: Callable[[str], None]) -> None:
    killed.damage(flip, killed.frames[-1])
    before = killed.files()
    for _ in range(2):
        with raises(StorageError, "log_damaged", path=str(killed.path), log=str(killed.log)):
            read(str(killed.path))
    assert killed.files() == before
    assert killed.is_refused()


def test_while_another_program_has_the_file_open_its_log_is_not_checked(killed: Killed) -> None:
    with open_elsewhere(killed.path):
        killed.damage(flip, killed.frames[6], has_index=None)
        with closing(ReadOnlyNotebook(str(killed.path))) as reading:
            assert reading.last_number() == NOTES


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_log_that_a_server_changes_or_removes_during_its_check_is_not_damaged(killed: Killed, has_ended: bool) -> None:
    """When the check is about to open the log, an audit hook opens the notebook as a server does, and changes the log."""
    program = f"""if True:
        import os, sqlite3, subprocess, sys
        from pathlib import Path
        from tests.support.killed_database import open_elsewhere
        from udpnote.storage.notebook.read_only import ReadOnlyNotebook
        path, opened = Path({str(killed.path)!r}), []
        serve = f"from udpnote.storage.notebook.notebook import Notebook; Notebook({{str(path)!r}}).close()"
        def look(event, arguments):
            if event == "open" and arguments[0] == f"{{path}}-wal":
                opened.append(open_elsewhere(path))
                if {has_ended} and len(opened) == 2:
                    subprocess.run([sys.executable, "-c", serve], check=True)
                elif not {has_ended} and len(opened) == 1:
                    opened[0].__enter__()
                    with open(f"{{path}}-wal", "r+b") as log:
                        log.seek({killed.frames[6]})
                        log.write(bytes(100))
        sys.addaudithook(look)
        print(ReadOnlyNotebook(str(path)).last_number(), len(opened) > 1)
    """
    assert printed_by(program) == f"{NOTES} True\n"


def test_a_second_reader_in_a_process_leaves_the_first_one_its_locks(killed: Killed) -> None:
    with closing(ReadOnlyNotebook(str(killed.path))) as reading:
        reading._connection.execute("BEGIN")
        assert reading.last_number() == NOTES
        ReadOnlyNotebook(str(killed.path)).close()
        assert is_held(killed.path)
        reading._connection.execute("COMMIT")


def test_a_database_of_another_kind_is_named_whatever_its_log_has(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        for suffix in ("", "-wal"):
            (tmp_path / f"left{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    assert os.path.getsize(tmp_path / "left-wal")
    with raises(StorageError, "other_kind_of_file"):
        ReadOnlyNotebook(str(tmp_path / "left"))


def left_on(disk: Path, tmp_path: Path, *suffixes: str) -> str:
    """Put a notebook on `disk` and make the disk read-only. Return the notebook's path.

    With `suffixes`, these files are beside it, as after a crash. Without them, the notebook was closed."""
    path = tmp_path / "notebook.sqlite3"
    with closing(Notebook(path)) as notebook:
        add(notebook, TEXT, TEXT)
        for suffix in suffixes:
            shutil.copy(f"{path}{suffix}", disk)
        if suffixes:
            shutil.copy(path, disk)
    if not suffixes:
        shutil.copy(path, disk)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    return str(disk / path.name)


@pytest.mark.parametrize(
    ("suffixes", "has_empty_log"),
    [((), False), (("-wal", "-shm"), False), ((), True)],
    ids=["closed", "after a crash", "with an empty log"],
)
def test_a_notebook_on_a_read_only_disk_is_read_and_searched(
    small_disk: Path, tmp_path: Path, suffixes: tuple[str, ...], has_empty_log: bool
) -> None:
    if has_empty_log:
        (small_disk / "notebook.sqlite3-wal").touch()
    path = left_on(small_disk, tmp_path, *suffixes)
    before = sorted(os.listdir(small_disk))
    with closing(ReadOnlyNotebook(path)) as reading:
        for query in (Query(), Query(words=("中", "文"))):
            found = [
                each.number for each in reading.lookup.answer(query, FIRST, lambda: False) if isinstance(each, StoredEntry)
            ]
            assert found == [1, 2]
    assert sorted(os.listdir(small_disk)) == before


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv here")
def test_a_notebook_is_read_in_a_folder_that_this_user_cannot_write_as_a_backup_of_another_user(tmp_path: Path) -> None:
    path = tmp_path / "backups" / "厨房"
    path.parent.mkdir()
    write(path, TEXT, TEXT)
    for each, mode in ((path, 0o400), (path.parent, 0o500)):
        each.chmod(mode)
    program = f"""if True:
        from udpnote.model.query import FIRST, Query
        from udpnote.storage.notebook.read_only import ReadOnlyNotebook
        found = ReadOnlyNotebook({str(path)!r}).lookup.answer(Query(words=("中", "文")), FIRST, lambda: False)
        print([each.number for each in found])
    """
    as_user = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []  # permissions count for root, too
    assert printed_by(program, under=as_user) == "[1, 2]\n"


def test_a_log_that_sqlite_cannot_read_on_a_read_only_disk_is_an_error_with_the_way_out(
    small_disk: Path, tmp_path: Path
) -> None:
    path = left_on(small_disk, tmp_path, "-wal")
    with raises(StorageError, "log_on_read_only_disk", path=path, log=f"{path}-wal"):
        ReadOnlyNotebook(path)


def serve(path: str) -> None:
    Notebook(path).close()


def erase(path: str) -> None:
    with prepared_erasure(path, 1):
        pass


@pytest.mark.parametrize("number", [2**63 - 1, 2**63 - 4, 2**40])
@pytest.mark.parametrize("use", [serve, read_only, to_copy, erase])
def test_a_notebook_with_a_number_that_its_size_rules_out_is_damaged_and_stays(
    path: Path, use: Callable[[str], None], number: int
) -> None:
    write(path, "first", "second")
    change(path, f"UPDATE entries SET number = {number} WHERE number = 2")
    before = path.read_bytes()
    for _ in range(2):
        with raises(StorageError, "database_damaged", path=str(path), problem=Notice("number_beyond_file", number=number)):
            use(str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("loss", ["DELETE FROM properties", "UPDATE properties SET value = 'text'"])
@pytest.mark.parametrize("use", [serve, read_only, to_copy, erase])
def test_a_notebook_without_an_id_is_damaged_and_stays(path: Path, use: Callable[[str], None], loss: str) -> None:
    write(path, "first", "second")
    change(path, f"{loss} WHERE name = 'notebook_id'")
    before = path.read_bytes()
    with raises(StorageError, "database_damaged", path=str(path), problem=Notice("no_notebook_id")):
        use(str(path))
    assert path.read_bytes() == before


def test_the_key_that_was_recorded_last_is_read(path: Path) -> None:
    with closing(Notebook(path)) as notebook, closing(ReadOnlyNotebook(str(path))) as reading:
        assert reading.used_key_id is None
        for key_id in (b"first", b"second", b"second"):
            notebook.record_key(key_id)
            assert reading.used_key_id == key_id

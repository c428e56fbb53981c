"""A notebook's file is read where it is, even on a disk that nobody can write."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import NOW, part
from tests.support.errors import raises
from udpnote.errors import StorageError
from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, Query
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.read_only import ReadOnlyNotebook


def left_on(disk: Path, tmp_path: Path, *suffixes: str) -> str:
    """A notebook on a disk that becomes read-only: with these files beside it, as a crash leaves them, or closed before."""
    path = tmp_path / "notebook.sqlite3"
    with closing(Notebook(path)) as notebook:
        notebook.store([part(1), part(2)], NOW)
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
    with closing(Notebook(path)) as notebook:
        notebook.store([part(1), part(2)], NOW)
    for each, mode in ((path, 0o400), (path.parent, 0o500)):
        each.chmod(mode)
    program = f"""if True:
        from udpnote.model.query import FIRST, Query
        from udpnote.storage.notebook.read_only import ReadOnlyNotebook
        found = ReadOnlyNotebook({str(path)!r}).lookup.answer(Query(words=("中", "文")), FIRST, lambda: False)
        print([each.number for each in found])
    """
    as_user = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []  # permissions count for root, too
    done = subprocess.run([*as_user, sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[1, 2]\n", "")


def test_a_log_that_sqlite_cannot_read_on_a_read_only_disk_is_an_error_with_the_way_out(
    small_disk: Path, tmp_path: Path
) -> None:
    path = left_on(small_disk, tmp_path, "-wal")
    with raises(StorageError, "log_on_read_only_disk", path=path, log=f"{path}-wal"):
        ReadOnlyNotebook(path)


def test_it_says_which_key_was_noted_last(tmp_path: Path) -> None:
    path = tmp_path / "notebook.sqlite3"
    with closing(Notebook(path)) as notebook, closing(ReadOnlyNotebook(str(path))) as reading:
        assert reading.used_key_id is None
        for key_id in (b"first", b"second", b"second"):
            notebook.note_key(key_id)
            assert reading.used_key_id == key_id

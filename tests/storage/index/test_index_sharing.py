"""One index file and several programs: who writes it, who may not, and that each index comes out right."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.disks import mounted
from tests.writings import Writings, assert_right, catch_up, caught_up, find, never, opened
from udpnote.storage.index.note_changes import BATCH_ENTRIES_MAX

# A file that this process may not write


def test_where_no_file_can_be_made_the_index_is_a_temporary_one(
    tmp_path: Path, writings: Writings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    writings.fill(["会"] * 100)
    for place in ("file/index", "folder"):
        with caught_up(str(tmp_path / place), writings) as index:
            writings.revise(1, place)
            catch_up(index)
            assert_right(index, writings)
            assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "x"


def test_a_file_that_another_program_has_locked_is_left_to_it(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with opened(path, writings) as index:
        index.catch_up(lambda: True)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with opened(path, writings) as index:
            assert index.indexed == 0
            catch_up(index)
            assert_right(index, writings)
        other.execute("COMMIT")
    with opened(path, writings) as index:
        assert index.indexed == BATCH_ENTRIES_MAX


@contextmanager
def another_user() -> Iterator[None]:
    """A user for whom permissions count, which they do not for root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users reach as soon as its mode lets them."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("is_in_use", [False, True])
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o555), (0o444, 0o777), (0o000, 0o777)])
def test_an_index_that_may_not_be_written_is_left_as_it_is_for_a_temporary_one(
    shared_folder: Path, writings: Writings, file_mode: int, folder_mode: int, is_in_use: bool
) -> None:
    path = str(shared_folder / "index")
    writings.fill(["会"] * 100)
    with opened(path, writings) as owners:
        owners.catch_up(lambda: True)
        if not is_in_use:
            owners.close()
        for file in shared_folder.iterdir():
            file.chmod(file_mode)
        shared_folder.chmod(folder_mode)
        with another_user(), caught_up(path, writings) as index:
            assert_right(index, writings)
        shared_folder.chmod(0o755)
        os.chmod(path, 0o600)
    with opened(path, writings) as index:
        assert index.indexed == BATCH_ENTRIES_MAX


def test_on_a_full_disk_the_index_waits_and_goes_on_when_there_is_space(tmp_path: Path, writings: Writings) -> None:
    with mounted(tmp_path / "disk", megabytes=2) as disk:
        writings.fill(f"开会 word{number}" for number in range(1000))
        path = str(disk / "index")
        with opened(path, writings, shard_numbers_max=BATCH_ENTRIES_MAX) as index:
            index.catch_up(lambda: True)
            ballast = disk / "ballast"
            with open(ballast, "wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(4096))
            for _ in range(100):
                assert not index.catch_up(never)
            assert index.indexed < 1000
            assert find(index, "word3") == [4], "what is indexed can be searched"
            ballast.unlink()
            assert not index.catch_up(never), "a disk that was full so often is not tried at each call"
            catch_up(index)
            assert_right(index, writings)
            assert os.stat(path).st_size, "it is still where it was"


# Several processes


CHILD = """
import sys
from udpnote.storage.index.index import Index
from udpnote.storage.notebook.tables import SCHEMA
from udpnote.storage.database import open_database

def tell():
    print(index.indexed, flush=True)
    return False

index = Index(sys.argv[2], open_database(sys.argv[1], SCHEMA), shard_numbers_max=200, log_bytes=100_000)
while not index.catch_up(tell):
    pass
print("done", flush=True)
"""


def test_two_processes_may_index_at_once(tmp_path: Path, path: str) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path / "notebook"), path]
    with closing(Writings(command[-2])) as writings:
        writings.fill(f"开会 word{number % 50} {number}" for number in range(1500))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            committed = [int(child.stdout.readline()) for _ in range(5)]
            with opened(path, writings, shard_numbers_max=200) as index:
                assert index.indexed >= committed[-1]
                catch_up(index)
                assert_right(index, writings)
                assert child.stdout.read().endswith("done\n")
                assert find(index, "word7") == list(range(8, 1500, 50))


def test_two_indexes_of_one_file_catch_up_by_turns_and_both_are_right(path: str, writings: Writings) -> None:
    with opened(path, writings, shard_numbers_max=100) as one, opened(path, writings, shard_numbers_max=100) as other:
        for turn in range(5):
            writings.fill(f"开会 word{turn} {number}" for number in range(100))
            writings.revise(turn + 1, f"revised {turn}")
            one.catch_up(lambda: True)
            other.catch_up(lambda: True)
        catch_up(one)
        assert one.indexed == 505
        assert other.catch_up(lambda: True), "the first one has done it all"
        for index in (one, other):
            assert_right(index, writings)


def test_an_index_that_another_process_writes_is_tried_again_later(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with opened(path, writings) as index, closing(sqlite3.connect(path, isolation_level=None)) as other:
        index.catch_up(lambda: True)
        other.execute("BEGIN IMMEDIATE")
        assert not index.catch_up(never)
        assert find(index, "会") == list(range(1, BATCH_ENTRIES_MAX + 1)), "it can be searched meanwhile"
        other.execute("ROLLBACK")
        assert index.catch_up(never)
        assert_right(index, writings)
        other.execute("UPDATE state SET rules = 'others', indexed = 0")
        catch_up(index)
        assert_right(index, writings)
        assert other.execute("SELECT rules, indexed FROM state").fetchone() == ("others", 0)

"""The files of search indexes: whatever is wrong with one, and whoever else uses it, the index comes out right."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tests.writings import NOW, Note, Writings, assert_right, catch_up, find, never, tallied
from udpnote.errors import StorageError
from udpnote.model.query import Query, View
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.index.index import Index, IndexDamaged
from udpnote.storage.index.index_file import open_index_file, remove_index_file
from udpnote.storage.index.note_changes import BATCH_ENTRIES_MAX

SEED = 20190509


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notebook.index")


@pytest.fixture
def writings() -> Iterator[Writings]:
    with closing(Writings()) as writings:
        yield writings


def test_an_index_goes_on_where_it_was_when_it_is_opened_again(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as index:
        index.catch_up(lambda: True)
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == BATCH_ENTRIES_MAX
        assert find(index, "会") == list(range(1, BATCH_ENTRIES_MAX + 1))
        catch_up(index)
        assert_right(index, writings)
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == 100
        assert_right(index, writings)


def test_an_index_in_memory_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writings: Writings) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(Index(IN_MEMORY, writings.connection)) as index:
        catch_up(index)
    assert os.listdir(tmp_path) == []


def test_a_closed_index_is_one_file_for_its_owner_only(path: str, tmp_path: Path, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
    assert os.listdir(tmp_path) == ["notebook.index"]
    assert os.stat(path).st_mode & 0o777 == 0o600


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


def start_child(notebook: Path, path: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, notebook, path], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("transactions", [1, 5, 11])
def test_a_process_that_is_killed_in_the_middle_leaves_an_index_that_goes_on(
    tmp_path: Path, path: str, transactions: int
) -> None:
    with closing(Writings(str(tmp_path / "notebook"))) as writings:
        writings.fill(f"开会 word{number % 50} {number}" for number in range(2000))
        with start_child(tmp_path / "notebook", path) as child:
            assert child.stdout is not None
            said = [int(child.stdout.readline()) for _ in range(transactions)]
            child.kill()
        with closing(Index(path, writings.connection, shard_numbers_max=200)) as index:
            assert index.indexed >= said[-1], "what was committed is there"
            catch_up(index)
            assert_right(index, writings)
            assert find(index, "word7") == list(range(8, 2000, 50))


def test_a_transaction_that_was_begun_and_never_committed_leaves_no_trace(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as index:
        index.catch_up(lambda: True)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE state SET indexed = 99")
        other.execute("DELETE FROM authors")
        other.execute("INSERT INTO search_1 (search_1, rowid, words) VALUES ('delete', 1, '会')")
        other.close()
        catch_up(index)
        assert_right(index, writings)


def test_a_notebook_that_cannot_be_read_in_the_middle_does_not_spoil_the_index(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as index:
        index.catch_up(lambda: True)
        writings.connection.execute("ALTER TABLE clients RENAME TO gone")
        with pytest.raises(StorageError, match="cannot use :memory:: no such table"):
            index.catch_up(never)
        writings.connection.execute("ALTER TABLE gone RENAME TO clients")
        catch_up(index)
        assert_right(index, writings)


def test_an_index_of_another_notebook_is_made_anew(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 10)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
    with closing(Writings()) as others:
        others.fill(["other"] * 10)
        with closing(Index(path, others.connection)) as index:
            assert (index.indexed, index.totals.notes, find(index, "会")) == (0, 0, [])
            catch_up(index)
            assert_right(index, others)


@pytest.mark.parametrize("later", [[], ["newer"], ["newer"] * 20])
def test_an_index_of_a_notebook_that_was_restored_from_a_backup_is_made_anew(
    tmp_path: Path, path: str, later: list[str]
) -> None:
    notebook, backup = tmp_path / "notebook", tmp_path / "backup"
    with closing(Writings(str(notebook))) as writings:
        writings.fill(["会 #a"] * 5)
    shutil.copy(notebook, backup)
    with closing(Writings(str(notebook))) as writings:
        writings.fill(["lost #b"] * 10)
        with closing(Index(path, writings.connection)) as index:
            catch_up(index)
    shutil.copy(backup, notebook)
    with closing(Writings(str(notebook))) as writings:
        writings.connection.execute("UPDATE clients SET client_id = ?", (b"d" * 16,))
        writings.notes = {number: Note("amy@pi", NOW, 480, "会 #a") for number in range(1, 6)}
        writings.fill(later)
        with closing(Index(path, writings.connection)) as index:
            assert index.indexed == 0
            catch_up(index)
            assert find(index, "lost") == []
            assert tallied(index, View.TAGS) == {"a": 5}
            assert_right(index, writings)


@pytest.mark.parametrize("what", ["client_id", "sequence", "stored_at"])
def test_another_entry_under_the_last_number_is_noticed_by_each_part_of_its_mark(
    path: str, writings: Writings, what: str
) -> None:
    writings.fill(["会"] * 5)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
    table, value = ("clients", b"d" * 16) if what == "client_id" else ("entries", 77)
    last = "" if what == "client_id" else " WHERE number = 5"
    writings.connection.execute(f"UPDATE {table} SET {what} = ?{last}", (value,))
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == 0


def test_a_backup_that_the_index_had_not_come_to_yet_is_no_reason_to_begin_anew(path: str, writings: Writings) -> None:
    writings.fill(["会"] * (BATCH_ENTRIES_MAX + 10))
    with closing(Index(path, writings.connection)) as index:
        index.catch_up(lambda: True)
    writings.connection.execute("DELETE FROM entries WHERE number > ?", (BATCH_ENTRIES_MAX + 3,))
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == BATCH_ENTRIES_MAX


def test_an_index_by_other_rules_is_made_anew(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 5)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE state SET rules = '0 15.0.0'")
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == 0
        catch_up(index)
        assert_right(index, writings)


# What is wrong with its file


def of_a_newer_version(path: str) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("PRAGMA user_version = 99")


def of_another_kind(path: str) -> None:
    os.unlink(path)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE songs (title TEXT)")


def without_its_state(path: str) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DELETE FROM state")


def without_a_table(path: str) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TABLE shards")


def overwritten(start: int, data: bytes | None = None) -> Callable[[str], None]:
    def overwrite(path: str) -> None:
        content = Path(path).read_bytes()
        end = data if data is not None else Random(SEED).randbytes(len(content) - start)
        Path(path).write_bytes(content[:start] + end)

    return overwrite


DAMAGES = {
    "newer": of_a_newer_version,
    "of another kind": of_another_kind,
    "without its state": without_its_state,
    "without a table": without_a_table,
    "empty": overwritten(0, b""),
    "text": overwritten(0, b"2019/05/09 16:37:08\n"),
    "zeros": overwritten(0, bytes(8192)),
    "cut in the header": overwritten(50, b""),
    "cut after a page": overwritten(4096, b""),
    "noise": overwritten(0),
    "noise after the header": overwritten(100),
    "noise after a page": overwritten(4096),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_file_that_is_no_index_is_made_anew_without_a_word(
    path: str, writings: Writings, damage: Callable[[str], None]
) -> None:
    writings.fill(f"开会 {number}" for number in range(500))
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
    damage(path)
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == 0
        catch_up(index)
        assert_right(index, writings)
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == 500, "the new one is in the old one's place"


def test_an_index_is_removed_with_its_log_or_not_at_all(tmp_path: Path) -> None:
    path = str(tmp_path / "index")
    assert remove_index_file(path), "it is not there"
    for end in ("", "-wal", "-shm"):
        Path(path + end).touch()
    assert remove_index_file(path)
    assert os.listdir(tmp_path) == []
    os.mkdir(path)
    assert not remove_index_file(path)


def test_commits_do_not_wait_for_the_disk_by_the_settings_that_are_in_force(path: str) -> None:
    for _ in ("made", "opened again"):
        with closing(open_index_file(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL
            assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def break_search(path: str) -> None:
    """Spoil the full text, but nothing that is looked at when the index is opened."""
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE search_1_data SET block = x'00ff' WHERE id > 10")


def test_damage_that_a_search_finds_is_said_and_then_mended(path: str, writings: Writings) -> None:
    writings.fill(f"开会 {number}" for number in range(100))
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
    break_search(path)
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == 100
        with pytest.raises(IndexDamaged):
            find(index, "开会")
        assert index.indexed == 0, "until it is mended, it is not ready"
        catch_up(index)
        assert_right(index, writings)
    with closing(Index(path, writings.connection)) as index:
        assert_right(index, writings)


@pytest.mark.parametrize("table", ["tags", "spans", "totals"])
def test_damage_that_a_figure_finds_is_said_and_then_mended(path: str, writings: Writings, table: str) -> None:
    writings.fill(["开会 #a"] * 100)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute(f"DROP TABLE {table}")
        with pytest.raises(IndexDamaged):
            _ = tallied(index, View.TAGS), index.skip(1, NOW, None, False), index.totals.notes
        catch_up(index)
        assert_right(index, writings)


def test_damage_that_is_found_while_writing_is_mended_without_a_word(path: str, writings: Writings) -> None:
    writings.fill(f"开会 {number}" for number in range(100))
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DROP TABLE authors")
        writings.note("开会 again")
        assert not index.catch_up(never)
        catch_up(index)
        assert_right(index, writings)


def test_an_index_that_counts_below_nothing_is_damaged(path: str, writings: Writings) -> None:
    writings.fill(["开会 #a"] * 2)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE authors SET notes = 1")
        writings.delete(1)
        writings.delete(2)
        catch_up(index)
        assert_right(index, writings)


def test_a_search_that_began_before_the_index_was_made_anew_does_not_end_as_if_it_were_whole(
    path: str, writings: Writings
) -> None:
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
        search = index.matches(Query(words=("会",)), 1)
        assert next(search) == 1
        os.unlink(path)
        catch_up(index)
        with pytest.raises(IndexDamaged):
            list(search)
        assert index.indexed == 100, "the new one is not to blame"
        assert_right(index, writings)


@pytest.mark.parametrize("place", ["under a file", "a folder"])
def test_where_no_file_can_be_made_the_index_is_a_temporary_one(
    tmp_path: Path, place: str, writings: Writings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    writings.fill(["会"] * 100)
    with closing(Index(str(tmp_path / ("file/index" if place == "under a file" else "folder")), writings.connection)) as index:
        catch_up(index)
        assert_right(index, writings)
        writings.delete(1)
        catch_up(index)
        assert_right(index, writings)
        assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "x"


def test_a_file_that_another_program_has_locked_is_left_to_it(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as index:
        index.catch_up(lambda: True)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with closing(Index(path, writings.connection)) as index:
            assert index.indexed == 0
            catch_up(index)
            assert_right(index, writings)
        other.execute("COMMIT")
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == BATCH_ENTRIES_MAX


@contextmanager
def somebody_else() -> Iterator[None]:
    """Nobody in particular, for whom permissions count."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def others_folder() -> Iterator[Path]:
    """A folder that everybody may come to, once its mode says so."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("is_in_use", [False, True])
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o555), (0o444, 0o777), (0o000, 0o777)])
def test_an_index_that_may_not_be_written_is_left_as_it_is_for_a_temporary_one(
    others_folder: Path, writings: Writings, file_mode: int, folder_mode: int, is_in_use: bool
) -> None:
    path = str(others_folder / "index")
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as owners:
        owners.catch_up(lambda: True)
        if not is_in_use:
            owners.close()
        for file in others_folder.iterdir():
            file.chmod(file_mode)
        others_folder.chmod(folder_mode)
        with somebody_else(), closing(Index(path, writings.connection)) as index:
            catch_up(index)
            assert_right(index, writings)
        others_folder.chmod(0o755)
        os.chmod(path, 0o600)
    with closing(Index(path, writings.connection)) as index:
        assert index.indexed == BATCH_ENTRIES_MAX


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill up")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a small disk to fill up")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_on_a_full_disk_the_index_waits_and_goes_on_when_there_is_space(small_disk: Path, writings: Writings) -> None:
    writings.fill(f"开会 word{number}" for number in range(1000))
    path = str(small_disk / "index")
    with closing(Index(path, writings.connection, shard_numbers_max=BATCH_ENTRIES_MAX)) as index:
        index.catch_up(lambda: True)
        ballast = small_disk / "ballast"
        with open(ballast, "wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        for _ in range(100):
            assert not index.catch_up(never)
        assert index.indexed < 1000
        assert find(index, "word3") == [4], "what is indexed can be searched"
        ballast.unlink()
        assert not index.catch_up(never), "a disk that was full so often is not asked at each call"
        catch_up(index)
        assert_right(index, writings)
        assert os.stat(path).st_size, "it is still where it was"


# Several processes


def test_two_indexes_of_one_file_catch_up_by_turns_and_both_are_right(path: str, writings: Writings) -> None:
    def open_index() -> Index:
        return Index(path, writings.connection, shard_numbers_max=100)

    with closing(open_index()) as one, closing(open_index()) as other:
        for turn in range(10):
            writings.fill(f"开会 word{turn} {number}" for number in range(100))
            writings.revise(turn + 1, f"revised {turn}")
            one.catch_up(lambda: True)
            other.catch_up(lambda: True)
        catch_up(one)
        assert one.indexed == 1010
        assert other.catch_up(lambda: True), "the first one has done it all"
        assert_right(one, writings)
        assert_right(other, writings)


def test_an_index_that_another_process_is_writing_is_tried_again_later(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as index, closing(sqlite3.connect(path, isolation_level=None)) as other:
        index.catch_up(lambda: True)
        other.execute("BEGIN IMMEDIATE")
        assert not index.catch_up(never)
        assert find(index, "会") == list(range(1, BATCH_ENTRIES_MAX + 1)), "it can be searched meanwhile"
        other.execute("ROLLBACK")
        assert index.catch_up(never)
        assert_right(index, writings)


def test_two_processes_catch_up_at_the_same_time(tmp_path: Path, path: str) -> None:
    with closing(Writings(str(tmp_path / "notebook"))) as writings:
        writings.fill(f"开会 word{number % 50} {number}" for number in range(3000))
        with start_child(tmp_path / "notebook", path) as child:
            assert child.stdout is not None
            child.stdout.readline()
            with closing(Index(path, writings.connection, shard_numbers_max=200)) as index:
                catch_up(index)
                assert_right(index, writings)
                assert child.stdout.read().endswith("done\n")
                assert find(index, "word7") == list(range(8, 3000, 50))


def test_a_file_that_somebody_removes_is_made_anew(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
        os.unlink(path)
        catch_up(index)
        assert_right(index, writings)
        with closing(Index(path, writings.connection)) as other:
            assert other.indexed == 100


def test_a_file_that_another_version_takes_over_is_left_to_it(path: str, writings: Writings) -> None:
    writings.fill(["会"] * 10)
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE state SET rules = 'others', indexed = 0")
        catch_up(index)
        assert_right(index, writings)
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT rules, indexed FROM state").fetchone() == ("others", 0)


def test_the_log_is_moved_into_the_file_while_the_index_grows(path: str, writings: Writings) -> None:
    writings.fill(f"开会 word{number}" for number in range(5000))
    with closing(Index(path, writings.connection, log_bytes=200_000)) as index:
        catch_up(index)
        assert os.stat(path).st_size > 200_000
        assert os.stat(f"{path}-wal").st_size < 2_000_000
        assert_right(index, writings)

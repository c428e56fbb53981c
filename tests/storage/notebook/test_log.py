"""The log of a notebook: it is short, and it is never applied to another file than its own."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import add, read, write
from tests.support.disks import fill, shorten
from tests.support.errors import raises
from tests.support.killed import printed_by
from tests.support.losses import log_of
from tests.support.processes import eventually, longest_file
from udpnote.errors import NoSpace, NotebookInUse, NotebookLost, StorageError
from udpnote.storage.database import LOG_HEADER_BYTES, create_database, open_database
from udpnote.storage.notebook.file_guard import FileGuard, guarded
from udpnote.storage.notebook.log import Log, log_bytes_max, opened_with_log
from udpnote.storage.notebook.log_check import check_log
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.read_only import ReadOnlyNotebook
from udpnote.storage.notebook.tables import SCHEMA, write_property

LOG_BYTES = 1 << 20
"""The length of the log in these tests: a short one is copied in no time."""

LOG_BYTES_MAX = log_bytes_max(LOG_BYTES)
LONG = "x" * (LOG_BYTES >> 4)


def opened(path: str | Path) -> Notebook:
    return Notebook(path, log_bytes=LOG_BYTES)


def back_up(path: Path, to: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)


def overwritten(path: Path) -> pytest.RaisesExc[NotebookLost]:
    """Expect the error that the log of the notebook at `path` was overwritten."""
    return raises(NotebookLost, "log_overwritten", path=str(path), log=str(log_of(path)))


def assert_lost(notebook: Notebook, path: Path) -> None:
    """Assert that the notebook takes no more entries, because its log was overwritten, and says so when it is closed."""
    for _ in range(2):
        with overwritten(path):
            add(notebook, "two")
    with overwritten(path):
        notebook.close()


def crash(path: Path, folder: Path) -> Path:
    """Copy into `folder` what a crash of the notebook's process would leave now. Return the path of the copied notebook."""
    folder.mkdir()
    for each in (path, log_of(path)):
        if each.exists():
            shutil.copy(each, folder)
    return folder / path.name


def is_copied(notebook: Notebook) -> bool:
    """Whether no thread copies the log into the file any more."""
    notebook.check_file()
    return not notebook.is_checkpoint_running


@pytest.fixture
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that reads the notebook, and keeps the log from beginning again."""
    Notebook(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def begin_to_read(reader: sqlite3.Connection) -> None:
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()


def test_a_log_gets_its_full_length_for_a_server_and_zeros_in_it_hide_no_entry(path: Path, tmp_path: Path) -> None:
    with closing(opened(path)) as notebook:
        add(notebook, "one")
        assert log_of(path).stat().st_size < LOG_BYTES
        notebook.preallocate_log()
        assert LOG_BYTES <= log_of(path).stat().st_size <= LOG_BYTES_MAX
        add(notebook, "two")
        crashed = crash(path, tmp_path / "crashed")
    assert read(crashed) == ["one", "two"]


@pytest.mark.parametrize("kind", ["copied while it was served", "copied before it was served", "another notebook"])
def test_an_earlier_log_is_not_applied_to_a_backup_in_the_files_place(path: Path, tmp_path: Path, kind: str) -> None:
    backup = tmp_path / "backup"
    write(path, "one")
    if kind == "copied before it was served":
        shutil.copy(path, backup)
    elif kind == "another notebook":
        write(backup, "one")
    with closing(opened(path)) as notebook:
        if kind == "copied while it was served":
            back_up(path, backup)
        add(notebook, "two")
        left = crash(path, tmp_path / "crashed")
    shutil.copy(backup, left)
    before = {each: each.read_bytes() for each in (left, log_of(left))}
    for open_file in (Notebook, lambda path: ReadOnlyNotebook(str(path))):
        with raises(StorageError, "log_of_another_file", path=str(left), log=str(log_of(left))):
            open_file(left)
    assert {each: each.read_bytes() for each in before} == before
    log_of(left).unlink()
    assert read(left) == ["one"]


WITHOUT_LOG: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "emptied": lambda log: os.truncate(log, 0),
    "overwritten": lambda log: log.write_bytes(bytes(5000)),
}


@pytest.mark.parametrize("loss", WITHOUT_LOG)
def test_a_notebook_whose_server_was_killed_is_not_used_without_its_log(path: Path, tmp_path: Path, loss: str) -> None:
    with closing(opened(path)) as notebook:
        add(notebook, "one")
        left = crash(path, tmp_path / "crashed")
    WITHOUT_LOG[loss](log_of(left))
    before = left.read_bytes()
    for _ in range(2):
        with raises(StorageError, "log_gone", path=str(left), log=str(log_of(left))):
            Notebook(left)
    assert left.read_bytes() == before
    assert read(path) == ["one"], "a notebook that was closed needs no log"


@pytest.mark.parametrize("put", [Path.mkdir, lambda log: log.symlink_to("elsewhere")])
def test_a_log_that_sqlite_does_not_open_is_named(path: Path, put: Callable[[Path], object]) -> None:
    write(path, "one")
    put(log_of(path))
    with raises(StorageError, "log_is_no_file", path=str(path), log=str(log_of(path))):
        Notebook(path)


@pytest.mark.parametrize("is_copied_by_thread", [False, True])
def test_a_log_that_another_program_has_overwritten_is_not_copied_into_the_file(path: Path, is_copied_by_thread: bool) -> None:
    notebook = opened(path)
    add(notebook, "one" * 2000)
    before = path.read_bytes()
    with open(log_of(path), "r+b") as log:
        log.seek(3000)
        log.write(bytes(2000))
    with overwritten(path):
        for _ in range(is_copied_by_thread * 3 * LOG_BYTES // len(LONG)):
            add(notebook, LONG)
        notebook.close()
    if is_copied_by_thread:
        with overwritten(path):
            notebook.close()
    assert path.read_bytes() == before


def test_if_the_log_may_not_get_its_full_length_it_is_not_preallocated_and_entries_are_stored(path: Path) -> None:
    notebook = opened(path)
    with longest_file(LOG_BYTES - 1):
        notebook.preallocate_log()
        add(notebook, "one")
    assert log_of(path).stat().st_size < LOG_BYTES
    notebook.close()


@pytest.mark.parametrize("bytes_left", [0, 5000])
def test_nothing_is_acknowledged_once_another_program_has_cut_the_log(path: Path, bytes_left: int) -> None:
    notebook = opened(path)
    notebook.preallocate_log()
    add(notebook, "one")
    os.truncate(log_of(path), bytes_left)
    assert_lost(notebook, path)


def test_nothing_is_acknowledged_once_another_program_has_overwritten_the_log_from_its_beginning(path: Path) -> None:
    notebook = opened(path)
    notebook.preallocate_log()
    for _ in range(3 * LOG_BYTES // len(LONG)):
        add(notebook, LONG)
        if notebook.is_checkpoint_running:
            eventually(lambda: is_copied(notebook), "the log is copied, and begun again")
    before = log_of(path).stat().st_size
    with open(log_of(path), "r+b") as log:
        log.write(bytes(5000))
    assert log_of(path).stat().st_size == before
    assert_lost(notebook, path)


@pytest.mark.parametrize("mode", ["PASSIVE", "RESTART", "TRUNCATE"])
def test_a_log_begun_anew_after_the_checkpoint_of_another_program_is_not_called_overwritten(path: Path, mode: str) -> None:
    notebook = opened(path)
    if mode != "TRUNCATE":
        notebook.preallocate_log()
    headers = [log_of(path).read_bytes()[:LOG_HEADER_BYTES]]
    for text in ("one", "two", "three"):
        add(notebook, text)
        with closing(sqlite3.connect(path)) as other:
            assert other.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0] == 0
        notebook.check_file()
        add(notebook, text)
        headers.append(log_of(path).read_bytes()[:LOG_HEADER_BYTES])
    assert len(set(headers)) == 4
    with open(log_of(path), "r+b") as log:
        log.write(headers[-2])
    with overwritten(path):
        add(notebook, "lost")
    with suppress(NotebookLost):
        notebook.close()


def test_a_log_without_its_file_is_kept_and_no_notebook_made_until_it_is_moved(path: Path, tmp_path: Path) -> None:
    with closing(opened(path)) as notebook:
        add(notebook, "one")
        left = crash(path, tmp_path / "crashed")
    before = log_of(left).read_bytes()
    left.unlink()
    for is_there in (False, True):
        if is_there:
            left.touch()
        with raises(StorageError, "log_without_notebook", path=str(left), log=str(log_of(left))):
            Notebook(left)
        assert (len(os.listdir(left.parent)), log_of(left).read_bytes()) == (1 + is_there, before)


def test_after_a_crash_every_entry_is_there_even_if_a_reader_cut_checkpoints_short(
    path: Path, tmp_path: Path, reader: sqlite3.Connection
) -> None:
    expected: list[str] = []
    with closing(opened(path)) as notebook:
        for round_ in range(5):
            if round_ in (1, 3):
                begin_to_read(reader)
            for _ in range(LOG_BYTES // len(LONG) + 2):
                add(notebook, LONG)
            add(notebook, f"round {round_}")
            expected += [LONG] * (LOG_BYTES // len(LONG) + 2) + [f"round {round_}"]
            if round_ in (2, 3):
                reader.execute("COMMIT")
            if round_ == 3:
                notebook.check_file()
            left = crash(path, tmp_path / f"crashed {round_}")
            with closing(ReadOnlyNotebook(str(left))) as notes:
                assert notes.last_number() == len(expected)
            assert read(left) == expected
            shutil.rmtree(left.parent)


def test_entries_are_stored_while_another_thread_copies_the_log_and_a_crash_meanwhile_loses_none(
    path: Path, tmp_path: Path
) -> None:
    expected: list[str] = []

    def keep(notebook: Notebook, text: str) -> None:
        add(notebook, text)
        expected.append(text)

    with closing(opened(path)) as notebook:
        while not notebook.is_checkpoint_running:
            keep(notebook, LONG)
        crashed = [crash(path, tmp_path / "crashed while the log is copied")]
        keep(notebook, "meanwhile")
        eventually(lambda: is_copied(notebook), "the log is copied")
        assert log_of(path).stat().st_size <= LOG_BYTES_MAX + 2 * len(LONG)
        keep(notebook, "afterwards")
        assert log_of(path).stat().st_size <= LOG_BYTES_MAX
        crashed.append(crash(path, tmp_path / "crashed afterwards"))
        assert [read(left) for left in crashed] == [expected[:-2], expected]
    assert (read(path), log_of(path).exists()) == (expected, False)


def test_a_reader_of_an_old_state_makes_the_log_long_only_while_it_reads(path: Path, reader: sqlite3.Connection) -> None:
    with closing(opened(path)) as notebook:
        begin_to_read(reader)
        for _ in range(2 * LOG_BYTES // len(LONG)):
            add(notebook, LONG)
        assert log_of(path).stat().st_size > 2 * LOG_BYTES
        reader.execute("COMMIT")

        def is_shortened() -> bool:
            notebook.check_file()  # another thread may still copy what the reader let it copy
            return log_of(path).stat().st_size <= LOG_BYTES_MAX

        eventually(is_shortened, "the log is short again")
        for _ in range(2 * LOG_BYTES // len(LONG)):
            add(notebook, LONG)
            if notebook.is_checkpoint_running:
                eventually(lambda: is_copied(notebook), "the log is copied")
        assert log_of(path).stat().st_size <= LOG_BYTES_MAX + 2 * len(LONG)


def test_a_reader_that_is_closed_last_leaves_the_log_to_the_next_writer(path: Path) -> None:
    write(path, "one")
    program = f"""if True:
        import os
        from tests.storage.notebook.conftest import *
        notebook = Notebook({str(path)!r})
        notebook.store([part(2, "two")], NOW)
        os._exit(0)
    """
    reading = ReadOnlyNotebook(str(path))
    assert printed_by(program) == ""
    before = path.read_bytes()
    for _ in ("opened before the server was", "opened after the crash"):
        assert reading.last_number() == 2
        reading.close()
        assert (path.read_bytes(), log_of(path).exists()) == (before, True)
        reading = ReadOnlyNotebook(str(path))
    reading.close()
    write(path, "three")
    assert (read(path), log_of(path).exists()) == (["one", "two", "three"], False)


@pytest.mark.parametrize("end", [Log.finish, Log.empty])
def test_without_space_for_its_mark_a_log_is_kept_whole_and_is_still_the_files_own(
    small_disk: Path, end: Callable[[Log], bool | None]
) -> None:
    outcomes = []
    for frames in range(4):  # with one of these lengths, the log has no room left in the last block of its file
        path = str(small_disk / f"{frames}.sqlite3")
        create_database(path, SCHEMA)
        guard = FileGuard(path)
        connection = open_database(path, SCHEMA)
        guard.watch()
        log = Log(path, connection, guard)
        for number in range(100):
            connection.execute("INSERT INTO clients (client_id) VALUES (?)", (number.to_bytes(16, "big"),))
        for place in range(frames):
            write_property(connection, "name", str(place))
        filler = fill(small_disk)
        before = Path(path).read_bytes()
        is_log_copied = False
        with suppress(NoSpace):
            is_log_copied = bool(end(log))
        guard.end_use(connection, is_log_copied=is_log_copied)
        guard.release()
        outcomes.append(Path(path).read_bytes() == before and log_of(Path(path)).exists())
        filler.unlink()
        check_log(path)
        with closing(opened(path)) as notebook:
            assert notebook.name == (str(frames - 1) if frames else "")
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM clients").fetchone() == (100,)
    assert any(outcomes)


def test_a_new_notebook_without_space_for_its_first_mark_gets_it_when_there_is_space(small_disk: Path) -> None:
    path = small_disk / "notebook.sqlite3"
    create_database(str(path), SCHEMA)
    filler = fill(small_disk)
    shorten(filler, 32 << 10)  # for SQLite's shared memory
    with closing(opened(path)) as notebook:
        filler.unlink()
        notebook.check_file()
        eventually(lambda: is_copied(notebook), "the log is copied")
        add(notebook, "one")
    assert read(path) == ["one"]


@pytest.mark.usefixtures("no_threads")
def test_where_no_thread_can_be_started_the_log_is_copied_without_one(path: Path) -> None:
    with closing(opened(path)) as notebook:
        for _ in range(2 * LOG_BYTES // len(LONG)):
            add(notebook, LONG)
        assert log_of(path).stat().st_size <= LOG_BYTES_MAX + 2 * len(LONG)


def test_the_log_is_copied_and_removed_if_what_uses_the_notebook_fails(path: Path) -> None:
    Notebook(path).close()

    def use(guard: FileGuard) -> None:
        with opened_with_log(str(path), guard) as (connection, _):
            write_property(connection, "name", "home")
            connections.append(connection)
            raise NoSpace("disk_full", path=str(path))

    connections: list[sqlite3.Connection] = []
    with guarded(str(path), in_use=NotebookInUse("restore_while_served", path=str(path))) as guard:
        with pytest.raises(NoSpace):
            use(guard)
        with pytest.raises(sqlite3.ProgrammingError):
            connections[0].execute("SELECT 1")
    assert not log_of(path).exists()
    with closing(ReadOnlyNotebook(str(path))) as notebook:
        assert notebook.name == "home"

"""Database files: created as a whole, opened only if they are of the right kind and version, else refused and left alone."""

import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.disks import fill, overwritten, shorten
from udpnote.errors import NoSpace, StorageError
from udpnote.storage.database import IN_MEMORY, Schema, atomic, open_database, storage_errors


def create_lines(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE lines (line TEXT NOT NULL)")


DIARY = Schema(file_kind="diary", application_id=0x44494152, version=2, page_bytes=4096, create=create_lines)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "diary.sqlite3")


def write_lines(path: str, lines: list[str]) -> None:
    with closing(open_database(path, DIARY)) as connection, atomic(connection):
        connection.executemany("INSERT INTO lines VALUES (?)", [(line,) for line in lines])


def read_lines(path: str) -> list[str]:
    with closing(open_database(path, DIARY)) as connection:
        return [line for (line,) in connection.execute("SELECT line FROM lines ORDER BY rowid")]


def refusal(path: str, schema: Schema = DIARY) -> StorageError:
    """The error of opening the file at `path`, which stays as it is."""
    before = Path(path).read_bytes() if os.path.isfile(path) else None
    with pytest.raises(StorageError) as raised:
        open_database(path, schema)
    assert (Path(path).read_bytes() if os.path.isfile(path) else None) == before
    return raised.value


def test_what_was_committed_is_there_when_the_file_is_opened_again(path: str, tmp_path: Path) -> None:
    open_database(path, DIARY).close()
    assert os.listdir(tmp_path) == ["diary.sqlite3"], "no draft is left"
    write_lines(path, ["我是一个中文"])
    assert read_lines(path) == ["我是一个中文"]


@pytest.mark.parametrize("is_empty_file", [False, True])
def test_commits_are_durable_by_the_settings_that_are_in_force(path: str, is_empty_file: bool) -> None:
    if is_empty_file:
        Path(path).touch()
    for _ in ("created", "opened again"):
        with closing(open_database(path, DIARY)) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
            assert connection.execute("PRAGMA fullfsync").fetchone() == (1,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_new_file_and_its_folder_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "diary.sqlite3"
    before = os.umask(0)
    try:
        open_database(str(path), DIARY).close()
    finally:
        os.umask(before)
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)


def test_a_path_without_a_folder_is_in_the_current_one_and_a_database_in_memory_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_database(IN_MEMORY, DIARY).close()
    open_database("diary.sqlite3", DIARY).close()
    assert os.listdir(tmp_path) == ["diary.sqlite3"]


@pytest.mark.parametrize("is_there", [False, True], ids=["a new file", "an empty file"])
def test_tables_are_made_all_or_none(path: str, tmp_path: Path, is_there: bool) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        create_lines(connection)
        raise sqlite3.OperationalError("the disk has gone")

    if is_there:
        Path(path).touch()
    with pytest.raises(StorageError, match="the disk has gone"):
        open_database(path, DIARY._replace(create=fail))
    assert os.listdir(tmp_path) == ["diary.sqlite3"] * is_there
    write_lines(path, ["one"])


@pytest.mark.parametrize(("version", "kind"), [(1, "file_of_older_version"), (3, "file_of_newer_version")])
def test_a_file_of_another_version_is_refused_and_left_alone(path: str, version: int, kind: str) -> None:
    open_database(path, DIARY._replace(version=version)).close()
    notice = refusal(path).notice
    assert notice.kind == kind
    assert notice.values == {"path": path, "file_kind": "diary", "version": version, "known_version": 2}


def of_another_application(application_id: int) -> Callable[[str], None]:
    def create(path: str) -> None:
        os.unlink(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA application_id = {application_id}")
            connection.execute("CREATE TABLE songs (title TEXT)")

    return create


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        *((overwritten(0, data), "other_kind_of_file") for data in (b"x", b"2019/05/09 16:37:08\n", bytes(8192))),
        *((of_another_application(mark), "other_kind_of_file") for mark in (0, 0x554E4F54)),
        *((overwritten(start, b""), "database_damaged") for start in (16, 99, 4095, 4096)),
        *((overwritten(start), "database_damaged") for start in (16, 100)),
    ],
)
def test_a_file_of_another_kind_or_with_damage_is_refused_and_left_alone(
    path: str, change: Callable[[str], None], kind: str
) -> None:
    write_lines(path, ["a line that fills a page in time"] * 1000)
    change(path)
    assert refusal(path).notice.kind == kind


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a pipe", "/dev/null", "/dev/zero"])
def test_a_folder_a_pipe_or_a_device_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "diary"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    else:
        path = Path(kind)
    notice = refusal(str(path)).notice
    assert (notice.kind, notice.values["is_folder"]) == ("database_is_no_file", kind == "folder")


def test_a_file_in_place_of_the_folder_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    notice = refusal(str(tmp_path / "file" / "diary")).notice
    assert (notice.kind, notice.values["path"]) == ("path_unusable", str(tmp_path / "file" / "diary"))


def test_a_transaction_that_raises_is_undone_and_the_next_one_works(path: str) -> None:
    with closing(open_database(path, DIARY)) as connection:
        with suppress(ZeroDivisionError), atomic(connection):
            connection.execute("INSERT INTO lines VALUES ('half')")
            _ = 1 // 0
        with atomic(connection):
            connection.execute("INSERT INTO lines VALUES ('whole')")
    assert read_lines(path) == ["whole"]


def test_a_transaction_locks_out_other_writers_from_its_start(path: str) -> None:
    with closing(open_database(path, DIARY)) as writer, closing(sqlite3.connect(path, timeout=0)) as other, atomic(writer):
        writer.execute("SELECT * FROM lines").fetchall()
        with pytest.raises(StorageError) as raised, storage_errors(path):
            other.execute("BEGIN IMMEDIATE")
    assert raised.value.notice.kind == "database_busy"


def test_a_database_or_a_disk_that_may_not_grow_is_out_of_space(path: str) -> None:
    with closing(open_database(path, DIARY)) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(NoSpace), storage_errors(path):
            connection.executemany("INSERT INTO lines VALUES (?)", [("x" * 5000,)])
    with pytest.raises(NoSpace), storage_errors(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_with_next_to_no_room_counts_as_full_until_there_is_enough(small_disk: Path) -> None:
    path = str(small_disk / "diary")
    write_lines(path, ["one"])
    filler = fill(small_disk)
    refusals = 0
    for _ in range(32):
        try:
            with storage_errors(path):
                write_lines(path, ["two"])
            break
        except NoSpace:
            refusals += 1
        shorten(filler, 4096)
    assert refusals > 1, "SQLite needs more than a page"
    assert read_lines(path) == ["one", "two"]


def test_a_database_that_may_not_be_written_is_an_error_that_says_so(path: str) -> None:
    write_lines(path, ["one"])
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader,
        pytest.raises(StorageError) as raised,
        storage_errors(path),
    ):
        reader.execute("INSERT INTO lines VALUES ('two')")
    assert raised.value.notice.kind == "database_not_writable"

"""Database files: made whole, opened by what they are, and refused with a reason, untouched."""

import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from tests.disks import fill, shorten
from udpnote.errors import NoSpace, StorageError
from udpnote.storage.database import IN_MEMORY, Schema, atomic, open_database, storage_errors

SEED = 20190509


def create_lines(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE lines (line TEXT NOT NULL)")


def add_author(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE lines ADD COLUMN author TEXT")


DIARY = Schema(what="diary", application_id=0x44494152, page_bytes=4096, migrations={"lines": create_lines})
NEWER_DIARY = DIARY._replace(migrations={"lines": create_lines, "author": add_author})


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "diary.sqlite3")


def write_lines(path: str, lines: list[str]) -> None:
    with closing(open_database(path, DIARY)) as connection, atomic(connection):
        connection.executemany("INSERT INTO lines VALUES (?)", [(line,) for line in lines])


def read_lines(path: str, schema: Schema = DIARY) -> list[str]:
    with closing(open_database(path, schema)) as connection:
        return [line for (line,) in connection.execute("SELECT line FROM lines ORDER BY rowid")]


def test_commits_are_durable_by_the_settings_that_are_in_force(path: str) -> None:
    for _ in ("made", "opened again"):
        with closing(open_database(path, DIARY)) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
            assert connection.execute("PRAGMA fullfsync").fetchone() == (1,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_was_committed_is_there_when_the_file_is_opened_again(path: str) -> None:
    write_lines(path, ["我是一个中文"])
    assert read_lines(path) == ["我是一个中文"]


def test_a_new_file_and_its_folder_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    path = folder / "diary.sqlite3"
    before = os.umask(0)
    try:
        open_database(str(path), DIARY).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_making_a_database_leaves_nothing_else_behind(path: str, tmp_path: Path) -> None:
    open_database(path, DIARY).close()
    assert os.listdir(tmp_path) == ["diary.sqlite3"]


def test_a_relative_path_without_a_folder_is_made_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_database("diary.sqlite3", DIARY).close()
    assert (tmp_path / "diary.sqlite3").exists()


def test_an_empty_file_becomes_a_database(path: str) -> None:
    Path(path).touch()
    write_lines(path, ["one"])
    assert read_lines(path) == ["one"]
    with closing(open_database(path, DIARY)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_database_in_memory_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_database(IN_MEMORY, DIARY)) as connection:
        assert connection.execute("SELECT count(*) FROM lines").fetchone() == (0,)
    assert os.listdir(tmp_path) == []


def test_an_older_file_gets_the_migrations_that_it_lacks_and_keeps_its_rows(path: str) -> None:
    write_lines(path, ["one", "two"])
    with closing(open_database(path, NEWER_DIARY)) as connection:
        assert connection.execute("SELECT line, author FROM lines").fetchall() == [("one", None), ("two", None)]
    assert read_lines(path, NEWER_DIARY) == ["one", "two"], "a migration is applied once"


def test_a_newer_file_is_refused_with_the_advice_to_upgrade(path: str) -> None:
    open_database(path, NEWER_DIARY).close()
    before = Path(path).read_bytes()
    with pytest.raises(StorageError, match=r"newer udpnote \(it knows author\): upgrade"):
        open_database(path, DIARY)
    assert Path(path).read_bytes() == before


def test_migrations_are_applied_all_or_none(path: str) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (line TEXT)")
        raise sqlite3.OperationalError("the disk has gone")

    write_lines(path, ["one"])
    broken = DIARY._replace(migrations={**NEWER_DIARY.migrations, "half": fail})
    with pytest.raises(StorageError, match="the disk has gone"):
        open_database(path, broken)
    assert read_lines(path) == ["one"], "the file is as old as before"


def test_a_database_that_cannot_be_made_leaves_no_file(path: str, tmp_path: Path) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("the disk has gone")

    with pytest.raises(StorageError, match="the disk has gone"):
        open_database(path, DIARY._replace(migrations={"lines": fail}))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"x", b"2019/05/09 16:37:08\n", b"\x00" * 8192], ids=["one byte", "text", "zeros"])
def test_a_file_of_another_kind_is_refused_and_left_alone(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    with pytest.raises(StorageError, match="is not a udpnote diary: choose another file"):
        open_database(path, DIARY)
    assert Path(path).read_bytes() == content


@pytest.mark.parametrize("application_id", [0, 0x554E4F54], ids=["without a mark", "with another mark"])
def test_another_applications_database_is_refused_and_left_alone(path: str, application_id: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute("CREATE TABLE songs (title TEXT)")
    before = Path(path).read_bytes()
    with pytest.raises(StorageError, match="is not a udpnote diary: choose another file"):
        open_database(path, DIARY)
    assert Path(path).read_bytes() == before


def cut_to(size: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:size]


def noise_from(start: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:start] + Random(SEED).randbytes(len(content) - start)


@pytest.mark.parametrize(
    "damage",
    [*map(cut_to, (16, 99, 512, 4095, 4096, 8192)), noise_from(16), noise_from(100)],
    ids=["cut 16", "cut 99", "cut 512", "cut 4095", "cut 4096", "cut 8192", "noise 16", "noise 100"],
)
def test_a_damaged_database_is_refused_with_the_advice_and_left_alone(path: str, damage: Callable[[bytes], bytes]) -> None:
    write_lines(path, ["a line that fills a page in time"] * 1000)
    damaged = damage(Path(path).read_bytes())
    Path(path).write_bytes(damaged)
    with pytest.raises(StorageError, match=r"is damaged .*: nothing was changed. Move it away"):
        open_database(path, DIARY)
    assert Path(path).read_bytes() == damaged


def test_a_folder_in_place_of_the_file_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=rf"^{tmp_path} is no udpnote diary, it is a folder: choose another file"):
        open_database(str(tmp_path), DIARY)


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "/dev/null", "/dev/zero"])
def test_a_pipe_or_a_device_in_place_of_the_file_is_refused_and_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "diary"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    else:
        path = Path(kind)
    with pytest.raises(StorageError, match=rf"^{path} is no udpnote diary, it is a pipe, a device or a socket: choose"):
        open_database(str(path), DIARY)


def test_a_file_in_place_of_the_folder_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=r"cannot use .*diary"):
        open_database(str(tmp_path / "file" / "diary"), DIARY)


def test_a_transaction_that_raises_is_undone_and_the_next_one_works(path: str) -> None:
    with closing(open_database(path, DIARY)) as connection:
        with suppress(ZeroDivisionError), atomic(connection):
            connection.execute("INSERT INTO lines VALUES ('half')")
            _ = 1 // 0
        with atomic(connection):
            connection.execute("INSERT INTO lines VALUES ('whole')")
    assert read_lines(path) == ["whole"]


def test_a_transaction_may_write_from_its_start(path: str) -> None:
    with closing(open_database(path, DIARY)) as writer, closing(sqlite3.connect(path, timeout=0)) as other, atomic(writer):
        writer.execute("SELECT * FROM lines").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")


def test_a_database_that_others_hold_is_said_to_be_busy(path: str) -> None:
    with closing(open_database(path, DIARY)) as holder, closing(sqlite3.connect(path, timeout=0)) as other:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="is busy"), storage_errors(path):
            other.execute("BEGIN IMMEDIATE")


def test_a_database_that_may_not_grow_is_out_of_space(path: str) -> None:
    with closing(open_database(path, DIARY)) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(NoSpace, match="the disk is full"), storage_errors(path):
            connection.executemany("INSERT INTO lines VALUES (?)", [("x" * 5000,)])


def test_a_disk_with_next_to_no_room_is_said_to_be_full_until_there_is_enough(small_disk: Path) -> None:
    path = str(small_disk / "diary")
    write_lines(path, ["one"])
    filler = fill(small_disk)
    complaints: list[str] = []
    for _ in range(32):
        try:
            with storage_errors(path):
                write_lines(path, ["two"])
            break
        except StorageError as error:
            complaints.append(str(error))
        shorten(filler, 4096)
    assert set(complaints) == {f"the disk is full, {path} cannot grow: free some space and try again"}
    assert len(complaints) > 1, "SQLite needs more than a page"
    assert read_lines(path) == ["one", "two"]


def test_a_disk_without_room_for_the_file_is_out_of_space() -> None:
    with pytest.raises(NoSpace, match="free some space"), storage_errors("diary"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_read_only_database_is_an_error_that_speaks_of_permissions(path: str) -> None:
    write_lines(path, ["one"])
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader,
        pytest.raises(StorageError, match="permissions"),
        storage_errors(path),
    ):
        reader.execute("INSERT INTO lines VALUES ('two')")

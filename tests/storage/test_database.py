"""Database files: created as a whole, opened only if they are of the right kind and version, else refused and left alone."""

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.storage.diary import DIARY, create_lines
from tests.support.disks import fill, overwritten, shorten
from tests.support.errors import raises
from tests.support.killed import printed_by
from tests.support.notebook_files import change
from tests.support.processes import few_files
from udpnote.errors import NoSpace, Notice, StorageError
from udpnote.storage.database import IN_MEMORY, atomic, make_own_folder, open_database
from udpnote.storage.disk_errors import storage_errors


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "diary.sqlite3")


def write_lines(path: str, lines: list[str]) -> None:
    with closing(open_database(path, DIARY)) as connection, atomic(connection):
        connection.executemany("INSERT INTO lines VALUES (?)", [(line,) for line in lines])


def read_lines(path: str) -> list[str]:
    with closing(open_database(path, DIARY)) as connection:
        return [line for (line,) in connection.execute("SELECT line FROM lines ORDER BY rowid")]


def refusal(path: str) -> Notice:
    """The notice of the error that opening the file at `path` raises. The file must stay as it is."""
    before = Path(path).read_bytes() if os.path.isfile(path) else None
    with pytest.raises(StorageError) as raised:
        open_database(path, DIARY)
    assert (Path(path).read_bytes() if os.path.isfile(path) else None) == before
    return raised.value.notice


@pytest.mark.parametrize("is_there", [False, True], ids=["a new file", "an empty file"])
def test_a_file_is_made_with_all_its_tables_or_none_and_commits_are_durable(path: str, tmp_path: Path, is_there: bool) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        create_lines(connection)
        raise sqlite3.OperationalError("the disk has gone")

    if is_there:
        Path(path).touch()
    with pytest.raises(StorageError, match="the disk has gone"):
        open_database(path, DIARY._replace(create=fail))
    assert os.listdir(tmp_path) == ["diary.sqlite3"] * is_there
    for _ in ("created", "opened again"):
        with closing(open_database(path, DIARY)) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
            assert connection.execute("PRAGMA fullfsync").fetchone() == (1,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert os.listdir(tmp_path) == ["diary.sqlite3"], "no draft is left"
    write_lines(path, ["我是一个中文"])
    assert read_lines(path) == ["我是一个中文"]


def test_a_copy_that_sqlite_has_made_gets_a_write_ahead_log(path: str) -> None:
    write_lines(path, ["one"])
    change(path, f"VACUUM INTO '{path}.copy'")
    with closing(open_database(f"{path}.copy", DIARY)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert read_lines(f"{path}.copy") == ["one"]


def test_a_process_that_can_open_no_more_files_is_told_so(path: str) -> None:
    for _ in ("a new file", "an old one"):
        for left in range(3):
            with few_files(left), raises(StorageError, "too_many_open_files"):
                open_database(path, DIARY)
        open_database(path, DIARY).close()


def test_a_file_that_another_process_makes_meanwhile_is_used(path: str, tmp_path: Path) -> None:
    def create_late(connection: sqlite3.Connection) -> None:
        create_lines(connection)
        write_lines(path, ["theirs"])

    open_database(path, DIARY._replace(create=create_late)).close()
    assert read_lines(path) == ["theirs"]
    assert os.listdir(tmp_path) == ["diary.sqlite3"], "no draft is left"


def test_a_draft_that_a_killed_program_has_left_is_removed_when_the_file_is_opened(path: str, tmp_path: Path) -> None:
    write_lines(path, ["one"])
    os.link(path, f"{path}.0123456789abcdef.udpnote")
    assert read_lines(path) == ["one"]
    assert os.listdir(tmp_path) == ["diary.sqlite3"]


def test_opening_a_file_again_leaves_sqlites_locks_on_it(path: str) -> None:
    with closing(open_database(path, DIARY)) as first:
        first.execute("INSERT INTO lines VALUES ('one')")
        read_lines(path)
        other = f"import sqlite3; c = sqlite3.connect({path!r}); c.execute('SELECT * FROM lines').fetchall(); c.close()"
        assert printed_by(other) == ""
        assert os.path.exists(f"{path}-wal"), "another process took the file for closed, and removed its log"
        first.execute("INSERT INTO lines VALUES ('two')")
    assert read_lines(path) == ["one", "two"]


@pytest.mark.usefixtures("no_umask")
def test_a_new_file_and_a_folder_of_udpnotes_own_are_for_their_owner_only_and_no_other_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (IN_MEMORY, "diary.sqlite3", "own/folder/diary.sqlite3"):
        make_own_folder(path, ["own/folder"])
        open_database(path, DIARY).close()
    make_own_folder("not/there/diary.sqlite3", ["own/folder"])
    with raises(StorageError, "folder_not_there", folder="not/there"):
        open_database("not/there/diary.sqlite3", DIARY)
    modes = {str(each.relative_to(tmp_path)): stat.S_IMODE(each.stat().st_mode) for each in tmp_path.rglob("*")}
    assert modes == {"diary.sqlite3": 0o600, "own": 0o700, "own/folder": 0o700, "own/folder/diary.sqlite3": 0o600}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        *((overwritten(0, data), "other_kind_of_file") for data in (b"x", b"2019/05/09 16:37:08\n", bytes(8192))),
        *((overwritten(start, b""), "database_damaged") for start in (16, 99, 4095, 4096)),
        *((overwritten(start), "database_damaged") for start in (16, 100)),
    ],
)
def test_a_file_of_another_kind_or_with_damage_is_refused(path: str, change: Callable[[str], None], kind: str) -> None:
    write_lines(path, ["a line that fills a page in time"] * 1000)
    change(path)
    assert refusal(path).kind == kind


def test_a_database_of_another_kind_or_version_is_refused(tmp_path: Path) -> None:
    for application_id in (0, 0x554E4F54):
        path = str(tmp_path / f"{application_id}")
        open_database(path, DIARY._replace(application_id=application_id)).close()
        assert refusal(path).kind == "other_kind_of_file"
    for version, kind in ((1, "file_of_older_version"), (3, "file_of_newer_version")):
        path = str(tmp_path / kind)
        open_database(path, DIARY._replace(version=version)).close()
        assert refusal(path) == Notice(kind, path=path, file_kind="diary", version=version, known_version=2)


def test_a_folder_a_pipe_or_a_device_is_refused_at_once_and_so_is_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    folder, pipe, link = tmp_path / "folder", tmp_path / "pipe", tmp_path / "link"
    folder.mkdir()
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (folder, pipe, link, "/dev/null", "/dev/zero"):
        notice = refusal(str(path))
        assert (notice.kind, notice.values["is_folder"]) == ("database_is_no_file", path == folder)
    (tmp_path / "file").write_text("x")
    notice = refusal(str(tmp_path / "file" / "diary"))
    assert (notice.kind, notice.values["path"]) == ("path_unusable", str(tmp_path / "file" / "diary"))


def test_a_transaction_that_raises_is_undone_and_the_next_one_works(path: str) -> None:
    with closing(open_database(path, DIARY)) as connection:
        with suppress(ZeroDivisionError), atomic(connection):
            connection.execute("INSERT INTO lines VALUES ('half')")
            _ = 1 // 0
        with atomic(connection):
            connection.execute("INSERT INTO lines VALUES ('whole')")
    assert read_lines(path) == ["whole"]


def test_a_full_disk_gets_no_file_and_a_nearly_full_one_counts_as_full(small_disk: Path) -> None:
    path = str(small_disk / "diary")
    filler = fill(small_disk)
    with pytest.raises(NoSpace):
        open_database(path, DIARY)
    assert [*small_disk.iterdir()] == [filler]
    shorten(filler, 1 << 20)
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

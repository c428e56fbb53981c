"""A notebook's file: one server at a time under any of its names, and nothing is acknowledged once it is not in its place."""

import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest

from tests.storage.notebook.conftest import NOW, part, stored
from tests.support.errors import raises
from tests.support.processes import few_files
from udpnote.errors import NotebookInUse, NotebookLost, StorageError
from udpnote.storage.notebook.file_guard import LOCK_ATTEMPT_SECONDS, is_guarded
from udpnote.storage.notebook.notebook import Notebook


def texts_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM entries ORDER BY number")]


def replace(path: Path) -> None:
    """Put another notebook in the place of this one, as `cp` from a backup under another name and `mv` do."""
    with closing(Notebook(path.with_name("other"))) as other:
        other.store([part(9, "of the other one")], NOW)
    path.with_name("other").replace(path)


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def replace_log(path: Path) -> None:
    log_of(path).rename(path.with_name("log"))
    log_of(path).write_bytes(b"of another program")


def leave_link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("moved")))


LOSSES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "deleted": (os.unlink, "notebook_lost", "gone"),
    "moved": (lambda path: path.rename(path.with_name("moved")), "notebook_lost", "gone"),
    "moved, and a link left": (leave_link, "notebook_lost", "gone"),
    "replaced": (replace, "notebook_lost", "replaced"),
    "a second name": (lambda path: path.with_name("second").hardlink_to(path), "notebook_lost", "linked"),
    "its log deleted": (lambda path: log_of(path).unlink(), "log_lost", "gone"),
    "its log moved, and a link left": (lambda path: leave_link(log_of(path)), "log_lost", "gone"),
    "its log replaced": (replace_log, "log_lost", "replaced"),
    "a second name of its log": (lambda path: path.with_name("second").hardlink_to(log_of(path)), "log_lost", "linked"),
}
"""What happens to a notebook while it is open, the kind of the error, and its value `loss`."""


@pytest.mark.parametrize("case", LOSSES)
def test_nothing_is_acknowledged_once_the_file_is_not_in_its_place(tmp_path: Path, case: str) -> None:
    path, (harm, kind, loss) = tmp_path / "notebook", LOSSES[case]
    notebook = Notebook(path)
    assert notebook.store([part(1, "before")], NOW) == [stored(1)]
    harm(path)
    for _ in range(2):
        with raises(NotebookLost, kind, path=str(path), loss=loss):
            notebook.store([part(2, "after")], NOW)
    for use in notebook.check_file, notebook.close:
        with raises(NotebookLost, kind, path=str(path), loss=loss):
            use()
    notebook.close()


def test_the_log_of_a_notebook_that_was_emptied_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "notebook"
    notebook = Notebook(path)
    notebook.store([part(1, "acknowledged")], NOW)
    os.truncate(path, 0)
    for use in notebook.check_file, notebook.close:
        with raises(NotebookLost, "notebook_lost", path=str(path), loss="emptied"):
            use()
    assert b"acknowledged" in path.with_name("notebook-wal").read_bytes()


def test_a_log_put_aside_from_another_notebook_is_used_when_its_own_is_back(tmp_path: Path) -> None:
    path, own = tmp_path / "notebook", tmp_path / "own"
    for number in (1, 2):  # the second time, the other notebook has been used in this place, and has a log of its own there
        notebook = Notebook(path)
        notebook.store([part(number, f"acknowledged {number}")], NOW)
        path.rename(own)
        replace(path)
        with raises(NotebookLost, "notebook_lost", path=str(path)):
            notebook.close()
        assert texts_in(path) == ["of the other one"]
        with closing(Notebook(path)) as other:
            other.store([part(8, "of the other one, too")], NOW)
        with closing(Notebook(path)) as other:
            assert [entry.text for entry in other.entries_after(0)] == ["of the other one", "of the other one, too"]
        own.rename(path)
    with closing(Notebook(path)) as notebook:
        assert [entry.text for entry in notebook.entries_after(0)] == ["acknowledged 1", "acknowledged 2"]
    assert not list(tmp_path.glob("*.old"))


@pytest.mark.parametrize("left", [".0123456789abcdef.udpnote", ".1.old"])
def test_a_file_with_two_names_is_served_under_neither_unless_a_killed_program_left_one(tmp_path: Path, left: str) -> None:
    path, second = tmp_path / "notebook", tmp_path / "second"
    Notebook(path).close()
    second.hardlink_to(path)
    before = set(os.listdir(tmp_path))
    for each in (path, second):
        with raises(StorageError, "notebook_has_several_names", path=str(each), count=2):
            Notebook(each)
    assert set(os.listdir(tmp_path)) == before, "SQLite has not opened it"
    second.rename(f"{path}{left}")  # after the link, before a new notebook's draft is removed or the old one replaced
    Notebook(path).close()
    assert not path.with_name(f"{path.name}{left}").exists()


def in_another_process(program: str) -> str:
    """What the program prints last, or the error that ends it."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout).strip()


def test_another_path_to_the_same_file_does_not_let_a_second_server_in(tmp_path: Path) -> None:
    path, second = tmp_path / "notebook", tmp_path / "second"
    attempt = f"from udpnote.storage.notebook.notebook import Notebook; Notebook({str(second)!r})"
    with closing(Notebook(path)):
        path.rename(second)  # the other path, as under a bind mount
        with raises(NotebookInUse, "notebook_in_use", path=str(second)):
            Notebook(second)
        assert "NotebookInUse" in in_another_process(attempt)
        second.rename(path)
    path.rename(second)
    assert in_another_process(attempt) == ""


def test_a_second_attempt_in_the_same_process_leaves_sqlites_locks_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "notebook"
    reading = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT * FROM entries').fetchall(); c.close()"
    with closing(Notebook(path)) as notebook:
        with raises(NotebookInUse, "notebook_in_use", path=str(path)):
            Notebook(path)
        assert in_another_process(reading) == ""
        assert notebook.store([part(1)], NOW) == [stored(1)], "the other process has not removed the log"


def test_it_is_known_whether_this_or_another_process_guards_a_file(tmp_path: Path) -> None:
    path = tmp_path / "notebook.sqlite3"
    assert not is_guarded(str(path))
    with closing(Notebook(path)):
        asked = subprocess.run(
            [sys.executable, "-c", f"from {is_guarded.__module__} import is_guarded; print(is_guarded({str(path)!r}))"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (is_guarded(str(path)), asked.stdout) == (True, "True\n")
    assert not is_guarded(str(path))
    path.unlink()
    path.symlink_to(path)  # it cannot be opened
    assert is_guarded(str(path))


def test_a_server_starts_although_another_program_is_just_looking_whether_the_file_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "notebook"
    Notebook(path).close()
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    end = Timer(3 * LOCK_ATTEMPT_SECONDS, os.close, [looking])
    end.start()
    Notebook(path).close()
    end.join()


def test_a_server_does_not_wait_for_ever_for_a_program_that_keeps_its_shared_lock(tmp_path: Path) -> None:
    path = tmp_path / "notebook"
    Notebook(path).close()
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with raises(NotebookInUse, "notebook_in_use", path=str(path)):
            Notebook(path)


def test_a_server_that_can_open_no_more_files_says_so_and_blames_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "notebook"
    with closing(Notebook(path)) as notebook:
        notebook.store([part(1, "kept")], NOW)
    assert next(left for left in range(20) if can_be_served(path, left)) > 4
    assert texts_in(path) == ["kept"]


def can_be_served(path: Path, left: int) -> bool:
    """Whether a server can open the notebook with `left` more files; the only error that it may raise says that it cannot."""
    try:
        with few_files(left), closing(Notebook(path)):
            return True
    except StorageError as error:
        found = error.notice.kind
    assert found == "too_many_open_files", left
    return False

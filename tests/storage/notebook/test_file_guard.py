"""A notebook's file: one server at a time under any of its names, and nothing is acknowledged once it is not in its place."""

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Timer
from unittest import mock

import pytest

from tests.storage.notebook.conftest import NOW, add, part, read, stored, write
from tests.support.disks import bindfs
from tests.support.errors import raises
from tests.support.killed import printed_by
from tests.support.losses import LOSSES, log_of
from tests.support.processes import few_files
from tests.support.requirements import needs_root
from udpnote.errors import NotebookInUse, NotebookLost, StorageError
from udpnote.storage.notebook.file_guard import LOCK_ATTEMPT_SECONDS, is_guarded
from udpnote.storage.notebook.notebook import Notebook


@pytest.mark.parametrize(("place_of", "kind"), [(Path, "notebook_lost"), (log_of, "log_lost")])
@pytest.mark.parametrize(
    ("lose", "loss"), [*LOSSES.values(), (lambda path: path.with_name("second").hardlink_to(path), "linked")]
)
def test_nothing_is_acknowledged_once_a_notebook_or_its_log_is_not_in_its_place(
    path: Path, place_of: Callable[[Path], Path], kind: str, lose: Callable[[Path], object], loss: str
) -> None:
    notebook = Notebook(path)
    assert notebook.store([part(1, "before")], NOW) == [stored(1)]
    lose(place_of(path))
    for _ in range(2):
        with raises(NotebookLost, kind, path=str(path), loss=loss):
            notebook.store([part(2, "after")], NOW)
    for use in notebook.check_file, notebook.close:
        with raises(NotebookLost, kind, path=str(path), loss=loss):
            use()
    notebook.close()


def test_the_log_of_a_notebook_that_was_emptied_is_kept(path: Path) -> None:
    notebook = Notebook(path)
    notebook.store([part(1, "acknowledged")], NOW)
    os.truncate(path, 0)
    for use in notebook.check_file, notebook.close:
        with raises(NotebookLost, "notebook_lost", path=str(path), loss="emptied"):
            use()
    assert b"acknowledged" in log_of(path).read_bytes()


def test_a_log_put_aside_is_used_when_its_own_notebook_is_back(path: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for number in (1, 2):  # the second time, the other notebook has been used in this place, and has a log of its own there
        notebook = Notebook(path)
        add(notebook, f"acknowledged {number}")
        path.rename(own)
        write(tmp_path / "other", "of the other one")
        (tmp_path / "other").replace(path)
        with raises(NotebookLost, "notebook_lost", path=str(path)):
            notebook.close()
        write(path, "of the other one, too")
        assert read(path) == ["of the other one", "of the other one, too"]
        own.rename(path)
    assert read(path) == ["acknowledged 1", "acknowledged 2"]
    assert not list(tmp_path.glob("*.old"))


def test_a_notebook_can_be_made_where_the_system_keeps_a_wrong_number_of_names(tmp_path: Path) -> None:
    with bindfs(tmp_path, "attr_timeout=60") as folder:
        write(folder / "notebook", "acknowledged")
        assert read(folder / "notebook") == ["acknowledged"]


@needs_root
def test_a_notebook_that_is_mounted_without_its_folder_is_not_served(path: Path, tmp_path: Path) -> None:
    Notebook(path).close()
    program = f"""
from udpnote.errors import StorageError
from udpnote.storage.notebook.notebook import Notebook
try:
    Notebook({str(path)!r}).close()
    print("served")
except StorageError as error:
    print(error.notice.kind)
"""
    for mounted, said in ((path, "notebook_mounted_alone"), (tmp_path, "served")):
        under = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$0" && exec "$@"', str(mounted))
        assert printed_by(program, under=under) == f"{said}\n"


def test_a_notebook_where_nothing_can_be_locked_is_not_served(path: Path) -> None:
    Notebook(path).close()
    with (
        mock.patch("fcntl.flock", side_effect=OSError(errno.ENOLCK, "No locks available")),
        raises(StorageError, "file_system_unsuitable", path=str(path)),
    ):
        Notebook(path)


@pytest.mark.parametrize("left", [".0123456789abcdef.udpnote", ".1.old"])
def test_a_file_with_two_names_is_served_under_neither_unless_a_killed_program_left_one(
    path: Path, tmp_path: Path, left: str
) -> None:
    second = tmp_path / "second"
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


def test_another_path_to_the_same_file_does_not_let_a_second_server_in(path: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    attempt = f"from udpnote.storage.notebook.notebook import Notebook; Notebook({str(second)!r})"
    with closing(Notebook(path)):
        path.rename(second)  # the other path, as under a bind mount
        with raises(NotebookInUse, "notebook_in_use", path=str(second)):
            Notebook(second)
        assert "NotebookInUse" in printed_by(attempt)
        second.rename(path)
    path.rename(second)
    assert printed_by(attempt) == ""


def test_a_second_opening_in_one_process_is_refused_and_leaves_sqlites_locks_on_the_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    reading = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT * FROM entries').fetchall(); c.close()"
    with closing(Notebook(path)) as notebook:
        for second in (path, link):
            with raises(NotebookInUse, "notebook_in_use", path=str(path)):
                Notebook(second)
        assert printed_by(reading) == ""
        assert notebook.store([part(1)], NOW) == [stored(1)], "the other process has not removed the log"


def test_a_file_that_this_or_another_process_guards_is_recognized(path: Path) -> None:
    assert not is_guarded(str(path))
    with closing(Notebook(path)):
        asked = printed_by(f"from {is_guarded.__module__} import is_guarded; print(is_guarded({str(path)!r}))")
        assert (is_guarded(str(path)), asked) == (True, "True\n")
    assert not is_guarded(str(path))
    path.unlink()
    path.symlink_to(path)  # it cannot be opened
    assert is_guarded(str(path))


def test_a_server_starts_although_another_program_holds_a_shared_lock_for_a_moment(path: Path) -> None:
    Notebook(path).close()
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    end = Timer(3 * LOCK_ATTEMPT_SECONDS, os.close, [looking])
    end.start()
    Notebook(path).close()
    end.join()


def test_a_server_does_not_wait_for_ever_for_a_program_that_keeps_its_shared_lock(path: Path) -> None:
    Notebook(path).close()
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with raises(NotebookInUse, "notebook_in_use", path=str(path)):
            Notebook(path)


def test_a_server_that_can_open_no_more_files_says_so_and_blames_no_other_file(path: Path) -> None:
    write(path, "kept")
    assert next(left for left in range(20) if can_be_served(path, left)) > 4
    assert read(path) == ["kept"]


def can_be_served(path: Path, left: int) -> bool:
    """Whether a server that can open only `left` more files can open the notebook. If not, its error must say so."""
    try:
        with few_files(left), closing(Notebook(path)):
            return True
    except StorageError as error:
        found = error.notice.kind
    assert found == "too_many_open_files", left
    return False

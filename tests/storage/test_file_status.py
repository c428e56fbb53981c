"""Which file is at a path. `status_at` answers as `stat` does, but does not give the file's next write a time of its own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.killed import printed_by
from udpnote.storage.file_status import FileStatus, from_stat, status_at

FILES = 50
"""How many files are written: in about a millisecond. The clock that dates writes usually ticks every 4 ms."""


def answers(folder: Path) -> list[FileStatus]:
    """The statuses of a file with two names: by one of them, and by a symbolic link."""
    path = folder / "笔记"
    path.write_bytes(b"seven b")
    (folder / "second").hardlink_to(path)
    (folder / "link").symlink_to("second")
    return [status_at(str(path)), status_at(str(folder / "link"))]


def test_the_status_is_that_of_stat(tmp_path: Path) -> None:
    status = os.stat(tmp_path)
    expected = FileStatus(status.st_dev, status.st_ino, status.st_nlink, status.st_size)
    assert status_at(str(tmp_path)) == from_stat(status) == expected
    found = answers(tmp_path)
    assert found == [found[0]] * 2
    link = tmp_path / "link"
    assert status_at(str(link), follows=False) == from_stat(link.lstat())
    assert (found[0].names, found[0].size, found[0].identity) == (2, 7, (status.st_dev, os.stat(tmp_path / "second").st_ino))


def test_a_missing_file_raises_the_error_of_stat(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        status_at(str(tmp_path / "missing"))


def test_without_statx_the_answers_are_the_same(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['ctypes'] = None; from pathlib import Path; "
        f"from tests.storage.test_file_status import answers; print(answers(Path({str(tmp_path)!r})))"
    )
    assert printed_by(program) == f"{[from_stat(os.stat(tmp_path / 'second'))] * 2}\n"


def test_a_write_after_status_at_does_not_get_a_time_of_its_own(tmp_path: Path) -> None:
    if times_of_writes_after(os.stat, tmp_path) < FILES:
        pytest.skip("after stat, a write gets no time of its own here: Linux before 6.13, or another file system")
    assert times_of_writes_after(status_at, tmp_path) < FILES / 2


def times_of_writes_after(look: Callable[[str], object], folder: Path) -> int:
    """Write to each of `FILES` files before and after a call of `look`. Return how many different times they have then."""
    paths = [str(folder / f"{number}") for number in range(FILES)]
    for path in paths:
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, b"before")
        look(path)
        os.write(descriptor, b"after")
        os.close(descriptor)
    return len({os.stat(path).st_mtime_ns for path in paths})

"""Files that are written as a whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from tests.disks import fill
from udpnote.errors import NoSpace, StorageError
from udpnote.storage.atomic_file import whole_file
from udpnote.storage.notebook.notebook import Notebook


def test_a_file_is_in_its_place_when_it_is_whole_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with whole_file(str(path)) as file:
        file.write(b"after")
        file.flush()
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert os.listdir(tmp_path) == ["file"]


def write_and_fail(path: Path, error: BaseException) -> None:
    with whole_file(str(path)) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), ValueError()], ids=repr)
@pytest.mark.parametrize("is_there", [False, True], ids=["a new file", "an old file"])
def test_what_is_cut_short_leaves_nothing(tmp_path: Path, error: BaseException, is_there: bool) -> None:
    path = tmp_path / "file"
    if is_there:
        path.write_text("before")
    with pytest.raises(type(error)):
        write_and_fail(path, error)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"] * is_there


def test_a_new_file_is_for_its_owner_and_another_for_those_who_could_read_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o640)
    for name, mode in (("new", 0o600), ("old", 0o640)):
        with whole_file(str(tmp_path / name)):
            pass
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


def test_a_disk_without_room_keeps_the_file_that_is_there(small_disk: Path) -> None:
    path = small_disk / "file"
    path.write_text("before")
    filler = fill(small_disk)
    with pytest.raises(NoSpace), whole_file(str(path)) as file:
        file.write(bytes(10 << 20))
    filler.unlink()
    assert [file.read_text() for file in small_disk.iterdir()] == ["before"]


def test_neither_a_folder_nor_a_database_is_replaced(tmp_path: Path) -> None:
    Notebook(tmp_path / "notebook").close()
    before = (tmp_path / "notebook").read_bytes()
    for path, kind in ((tmp_path, "is_a_folder"), (tmp_path / "notebook", "is_a_database")):
        with pytest.raises(StorageError) as raised, whole_file(str(path)):
            pytest.fail("it may not be written to")
        assert raised.value.notice.kind == kind
    assert (tmp_path / "notebook").read_bytes() == before


def test_a_pipe_is_written_to_directly_but_not_with_a_secret() -> None:
    reading, writing = os.pipe()
    with whole_file(f"/dev/fd/{writing}") as file:
        file.write(b"some")
    with pytest.raises(StorageError) as raised, whole_file(f"/dev/fd/{writing}", is_secret=True):
        pytest.fail("it may not be written to")
    os.close(writing)
    assert raised.value.notice.kind == "secret_needs_a_file"
    assert os.read(reading, 100) == b"some"
    os.close(reading)

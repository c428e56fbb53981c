"""Files that are written as a whole or not at all."""

import os
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support.disks import fill
from tests.support.requirements import needs_root
from udpnote.errors import NoSpace, StorageError
from udpnote.storage.atomic_file import secret_file, whole_file
from udpnote.storage.notebook.notebook import Notebook


@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), SystemExit(143), ValueError()], ids=repr)
@pytest.mark.parametrize("is_there", [False, True], ids=["a new file", "an old file"])
def test_a_file_is_in_its_place_only_when_it_is_whole(tmp_path: Path, error: BaseException | None, is_there: bool) -> None:
    path, before = tmp_path / "file", ["before"] * is_there
    if is_there:
        path.write_text("before")
        path.chmod(0o640)
    with pytest.raises(type(error)) if error else nullcontext(), whole_file(str(path)) as file:
        file.write(b"after")
        file.flush()
        assert [each.read_text() for each in tmp_path.iterdir() if each == path] == before
        if error:
            raise error
    assert [each.read_text() for each in tmp_path.iterdir()] == (before if error else ["after"])
    if not error:
        assert stat.S_IMODE(path.stat().st_mode) == (0o640 if is_there else 0o600)


def test_a_disk_without_room_keeps_the_file_that_is_there(small_disk: Path) -> None:
    path = small_disk / "file"
    path.write_text("before")
    filler = fill(small_disk)
    with pytest.raises(NoSpace), whole_file(str(path)) as file:
        file.write(bytes(10 << 20))
    filler.unlink()
    assert [file.read_text() for file in small_disk.iterdir()] == ["before"]


def test_neither_a_folder_nor_a_database_is_replaced_and_a_pipe_is_written_to_but_not_with_a_secret(tmp_path: Path) -> None:
    Notebook(tmp_path / "notebook").close()
    before = (tmp_path / "notebook").read_bytes()
    reading, writing = os.pipe()
    pipe = f"/dev/fd/{writing}"
    with whole_file(pipe) as file:
        file.write(b"some")
    unsuitable = [(tmp_path, "is_a_folder"), (tmp_path / "notebook", "is_a_database"), (pipe, "secret_needs_a_file")]
    unsuitable += [(f"{tmp_path}/missing/", "is_a_folder")]
    unsuitable += [(tmp_path / f"notebook{suffix}", "belongs_to_a_database") for suffix in (".key", "-wal", ".lock")]
    for path, kind in unsuitable:
        writing_to = secret_file(str(path), beside="notes") if path == pipe else whole_file(str(path))
        with pytest.raises(StorageError) as raised, writing_to:
            pytest.fail("this may not be written to")
        assert raised.value.notice.kind == kind
    os.close(writing)
    assert ((tmp_path / "notebook").read_bytes(), os.read(reading, 100)) == (before, b"some")
    os.close(reading)


@needs_root
def test_a_file_keeps_its_owner_when_root_replaces_it_and_a_link_is_followed_unless_the_file_is_secret(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    for is_secret in (False, True):
        path.touch()
        path.chmod(0o644)
        os.chown(path, 1234, 1235)
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        with secret_file(str(link), beside=str(path)) if is_secret else whole_file(str(link)) as file:
            file.write(b"after")
        status = link.stat()
        found = (link.is_symlink(), status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
        assert found == (not is_secret, 1234, 1235, 0o640 if is_secret else 0o644)
        assert link.read_text() == "after"

"""How a client opens its outbox, also one that cannot be written."""

from pathlib import Path

import pytest

from tests.support.disks import fill, make_unwritable, make_writable
from tests.support.errors import raises
from tests.support.killed import printed_by
from tests.support.killed_database import OUTBOX_NOTES, killed_outbox
from tests.support.lan import Lan
from tests.support.processes import POWERLESS
from tests.support.requirements import require_tool
from udpnote.errors import StorageError
from udpnote.storage.outbox.outbox import Outbox


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_an_outbox_behind_a_symbolic_link_is_not_read_without_its_log(
    lan: Lan, small_disk: Path, tmp_path: Path, trouble: str
) -> None:
    path, link = small_disk / "outbox.sqlite3", tmp_path / "link"
    killed_outbox(path)
    Path(f"{path}-shm").unlink()
    link.symlink_to(path)
    make_unwritable(small_disk, trouble)
    for each in (path, link):
        with pytest.raises(StorageError):
            lan.client(str(each))
        with pytest.raises(StorageError):
            Outbox(each, is_read_only=True)


def test_an_outbox_behind_a_symbolic_link_is_written_as_soon_as_there_is_space(
    lan: Lan, small_disk: Path, tmp_path: Path
) -> None:
    lan.serve()
    path, link = small_disk / "outbox.sqlite3", tmp_path / "link"
    Outbox(path).close()
    link.symlink_to(path)
    filler = fill(small_disk)
    with lan.client(str(link)) as client:
        filler.unlink()
        assert client.send("again").number == 1
    assert [each.name for each in small_disk.iterdir()] == [path.name]


@pytest.mark.parametrize("is_link", [False, True])
def test_a_log_without_its_outbox_is_kept_if_the_disk_can_be_written_only_later(
    lan: Lan, small_disk: Path, tmp_path: Path, is_link: bool
) -> None:
    lan.serve()
    path, link = small_disk / "outbox.sqlite3", tmp_path / "link"
    killed_outbox(path)
    path.unlink()
    link.symlink_to(path)
    make_unwritable(small_disk, "read-only")
    with lan.client(str(link if is_link else path)) as client:
        make_writable(small_disk)
        with raises(StorageError, "outbox_log_alone", path=str(path), log=f"{path}-wal"):
            client.send("not together with the old notes")
    with lan.client(str(path)) as client:
        assert (client.send("new").number, lan.texts()) == (1, ["new"])
    assert Path(f"{path}-wal.1.old").exists()


def test_an_outbox_with_a_log_on_a_read_only_disk_is_read_and_is_written_as_soon_as_the_disk_can_be(
    lan: Lan, small_disk: Path
) -> None:
    lan.serve()
    path = small_disk / "outbox.sqlite3"
    killed_outbox(path)
    make_unwritable(small_disk, "read-only")
    with lan.client(str(path)) as client:
        assert len(list(client.waiting())) == OUTBOX_NOTES
        with raises(StorageError, "disk_read_only", path=str(path)):
            client.send("too early")
        make_writable(small_disk)
        assert client.send("again").entry.text in lan.texts()


def test_an_outbox_in_a_closed_folder_is_read_and_is_written_as_soon_as_the_folder_is_open(tmp_path: Path) -> None:
    require_tool("setpriv")
    path = tmp_path / "folder" / "outbox.sqlite3"
    path.parent.mkdir()
    program = f"""
import os
from udpnote.client.outbox_opening import open_outbox
from udpnote.errors import StorageError
from udpnote.settings import load_settings
from udpnote.storage.outbox.outbox import Outbox
path = {str(path)!r}
def add(outbox):
    outbox.add(["a note"], author="lin", written_at=0, utc_offset=0)
    print(len(outbox.listing()))
outbox = Outbox(path)
add(outbox)
outbox.close()
os.chmod(os.path.dirname(path), 0o500)
outbox = open_outbox(path, load_settings(), print)
print(len(outbox.listing()))
try:
    add(outbox)
except StorageError as error:
    print(error.notice.kind)
os.chmod(os.path.dirname(path), 0o700)
add(outbox)
"""
    assert printed_by(program, under=POWERLESS).split() == ["1", "1", "database_not_writable", "2"]

"""Fsyncs are timed on the disk of the files, and the file system of a path is found in the system's table of mounts."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from udpnote.storage.disk_durability import WRITE_BYTES, Mount, find_mount, fsync_durations, mount_at, temporary_folder
from udpnote.storage.disk_errors import existing_folder


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has another call for it")
@pytest.mark.parametrize(("seconds_max", "count"), [(1000.0, 5), (0.0, 1)])
def test_each_fsync_comes_after_new_data_and_the_file_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds_max: float, count: int
) -> None:
    sizes: list[int] = []
    shown: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    durations = fsync_durations(str(tmp_path), seconds_max=seconds_max, count_max=5, on_progress=shown.append)
    assert sizes == [WRITE_BYTES * number for number in range(1, count + 1)]
    assert (durations.count, shown, list(tmp_path.iterdir())) == (count, list(range(1, count + 1)), [])


def test_the_temporary_folder_is_where_the_file_really_is_and_is_removed_whatever_happens(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "outbox").touch()
    (tmp_path / "link").symlink_to(disk / "outbox")
    assert existing_folder(str(tmp_path / "link")) == existing_folder(str(disk / "not" / "there" / "outbox")) == str(disk)
    with suppress(KeyboardInterrupt), temporary_folder(str(disk)) as folder:
        assert (Path(folder).parent, os.stat(folder).st_mode & 0o777) == (disk, 0o700)
        (Path(folder) / "file").touch()
        raise KeyboardInterrupt
    assert [path.name for path in disk.iterdir()] == ["outbox"]


TABLE = r"""
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:25 / /mnt/my\040disk rw shared:3 - xfs /dev/sdb1 rw,nobarrier
31 27 0:26 / /tmp rw - ext3 /dev/sdc rw,barrier=0
32 31 0:27 / /tmp rw,nosuid - tmpfs tmpfs rw
damaged
"""


@pytest.mark.parametrize(
    ("path", "file_system", "device", "is_memory", "option"),
    [
        ("/", "ext4", "/dev/vda", False, None),
        ("/mnt/my", "ext4", "/dev/vda", False, None),
        ("/tmpfile", "ext4", "/dev/vda", False, None),
        ("/mnt/my disk", "xfs", "/dev/sdb1", False, "nobarrier"),
        ("/tmp/a/b", "tmpfs", "tmpfs", True, None),  # tmpfs covers the file system that was mounted there before
    ],
)
def test_the_file_system_of_a_path_is_the_innermost_one_that_was_mounted_last(
    path: str, file_system: str, device: str, is_memory: bool, option: str | None
) -> None:
    found = find_mount(TABLE, path)
    assert found is not None
    assert (*found[:2], found.is_memory, found.option_without_sync) == (file_system, device, is_memory, option)


def test_without_a_table_the_file_system_is_unknown(tmp_path: Path) -> None:
    assert find_mount("", "/") is None
    known = mount_at(str(tmp_path))
    assert isinstance(known, Mount) if sys.platform == "linux" else known is None

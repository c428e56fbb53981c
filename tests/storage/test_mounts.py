"""The file system of a path is found in the table of the system."""

import sys
from pathlib import Path

import pytest

from udpnote.storage.mounts import Mount, find_mount, mount_at

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
        ("/tmp/a/b", "tmpfs", "tmpfs", True, None),  # it covers the file system that was mounted there before
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

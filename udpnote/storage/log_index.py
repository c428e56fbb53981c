"""Makes sure that SQLite's index of a log has space on a disk with small blocks.

SQLite maps the index, a file that ends with `-shm`, into memory. If the disk has no space for a block when a mapped page is
written, the system kills the process (SIGBUS), and nobody is told why. So SQLite first writes one byte of every 4,096: that
gives each page its block, or fails with an error. On a disk with smaller blocks, such as ext4 with blocks of 1 KiB, the other
blocks of the page are still holes.

So on such a disk, `check_space` raises an error before SQLite makes an index for which there is no space. `fill_holes` gives
an open index all of its blocks, so that it can be written when the disk is full later. Other disks need neither.
"""

import errno
import os
from contextlib import suppress

from udpnote.storage.disk_errors import refusal

REGION_BYTES = 32 << 10
"""SQLite makes the index longer by so much at a time: a region (`WALINDEX_PGSZ` in its `wal.c`)."""

_SPACE_BYTES_MIN = 2 * REGION_BYTES
"""The space that must be left for a new index: one region, and as much again for the log."""

_REGION_PAGES = 4096
"""How many pages of the log one region counts, or a few more than that: the first region has fewer (`HASHTABLE_NPAGE`)."""

_LOG_BYTES = 20 << 20
"""The length of a log for which `fill_holes` gives blocks to its index: about the longest that a notebook's log gets."""


def check_space(path: str) -> None:
    """Raise `OSError` if the disk of the database at `path` has no space for an index of its log, or a quota does not allow it.

    Nothing is raised if there is already an index without holes.
    """
    with suppress(FileNotFoundError):
        status = os.stat(f"{path}-shm")
        if status.st_size >= REGION_BYTES and status.st_blocks * 512 >= status.st_size:
            return
    reason = refusal(path, _SPACE_BYTES_MIN)
    if reason in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(reason, os.strerror(reason))


def fill_holes(path: str, page_bytes: int) -> None:
    """Give SQLite's index of the log of the database at `path` all blocks that it needs for a log of `_LOG_BYTES`, 20 MiB.

    A page of the database has `page_bytes` bytes. This process must have the database open in SQLite. If SQLite has not opened
    the index, or if the system cannot give blocks, this does nothing. If the disk has fewer blocks than needed, the index gets
    those, and no error is raised.
    """
    index = f"{os.path.realpath(path)}-shm"
    # SQLite's own descriptor is used: if this opened the index and closed it, the process would lose SQLite's locks on it.
    with suppress(OSError):
        for descriptor in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # another thread has closed it meanwhile
                if os.readlink(f"/proc/self/fd/{descriptor}") == index:
                    _give_blocks(int(descriptor), _LOG_BYTES // page_bytes // _REGION_PAGES + 1)
                    return


def _give_blocks(descriptor: int, regions: int) -> None:
    """Give all blocks to the first `regions` of the index that is open by `descriptor`, one region after the other.

    Stop at the first region for which the disk has not enough blocks.
    """
    try:
        import ctypes  # here, because most disks do not need it

        # `os.posix_fallocate` writes bytes itself where the file system cannot do this: then it may undo what others just write
        allocate = ctypes.CDLL(None).fallocate64
    except (ImportError, OSError, AttributeError):  # a Python without libffi, or a C library that does not have it
        return
    allocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    for region in range(regions):
        if allocate(descriptor, 0, region * REGION_BYTES, REGION_BYTES):
            return

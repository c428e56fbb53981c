"""Finds out why the system refuses to write a file: SQLite reports a full disk, a quota and a read-only disk alike."""

import errno
import os
import sys

from udpnote.storage.new_files import draft_of

SPACE_BYTES_MIN = 64 << 10
"""With less free space than this the disk counts as full. SQLite needs 32 KiB for its shared-memory file (-shm)."""


def is_disk_full(path: str) -> bool:
    """Whether the disk of `path` has less than `SPACE_BYTES_MIN` of free space; False if the system does not say.

    If SQLite has no space for its shared-memory file, it reports an I/O error and not a full disk.
    """
    try:
        disk = os.statvfs(os.path.dirname(os.path.realpath(path)))
    except OSError:  # then the caller reports SQLite's own message
        return False
    return disk.f_bavail * disk.f_frsize < SPACE_BYTES_MIN


def refusal(path: str, byte_count: int) -> int:
    """Return the error number with which the system refuses to write `byte_count` more bytes beside the file `path`.

    It is `EDQUOT` if a quota does not allow them, `EROFS` if the disk is read-only, and 0 if the system refuses nothing. No
    system call tells what each kind of quota leaves. So this function reserves the bytes for a moment, where the system can do
    that.
    """
    try:
        with draft_of(path) as (descriptor, _):
            if sys.platform != "darwin":
                os.posix_fallocate(descriptor, 0, byte_count)
    except OSError as error:
        return error.errno or errno.EIO
    return 0

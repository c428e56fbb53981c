"""Finds out why the system refuses to write a file: SQLite reports a full disk, a quota and a read-only disk alike."""

import errno
import os
import sys

from udpnote.storage.new_files import draft_of

SPACE_BYTES_MIN = 128 << 10
"""With less free space than this the disk counts as full. A new outbox needs 96 KiB: 4 KiB for the file, 32 KiB for SQLite's
index of its log (-shm), and the rest for the log."""

PAGE_BYTES = 4096
"""SQLite's index of a log is mapped into memory in pages of this size."""


def is_disk_full(path: str) -> bool:
    """Whether the disk of `path` has less than `SPACE_BYTES_MIN` of free space, or no inode for another file. False if the
    system does not say.

    The caller asks this after an error of SQLite, because some of these errors do not name a full disk. SQLite reports an I/O
    error if there is no space for its index of a log. It reports that it cannot open a file if there is no inode for a log.
    """
    return has_little_space(path) or has_no_inode(path)


def has_no_inode(path: str) -> bool:
    """Whether the disk of `path` has free space, but no inode, so that it can hold no further file."""
    disk = _disk(path)  # a file system that makes inodes as they are needed, such as btrfs, says that it has 0 in all
    return disk is not None and 0 == disk.f_favail < disk.f_files and not has_little_space(path)


def has_little_space(path: str) -> bool:
    """Whether the disk of `path` has less than `SPACE_BYTES_MIN` of free space."""
    disk = _disk(path)
    return disk is not None and disk.f_bavail * disk.f_frsize < SPACE_BYTES_MIN


def has_small_blocks(path: str) -> bool:
    """Whether the disk of `path` has blocks smaller than a page of memory; False if the system says nothing about the disk.

    On a disk with such blocks, `log_index` is needed.
    """
    try:
        disk: os.statvfs_result | None = os.statvfs(path)  # this takes a tenth of the time of `_disk`
    except OSError:
        disk = _disk(path)
    return disk is not None and disk.f_frsize < PAGE_BYTES


def _disk(path: str) -> os.statvfs_result | None:
    """What the system says about the disk of the folder of `path`; None if it says nothing."""
    try:
        return os.statvfs(os.path.dirname(os.path.realpath(path)))
    except OSError:  # then the caller reports SQLite's own message
        return None


def existing_folder(path: str) -> str:
    """Return the folder of the file `path` or, if that folder is missing, the nearest folder above it that exists.

    If `path` is a symbolic link, the folder is that of the file to which it leads.
    """
    folder = os.path.dirname(os.path.realpath(path))
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def refusal(path: str, byte_count: int) -> int:
    """Return the error number with which the system refuses to write `byte_count` more bytes beside the file `path`.

    Returns 0 if the system does not refuse, `ENOSPC` if the disk has no space for them, `EDQUOT` if a quota does not allow
    them, `EROFS` if the disk is read-only, or the number of another error. No system call says how much space every kind of
    quota leaves. So this function reserves the bytes for a moment, where the system can do that. If the folder of `path` is
    missing, the result is why it cannot be made, or `ENOENT` if it can.
    """
    folder = existing_folder(path)
    if folder != os.path.dirname(os.path.realpath(path)):
        return refusal(os.path.join(folder, os.path.basename(path)), byte_count) or errno.ENOENT
    try:
        with draft_of(path) as (descriptor, _):
            if sys.platform != "darwin":
                os.posix_fallocate(descriptor, 0, byte_count)
    except OSError as error:
        return error.errno or errno.EIO
    return 0

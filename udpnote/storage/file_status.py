"""Says which file is at a path, in a way that does not make the next fsync of this file take longer.

stat(2) reads the times of a file as well. If somebody has read them, Linux from 6.13 on gives the file a new, exact time at the
next write, and so changes its inode. Some file systems write a changed inode at each fsync, for example ext4 without a journal.
On them, an fsync then takes up to 1.5 times as long. statx(2) reads only what it is asked for, and takes as long as stat(2).
"""

import os
from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any, NamedTuple

_AT_FDCWD = -100
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_STATX_FORCE_SYNC = 0x2000
_WANTED = 0x4 | 0x100 | 0x200 | 0x1000  # STATX_NLINK, STATX_INO, STATX_SIZE and STATX_MNT_ID; a time is not among them
_STATX_BYTES = 256
_FIELDS = Struct("=16xI12xQQ88xII")  # stx_nlink, stx_ino, stx_size, stx_dev_major and stx_dev_minor of a `struct statx`
_MOUNT = Struct("=144xQ")  # stx_mnt_id, which is 0 before Linux 5.8
"""Numbers and layout are those of `linux/stat.h` and `linux/fcntl.h`. They are the same on all processors."""


class FileStatus(NamedTuple):
    """What the system says of a file: its device and inode, how many names (hard links) it has, and its size in bytes."""

    device: int
    inode: int
    names: int
    size: int

    @property
    def identity(self) -> tuple[int, int]:
        """The device and the inode. No two files that exist at the same time have both in common."""
        return self.device, self.inode


def identity_of(file: str | int) -> tuple[int, int]:
    """The device and the inode of the file with this path or open descriptor (see `FileStatus.identity`), by stat(2).

    The next fsync of the file may take longer (see the top of this module). So call this only for files that are seldom asked
    about or not fsynced often. Raises `OSError`.
    """
    return from_stat(os.stat(file)).identity


def status_at(path: str, *, follows: bool = True, is_fresh: bool = False) -> FileStatus:
    """Return the status of the file at `path`. Raises `OSError`.

    If a symbolic link is there, returns the status of the file to which it leads or, if `follows` is False, that of the link.
    With `is_fresh`, Linux asks the file system for the status. Without it, Linux may return a status that it has cached for a
    second or more, if the file system is in a process of its own (FUSE) or on another host.
    """
    flags = (0 if follows else _AT_SYMLINK_NOFOLLOW) | (_AT_STATX_FORCE_SYNC if is_fresh else 0)
    return _by_statx(path, flags) or from_stat(os.stat(path, follow_symlinks=follows))


def from_stat(result: os.stat_result) -> FileStatus:
    """Return what `result` says as a `FileStatus`."""
    return FileStatus(result.st_dev, result.st_ino, result.st_nlink, result.st_size)


def is_mounted_alone(path: str) -> bool:
    """Whether the file at `path` is mounted by itself, and not with its folder. False if the system does not say.

    A symbolic link counts as the file to which it leads.
    """
    path = os.path.realpath(path)
    ask = _statx()
    answers = [ask(os.fsencode(each), 0) for each in (path, os.path.dirname(path))] if ask is not None else []
    return len({_MOUNT.unpack_from(each) for each in answers if each is not None}) > 1


def _by_statx(path: str, flags: int) -> FileStatus | None:
    """Return the status of the file at `path`, from statx(2) with `flags`; None if this system has no statx, or if it fails."""
    ask = _statx()
    if ask is None or (answer := ask(os.fsencode(path), flags)) is None:
        return None
    names, inode, size, major, minor = _FIELDS.unpack_from(answer)
    return FileStatus(os.makedev(major, minor), inode, names, size)


@cache
def _statx() -> Callable[[bytes, int], Any] | None:
    """Return a function that calls statx(2), which only Linux has, for a path and flags; None if it cannot be called.

    The function returns a buffer with a `struct statx`, or None after an error.
    """
    try:
        import ctypes  # here, because a one-shot send does not need it

        statx = ctypes.CDLL(None).statx
    except (ImportError, OSError, AttributeError):  # a Python that was built without libffi has no `ctypes`
        return None
    statx.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    answer_type = ctypes.c_char * _STATX_BYTES

    def ask(path: bytes, flags: int) -> Any:
        answer = answer_type()
        return answer if statx(_AT_FDCWD, path, flags, _WANTED, answer) == 0 else None

    return ask

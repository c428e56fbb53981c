"""Turns errors of the system and of SQLite into `StorageError`s, and finds out why the system refuses to write a file.

SQLite does not tell a quota, a limit of the process and a read-only disk apart. So `refusal` asks the system itself.
"""

import errno
import fcntl
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from udpnote.errors import OUT_OF_FILES, NoSpace, StorageError
from udpnote.storage.new_files import draft_of

SPACE_BYTES_MIN = 128 << 10
"""With less free space than this the disk counts as full. A new outbox needs 96 KiB: 4 KiB for the file, 32 KiB for SQLite's
index of its log (-shm), and the rest for the log."""

PAGE_BYTES = 4096
"""SQLite's index of a log is mapped into memory in pages of this size."""

_FILES_OF_DATABASE = 4
"""How many files SQLite has open at most while it opens a database: the database, its log, the log's index, its folder."""

# READONLY: a file was opened only to read it; CANTOPEN: the disk has no inode for a log
_CODES_ON_FULL_DISK = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)

_REFUSALS: dict[int, Callable[[str], StorageError]] = {
    errno.EDQUOT: lambda path: NoSpace("quota_reached", path=path),
    errno.EFBIG: lambda path: NoSpace("size_limit_reached", path=path),
    errno.EROFS: lambda path: StorageError("disk_read_only", path=path),
}
"""For each error number of the system that says why a file cannot be written: a function from the file's path to the error."""


class storage_errors:  # noqa: N801 - a class only because that is faster than a function
    """A context manager that turns each `sqlite3.Error` and `OSError` of its block into a `StorageError`.

    The error is a `NoSpace` if the disk is full, or if a limit is reached. `path` is the file that the error's message
    names. The original error is the `__cause__` of the new one. A function with `contextmanager` would take three times as
    long, and every use of a file has such a block.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, sqlite3.Error):
            raise _error_of_sqlite(self._path, error) from error
        if isinstance(error, OSError):
            raise _error_of_system(self._path, error) from error


def primary_code(error: BaseException | None) -> int:
    """SQLite's primary code of an error; 0 if the error is not from SQLite itself, or is None."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _error_of_system(path: str, error: OSError) -> StorageError:
    """The `StorageError` for an error of the system with the file `path`: `NoSpace` if its disk is full."""
    if error.errno == errno.ENOSPC:
        if has_no_inode(path):
            return NoSpace("no_inode", path=path)
        return NoSpace("disk_full" if os.path.exists(path) else "disk_full_for_new_file", path=path)
    if error.errno in _REFUSALS:
        return _REFUSALS[error.errno](path)
    if error.errno in OUT_OF_FILES:
        return StorageError("too_many_open_files", problem=error.strerror)
    return StorageError("disk_fails" if error.errno == errno.EIO else "path_unusable", path=path, problem=error.strerror)


def _error_of_sqlite(path: str, error: sqlite3.Error) -> StorageError:
    """The `StorageError` for an error of SQLite in the database `path`: `NoSpace` if its disk is full or a limit is reached."""
    extended_code = getattr(error, "sqlite_errorcode", 0)
    if extended_code == sqlite3.SQLITE_IOERR_SHORT_READ:  # SQLite's index counts more of the log than there is
        return StorageError("log_removed_in_use", path=path, log=f"{path}-wal")
    code = primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR) and _is_unsuitable_for_sqlite(path):
        return StorageError("file_system_unsuitable", path=path)
    if code == sqlite3.SQLITE_FULL or (code in _CODES_ON_FULL_DISK and is_disk_full(path)):
        return NoSpace("no_inode" if has_no_inode(path) else "disk_full", path=path)
    if code == sqlite3.SQLITE_BUSY:
        return StorageError("database_busy", path=path)
    if code == sqlite3.SQLITE_CANTOPEN and (problem := _problem_of_opening()) is not None:
        return StorageError("too_many_open_files", problem=problem)
    reason = refusal(path, SPACE_BYTES_MIN) if code in _CODES_ON_FULL_DISK else 0  # an error number of the system
    if reason in _REFUSALS:
        return _REFUSALS[reason](path)
    is_opened_to_read = extended_code == sqlite3.SQLITE_READONLY  # its other extended codes have other reasons
    if is_opened_to_read and not reason and (os.access(path, os.W_OK) or not os.path.lexists(path)):
        return StorageError("database_writable_again", path=path)  # what hindered this process when it opened the file is over
    match code:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            kind = "database_damaged"
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            kind = "database_not_opened"
        case sqlite3.SQLITE_READONLY:
            kind = "database_not_writable"
        case sqlite3.SQLITE_IOERR:
            kind = "disk_fails"
        case _:
            kind = "database_failed"
    return StorageError(kind, path=path, problem=str(error))


def has_locks(descriptor: int) -> bool:
    """Whether the file system of the open file `descriptor` has locks.

    The caller makes sure that no other program has locked the file. On a file system without locks, SQLite finds
    every file locked, and waits as if another program had locked it.
    """
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
    except OSError:
        return False
    return True


def _is_unsuitable_for_sqlite(path: str) -> bool:
    """Whether files beside `path` cannot be locked, or cannot be shared in memory. False if that cannot be found out."""
    from mmap import mmap  # here, because a one-shot send does not need it

    with suppress(OSError), draft_of(path) as (descriptor, _):
        if not has_locks(descriptor):
            return True
        os.ftruncate(descriptor, PAGE_BYTES)
        try:
            mmap(descriptor, PAGE_BYTES).close()
        except OSError as error:
            return error.errno in (errno.ENODEV, errno.EINVAL)  # others mean that this process may use no more memory
    return False


def _problem_of_opening() -> str | None:
    """The system's error message if this process cannot open as many files as a database needs; None if it can.

    SQLite does not say why it cannot open a file.
    """
    opened: list[int] = []
    try:
        while len(opened) < _FILES_OF_DATABASE:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.strerror if error.errno in OUT_OF_FILES else None
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return None


def is_disk_full(path: str) -> bool:
    """Whether the disk of `path` has less than `SPACE_BYTES_MIN` of free space, or no inode; False if the system says neither.

    The caller asks this after an error of SQLite, because some of these errors do not name a full disk. SQLite reports an I/O
    error if there is no space for its index of a log. It reports that it cannot open a file if there is no inode for a log.
    """
    return has_little_space(path) or has_no_inode(path)


def has_no_inode(path: str) -> bool:
    """Whether the disk of `path` has free space, but no inode, so that it can hold no further file."""
    disk = _disk(path)
    if disk is None or disk.f_files == 0:  # 0 in all: the file system makes inodes as they are needed, such as btrfs
        return False
    return disk.f_favail == 0 and not has_little_space(path)


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

    It is 0 if the system does not refuse. `ENOSPC` means that the disk has no space for the bytes, `EDQUOT` that a quota does
    not allow them, and `EROFS` that the disk is read-only. `EFBIG` means that `path`, or a file beside it, has reached the
    limit of this process (see `is_beyond_size_limit`). Other error numbers are possible. If the folder of `path` is missing,
    this asks the system about the nearest folder above it. If the system does not refuse there, the result is `ENOENT`.

    No system call says how much space every kind of quota leaves. So this function reserves the bytes for a moment, where the
    system can do that.
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
    return errno.EFBIG if _has_file_at_size_limit(path) else 0


def is_beyond_size_limit(byte_count: int) -> bool:
    """Whether this process may make no file of `byte_count` bytes, because of a limit such as `ulimit -f` sets."""
    from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit  # here, because a one-shot send does not need it

    limit, _ = getrlimit(RLIMIT_FSIZE)
    return limit != RLIM_INFINITY and byte_count > limit


def _has_file_at_size_limit(path: str) -> bool:
    """Whether the file `path`, a draft of it, or one of SQLite's files for these cannot get longer by a page."""
    folder, name = os.path.split(os.path.realpath(path))
    with suppress(OSError), os.scandir(folder) as files:  # a file may vanish meanwhile
        return any(is_beyond_size_limit(each.stat().st_size + PAGE_BYTES) for each in files if each.name.startswith(name))
    return False

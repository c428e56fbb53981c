"""Makes transactions in a write-ahead log durable, and has the disk begin to write them before anybody waits for it.

SQLite waits for the disk within COMMIT. A program that commits without an fsync, calls `LogSync.begin`, does other work and
then calls `LogSync.finish` waits only for what is left by then: on ext4, a third to a half of the time.
"""

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from io import FileIO

from udpnote.errors import StorageError
from udpnote.storage.file_status import FileStatus, from_stat, identity_of, status_at

_WRITE = 2
"""SYNC_FILE_RANGE_WRITE in `linux/fs.h`: begin to write all changed pages of the file, and do not wait for them."""


class LogSync:
    """Makes durable what was committed to the log of the outbox at `path`, which an SQLite connection has open.

    SQLite has no locks on the file of the log, so closing a descriptor of it drops none. Make a `LogSync` just after
    SQLite has opened the log. Then both have the same file open, and if an fsync of SQLite fails, `finish` fails, too: the
    system reports an error once to each open file. Constructor and methods raise `OSError`, and `finish` also raises
    `StorageError`.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = os.path.realpath(path)  # SQLite follows symbolic links, too
        self._links_to_it = [path] if self._file != os.path.abspath(path) else []
        self._log = f"{self._file}-wal"
        self._identity = identity_of(path)
        self._log_identity: tuple[int, int] | None = None
        self._opened_log: FileIO | None = None  # a program that forgets a client without closing it still closes this file
        self._begun = 0  # how often `begin` was called
        with suppress(FileNotFoundError):  # a copy that was just put into WAL mode has no log yet
            self._opened()

    def begin(self) -> None:
        """Have the disk begin to write what is in the log, and return at once. `finish` then waits for the rest.

        This does nothing where the system cannot begin to write without waiting. The first call does nothing, either: in a
        command that sends one note, loading `ctypes` would take more time than this saves.
        """
        if self._begun and (write := _sync_file_range()) is not None:
            write(self._opened(), 0, 0, _WRITE)  # a failure does not matter: `finish` reports it
        self._begun += 1

    def finish(self) -> None:
        """Wait until everything that was committed so far is durable.

        Raises `StorageError` if the outbox or its log was removed or replaced: SQLite goes on with the removed file, which the
        system deletes when the last program closes it. An outbox that was emptied counts as removed, because SQLite deletes the
        log of an empty file. An outbox that was moved, and has left a symbolic link, counts as removed, too: other programs
        look for its log beside the file to which the link leads.
        """
        try:
            sync(self._opened())
            file = self._status_at(self._file, follows=False)
            is_in_place = (
                file.identity == self._identity
                and file.size > 0
                and self._status_at(self._log, follows=False).identity == self._log_identity
                and all(self._status_at(link).identity == self._identity for link in self._links_to_it)
            )
        except FileNotFoundError:
            is_in_place = False
        if not is_in_place:
            raise StorageError("outbox_removed", path=self._path)

    def close(self) -> None:
        """Close the file of the log, if it is open."""
        if self._opened_log is not None:
            self._opened_log.close()
            self._opened_log = None

    def _opened(self) -> int:
        """The descriptor of the log's file, which is opened if necessary. SQLite makes that file with the first transaction."""
        if self._opened_log is None:
            self._opened_log = FileIO(self._log)
            self._log_identity = identity_of(self._opened_log.fileno())
        return self._opened_log.fileno()

    def _status_at(self, path: str, *, follows: bool = True) -> FileStatus:
        """What `status_at` returns. Raises `OSError`."""
        if self._begun > 1:
            return status_at(path, follows=follows)
        # In a command that sends one note, `status_at` would have to load `ctypes`.
        return from_stat(os.stat(path, follow_symlinks=follows))


def begin_log_again(connection: sqlite3.Connection) -> None:
    """Copy the log into the database that `connection` has open, as far as that works.

    If all of the log was copied, the next transaction overwrites it from its beginning, unless somebody is reading it.

    Call this after a failed fsync. From then on, the system takes the lost pages for written, and the next fsync succeeds. If
    power failed after that, SQLite would find a gap in the log, and drop all transactions that follow the gap.
    """
    for _ in range(2):  # the first attempt may fail like the fsync: the system reports an error once to each open file
        with suppress(sqlite3.Error):
            is_busy, frames, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if not is_busy and frames == copied:
                return


def sync(descriptor: int) -> None:
    """Make what was written to the open file `descriptor` durable, as SQLite does it. Raises `OSError`."""
    if sys.platform == "darwin":  # fsync alone leaves data in the drive's cache
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)


@cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """Return the function `sync_file_range` of the C library, which only Linux has; None if it cannot be called."""
    try:
        import ctypes  # here, because a one-shot send does not need it

        function = ctypes.CDLL(None).sync_file_range
    except (ImportError, OSError, AttributeError):  # a Python that was built without libffi has no `ctypes`
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return function

"""The files of search indexes: opened for whoever uses one beside others, removed when they are damaged, or temporary."""

import os
import sqlite3
from contextlib import closing
from enum import Enum, auto
from typing import TYPE_CHECKING

from udpnote.storage.database import IN_MEMORY, Schema, open_database, storage_errors

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

BUSY_MILLISECONDS = 2
"""How long to wait for another process's transaction, which takes about as long: after that, it is not now."""

OPENING_BUSY_MILLISECONDS = 500
"""The same while an index is opened: another process may just be emptying one of a million notes."""


class Trouble(Enum):
    """What an error means for an index."""

    BUSY = auto()
    FULL = auto()
    UNWRITABLE = auto()
    DAMAGED = auto()


_TROUBLES = {
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_READONLY: Trouble.UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: Trouble.UNWRITABLE,
    sqlite3.SQLITE_PERM: Trouble.UNWRITABLE,
    sqlite3.SQLITE_AUTH: Trouble.UNWRITABLE,
    sqlite3.SQLITE_IOERR: Trouble.UNWRITABLE,
}


def trouble_of(error: BaseException | None) -> Trouble:
    """What an error of SQLite or of the operating system means; whatever else is said of an index, it is of no use."""
    if isinstance(error, OSError):
        return Trouble.UNWRITABLE
    code = getattr(error, "sqlite_errorcode", 0)
    return Trouble.DAMAGED if code == sqlite3.SQLITE_IOERR_SHORT_READ else _TROUBLES.get(code & 0xFF, Trouble.DAMAGED)


_PASSING = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}  # fmt: skip


def is_passing(error: BaseException) -> bool:
    """Whether what reading an index has met says nothing about it: it is busy, say, or no file can be opened just now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING


def open_file(path: str, schema: Schema) -> sqlite3.Connection:
    """Open the index at `path`, made if it is not there; raises `StorageError`, of whose cause `trouble_of` knows more.

    Its commits do not wait for the disk, and nobody moves its log into it by the way.
    """
    if path != IN_MEMORY and os.path.exists(path):
        with storage_errors(path), closing(sqlite3.connect(path, timeout=OPENING_BUSY_MILLISECONDS / 1000)) as probe:
            probe.execute("PRAGMA schema_version")  # `open_database` would wait for half a minute if it is locked
    connection = open_database(path, schema)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 0")  # so that the log's length tells what is in it
    connection.execute("PRAGMA secure_delete = OFF")  # some builds of SQLite overwrite with zeros what is deleted
    return connection


def temporary_folder() -> "TemporaryDirectory[str] | None":
    """A folder for an index of our own, which goes with the process; None where there is no room for temporary files."""
    from tempfile import TemporaryDirectory  # here, because it is slow to import, and nearly nobody needs it

    try:
        return TemporaryDirectory(prefix="udpnote-", ignore_cleanup_errors=True)
    except OSError:  # no folder for such files can be written
        return None


def wait_for_others(connection: sqlite3.Connection, milliseconds: int) -> None:
    """Wait so long, from now on, for other processes' transactions."""
    connection.execute(f"PRAGMA busy_timeout = {milliseconds}")


def identity_of(path: str) -> tuple[int, int] | None:
    """What tells the file at `path` from one that takes its place; None if there is no file."""
    try:
        status = os.stat(path)
    except OSError:  # it is gone, or cannot be reached any more
        return None
    return status.st_dev, status.st_ino


def remove(path: str) -> bool:
    """Remove a database with its log, the log first: no other one may be taken for part of it. False if that is not allowed."""
    for each in (f"{path}-wal", f"{path}-shm", path):
        try:
            os.unlink(each)
        except FileNotFoundError:
            continue
        except OSError:  # a folder, or somebody else's
            return False
    return True

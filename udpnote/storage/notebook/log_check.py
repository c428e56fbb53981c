"""Whether the write-ahead log of a notebook belongs to the notebook's file and is whole, by a mark that both have.

SQLite appends each transaction to the log, `NOTEBOOK-wal`; a checkpoint copies them into the file. After a crash the log is
left, and SQLite applies it to the file. If a person has put a backup there meanwhile, SQLite cannot see that: the log undoes
the restore or, if it does not have all pages that differ, damages the notebook.

So the notebook has a *mark* among its properties. A transaction before each checkpoint writes a closed mark with a new id. A
transaction after a complete checkpoint opens the mark. SQLite then overwrites the log from its beginning, so this transaction
is the first one in the log.

- While the mark in the log is open, the file itself, read without the log, has the same mark, but closed. No backup has that
  closed mark: a backup made through SQLite has the open mark, and a copy of the file alone, made before the server started,
  has a mark with an earlier id.
- The last checkpoint, when a server ends, leaves a closed mark that says so. If the file has any other mark and no log is
  there, the log was removed or overwritten, or the file was copied without it, and the latest entries are missing.
- While the mark in the log is closed, a checkpoint may have copied some of the log. Then the file has this id or the one
  before, and an older copy from this time cannot be recognized. This time lasts a fraction of a second, unless somebody reads
  an old state of the notebook for long, which keeps checkpoints from being complete.

A backup of `udpnote backup` has a mark that no notebook ever had. So no log belongs to it, whenever it was made.

The mark in the file is read without the log, perhaps after a power failure in the middle of a checkpoint. It is in one page,
and otherwise only pages of the schema are read, which never change. So it can be read, unless that one page was cut in two.

The beginning of a log that was cut or damaged looks whole to SQLite, which drops the rest without a word. `log_file` finds
that out. The mark also says how long the log's file is at least.
"""

import os
import sqlite3
import struct
from contextlib import closing, suppress
from typing import NamedTuple, Self
from zlib import crc32

from udpnote.errors import StorageError
from udpnote.storage.database import (
    LOG_HEADER_BYTES,
    SERVER_BUSY_SECONDS,
    check_is_file,
    create_database,
    has_log,
    is_database,
    uri_of,
)
from udpnote.storage.disk_errors import primary_code, storage_errors
from udpnote.storage.log_file import is_damaged, is_log
from udpnote.storage.new_files import aside_name, files_set_aside
from udpnote.storage.notebook.file_guard import FileGuard
from udpnote.storage.notebook.tables import SCHEMA, read_property, write_property
from udpnote.storage.reading_database import reading_mode

CHECKPOINT_ID_BYTES = 8
"""Random bytes: two checkpoints of a notebook never get the same id by chance."""

_MARK_PROPERTY = "log"
_STRUCT = struct.Struct(f">{CHECKPOINT_ID_BYTES}s{CHECKPOINT_ID_BYTES}s??QI")
"""The bytes of a mark: its five fields, and a CRC-32 of these."""


class Mark(NamedTuple):
    """The mark of a notebook: the ids of the last checkpoint and of the last complete one before, and whether it is open.

    `is_last` says whether the checkpoint was the last one of a server that ended; then the notebook may be without a log.
    The log's file has at least `log_bytes` bytes, until the next mark is written.
    """

    checkpoint: bytes
    checkpoint_before: bytes
    is_open: bool
    is_last: bool = False
    log_bytes: int = 0

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Self | None:
        """The mark of the notebook that `connection` has open; None if it has none or a damaged one. Raises `sqlite3.Error`."""
        value = read_property(connection, _MARK_PROPERTY)
        if not isinstance(value, bytes) or len(value) != _STRUCT.size:
            return None
        *mark, checksum = _STRUCT.unpack(value)
        return cls(*mark) if checksum == crc32(value[:-4]) else None

    def write(self, connection: sqlite3.Connection) -> None:
        """Save this mark in the notebook that `connection` has open. Raises `sqlite3.Error`.

        The mark is durable at once or, if a transaction is open, with its commit.
        """
        value = _STRUCT.pack(*self, 0)[:-4]
        write_property(connection, _MARK_PROPERTY, value + crc32(value).to_bytes(4, "big"))

    def fits(self, in_file: "Mark | None") -> bool:
        """Whether a log with this mark may belong to a notebook's file with the mark `in_file`.

        `in_file` is read from the file alone, without its log. It is None if the file has no mark that can be read: a power
        failure during a checkpoint can leave half of one. A log with a closed mark may belong to such a file.
        """
        if self.is_open:
            return in_file == self._replace(is_open=False)
        return in_file is None or in_file.checkpoint in (self.checkpoint, self.checkpoint_before)


def locked(path: str) -> FileGuard:
    """Create the notebook at `path` if there is none, lock it against other servers, and return the lock.

    Raises `NotebookInUse`, and `StorageError` if its log is missing or damaged, or is the log of another file.
    """
    check_is_file(path, SCHEMA)
    if not os.path.exists(path):  # then there must be no log either
        check_log(path)
    create_database(path, SCHEMA)
    guard = FileGuard(path)
    try:
        check_complete(path)
    except BaseException:
        guard.release()
        raise
    return guard


def check_complete(path: str) -> None:
    """Raise `StorageError` if stored entries of the notebook at `path` are lost, or if its log belongs to another file.

    The file must exist. Call this while no other program uses it, and before SQLite opens it.
    """
    _check_is_whole(path)  # first, because the other checks let SQLite make its index of the log anew
    check_log(path)
    _check_has_its_log(path)


def check_log(path: str) -> None:
    """Raise `StorageError` if there is a log for the notebook at `path` that belongs to another file.

    Also raises `StorageError` if there is a log, but the notebook is missing or empty; if the log is a symbolic link or no
    regular file; and if `path` is a folder, a pipe, a device or a socket. If there is no log, and a server has put the
    notebook's log aside (see `FileGuard`), this function first gives it its name back.
    """
    check_is_file(path, SCHEMA)
    log = f"{path}-wal"
    if os.path.islink(log) or (os.path.exists(log) and not os.path.isfile(log)):  # SQLite uses neither
        raise StorageError("log_is_no_file", path=path, log=log)
    with storage_errors(path):
        if not has_log(path) and not _take_back(path):
            return
        if not os.path.exists(path) or not os.path.getsize(path):  # SQLite would remove the log of an empty file
            raise StorageError("log_without_notebook", path=path, log=log)
        # A server may do a checkpoint between the two looks at the marks. Its closed mark is seen at the second attempt.
        if is_database(path) and not _fits(path) and not _fits(path):
            raise StorageError("log_of_another_file", path=path, log=log, aside=aside_name(log))


def _check_is_whole(path: str) -> None:
    """Raise `StorageError` if the log of the notebook at `path` is damaged or was cut, so that stored entries are lost.

    Call this with the notebook locked, before SQLite opens it. If there is no log, this does nothing.
    """
    log = f"{path}-wal"
    with storage_errors(path):
        if os.path.isfile(log) and is_log(log) and has_log(path) and is_damaged(path):
            raise StorageError("log_damaged", path=path, log=log)


def _check_has_its_log(path: str) -> None:
    """Raise `StorageError` if the mark of the notebook at `path` shows that the log is missing or was cut.

    The log may be missing if the mark is open or is the last one of a server that ended. A missing or empty notebook is no
    error. Call this after `check_log`, before SQLite opens the file to write.
    """
    log = f"{path}-wal"
    with storage_errors(path):
        if not os.path.exists(path) or not is_database(path):
            return
        is_there = is_log(log)
        with closing(connect(path, "mode=ro" if is_there else "immutable=1")) as connection:
            mark = _mark_in(connection)
        if mark is None:
            return
        if not is_there and not mark.is_open and not mark.is_last:
            raise StorageError("log_gone", path=path, log=log)
        if is_there and os.path.getsize(log) < mark.log_bytes:
            raise StorageError("log_damaged", path=path, log=log)


def _take_back(path: str) -> bool:
    """If a log that belongs to the notebook at `path` was put aside, give it its name back. Return whether that was done.

    Returns False if the file cannot be renamed.
    """
    log = f"{path}-wal"
    with suppress(OSError):
        for aside in files_set_aside(log):
            if os.path.getsize(aside) > LOG_HEADER_BYTES and os.path.exists(path) and is_database(path):
                os.rename(aside, log)
                if _fits(path):
                    return True
                os.rename(log, aside)
    return False


def _fits(path: str) -> bool:
    """Whether the log beside the file `path` may belong to the file, by their marks (see `Mark.fits`).

    If the log has no mark, it may belong to the file only if the file has none, either.
    """
    with closing(connect(path, reading_mode(path))) as connection:
        connection.execute("BEGIN")  # while it reads, no checkpoint copies a later mark than the one that it sees
        return has_own_log(connection, path)


def has_own_log(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the log of the database at `path`, which `connection` has open, may belong to the file (see `_fits`)."""
    with closing(connect(path, "immutable=1")) as file_alone:
        in_log, in_file = _mark_in(connection), _mark_in(file_alone)
    return in_log.fits(in_file) if in_log is not None else in_file is None


def _mark_in(connection: sqlite3.Connection) -> Mark | None:
    """The mark of the notebook that `connection` has open; None if it has none, if it is damaged, or if it is no notebook."""
    try:
        return Mark.read(connection)
    except sqlite3.DatabaseError as error:
        if primary_code(error) in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return None
        raise


def connect(path: str, parameters: str) -> sqlite3.Connection:
    """Open the notebook at `path`, which must exist, with these parameters of `uri_of`."""
    return sqlite3.connect(
        uri_of(path, parameters), uri=True, timeout=SERVER_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )

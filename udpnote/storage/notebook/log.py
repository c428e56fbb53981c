"""The write-ahead log of a notebook: its checkpoints, its length, and whether it belongs to the notebook's file.

SQLite appends each transaction to the log, `NOTEBOOK-wal`; a checkpoint copies them into the file. After a crash the log is
left, and SQLite applies it to the file. If a person has put a backup there meanwhile, SQLite cannot see that: the log undoes
the restore or, if it does not have all pages that differ, damages the notebook.

So the notebook has a *mark* among its properties. A transaction before each checkpoint writes a closed mark with a new id. A
transaction after a complete checkpoint opens the mark; it is the first one in the log, which SQLite then overwrites from its
beginning.

- While the mark in the log is open, the file without the log has the same mark, closed. No backup has that closed mark: one
  made through SQLite has the open mark, and one made of the file alone, before the server started, has an earlier id.
- The last checkpoint, when a server ends, leaves a closed mark that says so. If the file has any other mark and no log is
  there, the log was removed or overwritten, or the file was copied without it, and the latest entries are missing.
- While the mark in the log is closed, a checkpoint may have copied some of the log. Then the file has this id or the one
  before, and an older copy from this time cannot be recognized. This time lasts a fraction of a second, unless somebody reads
  an old state of the notebook for long, which keeps checkpoints from being complete.

A backup of `udpnote backup` has a mark that no notebook ever had. So no log belongs to it, whenever it was made.

The mark in the file is read without the log, perhaps after a power failure in the middle of a checkpoint. It is in one page,
and otherwise only pages of the schema are read, which never change. So it can be read, unless that one page was cut in two.
"""

import errno
import os
import sqlite3
import struct
from contextlib import closing, suppress
from threading import Thread
from typing import NamedTuple, Self
from zlib import crc32

from udpnote.errors import NoSpace, NotebookLost, StorageError
from udpnote.storage.database import (
    BUSY_SECONDS,
    LOG_HEADER_BYTES,
    SERVER_BUSY_SECONDS,
    check_is_file,
    create_database,
    has_log,
    is_database,
    reading_mode,
    storage_errors,
    uri_of,
)
from udpnote.storage.disk_space import refusal
from udpnote.storage.new_files import aside_name, set_aside
from udpnote.storage.notebook.file_guard import FileGuard
from udpnote.storage.notebook.log_frames import has_frames_up_to, is_log
from udpnote.storage.notebook.tables import SCHEMA, read_property, write_property

CHECKPOINT_ID_BYTES = 8
"""Random bytes: two checkpoints of a notebook never get the same id by chance."""

LOG_BYTES = 16 << 20
"""The log grows to this length before a checkpoint. Where a thousand clients write, each commit changes hundreds of pages of
the unique index, mostly the same pages as the commit before. A checkpoint copies a page once, however often it was changed, so
a longer log costs less copying. A checkpoint takes some 40 ms, longer than a client's first timeout, so another thread does it.
"""

LOG_BYTES_MAX = LOG_BYTES + LOG_BYTES // 8
"""The most bytes to which the log is cut after a checkpoint: `LOG_BYTES`, and room for SQLite's header of each page."""

RETRY_BYTES = LOG_BYTES // 4
"""After a checkpoint that was not complete, the next one is done when the log has grown by this many bytes."""

_MARK_PROPERTY = "log"
_STRUCT = struct.Struct(f">{CHECKPOINT_ID_BYTES}s{CHECKPOINT_ID_BYTES}s??I")
"""The bytes of a mark: its two ids, whether it is open, whether it is the last one, and a CRC-32 of these."""

_NO_CHECKPOINT = bytes(CHECKPOINT_ID_BYTES)
"""The id in the mark of a notebook that had no checkpoint yet."""


class Mark(NamedTuple):
    """The mark: the id of the last checkpoint, the id of the last complete one before that, and whether the mark is open.

    `is_last` says whether the checkpoint was made to end the use of the notebook, so that it may be without a log now.
    """

    checkpoint: bytes
    checkpoint_before: bytes
    is_open: bool
    is_last: bool = False

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Self | None:
        """The mark of the notebook that `connection` has open; None if it has none or a damaged one. Raises `sqlite3.Error`."""
        value = read_property(connection, _MARK_PROPERTY)
        if not isinstance(value, bytes) or len(value) != _STRUCT.size:
            return None
        *mark, checksum = _STRUCT.unpack(value)
        return cls(*mark) if checksum == crc32(value[:-4]) else None

    def write(self, connection: sqlite3.Connection) -> None:
        """Save this mark in the notebook that `connection` has open, durably. Raises `sqlite3.Error`."""
        value = _STRUCT.pack(*self, 0)[:-4]
        write_property(connection, _MARK_PROPERTY, value + crc32(value).to_bytes(4, "big"))

    def fits(self, in_file: "Mark | None") -> bool:
        """Whether the log with this mark may belong to a notebook's file.

        `in_file` is the mark read from the file alone, without its log; None if it cannot be read: a power failure during a
        checkpoint can leave only half of it.
        """
        if self.is_open:
            return in_file == self._replace(is_open=False)
        return in_file is None or in_file.checkpoint in (self.checkpoint, self.checkpoint_before)


class Log:
    """The log of the notebook at `path`, which `connection` alone has open for writing, and whose file `guard` watches.

    The constructor does a checkpoint, and opens the mark. Constructor and methods raise `StorageError`.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, guard: FileGuard) -> None:
        self._path = path
        self._connection = connection
        self._guard = guard
        self._copying: Thread | None = None
        self._checkpoint: bytes | None = None  # the id of the mark that stands in the log for sure
        self._is_overwritten = False
        with storage_errors(path):
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._was_complete = self._copy()
            guard.check()
            self._bytes_max = self._due_bytes = max(LOG_BYTES, min(guard.log_bytes, LOG_BYTES_MAX))
            connection.execute(f"PRAGMA journal_size_limit = {self._bytes_max}")
            self._open_mark()

    @property
    def is_copied(self) -> bool:
        """Whether another thread is copying the log, or has copied it and `shorten` is still to copy the rest."""
        return self._copying is not None

    def preallocate(self) -> None:
        """Give the log its full length (`LOG_BYTES`) now, not bit by bit with later commits.

        Later commits then overwrite blocks that the log already has, so their fsync need not wait for the file system's
        journal. That nearly halves the time of a commit on ext4. This method writes zeros after what the log has. SQLite takes
        no zeros for a page: each page in the log has a header with the page's number, which is never 0. This method does
        nothing if the disk has less than 4 × `LOG_BYTES` of free space, or a quota allows less than 2 × `LOG_BYTES`: it leaves
        the space to entries.
        """
        from shutil import disk_usage  # here, because only servers need it

        with storage_errors(self._path):
            has_room = disk_usage(os.path.dirname(self._path) or ".").free >= 4 * LOG_BYTES
            if has_room and refusal(self._path, 2 * LOG_BYTES) != errno.EDQUOT:
                with open(f"{self._path}-wal", "r+b") as log:  # past SQLite, which would need two system calls for each page
                    log.write(bytes(max(LOG_BYTES - log.seek(0, os.SEEK_END), 0)))
            self._guard.check()

    def shorten(self, *, is_idle: bool) -> None:
        """Copy the log into the file if it is longer than `_bytes_max` (`LOG_BYTES` or, if the log was longer at first, up to
        `LOG_BYTES_MAX`).

        Another thread copies what the log has now, while the caller goes on to write. When that thread has ended, a later call
        copies the rest. If the log was not wholly copied, or is still longer than `_bytes_max`, it is copied again when it has
        grown by `RETRY_BYTES`, or at once if the server `is_idle`. Raises `NotebookLost` if the notebook's file is not in its
        place any more: SQLite would copy the log into a file without a name.
        """
        is_unfinished = not self._was_complete or self._guard.log_bytes > self._bytes_max
        if self._copying is not None:
            if not self._copying.is_alive():
                self._guard.check()
                self._end_checkpoint()
        elif self._guard.log_bytes > self._due_bytes or (is_idle and is_unfinished):
            self._guard.check()
            self._begin_checkpoint()

    def empty(self) -> None:
        """Copy the log into the file and cut it to nothing. Waits for readers of older states, for at most `BUSY_SECONDS`.

        Raises `StorageError` if there are still such readers then, and `NoSpace` if the disk is full. After an error, some
        transactions may be left in the log.
        """
        self._guard.check()
        with storage_errors(self._path), closing(_connect(self._path, "mode=rw")) as connection:
            self._copy(is_last=True)  # for its closed mark: what follows completes this checkpoint if it was not complete
            if not self._has_closed_mark():
                raise NoSpace("disk_full", path=self._path)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
            connection.execute("PRAGMA fullfsync = ON")
            is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise StorageError("database_busy", path=self._path)

    def finish(self) -> None:
        """Copy the log into the file for the last time. Call this before the guard closes the connection.

        If the log was not wholly copied, the guard keeps it. Raises `NotebookLost` if the file is not in its place any more.
        """
        if self._copying is not None:
            self._copying.join()
        self._guard.check()
        with storage_errors(self._path):
            self._guard.is_log_copied = self._copy(is_last=True)

    def _begin_checkpoint(self) -> None:
        """Begin to copy the log into the file, in another thread; if none can be started now, copy it in this one."""
        with storage_errors(self._path):
            if not self._has_closed_mark() and not self._close_mark():
                return
            copying = Thread(target=self._copy_ahead, name="udpnote log", daemon=True)
            try:
                copying.start()
            except RuntimeError:
                self._copy_ahead()
                self._end_checkpoint()
            else:
                self._copying = copying

    def _copy_ahead(self) -> None:
        with suppress(sqlite3.Error, OSError):  # the rest is copied by the thread that writes, which then has the same error
            self._is_overwritten = self._lacks_mark()
            if not self._is_overwritten:
                self._run_checkpoint()

    def _end_checkpoint(self) -> None:
        """Copy the rest of the log. SQLite then overwrites it from its beginning, unless somebody reads an older state."""
        self._copying = None
        with storage_errors(self._path):
            self._refuse_overwritten()
            self._was_complete = self._run_checkpoint()
            self._open_mark()
            self._guard.check()
        size = self._guard.log_bytes
        self._due_bytes = self._bytes_max if self._was_complete and size <= self._bytes_max else size + RETRY_BYTES

    def _copy(self, *, is_last: bool = False) -> bool:
        """Do a checkpoint in this thread. Returns whether it was complete; False also if the disk has no space for its mark.

        `is_last` says whether the use of the notebook ends with it.
        """
        # Complete the unfinished checkpoint first, because a mark can name only it and the one before.
        if self._has_closed_mark() and not self._run_checkpoint_of_own_log():
            return False
        return self._close_mark(is_last=is_last) and self._run_checkpoint_of_own_log()

    def _has_closed_mark(self) -> bool:
        """Whether the notebook's mark is closed: that of a checkpoint that was not complete. False if it has no mark yet."""
        mark = Mark.read(self._connection)
        return mark is not None and not mark.is_open

    def _close_mark(self, *, is_last: bool = False) -> bool:
        """Write a closed mark with a new id. Returns False if there is no space for it."""
        with suppress(NoSpace), storage_errors(self._path):
            mark = Mark.read(self._connection)
            before = mark.checkpoint if mark is not None else _NO_CHECKPOINT
            Mark(checkpoint := os.urandom(CHECKPOINT_ID_BYTES), before, is_open=False, is_last=is_last).write(self._connection)
            self._checkpoint = checkpoint
            return True
        return False

    def _run_checkpoint_of_own_log(self) -> bool:
        """Do what `_run_checkpoint` does, but raise `NotebookLost` if another program has overwritten the log."""
        self._is_overwritten = self._lacks_mark()
        self._refuse_overwritten()
        return self._run_checkpoint()

    def _run_checkpoint(self) -> bool:
        """Copy the log into the file, up to the oldest state that somebody is reading. Returns whether all of it was copied."""
        with closing(_connect(self._path, "mode=rw")) as connection:  # `self._connection` may be reading
            connection.execute("PRAGMA fullfsync = ON")
            is_busy, frames, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if is_busy or frames != copied:
            return False
        self._checkpoint = None  # from now on, SQLite may overwrite the log from its beginning
        return True

    def _lacks_mark(self) -> bool:
        """Whether another program has overwritten the log: the last mark in it, or something before that, is not there."""
        if self._checkpoint is None:
            return False
        return not has_frames_up_to(f"{self._path}-wal", SCHEMA.page_bytes, self._checkpoint)

    def _refuse_overwritten(self) -> None:
        """Raise `NotebookLost` if the log was overwritten: a checkpoint would copy that into the file."""
        if self._is_overwritten:
            raise NotebookLost("log_overwritten", path=self._path, log=f"{self._path}-wal")

    def _open_mark(self) -> None:
        """Open the mark if the last checkpoint was complete. Without disk space for that, leave the mark closed."""
        if self._was_complete:
            with suppress(NoSpace), storage_errors(self._path):
                mark = Mark.read(self._connection)
                assert mark is not None, "a checkpoint begins with a mark"
                mark._replace(is_open=True).write(self._connection)
                self._checkpoint = mark.checkpoint


def locked(path: str) -> FileGuard:
    """Create the notebook at `path` if there is none, and lock it against other servers.

    Raises `NotebookInUse`, and `StorageError` if its log is missing, or is the log of another file.
    """
    check_log(path)
    create_database(path, SCHEMA)
    guard = FileGuard(path)
    try:
        check_has_its_log(path)
    except BaseException:
        guard.release()
        raise
    return guard


def check_log(path: str) -> None:
    """Raise `StorageError` if there is a log for the notebook at `path` that belongs to another file.

    Also raises `StorageError` if there is a log, but the notebook is missing or empty, and if `path` is a folder, a pipe, a
    device or a socket. If there is no log, and a server has put the notebook's log aside (see `FileGuard`), this function first
    gives it its name back.
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


def check_has_its_log(path: str) -> None:
    """Raise `StorageError` if the notebook at `path` must have a log, because no server has ended its use, but has none.

    A missing or empty file is no error. Call this after `check_log`, before SQLite opens the file to write.
    """
    with storage_errors(path):
        if is_log(f"{path}-wal") or not os.path.exists(path) or not is_database(path):
            return
        with closing(_connect(path, "immutable=1")) as file_alone:
            mark = _mark_in(file_alone)
        if mark is not None and not mark.is_open and not mark.is_last:
            raise StorageError("log_gone", path=path, log=f"{path}-wal")


def _take_back(path: str) -> bool:
    """Rename the log that was put aside and belongs to the notebook at `path`, if there is one. Returns whether there was.

    Without the permission to rename files there, this function returns False.
    """
    log = f"{path}-wal"
    with suppress(OSError):
        for aside in set_aside(log):
            if os.path.getsize(aside) > LOG_HEADER_BYTES and os.path.exists(path) and is_database(path):
                os.rename(aside, log)
                if _fits(path):
                    return True
                os.rename(log, aside)
    return False


def _fits(path: str) -> bool:
    """Whether the log at `path` may belong to the file there; True if neither has a mark, as in other kinds of databases."""
    with closing(_connect(path, reading_mode(path))) as connection, closing(_connect(path, "immutable=1")) as file_alone:
        connection.execute("BEGIN")  # while it reads, no checkpoint copies a later mark than the one that it sees
        in_log, in_file = _mark_in(connection), _mark_in(file_alone)
    return in_log.fits(in_file) if in_log is not None else in_file is None


def _mark_in(connection: sqlite3.Connection) -> Mark | None:
    """The mark of the notebook that `connection` has open; None if it has none, if it is damaged, or if it is no notebook."""
    try:
        return Mark.read(connection)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return None
        raise


def _connect(path: str, parameters: str) -> sqlite3.Connection:
    """Open the notebook at `path`, which must exist, with these parameters of `uri_of`."""
    return sqlite3.connect(
        uri_of(path, parameters), uri=True, timeout=SERVER_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )

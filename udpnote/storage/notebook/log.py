"""The write-ahead log of a notebook: its checkpoints and its length.

SQLite appends each transaction to the log, `NOTEBOOK-wal`; a checkpoint copies them into the file. Before each checkpoint, this
module writes a mark with a new id into the notebook: a closed mark. After a complete checkpoint, it opens the mark. By the
mark, the next program knows whether the log is there, is whole, and belongs to this file: `log_check` explains how.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Thread

from udpnote.errors import NoSpace, NotebookLost, StorageError
from udpnote.storage.database import BUSY_SECONDS, open_database
from udpnote.storage.disk_errors import is_beyond_size_limit, refusal, storage_errors
from udpnote.storage.log_file import has_frames_up_to
from udpnote.storage.notebook.file_guard import FileGuard
from udpnote.storage.notebook.log_check import CHECKPOINT_ID_BYTES, Mark, connect
from udpnote.storage.notebook.tables import SCHEMA

LOG_BYTES = 16 << 20
"""The log grows to this length before a checkpoint. Where a thousand clients write, each commit changes hundreds of pages of
the index of client ids and sequences, mostly the same pages as the commit before. A checkpoint copies a page once, however
often it was changed, so a longer log costs less copying. A checkpoint takes some 40 ms, longer than a client's first timeout,
so another thread does it."""

_NO_CHECKPOINT = bytes(CHECKPOINT_ID_BYTES)
"""The id in the mark of a notebook that had no checkpoint yet."""


def log_bytes_max(log_bytes: int) -> int:
    """Return the bytes to which a log is cut after a checkpoint: `log_bytes`, and room for SQLite's header of each page."""
    return log_bytes + log_bytes // 8


class Log:
    """The log of the notebook at `path`, which `connection` alone has open for writing, and whose file `guard` watches.

    `log_bytes` is the length to which the log grows before a checkpoint. The constructor does a checkpoint, and then opens the
    notebook's mark (see the top of this module). Constructor and methods raise `StorageError`.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, guard: FileGuard, *, log_bytes: int = LOG_BYTES) -> None:
        self._path = path
        self._log_bytes = log_bytes
        self._connection = connection
        self._guard = guard
        self._copying: Thread | None = None
        self._checkpoint: bytes | None = None  # the id of a mark that must be in the log, unless another program overwrote it
        self._is_overwritten = False  # whether that mark was found missing
        with storage_errors(path):
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            guard.check()
            self._was_complete = self._copy()  # whether the last checkpoint copied the whole log
            guard.check()
            # SQLite cuts the log to `_bytes_max` after a checkpoint. A log longer than `_due_bytes` needs the next one.
            self._bytes_max = self._due_bytes = max(log_bytes, min(guard.log_bytes, log_bytes_max(log_bytes)))
            connection.execute(f"PRAGMA journal_size_limit = {self._bytes_max}")
            self._open_mark()

    @property
    def is_checkpoint_running(self) -> bool:
        """Whether another thread is copying the log, or has copied it and `shorten` must copy the rest."""
        return self._copying is not None

    @property
    def _log_bytes_min(self) -> int:
        """The length that the log's file has at least, in bytes, until the server ends: SQLite cuts it to no less."""
        return min(self._guard.log_bytes, self._log_bytes)

    def preallocate(self) -> None:
        """Give the log its full length (`log_bytes`) now, not bit by bit with later commits.

        Later commits then overwrite blocks that the log already has, so their fsync need not wait for the file system's
        journal. That nearly halves the time of a commit on ext4. This method writes zeros after what the log has, or leaves a
        hole there if the files are in memory. SQLite does not take zeros for a page: each page in the log has a header with
        the page's number, which is never 0. Then this method does a checkpoint, so that the notebook's mark has the new length.
        To leave space for entries, it writes no zeros if the disk has less than 4 × `log_bytes` of free space, if a quota
        allows less than 2 × `log_bytes`, or if this process may make no file of `log_bytes`.
        """
        from shutil import disk_usage  # here, because only servers need it

        from udpnote.storage.disk_durability import mount_at

        with storage_errors(self._path):
            missing = self._log_bytes - os.path.getsize(f"{self._path}-wal")
            if is_beyond_size_limit(self._log_bytes):
                return
            if missing <= 0 or disk_usage(os.path.dirname(self._path) or ".").free < 4 * self._log_bytes:
                return
            mount = mount_at(self._path)
            if mount is not None and mount.is_memory:
                os.truncate(f"{self._path}-wal", self._log_bytes)
            elif refusal(self._path, 2 * self._log_bytes) != errno.EDQUOT:
                with open(f"{self._path}-wal", "r+b") as log:  # SQLite itself would need two system calls for each page
                    log.seek(0, os.SEEK_END)
                    log.write(bytes(missing))
            self._guard.check()
            self._was_complete = self._copy()  # so that the mark in the file says how long the log is
            self._open_mark()

    def shorten(self, *, is_idle: bool) -> None:
        """Do the next step of a checkpoint if the log is longer than `_bytes_max`. Call this often: each call does one step.

        `_bytes_max` is `log_bytes` or, if the log was longer at first, up to `log_bytes_max(log_bytes)`. One call lets another
        thread copy what the log has now, while the caller continues to write. When that thread has ended, a later call copies
        the rest. If the log could not be copied as a whole, or is still longer than `_bytes_max`, the next checkpoint begins
        when the log has grown by a quarter of `log_bytes`, or at the next call if the server `is_idle`. Raises `NotebookLost`
        if the notebook's file is not in its place any more: SQLite would copy the log into a file without a name.
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
        with storage_errors(self._path), closing(connect(self._path, "mode=rw")) as connection:
            self._copy(is_last=True)  # it writes a closed mark; what it cannot copy now is copied below
            if not self._has_closed_mark():  # the disk had no space for the mark
                raise NoSpace("disk_full", path=self._path)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
            connection.execute("PRAGMA fullfsync = ON")
            is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise StorageError("database_busy", path=self._path)

    def finish(self) -> bool:
        """Copy the log into the file for the last time. Return whether all was copied.

        Raises `NotebookLost` if the file is not in its place any more.
        """
        if self._copying is not None:
            self._copying.join()
        self._guard.check()
        with storage_errors(self._path):
            return self._copy(is_last=True)

    def _begin_checkpoint(self) -> None:
        """Close the mark, and begin to copy the log into the file in another thread.

        If the disk has no space for the mark, do nothing. If no thread can be started now, copy the log in the caller's thread.
        """
        with storage_errors(self._path):
            if not self._has_closed_mark() and not self._close_mark():
                return
            self._guard.expect_other_log_header()
            copying = Thread(target=self._copy_ahead, name="udpnote log", daemon=True)
            try:
                copying.start()
            except RuntimeError:
                self._copy_ahead()
                self._end_checkpoint()
            else:
                self._copying = copying

    def _copy_ahead(self) -> None:
        """Copy what the log has now, in the other thread. `_end_checkpoint` copies what is written meanwhile.

        An error ends this copy and is not raised: `_end_checkpoint`, which copies the rest, then has the same error.
        """
        with suppress(sqlite3.Error, OSError):
            self._is_overwritten = self._lacks_mark()
            if not self._is_overwritten:
                self._run_checkpoint()

    def _end_checkpoint(self) -> None:
        """Copy the rest of the log, open the mark if all was copied, and decide at which length the next checkpoint begins.

        SQLite then overwrites the log from its beginning, unless somebody reads an older state.
        """
        self._copying = None
        with storage_errors(self._path):
            self._refuse_overwritten()
            self._was_complete = self._run_checkpoint()
            self._open_mark()
            self._guard.check()
        size = self._guard.log_bytes
        self._due_bytes = self._bytes_max if self._was_complete and size <= self._bytes_max else size + self._log_bytes // 4

    def _copy(self, *, is_last: bool = False) -> bool:
        """Do a checkpoint in this thread: write a new mark, and copy the log into the file. Return whether all was copied.

        First completes an earlier checkpoint that was not complete. Returns False, too, if the disk has no space for the mark.
        `is_last` says whether this is the last checkpoint before the server ends.
        """
        # Complete the unfinished checkpoint first, because a mark can name only it and the one before.
        if self._has_closed_mark() and not self._run_checkpoint_of_own_log():
            return False
        return self._close_mark(is_last=is_last) and self._run_checkpoint_of_own_log()

    def _has_closed_mark(self) -> bool:
        """Whether the notebook's mark is closed: the last checkpoint was not complete. False if it has no mark yet."""
        mark = Mark.read(self._connection)
        return mark is not None and not mark.is_open

    def _close_mark(self, *, is_last: bool = False) -> bool:
        """Write a closed mark with a new id into the notebook. Returns False if the disk has no space for it. `is_last` says
        that the server ends.
        """
        with suppress(NoSpace), storage_errors(self._path):
            mark = Mark.read(self._connection)
            before = mark.checkpoint if mark is not None else _NO_CHECKPOINT
            checkpoint = os.urandom(CHECKPOINT_ID_BYTES)
            log_bytes = 0 if is_last else self._log_bytes_min
            Mark(checkpoint, before, is_open=False, is_last=is_last, log_bytes=log_bytes).write(self._connection)
            self._checkpoint, self._guard.log_bytes_min = checkpoint, log_bytes
            return True
        return False

    def _run_checkpoint_of_own_log(self) -> bool:
        """Do what `_run_checkpoint` does, but raise `NotebookLost` if another program has overwritten the log."""
        self._is_overwritten = self._lacks_mark()
        self._refuse_overwritten()
        return self._run_checkpoint()

    def _run_checkpoint(self) -> bool:
        """Copy the log into the file, up to the oldest state that somebody is reading. Returns whether all of it was copied."""
        self._guard.expect_other_log_header()
        with closing(connect(self._path, "mode=rw")) as connection:  # `self._connection` may be reading
            connection.execute("PRAGMA fullfsync = ON")
            is_busy, frames, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if is_busy or frames != copied:
            return False
        self._checkpoint = None  # from now on, SQLite may overwrite the log from its beginning
        return True

    def _lacks_mark(self) -> bool:
        """Whether another program has overwritten the log: the last mark in it, or something before that mark, is not there.

        False if the log need not have a mark, because SQLite may overwrite it from its beginning.
        """
        if self._checkpoint is None:
            return False
        return not has_frames_up_to(f"{self._path}-wal", SCHEMA.page_bytes, self._checkpoint)

    def _refuse_overwritten(self) -> None:
        """Raise `NotebookLost` if the log was overwritten: a checkpoint would copy the wrong bytes into the file."""
        if self._is_overwritten:
            raise NotebookLost("log_overwritten", path=self._path, log=f"{self._path}-wal")

    def _open_mark(self) -> None:
        """Open the notebook's mark if the last checkpoint was complete. If the disk has no space for that, leave it closed."""
        if self._was_complete:
            with suppress(NoSpace), storage_errors(self._path):
                mark = Mark.read(self._connection)
                assert mark is not None, "a checkpoint begins with a mark"
                mark._replace(is_open=True).write(self._connection)
                self._checkpoint = mark.checkpoint
                self._guard.watch_log_header()


def close_with_log(connection: sqlite3.Connection, log: Log | None, guard: FileGuard) -> None:
    """Copy `log` into its file for the last time, and close the file, which `connection` has open. It stays locked by `guard`.

    A log that was wholly copied is removed. If it could not be copied, no error is raised, and it stays: the next server copies
    it. `log` is None if it was not used. Raises `NotebookLost`, after closing, if the file is not in its place any more.
    """
    is_log_copied = False
    try:
        if log is not None:
            is_log_copied = log.finish()
    except NotebookLost:
        raise
    except StorageError:
        pass
    finally:
        guard.end_use(connection, is_log_copied=is_log_copied)


@contextmanager
def opened_with_log(path: str, guard: FileGuard) -> Iterator[tuple[sqlite3.Connection, Log]]:
    """Open the notebook at `path`, which `guard` has locked, for the block, as a server does. Give the block its log, too.

    Raises `StorageError`, at the end of the block as `close_with_log`.
    """
    connection = open_database(path, SCHEMA)
    log: Log | None = None
    try:
        guard.watch()
        log = Log(path, connection, guard)
        yield connection, log
    finally:
        close_with_log(connection, log, guard)

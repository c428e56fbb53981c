"""Checkpoints: each copies the search index's write-ahead log into its file, outside the thread that serves clients."""

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from udpnote.storage.database import uri_of
from udpnote.storage.index.search_worker import Executor

if TYPE_CHECKING:
    from concurrent.futures import Future


class Checkpoints:
    """Copies the write-ahead log of the database at `path` into its file each time the log has grown by `log_bytes`.

    A checkpoint waits for the disk, and a server must not, so the `executor` does it in another thread. Without an executor,
    the calling thread does it.

    After a checkpoint that has copied the whole log, SQLite overwrites the log from its beginning. Without such checkpoints,
    the log would grow for ever. A checkpoint copies the whole log only if meanwhile no connection writes, and none reads an
    older state of the database. So the caller must not write while a checkpoint `is_running`. It must also let the same
    executor do its searches, which then do not run during a checkpoint.
    """

    def __init__(self, path: str, *, log_bytes: int, executor: Executor | None = None) -> None:
        self._path = path
        self._log_bytes = log_bytes
        self._executor = executor
        self._bytes_at_last = 0  # the length of the log when the last checkpoint began
        self._job: Future[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the executor is doing a checkpoint now. A checkpoint that waits for the executor is not running yet."""
        return self._job is not None and self._job.running()

    def start_if_due(self) -> None:
        """Begin a checkpoint if the log has grown by `log_bytes` since the last one began, and none waits or is running.

        Call this after each transaction. Without an executor, this returns after the checkpoint.
        """
        size = self._log_size()
        if size < self._bytes_at_last:  # SQLite has cut off the log and begins it again
            self._bytes_at_last = 0
        is_submitted = self._job is not None and not self._job.done()
        if is_submitted or size - self._bytes_at_last < self._log_bytes:
            return
        self._bytes_at_last = size
        if self._executor is not None:
            self._job = self._executor.submit(self._run)
        else:
            self._run()

    def finish(self) -> None:
        """Cancel a checkpoint that has not begun; wait for the end of a running one, at most `search_worker.END_SECONDS`."""
        if self._job is not None and not self._job.cancel() and self._executor is not None:
            self._executor.finish(self._job)

    def _log_size(self) -> int:
        """The size of the write-ahead log in bytes; 0 if there is none."""
        try:
            return os.stat(f"{self._path}-wal").st_size
        except OSError:  # another process has removed the database: there is no log
            return 0

    def _run(self) -> None:
        """Do a checkpoint in this thread. If it fails, do nothing."""
        try:
            connection = sqlite3.connect(uri_of(self._path, "mode=rw"), uri=True, timeout=0, isolation_level=None)
            with closing(connection):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error:  # the log is whole: a later checkpoint copies it, or the next transaction meets the same error
            return

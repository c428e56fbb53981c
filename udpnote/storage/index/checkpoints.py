"""Checkpoints: moves a database's write-ahead log into its file, outside of the thread that serves clients."""

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from udpnote.storage.index.search_worker import Executor

if TYPE_CHECKING:
    from concurrent.futures import Future


class Checkpoints:
    """Does a checkpoint of the database at `path` each time its log has grown by `log_bytes`.

    A checkpoint waits for the disk, and a server must not, so `executor` does it; without an executor, it is done at once. It
    moves the whole log only if meanwhile no connection writes the database, or reads an older state of it. If no checkpoint
    ever moves the whole log, SQLite never starts the log again from its beginning, and the log grows for ever. So nothing
    should be written while a checkpoint `is_running`, and the executor must be the one that searches the database.
    """

    def __init__(self, path: str, *, log_bytes: int, executor: Executor | None = None) -> None:
        self._path = path
        self._log_bytes = log_bytes
        self._executor = executor
        self._moved_bytes = 0
        self._job: Future[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a checkpoint is running now."""
        return self._job is not None and self._job.running()

    def start_if_due(self) -> None:
        """Begin a checkpoint if the log is long enough; call it after each transaction."""
        size = self._log_size()
        if size < self._moved_bytes:  # the log was started again from its beginning
            self._moved_bytes = 0
        is_submitted = self._job is not None and not self._job.done()
        if is_submitted or size - self._moved_bytes < self._log_bytes:
            return
        self._moved_bytes = size
        if self._executor is not None:
            self._job = self._executor.submit(self._run)
        else:
            self._run()

    def finish(self) -> None:
        """Cancel a checkpoint that has not begun, and wait for one that has."""
        if self._job is not None and not self._job.cancel() and self._executor is not None:
            self._executor.finish(self._job)

    def _log_size(self) -> int:
        try:
            return os.stat(f"{self._path}-wal").st_size
        except OSError:  # another process has removed the database: there is nothing to move
            return 0

    def _run(self) -> None:
        try:
            connection = sqlite3.connect(f"file:{quote(self._path)}?mode=rw", uri=True, timeout=0, isolation_level=None)
            with closing(connection):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error:  # the log is whole: a later checkpoint moves it, or the next transaction meets the same error
            return

"""Moving the write-ahead log of a database into its file, away from the thread that writes it."""

import os
import sqlite3
from contextlib import closing
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import quote

from udpnote.storage.index.search_worker import Executor

if TYPE_CHECKING:
    from concurrent.futures import Future


class Checkpoints:
    """Checkpoints of the database at `path`, each once its log has grown by `log_bytes`.

    A checkpoint waits for the disk, and whoever writes the database has more urgent things to do. So it runs in a thread
    with a connection of its own; while it `is_running` nothing should be written, and nothing read elsewhere, or it would
    never get to the end of the log, and the log would grow for ever. So where `executor` reads, it does this, too, when it
    has done what it was asked before.
    """

    def __init__(self, path: str, *, log_bytes: int, executor: Executor | None = None) -> None:
        self._path = path
        self._log_bytes = log_bytes
        self._executor = executor
        self._moved_bytes = 0
        self._thread: Thread | None = None
        self._job: Future[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a checkpoint is being done."""
        return (self._thread is not None and self._thread.is_alive()) or (self._job is not None and self._job.running())

    def start_if_due(self) -> None:
        """Begin one if the log is long enough; to be called after each transaction."""
        size = self._size()
        if size < self._moved_bytes:  # the log was begun anew
            self._moved_bytes = 0
        is_asked_for = self.is_running or (self._job is not None and not self._job.done())
        if size - self._moved_bytes < self._log_bytes or is_asked_for:
            return
        self._moved_bytes = size
        if self._executor is not None:
            self._job = self._executor.submit(self._run)
        else:
            self._thread = Thread(target=self._run, name="udpnote checkpoint", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait for the one that is running, and begin no more."""
        if self._thread is not None:
            self._thread.join()
        if self._job is not None and not self._job.cancel() and self._executor is not None:
            self._executor.finish(self._job)

    def _size(self) -> int:
        try:
            return os.stat(f"{self._path}-wal").st_size
        except OSError:  # somebody has removed the database: then there is nothing to move
            return 0

    def _run(self) -> None:
        try:
            connection = sqlite3.connect(f"file:{quote(self._path)}?mode=rw", uri=True, timeout=0, isolation_level=None)
            with closing(connection):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error:  # the log is whole, and a later checkpoint moves it; or the one who writes sees what is wrong
            return

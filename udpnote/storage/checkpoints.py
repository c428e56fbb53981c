"""Moving the write-ahead log of a database into its file, away from the thread that writes it."""

import os
import sqlite3
from contextlib import closing
from threading import Thread
from urllib.parse import quote


class Checkpoints:
    """Checkpoints of the database at `path`, each once its log has grown by `log_bytes`.

    A checkpoint waits for the disk, and whoever writes the database has more urgent things to do. So it runs in a thread
    with a connection of its own; while it `is_running` nothing should be written, or it would never get to the end of the
    log, and the log would grow for ever.
    """

    def __init__(self, path: str, *, log_bytes: int) -> None:
        self._path = path
        self._log_bytes = log_bytes
        self._moved_bytes = 0
        self._thread: Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether a checkpoint is on its way."""
        return self._thread is not None and self._thread.is_alive()

    def start_if_due(self) -> None:
        """Begin one if the log is long enough; to be called after each transaction."""
        size = self._size()
        if size < self._moved_bytes:  # the log was begun anew
            self._moved_bytes = 0
        if size - self._moved_bytes < self._log_bytes or self.is_running:
            return
        self._moved_bytes = size
        self._thread = Thread(target=self._run, name="udpnote checkpoint", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for the one that is running."""
        if self._thread is not None:
            self._thread.join()

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

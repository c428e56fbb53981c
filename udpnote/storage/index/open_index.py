"""A search index while its file is open: its content, its state, the thread that searches it, and its checkpoints.

Another process may write the file at any time. So `state` and `shards` are read again by `refresh` and at the beginning of each
`transaction`.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from udpnote.storage.database import IN_MEMORY, atomic, uri_of
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.index.counts import Counts
from udpnote.storage.index.index_file import BUSY_MILLISECONDS, OPENING_BUSY_MILLISECONDS, State, known_identity
from udpnote.storage.index.indexed_notebook import IndexedNotebook
from udpnote.storage.index.search_worker import BackgroundSearch, Executor
from udpnote.storage.index.shards import Shards

if TYPE_CHECKING:
    from concurrent.futures import Future


class OpenIndex:
    """The index of `notebook` in the file `path`, which `connection` has open. `log_bytes` is for `Checkpoints`.

    The constructor reads the index, also the list of its `shards`, and empties it if it does not fit the notebook (see
    `State`). It raises `StorageError`, and closes `connection`, if the index cannot be read or emptied, or if the notebook
    cannot be read. Methods raise `sqlite3.Error`.
    """

    state: State
    """Which notebook the index was made of, and how far it has got."""

    def __init__(
        self, path: str, connection: sqlite3.Connection, shards: Shards, notebook: IndexedNotebook, *, log_bytes: int
    ) -> None:
        self.path = path
        self.connection = connection
        self.shards = shards
        self.counts = Counts(connection)
        self.is_damaged = False
        """True after an error has shown that the file is damaged."""
        self.search: BackgroundSearch | None = None
        """Searches the file in a thread of the executor. None without executor, or for an index in memory."""
        self.checkpoints: Checkpoints | None = None
        """None for an index in memory, which has no log."""
        self._log_bytes = log_bytes
        self._data_version: int | None = None
        try:
            with storage_errors(path):
                connection.execute(f"PRAGMA busy_timeout = {OPENING_BUSY_MILLISECONDS}")
                self.refresh()
                if not self._fits(notebook):
                    self._empty(notebook)
                connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        except BaseException:
            connection.close()
            raise
        self._identity = known_identity(path) if path != IN_MEMORY else None
        self.use_executor(None)

    @property
    def is_in_place(self) -> bool:
        """Whether the open file is still the one at its path. False for an index in memory."""
        return self._identity is not None and self._identity == known_identity(self.path)

    @property
    def is_replaced(self) -> bool:
        """Whether the file at the path is another one than the open one, or is gone. False for an index in memory."""
        return self._identity is not None and self._identity != known_identity(self.path)

    def use_executor(self, executor: Executor | None) -> None:
        """From now on, `executor` searches the file and does checkpoints. With None, the calling thread does both.

        Interrupts a search that is running, and waits for a checkpoint.
        """
        self._end_jobs()
        if self.path != IN_MEMORY:
            self.checkpoints = Checkpoints(self.path, log_bytes=self._log_bytes, executor=executor)
            if executor is not None and self._identity is not None:
                self.search = BackgroundSearch(self.path, executor)

    def refresh(self) -> None:
        """Read the state and the shards again if another process has written them, or if a transaction was rolled back."""
        (data_version,) = self.connection.execute("PRAGMA data_version").fetchone()
        if data_version == self._data_version:
            return
        state = State.read(self.connection)
        self.shards.reload()
        self.state = state
        self._data_version = data_version

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in a write transaction, which begins with `refresh`. Roll it back if the block raises an error."""
        try:
            with atomic(self.connection):
                self.refresh()  # another process may have written
                yield
        except BaseException:
            self._data_version = None  # the transaction was rolled back: makes `refresh` read the state again
            raise

    def close(self) -> None:
        """Close the file. Interrupts a search that is running, and waits for a checkpoint. May be called repeatedly."""
        self._end_jobs()
        self.connection.close()

    def _end_jobs(self) -> None:
        """Interrupt a search that is running, and wait for a checkpoint."""
        if self.checkpoints is not None:
            self.checkpoints.finish()
        if self.search is not None:
            self.search.close()

    def _fits(self, notebook: IndexedNotebook) -> bool:
        """Whether the index was made of `notebook`, with the present rules, and of entries that it still has."""
        return notebook.is_source_of(self.state) and notebook.has_last_of(self.state)

    def _empty(self, notebook: IndexedNotebook) -> None:
        """Remove everything from the index, and begin it anew for `notebook`, unless another process has just done so."""
        self._data_version = None
        with self.transaction():
            if not self._fits(notebook):
                self.shards.clear()
                self.counts.clear(last_number=notebook.last_number())
                self.state = notebook.first_state()
                self.state.write(self.connection)


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

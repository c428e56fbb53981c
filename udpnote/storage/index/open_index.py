"""A search index while its file is open: its content, its state, the thread that searches it, and its checkpoints.

Another process may write the file at any time. So `state` and `shards` are read again by `refresh` and at the beginning of each
`transaction`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection

from udpnote.storage.database import IN_MEMORY, atomic, storage_errors
from udpnote.storage.index.checkpoints import Checkpoints
from udpnote.storage.index.counts import Counts
from udpnote.storage.index.index_file import BUSY_MILLISECONDS, OPENING_BUSY_MILLISECONDS, State, identity_of
from udpnote.storage.index.indexed_notebook import IndexedNotebook
from udpnote.storage.index.search_worker import BackgroundSearch, Executor
from udpnote.storage.index.shards import Shards


class OpenIndex:
    """The index of `notebook` in the file `path`, which `connection` has open. `log_bytes` is for `Checkpoints`.

    The constructor reads the index, also the list of its `shards`, and empties it if it does not fit the notebook (see
    `State`). It raises `StorageError`, and closes `connection`, if the index cannot be read or emptied, or if the notebook
    cannot be read. Methods raise `sqlite3.Error`.
    """

    state: State
    """Which notebook the index was made of, and how far it has got."""

    def __init__(self, path: str, connection: Connection, shards: Shards, notebook: IndexedNotebook, *, log_bytes: int) -> None:
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
        self._identity = identity_of(path) if path != IN_MEMORY else None
        self.use_executor(None)

    @property
    def is_in_place(self) -> bool:
        """Whether the open file is still the one at its path. False for an index in memory."""
        return self._identity is not None and self._identity == identity_of(self.path)

    @property
    def is_replaced(self) -> bool:
        """Whether the file at the path is another one than the open one, or is gone. False for an index in memory."""
        return self._identity is not None and self._identity != identity_of(self.path)

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

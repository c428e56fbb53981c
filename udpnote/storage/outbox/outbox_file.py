"""The file of an outbox while a process has it open: how it is opened, its transactions, and their fsync."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from sqlite3 import Connection
from threading import Lock

from udpnote.storage.database import IN_MEMORY, atomic, has_log, is_same_file
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.outbox.log_sync import begin_log_again
from udpnote.storage.outbox.tables import open_to_read, open_to_write, without_fsync

_opening = Lock()
_open_here: dict[int, str] = {}
"""The paths of the outboxes that this process has open, by the `id()` of each `OutboxFile`. If one is opened again, its log is
not checked: the check opens and closes the file of the log's index, so SQLite would lose its locks on that file."""


class OutboxFile:
    """The file of an outbox at `path`. Methods raise `StorageError` if it cannot be used.

    Without `is_read_only`, the file is opened for writing, and created if it is missing. With `is_read_only`, it is opened only
    for reading, and the outbox is empty if the file is missing. Then `before_writing` decides what a transaction does. If it is
    None, every transaction raises the same `StorageError` as on a disk that cannot be written. If it is a function, each
    transaction first calls it, and tries to open the file for writing, until this has worked once.

    The constructor raises the `StorageError` of `check_outbox_log`. With `uses_damaged_log` it does not: the outbox then has
    what SQLite can read of a damaged log.
    """

    def __init__(
        self, path: str, *, is_read_only: bool, uses_damaged_log: bool, before_writing: Callable[[], object] | None
    ) -> None:
        self.path = path
        self._before_writing = before_writing
        self._openings = 0
        with _opening, storage_errors(path):
            if not uses_damaged_log and not (is_read_only and not os.path.exists(path)):
                _check_log(path)
            self._connection: Connection | None
            self._connection, self._log = (open_to_read(path), None) if is_read_only else open_to_write(path)
            if path != IN_MEMORY:
                _open_here[id(self)] = path

    @property
    def connection(self) -> Connection:
        """The connection with the file. If the file could not be opened again after an attempt to write, this tries again."""
        if self._connection is None:
            self._connection = open_to_read(self.path)
        return self._connection

    def close(self) -> None:
        """Close the file."""
        with _opening:
            if self._connection is not None:
                self._connection.close()
            if self._log is not None:
                self._log.close()
            _open_here.pop(id(self), None)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run the block in a write transaction that is durable at its end. If the block raises, the transaction is undone."""
        self._open_to_write()
        with storage_errors(self.path), atomic(self.connection) as connection:
            yield connection

    def without_fsync(self) -> AbstractContextManager[Connection]:
        """Return a context manager whose block is a write transaction without an fsync (see `tables.without_fsync`)."""
        self._open_to_write()
        return without_fsync(self.connection, self.path)

    def begin_fsync(self) -> None:
        """Have the disk begin to write what was committed, and do not wait for it."""
        if self._log is not None:
            with storage_errors(self.path):
                self._log.begin()

    def make_durable(self) -> None:
        """Wait until the disk has everything that this process and others have committed so far.

        A file that is open for reading does not wait.
        """
        if self._log is not None:
            with storage_errors(self.path):
                try:
                    self._log.finish()
                except OSError:
                    begin_log_again(self.connection)
                    raise

    def version(self) -> int:
        """Return a number that changes when another process or another `Outbox` writes to the file. Own writes do not count."""
        with storage_errors(self.path):
            (version,) = self.connection.execute("PRAGMA data_version").fetchone()
        return self._openings << 32 | int(version)  # SQLite counts anew for each connection

    def _open_to_write(self) -> None:
        """Do what the class says about `before_writing`. After an error, `connection` opens the file for reading again."""
        if self._before_writing is None:
            return
        with _opening, storage_errors(self.path):
            self._before_writing()
            self._openings += 1
            try:
                del _open_here[id(self)]
                reading, self._connection = self._connection, None
                if reading is not None:
                    reading.close()  # first, because the log is checked: see `_open_here`
                _check_log(self.path)  # another program may have left it since this one has opened the file
                self._connection, self._log = open_to_write(self.path)
                self._before_writing = None
            finally:
                _open_here[id(self)] = self.path


def _check_log(path: str) -> None:
    """Raise the `StorageError` of `check_outbox_log`. Do nothing if this process has the outbox at `path` open."""
    with storage_errors(path):
        is_left = path != IN_MEMORY and (has_log(path) or os.path.exists(f"{path}-shm"))
        if is_left and not any(is_same_file(path, each) for each in _open_here.values()):
            from udpnote.storage.outbox.log_check import check_outbox_log  # here, because this happens seldom

            check_outbox_log(path)

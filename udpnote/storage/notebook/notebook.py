"""Notebook: the file of a notebook while a server has it open. Stores entries durably, in one transaction for a batch."""

import os
import sqlite3
from collections.abc import Iterator, Sequence

from udpnote.errors import NoSpace
from udpnote.model.entry import NOTHING_SEEN, Arrival, Part, SeenEntry, Status, StoredEntry, Verdict
from udpnote.storage.database import IN_MEMORY, SERVER_BUSY_SECONDS, atomic, open_database
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.index.index import Index
from udpnote.storage.index.index_file import index_path
from udpnote.storage.notebook.entry_store import EntryStore
from udpnote.storage.notebook.log import LOG_BYTES, Log, close_with_log
from udpnote.storage.notebook.log_check import locked
from udpnote.storage.notebook.lookup import Lookup
from udpnote.storage.notebook.tables import (
    SCHEMA,
    TEXT_FILE_PROPERTY,
    NotebookFile,
    entries_from,
    last_number,
    root_of,
    write_property,
)


class Notebook(NotebookFile):
    """One notebook file, created if there is none, and locked: only one server at a time may have it open.

    Entries are numbered in the order in which they are stored, from 1, without gaps. The constructor raises `NotebookInUse` if
    another server has the notebook open, and `StorageError` if the write-ahead log is missing, damaged or of another file. The
    constructor and every method raise `StorageError` if the file cannot be used. `log_bytes` is the length to which the log
    grows before it is copied into the file. With `IN_MEMORY` as the path, there is neither a file nor a log.
    """

    def __init__(self, path: str | os.PathLike[str], *, log_bytes: int = LOG_BYTES) -> None:
        path = os.fspath(path)
        self.path = path if path == IN_MEMORY else os.path.realpath(path)
        self._guard = locked(self.path) if path != IN_MEMORY else None
        try:
            self._connection = open_database(self.path, SCHEMA)
        except BaseException:
            if self._guard is not None:
                self._guard.release()
            raise
        self._entry_store = EntryStore(self._connection)
        self._newest = NOTHING_SEEN
        self._log: Log | None = None
        self._lookup: Lookup | None = None
        try:
            with storage_errors(self.path):
                self._connection.execute(f"PRAGMA busy_timeout = {SERVER_BUSY_SECONDS * 1000:.0f}")
                if self._guard is not None:
                    self._guard.watch()
                    self._log = Log(self.path, self._connection, self._guard, log_bytes=log_bytes)
                self._last_number = last_number(self._connection)
            self._lookup = Lookup(self._connection, self.path, Index(index_path(self.path), self._connection))
        except BaseException:
            self.close()
            raise

    @property
    def is_new(self) -> bool:
        """Whether the notebook was never used by a server: it has neither a name nor an entry."""
        return not self.name and not self._last_number

    @property
    def last_number(self) -> int:
        """The number of the latest entry, which is also how many entries there are, erased ones included."""
        return self._last_number

    @property
    def newest(self) -> SeenEntry:
        """The number and the identity of the latest entry, as a `SeenEntry`; `NOTHING_SEEN` in an empty notebook."""
        if self._newest.number != self._last_number:
            self._newest = self.seen_at(self._last_number)
        return self._newest

    @property
    def lookup(self) -> Lookup:
        """The `Lookup` that answers queries from this notebook."""
        assert self._lookup is not None, "a notebook that could not be opened would be read"
        return self._lookup

    def preallocate_log(self) -> None:
        """Give the write-ahead log its full length now, which makes later commits faster (see `Log.preallocate`)."""
        if self._log is not None:
            self._log.preallocate()

    def rename(self, name: str) -> None:
        """Give the notebook another name, durably."""
        self._set_property("name", name)

    def set_sealed(self, *, is_sealed: bool) -> None:
        """Save durably whether the notebook is sealed; the caller writes or removes the key file."""
        self._set_property("sealed", int(is_sealed))

    def record_key(self, key_id: bytes) -> None:
        """Durably save the id of the key that the server uses now. Other commands see by it that the server uses a new key."""
        if self._property("used_key_id") != key_id:
            self._set_property("used_key_id", key_id)

    def record_text_file(self, path: str) -> None:
        """Durably save the path of the text file that the server writes, so that `udpnote erase` finds that file."""
        if self._property(TEXT_FILE_PROPERTY) != os.fsencode(path):
            self._set_property(TEXT_FILE_PROPERTY, os.fsencode(path))

    def store(self, arrivals: Sequence[Arrival], now: int) -> list[Verdict | None]:
        """Store parts of entries, runs and bundles (see `Arrival`), and return a verdict on each, in order.

        All are stored in one transaction or, if the database rejects a value, each in its own. What was stored is durable when
        this returns. `now` is the time of storing, by the server's clock, in microseconds since 1970 UTC. `Status` explains the
        verdicts. If the disk is full, every verdict is NO_SPACE, also on what an earlier transaction of this call has stored.
        If the verdict on a run or bundle is SPLIT, some of its notes may be stored. An imported part or bundle whose
        predecessor (see `Restored`) is missing is not stored, and its verdict is None. Raises `StorageError` if the file cannot
        be written for another reason, and `NotebookLost` if it is not in its place any more; then the server must not
        acknowledge anything.
        """
        try:
            if self._log is not None:
                self._log.shorten(is_idle=False)
            with storage_errors(self.path):
                try:
                    verdicts = self._store(arrivals, now)
                except sqlite3.IntegrityError:
                    verdicts = [self._store_alone(each, now) for each in arrivals]
                if self._guard is not None:
                    self._guard.check()
                return verdicts
        except NoSpace:
            return [Verdict(Status.NO_SPACE, 0)] * len(arrivals)

    def expire_partial_entries(self, now: int) -> None:
        """Remove the partial entries (see `parts`) of which no part has arrived for a day. `now` is as in `store`."""
        try:
            with storage_errors(self.path), atomic(self._connection):
                self._entry_store.expire_partial_entries(now)
        except BaseException:
            self._entry_store.handle_rollback()
            raise

    def entries_after(self, number: int) -> Iterator[StoredEntry]:
        """The entries with a number above `number`, in order, each with the text with which it was stored."""
        with storage_errors(self.path):
            yield from entries_from(self._connection, "WHERE number > ? ORDER BY number", (number,))

    def note_number(self, number: int) -> int:
        """The number of the note that the entry `number` is, revises or deletes; 0 if no entry has this number."""
        with storage_errors(self.path):
            return root_of(self._connection, number) or 0

    def close(self) -> None:
        """Copy the write-ahead log into the file, close the file and release its lock, even if this raises `NotebookLost`.

        For other errors of copying, see `close_with_log`.
        """
        if self._lookup is not None:
            self._lookup.index.close()
        if self._guard is not None:
            guard, self._guard = self._guard, None
            try:
                close_with_log(self._connection, self._log, guard)
            finally:
                guard.release()
        else:
            self._connection.close()

    def check_file(self) -> None:
        """Check that the file is in its place, and copy the write-ahead log into it if that is due for an idle server.

        Raises `NotebookLost` if the file is not in its place any more.
        """
        if self._guard is not None and self._log is not None:
            self._guard.check()
            self._log.shorten(is_idle=True)

    @property
    def is_checkpoint_running(self) -> bool:
        """Whether another thread is copying the write-ahead log, or has copied it and `check_file` must copy the rest of it."""
        return self._log is not None and self._log.is_checkpoint_running

    def _store(self, arrivals: Sequence[Arrival], now: int) -> list[Verdict | None]:
        """Store all `arrivals` in one transaction, and return a verdict or None for each, in order, as `store` does.

        If the transaction fails, nothing is stored. Raises `sqlite3.Error`.
        """
        try:
            with atomic(self._connection):
                verdicts = self._entry_store.store(arrivals, now)
        except BaseException:
            self._entry_store.handle_rollback()
            raise
        self._last_number = self._entry_store.last_number
        return verdicts

    def _store_alone(self, arrival: Arrival, now: int) -> Verdict | None:
        """Store one part, run or bundle in a transaction of its own, and return what `store` returns for it.

        If the database rejects a value, the verdict on a part is REFUSED, and that on a run or bundle is SPLIT. Raises
        `sqlite3.Error` if the transaction fails for another reason.
        """
        try:
            return self._store([arrival], now)[0]
        except sqlite3.IntegrityError:
            return Verdict(Status.REFUSED if isinstance(arrival, Part) else Status.SPLIT, 0)

    def _set_property(self, name: str, value: str | int | bytes) -> None:
        with storage_errors(self.path):
            write_property(self._connection, name, value)

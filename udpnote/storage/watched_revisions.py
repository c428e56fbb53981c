"""The stored revisions of this client that it watches, to tell their author if somebody replaces one without having seen it."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from udpnote.model.entry import SeenEntry
from udpnote.storage.database import storage_errors

REVISIONS_WATCHED_MAX = 100
"""How many of this client's stored revisions are watched in each notebook: as many numbers as one query may name."""


class WatchedRevisions:
    """The watched revisions in the outbox at `path`, by notebook id. Methods raise `StorageError` if it cannot be used.

    `connection` has the outbox open. `write_without_fsync` executes an SQL statement there, once for each row of values.
    """

    def __init__(
        self,
        path: str,
        connection: sqlite3.Connection,
        write_without_fsync: Callable[[str, Sequence[tuple[object, ...]]], None],
    ) -> None:
        self._path = path
        self._connection = connection
        self._write_without_fsync = write_without_fsync

    def watch(self, notebook_id: bytes, revision: SeenEntry) -> None:
        """Watch this client's stored `revision`: udpnote tells its author if somebody replaces it without having seen it.

        If more than `REVISIONS_WATCHED_MAX` are watched in this notebook, the oldest are watched no longer.
        """
        self._write_without_fsync("INSERT OR REPLACE INTO revisions VALUES (?, ?, ?, ?)", [(notebook_id, *revision)])
        numbers = [each.number for each in self.watched(notebook_id)]
        self.forget(notebook_id, numbers[:-REVISIONS_WATCHED_MAX])

    def watched(self, notebook_id: bytes) -> list[SeenEntry]:
        """The watched revisions of this notebook, in the order of their numbers."""
        query = "SELECT number, client_id, sequence FROM revisions WHERE notebook_id = ? ORDER BY number"
        with storage_errors(self._path):
            return [SeenEntry(*row) for row in self._connection.execute(query, (notebook_id,))]

    def forget(self, notebook_id: bytes, numbers: Iterable[int]) -> None:
        """Stop watching the revisions with these numbers in this notebook."""
        rows = [(notebook_id, number) for number in numbers]
        self._write_without_fsync("DELETE FROM revisions WHERE notebook_id = ? AND number = ?", rows)

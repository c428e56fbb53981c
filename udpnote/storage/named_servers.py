"""The servers that the user has named, and which notebook answered last at each of them, kept in the outbox."""

import sqlite3

from udpnote.storage.database import atomic, storage_errors


class NamedServers:
    """The named servers in the outbox at `path`, which `connection` has open. A server is the HOST:PORT that the user gave.

    Methods raise `StorageError` if the outbox cannot be used.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def notebook_id(self, server: str) -> bytes | None:
        """The id of the notebook that answered last at `server`; None if none has."""
        with storage_errors(self._path):
            row = self._connection.execute("SELECT notebook_id FROM servers WHERE server = ?", (server,)).fetchone()
        return None if row is None else row[0]

    def note(self, server: str, notebook_id: bytes) -> None:
        """Save durably that a notebook has answered at `server`. Does not write if that is saved already."""
        if self.notebook_id(server) != notebook_id:
            with storage_errors(self._path), atomic(self._connection) as connection:
                connection.execute("INSERT OR REPLACE INTO servers VALUES (?, ?)", (server, notebook_id))

    def replace(self, server: str | None, notebook_id: bytes) -> None:
        """In the caller's transaction, forget all servers of a notebook but `server` (None: forget all).

        Raises `sqlite3.Error`.
        """
        self._connection.execute("DELETE FROM servers WHERE notebook_id = ?", (notebook_id,))
        if server is not None:
            self._connection.execute("INSERT OR REPLACE INTO servers VALUES (?, ?)", (server, notebook_id))

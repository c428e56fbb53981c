"""The keys of joined notebooks, in the outbox."""

import sqlite3

from udpnote.storage.database import atomic, storage_errors

DELETE_UNUSED_KEYS = "DELETE FROM keys WHERE key_id NOT IN (SELECT key_id FROM notebooks WHERE key_id IS NOT NULL)"


class JoinedKeys:
    """The keys of joined notebooks in the outbox at `path`, which `connection` has open.

    Methods raise `StorageError` if the outbox cannot be used.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def by_id(self) -> dict[bytes, bytes]:
        """The keys of all joined notebooks, by key id."""
        with storage_errors(self._path):
            return dict(self._connection.execute("SELECT key_id, key FROM keys").fetchall())

    def renew(self, notebook_id: bytes, key_id: bytes, key: bytes) -> None:
        """Durably save the present `key` of a known notebook, and its id, in place of an earlier one; the choice stays.

        If the notebook was open before, it counts as sealed and joined from now on.
        """
        with storage_errors(self._path), atomic(self._connection) as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", (key_id, key))
            connection.execute("UPDATE notebooks SET key_id = ? WHERE notebook_id = ?", (key_id, notebook_id))
            connection.execute(DELETE_UNUSED_KEYS)

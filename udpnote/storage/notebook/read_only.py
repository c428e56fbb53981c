"""A notebook's file, opened to be read: beside its server, if that runs."""

import os

from udpnote.errors import StorageError
from udpnote.storage.database import open_database, storage_errors
from udpnote.storage.entry_rows import last_number
from udpnote.storage.index.index import Index
from udpnote.storage.notebook.lookup import Lookup, index_path
from udpnote.storage.notebook.notebook import SCHEMA


class ArchiveFile:
    """One notebook file, for reading only; raises `StorageError` where that is not possible."""

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        if not os.path.exists(self.path):
            raise StorageError(f"there is no notebook at {path}: `udpnote serve` says where its file is")
        self._connection = open_database(self.path, SCHEMA)
        try:
            with storage_errors(self.path):
                self._connection.execute("PRAGMA query_only = ON")
            self.lookup = Lookup(self._connection, self.path, Index(index_path(self.path), self._connection))
        except BaseException:
            self._connection.close()
            raise

    @property
    def name(self) -> str:
        """What people call the notebook; empty before it was named."""
        value = self._property("name")
        return str(value) if value is not None else ""

    @property
    def is_sealed(self) -> bool:
        """Whether the notebook may be served only to who has its key."""
        return bool(self._property("sealed"))

    def last_number(self) -> int:
        """The highest number in the notebook; 0 if it is empty."""
        with storage_errors(self.path):
            return last_number(self._connection)

    def _property(self, name: str) -> object:
        with storage_errors(self.path):
            row = self._connection.execute("SELECT value FROM properties WHERE name = ?", (name,)).fetchone()
        return row[0] if row is not None else None

    def close(self) -> None:
        """Close the file."""
        with storage_errors(self.path):
            self.lookup.index.close()
            self._connection.close()

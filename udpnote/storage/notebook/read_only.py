"""Opens a notebook's file for reading only, even while a server writes it."""

import os

from udpnote.errors import StorageError
from udpnote.model.entry import SeenEntry
from udpnote.storage.database import storage_errors
from udpnote.storage.index.index import Index
from udpnote.storage.notebook.lookup import Lookup, index_path
from udpnote.storage.notebook.reading_connection import ReadingConnection
from udpnote.storage.notebook.tables import last_number, read_property, seen_at


class ReadOnlyNotebook:
    """A notebook file that is open for reading only.

    The constructor raises `StorageError` if the file does not exist, and for the reasons of `ReadingConnection`.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self._file = self._file_at_path()
        if self._file is None:
            raise StorageError("notebook_not_there", path=path)
        self._reading = ReadingConnection(self.path)
        self._connection = self._reading.connection
        try:
            self.lookup = Lookup(self._connection, self.path, Index(index_path(self.path), self._connection))
        except BaseException:
            self._reading.close()
            raise

    @property
    def notebook_id(self) -> object:
        """The 16 random bytes that identify the notebook. Each copy of the notebook has the same id."""
        return self._property("notebook_id")

    @property
    def is_replaced(self) -> bool:
        """Whether another file, such as a restored copy, is at the path now, and a server has begun to use that file.

        A log beside the other file shows that a server uses it. Without a log, the other file may be a copy that is not
        complete yet, so the result is False.
        """
        return self._file_at_path() not in (None, self._file) and os.path.exists(f"{self.path}-wal")

    @property
    def name(self) -> str:
        """The name that people gave the notebook; empty if it has none yet."""
        return str(self._property("name") or "")

    @property
    def is_sealed(self) -> bool:
        """Whether the notebook is sealed: served only to clients that have its key."""
        return bool(self._property("sealed"))

    @property
    def used_key_id(self) -> bytes | None:
        """The id of the key that the server uses or, if none runs, has used last; None if the notebook was never sealed."""
        value = self._property("used_key_id")
        return value if isinstance(value, bytes) else None

    def last_number(self) -> int:
        """The highest number in the notebook; 0 if it is empty."""
        with storage_errors(self.path):
            return last_number(self._connection)

    def seen_at(self, number: int) -> SeenEntry:
        """The number and the identity of the entry `number`, as a `SeenEntry`; `NOTHING_SEEN` if no entry has this number."""
        with storage_errors(self.path):
            return seen_at(self._connection, number)

    def close(self) -> None:
        """Close the file."""
        with storage_errors(self.path):
            self.lookup.index.close()
            self._reading.close()

    def _file_at_path(self) -> tuple[int, int] | None:
        """The device and inode of the file that is at the path now; None if there is none."""
        with storage_errors(self.path):
            try:
                status = os.stat(self.path)
            except (FileNotFoundError, NotADirectoryError):
                return None
            return status.st_dev, status.st_ino

    def _property(self, name: str) -> object:
        with storage_errors(self.path):
            return read_property(self._connection, name)

"""Opens a notebook's file for reading only, even while a server writes it, but leaves a file with a damaged log as it is.

The first connection to a database makes SQLite's index of the log (`-shm`) anew. After a crash, perhaps only the old index
shows that the last transactions of the log are damaged (see `log_file`). So while no program has the database open, the log
is checked for damage before SQLite opens it. While a program has it open, a new connection changes nothing. Then the log is not
checked for damage, because the check would read what that program is just writing.

A program that has the database open holds a lock of SQLite on the index. The lock of a server (see `file_guard`) does not say
that, because a server takes it before it checks the log. A process that closes a descriptor of the index itself loses SQLite's
locks on it. So this module remembers the connections of this process, and does not open the index while there is one.
"""

import os
from threading import Lock
from weakref import WeakSet

from udpnote.errors import StorageError
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.file_status import identity_of
from udpnote.storage.index.index import Index
from udpnote.storage.index.index_file import index_path
from udpnote.storage.log_file import is_open_elsewhere
from udpnote.storage.notebook.file_guard import is_guarded_here
from udpnote.storage.notebook.log_check import check_complete, check_log
from udpnote.storage.notebook.lookup import Lookup
from udpnote.storage.notebook.tables import SCHEMA, NotebookFile, last_number
from udpnote.storage.reading_database import close_after_reading, open_for_reading

LOG_DAMAGES = ("log_damaged", "log_gone")
"""The kinds of errors which say that some stored entries are lost, but that the other entries can be read."""

_opening = Lock()
"""Held while a file is checked and opened, so that no other thread opens it in between."""


class ReadingConnection:
    """A `connection` that only reads the notebook in the existing file `path`. `identity` is the file's device and inode.

    The constructor raises `StorageError` if the file cannot be read, or if its log is the log of another file. If no program
    uses the file, it also raises `StorageError` if the log is damaged or missing. A caller that has locked the file (see
    `FileGuard`) counts as such a program, so it must check the log itself.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with _opening, storage_errors(path):
            _check(path)
            self.identity = identity_of(path)
            self.connection = open_for_reading(path, SCHEMA)
            _open_here.add(self)

    def close(self) -> None:
        """Close the connection without a checkpoint. Raises `sqlite3.Error` and `OSError`."""
        with _opening:
            close_after_reading(self.connection, self._path)
            _open_here.discard(self)


_open_here: WeakSet[ReadingConnection] = WeakSet()
"""The connections of this process."""


def damage_of(path: str) -> StorageError | None:
    """The error that says that the log of the notebook at `path` is damaged or missing; None if it is whole or in use.

    Also returns None if there is no notebook. Raises `StorageError` if the log belongs to another file.
    """
    if os.path.exists(path):
        try:
            with _opening:
                _check(path)
        except StorageError as error:
            if error.notice.kind not in LOG_DAMAGES:
                raise
            return error
    return None


def _check(path: str) -> None:
    """Check the log of the notebook at `path`: with `check_log` if a program uses the notebook, else with `check_complete`.

    Raises the `StorageError` of that check.
    """
    if not _is_in_use(path):
        try:
            return check_complete(path)
        except StorageError:  # perhaps a server has just begun to change the log, or has ended and removed it
            if not _is_in_use(path):
                return check_complete(path)
    return check_log(path)


def _is_in_use(path: str) -> bool:
    """Whether a program has the database at `path` open. Returns True if that cannot be found out: then SQLite fails, too."""
    try:
        identity = identity_of(path)
        is_open_here = is_guarded_here(path) or any(each.identity == identity for each in _open_here)
    except FileNotFoundError:
        return False
    except OSError:  # SQLite says why
        return True
    return is_open_here or is_open_elsewhere(path)


class ReadOnlyNotebook(NotebookFile):
    """A notebook file that is open for reading only.

    `lookup` answers queries. The file of its search index may be made and written, beside the notebook. The constructor raises
    `StorageError` if the notebook's file does not exist, and for the reasons of `ReadingConnection`.
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
    def is_replaced(self) -> bool:
        """Whether another file, such as a restored copy, is at the path now, and a server has begun to use that file.

        A log beside the other file shows that a server uses it. Without a log, the other file may be a copy that is not
        complete yet, so the result is False.
        """
        return self._file_at_path() not in (None, self._file) and os.path.exists(f"{self.path}-wal")

    @property
    def used_key_id(self) -> bytes | None:
        """The id of the key that the server uses or, if none runs, has used last; None if the notebook was never sealed."""
        value = self._property("used_key_id")
        return value if isinstance(value, bytes) else None

    def last_number(self) -> int:
        """The highest number in the notebook; 0 if it is empty."""
        with storage_errors(self.path):
            return last_number(self._connection)

    def close(self) -> None:
        """Close the file."""
        with storage_errors(self.path):
            self.lookup.index.close()
            self._reading.close()

    def _file_at_path(self) -> tuple[int, int] | None:
        """The device and inode of the file that is at the path now; None if there is none."""
        with storage_errors(self.path):
            try:
                return identity_of(self.path)
            except (FileNotFoundError, NotADirectoryError):
                return None

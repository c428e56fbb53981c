"""Opens SQLite files only to read them, also on a disk or in a folder that cannot be written."""

import os
import sqlite3
from contextlib import closing

from udpnote.errors import StorageError
from udpnote.storage.database import (
    BUSY_SECONDS,
    CACHE_KIBIBYTES,
    Schema,
    check_header,
    check_log_index,
    check_schema,
    has_log,
    uri_of,
)
from udpnote.storage.disk_errors import has_little_space, has_no_inode, storage_errors
from udpnote.storage.inherited_files import record_opened


def open_for_reading(path: str, schema: Schema) -> sqlite3.Connection:
    """Open the existing database at `path` for reading only, also on a disk that nobody can write.

    Raises `StorageError` for the reasons of `open_database`; also if the file is missing, and if the disk cannot be written and
    the file has a log that SQLite cannot read there.
    """
    with storage_errors(path):
        check_header(path, schema)
        connection = sqlite3.connect(
            uri_of(path, reading_mode(path)), uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            record_opened(path)
            connection.execute("PRAGMA query_only = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
            check_schema(connection, path, schema)
        except BaseException:
            connection.close()
            raise
        return connection


def reading_mode(path: str) -> str:
    """The parameters for `uri_of` with which SQLite can read the file `path`, even if its disk or folder cannot be written.

    If the file has a log, they are `mode=ro`. If it has none, but SQLite can make one, they are `mode=rw`: with `mode=ro`,
    SQLite would leave an empty log behind. If SQLite cannot make one, they are `immutable=1`: SQLite then takes no lock.

    Raises `StorageError` if the file has a log that SQLite cannot read without writing to the disk, and `OSError`.
    """
    path = os.path.realpath(path)  # SQLite's log is beside the file to which a symbolic link leads
    is_disk_read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    if not has_log(path):
        # While a server uses the file, there are the log and its index (-shm). If they are missing, SQLite has to make both.
        cannot_be_made = not os.access(os.path.dirname(path), os.W_OK) or has_no_inode(path)
        is_closed = cannot_be_made and not os.path.exists(f"{path}-wal")
        is_full = has_little_space(path) or not _fits_log_index(path)
        return "immutable=1" if is_closed or is_disk_read_only or is_full else "mode=rw"
    if is_disk_read_only and not os.path.exists(f"{path}-shm"):  # SQLite would have to make this file
        raise StorageError("log_on_read_only_disk", path=path, log=f"{path}-wal")
    check_log_index(path)
    return "mode=ro"


def _fits_log_index(path: str) -> bool:
    """Whether SQLite can make its index of the log of the database at `path`: False if a disk or quota has no room for it."""
    try:
        check_log_index(path)
    except OSError:
        return False
    return True


def close_after_reading(connection: sqlite3.Connection, path: str) -> None:
    """Close a `connection` of `open_for_reading` to `path` without a checkpoint: only a server may do one (see `notebook.log`).

    When the last connection to a database is closed, SQLite does a checkpoint, unless that connection can only read. So this
    function first opens a read-only connection, and closes that one last. Raises `sqlite3.Error` and `OSError`.
    """
    if has_log(path):
        with closing(sqlite3.connect(uri_of(path, "mode=ro"), uri=True)) as last:
            last.execute("PRAGMA schema_version")  # from now on SQLite counts this connection
            connection.close()
    else:
        connection.close()

"""The file of a search index: its tables, its state, the meaning of its errors, and how to open and remove it.

The file belongs to one notebook and is written by one version of the rules that cut texts into terms; its `State` records both.
"""

import os
import sqlite3
from contextlib import closing
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, Self

from udpnote.storage.database import IN_MEMORY, Schema, open_database, storage_errors

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

BUSY_MILLISECONDS = 2
"""How long to wait for another process's transaction, which takes about as long. After that, the caller tries again later."""

OPENING_BUSY_MILLISECONDS = 500
"""The same while an index is opened: another process may be emptying an index of a million notes then."""

_TABLES = (
    """
    CREATE TABLE state (
        notebook_id BLOB,
        rules TEXT,
        indexed INTEGER NOT NULL,
        step INTEGER NOT NULL,
        client_id BLOB,
        sequence INTEGER,
        stored_at INTEGER
    )
    """,
    "INSERT INTO state (indexed, step) VALUES (0, 0)",
    """
    CREATE TABLE shards (
        shard INTEGER PRIMARY KEY,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        is_full INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        portions INTEGER NOT NULL,
        unmerged_segments INTEGER NOT NULL
    )
    """,
    "CREATE TABLE tags (tag_id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE, notes INTEGER NOT NULL CHECK (notes >= 0))",
    """
    CREATE TABLE authors (
        author_id INTEGER PRIMARY KEY, author TEXT NOT NULL UNIQUE, notes INTEGER NOT NULL CHECK (notes >= 0)
    )
    """,
    "CREATE TABLE days (day INTEGER PRIMARY KEY, notes INTEGER NOT NULL CHECK (notes >= 0))",
    "CREATE TABLE totals (notes INTEGER NOT NULL, tags INTEGER NOT NULL, authors INTEGER NOT NULL, days INTEGER NOT NULL)",
    "INSERT INTO totals VALUES (0, 0, 0, 0)",
    "CREATE TABLE spans (block INTEGER PRIMARY KEY, earliest INTEGER NOT NULL, latest INTEGER NOT NULL)",
)


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    for table in ("tags", "authors", "days"):  # triggers keep the number of their rows in `totals`
        for event, step in (("INSERT", "+ 1"), ("DELETE", "- 1")):
            add = f"UPDATE totals SET {table} = {table} {step}"
            connection.execute(f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} BEGIN {add}; END")


SCHEMA = Schema(
    file_kind="index",
    application_id=0x554E4F49,  # "UNOI"
    version=1,  # to be raised whenever the same note is put into the index in another way
    page_bytes=4096,  # FTS5 writes its own pages in this size
    create=_create_tables,
)


class State(NamedTuple):
    """The notebook and the rules from which an index was made, and how many entries it holds.

    `notebook_id` is the notebook's, `rules` was `search_terms.RULES_VERSION` then; both are None if the index is empty. The
    index has all entries up to the number `indexed` and, if the next entry is long, its first `step` portions. The last three
    fields identify the last entry that was used (the one after `indexed` if `step` is not 0): if the notebook was replaced by
    an older copy, and has another entry under that number now, the index does not fit any more.
    """

    notebook_id: bytes | None
    rules: str | None
    indexed: int
    step: int = 0
    client_id: bytes | None = None
    sequence: int | None = None
    stored_at: int | None = None

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Self:
        """The state of the index behind `connection`; raises `sqlite3.Error`, also if the index has none."""
        row = connection.execute(f"SELECT {', '.join(cls._fields)} FROM state").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("the search index has lost its state")
        return cls(*row)

    def write(self, connection: sqlite3.Connection) -> None:
        """Make this the state of the index behind `connection`."""
        connection.execute(f"UPDATE state SET {', '.join(f'{field} = ?' for field in self._fields)}", self)


class Trouble(Enum):
    """The meaning of an error for an index."""

    BUSY = auto()
    """Another process is writing it: try again later."""

    FULL = auto()
    """The disk is full: try again later, and not too often."""

    UNWRITABLE = auto()
    """This process may not write the file: use a temporary one."""

    DAMAGED = auto()
    """The file cannot be used: remove it and make it again."""


_TROUBLES = {
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_READONLY: Trouble.UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: Trouble.UNWRITABLE,
    sqlite3.SQLITE_PERM: Trouble.UNWRITABLE,
    sqlite3.SQLITE_AUTH: Trouble.UNWRITABLE,
    sqlite3.SQLITE_IOERR: Trouble.UNWRITABLE,
}


def trouble_of(error: BaseException | None) -> Trouble:
    """The meaning of an error of SQLite or the operating system. An error that is not listed means that the file is damaged."""
    if isinstance(error, OSError):
        return Trouble.UNWRITABLE
    code = getattr(error, "sqlite_errorcode", 0)
    return Trouble.DAMAGED if code == sqlite3.SQLITE_IOERR_SHORT_READ else _TROUBLES.get(code & 0xFF, Trouble.DAMAGED)


_TEMPORARY_CODES = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}  # fmt: skip


def may_be_temporary(error: BaseException) -> bool:
    """Whether an error of reading may be temporary, so that it does not show that the index is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _TEMPORARY_CODES


def open_index_file(path: str) -> sqlite3.Connection:
    """Open the index at `path`, and create it if there is none.

    Commits do not wait for the disk, because an index can be made again. SQLite does no checkpoints by itself; see
    `checkpoints`. Raises `StorageError`; the caller passes its cause to `trouble_of`.
    """
    if path != IN_MEMORY and os.path.exists(path):
        with storage_errors(path), closing(sqlite3.connect(path, timeout=OPENING_BUSY_MILLISECONDS / 1000)) as probe:
            probe.execute("PRAGMA schema_version")  # `open_database` would wait for half a minute if it were locked
    connection = open_database(path, SCHEMA)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 0")  # so that the length of the log says how much is in it
    connection.execute("PRAGMA secure_delete = OFF")  # some builds of SQLite overwrite deleted rows, which takes time
    return connection


def temporary_folder() -> "TemporaryDirectory[str] | None":
    """A folder for a temporary index, removed at the end of the process; None if no temporary folder can be made."""
    from tempfile import TemporaryDirectory  # here, because it is slow to import and hardly ever needed

    try:
        return TemporaryDirectory(prefix="udpnote-", ignore_cleanup_errors=True)
    except OSError:  # no folder for temporary files can be written
        return None


def identity_of(path: str) -> tuple[int, int] | None:
    """Device and inode of the file at `path`, which change if another file takes its place; None if there is no file."""
    try:
        status = os.stat(path)
    except OSError:  # it is gone, or its folder cannot be read any more
        return None
    return status.st_dev, status.st_ino


def remove_index_file(path: str) -> bool:
    """Remove an index and its log; False if that is not allowed.

    It removes the log first: SQLite would take a log without its file for the log of the next file at `path`.
    """
    for each in (f"{path}-wal", f"{path}-shm", path):
        try:
            os.unlink(each)
        except FileNotFoundError:
            continue
        except OSError:  # a folder, or another user's file
            return False
    return True

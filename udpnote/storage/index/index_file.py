"""The file of a search index: its tables, how to open and remove it, what its errors mean, and what it records of itself.

An index is for one notebook and for one version of the rules by which `search_terms` makes search terms from texts. The one row
of the table `state` records both, and how far the index has got. For the table `shards` see the module `shards`, for all others
`counts`.
"""

import os
import sqlite3
from contextlib import closing
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, Self

from udpnote.storage.database import IN_MEMORY, Schema, check_log_index, open_database
from udpnote.storage.disk_errors import primary_code, storage_errors
from udpnote.storage.file_status import identity_of

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

BUSY_MILLISECONDS = 2
"""How long SQLite waits for another process's transaction: about as long as one takes. Then the caller tries again later."""

OPENING_BUSY_MILLISECONDS = 500
"""How long SQLite waits when an index is opened: another process may just be emptying an index of a million notes."""

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
    """
    CREATE TABLE tags (
        tag_id INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL UNIQUE, notes INTEGER NOT NULL CHECK (notes >= 0)
    )
    """,
    """
    CREATE TABLE authors (
        author_id INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT NOT NULL UNIQUE, notes INTEGER NOT NULL CHECK (notes >= 0)
    )
    """,
    "CREATE TABLE days (day INTEGER PRIMARY KEY, notes INTEGER NOT NULL CHECK (notes >= 0))",
    "CREATE TABLE totals (notes INTEGER NOT NULL, tags INTEGER NOT NULL, authors INTEGER NOT NULL, days INTEGER NOT NULL)",
    "INSERT INTO totals VALUES (0, 0, 0, 0)",
    "CREATE TABLE spans (block INTEGER PRIMARY KEY, earliest INTEGER NOT NULL, latest INTEGER NOT NULL)",
    "CREATE TABLE times (number INTEGER PRIMARY KEY, noted_at INTEGER NOT NULL)",
)


def _create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty index: no notebook, no rules, and all counts 0."""
    for statement in _TABLES:
        connection.execute(statement)
    for table in ("tags", "authors", "days"):  # triggers keep the number of their rows in `totals`
        for event, step in (("INSERT", "+ 1"), ("DELETE", "- 1")):
            add = f"UPDATE totals SET {table} = {table} {step}"
            connection.execute(f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} BEGIN {add}; END")


SCHEMA = Schema(
    file_kind="index",
    application_id=0x554E4F49,  # "UNOI"
    version=2,  # raise it whenever the same notes give other rows
    page_bytes=4096,  # FTS5 writes its own pages in this size
    create=_create_tables,
)


class State(NamedTuple):
    """Which notebook and which rules for search terms an index was made from, and how far it has got.

    `notebook_id` and `rules` (`search_terms.RULES_VERSION`) are None in a new index. The index has all entries up to the number
    `indexed`. If `step` is not 0, it has also begun the next entry, which is long: `step` rows of that entry's change (see
    `shards`) are done. The last three fields identify the latest of all these entries. If the notebook has another entry under
    that entry's number, because it was replaced by an older copy, the index does not fit it any more.
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
        """The state of the index that `connection` has open. Raises `sqlite3.Error` if it cannot be read or is missing."""
        row = connection.execute(f"SELECT {', '.join(cls._fields)} FROM state").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("the search index has lost its state")
        return cls(*row)

    def has_all_of(self, earlier: Self) -> bool:
        """Whether an index in this state has all that it had in the state `earlier`, and no change that is only half indexed.

        If not, a long change is being indexed, or another program has begun the index anew.
        """
        return self[:2] == earlier[:2] and self.indexed >= earlier.indexed and not self.step

    def write(self, connection: sqlite3.Connection) -> None:
        """Save this as the state of the index that `connection` has open."""
        connection.execute(f"UPDATE state SET {', '.join(f'{field} = ?' for field in self._fields)}", self)


class Trouble(Enum):
    """What an error means for an index, and how `Index` reacts."""

    BUSY = auto()
    """Another process is writing the index: try again later."""

    FULL = auto()
    """The disk is full: try again later, and not too often."""

    UNWRITABLE = auto()
    """This process cannot read or write the file: use a temporary one."""

    DAMAGED = auto()
    """The file cannot be used: remove it and build the index again."""


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
    """What an error of SQLite or of the operating system means for the index; any other error, or None, counts as damage."""
    if isinstance(error, OSError):
        return Trouble.UNWRITABLE
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ:
        return Trouble.DAMAGED
    return _TROUBLES.get(primary_code(error), Trouble.DAMAGED)


_TEMPORARY_CODES = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}  # fmt: skip


def may_be_temporary(error: BaseException) -> bool:
    """Whether `error`, from reading the index, may be temporary. If not, the index counts as damaged."""
    return primary_code(error) in _TEMPORARY_CODES


def index_path(path: str) -> str:
    """Return the path of the search index of the notebook at `path`: `path` with the suffix `.index`.

    The index of a notebook in memory is in memory, too: if `path` is `IN_MEMORY`, so is the result.
    """
    return path if path == IN_MEMORY else f"{path}.index"


def open_index_file(path: str, *, notebook: str | None = None) -> sqlite3.Connection:
    """Open the index at `path`. If there is none, create it, with the owner and the permissions of the file `notebook`.

    If somebody has removed an earlier index at `path` but not its write-ahead log, this first removes that log.

    If `notebook` is None, only the owner of a new index can read it. Commits are not fsynced, because an index can be
    built again. SQLite does no checkpoints by itself; see `Checkpoints`. Raises `StorageError`; `trouble_of` says what its
    `__cause__` means for the index.
    """
    if path != IN_MEMORY and not os.path.exists(path):
        remove_index_file(path)  # the log of an index of which somebody has removed only the file
    elif path != IN_MEMORY:
        with storage_errors(path):
            check_log_index(path)
            with closing(sqlite3.connect(path, timeout=OPENING_BUSY_MILLISECONDS / 1000)) as probe:
                probe.execute("PRAGMA schema_version")  # without this, `open_database` would wait half a minute for a lock
    connection = open_database(path, SCHEMA, beside=notebook)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 0")  # a log that begins again is cut: `Checkpoints` goes by its length
    connection.execute("PRAGMA secure_delete = OFF")  # some builds of SQLite overwrite deleted rows, which takes time
    return connection


def temporary_folder() -> "TemporaryDirectory[str] | None":
    """A new folder for a temporary index, removed by its `cleanup` or when the process ends; None if none can be made."""
    from tempfile import TemporaryDirectory  # here, because it is slow to import and hardly ever needed

    try:
        return TemporaryDirectory(prefix="udpnote-", ignore_cleanup_errors=True)
    except OSError:  # no folder for temporary files can be written
        return None


def known_identity(path: str) -> tuple[int, int] | None:
    """The device and inode of the file at `path`, which differ if another file takes its place; None if they are unknown."""
    try:
        return identity_of(path)
    except OSError:  # the file is gone, or its folder cannot be read
        return None


def remove_index_file(path: str) -> bool:
    """Remove the index at `path` and its log, if they exist. Returns False if one of them cannot be removed.

    The log is removed first: if only the log were left, SQLite would take it for the log of the next file at `path`.
    """
    for each in (f"{path}-wal", f"{path}-shm", path):
        try:
            os.unlink(each)
        except FileNotFoundError:
            continue
        except OSError:  # a folder, or another user's file
            return False
    return True

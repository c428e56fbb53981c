"""The tables of an outbox file, and functions that read their rows, merge ranges of sequences and write without an fsync.

`identities` has the client ids, the current one last. `sequences` has one row: the sequence that the next entry gets. `entries`
has the entries that are not acknowledged yet, `notebooks` what is known about each notebook, `servers` which notebook answered
last at each server that the user named, and `keys` the keys of joined notebooks. `revisions` has the stored revisions of this
client that it watches, so that it notices if somebody replaces one of them without having seen it. For `writes`, `undoing` and
`discarded`, see `own_writes`.
"""

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import Any

from udpnote.errors import NoSpace, Notice, StorageError
from udpnote.model.entry import CLIENT_ID_BYTES, Entry, Kind, SeenEntry, Status
from udpnote.model.notebook import Destination
from udpnote.model.outbox_entries import WaitingEntry
from udpnote.storage.database import IN_MEMORY, Schema, open_database, roll_back
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.outbox.log_sync import LogSync

REMOVAL_BUSY_SECONDS = 2.0
"""How long `remove_remains` waits for other processes that use the outbox."""

_TABLES = (
    "CREATE TABLE identities (identity INTEGER PRIMARY KEY, client_id BLOB NOT NULL UNIQUE)",
    "CREATE TABLE sequences (next_sequence INTEGER NOT NULL)",
    # host, port, wanted (a name or id), wanted_key (the id of a key): the `Destination` while notebook_id is NULL;
    # refused: a `Status`, or 0; the text is last, so that counting entries reads no long texts
    """
    CREATE TABLE entries (
        sequence INTEGER PRIMARY KEY, identity INTEGER NOT NULL REFERENCES identities, kind INTEGER NOT NULL,
        written_at INTEGER NOT NULL, utc_offset INTEGER NOT NULL, revises INTEGER NOT NULL,
        seen_number INTEGER NOT NULL, seen_client BLOB NOT NULL, seen_sequence INTEGER NOT NULL,
        notebook_id BLOB, host TEXT, port INTEGER, wanted TEXT, wanted_key BLOB, refused INTEGER NOT NULL DEFAULT 0,
        author TEXT NOT NULL, text TEXT NOT NULL
    )
    """,
    # key_id: of the key with which the notebook answers; round_trip: in seconds, for `RoundTrips`;
    # seen_…: the newest entry that the notebook had when it last answered
    """
    CREATE TABLE notebooks (
        notebook_id BLOB PRIMARY KEY, name TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL, scope INTEGER NOT NULL,
        key_id BLOB, round_trip REAL, chosen INTEGER NOT NULL DEFAULT 0, seen_number INTEGER NOT NULL DEFAULT 0,
        seen_client BLOB NOT NULL DEFAULT (zeroblob(16)), seen_sequence INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    "CREATE TABLE servers (server TEXT PRIMARY KEY, notebook_id BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE keys (key_id BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE revisions (
        notebook_id BLOB NOT NULL, number INTEGER NOT NULL, client_id BLOB NOT NULL, sequence INTEGER NOT NULL,
        PRIMARY KEY (notebook_id, number)
    ) WITHOUT ROWID
    """,
    # these three for `OwnWrites`
    """
    CREATE TABLE writes (
        sequence INTEGER PRIMARY KEY, count INTEGER NOT NULL, number INTEGER NOT NULL, client_id BLOB NOT NULL,
        notebook_id BLOB NOT NULL, kind INTEGER NOT NULL, is_settled INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE TABLE undoing (sequence INTEGER PRIMARY KEY, target INTEGER UNIQUE)",
    "CREATE TABLE discarded (sequence INTEGER PRIMARY KEY)",
)
_TABLE_NAMES = [statement.split(maxsplit=3)[2] for statement in _TABLES]


def _create_outbox(connection: sqlite3.Connection) -> None:
    """Make the tables, with a random client id, and with 1 as the sequence of the first entry."""
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO identities (client_id) VALUES (?)", (os.urandom(CLIENT_ID_BYTES),))
    connection.execute("INSERT INTO sequences VALUES (1)")


SCHEMA = Schema(
    file_kind="outbox",
    application_id=0x554E4F42,  # "UNOB"
    version=1,
    page_bytes=4096,  # SQLite's default; smaller pages would save nothing, because entries are added at one end
    create=_create_outbox,
)


ROWS_AT_ONCE = 128
"""How many entries one statement adds. More at once save no more time."""

_UNWRITABLE = ("database_not_opened", "database_not_writable", "database_writable_again", "disk_read_only")
"""The kinds of errors, other than `NoSpace`, that say why an outbox cannot be written."""

SEEN = "seen_number, seen_client, seen_sequence"
DESTINATION = "host, port, wanted, wanted_key"
"""`SEEN` has the columns of a `SeenEntry`, and `DESTINATION` has those of a `Destination`."""

_NEW = (
    "identity, kind, written_at, utc_offset, author, revises, seen_number, seen_client, seen_sequence, notebook_id, host, port,"
    " wanted, wanted_key"
)
"""The columns whose values are the same for all entries that one call of `Outbox.add` adds."""


def insert_entries(connection: sqlite3.Connection, same: tuple[Any, ...], first: int, texts: Sequence[str]) -> None:
    """Insert `texts` as entries with consecutive sequences, from `first` on. `same` has the values of the columns `_NEW`."""
    for start in range(0, len(texts), ROWS_AT_ONCE):
        rows = texts[start : start + ROWS_AT_ONCE]
        connection.execute(_insertion_of(len(rows)), (*same, first + start, *rows))


@lru_cache(maxsize=ROWS_AT_ONCE)
def _insertion_of(count: int) -> str:
    """Return the SQL statement that adds `count` entries at once, in a fifth of the time of one statement for each entry.

    Its parameters are the values of `_NEW`, the first sequence, and the text of each entry. The texts have no numbers: since
    Python 3.12, binding numbered parameters takes a time that grows with the square of their count.
    """
    same = ", ".join(f"?{place}" for place in range(1, 15))
    rows = ", ".join(f"({same}, ?15 + {place}, ?)" for place in range(count))
    return f"INSERT INTO entries ({_NEW}, sequence, text) VALUES {rows}"


def open_to_write(path: str) -> tuple[sqlite3.Connection, LogSync | None]:
    """Open the outbox at `path`, which is made if it does not exist, and its log; an outbox in memory has no log.

    Raises `StorageError` and `OSError`, the latter also if the disk is read-only.
    """
    connection = open_database(path, SCHEMA)
    try:
        if path == IN_MEMORY:
            return connection, None
        if os.statvfs(path).f_flag & os.ST_RDONLY:  # SQLite opens a file that it cannot write for reading, without a word
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return connection, LogSync(path)
    except BaseException:
        connection.close()
        raise


def open_to_read(path: str) -> sqlite3.Connection:
    """Open the outbox at `path` for reading only, also on a disk that is full or cannot be written.

    If there is no file, the connection has an empty outbox in memory. Raises `StorageError` if the file cannot be read.
    """
    from udpnote.storage.reading_database import open_for_reading  # here, because a one-shot send writes its outbox

    with storage_errors(path):
        try:
            os.stat(path)
        except FileNotFoundError:
            connection = open_database(IN_MEMORY, SCHEMA)
            connection.execute("PRAGMA query_only = ON")
            return connection
    return open_for_reading(path, SCHEMA)


def check_whole(connection: sqlite3.Connection, path: str) -> None:
    """Read the whole outbox at `path`, which `connection` has open. Raises `StorageError` if it is damaged or lacks a table."""
    with storage_errors(path):
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise StorageError("database_damaged", path=path, problem=Notice("database_inconsistent", problem=str(found)))
        for table in _TABLE_NAMES:
            connection.execute(f"SELECT 1 FROM {table} LIMIT 1")


def remove_remains(path: str) -> bool:
    """Write the outbox file `path` anew, without the texts of removed entries that SQLite may have left in it.

    The entries that are in the outbox stay. Returns True if no such text is left, also if there is no file. Returns False, and
    such texts may be left, if another process is using the outbox or the file cannot be written.
    """
    if not os.path.exists(path):
        return True
    try:
        with storage_errors(path), closing(open_database(path, SCHEMA)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {REMOVAL_BUSY_SECONDS * 1000:.0f}")
            connection.execute("VACUUM")
            is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not is_busy
    except StorageError:
        return False


def is_unwritable(error: StorageError) -> bool:
    """Whether `error` says that a full disk, a read-only disk or permissions prevent writing; reading may still work.

    Also true if one of these prevented writing when the outbox was opened, so that it was opened only for reading.
    """
    if isinstance(error, NoSpace) or error.notice.kind in _UNWRITABLE:
        return True
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.EROFS, errno.EACCES, errno.EPERM)


def entry_from(row: Sequence[Any]) -> Entry:
    """The `Entry` in `row`: the fields of an `Entry`, in order, with the three fields of a `SeenEntry` in place of `seen`."""
    client_id, sequence, kind, written_at, utc_offset, author, text, revises, *seen = row
    return Entry(client_id, sequence, Kind(kind), written_at, utc_offset, author, text, revises, SeenEntry(*seen))


def waiting_entry_from(row: tuple[Any, ...]) -> WaitingEntry:
    """The `WaitingEntry` in `row`, which begins with the values that `entry_from` takes.

    After them come the notebook's id, name and key id, the four fields of the `Destination`, and `refused`: a `Status`, or 0 if
    the entry was not refused.
    """
    *entry, notebook_id, name, key_id, host, port, name_or_id, named_key_id, refused = row
    destination = Destination(host, port, name_or_id, named_key_id)
    return WaitingEntry(entry_from(entry), notebook_id, name, key_id, destination, Status(refused) if refused else None)


def merged(ranges: Iterable[range]) -> list[range]:
    """Join `ranges`, which must not overlap, where one ends just before the next. Return the fewest ranges, in order.

    Deleting the rows of a range costs much less than deleting each row by itself.
    """
    found: list[range] = []
    for each in sorted(ranges, key=lambda each: each.start):
        if found and found[-1].stop == each.start:
            found[-1] = range(found[-1].start, each.stop)
        else:
            found.append(each)
    return found


@contextmanager
def without_fsync(connection: sqlite3.Connection, path: str) -> Iterator[sqlite3.Connection]:
    """Run the block in a write transaction, without an fsync, of the outbox at `path`, which `connection` has open.

    A power failure may undo the transaction. So the block may only write what is written again after the next answer of the
    server, or what the caller makes durable with `LogSync`. If the block raises an error, the transaction is rolled back.
    Raises `StorageError`.
    """
    with storage_errors(path):
        try:
            roll_back(connection)  # a transaction that is still open, because Ctrl-C came between two steps of an earlier call
            connection.execute("PRAGMA synchronous = NORMAL")  # with a write-ahead log: COMMIT does no fsync
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            with suppress(sqlite3.ProgrammingError):  # the outbox may be closed by then, as in `atomic`
                roll_back(connection)
                connection.execute("PRAGMA synchronous = FULL")

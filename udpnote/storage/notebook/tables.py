"""The tables of a notebook file, and what reads from them: functions for entries and notes, and the base class of notebooks.

`entries` has one row for each entry, as it was stored, and `clients` one for each client that wrote an entry. `revisions` has a
row for each revision and deletion, with two numbers: of the entry that its writer saw (`revises`) and of the note that it
changes (`root`). `part_digests` has a digest of each part of an entry that is too long for one datagram (see `parts`).
`partial_entries` and `parts` hold entries of which some parts are still missing; `properties` holds the notebook's id, its
name, whether it is sealed, the id of the key that its server used last, the mark of its log (see `log_check`), and the path of
the text file that its server has written last.

Functions with a connection raise `sqlite3.Error`.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from udpnote.errors import Notice, StorageError
from udpnote.model.entry import NOTHING_SEEN, Entry, Kind, SeenEntry, StoredEntry, new_tuple
from udpnote.model.query import Cursor
from udpnote.storage.database import Schema
from udpnote.storage.disk_errors import storage_errors

NOTEBOOK_ID_BYTES = 16
"""128 random bits: no two notebooks ever get the same id by chance."""

TEXT_FILE_PROPERTY = "text_file"
"""The property with the path, in bytes, of the text file that a server of the notebook has written last."""

NOTED_AT = "min(written_at, stored_at)"
"""`StoredEntry.noted_at` in SQL. There is an index of it. Most new notes have the latest time, so they are added at its end."""

_TABLES = (
    "CREATE TABLE properties (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE clients (client INTEGER PRIMARY KEY, client_id BLOB NOT NULL UNIQUE CHECK (length(client_id) = 16))",
    """
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY,
        client INTEGER NOT NULL REFERENCES clients,
        sequence INTEGER NOT NULL CHECK (sequence > 0),
        kind INTEGER NOT NULL,
        written_at INTEGER NOT NULL,
        utc_offset INTEGER NOT NULL,
        author TEXT NOT NULL,
        text TEXT NOT NULL,
        stored_at INTEGER NOT NULL,
        UNIQUE (client, sequence)
    )
    """,
    f"CREATE INDEX notes_by_time ON entries ({NOTED_AT}) WHERE kind = {Kind.NOTE:d}",
    "CREATE TABLE revisions (number INTEGER PRIMARY KEY, revises INTEGER NOT NULL, root INTEGER NOT NULL)",
    "CREATE INDEX revisions_by_root ON revisions (root, number)",
    """
    CREATE TABLE part_digests (
        number INTEGER NOT NULL, offset INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (number, offset)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE partial_entries (
        partial_entry INTEGER PRIMARY KEY,
        client_id BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        written_at INTEGER NOT NULL,
        utc_offset INTEGER NOT NULL,
        author TEXT NOT NULL,
        total_bytes INTEGER NOT NULL,
        revises INTEGER NOT NULL,
        kept_bytes INTEGER NOT NULL,
        cost_bytes INTEGER NOT NULL,
        touched_at INTEGER NOT NULL,
        UNIQUE (client_id, sequence)
    )
    """,
    "CREATE INDEX partial_entries_by_touch ON partial_entries (touched_at)",
    """
    CREATE TABLE parts (
        partial_entry INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (partial_entry, offset)
    ) WITHOUT ROWID
    """,
)


def _create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables, with a random notebook id in `properties`."""
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO properties VALUES ('notebook_id', ?)", (os.urandom(NOTEBOOK_ID_BYTES),))


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Raise `StorageError` if the notebook has no id, or if its last entry has a higher number than the file has bytes.

    Numbers have no gaps and an entry takes more than a byte, so only a damaged file has such a number. Some loops would take
    for ever to count up to it, and after 2^63 - 1, the highest one in SQLite, no entry could be stored under the next number.
    """
    if not isinstance(read_property(connection, "notebook_id"), bytes):
        raise StorageError("database_damaged", path=path, problem=Notice("no_notebook_id"))
    number = last_number(connection)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    if number > pages * page_bytes:
        raise StorageError("database_damaged", path=path, problem=Notice("number_beyond_file", number=number))


SCHEMA = Schema(
    file_kind="notebook",
    application_id=0x554E4F54,  # "UNOT"
    version=1,
    page_bytes=1024,  # a thousand clients write to a thousand pages of the UNIQUE index, and each page is logged whole
    create=_create_tables,
    check=_check,
)


_COLUMNS = "number, stored_at, client_id, sequence, kind, written_at, utc_offset, author, text, coalesce(revises, 0)"
_JOINED = " FROM entries JOIN clients USING (client) LEFT JOIN revisions USING (number) "
_LATEST = "(SELECT max(later.number) FROM revisions AS later WHERE later.root = entries.number)"
_IS_UNREVISED = "NOT EXISTS (SELECT 1 FROM revisions AS later WHERE later.root = entries.number)"
_NOTE_COLUMNS = _COLUMNS.replace(" text,", f" CASE WHEN {_IS_UNREVISED} THEN text ELSE '' END,")
"""The columns of a note; `text` is empty if the note was revised: its first text may be long, and is not shown."""

_KINDS = {int(kind): kind for kind in Kind}
_KIND, _ERASED = _COLUMNS.split(", ").index("kind"), int(Kind.ERASED)
"""The position of `kind` among `_COLUMNS`, and the kind of erased entries, as integers: they are used for each note."""


def entries_from(connection: sqlite3.Connection, clause: str, values: tuple[object, ...]) -> Iterator[StoredEntry]:
    """Return an iterator over the entries that `clause` selects, each with the text with which it was first stored.

    `clause` is the end of an SQL statement, from WHERE on. `values` are the values for its question marks.
    """
    return map(_stored_entry, _rows(connection, f"SELECT {_COLUMNS}{_JOINED}{clause}", values))


def notes_from(
    connection: sqlite3.Connection, clause: str, values: tuple[object, ...]
) -> Iterator[tuple[int, StoredEntry | None]]:
    """Yield the notes that `clause` selects, as pairs: (number, the note with its latest text).

    For a deleted or erased note, the second value is None. `clause` is the end of an SQL statement, from WHERE on; the caller
    makes sure that it selects no revisions and no deletions. `values` are the values for its question marks.
    """
    for first, note in _notes(connection, clause, values):
        yield first.number, note


def notes_by_time(
    connection: sqlite3.Connection, start: Cursor, *, since: int, until: int, newest_first: bool
) -> Iterator[tuple[Cursor, StoredEntry | None]]:
    """Yield notes in the order of time, from the cursor `start` on, as pairs: (cursor, the note with its latest text).

    For a deleted note, the second value is None. Only notes whose `noted_at` is at least `since` and less than `until` are
    read; both are in microseconds since 1970 UTC. The cursor has the number of the note itself, not that of its latest
    revision. With `newest_first`, the newest notes come first.
    """
    beyond, order = ("<=", "DESC") if newest_first else (">=", "ASC")
    same = f"WHERE kind = {Kind.NOTE:d} AND {NOTED_AT} = ? AND number {beyond} ? ORDER BY number {order}"
    rest = f"WHERE kind = {Kind.NOTE:d} AND {NOTED_AT} BETWEEN ? AND ? ORDER BY {NOTED_AT} {order}, number {order}"
    edge = min(start.time, until) if newest_first else max(start.time, since - 1)
    others = (since, edge - 1) if newest_first else (edge + 1, until - 1)
    # `same` finds the notes at the time of `start`, from its number on; `rest` then finds those at the times after it
    both = (same, (start.time, start.number)), (rest, others)
    for clause, values in both if since <= start.time < until else both[1:]:
        for first, note in _notes(connection, clause, values):
            yield Cursor(first.number, 0, first.noted_at), note


def times_of(connection: sqlite3.Connection, numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The `noted_at` and the number of each entry with one of these `numbers`, in the order of time."""
    select = f"SELECT {NOTED_AT}, number FROM entries WHERE number = ?"
    return sorted(row for number in numbers for row in connection.execute(select, (number,)))


def _notes(
    connection: sqlite3.Connection, clause: str, values: tuple[object, ...]
) -> Iterator[tuple[StoredEntry, StoredEntry | None]]:
    """Yield pairs: (the note as it was first stored, the note with its latest text or None). See `notes_from`.

    The text of that first value is empty if the note was revised.
    """
    for *row, latest in _rows(connection, f"SELECT {_NOTE_COLUMNS}, {_LATEST}{_JOINED}{clause}", values):
        stored = _stored_entry(row)
        if latest is None:
            yield stored, stored if row[_KIND] != _ERASED else None
        else:
            yield stored, _revised(connection, stored, latest)


def root_of(connection: sqlite3.Connection, number: int) -> int | None:
    """Return the number of the note that the entry `number` revises or deletes.

    If the entry is itself a note, this is `number`. Returns None if no entry has this number.
    """
    row = connection.execute(
        "SELECT coalesce(root, number) FROM entries LEFT JOIN revisions USING (number) WHERE number = ?", (number,)
    ).fetchone()
    return None if row is None else int(row[0])


def is_erased(connection: sqlite3.Connection, number: int) -> bool:
    """Whether the entry with this number was erased; False if there is no such entry."""
    row = connection.execute("SELECT kind FROM entries WHERE number = ?", (number,)).fetchone()
    return row is not None and bool(row[0] == Kind.ERASED)


def seen_at(connection: sqlite3.Connection, number: int) -> SeenEntry:
    """The number and the identity of the entry `number`, as a `SeenEntry`; `NOTHING_SEEN` if no entry has this number."""
    row = connection.execute(
        "SELECT number, client_id, sequence FROM entries JOIN clients USING (client) WHERE number = ?", (number,)
    ).fetchone()
    return NOTHING_SEEN if row is None else SeenEntry(*row)


def stored_at(connection: sqlite3.Connection, number: int) -> int:
    """When the entry with this number was stored, in microseconds since 1970 UTC; 0 if there is no such entry."""
    row = connection.execute("SELECT stored_at FROM entries WHERE number = ?", (number,)).fetchone()
    return 0 if row is None else int(row[0])


def last_number(connection: sqlite3.Connection) -> int:
    """The highest entry number in the notebook; 0 if it is empty.

    This is also how many entries the notebook has, erased ones included: their numbers begin with 1 and have no gaps.
    """
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()
    return int(last)


def read_property(connection: sqlite3.Connection, name: str) -> object:
    """The value of the notebook's property `name`; None if it was never set."""
    row = connection.execute("SELECT value FROM properties WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def write_property(connection: sqlite3.Connection, name: str, value: str | int | bytes) -> None:
    """Set the notebook's property `name` to `value`. It is durable at once or, if a transaction is open, with its commit."""
    connection.execute(
        "INSERT INTO properties VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )


class NotebookFile:
    """The file `path` of a notebook while `_connection` has it open, and what it says of the notebook.

    This is the base class of `Notebook` and `ReadOnlyNotebook`, which set the attributes. Properties and methods raise
    `StorageError` if the file cannot be read.
    """

    path: str
    _connection: sqlite3.Connection

    @property
    def notebook_id(self) -> bytes:
        """The 16 random bytes that identify the notebook. Each copy of the notebook has the same id."""
        value = self._property("notebook_id")
        assert isinstance(value, bytes), "a file without an id is not opened"
        return value

    @property
    def name(self) -> str:
        """The name that people gave the notebook; empty if it has none yet."""
        value = self._property("name")
        return value if isinstance(value, str) else ""

    @property
    def is_sealed(self) -> bool:
        """Whether the notebook is sealed: served only to clients that have its key."""
        return bool(self._property("sealed"))

    def seen_at(self, number: int) -> SeenEntry:
        """The number and the identity of the entry `number`, as a `SeenEntry`; `NOTHING_SEEN` if no entry has this number."""
        with storage_errors(self.path):
            return seen_at(self._connection, number)

    def _property(self, name: str) -> object:
        with storage_errors(self.path):
            return read_property(self._connection, name)


def _rows(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> Iterator[Any]:
    """Yield the rows that `statement` selects with `values`. Reads one at a time: each may have a megabyte of text."""
    rows = connection.execute(statement, values)
    try:
        yield from rows
    finally:
        with suppress(sqlite3.ProgrammingError):  # the connection was closed before all rows were read
            rows.close()


def _stored_entry(row: Any) -> StoredEntry:
    """The `StoredEntry` in a row with the columns `_COLUMNS`."""
    number, stored_at, client_id, sequence, kind, written_at, utc_offset, author, text, revises = row
    fields = (client_id, sequence, _KINDS[kind], written_at, utc_offset, author, text, revises, NOTHING_SEEN)
    return new_tuple(StoredEntry, (number, stored_at, new_tuple(Entry, fields), number))


def _revised(connection: sqlite3.Connection, note: StoredEntry, latest: int) -> StoredEntry | None:
    """`note` with the text and number of its latest revision, the entry `latest`; None if that is a deletion or was erased."""
    kind, text = connection.execute("SELECT kind, text FROM entries WHERE number = ?", (latest,)).fetchone()
    if kind in (Kind.DELETION, Kind.ERASED):
        return None
    return note._replace(entry=note.entry._replace(text=text), version=latest)

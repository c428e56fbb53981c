"""Entries as the tables of a notebook hold them."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from udpnote.model.entry import Entry, Kind, StoredEntry

_COLUMNS = "number, stored_at, client_id, sequence, kind, written_at, utc_offset, author, text, coalesce(revises, 0)"
_TABLES = " FROM entries JOIN clients USING (client) LEFT JOIN revisions USING (number) "
_LATEST = "(SELECT max(later.number) FROM revisions AS later WHERE later.root = entries.number)"
_IS_FIRST = "NOT EXISTS (SELECT 1 FROM revisions AS later WHERE later.root = entries.number)"
_NOTE_COLUMNS = _COLUMNS.replace(" text,", f" CASE WHEN {_IS_FIRST} THEN text ELSE '' END,")
"""Of a note that was revised, its first text is not read: it may be a long one."""

_KINDS = {int(kind): kind for kind in Kind}
_new = tuple.__new__
"""Makes a NamedTuple in half the time of its class, twice for every row."""


def entries_from(connection: sqlite3.Connection, clause: str, values: tuple[object, ...]) -> Iterator[StoredEntry]:
    """The entries, as they were appended, that the SQL `clause` (from WHERE on) chooses; their text is their own."""
    for row in _rows(connection, f"SELECT {_COLUMNS}{_TABLES}{clause}", values):
        yield _stored_entry(row)


def notes_from(
    connection: sqlite3.Connection, clause: str, values: tuple[object, ...]
) -> Iterator[tuple[int, StoredEntry | None]]:
    """The notes that the SQL `clause` (from WHERE on) chooses, by their numbers, with their latest text; None: deleted."""
    for *row, latest in _rows(connection, f"SELECT {_NOTE_COLUMNS}, {_LATEST}{_TABLES}{clause}", values):
        stored = _stored_entry(row)
        yield stored.number, stored if latest is None else _revised(connection, stored, latest)


def root_of(connection: sqlite3.Connection, number: int) -> int | None:
    """The note that `number` is, or is a revision of; None if there is no such number."""
    row = connection.execute(
        "SELECT coalesce(root, number) FROM entries LEFT JOIN revisions USING (number) WHERE number = ?", (number,)
    ).fetchone()
    return None if row is None else int(row[0])


def last_number(connection: sqlite3.Connection) -> int:
    """The highest number in the notebook; 0 if it is empty."""
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()
    return int(last)


def _rows(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> Iterator[Any]:
    """The rows, one by one: each may be of a megabyte."""
    rows = connection.execute(statement, values)
    try:
        yield from rows
    finally:
        with suppress(sqlite3.ProgrammingError):  # the connection was closed before whoever reads had done
            rows.close()


def _stored_entry(row: Any) -> StoredEntry:
    number, stored_at, client_id, sequence, kind, written_at, utc_offset, author, text, revises = row
    fields = (client_id, sequence, _KINDS[kind], written_at, utc_offset, author, text, revises)
    return _new(StoredEntry, (number, stored_at, _new(Entry, fields), number))


def _revised(connection: sqlite3.Connection, note: StoredEntry, latest: int) -> StoredEntry | None:
    """A note with the text of its latest revision, unless that is a deletion."""
    kind, text = connection.execute("SELECT kind, text FROM entries WHERE number = ?", (latest,)).fetchone()
    if kind == Kind.DELETION:
        return None
    return note._replace(entry=note.entry._replace(text=text), version=latest)

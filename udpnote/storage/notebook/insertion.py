"""Inserts complete entries into a notebook: entries of one part, runs and bundles.

A run is several short notes of one client with consecutive sequences, which arrive in one datagram. A bundle is several short
notes, perhaps of several clients or imported, which arrive in one datagram. This module also finds the number under which the
first note of a run or a bundle is stored already.
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache

from udpnote.model.entry import Bundle, Kind, NoteRun, Part, new_tuple
from udpnote.protocol.envelope import BODY_BYTES_MAX

_COLUMNS = "client, sequence, kind, written_at, utc_offset, author, text, stored_at"

_UNLESS_STORED = "ON CONFLICT (client, sequence) DO NOTHING"
ROWS_AT_ONCE = 128
"""How many notes one statement inserts at most, if several runs are joined. More of them would save no more time."""

_INSERT = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) {_UNLESS_STORED}"


def insert_whole(connection: sqlite3.Connection, whole: Sequence[tuple[int, Part | NoteRun]], now: int) -> int:
    """Insert the entries that are not stored already, in order, and return how many were inserted.

    `whole` has pairs: (row number of the client, part or run); each part has the whole text of its entry. `now` is the time of
    storing, in microseconds since 1970 UTC. Runs in the caller's transaction. Raises `sqlite3.IntegrityError` if a column has a
    value that its constraint forbids.
    """
    changes = connection.total_changes
    parts: list[tuple[object, ...]] = []
    for client, notes in _joined(whole):
        if isinstance(notes, Part):
            text = notes.data.decode()
            row = client, notes.sequence, int(notes.kind), notes.written_at, notes.utc_offset, notes.author, text, now
            parts.append(row)
            continue
        if parts:
            connection.executemany(_INSERT, parts)
            parts = []
        values: list[object] = [client, notes.sequence, notes.utc_offset, notes.author, now, *notes.written_at, *notes.texts]
        values[5::2], values[6::2] = notes.written_at, notes.texts  # the time and the text of one note after the other
        connection.execute(_insertion_of(len(notes.texts)), values)
    connection.executemany(_INSERT, parts)
    return connection.total_changes - changes


def first_number_of(connection: sqlite3.Connection, client: int, run: NoteRun) -> int | None:
    """Return the number of the first note of `run` if all of its notes are stored unchanged under consecutive numbers.

    Returns None if any note is missing, differs from the stored one, or has a number out of order. `client` is the row number
    of the client. The caller makes sure that the client has a stored entry with the sequence of the first note or a later one.
    """
    stored = connection.execute(
        f"SELECT number, {_COLUMNS} FROM entries WHERE client = ? AND sequence >= ? ORDER BY sequence LIMIT ?",
        (client, run.sequence, len(run.texts)),
    ).fetchall()
    first = int(stored[0][0])
    expected = [
        (first + place, client, run.sequence + place, Kind.NOTE, written_at, run.utc_offset, run.author, text)
        for place, (written_at, text) in enumerate(zip(run.written_at, run.texts, strict=True))
    ]
    return first if [row[:-1] for row in stored] == expected else None  # without the time of storing


def insert_bundle(connection: sqlite3.Connection, clients: Sequence[int], bundle: Bundle, now: int) -> int:
    """Insert the notes of a bundle that are not stored already, in order, and return how many were inserted.

    `clients` has the row number of the client of each note. `now` is the time of storing, in microseconds since 1970 UTC. If a
    note in the bundle has an earlier time of storing, it keeps that time. See `insert_whole` for transactions and errors.
    """
    changes = connection.total_changes
    values: list[object] = []
    for client, note, stored_at in zip(clients, bundle.notes, bundle.stored_at, strict=True):
        # note[1:7] are the fields from `sequence` to `text`
        values += (client, *note[1:7], stored_at if 0 != stored_at <= now else now)
    connection.execute(_bundle_insertion_of(len(clients)), values)
    return connection.total_changes - changes


def first_bundle_number(connection: sqlite3.Connection, clients: Sequence[int], bundle: Bundle) -> int | None:
    """Return the number of the first note of `bundle` if all of its notes are stored unchanged under consecutive numbers.

    Returns None if any note differs from the stored one or has a number out of order. The times of storing are not compared.
    `clients` has the row number of the client of each note. The caller makes sure that the first note's sequence is stored.
    """
    (first,) = connection.execute(
        "SELECT number FROM entries WHERE client = ? AND sequence = ?", (clients[0], bundle.sequence)
    ).fetchone()
    stored = connection.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE number BETWEEN ? AND ? ORDER BY number", (first, first + len(clients) - 1)
    )
    expected = [(client, *note[1:7]) for client, note in zip(clients, bundle.notes, strict=True)]
    return int(first) if [row[:-1] for row in stored] == expected else None


def _joined(whole: Sequence[tuple[int, Part | NoteRun]]) -> list[tuple[int, Part | NoteRun]]:
    """Return `whole`, but join each run to the run before it if they continue each other (see `_continues`).

    Most runs of one client that arrive together do. One statement that inserts all of them takes a fifth less time.
    """
    if len(whole) == 1:
        return list(whole)
    joined: list[tuple[int, Part | NoteRun]] = []
    for client, notes in whole:
        last = joined[-1][1] if joined else None
        if isinstance(last, NoteRun) and isinstance(notes, NoteRun) and _continues(last, notes):
            both = *last[:4], last.written_at + notes.written_at, last.texts + notes.texts
            joined[-1] = client, new_tuple(NoteRun, both)
        else:
            joined.append((client, notes))
    return joined


def _continues(last: NoteRun, run: NoteRun) -> bool:
    """Whether `run` continues the run `last`: it has the next sequences and the same client, UTC offset and author.

    False if both together have more than `ROWS_AT_ONCE` notes.
    """
    count = len(last.texts)
    is_next = run.sequence == last.sequence + count and count + len(run.texts) <= ROWS_AT_ONCE
    return is_next and run.client_id == last.client_id and run[2:4] == last[2:4]


@lru_cache(maxsize=256)
def _insertion_of(count: int) -> str:
    """The statement that inserts a run of `count` notes at once, in half of the time of one statement for each note.

    Its parameters are the client, the sequence of the first note, the UTC offset, the author and the time of storing, then, for
    each note, the time at which it was written and its text. These have no numbers: since Python 3.12, binding numbered
    parameters takes a time that grows with the square of their count.
    """
    rows = ", ".join(f"(?1, ?2 + {place}, ?3, ?4, ?5, {Kind.NOTE:d}, ?, ?)" for place in range(count))
    columns = "client, sequence, utc_offset, author, stored_at, kind, written_at, text"
    return f"INSERT INTO entries ({columns}) VALUES {rows} {_UNLESS_STORED}"


@lru_cache(maxsize=256)
def _bundle_insertion_of(count: int) -> str:
    """The statement that inserts a bundle of `count` notes. Its parameters are the values of `_COLUMNS` for each note."""
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * count)
    return f"INSERT INTO entries ({_COLUMNS}) VALUES {rows} {_UNLESS_STORED}"


def is_plain(part: Part) -> bool:
    """Whether `part` is a whole note that fits one datagram and was not imported. Nearly all entries are such notes."""
    return part.kind is Kind.NOTE and len(part.data) == part.total_bytes <= BODY_BYTES_MAX and part.restored is None

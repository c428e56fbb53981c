"""The client's outbox: entries on their way, the client's identity, and the known notebooks.

An entry is added durably (with an fsync) and gets its sequence number in the same transaction. It is removed when its
acknowledgement has arrived. The removal needs no fsync: if a power failure undoes it, the client sends the entry again, and the
server answers "stored already". Several processes may use one outbox at once: they reserve sequences inside the transaction, so
no two entries get the same one. If the client takes a new client id, its sequences continue, so within an outbox the sequence
alone identifies an entry.

The table `identities` has the client ids that entries were written under, the latest last; `sequences` the next sequence.
`entries` holds the entries that are not acknowledged yet, `notebooks` the facts that are known about each notebook, and `keys`
the keys that were joined.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from udpnote.model.entry import CLIENT_ID_BYTES, Entry, Kind, Status
from udpnote.model.notebook import Destination, KnownNotebook, SealedNotebook
from udpnote.storage.database import Schema, atomic, open_database, storage_errors

REVISIONS_WATCHED_MAX = 100
"""The most revisions from this outbox that are watched, to report who replaced one unseen: as many as one query may name."""

_ENTRY = "client_id, sequence, kind, written_at, utc_offset, author, text, revises"
_DESTINATION = "host, port, wanted, wanted_key"
_NOTEBOOK = "notebook_id, name, host, port, scope, key_id"
_INSERT_NOTEBOOK = f"INSERT INTO notebooks ({_NOTEBOOK}) VALUES (?, ?, ?, ?, ?, ?)"
_DELETE_UNUSED_KEYS = "DELETE FROM keys WHERE key_id NOT IN (SELECT key_id FROM notebooks WHERE key_id IS NOT NULL)"

_TABLES = (
    "CREATE TABLE identities (identity INTEGER PRIMARY KEY, client_id BLOB NOT NULL UNIQUE)",
    "CREATE TABLE sequences (next_sequence INTEGER NOT NULL)",
    # host, port, wanted and wanted_key: the `Destination` that the user named, for an entry whose notebook_id is not known yet
    """
    CREATE TABLE entries (
        sequence INTEGER PRIMARY KEY, identity INTEGER NOT NULL REFERENCES identities, kind INTEGER NOT NULL,
        written_at INTEGER NOT NULL, utc_offset INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL,
        revises INTEGER NOT NULL, notebook_id BLOB, host TEXT, port INTEGER, wanted TEXT, wanted_key BLOB,
        refused INTEGER NOT NULL DEFAULT 0
    )
    """,
    # key_id: the key with which the notebook has answered; server: the HOST:PORT by which the user has named its server
    """
    CREATE TABLE notebooks (
        notebook_id BLOB PRIMARY KEY, name TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL, scope INTEGER NOT NULL,
        key_id BLOB, server TEXT, chosen INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    "CREATE TABLE keys (key_id BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID",
    # the stored revisions from this outbox, which somebody may replace without having seen them
    """
    CREATE TABLE revisions (notebook_id BLOB NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (notebook_id, number))
        WITHOUT ROWID
    """,
)


def _create_outbox(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO identities (client_id) VALUES (?)", (os.urandom(CLIENT_ID_BYTES),))
    connection.execute("INSERT INTO sequences VALUES (1)")


SCHEMA = Schema(
    file_kind="outbox",
    application_id=0x554E4F42,  # "UNOB"
    version=1,
    page_bytes=4096,  # SQLite's default: entries are added at one end
    create=_create_outbox,
)

_new = tuple.__new__
"""Makes a NamedTuple in half the time of its class, once for every entry."""


class WaitingEntry(NamedTuple):
    """An entry in the outbox.

    `notebook_id`, `notebook_name` and `key_id` (None: it is open) are those of its notebook, if that is known. `meant_for` is
    the destination that the user named, if the notebook was not known yet. `refused` is the status with which the notebook
    refused the entry for good, or None.
    """

    entry: Entry
    notebook_id: bytes | None
    notebook_name: str | None
    key_id: bytes | None
    meant_for: Destination
    refused: Status | None


class WaitingCount(NamedTuple):
    """How many entries wait for one notebook or, while the notebook is not known, for one destination."""

    notebook_id: bytes | None
    meant_for: Destination
    entries: int


class Outbox:
    """One outbox file; raises `StorageError` if it cannot be used."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._connection = open_database(self.path, SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(
        self,
        texts: Sequence[str],
        *,
        author: str,
        written_at: int,
        utc_offset: int,
        kind: Kind = Kind.NOTE,
        revises: int = 0,
        notebook_id: bytes | None = None,
        meant_for: Destination = Destination(),  # noqa: B008 - an immutable value
    ) -> list[Entry]:
        """Add `texts` durably as entries with the next sequences, and return the entries.

        All of them are of one `kind`, and revise the same entry, if any. They are for the notebook `notebook_id` or, while the
        notebook is not known, for the notebook that `meant_for` names.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            first = self._reserve_sequences(len(texts))
            identity, client_id = self._current_identity()
            connection.executemany(
                "INSERT INTO entries (sequence, identity, kind, written_at, utc_offset, author, text, revises, notebook_id,"
                f" {_DESTINATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (sequence, identity, int(kind), written_at, utc_offset, author, text, revises, notebook_id, *meant_for)
                    for sequence, text in enumerate(texts, first)
                ],
            )
        return [
            _new(Entry, (client_id, sequence, kind, written_at, utc_offset, author, text, revises))
            for sequence, text in enumerate(texts, first)
        ]

    def waiting_for(self, notebook_id: bytes, *, limit: int, key_id: bytes | None = None) -> list[Entry]:
        """The first `limit` entries that wait for this notebook, in the order of their sequences.

        The list is empty if the notebook was joined or left meanwhile: if the outbox has another key for it than `key_id`
        (None: open).
        """
        with storage_errors(self.path):
            rows = self._connection.execute(
                f"SELECT {_ENTRY} FROM entries JOIN identities USING (identity)"
                " WHERE notebook_id = ? AND refused = 0"
                " AND (SELECT key_id FROM notebooks WHERE notebooks.notebook_id = entries.notebook_id) IS ?"
                " ORDER BY sequence LIMIT ?",
                (notebook_id, key_id, limit),
            ).fetchall()
        return [_entry(row) for row in rows]

    def waiting_sequences(self, notebook_id: bytes) -> set[int]:
        """The sequences of all entries in the outbox for this notebook, also of those that it refused."""
        with storage_errors(self.path):
            rows = self._connection.execute("SELECT sequence FROM entries WHERE notebook_id = ?", (notebook_id,))
            return {sequence for (sequence,) in rows}

    def listing(self) -> list[WaitingEntry]:
        """All entries that wait or were refused, in the order of their sequences."""
        with storage_errors(self.path):
            rows = self._connection.execute(
                f"SELECT {_ENTRY}, notebook_id, name, key_id, entries.host, entries.port, wanted, wanted_key, refused"
                " FROM entries JOIN identities USING (identity) LEFT JOIN notebooks USING (notebook_id) ORDER BY sequence"
            ).fetchall()
        return list(map(_waiting_entry, rows))

    def waiting_counts(self) -> list[WaitingCount]:
        """How many entries wait, and were not refused, for each notebook or destination."""
        with storage_errors(self.path):
            rows = self._connection.execute(
                f"SELECT notebook_id, count(*), {_DESTINATION} FROM entries WHERE refused = 0"
                f" GROUP BY notebook_id, {_DESTINATION}"
            )
            return [WaitingCount(notebook_id, Destination(*named), entries) for notebook_id, entries, *named in rows]

    def bind(self, notebook_id: bytes, *, meant_for: Destination) -> None:
        """Durably assign the entries without a notebook that were meant for exactly `meant_for` to `notebook_id`."""
        with storage_errors(self.path), atomic(self._connection) as connection:
            connection.execute(
                f"UPDATE entries SET notebook_id = ? WHERE notebook_id IS NULL AND ({_DESTINATION}) IS (?, ?, ?, ?)",
                (notebook_id, *meant_for),
            )

    def remove(self, sequences: Iterable[int]) -> None:
        """Remove entries that are acknowledged; this becomes durable with the next entry that is added."""
        self._write_without_fsync("DELETE FROM entries WHERE sequence BETWEEN ? AND ?", _ranges(sorted(sequences)))

    def mark_refused(self, sequence: int, status: Status) -> None:
        """Mark an entry that its notebook will never take: it stays, but is not sent again."""
        self._write_without_fsync("UPDATE entries SET refused = ? WHERE sequence = ?", [(int(status), sequence)])

    def discard(self, sequences: Iterable[int]) -> int:
        """Durably remove entries that should not be delivered; returns how many were there."""
        with storage_errors(self.path), atomic(self._connection) as connection:
            delete = "DELETE FROM entries WHERE sequence = ?"
            return sum(connection.execute(delete, (sequence,)).rowcount for sequence in sequences)

    def renew(self, entry: Entry) -> Entry | None:
        """Durably give an entry a new identity, because the notebook has another entry under its identity.

        If the entry has the client's current identity, the client takes a new one. Returns None if the outbox no longer has the
        entry under its old identity, because another process has renewed it.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            row = connection.execute("SELECT 1 FROM entries WHERE sequence = ?", (entry.sequence,)).fetchone()
            if row is None:
                return None
            identity, current = self._current_identity()
            if current == entry.client_id:
                connection.execute("INSERT INTO identities (client_id) VALUES (?)", (os.urandom(CLIENT_ID_BYTES),))
                identity, current = self._current_identity()
            renewed = self._reserve_sequences(1)
            connection.execute(
                "UPDATE entries SET sequence = ?, identity = ? WHERE sequence = ?", (renewed, identity, entry.sequence)
            )
            return entry._replace(client_id=current, sequence=renewed)

    def remember(self, notebook: KnownNotebook, *, may_choose: bool = False) -> KnownNotebook | None:
        """Save where a notebook answers, and return the chosen one; `may_choose` chooses this one if none is chosen yet.

        A notebook that is known as sealed is updated only if `notebook` has the same key, or if it has another key and the
        known key was not joined but only named for a command; see `join` and `leave`.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            connection.execute(
                f"{_INSERT_NOTEBOOK} ON CONFLICT (notebook_id) DO UPDATE SET name = excluded.name, host = excluded.host,"
                " port = excluded.port, scope = excluded.scope, key_id = excluded.key_id"
                " WHERE notebooks.key_id IS NULL OR notebooks.key_id = excluded.key_id"
                " OR (excluded.key_id IS NOT NULL AND notebooks.key_id NOT IN (SELECT key_id FROM keys))",
                notebook,
            )
            if may_choose:
                connection.execute(
                    "UPDATE notebooks SET chosen = 1 WHERE notebook_id = ?"
                    " AND NOT EXISTS (SELECT 1 FROM notebooks WHERE chosen)",
                    (notebook.notebook_id,),
                )
            return self.chosen()

    def choose(self, notebook_id: bytes) -> None:
        """Choose a known notebook, so that entries go there."""
        with storage_errors(self.path), atomic(self._connection) as connection:
            connection.execute("UPDATE notebooks SET chosen = (notebook_id = ?)", (notebook_id,))

    def join(self, notebook: KnownNotebook, key: bytes, *, server: str | None = None) -> None:
        """Durably save the key of a sealed notebook in place of an earlier one, and choose the notebook.

        Entries that were meant for this key before the notebook was known go there. `server`: see `name_server`.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", (notebook.key_id, key))
            connection.execute("DELETE FROM notebooks WHERE notebook_id = ?", (notebook.notebook_id,))
            connection.execute(_INSERT_NOTEBOOK, notebook)
            connection.execute("UPDATE notebooks SET chosen = (notebook_id = ?)", (notebook.notebook_id,))
            connection.execute("UPDATE notebooks SET server = ? WHERE notebook_id = ?", (server, notebook.notebook_id))
            connection.execute(_DELETE_UNUSED_KEYS)
            self._bind_entries_for_key(notebook)

    def bind_to_replaced_key(self, notebook: KnownNotebook) -> None:
        """Let entries that were meant for a key wait for `notebook`, whose server has answered that this key has changed."""
        if self.notebook(notebook.notebook_id) is None:
            self.remember(notebook)
        with storage_errors(self.path), atomic(self._connection):
            self._bind_entries_for_key(notebook)

    def _bind_entries_for_key(self, notebook: KnownNotebook) -> None:
        """Bind to `notebook` the entries for which the user named only its key: no server, id or name."""
        assert notebook.key_id is not None, "nothing is meant for the key of an open notebook"
        self._connection.execute(
            "UPDATE entries SET notebook_id = ?"
            " WHERE notebook_id IS NULL AND host IS NULL AND wanted IS NULL AND wanted_key = ?",
            (notebook.notebook_id, notebook.key_id),
        )

    def leave(self, notebook_id: bytes, *, check: Callable[[], None] | None = None) -> None:
        """Durably forget the key of a notebook, and that it was sealed. If it was the chosen one, no notebook is chosen then.

        `check` is called while no other process can add an entry: if it raises, nothing is forgotten.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            if check is not None:
                check()
            connection.execute("UPDATE notebooks SET key_id = NULL, chosen = 0 WHERE notebook_id = ?", (notebook_id,))
            connection.execute(_DELETE_UNUSED_KEYS)

    def joined_keys(self) -> dict[bytes, bytes]:
        """The keys of the notebooks that were joined, by their ids."""
        with storage_errors(self.path):
            return dict(self._connection.execute("SELECT key_id, key FROM keys").fetchall())

    def chosen(self) -> KnownNotebook | None:
        """The notebook that entries go to, if there is one yet."""
        return next(iter(self._notebooks("WHERE chosen")), None)

    def notebooks(self) -> list[KnownNotebook]:
        """All notebooks that are known, by name."""
        return self._notebooks("ORDER BY name, notebook_id")

    def name_server(self, notebook_id: bytes, server: str) -> None:
        """Save the HOST:PORT by which the user has named the server of a sealed notebook."""
        statement = "UPDATE notebooks SET server = ? WHERE notebook_id = ? AND server IS NOT ?"
        with storage_errors(self.path), atomic(self._connection) as connection:
            connection.execute(statement, (server, notebook_id, server))

    def sealed(self) -> list[SealedNotebook]:
        """All notebooks that are known as sealed, by name."""
        with storage_errors(self.path):
            rows = self._connection.execute(
                f"SELECT {_NOTEBOOK}, server FROM notebooks WHERE key_id IS NOT NULL ORDER BY name, notebook_id"
            )
            return [SealedNotebook(KnownNotebook(*row), server) for *row, server in rows]

    def version(self) -> int:
        """A number that changes when another process, or another `Outbox`, has written to the file."""
        with storage_errors(self.path):
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def notebook(self, notebook_id: bytes) -> KnownNotebook | None:
        """The notebook with this id, if it is known."""
        return next(iter(self._notebooks("WHERE notebook_id = ?", notebook_id)), None)

    def watch_revision(self, notebook_id: bytes, number: int) -> None:
        """Watch a revision from this outbox, which is stored under `number`; forget the oldest ones if there are too many."""
        self._write_without_fsync("INSERT INTO revisions VALUES (?, ?) ON CONFLICT DO NOTHING", [(notebook_id, number)])
        numbers = self.watched_revisions(notebook_id)
        self.forget_revisions(notebook_id, numbers[:-REVISIONS_WATCHED_MAX])

    def watched_revisions(self, notebook_id: bytes) -> list[int]:
        """The numbers of the revisions from this outbox that are watched, in order."""
        query = "SELECT number FROM revisions WHERE notebook_id = ? ORDER BY number"
        with storage_errors(self.path):
            return [number for (number,) in self._connection.execute(query, (notebook_id,))]

    def forget_revisions(self, notebook_id: bytes, numbers: Iterable[int]) -> None:
        """Remove these revisions from `watched_revisions`."""
        rows = [(notebook_id, number) for number in numbers]
        self._write_without_fsync("DELETE FROM revisions WHERE notebook_id = ? AND number = ?", rows)

    def _notebooks(self, clause: str, *values: object) -> list[KnownNotebook]:
        with storage_errors(self.path):
            rows = self._connection.execute(f"SELECT {_NOTEBOOK} FROM notebooks {clause}", values)
            return [KnownNotebook(*row) for row in rows]

    def _current_identity(self) -> tuple[int, bytes]:
        """The identity that new entries get: its row and the client id."""
        row = self._connection.execute("SELECT identity, client_id FROM identities ORDER BY identity DESC LIMIT 1").fetchone()
        return int(row[0]), bytes(row[1])

    def _reserve_sequences(self, count: int) -> int:
        """Reserve `count` sequences in the open transaction; returns the first of them."""
        self._connection.execute("UPDATE sequences SET next_sequence = next_sequence + ?", (count,))
        (next_sequence,) = self._connection.execute("SELECT next_sequence FROM sequences").fetchone()
        return int(next_sequence) - count

    def _write_without_fsync(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Write without fsync: if a power failure undoes the write, the server's answers restore it."""
        if not rows:
            return
        with storage_errors(self.path):
            self._connection.execute("PRAGMA synchronous = NORMAL")
            try:
                with atomic(self._connection) as connection:
                    connection.executemany(statement, rows)
            finally:
                self._connection.execute("PRAGMA synchronous = FULL")


def _entry(row: Sequence[Any]) -> Entry:
    client_id, sequence, kind, written_at, utc_offset, author, text, revises = row
    return Entry(client_id, sequence, Kind(kind), written_at, utc_offset, author, text, revises)


def _waiting_entry(row: tuple[Any, ...]) -> WaitingEntry:
    *entry, notebook_id, name, key_id, host, port, wanted, wanted_key, refused = row
    meant_for = Destination(host, port, wanted, wanted_key)
    return WaitingEntry(_entry(entry), notebook_id, name, key_id, meant_for, Status(refused) if refused else None)


def _ranges(sequences: list[int]) -> list[tuple[int, int]]:
    """Runs of consecutive sequences, as (first, last): one statement removes a run at a fraction of the cost."""
    ranges: list[tuple[int, int]] = []
    for sequence in sequences:
        if ranges and ranges[-1][1] == sequence - 1:
            ranges[-1] = (ranges[-1][0], sequence)
        else:
            ranges.append((sequence, sequence))
    return ranges

"""The client's outbox: entries that are not acknowledged yet, the client's ids, and the known notebooks with their keys.

An entry is added durably (with an fsync) and gets its sequence number in the same transaction. It is removed when its
acknowledgement has arrived. The removal needs no fsync: if a power failure undoes it, the client sends the entry again, and the
server answers "stored already". Several processes may use one outbox at once: they reserve sequences inside the transaction, so
no two entries get the same one. If the client takes a new client id, its sequences continue, so within an outbox the sequence
alone identifies an entry.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing
from sqlite3 import Connection
from typing import Any

from udpnote.model.entry import CLIENT_ID_BYTES, NOTHING_SEEN, Entry, Kind, SeenEntry, Status
from udpnote.model.notebook import Destination, KnownNotebook, SealedNotebook
from udpnote.model.waiting_entry import WaitingCount, WaitingEntry
from udpnote.storage.database import atomic, open_database, storage_errors
from udpnote.storage.outbox_records import DELETE_UNUSED_KEYS, JoinedKeys, NamedServers, RoundTrips, WatchedRevisions
from udpnote.storage.outbox_tables import (
    ROWS_AT_ONCE,
    SCHEMA,
    entry_from,
    insertion_of,
    merged,
    open_to_read,
    waiting_entry_from,
    without_fsync,
)

PAGE_ENTRIES = 1000
PAGE_CHARACTERS = 4 << 20
"""How many waiting entries, and about how many characters of their texts, are read at a time: a limit on memory."""

_SEEN = "seen_number, seen_client, seen_sequence"
_ENTRY = f"client_id, sequence, kind, written_at, utc_offset, author, text, revises, {_SEEN}"
_TEXT = _ENTRY.split(", ").index("text")
_DESTINATION = "host, port, wanted, wanted_key"
_NOTEBOOK = "notebook_id, name, host, port, scope, key_id"
_NOTE_NEWEST = f"UPDATE notebooks SET ({_SEEN}) = (?, ?, ?) WHERE notebook_id = ? AND ({_SEEN}) IS NOT (?, ?, ?)"
_INSERT_NOTEBOOK = f"INSERT INTO notebooks ({_NOTEBOOK}) VALUES (?, ?, ?, ?, ?, ?)"

_new = tuple.__new__
"""Makes a NamedTuple in half the time of calling its class; this is done for every entry."""


class Outbox:
    """One outbox file, created if it does not exist. Every method raises `StorageError` if the file cannot be used.

    If `is_read_only`, the file is only read; if it does not exist, the outbox is empty. Every method that writes then raises
    `StorageError`, as on a disk that cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, is_read_only: bool = False) -> None:
        self.path = os.fspath(path)
        self._connection = open_to_read(self.path) if is_read_only else open_database(self.path, SCHEMA)
        self.named_servers = NamedServers(self.path, self._connection)
        self.round_trips = RoundTrips(self.path, self._connection, self._without_fsync)
        self.keys = JoinedKeys(self.path, self._connection)
        self.revisions = WatchedRevisions(self.path, self._connection, self._without_fsync)

    def close(self) -> None:
        """Close the outbox file."""
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
        seen: SeenEntry | None = None,
        notebook_id: bytes | None = None,
        destination: Destination = Destination(),  # noqa: B008 - an immutable value
    ) -> list[Entry]:
        """Add `texts` durably as entries with the next sequences, and return the entries; see `Entry` for the arguments.

        They are for the notebook `notebook_id`. If that is None, the notebook is not known yet, and `destination` says which
        one the user named. A revision or deletion without `seen` gets the newest entry that its notebook (without
        `notebook_id`: the notebook at the address of `destination`) had when it last answered.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            if seen is None:
                seen = self._seen_in(notebook_id or self._notebook_at(destination)) if revises else NOTHING_SEEN
            first = self._reserve_sequences(len(texts))
            identity, client_id = self._current_identity()
            same = identity, int(kind), written_at, utc_offset, author, revises, *seen, notebook_id, *destination
            for start in range(0, len(texts), ROWS_AT_ONCE):
                rows = texts[start : start + ROWS_AT_ONCE]
                connection.execute(insertion_of(len(rows)), (*same, first + start, *rows))
        return [
            _new(Entry, (client_id, sequence, kind, written_at, utc_offset, author, text, revises, seen))
            for sequence, text in enumerate(texts, first)
        ]

    def waiting_for(self, notebook_id: bytes, *, key_id: bytes | None = None, limit: int = PAGE_ENTRIES) -> list[Entry]:
        """The first entries that wait for this notebook and were not refused, in the order of their sequences.

        They are at most `limit`, and fewer if they are long (see `PAGE_CHARACTERS`). `key_id` is the id of the key with which
        the caller seals them (None: the notebook is open). The list is empty if the outbox has another key for the notebook,
        because another process has joined or left it meanwhile.
        """
        rows = self._page(
            f"SELECT {_ENTRY} FROM entries JOIN identities USING (identity)"
            " WHERE notebook_id = ? AND refused = 0"
            " AND (SELECT key_id FROM notebooks WHERE notebooks.notebook_id = entries.notebook_id) IS ?"
            " ORDER BY sequence LIMIT ?",
            (notebook_id, key_id, limit),
        )
        return list(map(entry_from, rows))

    def waiting_sequences(self, entries: Iterable[Entry], *, notebook_id: bytes | None = None) -> set[int]:
        """The sequences of those `entries` that are in the outbox, refused or not, and for `notebook_id` (None: for any)."""
        sequences = {entry.sequence for entry in entries}
        with storage_errors(self.path):
            rows = self._connection.execute(
                "SELECT sequence FROM entries WHERE sequence BETWEEN ? AND ? AND (?3 IS NULL OR notebook_id = ?3)",
                (min(sequences, default=0), max(sequences, default=0), notebook_id),
            )
            return {sequence for (sequence,) in rows if sequence in sequences}

    def listing(self, first: int = 1) -> list[WaitingEntry]:
        """The entries from the sequence `first` on, refused ones included, in the order of their sequences: one page.

        They are at most `PAGE_ENTRIES`, and fewer if they are long (see `PAGE_CHARACTERS`).
        """
        rows = self._page(
            f"SELECT {_ENTRY.replace('seen_', 'entries.seen_')}, notebook_id, name, key_id, entries.host, entries.port,"
            " wanted, wanted_key, refused FROM entries JOIN identities USING (identity)"
            " LEFT JOIN notebooks USING (notebook_id) WHERE sequence >= ? ORDER BY sequence LIMIT ?",
            (first, PAGE_ENTRIES),
        )
        return list(map(waiting_entry_from, rows))

    def first_of_latest(self, count: int) -> int:
        """The lowest sequence among the latest `count` entries in the outbox; 1 if it has fewer entries."""
        with storage_errors(self.path):
            query = "SELECT sequence FROM entries ORDER BY sequence DESC LIMIT 1 OFFSET ?"
            row = self._connection.execute(query, (count - 1,)).fetchone()
            return int(row[0]) if row is not None else 1

    def waiting_counts(self) -> list[WaitingCount]:
        """The number of entries in the outbox, counted separately for each notebook, destination and status of refusal.

        Entries that were not refused have the status None. The count with the oldest entry comes first.
        """
        with storage_errors(self.path):
            rows = self._connection.execute(
                "SELECT notebook_id, (SELECT key_id FROM notebooks WHERE notebooks.notebook_id = entries.notebook_id),"
                f" refused, count(*), {_DESTINATION}"
                f" FROM entries GROUP BY notebook_id, refused, {_DESTINATION} ORDER BY min(sequence)"
            )
            return [
                WaitingCount(notebook_id, key_id, Destination(*named), Status(refused) if refused else None, entries)
                for notebook_id, key_id, refused, entries, *named in rows
            ]

    def assign(self, notebook_id: bytes, *, destination: Destination) -> None:
        """Durably assign to the notebook `notebook_id` the entries that have no notebook yet and exactly this destination.

        Those that are revisions or deletions without `seen` get the newest entry that the notebook had when it last answered.
        """
        with storage_errors(self.path), atomic(self._connection):
            self._assign(notebook_id, f"({_DESTINATION}) IS (?, ?, ?, ?)", destination)

    def move(self, notebook_id: bytes, *, select: Callable[[list[WaitingCount]], Iterable[WaitingCount]]) -> tuple[int, int]:
        """Durably move entries to the known notebook `notebook_id`, with their client ids and sequences.

        `select` is called with `waiting_counts`, while no other process can change the outbox, and returns those to move; if it
        raises an error, nothing is moved. Only notes are moved that were not refused: a revision or deletion names a number,
        which means something in its own notebook only. Returns how many of the selected entries were moved, and how many not.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            selected = list(select(self.waiting_counts()))
            moved = sum(
                connection.execute(
                    f"UPDATE entries SET notebook_id = ?, ({_DESTINATION}) = (NULL, NULL, NULL, NULL)"
                    f" WHERE refused = 0 AND kind = {int(Kind.NOTE)} AND (notebook_id, {_DESTINATION}) IS (?, ?, ?, ?, ?)",
                    (notebook_id, each.notebook_id, *each.destination),
                ).rowcount
                for each in selected
            )
        return moved, sum(each.entries for each in selected) - moved

    def remove(self, notebook_id: bytes, sequences: Iterable[range], *, newest: SeenEntry = NOTHING_SEEN) -> None:
        """Remove the entries with these sequences, which this notebook has acknowledged, unless they were moved meanwhile.

        No sequence may be in two of the ranges. Unless `newest` is `NOTHING_SEEN`, it is the newest entry that the notebook has
        now, and is saved too. No fsync: the next `add` makes this durable.
        """
        rows = [(each.start, each.stop - 1, notebook_id) for each in merged(sequences)]
        if rows or newest.number:
            with self._without_fsync() as connection:
                connection.executemany("DELETE FROM entries WHERE sequence BETWEEN ? AND ? AND notebook_id = ?", rows)
                if newest.number:
                    connection.execute(_NOTE_NEWEST, (*newest, notebook_id, *newest))

    def mark_refused(self, notebook_id: bytes | None, sequence: int, status: Status) -> None:
        """Mark an entry that its notebook will never store because of `status`, unless it was moved to another one meanwhile.

        It is kept, but not sent again. No fsync.
        """
        with self._without_fsync() as connection:
            statement = "UPDATE entries SET refused = ? WHERE sequence = ? AND notebook_id IS ?"
            connection.execute(statement, (int(status), sequence, notebook_id))

    def discard(self, sequences: Iterable[int], *, every_refused: bool = False) -> int:
        """Durably remove the entries with these sequences, which should not be sent any more; returns how many it removed.

        With `every_refused`, it also removes all entries that their notebooks have refused.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            delete = "DELETE FROM entries WHERE sequence = ?"
            removed = sum(connection.execute(delete, (sequence,)).rowcount for sequence in sequences)
            return removed + (connection.execute("DELETE FROM entries WHERE refused").rowcount if every_refused else 0)

    def renew(self, notebook_id: bytes, entry: Entry) -> Entry | None:
        """Durably give an entry a new client id and sequence, because the notebook has another entry under its present ones.

        If the entry has the client's current id, the client takes a new random id first. Returns the changed entry, or None if
        the outbox does not have its sequence for this notebook any more, because another process has renewed, moved or removed
        it.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            query = "SELECT 1 FROM entries WHERE sequence = ? AND notebook_id = ?"
            row = connection.execute(query, (entry.sequence, notebook_id)).fetchone()
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
        """Save a notebook as it has answered (name, address, key id), and return the chosen notebook, or None if there is none.

        With `may_choose`, this notebook becomes the chosen one if there is none. Nothing is saved if the outbox has the
        notebook as sealed and it answers as open, or as joined and it answers with another key: only `join` and `leave` change
        that.
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
        """Durably make a known notebook the chosen one, to which entries go if the user names no notebook."""
        with storage_errors(self.path), atomic(self._connection) as connection:
            connection.execute("UPDATE notebooks SET chosen = (notebook_id = ?)", (notebook_id,))

    def join(self, notebook: KnownNotebook, key: bytes, *, server: str | None = None) -> None:
        """Durably save a sealed notebook and its `key`, in place of an earlier key of the notebook, and choose the notebook.

        Entries for which the user named only this key are assigned to the notebook. `server` is the HOST:PORT that the user
        gave (None: none), and replaces those given before: an open server there counts as an impostor.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", (notebook.key_id, key))
            connection.execute("DELETE FROM notebooks WHERE notebook_id = ?", (notebook.notebook_id,))
            connection.execute(_INSERT_NOTEBOOK, notebook)
            connection.execute("UPDATE notebooks SET chosen = (notebook_id = ?)", (notebook.notebook_id,))
            self.named_servers.replace(server, notebook.notebook_id)
            connection.execute(DELETE_UNUSED_KEYS)
            self._assign_for_key(notebook)

    def assign_for_replaced_key(self, notebook: KnownNotebook) -> None:
        """Durably assign to `notebook` entries for which the user named only its key, which its server says was replaced.

        A notebook that is not known yet is saved as `remember` does it.
        """
        if self.notebook(notebook.notebook_id) is None:
            self.remember(notebook)
        with storage_errors(self.path), atomic(self._connection):
            self._assign_for_key(notebook)

    def _assign_for_key(self, notebook: KnownNotebook) -> None:
        """Assign to `notebook` the entries for which the user named only its key: no server, id or name."""
        assert notebook.key_id is not None, "an open notebook has no key that the user could have named"
        self._assign(notebook.notebook_id, "host IS NULL AND wanted IS NULL AND wanted_key = ?", (notebook.key_id,))

    def _assign(self, notebook_id: bytes, condition: str, values: Sequence[object]) -> None:
        """Assign to a notebook the entries without one for which the SQL `condition` holds; see `assign`."""
        condition = f"notebook_id IS NULL AND {condition}"
        self._connection.execute(
            f"UPDATE entries SET ({_SEEN}) = (?, ?, ?) WHERE revises > 0 AND seen_number = 0 AND {condition}",
            (*self._seen_in(notebook_id), *values),
        )
        self._connection.execute(f"UPDATE entries SET notebook_id = ? WHERE {condition}", (notebook_id, *values))

    def leave(self, notebook_id: bytes, *, check: Callable[[], None] | None = None) -> None:
        """Durably forget the key of a notebook, and that it is sealed. If it is the chosen notebook, none is chosen any more.

        `check` is called first, while no other process can add an entry: if it raises, nothing is forgotten.
        """
        with storage_errors(self.path), atomic(self._connection) as connection:
            if check is not None:
                check()
            connection.execute("UPDATE notebooks SET key_id = NULL, chosen = 0 WHERE notebook_id = ?", (notebook_id,))
            connection.execute(DELETE_UNUSED_KEYS)

    def chosen(self) -> KnownNotebook | None:
        """The chosen notebook, to which entries go if the user names no notebook; None if none is chosen."""
        return next(iter(self._notebooks("WHERE chosen")), None)

    def notebooks(self) -> list[KnownNotebook]:
        """All known notebooks, sorted by name."""
        return self._notebooks("ORDER BY name, notebook_id")

    def sealed(self) -> list[SealedNotebook]:
        """All known notebooks that are sealed, once for each server that the user named for it, sorted by notebook name."""
        with storage_errors(self.path):
            rows = self._connection.execute(
                f"SELECT {_NOTEBOOK}, server FROM notebooks LEFT JOIN servers USING (notebook_id)"
                " WHERE key_id IS NOT NULL ORDER BY name, notebook_id"
            )
            return [SealedNotebook(KnownNotebook(*row), server) for *row, server in rows]

    def version(self) -> int:
        """A number that changes when another process, or another `Outbox`, writes to the file, but not when this one does."""
        with storage_errors(self.path):
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def notebook(self, notebook_id: bytes) -> KnownNotebook | None:
        """The known notebook with this id; None if it is not known."""
        return next(iter(self._notebooks("WHERE notebook_id = ?", notebook_id)), None)

    def note_newest(self, notebook_id: bytes, newest: SeenEntry) -> None:
        """Save `newest`, the newest entry that a known notebook has now (`NOTHING_SEEN`: unknown), without an fsync."""
        with self._without_fsync() as connection:
            connection.execute(_NOTE_NEWEST, (*newest, notebook_id, *newest))

    def _page(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        """The rows of entries that `statement` selects, until their texts have `PAGE_CHARACTERS` in total."""
        found, characters = [], 0
        with storage_errors(self.path), closing(self._connection.execute(statement, values)) as rows:
            for row in rows:
                found.append(row)
                characters += len(row[_TEXT])
                if characters >= PAGE_CHARACTERS:
                    break
        return found

    def _notebooks(self, clause: str, *values: object) -> list[KnownNotebook]:
        """The known notebooks that the SQL `clause` selects."""
        with storage_errors(self.path):
            rows = self._connection.execute(f"SELECT {_NOTEBOOK} FROM notebooks {clause}", values)
            return [KnownNotebook(*row) for row in rows]

    def _notebook_at(self, destination: Destination) -> bytes | None:
        """The id of the notebook that last answered at the address of `destination`; None if none did, or more than one."""
        rows = self._connection.execute(
            "SELECT notebook_id FROM notebooks WHERE host = ? AND port = ?", (destination.host, destination.port)
        ).fetchall()
        return rows[0][0] if len(rows) == 1 else None

    def _seen_in(self, notebook_id: bytes | None) -> SeenEntry:
        """The newest entry that a notebook had when it last answered; `NOTHING_SEEN` if that is unknown."""
        row = self._connection.execute(f"SELECT {_SEEN} FROM notebooks WHERE notebook_id = ?", (notebook_id,)).fetchone()
        return NOTHING_SEEN if row is None else SeenEntry(*row)

    def _current_identity(self) -> tuple[int, bytes]:
        """The client id that new entries get: (number of its row, client id)."""
        row = self._connection.execute("SELECT identity, client_id FROM identities ORDER BY identity DESC LIMIT 1").fetchone()
        return int(row[0]), bytes(row[1])

    def _reserve_sequences(self, count: int) -> int:
        """Reserve `count` consecutive sequences, in the caller's transaction; returns the first of them."""
        self._connection.execute("UPDATE sequences SET next_sequence = next_sequence + ?", (count,))
        (next_sequence,) = self._connection.execute("SELECT next_sequence FROM sequences").fetchone()
        return int(next_sequence) - count

    def _without_fsync(self) -> AbstractContextManager[Connection]:
        """A write transaction without an fsync; see `without_fsync`."""
        return without_fsync(self._connection, self.path)

"""The client's outbox: entries that are not acknowledged yet, the client's ids, and the known notebooks with their keys.

An entry is added durably (with an fsync) and gets its sequence number in the same transaction. It is removed when its
acknowledgement has arrived. The removal needs no fsync: if a power failure undoes it, the client sends the entry again, and the
server answers "stored already". Several processes may use one outbox at once: they reserve sequences inside the transaction, so
no two entries get the same one. If the client takes a new client id, its sequences continue, so within an outbox the sequence
alone identifies an entry.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from itertools import count, repeat
from typing import Any

from udpnote.errors import StorageError
from udpnote.model.entry import CLIENT_ID_BYTES, NOTHING_SEEN, SEQUENCE_MAX, Entry, Kind, SeenEntry, Status, new_tuple
from udpnote.model.notebook import Destination
from udpnote.model.outbox_entries import StoredRun, WaitingCount, WaitingEntry
from udpnote.storage.database import IN_MEMORY, atomic
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.outbox.known_notebooks import KnownNotebooks
from udpnote.storage.outbox.outbox_file import OutboxFile
from udpnote.storage.outbox.own_writes import HELD, OwnWrites
from udpnote.storage.outbox.records import JoinedKeys, NamedServers, RoundTrips, WatchedRevisions
from udpnote.storage.outbox.tables import (
    DESTINATION,
    SEEN,
    check_whole,
    entry_from,
    insert_entries,
    merged,
    waiting_entry_from,
)

PAGE_ENTRIES = 1000
PAGE_CHARACTERS = 4 << 20
"""One read of the outbox gets at most so many entries, and ends when their texts have so many characters, to limit memory."""

_ENTRY = f"client_id, sequence, kind, written_at, utc_offset, author, text, revises, {SEEN}"
_TEXT = _ENTRY.split(", ").index("text")
_NOTE_NEWEST = f"UPDATE notebooks SET ({SEEN}) = (?, ?, ?) WHERE notebook_id = ? AND ({SEEN}) IS NOT (?, ?, ?)"


class Outbox(KnownNotebooks):
    """An outbox file, created if it does not exist. Every method raises `StorageError` if the file cannot be used.

    `OutboxFile` explains the arguments, and the errors of the constructor.
    """

    _File = OutboxFile

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        is_read_only: bool = False,
        uses_damaged_log: bool = False,
        before_writing: Callable[[], object] | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self._file = self._File(
            self.path, is_read_only=is_read_only, uses_damaged_log=uses_damaged_log, before_writing=before_writing
        )
        self.named_servers = NamedServers(self._file)
        self.round_trips = RoundTrips(self._file)
        self.keys = JoinedKeys(self._file)
        self.revisions = WatchedRevisions(self._file)
        self.writes = OwnWrites(self._file)

    def check_whole(self) -> None:
        """Read the whole file, and raise `StorageError` if it is damaged anywhere."""
        check_whole(self._file.connection, self.path)

    def without_entries(self) -> "Outbox":
        """Return a copy in memory with the notebooks, servers and keys of this outbox, but no entries.

        What is saved in the copy is lost when the copy is closed.
        """
        copy = Outbox(IN_MEMORY)
        with storage_errors(self.path), atomic(copy._file.connection) as connection:
            for table in ("notebooks", "servers", "keys"):
                for row in self._file.connection.execute(f"SELECT * FROM {table}"):
                    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        return copy

    def close(self) -> None:
        """Close the outbox file."""
        self._file.close()

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
        undoes: int = 0,
        check: Callable[[], None] | None = None,
        on_added: Callable[[list[Entry]], None] | None = None,
    ) -> list[Entry]:
        """Add `texts`, at least one, durably as entries with the next sequences, and return the entries (see `Entry`).

        The entries are for the notebook `notebook_id`. If that is None, the notebook is not known yet, and `destination` says
        which one the user named. If `seen` of a revision or deletion is None, it becomes the newest entry that the notebook had
        when it last answered. If `notebook_id` is None, too, this means the notebook at the address of `destination`.

        If `undoes` is not 0, it is the sequence of one of this client's own writes. The single entry that is added then undoes
        that write, in the notebook of that write (see `own_writes`), and `revises` may be left out. Raises `NotTakenBack` if
        that write cannot be undone any more.

        `check` is called first, in the same transaction, so that no other process can change the outbox before the entries are
        in it. If `check` raises an error, nothing is added. `on_added` is called with the entries while the disk writes them.
        It may prepare their datagrams, but must not send any: the entries are durable only when this method returns. If
        `on_added` or the disk causes a `StorageError`, the entries are removed.
        """
        with self._file.without_fsync() as connection:
            if check is not None:
                check()
            first, identity, client_id = self._reserve_sequences(len(texts))  # `identity`: the number of the row of `client_id`
            if undoes:
                notebook_id, target = self.writes.begin_undo(first, undoes)
                seen = seen or target
                revises = revises or (target.number if target is not None else 0)
            if seen is None:
                seen = self._seen_in(notebook_id or self._notebook_at(destination)) if revises else NOTHING_SEEN
            same = identity, int(kind), written_at, utc_offset, author, revises, *seen, notebook_id, *destination
            insert_entries(connection, same, first, texts)
        self._file.begin_fsync()
        entries: list[Entry] = list(map(new_tuple, repeat(Entry), zip(  # for each text, `Entry(*values)` in half the time
            repeat(client_id), count(first), repeat(kind), repeat(written_at), repeat(utc_offset), repeat(author), texts,
            repeat(revises), repeat(seen),
        )))  # fmt: skip
        self._write_to_disk(entries, on_added)
        return entries

    def make_durable(self) -> None:
        """Wait until the disk has everything that this process and others have committed to the outbox so far.

        Call this before sending entries that `waiting_for` has returned: another process may just be adding them. A read-only
        outbox does not wait.
        """
        self._file.make_durable()

    def waiting_for(
        self, notebook_id: bytes, *, key_id: bytes | None = None, last: int = SEQUENCE_MAX, limit: int = PAGE_ENTRIES
    ) -> list[Entry]:
        """Return the first entries that may be sent to the notebook `notebook_id` now, ordered by their sequences.

        Refused entries are left out, and so are deletions that are held (see `own_writes`). Only sequences up to `last` count.
        There are at most `limit` entries, and fewer if they are long (see `PAGE_CHARACTERS`). `key_id` is the id of the key
        with which the caller seals them; None if the notebook is not sealed. The list is empty if the outbox has another key
        for the notebook, because another process has joined or left it meanwhile.
        """
        rows = self._page(
            f"SELECT {_ENTRY} FROM entries JOIN identities USING (identity)"
            f" WHERE notebook_id = ? AND sequence <= ? AND refused = 0 AND NOT {HELD}"
            " AND (SELECT key_id FROM notebooks WHERE notebooks.notebook_id = entries.notebook_id) IS ?"
            " ORDER BY sequence LIMIT ?",
            (notebook_id, last, key_id, limit),
        )
        return list(map(entry_from, rows))

    def waiting_sequences(self, entries: Iterable[Entry], *, notebook_id: bytes | None = None) -> set[int]:
        """The sequences of those `entries` that are still in the outbox, whether they were refused or not.

        If `notebook_id` is not None, only entries for that notebook count.
        """
        sequences = {entry.sequence for entry in entries}
        with storage_errors(self.path):
            rows = self._file.connection.execute(
                "SELECT sequence FROM entries WHERE sequence BETWEEN ? AND ? AND (?3 IS NULL OR notebook_id = ?3)",
                (min(sequences, default=0), max(sequences, default=0), notebook_id),
            )
            return {sequence for (sequence,) in rows if sequence in sequences}

    def listing(self, first: int = 1) -> list[WaitingEntry]:
        """Return one page of entries from the sequence `first` on, refused ones included, ordered by their sequences.

        A page has at most `PAGE_ENTRIES`, and fewer if they are long (see `PAGE_CHARACTERS`).
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
            row = self._file.connection.execute(query, (count - 1,)).fetchone()
            return int(row[0]) if row is not None else 1

    def waiting_counts(self) -> list[WaitingCount]:
        """How many entries are in the outbox: one count for each combination of notebook, destination and reason of refusal.

        The reason is the `Status` of the refusal; None for entries that were not refused. The count with the oldest entry is
        first.
        """
        with storage_errors(self.path):
            rows = self._file.connection.execute(
                "SELECT notebook_id, (SELECT key_id FROM notebooks WHERE notebooks.notebook_id = entries.notebook_id),"
                f" refused, count(*), {DESTINATION}"
                f" FROM entries GROUP BY notebook_id, refused, {DESTINATION} ORDER BY min(sequence)"
            )
            return [
                WaitingCount(notebook_id, key_id, Destination(*named), Status(refused) if refused else None, entries)
                for notebook_id, key_id, refused, entries, *named in rows
            ]

    def move(self, notebook_id: bytes, *, select: Callable[[list[WaitingCount]], Iterable[WaitingCount]]) -> tuple[int, int]:
        """Durably move entries to the known notebook `notebook_id`. They keep their client ids and sequences.

        `select` gets `waiting_counts` and returns the counts whose entries are to be moved; meanwhile no other process can
        change the outbox. If it raises an error, nothing is moved. Of the selected entries, only notes that were not refused
        are moved: a revision or deletion names a number, which means something in its own notebook only. A deletion that takes
        back a waiting note has no number yet, and moves with that note. Returns (how many notes were moved, how many selected
        entries were not moved). Deletions that moved are in neither count.
        """
        with self._file.transaction() as connection:
            selected = list(select(self.waiting_counts()))
            held, notes = (
                sum(
                    connection.execute(
                        f"UPDATE entries SET notebook_id = ?, ({DESTINATION}) = (NULL, NULL, NULL, NULL)"
                        f" WHERE refused = 0 AND {kind} AND (notebook_id, {DESTINATION}) IS (?, ?, ?, ?, ?)",
                        (notebook_id, each.notebook_id, *each.destination),
                    ).rowcount
                    for each in selected
                )
                for kind in (HELD, f"kind = {Kind.NOTE:d}")
            )
        return notes, sum(each.entries for each in selected) - notes - held

    def remove(self, notebook_id: bytes, runs: Sequence[StoredRun]) -> None:
        """Remove the entries of `runs`, which the notebook has acknowledged, but not entries that were moved meanwhile.

        The caller makes sure that no sequence is in two of the runs. This method also remembers the entries, so that the user
        can undo them, and saves the one with the highest number as the newest entry that the notebook has now. It does no
        fsync: the next `add` makes this durable.
        """
        if not runs:
            return
        newest = max([run.last for run in runs])
        with self._file.without_fsync() as connection:
            if not self._remove_all(notebook_id, runs):  # some are not there: roll back, and remove only those that are
                connection.execute("ROLLBACK")
                connection.execute("BEGIN IMMEDIATE")
                waiting = self.writes.still_waiting(notebook_id, runs)
                self._remove_all(notebook_id, waiting)
                runs = waiting
            self.writes.record_stored(notebook_id, runs)
            connection.execute(_NOTE_NEWEST, (*newest, notebook_id, *newest))

    def _remove_all(self, notebook_id: bytes, runs: Sequence[StoredRun]) -> bool:
        """In the caller's transaction, remove the entries of `runs`. Returns whether all of them waited for this notebook."""
        rows = [(each.start, each.stop - 1, notebook_id) for each in merged([run.sequences for run in runs])]
        delete = "DELETE FROM entries WHERE sequence BETWEEN ? AND ? AND notebook_id = ?"
        return self._file.connection.executemany(delete, rows).rowcount == sum([len(run.sequences) for run in runs])

    def mark_refused(self, notebook_id: bytes | None, sequence: int, status: Status) -> None:
        """Mark the entry `sequence` as refused: its notebook never stores it, because of `status`. It stays, but is not sent.

        Does nothing if the entry is not for `notebook_id` any more, because it was moved meanwhile. `notebook_id` is None if
        the entry has no notebook yet. Does no fsync.
        """
        with self._file.without_fsync() as connection:
            statement = "UPDATE entries SET refused = ? WHERE sequence = ? AND notebook_id IS ?"
            connection.execute(statement, (int(status), sequence, notebook_id))
            self.writes.forget_orphans()

    def discard(self, sequences: Iterable[int], *, every_refused: bool = False) -> int:
        """Durably remove the entries with these sequences, so that they are not sent any more; return how many were removed.

        With `every_refused`, also remove all entries that their notebooks have refused. If a held deletion was to take back a
        removed note (see `own_writes`), it is removed, too, but not counted.
        """
        with self._file.transaction():
            removed = sum(self.writes.discard("sequence = ?", (sequence,)) for sequence in sequences)
            removed += self.writes.discard("refused") if every_refused else 0
            self.writes.forget_orphans()
            return removed

    def renew(self, notebook_id: bytes, entry: Entry) -> Entry | None:
        """Durably give `entry` a new client id and sequence, because the notebook has another entry under the present ones.

        If the entry has the client's current id, the client takes a new random id first. Returns the changed entry, or None if
        the outbox does not have its sequence for this notebook any more, because another process has renewed, moved or removed
        it.
        """
        with self._file.transaction() as connection:
            query = "SELECT 1 FROM entries WHERE sequence = ? AND notebook_id = ?"
            row = connection.execute(query, (entry.sequence, notebook_id)).fetchone()
            if row is None:
                return None
            renewed, identity, current = self._reserve_sequences(1)
            if current == entry.client_id:
                current = os.urandom(CLIENT_ID_BYTES)
                identity = connection.execute("INSERT INTO identities (client_id) VALUES (?)", (current,)).lastrowid or 0
            connection.execute(
                "UPDATE entries SET sequence = ?, identity = ? WHERE sequence = ?", (renewed, identity, entry.sequence)
            )
            self.writes.record_renewed(entry.sequence, renewed)
            return entry._replace(client_id=current, sequence=renewed)

    def version(self) -> int:
        """Return a number that changes when another process or another `Outbox` writes to the file. Own writes do not count."""
        return self._file.version()

    def record_newest(self, notebook_id: bytes, newest: SeenEntry) -> None:
        """Save `newest` as the newest entry that a known notebook has now, without an fsync. `NOTHING_SEEN` means unknown."""
        with self._file.without_fsync() as connection:
            connection.execute(_NOTE_NEWEST, (*newest, notebook_id, *newest))

    def _page(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        """Return the first rows that `statement` selects with `values`, until their texts have about `PAGE_CHARACTERS`."""
        found, characters = [], 0
        with storage_errors(self.path), closing(self._file.connection.execute(statement, values)) as rows:
            for row in rows:
                found.append(row)
                characters += len(row[_TEXT])
                if characters >= PAGE_CHARACTERS:
                    break
        return found

    def _reserve_sequences(self, count: int) -> tuple[int, int, bytes]:
        """Reserve `count` consecutive sequences for new entries, in the caller's transaction.

        Returns the first of them, the number of the current client id's row in `identities`, and this client id.
        """
        self._file.connection.execute("UPDATE sequences SET next_sequence = next_sequence + ?", (count,))
        next_sequence, identity, client_id = self._file.connection.execute(
            "SELECT next_sequence, identity, client_id FROM sequences, identities ORDER BY identity DESC LIMIT 1"
        ).fetchone()
        return int(next_sequence) - count, int(identity), bytes(client_id)

    def _write_to_disk(self, entries: list[Entry], on_added: Callable[[list[Entry]], None] | None) -> None:
        """Call `on_added`, and wait until the disk has the new `entries`. If either raises a `StorageError`, remove the
        entries, and raise it again.
        """
        try:
            try:
                if on_added is not None:
                    on_added(entries)
            finally:
                self.make_durable()
        except StorageError:
            with suppress(StorageError), self._file.without_fsync() as connection:
                sequences = entries[0].sequence, entries[-1].sequence
                connection.execute("DELETE FROM entries WHERE sequence BETWEEN ? AND ?", sequences)
                self.writes.forget_orphans()
            raise

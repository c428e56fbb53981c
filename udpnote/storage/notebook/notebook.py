"""Stores entries in a notebook: each (client, sequence) once, durably, under a number of its own."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import accumulate

from udpnote.errors import NoSpace, NotebookLost, StorageError
from udpnote.model.entry import (
    NOTHING_SEEN,
    Arrival,
    Bundle,
    Kind,
    NoteRun,
    Part,
    SeenEntry,
    Status,
    StoredEntry,
    Verdict,
    is_text,
    is_whole,
)
from udpnote.storage.database import (
    IN_MEMORY,
    SERVER_BUSY_SECONDS,
    atomic,
    open_database,
    storage_errors,
)
from udpnote.storage.index.index import Index
from udpnote.storage.notebook.insertion import first_bundle_number, first_number_of, insert_bundle, insert_whole, is_plain
from udpnote.storage.notebook.log import LOG_BYTES, Log
from udpnote.storage.notebook.log_check import locked
from udpnote.storage.notebook.lookup import Lookup, index_path
from udpnote.storage.notebook.parts import PARTIAL_ENTRY_SECONDS_MAX, PartialEntries, keep_digests, verdict_if_stored
from udpnote.storage.notebook.tables import (
    SCHEMA,
    TEXT_FILE_PROPERTY,
    entries_from,
    is_erased,
    last_number,
    read_property,
    root_of,
    seen_at,
    write_property,
)

CLIENTS_CACHED_MAX = 10_000
"""How many clients' row numbers are kept in memory: they take about 1 MiB, and a busy notebook has a tenth as many clients."""


class Notebook:
    """One notebook file, created if there is none, and locked: only one server at a time may have it open.

    Entries are numbered in the order in which they are stored, from 1, without gaps. The constructor raises `NotebookInUse` if
    another server has the notebook open; every method raises `StorageError` if the file cannot be used. `log_bytes` is the
    length to which the write-ahead log grows before it is copied into the file.
    """

    def __init__(self, path: str | os.PathLike[str], *, log_bytes: int = LOG_BYTES) -> None:
        path = os.fspath(path)
        self.path = path if path == IN_MEMORY else os.path.realpath(path)
        self._guard = locked(self.path) if path != IN_MEMORY else None
        try:
            self._connection = open_database(self.path, SCHEMA)
        except BaseException:
            if self._guard is not None:
                self._guard.release()
            raise
        self._partial_entries = PartialEntries(self._connection)
        self._clients: dict[bytes, int] = {}
        self._newest = NOTHING_SEEN
        self._last_inserted = 0
        """The number of the latest entry, counting those that the present transaction has inserted so far."""
        self._log: Log | None = None
        self._lookup: Lookup | None = None
        try:
            with storage_errors(self.path):
                self._connection.execute(f"PRAGMA busy_timeout = {SERVER_BUSY_SECONDS * 1000:.0f}")
                if self._guard is not None:
                    self._guard.watch()
                    self._log = Log(self.path, self._connection, self._guard, log_bytes=log_bytes)
                self._last_number = last_number(self._connection)
            self._lookup = Lookup(self._connection, self.path, Index(index_path(self.path), self._connection))
        except BaseException:
            self.close()
            raise

    @property
    def notebook_id(self) -> bytes:
        """The 16 random bytes that identify this notebook."""
        value = self._property("notebook_id")
        assert isinstance(value, bytes)
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

    @property
    def is_new(self) -> bool:
        """Whether the notebook was never used by a server: it has neither a name nor an entry."""
        return not self.name and not self._last_number

    @property
    def last_number(self) -> int:
        """The number of the latest entry, which is also how many entries there are, erased ones included."""
        return self._last_number

    @property
    def newest(self) -> SeenEntry:
        """The number and the identity of the latest entry, as a `SeenEntry`; `NOTHING_SEEN` in an empty notebook."""
        if self._newest.number != self._last_number:
            self._newest = self.seen_at(self._last_number)
        return self._newest

    def seen_at(self, number: int) -> SeenEntry:
        """The number and the identity of the entry `number`, as a `SeenEntry`; `NOTHING_SEEN` if no entry has this number."""
        with storage_errors(self.path):
            return seen_at(self._connection, number)

    @property
    def lookup(self) -> Lookup:
        """The `Lookup` that answers queries from this notebook."""
        assert self._lookup is not None, "a notebook that could not be opened would be read"
        return self._lookup

    def preallocate_log(self) -> None:
        """Give the write-ahead log its full length now, which makes later commits faster (see `Log.preallocate`)."""
        if self._log is not None:
            self._log.preallocate()

    def rename(self, name: str) -> None:
        """Give the notebook another name, durably."""
        self._set_property("name", name)

    def mark(self, *, is_sealed: bool) -> None:
        """Save durably whether the notebook is sealed; the caller writes or removes the key file."""
        self._set_property("sealed", int(is_sealed))

    def note_key(self, key_id: bytes) -> None:
        """Durably save the id of the key that the server uses now. Other commands see by it that the server uses a new key."""
        if self._property("used_key_id") != key_id:
            self._set_property("used_key_id", key_id)

    def note_text_file(self, path: str) -> None:
        """Durably save the path of the text file that the server writes, so that `udpnote erase` finds that file."""
        if self._property(TEXT_FILE_PROPERTY) != os.fsencode(path):
            self._set_property(TEXT_FILE_PROPERTY, os.fsencode(path))

    def store(self, notes: Sequence[Arrival], now: int) -> list[Verdict | None]:
        """Store parts of entries, runs and bundles (see `Arrival`), and return a verdict on each, in order.

        They are stored in one transaction or, if the database rejects that, each in its own. They are durable when this
        returns. `now` is the server's clock, in microseconds since 1970 UTC. `Status` explains the verdicts. If the disk is
        full, nothing is stored and every verdict is NO_SPACE. If the verdict on a run or bundle is SPLIT, some of its notes may
        be stored. An imported part or bundle whose predecessor (see `Restored`) is missing is not stored, and its verdict is
        None. Raises `StorageError` if the file cannot be written for another reason, and `NotebookLost` if it is not in its
        place any more; then the server must not acknowledge anything.
        """
        try:
            if self._log is not None:
                self._log.shorten(is_idle=False)
            with storage_errors(self.path):
                try:
                    verdicts = self._store(notes, now)
                except sqlite3.IntegrityError:
                    verdicts = [self._store_alone(each, now) for each in notes]
                if self._guard is not None:
                    self._guard.check()
                return verdicts
        except NoSpace:
            return [Verdict(Status.NO_SPACE, 0)] * len(notes)

    def expire_partial_entries(self, now: int) -> None:
        """Remove the partial entries of which no part has arrived for a day; `now` is in microseconds since 1970 UTC."""
        try:
            with storage_errors(self.path), atomic(self._connection):
                self._partial_entries.expire(before=now - PARTIAL_ENTRY_SECONDS_MAX * 1_000_000)
        except BaseException:
            self._partial_entries.handle_rollback()
            raise

    def entries_after(self, number: int) -> Iterator[StoredEntry]:
        """The entries with a number above `number`, in order, each with the text with which it was stored."""
        with storage_errors(self.path):
            yield from entries_from(self._connection, "WHERE number > ? ORDER BY number", (number,))

    def note_number(self, number: int) -> int:
        """The number of the note that the entry `number` is, revises or deletes; 0 if no entry has this number."""
        with storage_errors(self.path):
            return root_of(self._connection, number) or 0

    def close(self) -> None:
        """Copy the write-ahead log into the file, close the file and release its lock, even if this raises `NotebookLost`."""
        if self._lookup is not None:
            self._lookup.index.close()
        if self._guard is not None:
            guard, self._guard = self._guard, None
            try:
                if self._log is not None:
                    self._log.finish()
            except NotebookLost:
                raise
            except StorageError:
                pass  # the log stays, and the next server copies it
            finally:
                guard.close(self._connection)
        else:
            self._connection.close()

    def check_file(self) -> None:
        """Check that the file is in its place, and copy the write-ahead log into it if that is due for an idle server.

        Raises `NotebookLost` if the file is not in its place any more.
        """
        if self._guard is not None and self._log is not None:
            self._guard.check()
            self._log.shorten(is_idle=True)

    @property
    def is_checkpoint_running(self) -> bool:
        """Whether another thread is copying the write-ahead log, or has copied it and `check_file` must copy the rest of it."""
        return self._log is not None and self._log.is_checkpoint_running

    def _store(self, notes: Sequence[Arrival], now: int) -> list[Verdict | None]:
        try:
            with atomic(self._connection):
                self._last_inserted = last_number(self._connection)
                verdicts = self._store_in_transaction(notes, now)
        except BaseException:
            self._clients.clear()
            self._partial_entries.handle_rollback()
            raise
        self._last_number = self._last_inserted
        return verdicts

    def _store_alone(self, notes: Arrival, now: int) -> Verdict | None:
        """Store one part, run or bundle in a transaction of its own; it is REFUSED or SPLIT if the database rejects it."""
        try:
            return self._store([notes], now)[0]
        except sqlite3.IntegrityError:
            return Verdict(Status.REFUSED if isinstance(notes, Part) else Status.SPLIT, 0)

    def _store_in_transaction(self, notes: Sequence[Arrival], now: int) -> list[Verdict | None]:
        """Store `notes` in the open transaction, and return the verdicts. Inserts whole notes together, which is fast."""
        verdicts: list[Verdict | None] = []
        whole: list[Part | NoteRun] = []
        for each in notes:
            if isinstance(each, NoteRun) or (isinstance(each, Part) and is_plain(each)):
                whole.append(each)
                continue
            verdicts += self._insert(whole, now)
            verdicts.append(self._store_bundle(each, now) if isinstance(each, Bundle) else self._store_one(each, now))
            whole = []
        return verdicts + self._insert(whole, now)

    def _store_one(self, part: Part, now: int) -> Verdict | None:
        verdict = verdict_if_stored(self._connection, part)
        if verdict is not None:
            return verdict
        root = root_of(self._connection, part.revises) if part.revises else 0
        if root and is_erased(self._connection, root) and not self._is_for_newer_copy(part):
            return Verdict(Status.ERASED, 0)
        if not is_whole(part):
            status, is_complete = self._partial_entries.keep(part, now)
            if not is_complete:
                return Verdict(status, 0)
        if part.restored is not None and not self._may_follow(*part.restored[1:]):
            return None
        data = part.data if is_whole(part) else self._partial_entries.text_of(part)
        objection = self._objection(part, data, root)
        if objection is not None:
            self._partial_entries.forget(part.client_id, part.sequence)
            return Verdict(objection, 0)
        return self._insert_one(part._replace(offset=0, data=data), root or 0, now)

    def _objection(self, part: Part, data: bytes, root: int | None) -> Status | None:
        """The status with which to refuse a complete entry with the text `data`, or None if it can be stored.

        `root` is the number of the note that the entry revises or deletes, None if the notebook does not have that note, and 0
        if the entry is itself a note.
        """
        if self._is_for_newer_copy(part):
            return Status.OLDER_COPY
        if root is None or (part.kind is not Kind.DELETION and not is_text(data)):
            return Status.REFUSED
        return None

    def _is_for_newer_copy(self, part: Part) -> bool:
        """Whether the writer of a revision or deletion has seen an entry that the notebook does not have (see `SeenEntry`)."""
        return bool(part.seen.number) and part.seen != seen_at(self._connection, part.seen.number)

    def _insert_one(self, part: Part, root: int, now: int) -> Verdict:
        """Insert a complete entry that is not stored yet; `root` is the number of the note that it changes, or 0.

        An imported entry keeps the time at which it was first stored, unless that is after `now`: a clock that was ahead must
        not keep the note the newest one for years.
        """
        stored_at = min((part.restored.stored_at if part.restored is not None else 0) or now, now)
        [verdict] = self._insert([part], stored_at)
        if root:
            self._connection.execute("INSERT INTO revisions VALUES (?, ?, ?)", (verdict.number, part.revises, root))
        keep_digests(self._connection, verdict.number, part)
        return verdict

    def _store_bundle(self, bundle: Bundle, now: int) -> Verdict | None:
        if not self._may_follow(bundle.after_client, bundle.after_sequence):
            return None
        before = self._last_inserted
        clients = [self._client(note.client_id) for note in bundle.notes]
        inserted = insert_bundle(self._connection, clients, bundle, now)
        self._last_inserted += inserted
        if self._partial_entries.are_kept:
            for note in bundle.notes:
                self._partial_entries.forget(note.client_id, note.sequence)
        if inserted == len(clients):
            return Verdict(Status.STORED, before + 1)
        first = first_bundle_number(self._connection, clients, bundle)
        return Verdict(Status.SPLIT, 0) if first is None else Verdict(Status.STORED_ALREADY, first)

    def _may_follow(self, after_client: bytes, after_sequence: int) -> bool:
        """Whether an imported entry may be stored now: the entry that must come before it is stored, or there is none."""
        if not after_sequence:
            return True
        row = self._connection.execute(
            "SELECT 1 FROM entries JOIN clients USING (client) WHERE client_id = ? AND sequence = ?",
            (after_client, after_sequence),
        ).fetchone()
        return row is not None

    def _insert(self, whole: Sequence[Part | NoteRun], now: int) -> list[Verdict]:
        """Insert complete entries with the time of storing `now`, unless they are stored; return a verdict on each."""
        if not whole:
            return []
        before = self._last_inserted
        sizes = [len(each.texts) if isinstance(each, NoteRun) else 1 for each in whole]
        inserted = insert_whole(self._connection, [(self._client(each.client_id), each) for each in whole], now)
        self._last_inserted += inserted
        if self._partial_entries.are_kept:
            for each, size in zip(whole, sizes, strict=True):
                for place in range(size):
                    self._partial_entries.forget(each.client_id, each.sequence + place)
        if inserted == sum(sizes):
            return [Verdict(Status.STORED, before + 1 + first) for first in accumulate(sizes[:-1], initial=0)]
        new = set(range(before + 1, before + 1 + inserted))
        return [self._compare(each, new) if isinstance(each, Part) else self._compare_run(each, new) for each in whole]

    def _compare(self, part: Part, new: set[int]) -> Verdict:
        """The verdict on `part`, a whole entry whose sequence is in the table. `new` has the numbers inserted just now.

        STORED if the entry's number is in `new`. This removes the number from `new`, so a second such part is STORED_ALREADY.
        """
        verdict = verdict_if_stored(self._connection, part)
        assert verdict is not None, "an entry that was neither inserted nor stored before is lost"
        if verdict.number in new:
            new.remove(verdict.number)
            return Verdict(Status.STORED, verdict.number)
        return verdict

    def _compare_run(self, run: NoteRun, new: set[int]) -> Verdict:
        """The verdict on a run. Its sequences are in the table, perhaps with other notes. `new` is as in `_compare`."""
        first = first_number_of(self._connection, self._client(run.client_id), run)
        if first is None:
            return Verdict(Status.SPLIT, 0)
        status = Status.STORED if first in new else Status.STORED_ALREADY
        new.difference_update(range(first, first + len(run.texts)))
        return Verdict(status, first)

    def _client(self, client_id: bytes) -> int:
        """The row number of the client `client_id`; inserts a row if the client is new."""
        client = self._clients.get(client_id)
        if client is not None:
            return client
        row = self._connection.execute("SELECT client FROM clients WHERE client_id = ?", (client_id,)).fetchone()
        if row is None:
            client = self._connection.execute("INSERT INTO clients (client_id) VALUES (?)", (client_id,)).lastrowid
            assert client is not None
        else:
            client = int(row[0])
        if len(self._clients) >= CLIENTS_CACHED_MAX:
            self._clients.clear()
        self._clients[client_id] = client
        return client

    def _set_property(self, name: str, value: str | int | bytes) -> None:
        with storage_errors(self.path):
            write_property(self._connection, name, value)

    def _property(self, name: str) -> object:
        with storage_errors(self.path):
            return read_property(self._connection, name)

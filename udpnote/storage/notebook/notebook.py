"""The server's notebook: every (client, sequence) once, durably, under a number of its own."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from filelock import FileLock, Timeout

from udpnote.errors import NoSpace, NotebookInUse
from udpnote.model.entry import Entry, Kind, Part, Restored, Status, StoredEntry, Verdict, is_text, is_whole
from udpnote.storage.database import (
    IN_MEMORY,
    SERVER_BUSY_SECONDS,
    Schema,
    atomic,
    check_kind,
    lay_out_log,
    open_database,
    storage_errors,
)
from udpnote.storage.entry_rows import entries_from, last_number, root_of
from udpnote.storage.index.index import Index
from udpnote.storage.notebook.lookup import Lookup, index_path
from udpnote.storage.notebook.partial_entries import FRAGMENT_SECONDS_MAX, Fragments, add_revises, create_fragments

FOUND_MAX = 4
"""Long entries that are remembered while parts of them come again: up to 1 MiB each."""

CLIENTS_CACHED_MAX = 10_000
"""Clients whose row is remembered: about 1 MiB, and ten times a busy notebook's."""

_COLUMNS = "client, sequence, kind, written_at, utc_offset, author, text, stored_at"
_INSERT = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (client, sequence) DO NOTHING"


def _create_entries(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE properties (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
    connection.execute("INSERT INTO properties VALUES ('notebook_id', ?)", (os.urandom(16),))
    connection.execute(
        "CREATE TABLE clients (client INTEGER PRIMARY KEY, client_id BLOB NOT NULL UNIQUE CHECK (length(client_id) = 16))"
    )
    connection.execute(
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
        """
    )


def _create_revisions(connection: sqlite3.Connection) -> None:
    """One row for each revision and deletion: what its writer saw, and the note that it is about, its root."""
    connection.execute("CREATE TABLE revisions (number INTEGER PRIMARY KEY, revises INTEGER NOT NULL, root INTEGER NOT NULL)")
    connection.execute("CREATE INDEX revisions_by_root ON revisions (root, number)")
    add_revises(connection)


def _may_be_sealed(_: sqlite3.Connection) -> None:
    """Nothing changes but that an older udpnote, which would serve a sealed notebook to everybody, refuses to open it."""


SCHEMA = Schema(
    what="notebook",
    application_id=0x554E4F54,  # "UNOT"
    page_bytes=1024,  # a thousand clients write to a thousand pages of the index, and each is logged whole
    migrations={
        "entries": _create_entries,
        "fragments": create_fragments,
        "revisions": _create_revisions,
        "seal": _may_be_sealed,
    },
)


class _Found(NamedTuple):
    """A stored entry without its text, by its number; and the text in bytes."""

    number: int
    entry: Entry
    data: bytes


class Notebook:
    """One notebook file, opened by its one server; raises `StorageError` where that is not possible.

    Numbers are given in the order of storing, from 1, without gaps.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        path = os.fspath(path)
        self.path = path if path == IN_MEMORY else os.path.realpath(path)
        if path != IN_MEMORY:
            check_kind(self.path, SCHEMA)  # now, because a lock would leave its file beside whatever that is
        self._lock = FileLock(f"{self.path}.lock", mode=0o600, thread_local=False) if self.path != IN_MEMORY else None
        self._acquire_lock()
        try:
            self._connection = open_database(self.path, SCHEMA)
        except BaseException:
            self._release_lock()
            raise
        self._fragments = Fragments(self._connection)
        self._clients: dict[bytes, int] = {}
        self._found: dict[tuple[bytes, int], _Found] = {}
        self._lookup: Lookup | None = None
        try:
            with storage_errors(self.path):
                self._connection.execute(f"PRAGMA busy_timeout = {SERVER_BUSY_SECONDS * 1000:.0f}")
                lay_out_log(self._connection, self.path)
                self._last_number = last_number(self._connection)
            self._lookup = Lookup(self._connection, self.path, Index(index_path(self.path), self._connection))
        except BaseException:
            self.close()
            raise

    @property
    def notebook_id(self) -> bytes:
        """The 16 bytes that tell this notebook from all others."""
        value = self._property("notebook_id")
        assert isinstance(value, bytes)
        return value

    @property
    def name(self) -> str:
        """What people call it; empty before it was named."""
        value = self._property("name")
        return value if isinstance(value, str) else ""

    @property
    def is_sealed(self) -> bool:
        """Whether it may be served only to who has its key."""
        return bool(self._property("sealed"))

    @property
    def is_new(self) -> bool:
        """Whether it was never served: nobody has given it a name, or an entry."""
        return not self.name and not self._last_number

    @property
    def last_number(self) -> int:
        """The number of the latest entry, which is also how many there are."""
        return self._last_number

    @property
    def lookup(self) -> Lookup:
        """What finds things in it."""
        assert self._lookup is not None, "a notebook that could not be opened is read"
        return self._lookup

    def store(self, parts: Sequence[Part], now: int) -> list[Verdict | None]:
        """Store `parts` in one durable transaction and give a verdict on each, in order.

        `now` is the server's clock, microseconds since 1970 UTC. If the disk is full every verdict says NO_SPACE. A part that
        the database will not take, or that revises what is not there, is REFUSED, and the others are stored. A restored
        part whose predecessor is not there yet gets None: it is not stored. Raises `StorageError` if the file cannot be
        written for another reason: then nothing is acknowledged either.
        """
        try:
            with storage_errors(self.path):
                try:
                    return self._store(parts, now)
                except sqlite3.IntegrityError:
                    return [self._store_alone(part, now) for part in parts]
        except NoSpace:
            return [Verdict(Status.NO_SPACE, 0)] * len(parts)

    def expire_fragments(self, now: int) -> None:
        """Forget the unfinished entries that nobody has added to for a day (`now`: microseconds since 1970 UTC)."""
        try:
            with storage_errors(self.path), atomic(self._connection):
                self._fragments.expire(before=now - FRAGMENT_SECONDS_MAX * 1_000_000)
        except BaseException:
            self._fragments.rolled_back()
            raise

    def entries_after(self, number: int) -> Iterator[StoredEntry]:
        """The entries with a higher number, in order."""
        with storage_errors(self.path):
            yield from entries_from(self._connection, "WHERE number > ? ORDER BY number", (number,))

    def close(self) -> None:
        """Close the file and let another server have it."""
        if self._lookup is not None:
            self._lookup.index.close()
        self._connection.close()
        self._release_lock()

    def _store(self, parts: Sequence[Part], now: int) -> list[Verdict | None]:
        try:
            with atomic(self._connection):
                verdicts = self._judge(parts, now)
        except BaseException:
            self._clients.clear()
            self._found.clear()
            self._fragments.rolled_back()
            raise
        self._last_number = max(self._last_number, max((each.number for each in verdicts if each is not None), default=0))
        return verdicts

    def _store_alone(self, part: Part, now: int) -> Verdict | None:
        try:
            return self._store([part], now)[0]
        except sqlite3.IntegrityError:
            return Verdict(Status.REFUSED, 0)

    def _judge(self, parts: Sequence[Part], now: int) -> list[Verdict | None]:
        """The verdicts on `parts`, stored in the open transaction: notes that came whole many at a time, others one by one."""
        verdicts: list[Verdict | None] = []
        for are_plain, group in groupby(parts, _is_plain):
            run = list(group)
            verdicts += self._insert(run, now) if are_plain else [self._judge_one(part, now) for part in run]
        return verdicts

    def _judge_one(self, part: Part, now: int) -> Verdict | None:
        found = self._find(part)
        if found is not None:
            return _verdict_on_stored(found, part)
        data = part.data
        if not is_whole(part):
            status, whole = self._fragments.keep(part, now)
            if whole is None:
                return Verdict(status, 0)
            data = whole
        root = root_of(self._connection, part.revises) if part.revises else 0
        if root is None or (part.kind is not Kind.DELETION and not is_text(data)):
            self._fragments.forget(part.client_id, part.sequence)
            return Verdict(Status.REFUSED, 0)
        if part.restored is not None and not self._may_follow(part.restored):
            return None
        return self._insert_one(part._replace(offset=0, data=data), root, now)

    def _insert_one(self, part: Part, root: int, now: int) -> Verdict:
        """Insert a whole entry that is not there, and what it revises, if it does."""
        stored_at = (part.restored.stored_at if part.restored is not None else 0) or now
        [verdict] = self._insert([part], stored_at)
        if root:
            self._connection.execute("INSERT INTO revisions VALUES (?, ?, ?)", (verdict.number, part.revises, root))
        return verdict

    def _may_follow(self, restored: Restored) -> bool:
        """Whether the entry that a restored one comes after is here."""
        if not restored.after_sequence:
            return True
        row = self._connection.execute(
            "SELECT 1 FROM entries JOIN clients USING (client) WHERE client_id = ? AND sequence = ?", restored[1:]
        ).fetchone()
        return row is not None

    def _insert(self, whole: list[Part], now: int) -> list[Verdict]:
        """Insert entries that travelled in one part; the ones that are there already are looked at one by one."""
        before = last_number(self._connection)
        rows = [
            (
                self._client(part.client_id), part.sequence, int(part.kind), part.written_at, part.utc_offset,
                part.author, part.data.decode(), now,
            )
            for part in whole
        ]  # fmt: skip
        changes = self._connection.total_changes
        self._connection.executemany(_INSERT, rows)
        inserted = self._connection.total_changes - changes
        if self._fragments.are_kept:
            for part in whole:
                self._fragments.forget(part.client_id, part.sequence)
        if inserted == len(rows):
            return [Verdict(Status.STORED, number) for number in range(before + 1, before + 1 + inserted)]
        new = set(range(before + 1, before + 1 + inserted))
        return [self._compare(part, new) for part in whole]

    def _compare(self, part: Part, new: set[int]) -> Verdict:
        """The verdict on a part of an entry that is in the table: `new` are the numbers that this batch gave."""
        found = self._find(part)
        assert found is not None, "an entry that was neither inserted nor there already is lost"
        verdict = _verdict_on_stored(found, part)
        if verdict.number in new:
            new.remove(verdict.number)
            return Verdict(Status.STORED, verdict.number)
        return verdict

    def _find(self, part: Part) -> _Found | None:
        """The entry of this identity, if it is stored; the latest long ones are remembered, whose parts come by the hundred."""
        identity = (part.client_id, part.sequence)
        found = self._found.get(identity)
        if found is None:
            found = self._read(part)
            if found is not None and len(found.data) > len(part.data):
                if len(self._found) >= FOUND_MAX:
                    del self._found[next(iter(self._found))]
                self._found[identity] = found
        return found

    def _read(self, part: Part) -> _Found | None:
        row = self._connection.execute(
            "SELECT number, kind, written_at, utc_offset, author, text, coalesce(revises, 0)"
            " FROM entries JOIN clients USING (client) LEFT JOIN revisions USING (number)"
            " WHERE client_id = ? AND sequence = ?",
            (part.client_id, part.sequence),
        ).fetchone()
        if row is None:
            return None
        number, kind, written_at, utc_offset, author, text, revises = row
        entry = Entry(part.client_id, part.sequence, Kind(kind), written_at, utc_offset, author, "", revises)
        return _Found(number, entry, text.encode())

    def _client(self, client_id: bytes) -> int:
        """The row of a client, made if it is new."""
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

    def rename(self, name: str) -> None:
        """Call the notebook `name` from now on."""
        self._set_property("name", name)

    def mark(self, *, is_sealed: bool) -> None:
        """Remember durably whether it may be served only to who has its key."""
        self._set_property("sealed", int(is_sealed))

    def _set_property(self, name: str, value: str | int) -> None:
        with storage_errors(self.path):
            self._connection.execute(
                "INSERT INTO properties VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
            )

    def _property(self, name: str) -> object:
        with storage_errors(self.path):
            row = self._connection.execute("SELECT value FROM properties WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def _acquire_lock(self) -> None:
        if self._lock is None:
            return
        with storage_errors(self.path):
            os.makedirs(os.path.dirname(self.path) or ".", mode=0o700, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise NotebookInUse(
                    f"{self.path} is in use by another server: end that one first, or choose another file with --notebook"
                ) from None

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _is_plain(part: Part) -> bool:
    """Whether this is a note that came whole: nearly all that comes is."""
    return part.kind is Kind.NOTE and len(part.data) == part.total_bytes and part.restored is None


def _verdict_on_stored(found: _Found, part: Part) -> Verdict:
    """Whether `part` says what is stored under its identity, or something else."""
    number, entry, data = found
    header = (*entry[:6], len(data))
    is_same = part[:7] == header and part.revises == entry.revises
    if is_same and data[part.offset : part.offset + len(part.data)] == part.data:
        return Verdict(Status.STORED_ALREADY, number)
    return Verdict(Status.CONFLICT, 0)

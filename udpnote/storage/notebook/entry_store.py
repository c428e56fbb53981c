"""Stores entries in the tables of a notebook, each (client id, sequence) once, and gives the verdict on each arrival."""

import sqlite3
from collections.abc import Sequence
from itertools import accumulate

from udpnote.model.entry import Arrival, Bundle, Kind, NoteRun, Part, Status, Verdict, is_text, is_whole
from udpnote.storage.notebook.insertion import first_bundle_number, first_number_of, insert_bundle, insert_whole, is_plain
from udpnote.storage.notebook.parts import PARTIAL_ENTRY_SECONDS_MAX, PartialEntries, keep_digests, verdict_if_stored
from udpnote.storage.notebook.tables import is_erased, last_number, root_of, seen_at

CLIENTS_CACHED_MAX = 10_000
"""How many clients' row numbers are kept in memory: they take about 1 MiB, and a busy notebook has a tenth as many clients."""

REFUSALS_REMEMBERED_MAX = 1024
"""Of how many changes the store remembers that it has refused them: they take less than 1 MiB. A repeated datagram comes within
seconds, and few changes name a number that does not exist."""

_Change = tuple[bytes, int, Kind, int, int]
"""What identifies a revision or deletion: client id, sequence, kind, time of writing, and the number that it changes."""


class EntryStore:
    """Stores entries in the notebook that `connection` has open. Methods run in the caller's transaction.

    After `store`, `last_number` is the number of the latest entry, which the open transaction may have inserted.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._partial_entries = PartialEntries(connection)
        self._clients: dict[bytes, int] = {}
        self._refused: dict[_Change, None] = {}
        """The latest changes that were refused because the notebook did not have the number that they change."""
        self.last_number = 0

    def store(self, arrivals: Sequence[Arrival], now: int) -> list[Verdict | None]:
        """Store parts, runs and bundles, and return a verdict or None for each, in order, as `Notebook.store` does.

        Whole notes are inserted together, which is fast. `now` is the time of storing, by the server's clock, in microseconds
        since 1970 UTC. Raises `sqlite3.IntegrityError` if the database rejects a value.
        """
        self.last_number = last_number(self._connection)
        verdicts: list[Verdict | None] = []
        whole: list[Part | NoteRun] = []
        for each in arrivals:
            if isinstance(each, NoteRun) or (isinstance(each, Part) and is_plain(each)):
                whole.append(each)
                continue
            verdicts += self._insert(whole, now)
            verdicts.append(self._store_bundle(each, now) if isinstance(each, Bundle) else self._store_one(each, now))
            whole = []
        return verdicts + self._insert(whole, now)

    def expire_partial_entries(self, now: int) -> None:
        """Remove the partial entries of which no part has arrived for a day; `now` is in microseconds since 1970 UTC."""
        longest = PARTIAL_ENTRY_SECONDS_MAX * 1_000_000
        self._partial_entries.expire(before=now - longest, after=now + longest)

    def handle_rollback(self) -> None:
        """Forget what is kept in memory about the tables. Call this after each rollback."""
        self._clients.clear()
        self._partial_entries.handle_rollback()

    def _store_one(self, part: Part, now: int) -> Verdict | None:
        """Store a part of a long entry, or a revision, deletion or imported note. Returns what `store` returns for it.

        The whole entry is stored if this was its last missing part.
        """
        verdict = verdict_if_stored(self._connection, part)
        if verdict is not None:
            return verdict
        change = _change(part)
        if change in self._refused and part.restored is None:
            return Verdict(Status.REFUSED, 0)
        root = root_of(self._connection, part.revises) if part.revises else 0
        # If the part is for a newer copy, its writer may have meant another note than `root`: `_objection` refuses it below.
        if root and is_erased(self._connection, root) and not self._is_for_newer_copy(part):
            return Verdict(Status.ERASED, 0)
        if not is_whole(part):
            status, is_complete = self._partial_entries.keep(part, now)
            if not is_complete:
                return Verdict(status, 0)
        # If the predecessor is missing, kept parts stay: the client sends this part again when the predecessor is stored.
        if part.restored is not None and not self._may_follow(*part.restored[1:]):
            return None
        data = part.data if is_whole(part) else self._partial_entries.text_of(part)
        objection = self._objection(part, data, root)
        if objection is not None:
            self._partial_entries.forget(part.client_id, part.sequence)
            if objection is Status.REFUSED and root is None and part.restored is None:
                self._remember_refusal(change)
            return Verdict(objection, 0)
        return self._insert_one(part._replace(offset=0, data=data), root or 0, now)

    def _objection(self, part: Part, data: bytes, root: int | None) -> Status | None:
        """The status with which to refuse a complete entry with the text `data`, or None if it can be stored.

        `part` is any part of the entry. `root` is the number of the note that the entry revises or deletes, None if the
        notebook does not have that note, and 0 if the entry is itself a note.
        """
        if self._is_for_newer_copy(part):
            return Status.OLDER_COPY
        if root is None or (part.kind is not Kind.DELETION and not is_text(data)):
            return Status.REFUSED
        return None

    def _remember_refusal(self, change: _Change) -> None:
        """Refuse `change`, a revision or deletion of a number that no entry has, also when an entry gets that number later.

        The network may deliver the datagram with `change` again. Its writer cannot have seen the later entry, and was told that
        the change is not made.
        """
        if len(self._refused) >= REFUSALS_REMEMBERED_MAX:
            del self._refused[next(iter(self._refused))]
        self._refused[change] = None

    def _is_for_newer_copy(self, part: Part) -> bool:
        """Whether the writer of `part`, a revision or deletion, has seen an entry that the notebook does not have.

        Then the notebook was restored from an older copy, and its numbers may belong to other entries (see `SeenEntry`).
        """
        return bool(part.seen.number) and part.seen != seen_at(self._connection, part.seen.number)

    def _insert_one(self, part: Part, root: int, now: int) -> Verdict:
        """Insert `part`, a complete entry that is not stored yet. `root` is the number of the note that it changes, or 0.

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
        """Insert the notes of `bundle` that are not stored already. Returns what `store` returns for it."""
        if not self._may_follow(bundle.after_client, bundle.after_sequence):
            return None
        before = self.last_number
        clients = [self._client(note.client_id) for note in bundle.notes]
        inserted = insert_bundle(self._connection, clients, bundle, now)
        self.last_number += inserted
        if self._partial_entries.are_kept:
            for note in bundle.notes:
                self._partial_entries.forget(note.client_id, note.sequence)
        if inserted == len(clients):
            return Verdict(Status.STORED, before + 1)
        first = first_bundle_number(self._connection, clients, bundle)
        return Verdict(Status.SPLIT, 0) if first is None else Verdict(Status.STORED_ALREADY, first)

    def _may_follow(self, after_client: bytes, after_sequence: int) -> bool:
        """Whether an imported entry may be stored now: its predecessor is stored, or it has none.

        The arguments are the predecessor's client id and sequence; the sequence is 0 if there is none (see `Restored`).
        """
        if not after_sequence:
            return True
        row = self._connection.execute(
            "SELECT 1 FROM entries JOIN clients USING (client) WHERE client_id = ? AND sequence = ?",
            (after_client, after_sequence),
        ).fetchone()
        return row is not None

    def _insert(self, whole: Sequence[Part | NoteRun], now: int) -> list[Verdict]:
        """Insert `whole`, complete entries, with the time of storing `now`, unless they are stored; return a verdict on each.

        Also removes parts that were kept of these entries, if there are any.
        """
        if not whole:
            return []
        before = self.last_number
        sizes = [len(each.texts) if isinstance(each, NoteRun) else 1 for each in whole]
        inserted = insert_whole(self._connection, [(self._client(each.client_id), each) for each in whole], now)
        self.last_number += inserted
        if self._partial_entries.are_kept:
            for each, size in zip(whole, sizes, strict=True):
                for place in range(size):
                    self._partial_entries.forget(each.client_id, each.sequence + place)
        if inserted == sum(sizes):
            return [Verdict(Status.STORED, before + 1 + first) for first in accumulate(sizes[:-1], initial=0)]
        new = set(range(before + 1, before + 1 + inserted))
        return [self._compare(each, new) if isinstance(each, Part) else self._compare_run(each, new) for each in whole]

    def _compare(self, part: Part, new: set[int]) -> Verdict:
        """The verdict on `part`, a whole entry, after several entries were inserted. `new` has their numbers.

        STORED if the entry's number is in `new`. This removes the number from `new`, so a second such part is STORED_ALREADY.
        """
        verdict = verdict_if_stored(self._connection, part)
        assert verdict is not None, "an entry that was neither inserted nor stored before is lost"
        if verdict.number in new:
            new.remove(verdict.number)
            return Verdict(Status.STORED, verdict.number)
        return verdict

    def _compare_run(self, run: NoteRun, new: set[int]) -> Verdict:
        """The verdict on a run. Its sequences are stored, but perhaps with other notes. `new` is as in `_compare`."""
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


def _change(part: Part) -> _Change:
    return part.client_id, part.sequence, part.kind, part.written_at, part.revises

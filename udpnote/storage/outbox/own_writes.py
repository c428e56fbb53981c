"""What an outbox remembers of its client's latest writes, so that the user can take the last one back (undo it).

A write is a note, a revision or a deletion. To take a note back, the client sends a deletion. To take back a revision or a
deletion, it sends the earlier text as a new revision. A write is passed over if it can never be taken back: the undo then goes
on to the write before it.

The table `writes` has the latest entries that were stored: a row for each run of notes with consecutive sequences and numbers,
and a row for each revision or deletion. A row is added in the transaction that removes the entry from the outbox, so an entry
is always in one of the two. A row `is_settled` if its entry was taken back, took another one back, or was passed over.

The table `undoing` has the entries in the outbox that take another write back, which is their `target`. If the target is a note
that is still in the outbox, such an entry is held: it is a deletion whose `revises` is 0, and is sent only when the target has
a number. If the entry that takes a write back was refused, its `target` is NULL.

The table `discarded` has the sequences of the entries that a command has removed from the outbox although no notebook had
acknowledged or refused them.
"""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from udpnote.errors import NotTakenBack
from udpnote.model.entry import Kind, SeenEntry
from udpnote.model.notebook import Destination
from udpnote.model.outbox_entries import OwnWrite, StoredRun
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.outbox.outbox_file import OutboxFile

WRITES_MAX = 100
"""How many rows the table `writes` keeps. So a hundred edits can be taken back, or more notes if they came in runs."""

DISCARDED_MAX = 100_000
"""The table `discarded` forgets a sequence when one that is higher by more than this is discarded. So it has at most as many
rows. If a program waits for an entry while others write that many, it may take a discarded entry for a delivered one."""

RUNS_AT_ONCE_MAX = 10
"""If more runs than this are acknowledged together, only the latest are remembered: more would slow a bulk send noticeably."""

HELD = f"(kind <> {Kind.NOTE:d} AND revises = 0)"
"""An SQL condition: whether an entry in the outbox is a deletion that is held until its target has a number."""

_ROW = "sequence, count, number, client_id, notebook_id, kind"


class OwnWrites:
    """The latest writes of the outbox `file`.

    Methods raise `StorageError` if the outbox cannot be used. Those that run in the caller's transaction raise `sqlite3.Error`.
    """

    def __init__(self, file: OutboxFile) -> None:
        self._file = file

    def last(self, *, notebook_id: bytes | None = None, destination: Destination | None = None) -> OwnWrite | None:
        """The latest write that was neither taken back nor passed over; None if no such write is remembered.

        Without `destination`, any write counts. With it, a write counts if it is for the notebook `notebook_id`, or if it has
        no notebook yet and exactly this destination.
        """
        with storage_errors(self._file.path):
            return max(
                filter(None, (self._last_waiting(notebook_id, destination), self._last_stored(notebook_id, destination))),
                key=lambda write: write.sequence,
                default=None,
            )

    def is_own(self, client_id: bytes) -> bool:
        """Whether `client_id` is the present client id of this outbox or an earlier one."""
        with storage_errors(self._file.path):
            found = self._file.connection.execute("SELECT 1 FROM identities WHERE client_id = ?", (client_id,))
            return found.fetchone() is not None

    def is_settled(self, client_id: bytes, sequence: int) -> bool:
        """Whether the stored revision or deletion was taken back, took another write back or was passed over.

        False if the outbox does not remember a write with this `client_id` and `sequence`.
        """
        query = "SELECT is_settled FROM writes WHERE client_id = ? AND sequence = ?"
        with storage_errors(self._file.path):
            row = self._file.connection.execute(query, (client_id, sequence)).fetchone()
        return row is not None and bool(row[0])

    def discard_unsent(self, sequence: int) -> bool:
        """Durably remove the entry with this sequence number from the outbox if it was refused or was never sent.

        Returns whether it was removed. Any other entry stays, because the notebook may have it already.
        """
        with self._file.transaction():
            return self.discard("sequence = ? AND (notebook_id IS NULL OR refused)", (sequence,)) > 0

    def discard(self, condition: str, values: tuple[object, ...] = ()) -> int:
        """In the caller's transaction, remove the entries that fulfil this SQL `condition` from the outbox. Returns how many.

        `values` are the values for the question marks of `condition`. The removed entries are remembered for
        `discarded`, but not those that were refused: no command waits for their outcomes.
        """
        remember = f"INSERT OR IGNORE INTO discarded SELECT sequence FROM entries WHERE NOT refused AND {condition}"
        self._file.connection.execute(remember, values)
        forget = "DELETE FROM discarded WHERE sequence < (SELECT max(sequence) FROM discarded) - ?"
        self._file.connection.execute(forget, (DISCARDED_MAX,))
        return self._file.connection.execute(f"DELETE FROM entries WHERE {condition}", values).rowcount

    def discarded(self, sequences: Collection[int]) -> set[int]:
        """Those of `sequences` whose entries a command has discarded: they were removed without an answer of the notebook."""
        with storage_errors(self._file.path):
            rows = self._file.connection.execute(
                "SELECT sequence FROM discarded WHERE sequence BETWEEN ? AND ?",
                (min(sequences, default=0), max(sequences, default=0)),
            )
            return {sequence for (sequence,) in rows if sequence in sequences}

    def begin_undo(self, sequence: int, target: int) -> tuple[bytes | None, SeenEntry | None]:
        """In the caller's transaction, record that the new entry `sequence` takes the write `target` back.

        Returns the notebook id of the target (None if it has no notebook yet), and the target as a `SeenEntry`. The second
        value is None if the target has no number yet: then the new entry must be a deletion with `revises` 0, which is held.
        Raises `NotTakenBack` if the target was taken back or removed meanwhile, or another entry waits to take it back.
        """
        write = self._waiting(target) or self._stored(target)
        if write is None or self._file.connection.execute("SELECT 1 FROM undoing WHERE target = ?", (target,)).fetchone():
            raise NotTakenBack("undo_meanwhile")
        self._file.connection.execute("INSERT INTO undoing VALUES (?, ?)", (sequence, target))
        return write.notebook_id, write.as_seen if write.number else None

    def still_waiting(self, notebook_id: bytes, runs: Sequence[StoredRun]) -> list[StoredRun]:
        """Return those of `runs` whose entries are in the outbox for the notebook `notebook_id`.

        Another process may have removed or moved some of the entries already. If only some entries of a run are there, the
        result has a run of its own for each of them.
        """
        found: list[StoredRun] = []
        for run in _joined(runs):
            first, last = run.sequences[0], run.sequences[-1]
            where = "FROM entries WHERE sequence BETWEEN ? AND ? AND notebook_id = ?"
            values = (first, last, notebook_id)
            (count,) = self._file.connection.execute(f"SELECT count(*) {where}", values).fetchone()
            if count == len(run.sequences):
                found.append(run)
            elif count:
                for (each,) in self._file.connection.execute(f"SELECT sequence {where}", values):
                    found.append(run._replace(sequences=range(each, each + 1), number=run.number + each - first))
        return found

    def record_stored(self, notebook_id: bytes, runs: Sequence[StoredRun]) -> None:
        """In the caller's transaction, remember `runs`, which the notebook `notebook_id` has stored, as the latest writes.

        The same transaction must remove the entries of `runs` from the outbox, because otherwise a write could be remembered
        twice. If there are more than `RUNS_AT_ONCE_MAX` runs, only the latest of them are remembered, and all earlier writes
        are forgotten.

        If a held deletion is to take back a note of `runs`, it gets the number of that note, and may be sent from now on.
        """
        joined = _joined(runs)
        undoing = self._file.connection.execute("SELECT sequence, target FROM undoing").fetchall()
        latest = list(islice(joined, RUNS_AT_ONCE_MAX))
        for run in reversed(latest):
            self._add(notebook_id, run)
        if len(joined) > len(latest):
            self._file.connection.execute("DELETE FROM writes WHERE sequence < ?", (latest[-1].sequences.start,))
        if undoing:
            self._release(undoing, joined)
            self._settle(undoing, joined)

    def pass_over(self, sequence: int) -> None:
        """Durably record that the stored write `sequence` can never be taken back. From now on, `last` ignores it."""
        with self._file.transaction():
            self._settle_target(sequence)

    def record_renewed(self, sequence: int, renewed: int) -> None:
        """In the caller's transaction, record that the entry with the sequence number `sequence` now has `renewed` instead."""
        for column in ("sequence", "target"):
            self._file.connection.execute(f"UPDATE undoing SET {column} = ? WHERE {column} = ?", (renewed, sequence))

    def forget_orphans(self) -> None:
        """In the caller's transaction, correct the table `undoing` after entries of the outbox were refused or discarded.

        If such an entry was to take a write back, that write is not taken back any more. If such an entry is the target of a
        held deletion, the deletion is removed from the outbox, because the target never gets a number.
        """
        # whether the entry in that column of `undoing` is in the outbox and not refused: it is sent, and gets a number
        sent = "EXISTS (SELECT 1 FROM entries AS sent WHERE NOT sent.refused AND sent.sequence = undoing.{})"
        orphans = f"SELECT sequence FROM undoing WHERE NOT {sent.format('target')}"
        self.discard(f"{HELD} AND sequence IN ({orphans})")
        self._file.connection.execute("DELETE FROM undoing WHERE sequence NOT IN (SELECT sequence FROM entries)")
        self._file.connection.execute(f"UPDATE undoing SET target = NULL WHERE NOT {sent.format('sequence')}")

    def _last_waiting(self, notebook_id: bytes | None, destination: Destination | None) -> OwnWrite | None:
        """The last write in the outbox that neither takes a write back nor is taken back; None if there is none.

        For the arguments, see `last`.
        """
        row = self._file.connection.execute(
            "SELECT sequence FROM entries WHERE sequence NOT IN (SELECT sequence FROM undoing)"
            " AND NOT EXISTS (SELECT 1 FROM undoing WHERE target = entries.sequence)"
            " AND (?1 OR notebook_id = ?2 OR (notebook_id IS NULL AND (host, port, wanted, wanted_key) IS (?3, ?4, ?5, ?6)))"
            " ORDER BY sequence DESC LIMIT 1",
            (destination is None, notebook_id, *(destination or Destination())),
        ).fetchone()
        return None if row is None else self._waiting(row[0])

    def _waiting(self, sequence: int) -> OwnWrite | None:
        """The write in the outbox with this sequence number; None if it is not there."""
        row = self._file.connection.execute(
            "SELECT client_id, sequence, kind, notebook_id, refused FROM entries JOIN identities USING (identity)"
            " WHERE sequence = ?",
            (sequence,),
        ).fetchone()
        if row is None:
            return None
        client_id, sequence, kind, notebook_id, refused = row
        return OwnWrite(client_id, sequence, Kind(kind), notebook_id, 0, is_unsent=bool(refused) or notebook_id is None)

    def _last_stored(self, notebook_id: bytes | None, destination: Destination | None) -> OwnWrite | None:
        """The last stored write that is neither settled nor the target of an entry in the outbox; None if there is none.

        For the arguments, see `last`.
        """
        targets = {target for (target,) in self._file.connection.execute("SELECT target FROM undoing")}
        rows = self._file.connection.execute(
            f"SELECT {_ROW} FROM writes WHERE NOT is_settled AND (? OR notebook_id = ?) ORDER BY sequence DESC",
            (destination is None, notebook_id),
        )
        for row in rows.fetchall():
            for sequence in reversed(range(row[0], row[0] + row[1])):
                if sequence not in targets:
                    return _own_write(row, sequence)
        return None

    def _stored(self, sequence: int) -> OwnWrite | None:
        """The stored write with this sequence number; None if none is remembered, or if it is settled."""
        query = f"SELECT {_ROW} FROM writes WHERE sequence <= ? AND NOT is_settled ORDER BY sequence DESC LIMIT 1"
        row = self._file.connection.execute(query, (sequence,)).fetchone()
        return _own_write(row, sequence) if row is not None and sequence < row[0] + row[1] else None

    def _add(self, notebook_id: bytes, run: StoredRun) -> None:
        """Add a row for `run`, and remove rows beyond `WRITES_MAX`. If `run` continues the latest row, make that one longer."""
        sequences, number, client_id, kind = run
        if kind is Kind.NOTE:
            longer = self._file.connection.execute(
                "UPDATE writes SET count = count + ?1 WHERE sequence = (SELECT max(sequence) FROM writes)"
                " AND sequence + count = ?2 AND number + count = ?3 AND client_id = ?4 AND notebook_id = ?5 AND kind = ?6",
                (len(sequences), sequences.start, number, client_id, notebook_id, kind),
            )
            if longer.rowcount:
                return
        row = (sequences.start, len(sequences), number, client_id, notebook_id, kind)
        self._file.connection.execute(f"INSERT INTO writes ({_ROW}) VALUES (?, ?, ?, ?, ?, ?)", row)
        self._file.connection.execute(
            "DELETE FROM writes WHERE sequence <= (SELECT sequence FROM writes ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
            (WRITES_MAX,),
        )

    def _release(self, undoing: list[tuple[int, int | None]], runs: Sequence[StoredRun]) -> None:
        """Write the number of each target in `runs`, which are stored now, into the held deletion that takes the target back.

        From now on that deletion may be sent. `undoing` has the rows of the table `undoing`.
        """
        for sequence, target in undoing:
            for run in runs:
                if target is not None and target in run.sequences:
                    number = run.number + target - run.sequences.start
                    self._file.connection.execute(
                        "UPDATE entries SET revises = ?1, seen_number = ?1, seen_client = ?2, seen_sequence = ?3"
                        f" WHERE sequence = ?4 AND {HELD}",
                        (number, run.client_id, target, sequence),
                    )

    def _settle(self, undoing: list[tuple[int, int | None]], runs: Sequence[StoredRun]) -> None:
        """If an entry in `runs`, which are stored now, takes a target back, record that the entry and the target are settled.

        `undoing` has the rows of the table `undoing`.
        """
        for sequence, target in undoing:
            if any(sequence in run.sequences for run in runs):
                self._file.connection.execute("UPDATE writes SET is_settled = 1 WHERE sequence = ?", (sequence,))
                self._file.connection.execute("DELETE FROM undoing WHERE sequence = ?", (sequence,))
                if target is not None:
                    self._settle_target(target)

    def _settle_target(self, target: int) -> None:
        """Record that the stored write `target` was taken back or passed over: its row then `is_settled`.

        But if it is a note, remove it from the row of its run: it is not remembered any more.
        """
        query = f"SELECT {_ROW} FROM writes WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1"
        row = self._file.connection.execute(query, (target,)).fetchone()
        if row is None or target >= row[0] + row[1]:
            return
        first, count, number, *same, kind = row
        if kind != Kind.NOTE:
            self._file.connection.execute("UPDATE writes SET is_settled = 1 WHERE sequence = ?", (target,))
            return
        self._file.connection.execute("DELETE FROM writes WHERE sequence = ?", (first,))
        for start, end in ((first, target), (target + 1, first + count)):  # the notes before and after it, if there are any
            if start < end:
                self._file.connection.execute(
                    f"INSERT INTO writes ({_ROW}) VALUES (?, ?, ?, ?, ?, ?)",
                    (start, end - start, number + start - first, *same, kind),
                )


def _own_write(row: tuple[Any, ...], sequence: int) -> OwnWrite:
    """The write with the sequence `sequence`, which must be in the run of this `row` of the table `writes`."""
    first, _count, number, client_id, notebook_id, kind = row
    return OwnWrite(client_id, sequence, Kind(kind), notebook_id, number + sequence - first, is_unsent=False)


def _joined(runs: Sequence[StoredRun]) -> list[StoredRun]:
    """Return `runs`, the latest first. Runs of notes of one client whose sequences and numbers follow each other are joined."""
    if len(runs) == 1:
        return list(runs)
    joined: list[StoredRun] = []
    for run in sorted(runs, key=lambda run: run.sequences.start):
        last = joined[-1] if joined else None
        if (
            last is not None
            and run.kind is last.kind is Kind.NOTE
            and run.sequences.start == last.sequences.stop
            and run.number == last.number + len(last.sequences)
            and run.client_id == last.client_id
        ):
            joined[-1] = last._replace(sequences=range(last.sequences.start, run.sequences.stop))
        else:
            joined.append(run)
    return joined[::-1]

"""Keeps the parts of entries that are not complete yet: durably, up to a limit, and for at most a day after the latest part.

The kept parts of one entry never overlap. A client may cut an entry into other parts when it sends it again: a part that
agrees with the kept bytes fills the gaps that it covers, and one that disagrees in a single byte is a conflict.
"""

import sqlite3
from typing import NamedTuple

from udpnote.model.entry import Part, Status

PARTIAL_ENTRIES_BYTES_MAX = 64 << 20
"""Room for 64 entries of the largest size. Beyond it, the entries that have got no part for the longest time are removed."""

PARTIAL_ENTRY_SECONDS_MAX = 24 * 3600
"""One day. If a client sends no part of an entry for longer, it must send the entry again from the start."""

PART_OVERHEAD_BYTES = 1024
"""The disk space that a part takes in addition to its bytes: its key, and the unused rest of its last page."""

PARTIAL_ENTRY_OVERHEAD_BYTES = 256
"""The disk space of a partial entry before its first part: its row and two index entries."""

PART_BYTES_MAX = 1200
"""No datagram carries a longer part. So a part that begins this far before another one does not overlap it."""

_HEADER = "kind, written_at, utc_offset, author, total_bytes, revises"


class KeptPart(NamedTuple):
    """The result of keeping a part: PART_KEPT or CONFLICT, and the entry's whole text as bytes if no part is missing."""

    status: Status
    whole: bytes | None


class PartialEntries:
    """The partial entries of one notebook. Every method runs in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, *, bytes_max: int = PARTIAL_ENTRIES_BYTES_MAX) -> None:
        self._connection = connection
        self._bytes_max = bytes_max
        self._cost_bytes: int | None = None

    @property
    def are_kept(self) -> bool:
        """Whether there is any partial entry."""
        return self._add_cost(0) > 0

    def keep(self, part: Part, now: int) -> KeptPart:
        """Keep `part`, which arrived at `now` (microseconds since 1970 UTC). It is a CONFLICT if it contradicts kept parts.

        If it was the last one missing, the caller stores the whole entry and then calls `forget`.
        """
        partial_entry = self._row_of(part, now)
        if partial_entry is None or not self._fill_gaps(partial_entry, part):
            return KeptPart(Status.CONFLICT, None)
        (kept_bytes,) = self._connection.execute(
            "SELECT kept_bytes FROM partial_entries WHERE partial_entry = ?", (partial_entry,)
        ).fetchone()
        if kept_bytes < part.total_bytes:
            self._make_room(partial_entry)
            return KeptPart(Status.PART_KEPT, None)
        rows = self._connection.execute("SELECT data FROM parts WHERE partial_entry = ? ORDER BY offset", (partial_entry,))
        return KeptPart(Status.PART_KEPT, b"".join([data for (data,) in rows]))

    def forget(self, client_id: bytes, sequence: int) -> None:
        """Remove the kept parts of one entry, if there are any."""
        row = self._connection.execute(
            "SELECT partial_entry FROM partial_entries WHERE client_id = ? AND sequence = ?", (client_id, sequence)
        ).fetchone()
        if row is not None:
            self._remove(row[0])

    def expire(self, before: int) -> None:
        """Remove the partial entries of which no part has arrived since `before` (microseconds since 1970 UTC)."""
        rows = self._connection.execute("SELECT partial_entry FROM partial_entries WHERE touched_at < ?", (before,)).fetchall()
        for (partial_entry,) in rows:
            self._remove(partial_entry)

    def handle_rollback(self) -> None:
        """Call this after a rollback of the caller's transaction: the bytes that all entries take are then counted again."""
        self._cost_bytes = None

    def _row_of(self, part: Part, now: int) -> int | None:
        """The row of the part's entry, inserted if it is new. None if a row has the same identity but other header fields."""
        header = (part.kind, part.written_at, part.utc_offset, part.author, part.total_bytes, part.revises)
        row = self._connection.execute(
            f"SELECT partial_entry, {_HEADER} FROM partial_entries WHERE client_id = ? AND sequence = ?", part[:2]
        ).fetchone()
        if row is not None:
            self._connection.execute("UPDATE partial_entries SET touched_at = ? WHERE partial_entry = ?", (now, row[0]))
            return row[0] if row[1:] == header else None
        cursor = self._connection.execute(
            f"INSERT INTO partial_entries (client_id, sequence, {_HEADER}, kept_bytes, cost_bytes, touched_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
            (*part[:2], *header, PARTIAL_ENTRY_OVERHEAD_BYTES, now),
        )
        self._add_cost(PARTIAL_ENTRY_OVERHEAD_BYTES)
        return cursor.lastrowid

    def _fill_gaps(self, partial_entry: int, part: Part) -> bool:
        """Keep those bytes of `part` that were missing; returns False, and keeps none, if others differ from the kept ones."""
        start, end = part.offset, part.offset + len(part.data)
        rows = self._connection.execute(
            "SELECT offset, data FROM parts WHERE partial_entry = ? AND offset > ? AND offset < ? ORDER BY offset",
            (partial_entry, start - PART_BYTES_MAX, end),
        )
        gaps, position = [], start
        for offset, data in rows.fetchall():
            first, last = max(start, offset), min(end, offset + len(data))
            if part.data[first - start : max(last - start, 0)] != data[first - offset : max(last - offset, 0)]:
                return False
            if position < first:
                gaps.append((position, first))
            position = max(position, last)
        if position < end:
            gaps.append((position, end))
        self._insert(partial_entry, [(first, part.data[first - start : last - start]) for first, last in gaps])
        return True

    def _insert(self, partial_entry: int, pieces: list[tuple[int, bytes]]) -> None:
        self._connection.executemany(
            "INSERT INTO parts VALUES (?, ?, ?)", [(partial_entry, offset, data) for offset, data in pieces]
        )
        kept = sum(len(data) for _, data in pieces)
        cost = kept + PART_OVERHEAD_BYTES * len(pieces)
        self._connection.execute(
            "UPDATE partial_entries SET kept_bytes = kept_bytes + ?, cost_bytes = cost_bytes + ? WHERE partial_entry = ?",
            (kept, cost, partial_entry),
        )
        self._add_cost(cost)

    def _make_room(self, spared: int) -> None:
        """While all take too much, remove the entry that has got no part for the longest time, but never the row `spared`."""
        while self._add_cost(0) > self._bytes_max:
            row = self._connection.execute(
                "SELECT partial_entry FROM partial_entries WHERE partial_entry <> ? ORDER BY touched_at, partial_entry LIMIT 1",
                (spared,),
            ).fetchone()
            if row is None:
                return
            self._remove(row[0])

    def _remove(self, partial_entry: int) -> None:
        (cost,) = self._connection.execute(
            "SELECT cost_bytes FROM partial_entries WHERE partial_entry = ?", (partial_entry,)
        ).fetchone()
        self._connection.execute("DELETE FROM parts WHERE partial_entry = ?", (partial_entry,))
        self._connection.execute("DELETE FROM partial_entries WHERE partial_entry = ?", (partial_entry,))
        self._add_cost(-cost)

    def _add_cost(self, cost_bytes: int) -> int:
        """Count bytes that the tables have gained or lost already, and return how many all partial entries take on disk."""
        if self._cost_bytes is None:
            (self._cost_bytes,) = self._connection.execute(
                "SELECT coalesce(sum(cost_bytes), 0) FROM partial_entries"
            ).fetchone()
        else:
            self._cost_bytes += cost_bytes
        assert self._cost_bytes is not None
        return self._cost_bytes

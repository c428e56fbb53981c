"""Parts of entries that are not whole yet: kept durably, bounded, and forgotten when nobody completes them.

What is kept of one entry never overlaps. A part that agrees byte for byte with what is kept, but has other boundaries,
fills the gaps that it covers: a client may cut an entry anew. One that disagrees is a conflict.
"""

import sqlite3

from udpnote.model.entry import Part, Status

FRAGMENT_BYTES_MAX = 64 << 20
"""Sixty-four unfinished entries of the largest size; past it, the ones untouched for longest make room."""

FRAGMENT_SECONDS_MAX = 24 * 3600
"""A client that needs more than a day for one entry begins again."""

PART_OVERHEAD_BYTES = 1024
"""What a part costs on disk beside its bytes: its key, and the page that its last bytes do not fill."""

FRAGMENT_OVERHEAD_BYTES = 256
"""What an unfinished entry costs on disk before its first part: its row and two index entries."""

PART_BYTES_MAX = 1200
"""No datagram carries more, so nothing further back than this reaches into a part."""

_HEADER = "kind, written_at, utc_offset, author, total_bytes, revises"


def create_fragments(connection: sqlite3.Connection) -> None:
    """The migration that makes the tables."""
    connection.execute(
        """
        CREATE TABLE fragments (
            fragment INTEGER PRIMARY KEY,
            client_id BLOB NOT NULL,
            sequence INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            written_at INTEGER NOT NULL,
            utc_offset INTEGER NOT NULL,
            author TEXT NOT NULL,
            total_bytes INTEGER NOT NULL,
            kept_bytes INTEGER NOT NULL,
            cost_bytes INTEGER NOT NULL,
            touched_at INTEGER NOT NULL,
            UNIQUE (client_id, sequence)
        )
        """
    )
    connection.execute("CREATE INDEX fragments_by_touch ON fragments (touched_at)")
    connection.execute(
        """
        CREATE TABLE parts (
            fragment INTEGER NOT NULL,
            offset INTEGER NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (fragment, offset)
        ) WITHOUT ROWID
        """
    )


def add_revises(connection: sqlite3.Connection) -> None:
    """The migration for revisions: what an unfinished one revises."""
    connection.execute("ALTER TABLE fragments ADD COLUMN revises INTEGER NOT NULL DEFAULT 0")


class Fragments:
    """The unfinished entries of one notebook; every method runs inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, *, bytes_max: int = FRAGMENT_BYTES_MAX) -> None:
        self._connection = connection
        self._bytes_max = bytes_max
        self._cost_bytes: int | None = None

    @property
    def are_kept(self) -> bool:
        """Whether there is any unfinished entry."""
        return self._count(0) > 0

    def keep(self, part: Part, now: int) -> tuple[Status, bytes | None]:
        """Keep `part` (`now`: microseconds since 1970); with the last one, give back the entry's whole text as bytes.

        The status is PART_KEPT or CONFLICT. Whoever takes the whole text calls `forget`.
        """
        fragment = self._fragment(part, now)
        if fragment is None or not self._place(fragment, part):
            return Status.CONFLICT, None
        (kept_bytes,) = self._connection.execute("SELECT kept_bytes FROM fragments WHERE fragment = ?", (fragment,)).fetchone()
        if kept_bytes < part.total_bytes:
            self._make_room(fragment)
            return Status.PART_KEPT, None
        rows = self._connection.execute("SELECT data FROM parts WHERE fragment = ? ORDER BY offset", (fragment,))
        return Status.PART_KEPT, b"".join([data for (data,) in rows])

    def forget(self, client_id: bytes, sequence: int) -> None:
        """Remove what is kept of one entry."""
        row = self._connection.execute(
            "SELECT fragment FROM fragments WHERE client_id = ? AND sequence = ?", (client_id, sequence)
        ).fetchone()
        if row is not None:
            self._remove(row[0])

    def expire(self, before: int) -> int:
        """Remove the unfinished entries untouched since `before` (microseconds since 1970); gives how many."""
        rows = self._connection.execute("SELECT fragment FROM fragments WHERE touched_at < ?", (before,)).fetchall()
        for (fragment,) in rows:
            self._remove(fragment)
        return len(rows)

    def rolled_back(self) -> None:
        """The caller's transaction was undone: what was counted in it does not count."""
        self._cost_bytes = None

    def _fragment(self, part: Part, now: int) -> int | None:
        """The row that collects the parts of this entry, or None if it collects another entry's."""
        header = (part.kind, part.written_at, part.utc_offset, part.author, part.total_bytes, part.revises)
        row = self._connection.execute(
            f"SELECT fragment, {_HEADER} FROM fragments WHERE client_id = ? AND sequence = ?", part[:2]
        ).fetchone()
        if row is not None:
            self._connection.execute("UPDATE fragments SET touched_at = ? WHERE fragment = ?", (now, row[0]))
            return row[0] if row[1:] == header else None
        cursor = self._connection.execute(
            f"INSERT INTO fragments (client_id, sequence, {_HEADER}, kept_bytes, cost_bytes, touched_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
            (*part[:2], *header, FRAGMENT_OVERHEAD_BYTES, now),
        )
        self._count(FRAGMENT_OVERHEAD_BYTES)
        return cursor.lastrowid

    def _place(self, fragment: int, part: Part) -> bool:
        """Put what is new of the part between what is kept; False if the bytes disagree where they overlap."""
        start, end = part.offset, part.offset + len(part.data)
        rows = self._connection.execute(
            "SELECT offset, data FROM parts WHERE fragment = ? AND offset > ? AND offset < ? ORDER BY offset",
            (fragment, start - PART_BYTES_MAX, end),
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
        self._insert(fragment, [(first, part.data[first - start : last - start]) for first, last in gaps])
        return True

    def _insert(self, fragment: int, pieces: list[tuple[int, bytes]]) -> None:
        self._connection.executemany(
            "INSERT INTO parts VALUES (?, ?, ?)", [(fragment, offset, data) for offset, data in pieces]
        )
        kept = sum(len(data) for _, data in pieces)
        cost = kept + PART_OVERHEAD_BYTES * len(pieces)
        self._connection.execute(
            "UPDATE fragments SET kept_bytes = kept_bytes + ?, cost_bytes = cost_bytes + ? WHERE fragment = ?",
            (kept, cost, fragment),
        )
        self._count(cost)

    def _make_room(self, keep: int) -> None:
        """Remove the entries untouched for longest, but not `keep`, until all fit."""
        while self._count(0) > self._bytes_max:
            row = self._connection.execute(
                "SELECT fragment FROM fragments WHERE fragment <> ? ORDER BY touched_at, fragment LIMIT 1", (keep,)
            ).fetchone()
            if row is None:
                return
            self._remove(row[0])

    def _remove(self, fragment: int) -> None:
        (cost,) = self._connection.execute("SELECT cost_bytes FROM fragments WHERE fragment = ?", (fragment,)).fetchone()
        self._connection.execute("DELETE FROM parts WHERE fragment = ?", (fragment,))
        self._connection.execute("DELETE FROM fragments WHERE fragment = ?", (fragment,))
        self._count(-cost)

    def _count(self, cost_bytes: int) -> int:
        """Add to what all fragments cost, and give the sum."""
        if self._cost_bytes is None:
            (self._cost_bytes,) = self._connection.execute("SELECT coalesce(sum(cost_bytes), 0) FROM fragments").fetchone()
        else:
            self._cost_bytes += cost_bytes
        assert self._cost_bytes is not None
        return self._cost_bytes

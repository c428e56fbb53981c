"""The parts of long entries in the notebook's file: of entries that are not complete yet, and of entries that are stored.

An entry with some parts kept and some missing is a partial entry. It is kept for a day after its latest part arrived, up to a
limit of disk space. All clients cut a text in the same places, and the protocol drops parts that are cut elsewhere. So the kept
parts of one entry never overlap, and keeping one more takes the same time however many there are. A part is a conflict if other
bytes are kept at its offset, or if its other fields differ from those of the kept parts.

A part of a stored entry that arrives again is compared with that entry. If the entry fits one datagram, its part is compared
with the stored text. Of a longer entry, each part is compared with the digest that the notebook keeps of that part. When a
client sends a long entry again, the server compares each of its up to 1,200 parts. Reading the whole text for each part would
take milliseconds. To compare a part with its digest takes a few look-ups, however long the entry is.
"""

import sqlite3
from hashlib import blake2b
from typing import NamedTuple

from udpnote.model.entry import NOTHING_SEEN, Kind, Part, Status, Verdict, cut, is_whole
from udpnote.protocol.codec.codec import append_body, part_bytes_max
from udpnote.protocol.messages import ANY_NOTEBOOK, TOKEN_BYTES, Append

PARTIAL_ENTRIES_BYTES_MAX = 64 << 20
"""Disk space for 64 entries of the largest size. When all partial entries take more, those to which no part was added for the
longest time are removed."""

PARTIAL_ENTRY_SECONDS_MAX = 24 * 3600
"""One day. If no part of an entry arrives for longer, the kept parts are removed: its client must send all parts again."""

PART_OVERHEAD_BYTES = 1024
"""The disk space that a part takes in addition to its bytes: its key, and the unused rest of its last page."""

PARTIAL_ENTRY_OVERHEAD_BYTES = 256
"""The disk space of a partial entry before its first part: its row and two index entries."""

_HEADER = "kind, written_at, utc_offset, author, total_bytes, revises"


class KeptPart(NamedTuple):
    """The result of keeping a part: PART_KEPT or CONFLICT, and whether all parts of its entry are kept now."""

    status: Status
    is_complete: bool


class PartialEntries:
    """The partial entries of the notebook that `connection` has open: entries of which some parts are still missing.

    Together they take at most `bytes_max` bytes of disk space. If only one is left, it may take more. Every method runs in the
    caller's transaction.
    """

    def __init__(self, connection: sqlite3.Connection, *, bytes_max: int = PARTIAL_ENTRIES_BYTES_MAX) -> None:
        self._connection = connection
        self._bytes_max = bytes_max
        self._cost_bytes: int | None = None

    @property
    def are_kept(self) -> bool:
        """Whether any partial entry is kept."""
        return self._cost() > 0

    def keep(self, part: Part, now: int) -> KeptPart:
        """Keep `part`, which arrived at `now` (microseconds since 1970 UTC). Return its status, see `KeptPart`.

        The status is CONFLICT, and `part` is not kept, if `part` contradicts kept parts of its entry. If the entry is complete
        now, the caller stores it with the text that `text_of` gives, and then calls `forget`. If parts are still missing, this
        method may remove other partial entries to make room: first the one whose latest part is the oldest.
        """
        partial_entry = self._row_of(part, now)
        if partial_entry is None or not self._place(partial_entry, part):
            return KeptPart(Status.CONFLICT, is_complete=False)
        (kept_bytes,) = self._connection.execute(
            "SELECT kept_bytes FROM partial_entries WHERE partial_entry = ?", (partial_entry,)
        ).fetchone()
        if kept_bytes < part.total_bytes:
            self._make_room(partial_entry)
            return KeptPart(Status.PART_KEPT, is_complete=False)
        return KeptPart(Status.PART_KEPT, is_complete=True)

    def text_of(self, part: Part) -> bytes:
        """The text, in UTF-8, of the entry that `part` belongs to. All parts of the entry must be kept."""
        rows = self._connection.execute(
            "SELECT data FROM partial_entries JOIN parts USING (partial_entry)"
            " WHERE client_id = ? AND sequence = ? ORDER BY offset",
            part[:2],
        )
        return b"".join([data for (data,) in rows])

    def forget(self, client_id: bytes, sequence: int) -> None:
        """Remove the kept parts of the entry with this client id and sequence, if there are any."""
        row = self._connection.execute(
            "SELECT partial_entry FROM partial_entries WHERE client_id = ? AND sequence = ?", (client_id, sequence)
        ).fetchone()
        if row is not None:
            self._remove(row[0])

    def expire(self, *, before: int, after: int) -> None:
        """Remove the partial entries whose latest part arrived earlier than `before` or later than `after`.

        Both are in microseconds since 1970 UTC. A time later than `after` comes from a clock that was wrong. `_make_room` would
        remove such an entry last.
        """
        wrong = "touched_at < ? OR touched_at > ?"
        rows = self._connection.execute(f"SELECT partial_entry FROM partial_entries WHERE {wrong}", (before, after))
        for (partial_entry,) in rows.fetchall():
            self._remove(partial_entry)

    def handle_rollback(self) -> None:
        """Forget the counted disk space; the next method that needs it counts it again. Call this after each rollback."""
        self._cost_bytes = None

    def _row_of(self, part: Part, now: int) -> int | None:
        """Return the row number (`partial_entry`) of the entry of `part`. Inserts a row if the entry has none.

        Records in the row that a part came at `now`. Returns None if the row's header fields (`_HEADER`) differ from those of
        `part`.
        """
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

    def _place(self, partial_entry: int, part: Part) -> bool:
        """Keep the bytes of `part` for the row `partial_entry`, unless they are kept already.

        Returns False, and keeps nothing, if other bytes are kept at the same offset.
        """
        row = self._connection.execute(
            "SELECT data FROM parts WHERE partial_entry = ? AND offset = ?", (partial_entry, part.offset)
        ).fetchone()
        if row is not None:
            return bool(row[0] == part.data)
        self._connection.execute("INSERT INTO parts VALUES (?, ?, ?)", (partial_entry, part.offset, part.data))
        cost = len(part.data) + PART_OVERHEAD_BYTES
        self._connection.execute(
            "UPDATE partial_entries SET kept_bytes = kept_bytes + ?, cost_bytes = cost_bytes + ? WHERE partial_entry = ?",
            (len(part.data), cost, partial_entry),
        )
        self._add_cost(cost)
        return True

    def _make_room(self, spared: int) -> None:
        """While all partial entries take more than the limit, remove the one to which no part was added for the longest time.

        The row `spared` is never removed.
        """
        while self._cost() > self._bytes_max:
            row = self._connection.execute(
                "SELECT partial_entry FROM partial_entries WHERE partial_entry <> ? ORDER BY touched_at, partial_entry LIMIT 1",
                (spared,),
            ).fetchone()
            if row is None:
                return
            self._remove(row[0])

    def _remove(self, partial_entry: int) -> None:
        """Remove the row `partial_entry` of the table `partial_entries`, and the parts of that entry."""
        (cost,) = self._connection.execute(
            "SELECT cost_bytes FROM partial_entries WHERE partial_entry = ?", (partial_entry,)
        ).fetchone()
        self._connection.execute("DELETE FROM parts WHERE partial_entry = ?", (partial_entry,))
        self._connection.execute("DELETE FROM partial_entries WHERE partial_entry = ?", (partial_entry,))
        self._add_cost(-cost)

    def _cost(self) -> int:
        """The disk space of all partial entries, in bytes. It is counted when it is first needed."""
        if self._cost_bytes is None:
            (cost_bytes,) = self._connection.execute("SELECT coalesce(sum(cost_bytes), 0) FROM partial_entries").fetchone()
            self._cost_bytes = int(cost_bytes)
        return self._cost_bytes

    def _add_cost(self, cost_bytes: int) -> None:
        """Add `cost_bytes`, which may be negative, to the counted disk space. The caller has changed the tables already."""
        if self._cost_bytes is not None:
            self._cost_bytes += cost_bytes


DIGEST_BYTES = 16
"""Two different parts have the same digest with a probability of 2^-128 (BLAKE2b, RFC 7693)."""


def keep_digests(connection: sqlite3.Connection, number: int, whole: Part) -> None:
    """Save a digest of each part of the entry with the number `number` in the notebook, unless the entry fits one datagram.

    `whole` is the entry as one part with the whole text. Runs in the caller's transaction.
    """
    parts = cut(whole, part_bytes_max(whole.author))
    if len(parts) > 1:
        connection.executemany(
            "INSERT INTO part_digests VALUES (?, ?, ?)", [(number, part.offset, _digest(part)) for part in parts]
        )


def verdict_if_stored(connection: sqlite3.Connection, part: Part) -> Verdict | None:
    """Return the verdict on `part` if an entry with its client id and sequence is stored; None if none is stored.

    The verdict is STORED_ALREADY if the part agrees with the stored entry, and CONFLICT if it differs. If the stored entry was
    erased, the verdict is ERASED. An erased entry is not compared, so nobody can find out by guessing what its text was.
    """
    row = connection.execute(
        "SELECT number, kind FROM entries JOIN clients USING (client) WHERE client_id = ? AND sequence = ?", part[:2]
    ).fetchone()
    if row is None:
        return None
    number, kind = row
    if kind == Kind.ERASED:
        return Verdict(Status.ERASED, 0)
    if _agrees_with_stored(connection, number, part):
        return Verdict(Status.STORED_ALREADY, number)
    return Verdict(Status.CONFLICT, 0)


def _agrees_with_stored(connection: sqlite3.Connection, number: int, part: Part) -> bool:
    """Whether `part` agrees with the stored entry `number`: its header fields, and its text or digest.

    The fields `seen` and `restored` are not compared. If the entry fits one datagram, the client id and the sequence are not
    compared either, because the caller has found `number` by them.
    """
    is_long = connection.execute("SELECT 1 FROM part_digests WHERE number = ? LIMIT 1", (number,)).fetchone() is not None
    if is_long:
        return all(_has_digest(connection, number, each) for each in cut(part, part_bytes_max(part.author)))
    if not is_whole(part):
        return False
    row = connection.execute(
        "SELECT kind, written_at, utc_offset, author, text, coalesce(revises, 0)"
        " FROM entries LEFT JOIN revisions USING (number) WHERE number = ?",
        (number,),
    ).fetchone()
    return bool(row == (*part[2:6], part.data.decode(errors="replace"), part.revises))


def _has_digest(connection: sqlite3.Connection, number: int, part: Part) -> bool:
    """Whether `part` has the digest that the notebook keeps for the part at the same offset of the entry `number`."""
    row = connection.execute(
        "SELECT digest FROM part_digests WHERE number = ? AND offset = ?", (number, part.offset)
    ).fetchone()
    return row is not None and bool(row[0] == _digest(part))


def _digest(part: Part) -> bytes:
    """The digest of all fields of `part`, without `seen` and `restored`."""
    body = append_body(
        Append(ANY_NOTEBOOK, bytes(TOKEN_BYTES), attempt=1, part=part._replace(seen=NOTHING_SEEN, restored=None))
    )
    return blake2b(body, digest_size=DIGEST_BYTES).digest()

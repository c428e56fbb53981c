"""Compares a part of an entry that arrives again with the entry that is stored under the same client id and sequence.

If the entry fits one datagram, its part is compared with the stored text. Of a longer entry, each part is compared with the
digest that the notebook keeps of that part.

When a client sends a long entry again, the server compares each of its up to 1,200 parts. Reading the whole text for each part
would take milliseconds, so the notebook keeps a digest of each part. To compare a part then takes a few look-ups, however long
the entry is.
"""

import sqlite3
from hashlib import blake2b

from udpnote.model.entry import NOTHING_SEEN, Kind, Part, Status, Verdict, cut, is_whole
from udpnote.protocol.codec import append_body, part_bytes_max
from udpnote.protocol.messages import ANY_NOTEBOOK, TOKEN_BYTES, Append

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

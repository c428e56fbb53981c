"""Reads the next entries to index, and works out how they change notes: the text of each note before and after them.

For each change, the index removes the old text of the note and adds the new one.
"""

import sqlite3
from typing import NamedTuple

from udpnote.model.entry import Kind

BATCH_ENTRIES_MAX = 64
"""The most entries that one transaction indexes. If each has a hundred bytes, it takes one or two milliseconds."""

BATCH_CHARACTERS_MAX = 8 << 10
"""The most characters of text that one transaction indexes, in 2 to 7 ms. The old texts of revised notes count as well.

A longer text is indexed in portions, one in each transaction.
"""

_ENTRIES = (
    "SELECT number, kind, author, written_at, utc_offset, text, root, client_id, sequence, stored_at"
    " FROM entries JOIN clients USING (client) LEFT JOIN revisions USING (number) WHERE number > ? ORDER BY number LIMIT ?"
)
_NOTE = "SELECT author, written_at, utc_offset, stored_at FROM entries WHERE number = ?"
_FIRST = "SELECT kind, text FROM entries WHERE number = ?"
_LATEST = "SELECT kind, text FROM entries WHERE number = (SELECT max(number) FROM revisions WHERE root = ? AND number <= ?)"


class Change(NamedTuple):
    """A change of the note with the number `root`: its text `before` and `after`.

    `before` is None if the note is new or was deleted, `after` is None if it is deleted now. `author`, `written_at`,
    `utc_offset` and `noted_at` are those of the entry that wrote the note.
    """

    root: int
    author: str
    written_at: int
    utc_offset: int
    noted_at: int
    before: str | None
    after: str | None

    @property
    def is_long(self) -> bool:
        """Whether the two texts together are longer than one transaction may index (`BATCH_CHARACTERS_MAX`)."""
        return len(self.before or "") + len(self.after or "") > BATCH_CHARACTERS_MAX


class Fingerprint(NamedTuple):
    """Identifies an entry. `stored_at` is in microseconds since 1970 UTC.

    If the entry with the same number has another fingerprint later, the notebook's file was replaced by an older copy.
    """

    client_id: bytes
    sequence: int
    stored_at: int


class Batch(NamedTuple):
    """Consecutive entries that are indexed together, as the `changes` that they make, in the order of the notes' numbers.

    `last` and `fingerprint` are the number and the fingerprint of the last of these entries. A long change is alone in its
    batch.
    """

    last: int
    fingerprint: Fingerprint
    changes: list[Change]

    @property
    def is_long(self) -> bool:
        """Whether the batch is one long change (see `Change.is_long`). Such a batch is indexed one row at a time."""
        return any(change.is_long for change in self.changes)


def is_long(text: str | None) -> bool:
    """Whether a text is longer than one transaction may index (`BATCH_CHARACTERS_MAX`). False for None."""
    return text is not None and len(text) > BATCH_CHARACTERS_MAX


def next_batch(notebook: sqlite3.Connection, last_indexed: int) -> Batch | None:
    """Read the entries after the number `last_indexed`, as many as one transaction may index; None if there are none."""
    rows = notebook.execute(_ENTRIES, (last_indexed, BATCH_ENTRIES_MAX))
    changes: dict[int, Change] = {}
    found = None  # the last entry of the batch so far: its number and fingerprint
    characters = 0
    for number, kind, author, written_at, utc_offset, text, root, client_id, sequence, stored_at in rows:
        fingerprint = Fingerprint(client_id, sequence, stored_at)
        if kind == Kind.ERASED:  # all versions of its note were erased, so the entry changes no note
            found = (number, fingerprint)
            continue
        if kind == Kind.NOTE:
            noted_at = min(written_at, stored_at)
            change = Change(number, author, written_at, utc_offset, noted_at, before=None, after=text)
        else:
            change = changes.get(root) or _shown_at(notebook, root, last_indexed)
            change = change._replace(after=None if kind == Kind.DELETION else text)
            characters += len(change.before or "")
        characters += len(text)
        is_too_much = characters > BATCH_CHARACTERS_MAX or change.is_long
        # an entry that makes the batch too long is left for the next batch, unless it is the first one of this batch
        if is_too_much and found is not None:
            break
        found = (number, fingerprint)
        changes[change.root] = change
        if is_too_much:
            break
    rows.close()
    return Batch(*found, [changes[root] for root in sorted(changes)]) if found else None


def fingerprint_of(notebook: sqlite3.Connection, number: int) -> Fingerprint | None:
    """The fingerprint of the entry with the number `number`; None if there is no such entry."""
    row = notebook.execute(
        "SELECT client_id, sequence, stored_at FROM entries JOIN clients USING (client) WHERE number = ?", (number,)
    ).fetchone()
    return Fingerprint(*row) if row else None


def _shown_at(notebook: sqlite3.Connection, root: int, number: int) -> Change:
    """Return a `Change` of the note `root` that changes nothing yet; the caller then sets its `after`.

    Its `before` and `after` are the text that the note had when `number` was the notebook's last entry; None if it was deleted.
    """
    author, written_at, utc_offset, stored_at = notebook.execute(_NOTE, (root,)).fetchone()
    latest = notebook.execute(_LATEST, (root, number)).fetchone()
    kind, text = latest if latest is not None else notebook.execute(_FIRST, (root,)).fetchone()
    shown = None if kind == Kind.DELETION else text
    return Change(root, author, written_at, utc_offset, min(written_at, stored_at), shown, shown)

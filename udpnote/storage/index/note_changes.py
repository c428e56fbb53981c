"""What a run of entries changes about the notes of a notebook: the text that each showed before, and shows after it."""

import sqlite3
from typing import NamedTuple

from udpnote.model.entry import Kind

SLICE_ENTRIES_MAX = 64
"""Entries that are indexed in one transaction: of a hundred bytes each, that takes one or two milliseconds."""

SLICE_CHARACTERS_MAX = 8 << 10
"""Characters of text that are indexed in one transaction: that takes 2 to 7 ms. What is longer is indexed in portions."""

_ENTRIES = (
    "SELECT number, kind, author, written_at, utc_offset, text, root, client_id, sequence, stored_at"
    " FROM entries JOIN clients USING (client) LEFT JOIN revisions USING (number) WHERE number > ? ORDER BY number LIMIT ?"
)
_NOTE = "SELECT author, written_at, utc_offset FROM entries WHERE number = ?"
_FIRST = "SELECT kind, text FROM entries WHERE number = ?"
_LATEST = "SELECT kind, text FROM entries WHERE number = (SELECT max(number) FROM revisions WHERE root = ? AND number <= ?)"


class Change(NamedTuple):
    """A note, by its number, `root`; its text `before` and `after`, where there is none if the note is not shown."""

    root: int
    author: str
    written_at: int
    utc_offset: int
    before: str | None
    after: str | None

    @property
    def is_long(self) -> bool:
        """Whether this is more than is indexed at once."""
        return len(self.before or "") + len(self.after or "") > SLICE_CHARACTERS_MAX


class Mark(NamedTuple):
    """What tells that an entry is still the same one: its identity, and when it was stored."""

    client_id: bytes
    sequence: int
    stored_at: int


class Slice(NamedTuple):
    """Entries up to the number `last`, whose mark is `mark`, and what they change, in the order of the notes' numbers.

    A long change is the only one.
    """

    last: int
    mark: Mark
    changes: list[Change]

    @property
    def is_long(self) -> bool:
        """Whether this is one long change."""
        return any(change.is_long for change in self.changes)


def is_long(text: str | None) -> bool:
    """Whether a text is more than is indexed at once."""
    return text is not None and len(text) > SLICE_CHARACTERS_MAX


def slice_after(notebook: sqlite3.Connection, number: int) -> Slice | None:
    """The next entries after `number`, as many as are indexed at once; None if there are none."""
    rows = notebook.execute(_ENTRIES, (number, SLICE_ENTRIES_MAX))
    changes: dict[int, Change] = {}
    found = None
    characters = 0
    for last, kind, author, written_at, utc_offset, text, root, *mark in rows:
        change, size = None, len(text)
        if kind == Kind.NOTE:
            change = Change(last, author, written_at, utc_offset, None, text)
        elif root is not None:  # a revision from before revisions were understood says nothing
            change = changes.get(root) or _shown_at(notebook, root, number)
            change = change._replace(after=None if kind == Kind.DELETION else text)
            size += len(change.before or "")
        characters += size
        is_too_much = characters > SLICE_CHARACTERS_MAX or (change is not None and change.is_long)
        if is_too_much and found is not None:
            break
        found = (last, Mark(*mark))
        if change is not None:
            changes[change.root] = change
        if is_too_much:
            break
    rows.close()
    return Slice(*found, [changes[root] for root in sorted(changes)]) if found else None


def _shown_at(notebook: sqlite3.Connection, root: int, number: int) -> Change:
    """The note `root` as it was shown when `number` was the last entry, not changed yet."""
    author, written_at, utc_offset = notebook.execute(_NOTE, (root,)).fetchone()
    latest = notebook.execute(_LATEST, (root, number)).fetchone()
    kind, text = latest if latest is not None else notebook.execute(_FIRST, (root,)).fetchone()
    shown = None if kind == Kind.DELETION else text
    return Change(root, author, written_at, utc_offset, shown, shown)


def mark_of(notebook: sqlite3.Connection, number: int) -> Mark | None:
    """The mark of the entry `number`; None if there is none."""
    row = notebook.execute(
        "SELECT client_id, sequence, stored_at FROM entries JOIN clients USING (client) WHERE number = ?", (number,)
    ).fetchone()
    return Mark(*row) if row else None

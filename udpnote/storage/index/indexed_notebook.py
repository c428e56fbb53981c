"""The notebook of which an index is made: its next entries, how they change notes, and whether an index fits the notebook.

For each change of a note, the index removes the old text of the note and adds the new one.
"""

import os
import sqlite3
from typing import NamedTuple

from udpnote.model.entry import Kind
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.index.index_file import State
from udpnote.storage.notebook.tables import last_number, read_property
from udpnote.text.search_terms import RULES_VERSION

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
_FINGERPRINT = "SELECT client_id, sequence, stored_at FROM entries JOIN clients USING (client) WHERE number = ?"
_NOTE = "SELECT author, written_at, utc_offset, stored_at FROM entries WHERE number = ?"
_FIRST = "SELECT kind, text FROM entries WHERE number = ?"
_LATEST = "SELECT kind, text FROM entries WHERE number = (SELECT max(number) FROM revisions WHERE root = ? AND number <= ?)"


class Change(NamedTuple):
    """A change of the note with the number `root`: its text `before` and `after`.

    `before` is None if the note is new or was deleted, `after` is None if it is deleted now. The other fields are about the
    entry that wrote the note. `noted_at` is the time for searches in the order of time: when the entry was written or, if the
    writer's clock was ahead, when it was stored. Times are in microseconds since 1970 UTC, and `utc_offset` is in minutes east.
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


class IndexedNotebook:
    """The notebook that `connection` has open. `path` is the path of its file, or `IN_MEMORY`.

    The constructor and the methods raise `StorageError` if the notebook cannot be read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        [(file,)] = connection.execute("SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name = 'main'")
        self.path = os.fsdecode(file) or IN_MEMORY  # the bytes of a path need not be UTF-8
        with storage_errors(self.path):
            notebook_id = read_property(connection, "notebook_id")
        assert isinstance(notebook_id, bytes), "a file without an id is not opened"
        self._notebook_id = notebook_id

    def last_number(self) -> int:
        """The number of the notebook's last entry; 0 if it has none."""
        with storage_errors(self.path):
            return last_number(self._connection)

    def first_state(self) -> State:
        """The state of an index of this notebook that has no entry yet."""
        return State(self._notebook_id, RULES_VERSION, 0)

    def is_source_of(self, state: State) -> bool:
        """Whether an index in this state was made of this notebook, with the rules for search terms that this program has."""
        return (state.notebook_id, state.rules) == (self._notebook_id, RULES_VERSION)

    def has_last_of(self, state: State) -> bool:
        """Whether this notebook still has the last entry that an index in this state has, wholly or in part.

        If not, the notebook's file was replaced by an older copy, and the index does not fit it.
        """
        last = state.indexed + 1 if state.step else state.indexed  # with a `step`, one more entry is in the index in part
        fingerprint = (state.client_id, state.sequence, state.stored_at)
        with storage_errors(self.path):
            return last == 0 or self._connection.execute(_FINGERPRINT, (last,)).fetchone() == fingerprint

    def next_batch(self, last_indexed: int) -> Batch | None:
        """Read the entries after the number `last_indexed`, as many as one transaction may index; None if there are none."""
        with storage_errors(self.path):
            return self._next_batch(last_indexed)

    def _next_batch(self, last_indexed: int) -> Batch | None:
        """Do the work of `next_batch`. Raises `sqlite3.Error`."""
        rows = self._connection.execute(_ENTRIES, (last_indexed, BATCH_ENTRIES_MAX))
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
                change = changes.get(root) or self._shown_at(root, last_indexed)
                change = change._replace(after=None if kind == Kind.DELETION else text)
                characters += len(change.before or "")
            characters += len(text)
            is_too_much = characters > BATCH_CHARACTERS_MAX or change.is_long
            if is_too_much and found is not None:  # the next batch begins with this entry
                break
            found = (number, fingerprint)
            changes[change.root] = change
            if is_too_much:  # this entry is the first of the batch, and stays the only one
                break
        rows.close()
        return Batch(*found, [changes[root] for root in sorted(changes)]) if found else None

    def _shown_at(self, root: int, number: int) -> Change:
        """Return a `Change` of the note `root` that changes nothing yet; the caller then sets its `after`.

        Its `before` and `after` are the text that the note had when `number` was the notebook's last entry; None if it was
        deleted.
        """
        author, written_at, utc_offset, stored_at = self._connection.execute(_NOTE, (root,)).fetchone()
        latest = self._connection.execute(_LATEST, (root, number)).fetchone()
        kind, text = latest if latest is not None else self._connection.execute(_FIRST, (root,)).fetchone()
        shown = None if kind == Kind.DELETION else text
        return Change(root, author, written_at, utc_offset, min(written_at, stored_at), shown, shown)

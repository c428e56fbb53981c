"""The notebook of which an index is made: reads its entries for the index, and says whether an index fits it."""

import os
import sqlite3

from udpnote.storage.database import IN_MEMORY, storage_errors
from udpnote.storage.index.index_file import State
from udpnote.storage.index.note_changes import Batch, fingerprint_of, next_batch
from udpnote.storage.notebook.tables import last_number, read_property
from udpnote.text.search_terms import RULES_VERSION


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
        assert isinstance(notebook_id, bytes), "a notebook gets its id when its file is made"
        self._notebook_id = notebook_id

    def last_number(self) -> int:
        """The number of the notebook's last entry; 0 if it has none."""
        with storage_errors(self.path):
            return last_number(self._connection)

    def next_batch(self, last_indexed: int) -> Batch | None:
        """Read the entries after the number `last_indexed`, as many as one transaction may index; None if there are none."""
        with storage_errors(self.path):
            return next_batch(self._connection, last_indexed)

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
        last = state.indexed + bool(state.step)
        with storage_errors(self.path):
            return last == 0 or fingerprint_of(self._connection, last) == state[4:]

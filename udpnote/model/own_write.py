"""Values for the entries that a client has written last: `udpnote undo` takes them back.

To take back a write is to undo its effect: a new note is deleted, and a revised or deleted one gets its former text.
"""

from typing import NamedTuple

from udpnote.model.entry import Kind, SeenEntry
from udpnote.model.readable import readable


class StoredRun(NamedTuple):
    """Entries of one client with consecutive sequence numbers, which a notebook has stored under consecutive numbers.

    `sequences` are the sequence numbers, `number` is the number of the first entry, and all entries have the kind `kind`.
    """

    sequences: range
    number: int
    client_id: bytes
    kind: Kind

    @property
    def last(self) -> SeenEntry:
        """The last of the entries, as a `SeenEntry`."""
        return SeenEntry(self.number + len(self.sequences) - 1, self.client_id, self.sequences[-1])

    def __repr__(self) -> str:
        return readable(self)


class OwnWrite(NamedTuple):
    """The last entry that was written with an outbox and was not taken back.

    `notebook_id` is None if it is not known yet for which notebook the entry is. `number` is the entry's number there, or 0 if
    it is still in the outbox. The notebook may have an entry of the outbox already, because the server's answer can be lost.
    `is_unsent` is true if the notebook certainly does not have it: the entry was never sent, or was refused for good.
    """

    client_id: bytes
    sequence: int
    kind: Kind
    notebook_id: bytes | None
    number: int
    is_unsent: bool

    @property
    def as_seen(self) -> SeenEntry:
        """This entry as a `SeenEntry`. Its `number` must not be 0."""
        return SeenEntry(self.number, self.client_id, self.sequence)

    def __repr__(self) -> str:
        return readable(self)

"""Values for the entries that a client has written lately, in the outbox or stored already, so that they can be taken back."""

from typing import NamedTuple

from udpnote.model.entry import Kind, SeenEntry
from udpnote.model.readable import readable


class StoredRun(NamedTuple):
    """Entries of one client that a notebook has stored: their consecutive `sequences`, and the number of the first of them.

    The numbers of the others follow in order. `kind` is the kind of them all.
    """

    sequences: range
    number: int
    client_id: bytes
    kind: Kind

    def __repr__(self) -> str:
        return readable(self)


class OwnWrite(NamedTuple):
    """An entry that was written with an outbox: the last one that was not taken back.

    `number` is its number in the notebook `notebook_id`; 0: it is still in the outbox. It may be stored all the same, unless
    `is_unsent` says that the notebook surely does not have it: it was never sent to a notebook, or refused for good.
    """

    client_id: bytes
    sequence: int
    kind: Kind
    notebook_id: bytes | None
    number: int
    is_unsent: bool

    @property
    def as_seen(self) -> SeenEntry:
        """The entry as one that a client has seen. It must have a number."""
        return SeenEntry(self.number, self.client_id, self.sequence)

    def __repr__(self) -> str:
        return readable(self)

"""Values for the entries that a client writes: those that wait in its outbox, and the latest ones, which it can take back.

`udpnote undo` takes an entry back: it deletes a new note, and gives a revised or deleted note its former text.
"""

from typing import NamedTuple

from udpnote.model.entry import Entry, Kind, SeenEntry, Status, readable
from udpnote.model.notebook import Destination


class WaitingEntry(NamedTuple):
    """An entry in the outbox, and the notebook that it waits for.

    `notebook_id` and `notebook_name` are None if the notebook is not known yet. Then `destination` says which notebook the user
    named. `key_id` is the id of the key with which the notebook is sealed. It is None if the notebook is not sealed or unknown.
    `refused` is the status with which the notebook refused the entry for good, or None if it has not refused it.
    """

    entry: Entry
    notebook_id: bytes | None
    notebook_name: str | None
    key_id: bytes | None
    destination: Destination
    refused: Status | None

    def __repr__(self) -> str:
        return readable(self)


class WaitingCount(NamedTuple):
    """A group of entries in the outbox that have the same `notebook_id`, `key_id`, `destination` and `refused`.

    These fields have the same meaning as in `WaitingEntry`. `entries` is how many entries the group has.
    """

    notebook_id: bytes | None
    key_id: bytes | None
    destination: Destination
    refused: Status | None
    entries: int

    def __repr__(self) -> str:
        return readable(self)


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
    """The latest entry that was added to an outbox and was not taken back.

    `notebook_id` is None if it is not known yet for which notebook the entry is. `number` is the entry's number there, or 0 if
    the entry is still in the outbox. `is_unsent` is true if the notebook certainly does not have the entry: it was never sent,
    or was refused for good. Any other entry in the outbox may be stored already, because the server's answer can be lost.
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

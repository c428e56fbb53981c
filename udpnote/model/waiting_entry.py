"""Values for the entries in an outbox: a single entry, and the number of entries of one kind."""

from typing import NamedTuple

from udpnote.model.entry import Entry, Status
from udpnote.model.notebook import Destination
from udpnote.model.readable import readable


class WaitingEntry(NamedTuple):
    """An entry in the outbox, and the notebook that it waits for.

    `notebook_id` and `notebook_name` are None if the notebook is not known yet. Then `destination` says which notebook the user
    named. `key_id` is the id of the key with which the notebook is sealed. It is None if the notebook is open or not known yet.
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
    """A group of entries in the outbox that have the first four fields in common (see `WaitingEntry`).

    `entries` is how many entries the group has.
    """

    notebook_id: bytes | None
    key_id: bytes | None
    destination: Destination
    refused: Status | None
    entries: int

    def __repr__(self) -> str:
        return readable(self)

"""Entries that wait in an outbox, as values."""

from typing import NamedTuple

from udpnote.model.entry import Entry, Status
from udpnote.model.notebook import Destination


class WaitingEntry(NamedTuple):
    """An entry in the outbox.

    `notebook_id`, `notebook_name` and `key_id` (None: open) are those of its notebook; None if the notebook is not known yet.
    Then `destination` says which one the user named. `refused` is the status with which the notebook refused the entry for
    good, or None.
    """

    entry: Entry
    notebook_id: bytes | None
    notebook_name: str | None
    key_id: bytes | None
    destination: Destination
    refused: Status | None


class WaitingCount(NamedTuple):
    """How many `entries` have these values in common; the values are those of `WaitingEntry`."""

    notebook_id: bytes | None
    key_id: bytes | None
    destination: Destination
    refused: Status | None
    entries: int

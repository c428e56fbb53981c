"""The events of a delivery: what has become of its entries, and what has happened to its server."""

from typing import NamedTuple

from udpnote.model.entry import Entry, Kind, Status
from udpnote.protocol.server_contact import KeyChanged, ServerSilent, WrongServer


class Stored(NamedTuple):
    """Event: the server has stored `entries` durably in the notebook, now or earlier.

    `number` is the number that the first of `entries` has in the notebook. Several `entries` are always notes with consecutive
    sequence numbers, and their numbers in the notebook are consecutive, too.
    """

    entries: tuple[Entry, ...]
    number: int


class Rejected(NamedTuple):
    """Event: the server has not stored `entry`, for the reason in `status`. This delivery does not send the entry again."""

    entry: Entry
    status: Status


DeliveryEvent = Stored | Rejected | ServerSilent | WrongServer | KeyChanged


def add_stored(events: list[DeliveryEvent], notes: tuple[Entry, ...], number: int) -> None:
    """Add to `events` that `notes` are stored under consecutive numbers, from `number` on.

    If the last event is about the notes just before these, it becomes an event about all of them: one event for many verdicts
    takes less time than one for each.
    """
    last = events[-1] if events else None
    if isinstance(last, Stored) and number == last.number + len(last.entries) and _follows(last.entries[-1], notes[0]):
        events[-1] = Stored(last.entries + notes, last.number)
    else:
        events.append(Stored(notes, number))


def _follows(note: Entry, following: Entry) -> bool:
    """Whether `note` and `following` are notes of one client, and `following` has the sequence number after that of `note`."""
    same_client = note.client_id == following.client_id
    return same_client and note.sequence + 1 == following.sequence and note.kind is following.kind is Kind.NOTE

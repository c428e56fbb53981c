"""The events of a delivery: what has become of its entries, and what has happened to its server."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from udpnote.model.entry import Entry, Kind, Status, Verdict
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


def verdicts(events: Iterable[Stored | Rejected]) -> Iterator[tuple[Entry, Verdict]]:
    """Yield each entry of `events`, with the verdict on it."""
    for event in events:
        match event:
            case Stored(entries, first):
                yield from ((entry, Verdict(Status.STORED, number)) for number, entry in enumerate(entries, first))
            case Rejected(entry, status):  # pragma: no branch - mypy proves that none is left
                yield entry, Verdict(status, 0)


def joined_events(events: Iterable[DeliveryEvent]) -> list[DeliveryEvent]:
    """Return `events` in the same order, but replace neighbouring `Stored` events by one if their notes follow one another.

    Such notes have one client, consecutive sequence numbers, and consecutive numbers in the notebook. Handling one event for
    many notes takes less time than handling one for each datagram.
    """
    joined: list[DeliveryEvent] = []
    notes: list[Entry] = []
    number = 0
    for event in events:
        if (
            isinstance(event, Stored)
            and notes
            and event.number == number + len(notes)
            and _follows(notes[-1], event.entries[0])
        ):
            notes += event.entries
            continue
        if notes:
            joined.append(Stored(tuple(notes), number))
            notes = []
        if isinstance(event, Stored):
            notes, number = list(event.entries), event.number
        else:
            joined.append(event)
    if notes:
        joined.append(Stored(tuple(notes), number))
    return joined


def _follows(note: Entry, following: Entry) -> bool:
    """Whether `note` and `following` are notes of one client, and `following` has the sequence number after that of `note`."""
    same_client = note.client_id == following.client_id
    return same_client and note.sequence + 1 == following.sequence and note.kind is following.kind is Kind.NOTE

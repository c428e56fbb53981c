"""The events of a delivery: those about notes that follow each other are joined, and each entry has a verdict."""

import pytest

from tests.support.golden import CLIENT_ID, OTHER_CLIENT_ID, WRITTEN_AT
from udpnote.model.entry import Entry, Kind, Status, Verdict
from udpnote.protocol.delivery.events import DeliveryEvent, Rejected, Stored, joined_events, verdicts


def notes(first: int, client_id: bytes = CLIENT_ID, kind: Kind = Kind.NOTE) -> tuple[Entry, ...]:
    return tuple(Entry(client_id, sequence, kind, WRITTEN_AT, 480, "小明", "一", 0) for sequence in (first, first + 1))


@pytest.mark.parametrize(
    ("before", "is_joined"),
    [
        (Stored(notes(1), 7), True),
        (Stored(notes(1), 6), False),
        (Stored(notes(1), 8), False),
        (Stored(notes(2), 7), False),
        (Stored(notes(1, OTHER_CLIENT_ID), 7), False),
        (Stored(notes(1, kind=Kind.REVISION), 7), False),
        (Rejected(notes(1)[1], Status.NO_SPACE), False),
    ],
)
def test_stored_notes_are_joined_to_the_event_of_the_notes_just_before_them(before: DeliveryEvent, is_joined: bool) -> None:
    events = joined_events([before, Stored(notes(3), 9)])
    assert events == ([Stored(notes(1) + notes(3), 7)] if is_joined else [before, Stored(notes(3), 9)])


def test_each_stored_note_gets_a_number_of_its_own_and_a_rejected_one_none() -> None:
    (first, second), (rejected, _) = notes(1), notes(3)
    assert list(verdicts([Stored((first, second), 7), Rejected(rejected, Status.NO_SPACE)])) == [
        (first, Verdict(Status.STORED, 7)),
        (second, Verdict(Status.STORED, 8)),
        (rejected, Verdict(Status.NO_SPACE, 0)),
    ]

"""What leaves in one datagram: a part of an entry, or short notes together."""

import pytest

from tests.support.golden import CLIENT_ID, WRITTEN_AT
from udpnote.model.entry import Entry, Kind, Restored
from udpnote.protocol.codec import decode
from udpnote.protocol.codec_runs import PAUSE_MICROSECONDS_MAX, RUN_NOTES_MAX
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.messages import Append, Run
from udpnote.protocol.payloads import SHORT_NOTE_BYTES_MAX, Payload, RunPayload, UnsentPayloads


def note(sequence: int, text: str = "今天", **changes: object) -> Entry:
    return Entry(CLIENT_ID, sequence, Kind.NOTE, WRITTEN_AT, 480, "lin@desk", text)._replace(**changes)  # type: ignore[arg-type]


def packed(*notes: Entry) -> list[int]:
    """How many notes leave in each datagram."""
    return [len(payload.entries) if isinstance(payload, RunPayload) else 1 for payload in taken(*notes)]


def taken(*notes: Entry) -> list[Payload]:
    queue = UnsentPayloads()
    queue.add(notes)
    assert len(queue) >= len(notes)
    payloads = []
    while (payload := queue.take(lambda _: True)) is not None:
        payloads.append(payload)
    return payloads


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({}, [4]), ({"sequence": 9}, [2, 1, 1]), ({"client_id": bytes(16)}, [2, 1, 1]), ({"author": "amy@pi"}, [2, 1, 1]),
        ({"utc_offset": 0}, [2, 1, 1]), ({"written_at": WRITTEN_AT - 1}, [2, 2]), ({"kind": Kind.REVISION}, [2, 1, 1]),
        ({"text": "x" * SHORT_NOTE_BYTES_MAX}, [4]), ({"text": "x" * (SHORT_NOTE_BYTES_MAX + 1)}, [2, 1, 1]),
        ({"written_at": WRITTEN_AT + PAUSE_MICROSECONDS_MAX + 1}, [2, 1, 1]),
    ],
)  # fmt: skip
def test_short_notes_in_a_row_with_one_author_client_and_offset_leave_together(
    changes: dict[str, object], sizes: list[int]
) -> None:
    third = note(3)._replace(**changes)  # type: ignore[arg-type]
    assert packed(note(1), note(2), third, note(4)) == sizes


def test_a_run_has_as_many_notes_as_fit_its_datagram_and_its_count() -> None:
    assert packed(*(note(sequence, "a") for sequence in range(1, 301))) == [155, 145]
    assert max(packed(*(note(sequence, "a", author="a") for sequence in range(1, 301)))) <= RUN_NOTES_MAX
    long = [note(sequence, "x" * SHORT_NOTE_BYTES_MAX) for sequence in range(1, 6)]
    assert packed(*long) == [2, 2, 1]
    for payload in taken(*long):
        body = payload.body(bytes(16), bytes(8))
        assert len(body) <= BODY_BYTES_MAX


def test_what_is_packed_comes_out_of_its_datagram() -> None:
    notes = [note(1, "今天"), note(2, "明天 ", written_at=WRITTEN_AT + 5), note(3, "\0", written_at=WRITTEN_AT + 9)]
    [payload] = taken(*notes)
    payload.sent_at.append(0.0)
    run = decode(OPEN.wrap(payload.body(bytes(16), b"12345678")))
    assert isinstance(run, Run)
    assert run[:3] == (bytes(16), b"12345678", 1)
    assert run.notes == (CLIENT_ID, 1, 480, "lin@desk", tuple(each.written_at for each in notes), ("今天", "明天 ", "\0"))


def test_an_imported_note_and_notes_that_were_put_back_travel_alone_and_first() -> None:
    queue = UnsentPayloads()
    queue.add_parts(note(1), Restored(0, bytes(16), 0))
    queue.add([note(2)])
    queue.put_back([note(3), note(4)])
    for sequence in (3, 1, 2):  # the note 4 has an outcome meanwhile
        payload = queue.take(lambda identity: identity[1] != 4)
        assert payload is not None
        payload.sent_at.append(0.0)
        append = decode(OPEN.wrap(payload.body(bytes(16), bytes(8))))
        assert isinstance(append, Append)
        assert append.part.sequence == sequence
    assert queue.take(lambda _: True) is None
    assert not len(queue)

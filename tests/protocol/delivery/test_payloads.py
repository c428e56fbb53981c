"""What one datagram carries: a part of an entry, or several short notes."""

import pytest

from tests.support.golden import CLIENT_ID, WRITTEN_AT
from udpnote.model.entry import NO_PREDECESSOR, Bundle, Entry, Kind, Restored
from udpnote.protocol.codec.codec import decode
from udpnote.protocol.codec.fields import BUNDLE
from udpnote.protocol.codec.runs import PAUSE_MICROSECONDS_MAX
from udpnote.protocol.delivery.payloads import SHORT_NOTE_BYTES_MAX, NotesPayload, PartPayload, Payload, UnsentPayloads
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.messages import Append, Run


def note(sequence: int, text: str = "今天", **changes: object) -> Entry:
    return Entry(CLIENT_ID, sequence, Kind.NOTE, WRITTEN_AT, 480, "lin@desk", text)._replace(**changes)  # type: ignore[arg-type]


def packed(*notes: Entry) -> list[int | str]:
    """The number of notes in each datagram: as a str if the notes are a bundle."""
    sizes: list[int | str] = []
    for payload in taken(*notes):
        size = len(payload.entries) if isinstance(payload, NotesPayload) else 1
        sizes.append(str(size) if isinstance(payload, NotesPayload) and payload.kind == BUNDLE else size)
    return sizes


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
        ({}, [4]), ({"sequence": 9}, ["4"]), ({"client_id": bytes(16)}, ["4"]), ({"author": "amy@pi"}, ["4"]),
        ({"utc_offset": 0}, ["4"]), ({"written_at": WRITTEN_AT - 1}, ["4"]), ({"kind": Kind.REVISION}, [2, 1, 1]),
        ({"text": "x" * SHORT_NOTE_BYTES_MAX}, [4]), ({"text": "x" * (SHORT_NOTE_BYTES_MAX + 1)}, [2, 1, 1]),
        ({"written_at": WRITTEN_AT + PAUSE_MICROSECONDS_MAX + 1}, ["4"]),
    ],
)  # fmt: skip
def test_short_notes_in_a_row_leave_together_in_a_bundle_if_they_are_not_of_one_author_client_and_offset(
    changes: dict[str, object], sizes: list[int | str]
) -> None:
    third = note(3)._replace(**changes)  # type: ignore[arg-type]
    assert packed(note(1), note(2), third, note(4)) == sizes


def test_a_run_has_as_many_notes_as_fit_its_datagram_and_its_count() -> None:
    assert packed(*(note(sequence, "a") for sequence in range(1, 301))) == [155, 145]
    long = [note(sequence, "x" * SHORT_NOTE_BYTES_MAX) for sequence in range(1, 6)]
    assert packed(*long) == [2, 2, 1]
    unlike = [each._replace(author="中" * 42, client_id=bytes([number]) * 16) for number, each in enumerate(long)]
    short = [note(sequence, "a", author="a") for sequence in (*range(1, 301), *range(400, 500, 2))]
    assert (packed(*unlike), packed(*short)) == ([1] * 5, [156, 144, "38", "12"])
    for payload in taken(*long, *unlike, *short):
        assert len(payload.body(bytes(16), bytes(8))) <= BODY_BYTES_MAX


def test_packed_notes_are_decoded_unchanged() -> None:
    notes = [note(1, "今天"), note(2, "明天 ", written_at=WRITTEN_AT + 5), note(3, "\0", written_at=WRITTEN_AT + 9)]
    [payload] = taken(*notes)
    payload.sent_at.append(0.0)
    run = decode(OPEN.wrap(payload.body(bytes(16), b"12345678")))
    assert isinstance(run, Run)
    assert run[:3] == (bytes(16), b"12345678", 1)
    assert run.notes == (CLIENT_ID, 1, 480, "lin@desk", tuple(each.written_at for each in notes), ("今天", "明天 ", "\0"))


IMPORTED = [note(number, client_id=bytes([number % 2]) * 16) for number in range(1, 8)]
RESTORED = [Restored(WRITTEN_AT, *before) for before in [NO_PREDECESSOR, *(each[:2] for each in IMPORTED[:-1])]]


def test_a_bundle_of_imported_notes_has_only_consecutive_notes_of_the_import() -> None:
    queue = UnsentPayloads()
    queue.add([note(101), note(103)])
    for place in (0, 1, 2, 4):
        queue.add_imported(IMPORTED[place], RESTORED[place])
    queue.add_imported(IMPORTED[5]._replace(kind=Kind.REVISION, revises=1), RESTORED[5])
    queue.add_imported(IMPORTED[6], RESTORED[6])
    queue.add([IMPORTED[6]._replace(sequence=8)])
    sent: list[tuple[object, ...]] = []
    while (payload := queue.take(lambda _: True)) is not None:
        payload.sent_at.append(0.0)
        message = decode(OPEN.wrap(payload.body(bytes(16), bytes(8))))
        if isinstance(message, Append):
            sent.append((message.part.sequence, message.part.restored))
        else:
            assert isinstance(message, Run) and isinstance(message.notes, Bundle) and message.check == payload.check
            sent.append(message.notes)
    assert sent == [
        Bundle((note(101), note(103)), (0, 0), *NO_PREDECESSOR),
        Bundle(tuple(IMPORTED[:3]), (WRITTEN_AT,) * 3, *NO_PREDECESSOR),
        (5, RESTORED[4]), (6, RESTORED[5]), (7, RESTORED[6]), (8, None),
    ]  # fmt: skip
    assert not len(queue)


def test_the_notes_of_a_bundle_that_are_put_back_travel_alone_and_first_unless_they_have_an_outcome_meanwhile() -> None:
    queue = UnsentPayloads()
    for imported, restored in zip(IMPORTED[:3], RESTORED, strict=False):
        queue.add_imported(imported, restored)
    bundle = queue.take(lambda _: True)
    assert isinstance(bundle, NotesPayload) and bundle.kind == BUNDLE
    queue.add([note(9)])
    queue.put_back(bundle.as_parts())
    alone = [queue.take(lambda entry: entry.sequence != 2) for _ in range(4)]
    parts = [payload.part for payload in alone if isinstance(payload, PartPayload)]
    assert [(part.sequence, part.restored) for part in parts] == [(1, RESTORED[0]), (3, RESTORED[2]), (9, None)]
    assert (alone[3:], len(queue)) == ([None], 0)


def test_dropped_entries_leave_the_rest_in_order_and_the_notes_beside_a_gap_travel_apart() -> None:
    queue = UnsentPayloads()
    queue.add([note(number) for number in range(1, 8)])
    queue.add([note(20, "long" * 500)])
    queue.add_imported(IMPORTED[0], RESTORED[0])
    queue.drop({note(4)[:2], note(99)[:2]})
    assert len(queue) == 6 + 2 + 1
    queue.drop({note(20)[:2]})
    assert len(queue) == 6 + 1
    bundle, imported = [queue.take(lambda _: True) for _ in range(2)]
    assert isinstance(bundle, NotesPayload) and bundle.kind == BUNDLE
    assert [entry.sequence for entry in bundle.entries] == [1, 2, 3, 5, 6, 7]
    assert isinstance(imported, PartPayload) and (imported.part.restored, len(queue)) == (RESTORED[0], 0)

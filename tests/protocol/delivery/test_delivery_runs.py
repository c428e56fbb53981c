"""Runs and bundles of a delivery, and entries that are given up while they share a datagram with others."""

import pytest

from tests.protocol.delivery.deliveries import (
    AUTHOR,
    SETTLED,
    VERDICTS,
    ack,
    acquainted,
    attempts,
    entries,
    entry,
    expire,
    in_parts,
    keys,
    revision,
    sent,
    sent_next,
    stored,
)
from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, WRITTEN_AT
from tests.support.wire import decoded
from udpnote.model.entry import NO_PREDECESSOR, Bundle, NoteRun, Restored, Status
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.delivery.events import Rejected, Stored
from udpnote.protocol.messages import Ack, PartAck, Reason, Refuse, Run
from udpnote.protocol.server_contact import WrongServer


def run_ack(run: Run, status: Status, *, check: int | None = None) -> bytes:
    """Make an answer to `run`. The number of each stored note is its sequence plus 100."""
    sequence = run.notes.sequence
    number = sequence + 100 if status in SETTLED else 0
    part = PartAck(sequence, 0, run.attempt, status, number, run.check if check is None else check)
    return encode(Ack(run.token, CLIENT_ID, (part,)))


@pytest.mark.parametrize("is_imported", [False, True])
@pytest.mark.parametrize("status", VERDICTS)
def test_a_verdict_on_a_run_or_bundle_settles_all_of_its_notes_or_each_is_sent_by_itself(
    status: Status, is_imported: bool
) -> None:
    notes = [entry(1, "一"), entry(2, "二"), entry(3, "三")]
    restored = [Restored(9, *before) for before in (NO_PREDECESSOR, notes[0][:2], notes[1][:2])]
    delivery = acquainted()
    if is_imported:
        delivery.add_restored(zip(notes, restored, strict=True), 0.0)
    else:
        delivery.add(notes, 0.0)
    [run] = decoded(Run, delivery.datagrams_to_send())
    in_run = NoteRun(CLIENT_ID, 1, 480, AUTHOR, (WRITTEN_AT,) * 3, ("一", "二", "三"))
    assert run[:4] == (NOTEBOOK_ID, run.token, 1, Bundle(tuple(notes), (9,) * 3, *NO_PREDECESSOR) if is_imported else in_run)
    expire(delivery)
    [again] = decoded(Run, delivery.datagrams_to_send())
    assert again == run._replace(attempt=2)
    for stranger in (run_ack(again, status, check=0), run_ack(again._replace(token=bytes(8)), status)):
        delivery.receive_datagram(stranger, 0.04)
    assert (delivery.events(), delivery.outstanding) == ([], 3)
    delivery.receive_datagram(run_ack(again, status), 0.04)
    if status is Status.SPLIT:
        alone = sent(delivery)
        assert keys(alone) == attempts(1, 2, 3)
        assert [append.part.restored for append in alone] == (restored if is_imported else [None] * 3)
        delivery.receive_datagram(run_ack(run, Status.STORED), 0.05)
        assert delivery.events() == [], "a late answer to the run says nothing of its notes"
        delivery.receive_datagram(ack(*alone), 0.05)
    is_stored = status in SETTLED or status is Status.SPLIT
    assert delivery.events() == ([Stored(tuple(notes), 101)] if is_stored else [Rejected(note, status) for note in notes])
    assert (delivery.outstanding, delivery.next_timeout()) == (0, None)


def test_a_refused_run_is_sent_again_as_it_was_to_the_server_that_is_found() -> None:
    delivery = acquainted(entry(1), entry(2))
    [run] = decoded(Run, delivery.datagrams_to_send())
    delivery.receive_datagram(encode(Refuse(run.token, Reason.WRONG_NOTEBOOK, CLIENT_ID, 1, 0, 1)), 0.01)
    assert list(map(type, delivery.events())) == [WrongServer]
    delivery.server_found(0.02, round_trip_seconds=0.001)
    assert decoded(Run, delivery.datagrams_to_send()) == [run._replace(attempt=2)]


def test_entries_that_are_given_up_are_not_sent_again_and_no_longer_hold_others_back() -> None:
    late, long = entry(90, "late" * 200), in_parts(91, 30)
    unwanted = [*entries(2), in_parts(3, 2), *entries(20, first=4), revision(30), revision(31), long, entry(92, "short")]
    delivery = acquainted(*unwanted, late, entry(93, "kept"), revision(32))
    delivery.receive_datagram(ack(sent(delivery)[2], status=Status.PART_KEPT), 0.005)
    assert delivery.kept_parts(unwanted[2]) == 1
    expire(delivery)
    delivery.datagrams_to_send()
    delivery.give_up([*unwanted, entry(99)], 0.2)
    assert (delivery.outstanding, delivery.unsent_parts, delivery.kept_parts(unwanted[2])) == (3, 0, 0)
    assert keys(sent(delivery)) == attempts(90, 93, 32)
    assert (delivery.outstanding_entry(CLIENT_ID, 90), delivery.outstanding_entry(CLIENT_ID, 1)) == (late, None)
    delivery.give_up([late, entry(93, "kept"), revision(32)], 0.3)
    assert (delivery.next_timeout(), delivery.events(), delivery.outstanding) == (None, [], 0)


def test_an_entry_that_was_given_up_can_be_added_with_another_text_and_only_answers_to_this_text_count() -> None:
    delivery = acquainted(in_parts(1, 40))
    before = sent(delivery)
    delivery.give_up([in_parts(1, 40)], 0.1)
    delivery.receive_datagram(ack(*before[:3]), 0.1)
    assert delivery.events() == []
    delivery.add([entry(1, "new" * 2000)], 0.2)
    after = sent(delivery)
    assert b"".join(append.part.data for append in after) == b"new" * 2000
    delivery.receive_datagram(ack(*before[:3], status=Status.CONFLICT), 0.3)
    delivery.receive_datagram(ack(*after), 0.3)
    assert delivery.events() == [stored(entry(1, "new" * 2000), 101)]


def test_nothing_of_a_rejected_text_is_sent_when_another_text_is_added_under_its_identity() -> None:
    delivery = acquainted(*entries(9), in_parts(50, 40))
    first = sent(delivery)
    now = expire(delivery)
    sent(delivery)
    delivery.receive_datagram(ack(first[9], status=Status.CONFLICT), now)
    delivery.add([entry(50, "again" * 1000)], now)
    delivery.events()
    while delivery.outstanding:
        now, appends = sent_next(delivery)
        assert not any(b"x" in append.part.data for append in appends)
        delivery.receive_datagram(ack(*appends), now)
    assert stored(entry(50, "again" * 1000), 150) in delivery.events()


@pytest.mark.parametrize("step", [1, 2], ids=["a run", "a bundle"])
@pytest.mark.parametrize("status", [Status.STORED, Status.SPLIT])
def test_a_note_that_is_given_up_stays_in_its_datagram_until_the_other_notes_have_a_verdict(status: Status, step: int) -> None:
    one, two, three = [entry(sequence) for sequence in (1, 1 + step, 1 + 2 * step)]
    delivery = acquainted(one, two, three)
    [run] = decoded(Run, delivery.datagrams_to_send())
    delivery.give_up([one, three], 0.001)
    assert delivery.outstanding == 3
    delivery.add([three], 0.002)
    now = expire(delivery)
    assert [again.notes for again in decoded(Run, delivery.datagrams_to_send())] == [run.notes]
    delivery.receive_datagram(run_ack(run, status), now)
    if status is Status.STORED:
        assert delivery.events() == [Stored((one, two, three), 101)]
        delivery.add([one], now)
    else:
        assert keys(sent(delivery)) == attempts(two.sequence, three.sequence)
        delivery.give_up([two, three], now)
    assert delivery.outstanding == (status is Status.STORED)

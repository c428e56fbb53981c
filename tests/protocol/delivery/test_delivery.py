"""Delivery: each entry reaches the notebook once, however many datagrams are lost, and delivery does not flood the network."""

from typing import Any

import pytest

from tests.protocol.delivery.deliveries import (
    AUTHOR,
    OTHER_ID,
    PART_BYTES,
    SETTLED,
    VERDICTS,
    ack,
    acquainted,
    attempts,
    deletion,
    entries,
    entry,
    in_parts,
    keys,
    new_delivery,
    refuse,
    revision,
    sent,
    sent_next,
    silent,
    stored,
)
from tests.support.golden import NOTEBOOK_ID, TOKEN, WRITTEN_AT, golden
from tests.support.keys import AT_NEW, AT_OLD, OLD
from udpnote.model.entry import NO_PREDECESSOR, Entry, Restored, Status, split
from udpnote.protocol.codec.codec import APPEND_BYTES_MIN
from udpnote.protocol.delivery.events import Rejected
from udpnote.protocol.delivery.payloads import ATTEMPT_MAX
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import Reason
from udpnote.protocol.server_contact import SILENT_INTERVAL_SECONDS, KeyChanged, WrongServer


def test_entries_are_sent_at_once_and_only_once() -> None:
    delivery = new_delivery(entry(1), entry(1))
    delivery.add([entry(1)], 0.1)
    (append,) = sent(delivery)
    assert (append.notebook_id, [append.part]) == (NOTEBOOK_ID, split(entry(1), PART_BYTES))
    assert (sent(delivery), delivery.outstanding) == ([], 1)


def test_without_entries_no_timer_runs() -> None:
    delivery = new_delivery()
    assert delivery.next_timeout() is None
    delivery.handle_timeout(1000.0)
    assert (sent(delivery), delivery.events()) == ([], [])


def test_entries_are_padded_to_one_size_if_that_at_most_doubles_them() -> None:
    similar = (entry(1, "s" * 600), entry(3, "l" * 700))
    assert len({len(datagram) for datagram in new_delivery(*similar).datagrams_to_send()}) == 1
    assert [append.part for append in sent(new_delivery(*similar))] == [split(one, PART_BYTES)[0] for one in similar]
    different = new_delivery(entry(1, "x"), entry(3, "z" * PART_BYTES), entry(5, "yy"))
    overhead = APPEND_BYTES_MIN + len(AUTHOR.encode()) + OPEN.overhead_bytes
    assert [len(datagram) - overhead for datagram in different.datagrams_to_send()] == [1, PART_BYTES, 2]


@pytest.mark.parametrize("status", VERDICTS)
def test_a_verdict_settles_an_entry_and_nothing_more_is_sent(status: Status) -> None:
    delivery = new_delivery(entry(1))
    answer = ack(*sent(delivery) * 2, status=status)
    for now in (0.1, 0.2):
        delivery.receive_datagram(answer, now)
    assert delivery.events() == [stored(entry(1), 101) if status in SETTLED else Rejected(entry(1), status)]
    assert (delivery.events(), delivery.outstanding, delivery.next_timeout(), delivery.answers) == ([], 0, None, 1)
    assert delivery.contact.answered_at == 0.1


def test_only_an_answer_about_the_very_part_that_was_sent_is_believed() -> None:
    delivery = new_delivery(entry(1))
    (append,) = sent(delivery)
    part = append.part
    changes: list[dict[str, Any]] = [{"sequence": 2}, {"offset": 1}, {"written_at": part.written_at + 1}, {"data": b"x"}]
    others = [append._replace(part=part._replace(**change)) for change in changes]
    for stranger in (
        *(b"no message", golden("OFFER"), golden("APPEND in Chinese"), ack(append, client_id=OTHER_ID)),
        *(ack(other, status=status) for other in others for status in (Status.STORED, Status.CONFLICT)),
        *(refuse(append._replace(part=part._replace(**change))) for change in [{"client_id": OTHER_ID}, changes[0]]),
        *(answer(append._replace(token=TOKEN)) for answer in (ack, refuse)),
    ):
        delivery.receive_datagram(stranger, 0.1)
    assert (delivery.events(), delivery.outstanding, delivery.answers) == ([], 1, 0)
    assert delivery.contact.answered_at == float("-inf")
    delivery.receive_datagram(ack(append), 0.2)
    assert delivery.outstanding == 0


def test_a_refusal_of_a_part_that_counts_as_lost_is_believed() -> None:
    delivery = acquainted(*entries(10))
    first = sent(delivery)
    now, _ = sent_next(delivery)
    delivery.receive_datagram(refuse(first[-1]), now)
    assert list(map(type, delivery.events())) == [WrongServer]


def test_an_attempt_without_a_known_round_trip_is_repeated_after_a_second() -> None:
    delivery = new_delivery(entry(1))
    sent(delivery)
    assert delivery.next_timeout() == delivery.next_timeout() == 1.0
    delivery.handle_timeout(0.999)
    assert sent(delivery) == []
    delivery.handle_timeout(1.0)
    assert (keys(sent(delivery)), delivery.retransmissions) == (attempts(1, attempt=2), 1)


@pytest.mark.parametrize(("attempt", "timeout"), [(1, 3.0), (2, 0.03), (3, 1.0)], ids=["earlier", "latest", "never sent"])
def test_an_acknowledgement_is_a_sample_of_the_attempt_that_it_names(attempt: int, timeout: float) -> None:
    delivery = new_delivery(entry(1))
    sent(delivery)
    now, [again] = sent_next(delivery)
    delivery.receive_datagram(ack(again._replace(attempt=attempt)), now + 0.01)
    assert delivery.events()[-1] == stored(entry(1), 101)
    delivery.add([entry(2)], 2.0)
    assert delivery.next_timeout() == pytest.approx(2.0 + timeout, abs=0.05)


def test_an_attempt_number_stays_at_the_largest_that_its_field_holds() -> None:
    delivery = silent(entry(1))
    [outgoing] = delivery._lost.values()
    outgoing.sent_at = [0.0] * (ATTEMPT_MAX - 1)
    assert [sent_next(delivery)[1][0].attempt for _ in range(2)] == [ATTEMPT_MAX, ATTEMPT_MAX]


def test_no_more_than_the_window_is_in_flight_and_answers_make_it_grow() -> None:
    delivery = new_delivery(*entries(50))
    first = sent(delivery)
    assert (len(first), delivery.unsent_parts, delivery.outstanding) == (10, 40, 50)
    delivery.add(entries(10, first=51), 0.05)
    assert sent(delivery) == []
    delivery.receive_datagram(ack(*first), 0.1)
    assert keys(sent(delivery)) == attempts(*range(11, 31))


def test_only_the_timer_resends_and_it_releases_one_window_per_round_trip_lost_parts_first() -> None:
    delivery = acquainted(*entries(30))
    sent(delivery)
    now, again = sent_next(delivery)
    assert keys(again) == attempts(*range(1, 6), attempt=2), "half a window"
    delivery.add(entries(1, first=31), now)
    delivery.receive_datagram(ack(*again), now + 0.005)
    assert sent(delivery) == []
    now, again = sent_next(delivery)
    assert now == pytest.approx(0.04)
    assert keys(again) == [*attempts(*range(6, 11), attempt=2), (11, 0, 1)]


@pytest.mark.parametrize("kept", [in_parts(1, 3), entry(1), deletion(1)], ids=["parts", "note", "deletion"])
def test_parts_that_expired_at_the_server_are_sent_again_after_a_timeout_and_the_last_one_stores_it(kept: Entry) -> None:
    delivery = acquainted(kept)
    first = sent(delivery)
    assert [append.part for append in first] == split(kept, PART_BYTES)
    delivery.receive_datagram(ack(*first, status=Status.PART_KEPT), 0.01)
    assert (sent(delivery), delivery.events()) == ([], [])
    now, again = sent_next(delivery)
    assert now >= 0.02
    assert keys(again) == [(sequence, offset, 2) for sequence, offset, _ in keys(first)]
    for append in again[:-1]:
        delivery.receive_datagram(ack(append, status=Status.PART_KEPT), now + 0.01)
    delivery.receive_datagram(ack(again[-1]), now + 0.01)
    assert (delivery.events(), delivery.next_timeout()) == ([stored(kept, 101)], None)


def test_the_other_parts_of_a_rejected_entry_are_not_sent_and_it_can_be_added_again() -> None:
    delivery = acquainted(in_parts(1, 15), entry(2))
    first = sent(delivery)
    delivery.receive_datagram(ack(first[0], status=Status.NO_SPACE), 0.01)
    assert delivery.events() == [Rejected(in_parts(1, 15), Status.NO_SPACE)]
    assert keys(sent(delivery)) == attempts(2)
    now, again = sent_next(delivery)
    assert keys(again) == attempts(2, attempt=2)
    delivery.receive_datagram(ack(*first[1:], status=Status.PART_KEPT), now)
    assert (delivery.events(), delivery.outstanding) == ([], 1)
    delivery.receive_datagram(ack(*again), now)
    delivery.add([in_parts(1, 15)], now)
    kept: set[int] = set()
    while delivery.outstanding:
        now = (delivery.next_timeout() or 0.0) - 0.001
        for append in sent(delivery):
            kept.add(append.part.offset)
            delivery.receive_datagram(ack(append, status=Status.STORED if len(kept) == 15 else Status.PART_KEPT), now)
    assert delivery.events() == [stored(entry(2), 102), stored(in_parts(1, 15), 101)]


def test_imported_entries_carry_in_every_part_how_to_store_them() -> None:
    delivery, restored = new_delivery(), Restored(WRITTEN_AT, OTHER_ID, 5)
    delivery.add_restored([(in_parts(1, 2), restored), (entry(2), restored)], 0.0)
    delivery.add_restored([(entry(2), restored)], 0.0)
    assert [append.part.restored for append in sent(delivery)] == [restored] * 3


def test_imported_revisions_do_not_wait_for_each_other() -> None:
    delivery, restored = new_delivery(), Restored(0, *NO_PREDECESSOR)
    delivery.add_restored([(revision(1), restored), (revision(2), restored), (deletion(3), restored)], 0.0)
    assert keys(sent(delivery)) == attempts(1, 2, 3)


@pytest.mark.parametrize("status", [status for status in VERDICTS if not status.is_temporary])
def test_revisions_are_sent_one_at_a_time_in_order_and_notes_beside_them(status: Status) -> None:
    revisions = [revision(1, "x" * (2 * PART_BYTES)), deletion(3), revision(4)]
    delivery = new_delivery(revisions[0], *entries(1, 2), *revisions[1:], *entries(1, 5))
    delivery.add([revision(4), deletion(3)], 0.05)
    assert delivery.outstanding == 5
    *parts, second, fifth = sorted(sent(delivery), key=lambda append: append.part.sequence)[:4]
    assert keys([*parts, second, fifth]) == [(1, 0, 1), (1, PART_BYTES, 1), (2, 0, 1), (5, 0, 1)]
    delivery.receive_datagrams([ack(second, fifth), ack(parts[0], status=Status.PART_KEPT)], 0.1)
    assert sent(delivery) == []
    answered = [parts[1]]
    for expected in ([3], [4], []):
        delivery.receive_datagram(ack(*answered, status=status), 0.2)
        answered = sent(delivery)
        assert keys(answered) == attempts(*expected)
    is_stored = status in SETTLED
    verdicts = [stored(each, each.sequence + 100) if is_stored else Rejected(each, status) for each in revisions]
    assert (delivery.events()[2:], delivery.outstanding) == (verdicts, 0)


@pytest.mark.parametrize("status", [Status.NO_SPACE, Status.NOT_WRITABLE])
def test_the_revisions_after_a_rejected_one_are_rejected_too(status: Status) -> None:
    delivery = new_delivery(revision(1), revision(2), deletion(3))
    delivery.receive_datagram(ack(*sent(delivery), status=status), 0.1)
    assert delivery.events() == [Rejected(one, status) for one in (revision(1), revision(2), deletion(3))]
    assert (sent(delivery), delivery.outstanding, delivery.next_timeout()) == ([], 0, None)
    delivery.add([revision(1), revision(2)], 1.0)
    assert keys(sent(delivery)) == attempts(1), "and they can be tried again, in order"


@pytest.mark.parametrize("status", [Status.NO_SPACE, Status.NOT_WRITABLE])
def test_the_revisions_after_a_rejected_note_are_sent_all_the_same(status: Status) -> None:
    delivery = new_delivery(entry(1), revision(2), revision(3))
    note, first = sorted(sent(delivery), key=lambda append: append.part.sequence)
    delivery.receive_datagram(ack(note, status=status), 0.1)
    assert delivery.events() == [Rejected(entry(1), status)]
    delivery.receive_datagram(ack(first), 0.1)
    assert keys(sent(delivery)) == attempts(3)


def test_entries_that_are_added_during_a_silence_wait_until_an_answer_ends_it() -> None:
    delivery = silent(*entries(1))
    delivery.add(entries(29, first=2), 1.5)
    delivery.handle_timeout(1.5)
    assert (sent(delivery), delivery.outstanding) == ([], 30)
    now, again = sent_next(delivery)
    assert len(again) == 1
    assert (delivery.next_timeout() or 0.0) >= now + SILENT_INTERVAL_SECONDS
    delivery.receive_datagram(ack(*again), now + 0.01)
    assert delivery.events() == [stored(entries(1)[0], 101)]
    assert (delivery.contact.is_silent, delivery.contact.answered_at) == (False, now + 0.01)
    assert len(sent(delivery)) == 10


def test_what_was_lost_before_a_silence_is_released_by_the_timer_after_an_answer() -> None:
    delivery = silent(*entries(30))
    now, again = sent_next(delivery)
    delivery.receive_datagram(ack(*again), now + 0.01)
    assert sent(delivery) == [], "the timer releases what was lost"
    assert len(sent_next(delivery)[1]) == 10


def test_a_server_that_was_found_is_sent_a_window_at_once() -> None:
    delivery = silent(*entries(30))
    delivery.server_found(2.0, round_trip_seconds=0.001)
    assert keys(sent(delivery)) == [*attempts(*range(2, 11), attempt=2), (1, 0, 3)]
    assert not delivery.contact.is_silent
    delivery = acquainted(*entries(10))
    sent(delivery)
    delivery.server_found(0.01, round_trip_seconds=0.001)
    assert keys(sent(delivery)) == attempts(*range(1, 11), attempt=2), "the entries that were in flight to the old address"


def test_a_client_of_a_sealed_notebook_believes_only_its_server_also_that_the_key_has_changed() -> None:
    delivery = new_delivery(entry(1), envelope=OLD)
    [append] = sent(delivery, AT_OLD)
    for forged in (
        *(ack(append, envelope=envelope) for envelope in (OPEN, AT_NEW, OLD)),
        *(refuse(append, reason) for reason in (Reason.WRONG_NOTEBOOK, Reason.KEY_CHANGED)),
    ):
        delivery.receive_datagram(forged, 0.1)
    assert (delivery.events(), delivery.outstanding) == ([], 1)
    delivery.receive_datagram(refuse(append, Reason.KEY_CHANGED, AT_OLD), 0.1)
    assert list(map(type, delivery.events())) == [KeyChanged]
    assert (delivery.outstanding, delivery.contact.is_silent) == (1, True)
    delivery.receive_datagram(ack(append, envelope=AT_OLD), 0.2)
    assert delivery.outstanding == 0

"""Delivery: every entry reaches the notebook once, whatever is lost, and nobody is flooded on the way."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.deliveries import (
    AUTHOR,
    OTHER_ID,
    PART_BYTES,
    SETTLED,
    ack,
    acquainted,
    deletion,
    delivery,
    entries,
    entry,
    expire,
    in_parts,
    keys,
    refuse,
    sent,
    sent_next,
)
from tests.support.golden import NOISE, NOTEBOOK_ID, WRITTEN_AT, golden
from udpnote.model.entry import Entry, Restored, Status, split
from udpnote.protocol.codec import APPEND_BYTES_MIN, decode
from udpnote.protocol.delivery import ATTEMPT_MAX, Delivery, Rejected, Stored
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import Append


def test_an_entry_leaves_at_once_for_its_notebook() -> None:
    way = delivery(entry(1))
    (append,) = sent(way)
    assert append.notebook_id == NOTEBOOK_ID
    assert [append.part] == split(entry(1), PART_BYTES)
    assert sent(way) == []
    assert way.outstanding == 1


def test_a_delivery_without_entries_waits_for_nothing() -> None:
    way = delivery()
    assert way.next_timeout() is None
    way.handle_timeout(1000.0)
    assert sent(way) == []
    assert way.events() == []


@pytest.mark.parametrize("status", SETTLED)
def test_an_acknowledged_entry_is_stored_and_nothing_more_is_sent(status: Status) -> None:
    way = delivery(entry(1))
    way.receive_datagram(ack(*sent(way), status=status), 0.1)
    assert way.events() == [Stored(entry(1), 101)]
    assert way.events() == []
    assert way.outstanding == 0
    assert way.next_timeout() is None


@pytest.mark.parametrize("status", [Status.CONFLICT, Status.TOO_LARGE, Status.NO_SPACE, Status.REFUSED])
def test_a_rejected_entry_is_told_and_not_sent_again(status: Status) -> None:
    way = delivery(entry(1))
    way.receive_datagram(ack(*sent(way), status=status), 0.1)
    assert way.events() == [Rejected(entry(1), status)]
    assert way.outstanding == 0
    assert way.next_timeout() is None


def test_the_same_identity_is_taken_once_while_it_is_on_its_way() -> None:
    way = delivery(entry(1), entry(1))
    way.add([entry(1)], 0.1)
    assert keys(sent(way)) == [(1, 0, 1)]
    assert way.outstanding == 1


def test_answers_are_matched_by_identity() -> None:
    way = delivery(entry(1))
    (append,) = sent(way)
    for stranger in (
        ack(append, client_id=OTHER_ID),
        ack(append._replace(part=append.part._replace(sequence=2))),
        ack(append._replace(part=append.part._replace(offset=1))),
        refuse(append._replace(part=append.part._replace(client_id=OTHER_ID))),
        refuse(append._replace(part=append.part._replace(sequence=2))),
    ):
        way.receive_datagram(stranger, 0.1)
    assert way.events() == []
    assert way.outstanding == 1
    assert way.answered_at == float("-inf")


def test_an_acknowledgement_of_another_content_is_ignored() -> None:
    way = delivery(entry(1))
    [append] = sent(way)
    twin = append._replace(part=append.part._replace(written_at=append.part.written_at + 1))
    for other in (twin, append._replace(part=append.part._replace(data=b"x"))):
        way.receive_datagram(ack(other), 0.1)
        way.receive_datagram(ack(other, status=Status.CONFLICT), 0.1)
    assert (way.events(), way.outstanding) == ([], 1)
    way.receive_datagram(ack(append), 0.1)
    assert way.outstanding == 0


def test_a_duplicate_acknowledgement_is_told_once() -> None:
    way = delivery(entry(1))
    answer = ack(*sent(way) * 2)
    way.receive_datagram(answer, 0.1)
    way.receive_datagram(answer, 0.2)
    assert way.events() == [Stored(entry(1), 101)]
    assert way.answers == 1


@pytest.mark.parametrize("data", [b"no message", golden("OFFER")], ids=["bytes", "an offer"])
def test_what_is_no_message_or_no_answer_is_not_heard(data: bytes) -> None:
    way = delivery(entry(1))
    (append,) = sent(way)
    way.receive_datagram(data, 0.1)
    assert (way.events(), way.answers) == ([], 0)
    way.receive_datagram(ack(append), 0.2)
    assert way.events() == [Stored(entry(1), 101)]


@given(st.lists(NOISE, max_size=20))
@settings(deadline=None)
def test_no_bytes_disturb_a_delivery(noise: list[bytes]) -> None:
    way = delivery(entry(2**40))
    (append,) = sent(way)
    for data in (*noise, golden("OFFER"), golden("APPEND in Chinese")):
        way.receive_datagram(data, 0.1)
    way.receive_datagram(ack(append), 0.2)
    assert way.events() == [Stored(entry(2**40), 2**40 + 100)]


# Timers.


def test_the_first_attempt_is_given_a_second() -> None:
    way = delivery(entry(1))
    sent(way)
    assert way.next_timeout() == 1.0
    way.handle_timeout(0.999)
    assert sent(way) == []
    way.handle_timeout(1.0)
    assert keys(sent(way)) == [(1, 0, 2)]
    assert way.retransmissions == 1


def test_later_attempts_are_timed_by_the_round_trip_and_back_off() -> None:
    way = acquainted(entry(1))
    (first, _), (second, again) = sent_next(way), sent_next(way)
    assert keys(again) == [(1, 0, 3)]
    assert first == pytest.approx(0.03)
    assert 2 * first <= second - first <= 2.5 * first


def test_the_acknowledgement_of_a_retransmission_is_a_sample_from_its_own_attempt() -> None:
    way = delivery(entry(1))
    sent(way)
    now, again = sent_next(way)
    way.receive_datagram(ack(*again), now + 0.01)
    way.add([entry(2)], 2.0)
    assert way.next_timeout() == pytest.approx(2.03)


def test_the_acknowledgement_of_an_earlier_attempt_settles_the_entry_and_is_no_sample_of_the_latest() -> None:
    way = delivery(entry(1))
    first = sent(way)
    now, _ = sent_next(way)
    way.receive_datagram(ack(*first), now + 0.001)
    assert way.events()[-1] == Stored(entry(1), 101)
    way.add([entry(2)], 2.0)
    assert (way.next_timeout() or 0.0) >= 3.0


def test_the_acknowledgement_of_an_attempt_that_never_left_settles_the_entry_and_is_no_sample() -> None:
    way = delivery(entry(1))
    [append] = sent(way)
    way.receive_datagram(ack(append._replace(attempt=2)), 0.5)
    assert way.outstanding == 0
    way.add([entry(2)], 1.0)
    assert way.next_timeout() == 2.0


def test_the_round_trip_of_discovery_times_the_first_attempt() -> None:
    way = Delivery(NOTEBOOK_ID, random=Random(1), round_trip_seconds=0.1)
    way.add([entry(1)], 0.0)
    assert way.next_timeout() == pytest.approx(0.1 + 4 * 0.05)


def test_an_attempt_number_stays_at_the_most_its_field_holds() -> None:
    way = delivery(entry(1))
    for _ in range(ATTEMPT_MAX + 2):
        expire(way)
    assert decode(way.datagrams_to_send()[-1]) == Append(NOTEBOOK_ID, ATTEMPT_MAX, *split(entry(1), PART_BYTES))


def test_asking_twice_changes_nothing() -> None:
    way = acquainted(*entries(5))
    assert (way.next_timeout(), way.answered_at, way.is_silent) == (way.next_timeout(), way.answered_at, way.is_silent)
    assert keys(sent(way)) == [(sequence, 0, 1) for sequence in range(1, 6)]


# The window, and what is lost.


def test_no_more_than_the_window_is_under_way() -> None:
    way = delivery(*entries(50))
    first = sent(way)
    assert len(first) == 10
    way.add(entries(10, first=51), 0.05)
    assert sent(way) == []
    way.receive_datagram(ack(*first), 0.1)
    assert keys(sent(way)) == [(sequence, 0, 1) for sequence in range(11, 31)]


def test_the_window_can_be_limited() -> None:
    way = Delivery(NOTEBOOK_ID, random=Random(1), window_max=3)
    way.add(entries(10), 0.0)
    way.receive_datagram(ack(*sent(way)), 0.1)
    assert len(sent(way)) == 3


def test_no_acknowledgement_triggers_a_resend_and_the_timer_lets_the_rest_out_a_round_trip_later() -> None:
    way = acquainted(*entries(10))
    sent(way)
    now, again = sent_next(way)
    assert keys(again) == [(sequence, 0, 2) for sequence in range(1, 6)], "half a window"
    for append in again[:4]:
        way.receive_datagram(ack(append), now + 0.005)
        assert sent(way) == []
    now, again = sent_next(way)
    assert now == pytest.approx(0.04)
    assert keys(again) == [(sequence, 0, 2) for sequence in range(6, 10)]


def test_what_is_lost_leaves_again_before_anything_fresh_does() -> None:
    way = acquainted(*entries(30))
    sent(way)
    now, again = sent_next(way)
    way.add([entry(31)], now)
    assert sent(way) == []
    way.receive_datagram(ack(*again), now + 0.005)
    assert sent(way) == []
    assert keys(sent_next(way)[1]) == [*((sequence, 0, 2) for sequence in range(6, 11)), (11, 0, 1)]


def test_losses_of_one_round_trip_halve_the_window_once() -> None:
    way = acquainted(*entries(30))
    first = sent(way)
    way.receive_datagram(ack(first[0]), 0.01)
    assert keys(sent(way)) == [(11, 0, 1), (12, 0, 1)], "a window of eleven"
    now, again = sent_next(way)
    assert keys(again) == [(2, 0, 2), (3, 0, 2), (4, 0, 2)], "a window of five, two of which are taken"
    way.receive_datagram(ack(*again), now + 0.01)
    way.handle_timeout(now + 0.011)
    assert len(sent(way)) == 6, "the loss of 11 and 12 belongs to the same round trip"


def test_when_nothing_at_all_is_answered_the_window_falls_to_two() -> None:
    way = acquainted(*entries(10))
    sent(way)
    assert [len(sent_next(way)[1]) for _ in range(3)] == [5, 2, 2]


def test_a_path_that_became_slow_is_learned_and_not_flooded() -> None:
    way = acquainted()
    for sequence in range(1, 21):
        way.add([entry(sequence)], float(sequence))
        first = sent(way)
        while (due := way.next_timeout() or 0.0) < sequence + 0.2:
            way.handle_timeout(due)
        way.receive_datagram(ack(*first), sequence + 0.2)
        way.datagrams_to_send()
    assert way.retransmissions <= 6


def test_bursts_that_were_lost_together_back_off_once() -> None:
    way = acquainted()
    for sequence in range(1, 11):
        way.add([entry(sequence)], sequence / 1000)
    way.datagrams_to_send()
    while way.outstanding:
        now = expire(way)
        way.receive_datagram(ack(*appends) if (appends := sent(way)) else b"", now + 0.001)
    assert now < 0.3


def test_a_burst_of_similar_datagrams_is_padded_to_one_size() -> None:
    added = (entry(1, "short"), entry(2, "a little longer"))
    assert len({len(datagram) for datagram in delivery(*added).datagrams_to_send()}) == 1
    assert [append.part for append in sent(delivery(*added))] == [part for one in added for part in split(one, PART_BYTES)]


def test_a_burst_of_very_different_datagrams_is_not_padded() -> None:
    way = delivery(entry(1, "x"), entry(2, "yy"), entry(3, "z" * PART_BYTES))
    sizes = [len(datagram) for datagram in way.datagrams_to_send()]
    overhead = APPEND_BYTES_MIN + len(AUTHOR.encode()) + OPEN.overhead_bytes
    assert sizes == [overhead + 1, overhead + 2, overhead + PART_BYTES]


# Entries in parts.


def test_an_entry_in_parts_is_stored_when_its_last_part_is() -> None:
    way = delivery(in_parts(1, 3))
    first, second, third = sent(way)
    assert [append.part for append in (first, second, third)] == split(in_parts(1, 3), PART_BYTES)
    way.receive_datagram(ack(first, third, status=Status.PART_KEPT), 0.1)
    assert way.events() == []
    way.receive_datagram(ack(second), 0.1)
    assert way.events() == [Stored(in_parts(1, 3), 101)]
    assert way.next_timeout() is None


def test_parts_that_expired_at_the_server_are_sent_again_after_a_timeout() -> None:
    way = acquainted(in_parts(1, 3))
    way.receive_datagram(ack(*sent(way), status=Status.PART_KEPT), 0.01)
    assert sent(way) == []
    assert way.events() == []
    now, again = sent_next(way)
    assert now >= 0.02
    assert keys(again) == [(1, offset, 2) for offset in (0, PART_BYTES, 2 * PART_BYTES)]
    way.receive_datagram(ack(*again[:2], status=Status.PART_KEPT), now + 0.01)
    way.receive_datagram(ack(again[2]), now + 0.01)
    assert way.events() == [Stored(in_parts(1, 3), 101)]


@pytest.mark.parametrize("whole", [entry(1), deletion(1)])
def test_a_whole_entry_of_which_a_server_keeps_but_a_part_is_sent_again_after_a_timeout(whole: Entry) -> None:
    way = acquainted(whole)
    way.receive_datagram(ack(*sent(way), status=Status.PART_KEPT), 0.01)
    assert (sent(way), way.events()) == ([], [])
    now, again = sent_next(way)
    assert now >= 0.02
    way.receive_datagram(ack(*again), now + 0.01)
    assert way.events() == [Stored(whole, 101)]


def test_every_part_of_an_imported_entry_says_how_it_is_to_be_kept() -> None:
    way, restored = delivery(), Restored(WRITTEN_AT, OTHER_ID, 5)
    way.add_restored([(in_parts(1, 2), restored), (entry(2), None)], 0.0)
    appends = sent(way)
    assert [append.part.restored for append in appends] == [restored, restored, None]
    way.receive_datagram(ack(*appends), 0.1)
    assert way.events() == [Stored(in_parts(1, 2), 101), Stored(entry(2), 102)]


def test_the_other_parts_of_a_rejected_entry_are_not_sent() -> None:
    way = acquainted(in_parts(1, 15), entry(2))
    first = sent(way)
    way.receive_datagram(ack(first[0], status=Status.CONFLICT), 0.01)
    assert way.events() == [Rejected(in_parts(1, 15), Status.CONFLICT)]
    assert keys(sent(way)) == [(2, 0, 1)]
    way.receive_datagram(ack(*first[1:], status=Status.PART_KEPT), 0.01)
    assert way.events() == []
    assert way.outstanding == 1
    assert keys(sent_next(way)[1]) == [(2, 0, 2)]


def test_an_entry_that_was_rejected_half_way_can_be_taken_on_again() -> None:
    way = acquainted(in_parts(1, 15))
    way.receive_datagram(ack(sent(way)[0], status=Status.NO_SPACE), 0.01)
    way.add([in_parts(1, 15)], 0.02)
    kept: set[int] = set()
    while way.outstanding:
        now = (way.next_timeout() or 0.0) - 0.001
        for append in sent(way):
            kept.add(append.part.offset)
            way.receive_datagram(ack(append, status=Status.STORED if len(kept) == 15 else Status.PART_KEPT), now)
    assert way.events() == [Rejected(in_parts(1, 15), Status.NO_SPACE), Stored(in_parts(1, 15), 101)]

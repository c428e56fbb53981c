"""Revisions and deletions on their way: one at a time and in their order, for the last one is what shows."""

import pytest

from tests.deliveries import PART_BYTES, ack, acquainted, deletion, delivery, entry, keys, revision, sent, sent_next
from udpnote.model.entry import NO_PREDECESSOR, Restored, Status
from udpnote.protocol.delivery import Rejected, Stored


def test_one_leaves_at_a_time_and_notes_leave_beside_it() -> None:
    way = delivery(revision(1), entry(2), deletion(3), revision(4), entry(5))
    appends = sent(way)
    assert sorted(keys(appends)) == [(1, 0, 1), (2, 0, 1), (5, 0, 1)]
    assert way.outstanding == 5
    notes = [append for append in appends if append.part.sequence != 1]
    way.receive_datagram(ack(*notes), 0.1)
    assert sent(way) == []


@pytest.mark.parametrize("status", [Status.STORED, Status.STORED_ALREADY, Status.CONFLICT, Status.REFUSED, Status.TOO_LARGE])
def test_the_next_leaves_when_the_verdict_on_the_one_before_it_is_there(status: Status) -> None:
    way, order = delivery(revision(1), deletion(2), revision(3)), []
    while appends := sent(way):
        order += keys(appends)
        way.receive_datagram(ack(*appends, status=status), 0.1)
    assert order == [(1, 0, 1), (2, 0, 1), (3, 0, 1)]
    is_stored = status in (Status.STORED, Status.STORED_ALREADY)
    each = [revision(1), deletion(2), revision(3)]
    expected = [Stored(one, one.sequence + 100) if is_stored else Rejected(one, status) for one in each]
    assert way.events() == expected
    assert way.outstanding == 0


def test_one_that_is_lost_is_sent_again_before_the_next() -> None:
    way = acquainted(revision(1), revision(2))
    sent(way)
    now, again = sent_next(way)
    assert keys(again) == [(1, 0, 2)]
    way.receive_datagram(ack(*again), now + 0.01)
    assert keys(sent(way)) == [(2, 0, 1)]


def test_all_parts_of_one_leave_together_and_before_the_next() -> None:
    way = delivery(revision(1, "x" * (2 * PART_BYTES)), revision(2))
    first, second = sent(way)
    assert keys([first, second]) == [(1, 0, 1), (1, PART_BYTES, 1)]
    way.receive_datagram(ack(first, status=Status.PART_KEPT), 0.1)
    assert sent(way) == []
    way.receive_datagram(ack(second), 0.1)
    assert keys(sent(way)) == [(2, 0, 1)]


def test_where_there_is_no_space_for_one_those_after_it_are_not_sent_either() -> None:
    way = delivery(revision(1), revision(2), deletion(3))
    way.receive_datagram(ack(*sent(way), status=Status.NO_SPACE), 0.1)
    assert way.events() == [Rejected(one, Status.NO_SPACE) for one in (revision(1), revision(2), deletion(3))]
    assert (sent(way), way.outstanding, way.next_timeout()) == ([], 0, None)
    way.add([revision(1), revision(2)], 1.0)
    assert keys(sent(way)) == [(1, 0, 1)], "and can be tried again, in their order"


def test_where_there_is_no_space_for_a_note_revisions_go_on() -> None:
    way = delivery(entry(1), revision(2), revision(3))
    note, first = sorted(sent(way), key=lambda append: append.part.sequence)
    way.receive_datagram(ack(note, status=Status.NO_SPACE), 0.1)
    assert way.events() == [Rejected(entry(1), Status.NO_SPACE)]
    way.receive_datagram(ack(first), 0.1)
    assert keys(sent(way)) == [(3, 0, 1)]


def test_one_that_is_held_is_taken_on_once() -> None:
    way = delivery(revision(1), revision(2))
    way.add([revision(2), revision(1)], 0.01)
    assert way.outstanding == 2
    way.receive_datagram(ack(*sent(way)), 0.1)
    way.receive_datagram(ack(*sent(way)), 0.2)
    assert (sent(way), way.outstanding) == ([], 0)


def test_imported_ones_do_not_wait_for_each_other() -> None:
    way = delivery()
    restored = Restored(0, *NO_PREDECESSOR)
    way.add_restored([(revision(1), restored), (revision(2), restored), (deletion(3), restored)], 0.0)
    assert keys(sent(way)) == [(1, 0, 1), (2, 0, 1), (3, 0, 1)]

"""Delivery to a server that does not answer: it is left alone, looked for, and sent everything when it is found."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.deliveries import ack, acquainted, delivery, entries, entry, expire, keys, refuse, sent, sent_next, silent
from udpnote.protocol.congestion import RTO_MAX_SECONDS
from udpnote.protocol.delivery import Delivery
from udpnote.protocol.server_contact import SILENCE_SECONDS, SILENT_INTERVAL_SECONDS, ServerSilent, WrongServer


@pytest.mark.parametrize("begin", [delivery, acquainted])
def test_a_silent_server_is_told_once_and_sent_one_datagram_per_three_seconds_at_most(begin: Callable[..., Delivery]) -> None:
    way = begin(*entries(30))
    sent(way)
    times = []
    while (now := expire(way)) < 600.0:
        datagrams = sent(way)
        times += [now] * len(datagrams) if way.is_silent else []
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] <= 2.0
    assert SILENT_INTERVAL_SECONDS <= min(gaps) < max(gaps) == RTO_MAX_SECONDS
    assert way.events() == [ServerSilent()]
    assert way.is_silent


def test_nothing_fresh_is_sent_to_a_silent_server() -> None:
    way = silent(*entries(1))
    way.add(entries(5, first=2), 1.5)
    way.handle_timeout(1.5)
    assert sent(way) == []
    assert way.outstanding == 6


def test_an_answer_ends_the_silence_and_the_rest_follows_by_the_timer() -> None:
    way = silent(*entries(30))
    now, again = sent_next(way)
    way.receive_datagram(ack(*again), now + 0.01)
    assert not way.is_silent
    assert way.answered_at == now + 0.01
    assert sent(way) == []
    assert len(sent_next(way)[1]) == 10


def test_a_server_that_was_found_is_sent_a_fresh_window_at_once() -> None:
    way = silent(*entries(30))
    way.server_found(2.0, round_trip_seconds=0.001)
    assert keys(sent(way)) == [*((sequence, 0, 2) for sequence in range(2, 11)), (1, 0, 3)]
    assert not way.is_silent


def test_what_was_under_way_to_the_old_address_is_sent_to_the_one_that_was_found() -> None:
    way = acquainted(*entries(5))
    sent(way)
    way.server_found(0.01, round_trip_seconds=0.001)
    assert keys(sent(way)) == [(sequence, 0, 2) for sequence in range(1, 6)]


def test_a_server_that_was_found_and_does_not_answer_falls_silent_again() -> None:
    way = silent(entry(1))
    way.server_found(2.0, round_trip_seconds=0.001)
    while not (events := way.events()):
        now = expire(way)
    assert events == [ServerSilent()]
    assert SILENCE_SECONDS <= now - 2.0 < 2 * SILENCE_SECONDS


def test_a_server_with_another_notebook_is_told_once_and_left_alone() -> None:
    way = acquainted(*entries(3))
    for append in sent(way):
        way.receive_datagram(refuse(append), 0.01)
    assert way.events() == [WrongServer()]
    assert way.outstanding == 3
    for attempt in (1, 2, 3):
        now, again = sent_next(way)
        assert now == pytest.approx(0.01 + attempt * SILENT_INTERVAL_SECONDS)
        assert len(again) == 1


def test_a_refusal_of_what_counts_as_lost_is_told_too() -> None:
    way = acquainted(*entries(10))
    first = sent(way)
    now, _ = sent_next(way)
    way.receive_datagram(refuse(first[-1]), now)
    assert way.events() == [WrongServer()]

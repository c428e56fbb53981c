"""The retransmission timeout of RFC 6298 and the congestion window of RFC 9002 §7."""

from itertools import pairwise
from random import Random

import pytest

from udpnote.protocol.congestion import JITTER, RTO_MAX_SECONDS, WINDOW_MAX, CongestionWindow, RetransmissionTimer


def timer(*samples: float, seed: int = 1) -> RetransmissionTimer:
    made = RetransmissionTimer(Random(seed))
    for sample in samples:
        made.sample(sample)
    return made


def grown_window(datagrams: int) -> CongestionWindow:
    window = CongestionWindow(WINDOW_MAX)
    window.grow(datagrams - 10, in_flight=10)
    assert window.datagrams == datagrams
    return window


def test_the_timeout_follows_the_formulas_of_rfc_6298() -> None:
    assert (timer().timeout_seconds, timer().smoothed_seconds, timer(0.0002).timeout_seconds) == (1.0, None, 0.020)
    for samples, smoothed, variation in (
        ([0.1], 0.1, 0.05),
        ([0.1, 0.2], 0.1125, 0.0625),
        ([0.1, 0.2, 0.1], 0.1109375, 0.05),
        ([0.1] * 200, 0.1, 0.001 / 4),  # the granularity of the clock
        ([9.0], 3.0, 1.5),
    ):
        assert timer(*samples).smoothed_seconds == pytest.approx(smoothed)
        assert timer(*samples).timeout_seconds == pytest.approx(smoothed + 4 * variation)


def test_each_expiry_doubles_the_timeout_with_jitter_up_to_a_minute_until_an_answer() -> None:
    seconds = set()
    for seed in range(20):
        made = timer(0.1, seed=seed)
        timeouts = [made.timeout_seconds]
        for _ in range(50):
            made.back_off()
            timeouts.append(made.timeout_seconds)
        seconds.add(timeouts[1])
        assert timeouts[-1] == RTO_MAX_SECONDS
        for before, after in pairwise(timeouts):
            assert min(2 * before, RTO_MAX_SECONDS) <= after <= min(2 * (1 + JITTER) * before, RTO_MAX_SECONDS)
        made.end_backoff()
        assert made.timeout_seconds == timeouts[0]
    assert len(seconds) == 20, "two clients that lost together do not resend together"


def test_the_window_begins_with_ten_datagrams_and_doubles_each_round_trip() -> None:
    window = CongestionWindow(WINDOW_MAX)
    for size in (10, 20, 40, 80, 160):
        assert window.datagrams == size
        window.grow(size, in_flight=size)


def test_the_window_does_not_exceed_its_maximum() -> None:
    for maximum in (3, 15):
        window = CongestionWindow(maximum)
        assert window.datagrams == min(maximum, 10)
        window.grow(100, in_flight=100)
        assert window.datagrams == maximum


def test_the_window_grows_only_if_half_of_it_is_used() -> None:
    window = CongestionWindow(WINDOW_MAX)
    for used, size in ((4, 10), (5, 15)):
        window.grow(used, in_flight=used)
        assert window.datagrams == size


def test_a_loss_halves_the_window_at_most_once_per_round_trip_down_to_two_and_then_it_grows_by_one_each_round_trip() -> None:
    window = grown_window(80)
    for sent_at, now, size in ((1.0, 2.0, 40), (1.5, 2.1, 40), (2.0, 2.2, 40), (2.1, 3.0, 20)):
        window.halve(sent_at=sent_at, now=now)
        assert window.datagrams == size
    for size in (20, 21, 22):
        assert window.datagrams == size
        for _ in range(size + 1):
            window.grow(1, in_flight=size)
    for round_trip in range(4, 12):
        window.halve(sent_at=round_trip + 0.5, now=round_trip + 1.0)
    assert window.datagrams == 2


def test_a_window_collapses_to_two_and_doubles_up_to_half_of_the_earlier_one_and_restarts_with_ten() -> None:
    window = grown_window(80)
    window.collapse(now=2.0)
    assert window.datagrams == 2
    for answered, in_flight, size in ((2, 2, 4), (36, 4, 40), (40, 40, 41)):
        window.grow(answered, in_flight=in_flight)
        assert window.datagrams == size
    window.halve(sent_at=1.9, now=2.5)
    assert window.datagrams == 41, "the collapse was the cut of its round trip"
    window.collapse(now=3.0)
    window.restart()
    assert window.datagrams == 10
    window.grow(10, in_flight=10)
    assert window.datagrams == 20, "slow start"

"""The retransmission timeout of RFC 6298 and the congestion window of RFC 9002 §7."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpnote.protocol.congestion import (
    CLOCK_GRANULARITY_SECONDS,
    JITTER,
    RTO_INITIAL_SECONDS,
    RTO_MAX_SECONDS,
    RTO_MIN_SECONDS,
    WINDOW_INITIAL,
    WINDOW_MAX,
    WINDOW_MIN,
    CongestionWindow,
    RetransmissionTimer,
)  # fmt: skip


def timer(*samples: float, seed: int = 1) -> RetransmissionTimer:
    made = RetransmissionTimer(Random(seed))
    for sample in samples:
        made.sample(sample)
    return made


def backed_off(seed: int, expiries: int) -> list[float]:
    """The timeouts before and after each of so many expiries."""
    made = timer(seed=seed)
    timeouts = [made.timeout_seconds]
    for _ in range(expiries):
        made.back_off()
        timeouts.append(made.timeout_seconds)
    return timeouts


def grown_window(datagrams: int) -> CongestionWindow:
    window = CongestionWindow(WINDOW_MAX)
    window.grow(datagrams - WINDOW_INITIAL, in_flight=WINDOW_INITIAL)
    assert window.datagrams == datagrams
    return window


def test_the_timeout_follows_the_formulas_of_rfc_6298() -> None:
    assert timer().timeout_seconds == RTO_INITIAL_SECONDS == 1.0
    assert timer().smoothed_seconds is None
    for samples, smoothed, variation in (
        ((0.1,), 0.1, 0.05),
        ((0.1, 0.2), 0.1125, 0.0625),
        ((0.1, 0.2, 0.1), 0.1109375, 0.05),
        ([0.1] * 200, 0.1, CLOCK_GRANULARITY_SECONDS / 4),
        ((9.0,), 3.0, 1.5),
    ):
        assert timer(*samples).smoothed_seconds == pytest.approx(smoothed)
        assert timer(*samples).timeout_seconds == pytest.approx(smoothed + 4 * variation)
    assert timer(0.0002).timeout_seconds == RTO_MIN_SECONDS == 0.020


@given(st.integers())
def test_each_expiry_doubles_the_timeout_with_jitter_up_to_a_minute_until_an_answer(seed: int) -> None:
    check_backoff(seed)


def test_two_clients_that_lost_together_do_not_resend_together() -> None:
    check_backoff(1)
    assert len({backed_off(seed, expiries=1)[-1] for seed in range(20)}) == 20


def check_backoff(seed: int) -> None:
    timeouts = backed_off(seed, expiries=12)
    assert timeouts[-1] == RTO_MAX_SECONDS
    for before, after in pairwise(timeouts):
        assert min(2 * before, RTO_MAX_SECONDS) <= after <= min(2 * (1 + JITTER) * before, RTO_MAX_SECONDS)
    made = timer(0.1, seed=seed)
    for _ in range(50):
        made.back_off()
    made.end_backoff()
    assert made.timeout_seconds == timer(0.1).timeout_seconds


def test_the_window_begins_with_ten_doubles_each_round_trip_and_stays_below_its_maximum() -> None:
    window = CongestionWindow(WINDOW_MAX)
    sizes = [window.datagrams]
    for _ in range(4):
        window.grow(window.datagrams, in_flight=window.datagrams)
        sizes.append(window.datagrams)
    assert sizes == [WINDOW_INITIAL, 20, 40, 80, 160]
    for maximum in (3, 15):
        window = CongestionWindow(maximum)
        assert window.datagrams == min(maximum, WINDOW_INITIAL)
        window.grow(100, in_flight=100)
        assert window.datagrams == maximum


def test_a_window_of_which_less_than_half_is_used_does_not_grow() -> None:
    window = CongestionWindow(WINDOW_MAX)
    window.grow(4, in_flight=4)
    assert window.datagrams == 10
    window.grow(5, in_flight=5)
    assert window.datagrams == 15


def test_a_loss_halves_the_window_at_most_once_per_round_trip_down_to_two() -> None:
    window = grown_window(80)
    for sent_at, now, size in ((1.0, 2.0, 40), (1.5, 2.1, 40), (2.0, 2.2, 40), (2.1, 3.0, 20)):
        window.halve(sent_at=sent_at, now=now)
        assert window.datagrams == size
    for round_trip in range(4, 12):
        window.halve(sent_at=round_trip + 0.5, now=round_trip + 1.0)
    assert window.datagrams == WINDOW_MIN == 2


def test_after_a_loss_the_window_grows_by_one_datagram_each_round_trip() -> None:
    window = grown_window(40)
    window.halve(sent_at=1.0, now=2.0)
    for size in (20, 21, 22):
        assert window.datagrams == size
        for _ in range(size + 1):
            window.grow(1, in_flight=size)


def test_a_collapse_leaves_two_datagrams_and_slow_start_up_to_half_of_the_window_before() -> None:
    window = grown_window(80)
    window.collapse(now=2.0)
    assert window.datagrams == 2
    for answered, in_flight, size in ((2, 2, 4), (36, 4, 40), (40, 40, 41)):
        window.grow(answered, in_flight=in_flight)
        assert window.datagrams == size
    window.halve(sent_at=1.9, now=2.5)
    assert window.datagrams == 41, "the collapse was the cut of its round trip"


def test_a_new_path_begins_with_the_initial_window_and_slow_start() -> None:
    window = CongestionWindow(WINDOW_MAX)
    window.collapse(now=2.0)
    window.restart()
    assert window.datagrams == 10
    window.grow(10, in_flight=10)
    assert window.datagrams == 20


@given(st.integers(1, 5), st.lists(st.sampled_from(["grow", "halve", "collapse", "restart"])))
def test_a_window_always_admits_a_datagram_and_never_more_than_its_maximum(maximum: int, changes: list[str]) -> None:
    window = CongestionWindow(maximum)
    for now, change in enumerate(changes, start=1):
        match change:
            case "grow":
                window.grow(3, in_flight=3)
            case "halve":
                window.halve(sent_at=now - 0.5, now=now)
            case "collapse":
                window.collapse(now=now)
            case _:
                window.restart()
        assert 1 <= window.datagrams <= maximum

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
)


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


def test_the_timeout_is_a_second_before_the_first_sample() -> None:
    assert timer().timeout_seconds == RTO_INITIAL_SECONDS == 1.0
    assert timer().smoothed_seconds is None


@pytest.mark.parametrize(
    ("samples", "smoothed", "timeout"),
    [
        ((0.1,), 0.1, 0.1 + 4 * 0.05),
        ((0.1, 0.2), 0.1125, 0.1125 + 4 * 0.0625),
        ((0.1, 0.2, 0.1), 0.1109375, 0.1109375 + 4 * 0.05),
    ],
)
def test_the_timeout_follows_the_formulas_of_rfc_6298(samples: tuple[float, ...], smoothed: float, timeout: float) -> None:
    assert timer(*samples).smoothed_seconds == pytest.approx(smoothed)
    assert timer(*samples).timeout_seconds == pytest.approx(timeout)


def test_the_timeout_of_a_fast_lan_is_20_milliseconds() -> None:
    assert timer(0.0002).timeout_seconds == RTO_MIN_SECONDS == 0.020


def test_a_perfectly_steady_path_still_leaves_a_clock_tick_of_margin() -> None:
    assert timer(*[0.1] * 200).timeout_seconds == pytest.approx(0.1 + CLOCK_GRANULARITY_SECONDS)


@given(st.integers())
def test_each_expiry_doubles_the_timeout_with_up_to_a_quarter_of_jitter_until_a_minute(seed: int) -> None:
    timeouts = backed_off(seed, expiries=12)
    assert timeouts[-1] == RTO_MAX_SECONDS
    for before, after in pairwise(timeouts):
        assert min(2 * before, RTO_MAX_SECONDS) <= after <= min(2 * (1 + JITTER) * before, RTO_MAX_SECONDS)


def test_two_clients_that_lost_together_do_not_resend_together() -> None:
    assert len({backed_off(seed, expiries=1)[-1] for seed in range(20)}) == 20


def test_an_answer_ends_the_backoff_and_keeps_the_estimate() -> None:
    made = timer(0.1)
    for _ in range(50):
        made.back_off()
    made.end_backoff()
    assert made.timeout_seconds == timer(0.1).timeout_seconds


def test_the_window_begins_with_ten_datagrams_or_with_fewer_if_no_more_are_allowed() -> None:
    assert CongestionWindow(WINDOW_MAX).datagrams == WINDOW_INITIAL == 10
    assert CongestionWindow(maximum=3).datagrams == 3


def test_the_window_doubles_each_round_trip_until_the_first_loss() -> None:
    window = CongestionWindow(WINDOW_MAX)
    sizes = []
    for _ in range(4):
        window.grow(window.datagrams, in_flight=window.datagrams)
        sizes.append(window.datagrams)
    assert sizes == [20, 40, 80, 160]


def test_the_window_does_not_grow_past_its_maximum() -> None:
    window = CongestionWindow(maximum=15)
    window.grow(100, in_flight=100)
    assert window.datagrams == 15


def test_a_window_of_which_less_than_half_is_used_does_not_grow() -> None:
    window = CongestionWindow(WINDOW_MAX)
    window.grow(4, in_flight=4)
    assert window.datagrams == 10
    window.grow(5, in_flight=5)
    assert window.datagrams == 15


def test_a_loss_halves_the_window_at_most_once_per_round_trip() -> None:
    window = grown_window(80)
    window.halve(sent_at=1.0, now=2.0)
    window.halve(sent_at=1.5, now=2.1)
    window.halve(sent_at=2.0, now=2.2)
    assert window.datagrams == 40
    window.halve(sent_at=2.1, now=3.0)
    assert window.datagrams == 20


def test_after_a_loss_the_window_grows_by_one_datagram_each_round_trip() -> None:
    window = grown_window(40)
    window.halve(sent_at=1.0, now=2.0)
    for size in (20, 21, 22):
        assert window.datagrams == size
        for _ in range(size + 1):
            window.grow(1, in_flight=size)


def test_losses_leave_a_window_of_two() -> None:
    window = CongestionWindow(WINDOW_MAX)
    for round_trip in range(10):
        window.halve(sent_at=round_trip + 0.5, now=round_trip + 1.0)
    assert window.datagrams == WINDOW_MIN == 2


def test_a_collapse_leaves_two_datagrams_and_slow_start_up_to_half_of_what_was() -> None:
    window = grown_window(80)
    window.collapse(now=2.0)
    assert window.datagrams == 2
    window.grow(2, in_flight=2)
    assert window.datagrams == 4
    window.grow(36, in_flight=4)
    assert window.datagrams == 40
    window.grow(40, in_flight=40)
    assert window.datagrams == 41


def test_a_collapse_counts_as_the_reduction_of_its_round_trip() -> None:
    window = grown_window(80)
    window.collapse(now=2.0)
    window.grow(30, in_flight=2)
    window.halve(sent_at=1.9, now=2.5)
    assert window.datagrams == 32


def test_a_new_path_begins_with_the_initial_window_and_slow_start() -> None:
    window = CongestionWindow(WINDOW_MAX)
    window.collapse(now=2.0)
    window.restart()
    assert window.datagrams == 10
    window.grow(10, in_flight=10)
    assert window.datagrams == 20


@given(st.integers(1, 5), st.lists(st.sampled_from(["acknowledged", "lost", "collapse", "restart"])))
def test_a_window_always_admits_a_datagram_and_never_more_than_its_maximum(maximum: int, changes: list[str]) -> None:
    window = CongestionWindow(maximum)
    for now, change in enumerate(changes, start=1):
        match change:
            case "acknowledged":
                window.grow(3, in_flight=3)
            case "lost":
                window.halve(sent_at=now - 0.5, now=now)
            case "collapse":
                window.collapse(now=now)
            case _:
                window.restart()
        assert 1 <= window.datagrams <= maximum

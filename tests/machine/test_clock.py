"""The clock counts on where Python's own functions fail, and never past what an entry can hold."""

import time
from unittest import mock

import pytest

from udpnote.machine.clock import PYTHON_TIME_MAX, wall_microseconds, wall_seconds
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN


def test_the_clock_agrees_with_pythons_clock() -> None:
    before, now, after = time.time_ns() // 1000, wall_microseconds(), time.time_ns() // 1000
    assert before - 1 <= now <= after + 1 < PYTHON_TIME_MAX


@pytest.mark.parametrize(
    ("seconds", "microseconds"), [(9.5e9, 9_500_000_000_000_000), (1e18, WRITTEN_AT_MAX), (-1e18, WRITTEN_AT_MIN)]
)
def test_a_clock_that_is_wrong_by_centuries_is_read_and_limited(seconds: float, microseconds: int) -> None:
    with mock.patch("time.clock_gettime", return_value=seconds):
        assert (wall_microseconds(), wall_seconds()) == (microseconds, microseconds / 1_000_000)

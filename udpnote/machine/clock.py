"""This machine's clock."""

import time

from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN

PYTHON_TIME_MAX = (2**63 - 1) // 1000
"""The latest time that Python's `time.time` can return, on 11 April 2262, in microseconds since 1970 UTC. After this time it
raises an error, also where Python's own modules call it."""


def wall_microseconds() -> int:
    """The time now, in microseconds since 1970 UTC, at least `WRITTEN_AT_MIN` and at most `WRITTEN_AT_MAX`."""
    return min(max(int(time.clock_gettime(time.CLOCK_REALTIME) * 1_000_000), WRITTEN_AT_MIN), WRITTEN_AT_MAX)


def wall_seconds() -> float:
    """The time of `wall_microseconds` in seconds since 1970 UTC."""
    return wall_microseconds() / 1_000_000

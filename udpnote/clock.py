"""This machine's clock."""

import time

from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN

PYTHON_TIME_MAX = (2**63 - 1) // 1000
"""11 April 2262 in microseconds since 1970 UTC: afterwards `time.time` of Python raises an error, also in its own modules."""


def wall_microseconds() -> int:
    """Microseconds since 1970 UTC, cut to what an entry can hold, even if the clock is wrong."""
    return min(max(int(time.clock_gettime(time.CLOCK_REALTIME) * 1_000_000), WRITTEN_AT_MIN), WRITTEN_AT_MAX)


def wall_seconds() -> float:
    """Seconds since 1970 UTC."""
    return wall_microseconds() / 1_000_000

"""This machine's clock."""

import time

from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN

PYTHON_TIME_MAX = (2**63 - 1) // 1000
"""The latest time that Python's `time.time` can return: 11 April 2262, in microseconds since 1970 UTC. After that time, it
raises an error, even when Python's own modules call it."""


def wall_microseconds() -> int:
    """The current time, in microseconds since 1970 UTC, limited to the range from `WRITTEN_AT_MIN` to `WRITTEN_AT_MAX`."""
    return min(max(int(time.clock_gettime(time.CLOCK_REALTIME) * 1_000_000), WRITTEN_AT_MIN), WRITTEN_AT_MAX)


def boot_seconds() -> float:
    """When this machine was started, in seconds since 1970 UTC: the time now, minus the time since the start.

    If the clock is set, the result changes by as much.
    """
    since_boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # on macOS, the latter also counts while it sleeps
    return wall_seconds() - time.clock_gettime(since_boot)


def wall_seconds() -> float:
    """The result of `wall_microseconds`, but in seconds."""
    return wall_microseconds() / 1_000_000

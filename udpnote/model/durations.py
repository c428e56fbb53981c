"""Durations that were measured several times, and the two figures that describe them: the median and the 99th percentile."""

from collections.abc import Iterable


class Durations:
    """What was measured, in seconds: at least one duration. `seconds` has the durations in ascending order."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self.seconds = sorted(seconds)
        assert self.seconds, "no durations have no median"

    @property
    def count(self) -> int:
        """How many durations were measured."""
        return len(self.seconds)

    @property
    def median(self) -> float:
        """The duration in seconds that half of the measured ones do not exceed."""
        return self._at_rank(50)

    @property
    def percentile_99(self) -> float:
        """The duration in seconds that 99 % of the measured ones do not exceed: of less than 100, the longest one."""
        return self._at_rank(99)

    def _at_rank(self, percent: int) -> float:
        """The shortest measured duration that `percent` % of the measured ones do not exceed (the nearest-rank method)."""
        rank = -(-percent * self.count // 100)  # rounded up
        return self.seconds[rank - 1]

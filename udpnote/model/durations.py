"""Repeated measurements of how long something takes, and two figures about them: the median and the 99th percentile."""

from collections.abc import Iterable


class Durations:
    """Measured durations in seconds, at least one. The attribute `seconds` is the list of them in ascending order."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self.seconds = sorted(seconds)
        assert self.seconds, "a median needs at least one duration"

    @property
    def count(self) -> int:
        """How many durations were measured."""
        return len(self.seconds)

    @property
    def median(self) -> float:
        """The median in seconds. If the number of durations is even, it is the shorter one of the two in the middle."""
        return self._at_rank(50)

    @property
    def percentile_99(self) -> float:
        """The 99th percentile in seconds. It is the longest measured duration if there are fewer than 100."""
        return self._at_rank(99)

    def _at_rank(self, percent: int) -> float:
        """The percentile by the nearest-rank method: at least `percent` % of the durations are not longer than the result."""
        rank = -(-percent * self.count // 100)  # rounded up
        return self.seconds[rank - 1]

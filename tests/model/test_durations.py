"""The median and the 99th percentile of measured durations."""

import pytest

from udpnote.model.durations import Durations


@pytest.mark.parametrize(
    ("seconds", "median", "percentile_99"),
    [([0.7], 0.7, 0.7), ([3, 1, 2], 2, 3), (range(1, 101), 50, 99), (range(100, 0, -1), 50, 99), (range(1, 1001), 500, 990)],
)
def test_half_take_no_longer_than_the_median_and_99_percent_no_longer_than_the_percentile(
    seconds: list[float], median: float, percentile_99: float
) -> None:
    durations = Durations(seconds)
    assert (durations.median, durations.percentile_99, durations.count) == (median, percentile_99, len(seconds))

"""A histogram of durations, with bars."""

import pytest
from wcwidth import wcswidth

from tests.support.screens import without_styles
from udpnote.cli.terminal.charts import histogram
from udpnote.model.durations import Durations


def lines(seconds: list[float], width: int = 40) -> list[str]:
    """The histogram without its styles."""
    return [without_styles(line) for line in histogram(Durations(seconds), width)]


def test_intervals_of_a_round_length_go_to_the_99th_percentile_and_the_rest_has_one_line() -> None:
    seconds = [0.0012] * 40 + [0.00139] * 20 + [0.0021] * 139 + [0.7]
    assert lines(seconds) == [
        "  1.2 ms " + "█" * (60 * 27 // 139) + " 60",
        "  1.4 ms ·",
        "  1.6 ms ·",
        "  1.8 ms ·",
        "  2.0 ms " + "█" * 27 + " 139",
        "≥ 2.2 ms █ 1",
    ]


@pytest.mark.parametrize(
    ("seconds", "label"),
    [([0.000_007], "  0.007 ms "), ([0.25, 0.3], "  250 ms "), ([0.000_01 * each for each in range(1, 40)], "  0.00 ms ")],
)
def test_labels_have_as_many_digits_as_the_intervals_need(seconds: list[float], label: str) -> None:
    drawn = lines(seconds)
    assert drawn[0].startswith(label)
    assert len(drawn) <= 10
    assert sum(int(line.split()[-1]) for line in drawn if "█" in line) == len(seconds)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    drawn = lines([0.001 * (1 + each % 7) ** 3 for each in range(12_345)], width)
    assert max(map(wcswidth, drawn)) <= width

"""Bars and calendars of the days with notes, and histograms of durations."""

from datetime import date, timedelta

import pytest
from wcwidth import wcswidth

from tests.support.screens import without_styles
from udpnote.cli.terminal.charts import days_chart, histogram, year_calendar
from udpnote.model.durations import Durations
from udpnote.model.language import SIMPLIFIED
from udpnote.text.language import speaking

TODAY = date(2026, 11, 23)


def lines(amounts: dict[date, int], width: int = 80) -> list[str]:
    """The lines of the chart, without styles. `amounts` are the numbers of notes by day."""
    return [without_styles(line) for line in days_chart(amounts, TODAY, width)]


def days_back(*amounts: int, every: int = 1) -> dict[date, int]:
    """Numbers of notes by day: the first one is that of today, the next one that of `every` days before, and so on."""
    return {TODAY - timedelta(days=every * place): amount for place, amount in enumerate(amounts) if amount}


def test_a_short_time_has_a_bar_for_each_day_also_without_notes() -> None:
    assert lines(days_back(4, 0, 1) | {TODAY - timedelta(days=3): 40}, 58) == [
        "2026-11-20 Fri  " + "█" * 39 + " 40",
        "2026-11-21 Sat  " + "█" * 1 + " 1",
        "2026-11-22 Sun  ·",
        "2026-11-23 Mon  " + "█" * 3 + " 4",
    ]
    with speaking(SIMPLIFIED):
        assert lines(days_back(1)) == ["2026-11-23 周一 " + "█" * 60 + " 1"]


def test_a_long_time_is_a_calendar_with_weeks_as_columns() -> None:
    drawn = lines(days_back(1, 1, 2, 3, 4, 5, 6, 7, every=6), 80)
    assert [line[:5].strip() for line in drawn] == ["", "Mon", "", "Wed", "", "Fri", "", "Sun", "", ""]
    assert drawn[0].split() == ["Nov"]
    rows = [line[5:] for line in drawn[1:8]]
    shaded = [(week, weekday) for weekday, row in enumerate(rows) for week, cell in enumerate(row) if cell in "░▒▓█"]
    assert sorted(shaded) == [(0, 0), (0, 6), (1, 5), (2, 4), (3, 3), (4, 2), (5, 1), (6, 0)]
    assert drawn[-1] == "     · 0   ░ 1   ▒ 2–3   ▓ 4–5   █ 6–7   notes a day"


@pytest.mark.parametrize(
    ("width", "parts", "cells"), [(20, [13, 13, 13, 14], 1), (40, [26, 27], 1), (80, [53], 1), (120, [53], 2)]
)
def test_the_calendar_is_of_the_last_year_in_as_many_parts_as_the_width_needs(width: int, parts: list[int], cells: int) -> None:
    *drawn, empty, legend, left_out = lines(days_back(*[1] * 1000), width)
    assert (max(map(wcswidth, drawn)) <= width, empty, legend[-11:]) == (True, "", "notes a day")
    assert [line for line in drawn if line.startswith("Mon")] == ["Mon  " + "█" * weeks * cells for weeks in parts]
    tuesdays = drawn[9 * len(parts) - 7]
    assert tuesdays == "     " + "█" * (parts[-1] - 1) * cells + " " * cells, "tomorrow, a Tuesday, has no sign"
    start = TODAY - timedelta(days=7 * 52)
    assert left_out == f"this is the last year; not drawn: {1000 - 7 * 52 - 1} notes before {start}"


@pytest.mark.parametrize(("year", "days", "weeks"), [(2026, 327, 48), (2012, 366, 54), (1, 365, 53), (9999, 1, 1)])
def test_a_year_is_drawn_up_to_today(year: int, days: int, weeks: int) -> None:
    drawn = [without_styles(line) for line in year_calendar({}, year, TODAY, 80)]
    assert (drawn[0][:8], drawn[-1]) == ("     Jan", "     · 0   notes a day")
    assert ("".join(drawn[1:8]).count("·"), max(map(len, drawn[1:8])) - 5) == (days, weeks)


def test_the_months_stand_above_the_weeks_in_which_they_begin() -> None:
    amounts = days_back(*[1] * 100)
    names = lines(amounts)[0]
    assert names.split() == ["Sep", "Oct", "Nov"]
    monday = TODAY - 15 * timedelta(days=7)
    assert [(monday + (names.index(name) - 5) * timedelta(days=7)) for name in names.split()] == [
        date(2026, 8, 31), date(2026, 9, 28), date(2026, 10, 26),
    ]  # fmt: skip
    with speaking(SIMPLIFIED):
        assert wcswidth(lines(amounts)[0].partition("10月")[0]) == names.index("Oct")
        assert lines(amounts)[0].split() == ["9月", "10月11月"], "each month, even where two names touch"


def test_shades_follow_the_number_of_notes_and_ignore_a_date_in_the_future() -> None:
    drawn = lines(days_back(*[1, 2, 0, 3, 4] * 20))
    cells = "".join(row[5:] for row in drawn[1:8])
    assert [cells.count(shade) for shade in "·░▒▓█"] == [20] * 5, "no notes: the lightest; the busiest day: the darkest"
    ahead = {date(9999, 12, 30): 1}
    assert lines(days_back(1, 2) | ahead) == [
        *lines(days_back(1, 2)), "not drawn: 1 note, dated after 2026-11-23 by a clock that is ahead",
    ]  # fmt: skip
    assert lines(ahead)[0].startswith("9999-12-30")


def test_the_first_and_the_last_days_of_all_can_be_drawn() -> None:
    for first, last, label in ((date.min, date(1, 3, 1), "Jan Feb Mar"), (date(9999, 11, 1), date.max, "Oct Nov Dec")):
        drawn = lines({first: 1, last: 1})
        assert "".join(drawn[1:8]).count("█") == 2
        assert {*label.split()} >= {*drawn[0].split()} > set()
    assert "".join(map(without_styles, year_calendar({date.max: 1}, 9999, TODAY, 80))).count("█") == 2, "one is in the legend"


def histogram_lines(seconds: list[float], width: int = 40) -> list[str]:
    """The histogram without its styles."""
    return [without_styles(line) for line in histogram(Durations(seconds), width)]


def test_intervals_of_a_round_length_go_to_the_99th_percentile_and_the_rest_has_one_line() -> None:
    seconds = [0.0012] * 40 + [0.00139] * 20 + [0.0021] * 139 + [0.7]
    assert histogram_lines(seconds) == [
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
    drawn = histogram_lines(seconds)
    assert drawn[0].startswith(label)
    assert len(drawn) <= 10
    assert sum(int(line.split()[-1]) for line in drawn if "█" in line) == len(seconds)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    drawn = histogram_lines([0.001 * (1 + each % 7) ** 3 for each in range(12_345)], width)
    assert max(map(wcswidth, drawn)) <= width

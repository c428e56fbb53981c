"""How many notes were written on each day, as a picture of bars or of a calendar."""

from datetime import date, timedelta

import pytest
from wcwidth import wcswidth

from udpnote.cli.terminal.calendar import picture
from udpnote.model.language import SIMPLIFIED
from udpnote.text.language import speaking

TODAY = date(2026, 11, 23)


def lines(amounts: dict[date, int], width: int = 80) -> list[str]:
    """The picture without its styles."""
    return ["".join(piece if isinstance(piece, str) else piece[0] for piece in line) for line in picture(amounts, TODAY, width)]


def days_back(*amounts: int, every: int = 1) -> dict[date, int]:
    """Amounts of the days before today, the latest first."""
    return {TODAY - timedelta(days=every * place): amount for place, amount in enumerate(amounts) if amount}


def test_a_short_time_is_a_bar_for_each_day_also_for_those_without_notes() -> None:
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


@pytest.mark.parametrize(("width", "weeks", "cells"), [(20, 15, 1), (80, 53, 1), (111, 53, 2), (300, 53, 2)])
def test_the_calendar_is_of_the_last_year_or_what_fits(width: int, weeks: int, cells: int) -> None:
    drawn = lines(days_back(*[1] * 1000), width)
    assert max(map(wcswidth, drawn[:8])) <= width
    assert drawn[1] == "Mon  " + "█" * weeks * cells
    assert drawn[2] == "     " + "█" * (weeks - 1) * cells + " " * cells, "tomorrow is no day without notes"
    left_out = f"not drawn: {1000 - 7 * weeks + 6} notes before {TODAY - timedelta(days=7 * (weeks - 1))}"
    assert drawn[10:] == [f"these are the last {weeks} weeks; {left_out}"]


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


def test_a_clock_that_is_ahead_does_not_hide_what_was_written_in_its_shades() -> None:
    drawn = lines(days_back(*[1, 2, 0, 3, 4] * 20))
    cells = "".join(row[5:] for row in drawn[1:8])
    assert [cells.count(shade) for shade in "·░▒▓█"] == [20] * 5, "no notes: the lightest; the busiest day: the darkest"
    ahead = {date(9999, 12, 30): 1}
    assert lines(days_back(1, 2) | ahead) == [
        *lines(days_back(1, 2)), "not drawn: 1 note of a clock that is ahead, dated after 2026-11-23",
    ]  # fmt: skip
    assert lines(ahead)[0].startswith("9999-12-30")

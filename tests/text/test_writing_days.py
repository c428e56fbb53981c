"""Figures about days with notes, and the shades of these days."""

from datetime import date, timedelta

import pytest

from udpnote.text.writing_days import Figures, days_of_year, figures_of, level_of, quartiles

NEW_YEAR = date(2026, 1, 1)


def days(*amounts: int) -> dict[date, int]:
    """Numbers of notes by day, from the second last day of 2025 on."""
    first = NEW_YEAR - timedelta(days=2)
    return {first + timedelta(days=place): amount for place, amount in enumerate(amounts) if amount}


def test_the_figures_are_those_of_the_days_with_notes() -> None:
    assert figures_of(days(1, 5, 2, 0, 5, 1)) == Figures(14, 5, 3, date(2025, 12, 31), 5)
    assert figures_of(days_of_year(days(1, 5, 2, 0, 3, 1), 2026)) == Figures(6, 3, 2, date(2026, 1, 3), 3)
    assert figures_of({}) == Figures(0, 0, 0, None, 0)


@pytest.mark.parametrize(
    ("amounts", "levels"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4]), ([1] * 4, [4] * 4), ([1, 1, 1, 2], [1, 1, 1, 4]), ([0, 1, 1, 1, 9], [0, 1, 1, 1, 4]),
        ([0], [0]), ([1, 1, 2, 3, 5, 8, 13, 1000], [1, 1, 2, 2, 3, 3, 4, 4]),
    ],
)  # fmt: skip
def test_each_shade_has_about_a_quarter_of_the_days_and_a_busy_day_is_darker(amounts: list[int], levels: list[int]) -> None:
    limits = quartiles([amount for amount in amounts if amount])
    assert [level_of(amount, limits) for amount in amounts] == levels

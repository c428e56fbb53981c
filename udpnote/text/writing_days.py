"""The days on which notes were written: figures about them, and how dark each is in a calendar. For `stats`.

All names of weekdays and months come from here, in the current language (see `text.language`).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from udpnote.text.language import gettext as _

LEVELS = 5
"""How many shades a calendar has: one for a day without notes, and four for days with few, more, many and very many notes."""

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


class Figures(NamedTuple):
    """Figures about some days: the number of `notes`, and of the `days` on which at least one note was written.

    `longest_run` is the largest number of consecutive days with notes. `busiest` is the day with the most notes (the earliest
    of several), and `busiest_notes` is the number of its notes. Without notes, `busiest` is None, and all numbers are 0.
    """

    notes: int
    days: int
    longest_run: int
    busiest: date | None
    busiest_notes: int


def figures_of(amounts: Mapping[date, int]) -> Figures:
    """Return the figures about the days in `amounts`, which has the number of notes for each day with notes."""
    longest = run = 0
    before: date | None = None
    for day in sorted(amounts):
        run = run + 1 if before is not None and day - before == DAY else 1
        longest, before = max(longest, run), day
    busiest = max(sorted(amounts), key=amounts.__getitem__, default=None)
    return Figures(sum(amounts.values()), len(amounts), longest, busiest, amounts[busiest] if busiest is not None else 0)


def days_of_year(amounts: Mapping[date, int], year: int) -> dict[date, int]:
    """The part of `amounts` whose days are in `year`."""
    return {day: amount for day, amount in amounts.items() if day.year == year}


def quartiles(amounts: Iterable[int]) -> list[int]:
    """Return three limits that divide the `amounts` into four shades, so that about a quarter of the days gets each shade.

    If the amounts are sorted, the limits are those with which the second, third and fourth quarter begin. Limits that depend on
    the highest amount would be worse: one day with very many notes would make all others look the same. If any day has more
    than one note, the days with one note have the lightest shade. Without amounts, all limits are 1.
    """
    ordered = sorted(amounts) or [1]
    least = min(ordered[-1], 2)
    return [max(ordered[len(ordered) * quarter // 4], least) for quarter in (1, 2, 3)]


def level_of(amount: int, limits: list[int]) -> int:
    """The shade of a day with `amount` notes, from 0 (no notes) to 4. `limits` come from `quartiles`."""
    return 1 + bisect_right(limits, amount) if amount else 0


def monday_of(day: date) -> date:
    """The Monday of the week of `day`."""
    return day - day.weekday() * DAY


def weekday_name(weekday: int) -> str:
    """The name of a weekday: 0 is Monday, 6 is Sunday."""
    names = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
    return names[weekday]


def short_weekday_name(weekday: int) -> str:
    """The name of a weekday in at most four terminal cells: 0 is Monday, 6 is Sunday."""
    return (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))[weekday]


def short_month_name(month: int) -> str:
    """The name of a month in at most four terminal cells: 1 is January, 12 is December."""
    names = (
        _("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"), _("Jun"),
        _("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"), _("Dec"),
    )  # fmt: skip
    return names[month - 1]


def dated_weekday(year: int, month: int, day: int, weekday: int) -> str:
    """A day with its weekday (0 is Monday), such as `2026-11-23 Monday`."""
    date = f"{year:04}-{month:02}-{day:02}"
    return _("{date} {weekday}").format(date=date, weekday=weekday_name(weekday))

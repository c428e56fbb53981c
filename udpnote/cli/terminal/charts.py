"""Draws charts, line by line: bars, calendars of days, and histograms of durations."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from udpnote.cli.terminal.streams import drawn
from udpnote.cli.terminal.text import Line, cell_count, count, padded
from udpnote.text.language import gettext as _
from udpnote.text.writing_days import DAY, WEEK, level_of, monday_of, quartiles, short_month_name, short_weekday_name

if TYPE_CHECKING:
    from udpnote.model.durations import Durations

BAR_CELLS_MAX = 60
"""The length of the longest bar in terminal cells. Longer bars would not be easier to compare."""

_NO_BAR_STYLE = "bright_black"
_BAR_STYLE = "color(34)"

_SHADES, _PLAIN_SHADES = "·░▒▓█", ".-+#@"
"""The signs for the amount 0, and for higher and higher amounts. `_SHADES` are for outputs in UTF-8, `_PLAIN_SHADES` for all
others.
"""

BARS_DAYS_MAX = 36
"""Up to this many days (about five weeks) are drawn as a bar for each day. More days are drawn as a calendar."""

CALENDAR_WEEKS_MAX = 53
"""The most weeks in the calendar. A year has days in up to 53 weeks."""

_SHADE_STYLES = (_NO_BAR_STYLE, "color(22)", "color(28)", "color(34)", "color(46)")
_LABEL_CELLS = 5

ROWS_MAX = 8
"""`histogram` divides the span from the shortest duration to the 99th percentile into at most this many intervals. It may draw
one more: intervals begin at multiples of their length, so the first one may begin before the shortest duration.
"""


def days_chart(amounts: Mapping[date, int], today: date, width: int) -> Iterator[Line]:
    """Yield the lines of a chart that shows how many notes were written on each day.

    `amounts` has the number of notes for each day that has notes; there must be at least one. If the first and the last day are
    less than `BARS_DAYS_MAX` days apart, each day is a bar. If they are further apart, each day is a shade in a calendar of at
    most `CALENDAR_WEEKS_MAX` weeks, which ends with the last day.

    Bars, and the weeks of the calendar, fit into `width` terminal cells. Days after tomorrow come from wrong clocks, and are
    left out unless there are no other days. The last lines say how many notes the chart leaves out.
    """
    past = {day: amount for day, amount in amounts.items() if day <= today + DAY} or dict(amounts)
    first, last = min(past), max(past)
    if (last - first).days < BARS_DAYS_MAX:
        yield from _bars(past, first, last, width)
    else:
        start_of_calendar = max(monday_of(last).toordinal() - 7 * (CALENDAR_WEEKS_MAX - 1), 1)  # 1 is the ordinal of `date.min`
        start = max(first, date.fromordinal(start_of_calendar))
        yield from _calendar(past, start, last, width)
        earlier = sum(amount for day, amount in past.items() if day < start)
        if earlier:
            notes = count(earlier, "note", "notes")
            yield [_("this is the last year; not drawn: {notes} before {day}").format(notes=notes, day=start)]
    ahead = sum(amounts.values()) - sum(past.values())
    if ahead:
        notes = count(ahead, "note", "notes")
        yield [_("not drawn: {notes}, dated after {day} by a clock that is ahead").format(notes=notes, day=last)]


def year_calendar(amounts: Mapping[date, int], year: int, today: date, width: int) -> Iterator[Line]:
    """Yield the lines of a calendar of `year`. Days that are later than both `today` and the last day with notes are left out.

    `amounts` has the number of notes for each day of the year that has notes. The calendar fits into `width` terminal cells.
    """
    first = date(year, 1, 1)
    last = max([first, min(date(year, 12, 31), today), *amounts])
    yield from _calendar(amounts, first, last, width)


def _bars(amounts: Mapping[date, int], first: date, last: date, width: int) -> Iterator[Line]:
    """Yield a line for each day from `first` to `last`: its date, its weekday, a bar and its number of notes."""
    highest = max(amounts.values())
    for day in (first + place * DAY for place in range((last - first).days + 1)):
        label = f"{day} {padded(short_weekday_name(day.weekday()), 4)} "
        yield _bar_line(label, amounts.get(day, 0), highest=highest, width=width)


def _calendar(amounts: Mapping[date, int], first: date, last: date, width: int) -> Iterator[Line]:
    """Yield the lines of a calendar of the days from `first` to `last`: a column for each week, a row for each weekday.

    Each day is a shade, which a legend below the calendar explains. If the weeks do not fit into `width` terminal cells, they
    are drawn in several parts of about the same width, one below the other.
    """
    weeks = [monday_of(first) + place * WEEK for place in range((monday_of(last) - monday_of(first)) // WEEK + 1)]
    # A day is two cells wide if a whole year has room for that. So shorter and longer calendars look alike on one terminal.
    cells = 2 if width >= _LABEL_CELLS + 2 * max(len(weeks), CALENDAR_WEEKS_MAX) else 1
    parts = -(-len(weeks) // max((width - _LABEL_CELLS) // cells, 1))  # rounded up
    shown = {day: amount for day, amount in amounts.items() if first <= day <= last}
    limits = quartiles(shown.values())
    for part in range(parts):
        mondays = weeks[len(weeks) * part // parts : len(weeks) * (part + 1) // parts]
        yield [_month_names(mondays, cells)]
        for weekday in range(7):
            line: Line = [padded("" if weekday % 2 else short_weekday_name(weekday), _LABEL_CELLS)]
            for ordinal in (monday.toordinal() + weekday for monday in mondays):  # a week may end after `date.max`
                is_drawn = first.toordinal() <= ordinal <= last.toordinal()
                line.append(_shade(shown.get(date.fromordinal(ordinal), 0), limits, cells) if is_drawn else " " * cells)
            yield line
        yield []
    yield _legend(limits, max(shown.values(), default=0))


def _shade(amount: int, limits: list[int], cells: int) -> tuple[str, str]:
    """Return the sign for a day with `amount` notes, made `cells` terminal cells wide, and the sign's style.

    `limits` is the result of `quartiles`.
    """
    level = level_of(amount, limits)
    sign = _shades()[level]
    return sign * cells if amount else sign.ljust(cells), _SHADE_STYLES[level]


def _shades() -> str:
    """The signs for a day without notes, and for days with few, more, many and very many notes."""
    return drawn(_SHADES, _PLAIN_SHADES)


def _month_names(mondays: list[date], cells: int) -> str:
    """Return the line above the calendar. It has the name of each month above the week in which the month begins, if there is
    room.

    The weeks begin on the days `mondays`, and each is `cells` terminal cells wide.
    """
    line, filled = "", 0
    for place, monday in enumerate(mondays):
        sunday = min(monday, date.max - 6 * DAY) + 6 * DAY  # at most `date.max`
        name = short_month_name(sunday.month)
        start = _LABEL_CELLS + place * cells
        if sunday.day <= 7 and start >= filled:  # the first day of the month is in this week, and the name has room
            line += " " * (start - filled) + name
            filled = start + cell_count(name)
    return line


def _legend(limits: list[int], highest: int) -> Line:
    """Return the line below the calendar: for each shade, how many notes a day with this shade has.

    `limits` is the result of `quartiles`, and `highest` is the highest number of notes of a day.
    """
    line: Line = [" " * _LABEL_CELLS, (_shades()[0], _SHADE_STYLES[0]), " 0"]
    starts = [1, *limits]
    for level, (start, end) in enumerate(zip(starts, [*limits, highest + 1], strict=True), 1):
        if start < end:
            amounts = f"{start:,}" if start == end - 1 else f"{start:,}–{end - 1:,}"
            line += ["   ", (_shades()[level], _SHADE_STYLES[level]), f" {amounts}"]
    return [*line, f"   {_('notes a day')}"]


def histogram(durations: "Durations", width: int) -> Iterator[Line]:
    """Yield a line for each interval: the milliseconds at which it begins, a bar, and how many durations are in it.

    The intervals go from the shortest duration to the 99th percentile. All are equally long: 1, 2 or 5 µs, or 10, 20 or 50 µs,
    and so on. If there are longer durations, one more line counts them. Each line has at most `width` terminal cells.
    """
    step = _step(durations)
    first, last = (round(seconds * 1e6) // step for seconds in (durations.seconds[0], durations.percentile_99))
    amounts = Counter(min(round(seconds * 1e6) // step, last + 1) for seconds in durations.seconds)
    decimals = 4 - len(str(step)) if step < 1000 else 0  # as many as `step` has in milliseconds
    labels = [f"{place * step / 1000:.{decimals}f}" for place in range(first, last + 2)]  # the last is for longer durations
    cells = max(map(len, labels))
    for place, label in enumerate(labels, first):
        if place <= last or amounts[place]:
            sign = drawn("≥", ">") if place > last else " "
            yield _bar_line(f"{sign} {label:>{cells}} ms ", amounts[place], highest=max(amounts.values()), width=width)


def _step(durations: "Durations") -> int:
    """The length of an interval in microseconds."""
    span = (durations.percentile_99 - durations.seconds[0]) * 1e6
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power * ROWS_MAX >= span:
                return factor * power
        power *= 10


def _bar_line(label: str, amount: int, *, highest: int, width: int) -> Line:
    """Return a line of a chart: `label`, a bar and the `amount`, which is from 0 to `highest`.

    The bar's length is in proportion to the amount, but at least one terminal cell. The longest bar, for the amount `highest`,
    fills the line up to `width` cells, but has at most `BAR_CELLS_MAX`. The line for the amount 0 has one small sign after the
    label, and no number.
    """
    from rich.cells import cell_len  # here, because `list` imports this module, too, and draws no bar

    if not amount:
        return [label, (drawn(_SHADES, _PLAIN_SHADES)[0], _NO_BAR_STYLE)]
    cells = max(min(width - cell_len(f"{label} {highest:,}"), BAR_CELLS_MAX), 1)
    return [label, (drawn("█", "#") * max(amount * cells // highest, 1), _BAR_STYLE), f" {amount:,}"]

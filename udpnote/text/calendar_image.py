"""The days of a notebook as a picture: an SVG that shows for each day of each year how many notes were written.

The picture needs no other file, and no font of its own. It is light or dark like the reader's system; if a program does not
know that setting, it shows the picture light. The picture has no text of any note.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import date
from html import escape
from itertools import accumulate
from unicodedata import east_asian_width

from udpnote.text.harmless import harmless
from udpnote.text.language import gettext as _
from udpnote.text.language import language, ngettext
from udpnote.text.writing_days import (
    DAY,
    LEVELS,
    WEEK,
    Figures,
    dated_weekday,
    days_of_year,
    figures_of,
    level_of,
    monday_of,
    quartiles,
    short_month_name,
    short_weekday_name,
)

YEARS_MAX = 40
"""The most years in the picture: the latest ones with notes. Without a limit, a wrong clock could make the picture very
high."""

NAME_CELLS_MAX = 32
"""A longer name of a notebook is cut, because it would not fit beside the years. A Chinese character counts as two cells."""

_PITCH, _CELL, _CORNER = 16, 13, 3
"""In pixels: the distance between the left sides of two days, the width of a day, and the radius of its corners."""

_MARGIN, _LABELS = 48, 44
_WIDTH = 2 * _MARGIN + _LABELS + 54 * _PITCH
"""The width of the picture in pixels. The days of a year are in up to 54 weeks, because weeks begin on Monday."""

_HEADER_HEIGHT, _YEAR_HEIGHT, _FOOTER_HEIGHT = 190, 78 + 7 * _PITCH, 64

_FONTS = (
    'system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", '
    '"Microsoft YaHei", "WenQuanYi Zen Hei", sans-serif'
)
_LIGHT = ("#ffffff", "#1c2b26", "#5f6f69", "#e9eeec", "#bce3cf", "#77c49f", "#2f9a6b", "#0f5c3c")
_DARK = ("#10171a", "#e8f0ec", "#93a39c", "#1d272b", "#164634", "#1e7350", "#38ab79", "#92edc0")
"""The colours: of the paper, of text, of less important text, and of the levels, from a day without notes to the busiest
ones."""


def calendar_image(name: str, amounts: Mapping[date, int], *, today: date, year: int | None = None) -> str:
    """The SVG for the notebook `name`. `amounts` has the number of notes for each day with notes.

    If `year` is given, the picture shows this year. If it is None, the picture shows the latest 40 years with notes
    (`YEARS_MAX`), without days after tomorrow, which come from wrong clocks. If there are none, it shows the year of `today`.
    """
    shown = days_of_year(amounts, year) if year else {day: amount for day, amount in amounts.items() if day <= today + DAY}
    years = [year] if year else sorted({day.year for day in shown})[-YEARS_MAX:] or [today.year]
    shown = {day: amount for day, amount in shown.items() if day.year >= years[0]}
    limits = quartiles(shown.values())
    height = _HEADER_HEIGHT + len(years) * _YEAR_HEIGHT + _FOOTER_HEIGHT
    lines = [*_start(name, years, figures_of(shown), height)]
    for place, each in enumerate(reversed(years)):
        lines += _year(each, days_of_year(shown, each), limits, _HEADER_HEIGHT + place * _YEAR_HEIGHT, today)
    return "\n".join([*lines, *_legend(height - _FOOTER_HEIGHT + 14), "</svg>", ""])


def _start(name: str, years: list[int], figures: Figures, height: int) -> Iterator[str]:
    """Yield the lines of the SVG, which is `height` pixels high, from its beginning to the `figures` below the title.

    `years` are the years that the picture shows, the earliest first.
    """
    title = escape(_cut(harmless(name)) or "udpnote")
    span = str(years[0]) if len(years) == 1 else f"{years[0]}–{years[-1]}"
    notes = ngettext("{count:,} note", "{count:,} notes", figures.notes).format(count=figures.notes)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-labelledby="title description" lang="{language().replace("_", "-")}">'
    )
    yield f'<title id="title">{title}, {span}</title>'
    description = _("A calendar of {span}: each day is darker the more notes were written on it. {notes} in all.")
    yield f'<desc id="description">{escape(description.format(span=span, notes=notes))}</desc>'
    yield from _style()
    yield f'<rect class="paper" width="{_WIDTH}" height="{height}"/>'
    yield f'<text class="title" x="{_MARGIN}" y="74">{title}</text>'
    yield f'<text class="span" x="{_WIDTH - _MARGIN}" y="74" text-anchor="end">{span}</text>'
    columns = [(figures.notes, _("notes")), (figures.days, _("days with notes")), (figures.longest_run, _("days in a row"))]
    if figures.busiest is not None:
        columns.append((figures.busiest_notes, _("notes on {day}").format(day=figures.busiest)))
    for place, (number, label) in enumerate(columns):
        x = _MARGIN + place * (_WIDTH - 2 * _MARGIN) // 4
        yield f'<text class="number" x="{x}" y="128">{number:,}</text>'
        yield f'<text class="quiet" x="{x}" y="149">{escape(label)}</text>'


def _cut(name: str) -> str:
    """`name`, cut to `NAME_CELLS_MAX` cells; `…` replaces the rest."""
    cells = list(accumulate(1 + (east_asian_width(character) in "WF") for character in name))
    return name if not cells or cells[-1] <= NAME_CELLS_MAX else name[: bisect_left(cells, NAME_CELLS_MAX)] + "…"


def _style() -> Iterator[str]:
    """Yield the style sheet. It has light colours, and dark ones for a reader whose system is dark."""
    yield "<style>"
    yield f"text {{ font-family: {_FONTS}; font-size: 13px; }}"
    yield ".title { font-size: 34px; font-weight: 600; }"
    yield ".span { font-size: 34px; font-weight: 300; }"
    yield ".number { font-size: 28px; font-weight: 600; }"
    yield ".year { font-size: 17px; font-weight: 600; }"
    yield from _colours(_LIGHT)
    yield "@media (prefers-color-scheme: dark) {"
    yield from _colours(_DARK)
    yield "}"
    yield "</style>"


def _colours(colours: tuple[str, ...]) -> Iterator[str]:
    paper, text, quiet, *levels = colours
    yield f".paper {{ fill: {paper}; }} text {{ fill: {text}; }} .quiet, .span {{ fill: {quiet}; }}"
    yield " ".join(f".l{level} {{ fill: {colour}; }}" for level, colour in enumerate(levels))
    yield f".ahead {{ fill: none; stroke: {levels[0]}; }}"


def _year(year: int, amounts: Mapping[date, int], limits: list[int], top: int, today: date) -> Iterator[str]:
    """Yield the lines of one year: its number, the months, the weekdays, and a square for each day.

    `amounts` has the number of notes for each day with notes, and `top` is the year's upper edge in pixels. A day after `today`
    without notes gets only an outline. For `limits` see `quartiles`.
    """
    figures = figures_of(amounts)
    notes = ngettext("{count:,} note", "{count:,} notes", figures.notes).format(count=figures.notes)
    left, grid_top, first = _MARGIN + _LABELS, top + 44, date(year, 1, 1)
    start = monday_of(first)
    yield f'<text class="year" x="{_MARGIN}" y="{top + 12}">{year}</text>'
    yield f'<text class="quiet" x="{_WIDTH - _MARGIN}" y="{top + 12}" text-anchor="end">{escape(notes)}</text>'
    for month in range(1, 13):
        week = (monday_of(date(year, month, 1)) - start) // WEEK
        yield f'<text class="quiet" x="{left + week * _PITCH}" y="{grid_top - 8}">{escape(short_month_name(month))}</text>'
    for weekday in (0, 2, 4, 6):
        y = grid_top + weekday * _PITCH + 11
        yield f'<text class="quiet" x="{_MARGIN}" y="{y}">{escape(short_weekday_name(weekday))}</text>'
    for place in range((date(year, 12, 31) - first).days + 1):
        day = first + place * DAY
        x, y = left + (day - start) // WEEK * _PITCH, grid_top + day.weekday() * _PITCH
        yield _square(x, y, day, amounts.get(day, 0), limits) if day <= today or day in amounts else _empty_square(x, y)


def _empty_square(x: int, y: int) -> str:
    """The outline of a square, for a day in the future. `x` and `y` are its upper left corner in pixels."""
    return f'<rect class="ahead" x="{x + 0.5}" y="{y + 0.5}" width="{_CELL - 1}" height="{_CELL - 1}" rx="{_CORNER}"/>'


def _square(x: int, y: int, day: date, amount: int, limits: list[int]) -> str:
    """The square for `day`, with its upper left corner at `x` and `y` in pixels. For `limits` see `quartiles`.

    It shows the date and the `amount` of notes when the reader points at it.
    """
    shown = dated_weekday(day.year, day.month, day.day, day.weekday())
    title = ngettext("{day}: {count:,} note", "{day}: {count:,} notes", amount).format(day=shown, count=amount)
    level = level_of(amount, limits)
    sides = f'width="{_CELL}" height="{_CELL}" rx="{_CORNER}"'
    return f'<rect class="l{level}" x="{x}" y="{y}" {sides}><title>{escape(title)}</title></rect>'


def _legend(top: int) -> Iterator[str]:
    """Yield the lines that say which colours stand for few and for many notes. `top` is their upper edge in pixels."""
    left, y = _WIDTH - _MARGIN - 90 - LEVELS * _PITCH, top + 11
    yield f'<text class="quiet" x="{left - 8}" y="{y}" text-anchor="end">{escape(_("no notes"))}</text>'
    for level in range(LEVELS):
        x = left + level * _PITCH
        yield f'<rect class="l{level}" x="{x}" y="{top}" width="{_CELL}" height="{_CELL}" rx="{_CORNER}"/>'
    yield f'<text class="quiet" x="{left + LEVELS * _PITCH + 5}" y="{y}">{escape(_("many notes"))}</text>'

"""Dates as text, in the current language (see `text.language`). All names of weekdays and months come from here."""

from udpnote.text.language import gettext as _


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

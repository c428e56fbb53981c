"""This machine's time zone. It is not in `clock`, because importing `datetime` takes time, and sending does not need it."""

import time
from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1)
_OFFSET_MAX = timedelta(hours=24, microseconds=-1)
_FIRST = datetime(1, 1, 3)
_LAST = datetime(9999, 12, 30)
"""The earliest and the latest local time that this module computes with. In every time zone they lie in the years 1 to 9999,
the only ones that Python's `datetime` has."""

_DAYS_AHEAD = timedelta(days=2)
"""To convert a time, Python's `datetime` also computes the time one day earlier, which must not be before the year 1. So
`fromutc` moves a time in the first days of the year 1 ahead by this much, converts it, and moves it back. No clock changed its
UTC offset in these days."""


class LocalZone(tzinfo):
    """This machine's time zone. Its UTC offset and its name may change at any time, for example with summer time.

    A local time that clocks skip or show twice can mean two moments. `fold` chooses one of them, as in Python's `zoneinfo`.
    """

    def utcoffset(self, moment: datetime | None) -> timedelta:
        """How far the local clocks are ahead of UTC at `moment`: less than a day, negative if they are behind."""
        local, since_1970 = _local_and_since_1970(moment)
        return min(max(local - _EPOCH - since_1970, -_OFFSET_MAX), _OFFSET_MAX)

    def dst(self, moment: datetime | None) -> None:  # noqa: ARG002 - the parameter is that of the base class
        """Return None, because summer time is a part of `utcoffset`."""
        return

    def tzname(self, moment: datetime | None) -> str:
        """The abbreviated name of the zone at `moment`, such as CST or CEST."""
        return time.localtime(_local_and_since_1970(moment)[1].total_seconds()).tm_zone

    def fromutc(self, moment: datetime) -> datetime:
        """Convert `moment`, whose time is in UTC although its `tzinfo` is this zone, to local time. `astimezone` calls this."""
        if moment.replace(tzinfo=None) < _FIRST + _DAYS_AHEAD:
            return self.fromutc(moment + _DAYS_AHEAD) - _DAYS_AHEAD
        return datetime.fromtimestamp(moment.replace(tzinfo=UTC).timestamp()).replace(tzinfo=self)


def _local_and_since_1970(moment: datetime | None) -> tuple[datetime, timedelta]:
    """Return `moment` without its time zone, and the time from 1970-01-01 00:00 UTC to `moment`.

    Both are limited to the range from `_FIRST` to `_LAST`.
    """
    assert moment is not None, "a time of day without a date has no offset"
    local = min(max(moment.replace(tzinfo=None), _FIRST), _LAST)
    return local, timedelta(seconds=local.replace(microsecond=0).timestamp(), microseconds=local.microsecond)

"""This machine's time zone. It is not in `clock`, because importing `datetime` takes time, and sending does not need it."""

import time
from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1)
_OFFSET_MAX = timedelta(hours=24, microseconds=-1)
_FIRST = datetime(1, 1, 3)
_LAST = datetime(9999, 12, 30)
"""Local times between these two are in the years 1 to 9999 of the calendar in every time zone, which Python needs."""

_DAYS_AHEAD = timedelta(days=2)
"""So much later than the first days of the calendar, each clock has the same offset from UTC as on them."""


class LocalZone(tzinfo):
    """This machine's time zone, with the offset and the name that are in force at each time.

    Of a local time that the clocks skip or show twice, `fold` chooses one of two moments, as Python's `zoneinfo` does it.
    """

    def utcoffset(self, moment: datetime | None) -> timedelta:
        """The time that the local clocks are ahead of UTC, less than a day."""
        local, since_1970 = _local_and_since_1970(moment)
        return min(max(local - _EPOCH - since_1970, -_OFFSET_MAX), _OFFSET_MAX)

    def dst(self, moment: datetime | None) -> None:  # noqa: ARG002 - the parameter is that of the base class
        """None, because summer time is a part of `utcoffset`."""
        return

    def tzname(self, moment: datetime | None) -> str:
        """The name of the zone at that time, such as CST or CEST."""
        return time.localtime(_local_and_since_1970(moment)[1].total_seconds()).tm_zone

    def fromutc(self, moment: datetime) -> datetime:
        """The local time of `moment`, which is in UTC although its time zone is this one, as `astimezone` wants it."""
        if moment.replace(tzinfo=None) < _FIRST + _DAYS_AHEAD:  # Python looks a day back for a change of the clocks
            return self.fromutc(moment + _DAYS_AHEAD) - _DAYS_AHEAD
        return datetime.fromtimestamp(moment.replace(tzinfo=UTC).timestamp()).replace(tzinfo=self)


def _local_and_since_1970(moment: datetime | None) -> tuple[datetime, timedelta]:
    """`moment` without its time zone, and the time from 1970-01-01 UTC until the local clocks show it."""
    assert moment is not None, "a time of day without a date has no offset"
    local = min(max(moment.replace(tzinfo=None), _FIRST), _LAST)
    return local, timedelta(seconds=local.replace(microsecond=0).timestamp(), microseconds=local.microsecond)

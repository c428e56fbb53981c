"""The values of `--since`, `--until` and `--on` as a range of time, and of `--at` as a time, by this machine's clock."""

from datetime import UTC, datetime, timedelta, tzinfo

from udpnote.errors import InvalidSetting, Notice
from udpnote.machine.local_zone import LocalZone
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN, WritingTime
from udpnote.text.times import NamedTime, exact_microseconds, microseconds, read_time

LONGEST_DAY = timedelta(hours=36)
"""The longest span of time that `--at` takes for a day. A day has more than 24 hours if clocks are put back on it."""


def time_filters(since: str | None, until: str | None, on: str | None, now: float) -> tuple[int | None, int | None]:
    """Return the range of time that the options `--since`, `--until` and `--on` choose: its start (included) and its end
    (excluded).

    Both are in microseconds since 1970 UTC; None means no limit. An option that the user did not give is None. `now` is the
    present time in seconds since 1970 UTC: times such as `yesterday` are relative to it.

    Each option names a moment or a span of time, such as a day or a month. `--since` gives the start of the range: the moment,
    or the beginning of the span. `--until` gives its end: the moment, or the end of the span. So `--until yesterday` includes
    yesterday. `--on` names a span, which is the whole range.

    Raises `InvalidSetting` if a time is not understood, if `--on` names a moment or is not the only option, or if the range is
    empty, as on a day that the clocks have skipped.
    """
    if on is not None:
        if since is not None or until is not None:
            raise InvalidSetting("on_and_range")
        named = _option("--on", on, now)
        if named.is_moment:
            raise InvalidSetting("on_needs_a_day", text=on)
        span = microseconds(named.start), microseconds(named.end)
        if span[0] >= span[1]:  # the clocks skipped this day, or no entry can be so old or so late
            problem = InvalidSetting("no_such_time", text=on, problem=Notice("number_of_no_time"))
            raise InvalidSetting("time_option", option="--on", problem=problem)
        return span
    start = microseconds(_option("--since", since, now).start) if since is not None else None
    end = microseconds(_option("--until", until, now).end) if until is not None else None
    if start is not None and end is not None and start >= end:
        raise InvalidSetting("time_range_empty", since=since, until=until)
    return start, end


def writing_time(text: str, now: float) -> WritingTime:
    """Return when an entry was written, according to `text`, the value of `--at`. `now` is the present time in seconds since
    1970 UTC.

    If `text` names a moment, the result is that moment. If `text` names a day or a part of a day, the result is the middle of
    that span, such as noon. Of a span that goes on after midnight, only the part before midnight counts. The result is not
    later than `now`. The UTC offset is the one in `text` or, if there is none or it is 0, this machine's offset at that time.

    Raises `InvalidSetting` if the time is not understood, begins after `now`, or is longer than a day.
    """
    named, present = _option("--at", text, now), microseconds(datetime.fromtimestamp(now, UTC))
    start, end = microseconds(named.start), microseconds(named.end)  # `datetime` itself cannot convert the first day of year 1
    if start > present:
        raise InvalidSetting("at_in_future", text=text)
    if end - start > LONGEST_DAY // timedelta(microseconds=1):
        raise InvalidSetting("at_longer_than_a_day", text=text)
    midnight = microseconds(named.start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1))
    middle = min(start + (min(end, midnight) - start) // 2, present) if not named.is_moment else start
    zone = LocalZone() if named.start.tzinfo is UTC else named.start.tzinfo  # `3 hours ago` is in UTC, too
    return WritingTime(middle, _offset_in(zone, middle))


def localize(moment: datetime) -> tuple[int, int]:
    """Return the local time `moment` in microseconds since 1970 UTC, and this machine's offset from UTC at that time.

    `moment` has no time zone. If the clocks show `moment` twice, the first time is meant. The offset is in minutes, positive
    east of UTC, and kept within the limits for entries. The time may be outside of them (see `exact_microseconds`).
    """
    zone = LocalZone()
    return exact_microseconds(moment.replace(tzinfo=zone)), _offset_minutes(zone.utcoffset(moment))


def _offset_in(zone: tzinfo | None, written_at: int) -> int:
    """The offset of `zone` from UTC at the time `written_at` (microseconds since 1970 UTC).

    The offset is in minutes, positive east of UTC, and kept within the limits for entries.
    """
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=written_at)
    return _offset_minutes(moment.astimezone(zone).utcoffset() or timedelta())


def _offset_minutes(offset: timedelta) -> int:
    """The UTC offset `offset` in minutes, kept within the limits for entries."""
    return min(max(offset // timedelta(minutes=1), -UTC_OFFSET_MINUTES_MAX), UTC_OFFSET_MINUTES_MAX)


def offset_at(written_at: int, zone: str) -> int:
    """The offset from UTC of a time zone, in minutes, positive east of UTC, at the time `written_at` (microseconds since 1970
    UTC).

    `zone` is the IANA name of the time zone, such as `Asia/Shanghai`. If it is empty or not known, this machine's time zone is
    meant. The offset is kept within the limits for entries. If `written_at` is outside of them, the nearest time counts.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # here, because only imported notes name time zones

    try:
        place: tzinfo = ZoneInfo(zone) if zone else LocalZone()
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name of a zone may be a path that cannot be read
        place = LocalZone()
    return _offset_in(place, min(max(written_at, WRITTEN_AT_MIN), WRITTEN_AT_MAX))


def _option(option: str, text: str, now: float) -> NamedTime:
    """Return the time that `text`, the value of `option`, names. Raises `InvalidSetting`, which names the option, if `text`
    names no time.
    """
    try:
        return read_time(text, datetime.fromtimestamp(now, LocalZone()))
    except InvalidSetting as error:
        raise InvalidSetting("time_option", option=option, problem=error) from None

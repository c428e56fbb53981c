"""The options `--since`, `--until` and `--on` as a range of time, and `--at` as a time, on this machine's clock."""

from datetime import UTC, datetime, timedelta, tzinfo

from udpnote.errors import InvalidSetting
from udpnote.machine.local_zone import LocalZone
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX, WritingTime
from udpnote.text.times import NamedTime, microseconds, read_time

LONGEST_DAY = timedelta(hours=36)
"""A longer span of time is no day, not even one on which the clocks were put back, or one that begins in another time zone."""


def time_filters(since: str | None, until: str | None, on: str | None, now: float) -> tuple[int | None, int | None]:
    """The range of time that the options `--since`, `--until` and `--on` choose: its start (included) and its end (excluded).

    Both are microseconds since 1970 UTC, or None if there is no limit. An option that is None was not given. `now` is the
    present time in seconds since 1970 UTC, from which times such as `yesterday` are counted.

    `--since` gives the start of the range. If it names a span of time, such as a day, a part of a day or a month, that is its
    beginning. `--until` gives the end of the range. If it names a span of time, that is its end: `--until yesterday` includes
    yesterday. `--on` names a span of time, which is the whole range.

    Raises `InvalidSetting` if a time is not understood, if `--on` names a moment or is not the only one, or if the range is
    empty.
    """
    if on is not None:
        if since is not None or until is not None:
            raise InvalidSetting("on_and_range")
        named = _option("--on", on, now)
        if named.is_moment:
            raise InvalidSetting("on_needs_a_day", text=on)
        return microseconds(named.start), microseconds(named.end)
    start = microseconds(_option("--since", since, now).start) if since is not None else None
    end = microseconds(_option("--until", until, now).end) if until is not None else None
    if start is not None and end is not None and start >= end:
        raise InvalidSetting("time_range_empty", since=since, until=until)
    return start, end


def writing_time(text: str, now: float) -> WritingTime:
    """When an entry was written, if `text` is the value of `--at`. `now` is the present time in seconds since 1970 UTC.

    Of a day, or a part of one, it is the middle of what lies before midnight, such as noon; but it is not after `now`.
    The UTC offset is that of this machine at that time, or the one in `text`. Raises `InvalidSetting` if the time is not
    understood, is after `now`, or is longer than a day.
    """
    named, present = _option("--at", text, now), microseconds(datetime.fromtimestamp(now, UTC))
    start, end = microseconds(named.start), microseconds(named.end)  # for the first days of the calendar, `datetime` has no UTC
    if start > present:
        raise InvalidSetting("at_in_future", text=text)
    if end - start > LONGEST_DAY // timedelta(microseconds=1):
        raise InvalidSetting("at_longer_than_a_day", text=text)
    midnight = microseconds(named.start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1))
    middle = min(start + (min(end, midnight) - start) // 2, present) if not named.is_moment else start
    return WritingTime(middle, _offset_in(LocalZone() if named.start.tzinfo is UTC else named.start.tzinfo, middle))


def localize(moment: datetime) -> tuple[int, int]:
    """Two numbers: the local time `moment` in microseconds since 1970 UTC, and this machine's offset from UTC at that time.

    `moment` has no time zone. If the clocks show `moment` twice, the first time is meant. The offset is in minutes, positive
    east of UTC. Both numbers are kept within the limits for entries.
    """
    zone = LocalZone()
    return microseconds(moment.replace(tzinfo=zone)), _offset_minutes(zone.utcoffset(moment))


def _offset_in(zone: tzinfo | None, written_at: int) -> int:
    """The offset from UTC, in minutes east and within the limits for entries, at the time `written_at` in `zone`.

    `written_at` is in microseconds since 1970 UTC.
    """
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=written_at)
    return _offset_minutes(moment.astimezone(zone).utcoffset() or timedelta())


def _offset_minutes(offset: timedelta) -> int:
    """A UTC offset in minutes, within the limits for entries."""
    return min(max(offset // timedelta(minutes=1), -UTC_OFFSET_MINUTES_MAX), UTC_OFFSET_MINUTES_MAX)


def offset_at(written_at: int, zone: str) -> int:
    """The offset from UTC, in minutes east, at the time `written_at` (microseconds since 1970 UTC) in a time zone.

    `zone` is its IANA name, such as `Asia/Shanghai`. If it is empty or not known, this machine's zone is meant. The offset is
    kept within the limits for entries.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # here, because only imports name zones

    try:
        place: tzinfo = ZoneInfo(zone) if zone else LocalZone()
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name of a zone may be a path that cannot be read
        place = LocalZone()
    return _offset_in(place, written_at)


def _option(option: str, text: str, now: float) -> NamedTime:
    """The time that `text`, the value of `option`, names. Raises `InvalidSetting`, which names the option, if there is none."""
    try:
        return read_time(text, datetime.fromtimestamp(now, LocalZone()))
    except InvalidSetting as error:
        raise InvalidSetting("time_option", option=option, problem=error) from None

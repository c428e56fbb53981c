"""The options `--since`, `--until` and `--on` as a range of time, on this machine's clock."""

from datetime import datetime, timedelta

from udpnote.errors import InvalidSetting
from udpnote.machine.local_zone import LocalZone
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX
from udpnote.text.times import NamedTime, microseconds, read_time


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


def localize(moment: datetime) -> tuple[int, int]:
    """Two numbers: the local time `moment` in microseconds since 1970 UTC, and this machine's offset from UTC at that time.

    `moment` has no time zone. If the clocks show `moment` twice, the first time is meant. The offset is in minutes, positive
    east of UTC. Both numbers are kept within the limits for entries.
    """
    zone = LocalZone()
    minutes = zone.utcoffset(moment) // timedelta(minutes=1)
    return microseconds(moment.replace(tzinfo=zone)), min(max(minutes, -UTC_OFFSET_MINUTES_MAX), UTC_OFFSET_MINUTES_MAX)


def _option(option: str, text: str, now: float) -> NamedTime:
    """The time that `text`, the value of `option`, names. Raises `InvalidSetting`, which names the option, if there is none."""
    try:
        return read_time(text, datetime.fromtimestamp(now, LocalZone()))
    except InvalidSetting as error:
        raise InvalidSetting("time_option", option=option, problem=error) from None

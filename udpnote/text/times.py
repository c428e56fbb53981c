"""Times as people type them, in English and Chinese: ISO 8601, dates, words for days, times of day.

`read_time` understands the whole text or refuses it: it never ignores a part that it does not know, and it does not guess
between likely meanings. Its error shows how to write the time that was probably meant. `days` reads dates; this module adds the
parts of a day (昨天上午, yesterday morning), the times of day with their time zones, and elapsed times (`3 hours ago`).
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple

from udpnote.errors import InvalidSetting, Notice
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.text.days import AGO_PATTERN, COUNT_PATTERN, NUMBER_PATTERN, Days, Unclear, read_days, read_number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

TEXT_CHARACTERS_MAX = 64
"""The longest text that is read. No time in words is longer. Without a limit, a long pasted text would keep the patterns
busy."""

_SAME_CHARACTERS = {0xFF01 + offset: 0x21 + offset for offset in range(94)} | dict(
    zip(map(ord, "點週禮這個時鐘兩後號過現內裡"), map(ord, "点周礼这个时钟两后号过现内里"), strict=True)
)
"""Converts full-width characters to ASCII, and the traditional Chinese characters in times to simplified ones."""

_NEEDLESS_SPACE = re.compile(
    "(?<=[0-9]) (?=[年月日号点时分秒天个小]|周(?![一二三四五六日天末]))"
    "|(?<=[年月近去]) (?=[0-9])|(?<=[点时分]) (?=[0-9]{1,2} ?[分秒])"
)
"""A space between a number and its unit, as in 5 月 3 日 (May 3); it is removed. Other spaces separate words, as in 下午3点
一天前."""

_WORDS = [
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        ("^(今|昨|前|明)(?:早上?|晨)", r"\1天早上"),
        ("^(今|昨|前|明)(?:晚上?|夜)", r"\1天晚上"),
        (r"^tonight\b", "today night"),
        (r"^last night\b", "yesterday night"),
        (r"^this (?=morning|afternoon|evening)", "today "),
        (r"^(?:the )?(?:last|past) (?=hour$|minute$)", "last one "),
    )
]
"""Short forms, each with the longer form that it means."""


class _Part(NamedTuple):
    """A part of a day, such as the afternoon: the hours at which it starts and ends. An `end` above 24 is on the next day.

    `hours` says what an hour means in this part: in the afternoon, 3 means 15. Other hours are errors (see `_hour_of_part`).
    """

    start: int
    end: int
    hours: dict[int, int]


_EVENING_HOURS = {hour: hour for hour in range(17, 24)} | {hour: hour + 12 for hour in range(5, 12)}
_MORNING = _Part(6, 12, {hour: hour for hour in range(12)})
_AFTERNOON = _Part(12, 18, {hour: hour for hour in range(12, 24)} | {hour: hour + 12 for hour in range(1, 12)})
_EVENING = _Part(18, 24, _EVENING_HOURS)
_NIGHT = _Part(18, 30, _EVENING_HOURS)
_PARTS = {
    "凌晨": _Part(0, 6, {hour: hour for hour in range(7)} | {12: 0}),
    "早上": _MORNING, "早晨": _MORNING, "清晨": _MORNING, "上午": _MORNING, "morning": _MORNING,
    "中午": _Part(11, 14, {11: 11, 12: 12, 13: 13, 14: 14, 1: 13, 2: 14}),
    "下午": _AFTERNOON, "afternoon": _AFTERNOON,
    "傍晚": _Part(16, 20, {hour: hour for hour in range(16, 21)} | {hour: hour + 12 for hour in range(4, 9)}),
    "evening": _EVENING, "晚上": _NIGHT, "夜里": _NIGHT, "night": _NIGHT,
}  # fmt: skip

_PART = f"(?P<part>{'|'.join(_PARTS)})"
_TIME = (
    "(?:(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?(?![a-z]))?"
    r"|(?P<half_hour>[0-9]{1,2}) ?(?P<its_half>[ap])\.?m\.?(?![a-z])"
    rf"|(?P<chinese_hour>{NUMBER_PATTERN})(?:点钟?|时)(?:整|(?P<quarter>半|[一三]刻)|(?P<chinese_minute>{NUMBER_PATTERN})分?"
    rf"(?:(?P<chinese_second>{NUMBER_PATTERN})秒)?)?"
    "|(?P<word>noon|midnight))"
)
_OFFSET = "(?:utc|gmt)?(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?"
_ZONE = f"(?:{_OFFSET}|(?P<zone>z|[a-z]{{3,5}}))"
_GAP = "(?:[ ,]+(?:at |in the )?|t(?=[0-9])|(?<=[^ -~])|(?=[^ -~]))"
_TIME_FIRST = re.compile(
    rf"(?:at )?(?:{_PART} ?)?{_TIME}(?: ?{_OFFSET}| ?(?P<zone>z|utc|gmt))?"
    "[ ,]+(?:on )?(?P<day>.+)"
)
"""A time before its day, as in `at 3 pm on monday`."""

_TIME_LAST = re.compile(rf"(?:(?:^(?:at )?|(?<=.){_GAP})(?=[^ ])(?:{_PART} ?(?:at )?)?(?:{_TIME}(?: ?{_ZONE})?)?)?")
"""What may follow a day, or stand alone: a part of a day, a time, both, or nothing."""

_TIME_INSIDE = re.compile(
    rf"(?P<day>[a-z0-9,. ]+) (?:{_PART} )?{_TIME}(?: (?P<zone>[a-z]{{3,5}}))? (?P<year>[0-9]{{4}})(?: {_OFFSET})?"
)
"""The output of the command `date`, in which the time is before the year."""

_BASIC = re.compile("([0-9]{4})([0-9]{2})([0-9]{2})t([0-9]{2})([0-9]{2})([0-9]{2})?(?![0-9])")
"""The basic format of ISO 8601, without signs between the numbers: 20261123t0752."""

_UNIT_SECONDS = {"h": 3600, "小": 3600, "钟": 3600, "m": 60, "分": 60, "s": 1, "秒": 1}
_ELAPSED_COUNT = rf"((?>[0-9]{{1,6}}(?:\.[0-9])?|half an|半|{COUNT_PATTERN}))(?: |(个半)|个)?"
_ELAPSED_UNIT = "((?>hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s|小时|钟头|分钟?|秒钟?))"
_ELAPSED = re.compile(
    "(?P<last>(?:the )?(?:last|past) |最近|过去|近)?"
    rf"(?P<counts>(?:{_ELAPSED_COUNT}{_ELAPSED_UNIT}(?:,? (?:and )?)?)+?)(?P<ago>{AGO_PATTERN})?"
)
_COUNTED = re.compile(_ELAPSED_COUNT + _ELAPSED_UNIT)


class NamedTime(NamedTuple):
    """The time that a text names: a moment (if `is_moment`), or a span from `start` until just before `end`.

    `start` and `end` have a time zone. For a moment, they are equal.
    """

    start: datetime
    end: datetime
    is_moment: bool


def microseconds(moment: datetime) -> int:
    """`moment` in microseconds since 1970 UTC. A time outside of the limits for entries becomes the nearest one within them."""
    return min(max(exact_microseconds(moment), WRITTEN_AT_MIN), WRITTEN_AT_MAX)


def exact_microseconds(moment: datetime) -> int:
    """`moment` in microseconds since 1970 UTC. The result may be outside of the limits for entries (see `microseconds`)."""
    return (moment - _EPOCH) // _MICROSECOND


def read_time(text: str, now: datetime) -> NamedTime:
    """The time that `text` names. `now` is the present time, in the time zone of the person who wrote the text.

    Raises `InvalidSetting` if the text is not a time, if there is no such time, or if it can be read in several ways.
    """
    words = _NEEDLESS_SPACE.sub("", " ".join(text.translate(_SAME_CHARACTERS).lower().split()))
    shown = text[:TEXT_CHARACTERS_MAX]
    try:
        named = _read(words, now) if 0 < len(words) <= TEXT_CHARACTERS_MAX else None
    except Unclear as error:
        raise InvalidSetting("time_unclear", text=shown, forms=error.forms) from None
    except _UnknownZone as error:
        raise InvalidSetting("time_zone_unknown", text=shown, zone=error.zone, local=error.local) from None
    except InvalidSetting as error:
        raise InvalidSetting("no_such_time", text=shown, problem=error.notice) from None
    except (ValueError, OverflowError):  # from datetime
        raise InvalidSetting("no_such_time", text=shown, problem=Notice("number_of_no_time")) from None
    if named is None:
        raise InvalidSetting("time_not_understood", text=shown)
    return named


class _UnknownZone(Exception):
    """Raised if letters after the date and time name neither UTC nor the person's time zone at that time.

    `zone` has these letters in capitals, and `local` is the text without them.
    """

    def __init__(self, zone: str, local: str) -> None:
        super().__init__(zone, local)
        self.zone, self.local = zone.upper(), local


def _read(words: str, now: datetime) -> NamedTime | None:
    """The time that `words` name; None if they are not understood. For `now` see `read_time`.

    Raises errors that `read_time` turns into `InvalidSetting`.
    """
    words = _BASIC.sub(lambda match: "{}-{}-{}t{}:{}:{}".format(*match.groups("00")), words)
    for pattern, meaning in _WORDS:
        words = pattern.sub(meaning, words)
    return _read_elapsed(words, now) or _read_day_and_time(words, now)


def _read_elapsed(words: str, now: datetime) -> NamedTime | None:
    """Read a time before `now`: `3 hours ago`, 半小时前 (half an hour ago), `now`; also `last 24 hours`, a span of time.

    Return None if `words` are no such time. Raises `Unclear` if an `m` may stand for minutes or months.
    """
    if words in ("now", "现在"):
        return NamedTime(now, now, is_moment=True)
    match = _ELAPSED.fullmatch(words)
    if not match or (match["last"] and match["ago"]) or not (match["last"] or match["ago"] or words[-1].isascii()):
        return None
    counts = _COUNTED.findall(match["counts"])
    if [unit for *_, unit in counts] == ["m"]:
        raise Unclear(f"{counts[0][0]} minutes ago", f"{counts[0][0]} months ago")
    elapsed = timedelta(seconds=sum(_seconds(*each) for each in counts))
    then = now.astimezone(UTC) - elapsed  # in UTC, because the local clocks may have been changed since
    return NamedTime(then, now if match["last"] else then, is_moment=not match["last"])


def _seconds(count: str, and_half: str, unit: str) -> float:
    """How many seconds `count` units are. All arguments are as typed. `and_half` is empty or 个半, which adds half a unit."""
    if count in ("half an", "半"):
        number = 0.5
    elif count[0] in "0123456789":
        number = float(count)
    else:
        number = read_number(count)
    return (number + (0.5 if and_half else 0)) * _UNIT_SECONDS[unit[0]]


def _read_day_and_time(words: str, now: datetime) -> NamedTime | None:
    """Read the days, the part of a day or the moment that `words` name. Return None if they name none.

    A time without a day is one of today. Raises `Unclear` if that time has not come yet: yesterday may be meant.
    """
    for day, match in _divided(words):
        days = read_days(day, now.date()) if day else Days(now.date(), now.date())
        has_time = any(match[name] for name in ("hour", "half_hour", "chinese_hour", "word"))
        # A time, or a part of a day, is of a single day: there is no `last week 15:00`.
        if days and (days.first == days.last or not (has_time or match["part"])):
            named = _named(days, match, now) if not has_time else _named_moment(days.first, match, now)
            if not day and named.start.astimezone(UTC) > now.astimezone(UTC):  # it has not come yet today
                raise Unclear(f"{days.first - timedelta(days=1)} {words}", f"{days.first} {words}")
            return named
    return None


def _divided(words: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield each way to divide `words` into a day and a time of day: the text of the day, and the match of the time.

    Either of them may be missing. There are several ways because only `read_days` knows where a day ends: 周二十点 is 周二
    (Tuesday) and 十点 (ten o'clock), although 二十点 (twenty o'clock) is a time as well.
    """
    first = _TIME_FIRST.fullmatch(words)
    if first:
        yield first["day"], first
    for index in range(len(words) + 1):
        last = _TIME_LAST.fullmatch(words, index)
        if last:
            yield words[:index], last
    inside = _TIME_INSIDE.fullmatch(words)
    if inside:
        yield f"{inside['day']} {inside['year']}", inside


def _named(days: Days, match: re.Match[str], now: datetime) -> NamedTime:
    """The `days`, or the part of one day that `match` names, in the time zone of `now`."""
    part = _PARTS[match["part"]] if match["part"] else None
    start = _after_midnight(days.first, part.start if part else 0, now)
    return NamedTime(start, _after_midnight(days.last, part.end if part else 24, now), is_moment=False)


def _named_moment(day: date, match: re.Match[str], now: datetime) -> NamedTime:
    """The moment on `day` that `match` names (see `_moment`). Raises the errors of `_time_of_day` and `_moment`."""
    moment = _moment(match, datetime.combine(day, _time_of_day(match, day)), now)
    return NamedTime(moment, moment, is_moment=True)


def _after_midnight(day: date, hours: int, now: datetime) -> datetime:
    """The time at the full hour `hours` of `day`, in the time zone of `now`. `hours` above 23 are on the next day."""
    is_in_calendar = hours < 24 or day < date.max
    local = datetime.combine(day, time()) + timedelta(hours=hours) if is_in_calendar else datetime.max
    return local.replace(tzinfo=now.tzinfo)


def _time_of_day(match: re.Match[str], day: date) -> time:
    """The time of day that `match` names.

    Raises `Unclear` if it may be one of two times, which the error shows with `day`, and `InvalidSetting` or `ValueError` if
    there is no such time.
    """
    if match["word"] == "midnight":
        raise Unclear(f"{day} 00:00", f"{day + timedelta(days=1)} 00:00")
    hour, minute = _hour_and_minute(match)
    second = match["second"] or match["chinese_second"]
    of_clock = time(hour, minute, read_number(second or "0"), int((match["fraction"] or "").ljust(6, "0")[:6]))
    if match["part"]:
        hour = _hour_of_part(match["part"], of_clock, day)
        if hour != of_clock.hour and (match["half"] or match["its_half"]):
            raise InvalidSetting("part_of_day_without_time", part=match["part"], time=f"{of_clock:%H:%M}")
        return of_clock.replace(hour=hour)
    if match["chinese_hour"] and 1 <= hour <= 12 and not second and not match["chinese_hour"].startswith("0"):
        raise Unclear(*_before_and_after_noon(of_clock, day))  # 3点 is often one in the afternoon, 03点 is not
    return of_clock


def _hour_and_minute(match: re.Match[str]) -> tuple[int, int]:
    """The hour and minute that `match` names. `noon` is 12:00. With `am` or `pm`, the hour is converted to 0 to 23.

    Raises `InvalidSetting` if an hour with `am` or `pm` is not from 1 to 12. Other numbers are not checked.
    """
    if match["word"]:
        return 12, 0
    hour = read_number(match["hour"] or match["half_hour"] or match["chinese_hour"])
    half = match["half"] or match["its_half"]
    if half:
        if not 1 <= hour <= 12:
            raise InvalidSetting("hour_of_half_day_invalid")
        hour = hour % 12 + (12 if half == "p" else 0)
    quarters = {"半": 30, "一刻": 15, "三刻": 45}
    return hour, quarters.get(match["quarter"] or "") or read_number(match["minute"] or match["chinese_minute"] or "0")


def _hour_of_part(name: str, of_clock: time, day: date) -> int:
    """The hour, from 0 to 23, of the time `of_clock` in the part of the day called `name`: 3 in the afternoon is 15.

    Raises `Unclear` if it may be one of two times, which the error shows with `day`, and `InvalidSetting` if the time is not in
    that part of the day.
    """
    part, hour = _PARTS[name], of_clock.hour
    if hour in part.hours:
        return part.hours[hour]
    if part in (_EVENING, _NIGHT) and (hour <= 4 or hour == 12):
        at = f"{of_clock.replace(hour=hour % 12):%H:%M}"
        raise Unclear(f"{day} {at}", f"{day + timedelta(days=1)} {at}")
    if part is _MORNING and hour == 12:
        raise Unclear(*_before_and_after_noon(of_clock, day))
    raise InvalidSetting("part_of_day_without_time", part=name, time=f"{of_clock:%H:%M}")


def _before_and_after_noon(of_clock: time, day: date) -> Iterator[str]:
    """Yield, as texts with `day`, the two times that a clock with twelve hours shows as `of_clock`."""
    yield from (f"{day} {of_clock.replace(hour=of_clock.hour % 12 + hours):%H:%M}" for hours in (0, 12))


def _moment(match: re.Match[str], local: datetime, now: datetime) -> datetime:
    """The moment at which the clocks show `local`: in the time zone in `match` or, if it has none, in that of `now`.

    Raises `InvalidSetting` if the clocks skipped this time, `Unclear` if they showed it twice, and `_UnknownZone`.
    """
    zone = match["zone"]
    if match["sign"]:
        return _with_offset(match, local)
    if zone in ("z", "utc", "gmt"):
        return local.replace(tzinfo=UTC)
    both = (local.replace(tzinfo=now.tzinfo, fold=fold) for fold in (0, 1))
    moments = list({moment.utcoffset(): moment for moment in both}.values())
    if len(moments) > 1:  # the clocks were put forward and skipped it, or put back and showed it twice
        moments = [each for each in moments if each.astimezone(UTC).astimezone(now.tzinfo).replace(tzinfo=None) == local]
        if not moments:
            raise InvalidSetting("time_skipped_by_clocks")
    if zone:
        moments = [moment for moment in moments if (moment.tzname() or "").lower() == zone]
        if not moments:
            raise _UnknownZone(zone, local.isoformat(" ", "minutes"))
    if len(moments) > 1:
        raise Unclear(*(moment.isoformat(" ", "seconds") for moment in moments))
    return moments[0]


def _with_offset(match: re.Match[str], local: datetime) -> datetime:
    """`local` with the UTC offset in `match`. Raises `InvalidSetting` if it is not a UTC offset."""
    hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
    if hours > 23 or minutes > 59 or match["zone"]:
        raise InvalidSetting("offset_from_utc_invalid")
    offset = timedelta(hours=hours, minutes=minutes)
    return local.replace(tzinfo=timezone(-offset if match["sign"] == "-" else offset))

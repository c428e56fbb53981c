"""What a person types for a time: ISO 8601, or words in English or Chinese, in the time zone of the one who reads.

A text names a span: a day for `2026-11-23` and `yesterday`, a week for `2026-W48`, a month for `2026-11` and `last month`, a
moment for `2026-11-23T07:52`, 今天下午3点 and `3 hours ago`. Three readings are tried, the cheapest first. A word for a day, as
`monday`, becomes its date, and a Chinese time of day its digits; what is ISO 8601 then is read here; dateparser, which takes
300 ms to import, is asked only about the rest.
"""

import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from udpnote.errors import InvalidSetting
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN

EXAMPLES = "write for example 2026-11-23, '2026-11-23 07:52', yesterday, 'last friday', '3 hours ago' or 昨天"

TEXT_CHARACTERS_MAX = 64
"""Longer than any time in words; it spares dateparser's patterns what somebody pasted."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = datetime(1, 1, 3)
_LAST = datetime(9999, 12, 30)
"""Between these, a local time and the next day are within the calendar in every time zone."""

_FINER = {"minute": 60_000_000, "second": 1_000_000, "microsecond": 1}
"""The units that are as long whatever the clocks do, in microseconds; a day may have 23 or 25 hours."""

_RELATIVE = 1
"""The microseconds of the time that dateparser counts from: what it gives back with them was counted, not named."""

_ISO = re.compile(
    r"([0-9]{4})(?:[-/]([0-9]{2})(?:[-/]([0-9]{2})"
    r"(?:[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,6})[0-9]*)?)?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?",
    re.IGNORECASE,
)
_BASIC_DATE = re.compile(r"^([0-9]{4})([0-9]{2})([0-9]{2})(?=$|[t ])")
_ISO_WEEK = re.compile(r"([0-9]{4})-?w([0-9]{2})(?:-?([1-7]))?")
_ISO_UNITS = ("year", "month", "day", "", "minute", "second", "microsecond")
"""What the last of the groups that are there says; an hour comes with its minutes."""

_DAYS_AGO = {"today": 0, "yesterday": 1, "今天": 0, "昨天": 1, "前天": 2}
_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6} | {
    character: day for day, character in enumerate("一二三四五六日")
} | {"天": 6}  # fmt: skip
_DAY_WORD = re.compile(
    r"(?:(?P<days_ago>today|yesterday|今天|昨天|前天)"
    r"|(?P<which>last|this|on)?\s*(?P<name>mon|tue|wed|thu|fri|sat|sun)(?:(?:s|nes|rs|ur)?day)?(?![a-z])"
    r"|(?P<week>[上下]个?)?(?:周|星期|礼拜)(?P<character>[一二三四五六日天]))"
    r",?\s*(?:at\s+)?(?P<time>[0-9]{1,2}(?::[0-9]{2}){0,2}\s*(?:am|pm)?|noon|midnight|)"
)

_CHINESE_COUNTS = {character: count for count, character in enumerate("一二三四五六七八九十", 1)} | {"两": 2}
_CHINESE_HOURS = _CHINESE_COUNTS | {"十一": 11, "十二": 12}
_CHINESE_TIME = re.compile(
    r"(?P<part>凌晨|早上|上午|中午|下午|晚上)?\s*(?P<hour>[0-9]{1,2}|十[一二]?|[一二两三四五六七八九])点"
    r"(?:(?P<minute>[0-9]{1,2})分?|(?P<half>半)|整)?$"
)
_CHINESE_COUNT = re.compile(r"([一二三四五六七八九十两])(?=个|年|周|天|小时|分钟|秒)")
_CHINESE_DAY = re.compile(r"([0-9]{1,2})月([0-9]{1,2})[日号]?")
_DAY_BEFORE_YEAR = re.compile(r"[0-9]{1,2}([-/][0-9]{1,2}|\.[0-9]{1,2}\.)")
_IS_MORE_THAN_NUMBERS = re.compile(r"[^\W\d]|:")
_MONTH_NAME = re.compile(r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|月|年")
_COUNTED = re.compile(r"[0-9]|\bago\b|前")


class _Named(NamedTuple):
    """What a text names: a local time without zone or one with its offset, and how long a time from there on."""

    start: datetime
    unit: str


def time_filters(since: str | None, until: str | None, on: str | None, now: float) -> tuple[int | None, int | None]:
    """What `--since`, `--until` and `--on` ask for: from when (included) until when (excluded), in microseconds since 1970 UTC.

    `since` is where its time begins. `until` is where its time ends if it names a day or more, so that `--until yesterday`
    includes yesterday; one with a time of day ends at that moment. `on` is all of its day. `now` is in seconds since 1970.
    Raises `InvalidSetting`, which names the option.
    """
    if on is not None:
        if since is not None or until is not None:
            raise InvalidSetting("--on is a day by itself: leave it out, or leave out --since and --until")
        return _whole("--on", on, now)
    start = _bounds(_option("--since", since, now))[0] if since is not None else None
    end = _end("--until", until, now) if until is not None else None
    if start is not None and end is not None and start >= end:
        raise InvalidSetting(f"nothing lies between --since {since!r} and --until {until!r}: the first must be the earlier one")
    return start, end


def parse_span(text: str, now: float) -> tuple[int, int]:
    """Start (included) and end (excluded) of what `text` names, in microseconds since 1970 UTC; `now` is in seconds.

    A day, a week, a month or a year is one of the local calendar. Raises `InvalidSetting`.
    """
    return _bounds(_read(text, now))


def localize(moment: datetime) -> tuple[int, int]:
    """A local time without zone as microseconds since 1970 UTC, and this machine's offset then, in minutes east of UTC."""
    written_at = _microseconds(moment)
    offset = time.localtime(written_at // 1_000_000).tm_gmtoff // 60
    return written_at, min(max(offset, -UTC_OFFSET_MINUTES_MAX), UTC_OFFSET_MINUTES_MAX)


def _option(option: str, text: str, now: float) -> _Named:
    try:
        return _read(text, now)
    except InvalidSetting as error:
        raise InvalidSetting(f"{option}: {error}") from None


def _whole(option: str, text: str, now: float) -> tuple[int, int]:
    named = _option(option, text, now)
    if named.unit in _FINER:
        raise InvalidSetting(f"{option}: {text!r} is a time of day, not a day: use --since and --until")
    return _bounds(named)


def _end(option: str, text: str, now: float) -> int:
    named = _option(option, text, now)
    start, end = _bounds(named)
    return start if named.unit in _FINER else end


def _bounds(named: _Named) -> tuple[int, int]:
    start = _microseconds(named.start)
    if named.unit in _FINER:
        return start, min(start + _FINER[named.unit], WRITTEN_AT_MAX)
    return start, _microseconds(_next(named.start, named.unit))


def _next(start: datetime, unit: str) -> datetime:
    """The beginning of the day, week, month or year after the one that begins at `start`, by the calendar."""
    if start.year == 9999 and unit in ("month", "year"):
        return datetime.max
    if unit == "year":
        return start.replace(year=start.year + 1)
    if unit == "month":
        return (start + timedelta(days=31)).replace(day=1)
    days = timedelta(days=7 if unit == "week" else 1)
    return start + days if start <= _LAST - days else datetime.max


def _microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC of a time with an offset, or of a local one, as near as an entry can have them."""
    if moment.tzinfo is None:
        if not _FIRST <= moment <= _LAST:
            return WRITTEN_AT_MIN if moment < _FIRST else WRITTEN_AT_MAX
        seconds = int(moment.replace(microsecond=0).timestamp())  # not `astimezone`: it errs where clocks skip midnight
        microseconds = seconds * 1_000_000 + moment.microsecond
    else:
        microseconds = (moment - _EPOCH) // _MICROSECOND
    return min(max(microseconds, WRITTEN_AT_MIN), WRITTEN_AT_MAX)


def _read(text: str, now: float) -> _Named:
    base = datetime.fromtimestamp(now)
    words = _with_date(_CHINESE_TIME.sub(_on_the_clock, " ".join(text.lower().split())), base.date())
    if len(words) <= TEXT_CHARACTERS_MAX:
        iso = _ISO.fullmatch(_BASIC_DATE.sub(r"\1-\2-\3", words))
        if iso:
            return _read_iso(iso, text)
        week = _ISO_WEEK.fullmatch(words)
        if week:
            return _read_iso_week(week, text)
        if _DAY_BEFORE_YEAR.match(words):
            raise InvalidSetting(f"{text!r} can be read in two ways: write the year first, as in 2026-11-23")
        named = _read_words(words, now) if _IS_MORE_THAN_NUMBERS.search(words) else None
        if named is not None:
            return named
    raise InvalidSetting(f"{text[:TEXT_CHARACTERS_MAX]!r} is no time that can be understood: {EXAMPLES}")


def _read_iso(iso: re.Match[str], text: str) -> _Named:
    *numbers, fraction, offset = iso.groups()
    year, month, day, hour, minute, second = (int(number) if number else None for number in numbers)
    unit = _ISO_UNITS[max(place for place, number in enumerate([*numbers, fraction]) if number)]
    try:
        start = datetime(
            year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, int((fraction or "").ljust(6, "0"))
        )
        if offset:
            start = start.replace(tzinfo=datetime.strptime(offset.upper(), "%z").tzinfo)
    except ValueError as error:
        raise InvalidSetting(f"{text!r} is no time of the calendar ({error})") from None
    return _Named(start, unit)


def _read_iso_week(week: re.Match[str], text: str) -> _Named:
    year, number, day = week.groups()
    try:
        start = datetime.fromisocalendar(int(year), int(number), int(day or 1))
    except ValueError as error:
        raise InvalidSetting(f"{text!r} is no week of the calendar ({error})") from None
    return _Named(start, "day" if day else "week")


def _on_the_clock(match: re.Match[str]) -> str:
    """A Chinese time of day in digits, 下午3点半 as 15:30; as it is where no clock shows it, or on the next day: 晚上12点."""
    part = match["part"]
    hour = _CHINESE_HOURS[match["hour"]] if match["hour"] in _CHINESE_HOURS else int(match["hour"])
    minute = 30 if match["half"] else int(match["minute"] or 0)
    if part in ("下午", "晚上", "中午") and 1 <= hour < (11 if part == "中午" else 12):
        hour += 12
    elif part == "凌晨" and hour == 12:
        hour = 0
    if hour > 23 or minute > 59 or (part == "晚上" and hour == 12):
        return match[0]
    return f" {hour:02}:{minute:02}"


def _with_date(text: str, today: date) -> str:
    """`text` with the date for a word that names a day: a weekday is the latest one, today included.

    `last monday` is the latest before today, 上周一 the Monday of the week before this one, and 下周一 of the one after it.
    """
    match = _DAY_WORD.fullmatch(text)
    if match is None:
        return text
    if match["days_ago"]:
        back = _DAYS_AGO[match["days_ago"]]
    else:
        weekday = _WEEKDAYS[match["name"] or match["character"]]
        back = (today.weekday() - weekday) % 7
        if match["week"]:
            back = today.weekday() - weekday + (7 if match["week"].startswith("上") else -7)
        elif match["which"] == "last" and not back:
            back = 7
    return f"{today - timedelta(days=back)} {match['time']}".strip()


def _read_words(text: str, now: float) -> _Named | None:
    """What dateparser makes of `text`; None if nothing, or nothing that a person would have meant."""
    base = datetime.fromtimestamp(now).replace(microsecond=_RELATIVE)
    found, unit = _ask_dateparser(_in_digits(text), base)
    if found is None:
        return None
    is_relative = found.microsecond == _RELATIVE
    if unit not in ("day", "week", "month", "year"):
        if is_relative:  # by what has passed, not by the clock, which may have been put back in between
            found = datetime.fromtimestamp(now, UTC) - (base - min(max(found.replace(tzinfo=None), _FIRST), _LAST))
        return _Named(found, "second" if is_relative else "minute")
    if not is_relative and unit in ("month", "year") and not _MONTH_NAME.search(text):
        return None  # dateparser takes `5th` for a month, and `99` for a year
    if is_relative and _COUNTED.search(text):
        unit = "day"  # `2 weeks ago` is a day, `last week` is seven
    return _Named(_start_of(found, unit), unit)


def _start_of(moment: datetime, unit: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=day.day if unit == "day" else 1, month=1 if unit == "year" else day.month)


def _in_digits(text: str) -> str:
    """`text` with the Chinese forms that dateparser does not know in one that it does: 两天前 as 2天前, 11月23日 as 11/23."""
    text = _CHINESE_DAY.sub(r"\1/\2 ", text) if _CHINESE_DAY.match(text) else text
    match = _CHINESE_COUNT.match(text)
    return f"{_CHINESE_COUNTS[match[1]]}{text[1:]}" if match else text


def _ask_dateparser(text: str, base: datetime) -> tuple[datetime | None, str]:
    """The time that `text` names, seen from `base`, and what it names: "day", "week", "month", "year" or something finer."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells its programmers about Python's next versions
        from dateparser.date import DateDataParser

        parser = DateDataParser(
            languages=["en", "zh"],  # each further language makes more nonsense look like a time
            settings={
                "RELATIVE_BASE": base,
                "PREFER_DATES_FROM": "past",
                "DATE_ORDER": "MDY",
                "RETURN_TIME_AS_PERIOD": True,
                "PARSERS": ["relative-time", "absolute-time"],
                "TIMEZONE": "UTC",  # unused, but where it is not given dateparser fails over a TZ such as CST-8
            },
        )
        data = parser.get_date_data(text)
    return data.date_obj, data.period or ""

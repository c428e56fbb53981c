"""Reads the times that people type: ISO 8601, or words in English or Chinese.

A time without an offset from UTC is in this machine's time zone, here called local time. A text names either a moment, such as
`2026-11-23T07:52`, 今天下午3点 or `3 hours ago`; or a day, week, month or year of the calendar, such as `yesterday`,
`2026-W48`, `last month` or `2026`. It is read in three steps, the cheapest first:

1. A word for a day becomes its date (`monday`), and a Chinese time of day becomes digits (下午3点半 becomes 15:30), as ISO 8601
   writes them.
2. If the result is ISO 8601, it is read here.
3. Otherwise the library dateparser reads it. It comes last because importing it takes 300 ms.
"""

import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from udpnote.errors import InvalidSetting
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN

TEXT_CHARACTERS_MAX = 64
"""More than any time in words has. Without a limit, dateparser would take long to search a long pasted text."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = datetime(1, 1, 3)
_LAST = datetime(9999, 12, 30)
"""A local time from `_FIRST` to `_LAST` is in the years 1 to 9999 also in UTC, in any time zone: Python knows no others."""

_COUNTED_MARK = 1
"""The microseconds of the time that dateparser gets as the present time. If its result has the same microseconds, dateparser
has counted from the present time, as for `3 hours ago`. If not, the text names the time itself, as `nov 23` does."""

_ISO = re.compile(
    r"([0-9]{4})(?:[-/]([0-9]{2})(?:[-/]([0-9]{2})"
    r"(?:[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,6})[0-9]*)?)?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?",
    re.IGNORECASE,
)
_BASIC_DATE = re.compile(r"^([0-9]{4})([0-9]{2})([0-9]{2})(?=$|[t ])")
_ISO_WEEK = re.compile(r"([0-9]{4})-?w([0-9]{2})(?:-?([1-7]))?")

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

Unit = Literal["year", "month", "week", "day", "moment"]


class _NamedTime(NamedTuple):
    """The time that a text names: a moment, or a day, week, month or year, as `unit` says.

    `start` is the moment itself, or the beginning of the day, week, month or year. If it has no time zone, it is in local time.
    """

    start: datetime
    unit: Unit


def time_filters(since: str | None, until: str | None, on: str | None, now: float) -> tuple[int | None, int | None]:
    """The range of time that the options `--since`, `--until` and `--on` choose: its start (included) and its end (excluded).

    Both are microseconds since 1970 UTC, or None if there is no limit. An option that is None was not given. `now` is the
    present time in seconds since 1970 UTC, from which times such as `yesterday` are counted.

    `--since` gives the start of the range. If it names a day, week, month or year, that is its beginning. `--until` gives the
    end of the range. If it names a day, week, month or year, that is its end: `--until yesterday` includes yesterday. `--on`
    names a day, week, month or year, which is the whole range.

    Raises `InvalidSetting` if a time is not understood, if `--on` names a moment or is not the only one, or if the range is
    empty.
    """
    if on is not None:
        if since is not None or until is not None:
            raise InvalidSetting("on_and_range")
        named = _option("--on", on, now)
        if named.unit == "moment":
            raise InvalidSetting("on_needs_a_day", text=on)
        return _microseconds(named.start), _end(named)
    start = _microseconds(_option("--since", since, now).start) if since is not None else None
    end = _end(_option("--until", until, now)) if until is not None else None
    if start is not None and end is not None and start >= end:
        raise InvalidSetting("time_range_empty", since=since, until=until)
    return start, end


def localize(moment: datetime) -> tuple[int, int]:
    """Two numbers: the local time `moment` in microseconds since 1970 UTC, and this machine's offset from UTC at that time.

    `moment` has no time zone. The offset is in minutes, positive east of UTC. Both numbers are kept within the limits for
    entries.
    """
    written_at = _microseconds(moment)
    offset = time.localtime(written_at // 1_000_000).tm_gmtoff // 60
    return written_at, min(max(offset, -UTC_OFFSET_MINUTES_MAX), UTC_OFFSET_MINUTES_MAX)


def _option(option: str, text: str, now: float) -> _NamedTime:
    """The time that `text`, the value of `option`, names. Raises `InvalidSetting`, which names the option, if there is none."""
    try:
        return _read(text, now)
    except InvalidSetting as error:
        raise InvalidSetting("time_option", option=option, problem=error) from None


def _end(named: _NamedTime) -> int:
    """The end of a day, week, month or year in microseconds since 1970 UTC; if `named` is a moment, the moment itself."""
    return _microseconds(named.start if named.unit == "moment" else _next(named.start, named.unit))


def _next(start: datetime, unit: Unit) -> datetime:
    """The end of the day, week, month or year (`unit`) that begins at `start`: the beginning of the next one, in local time.

    It follows the calendar: where the clocks are changed, a day has 23 or 25 hours. For a month or the year of 9999, and for
    the last days of that year, it is `datetime.max`, because Python knows no later time.
    """
    if start.year == 9999 and unit in ("month", "year"):
        return datetime.max
    if unit == "year":
        return start.replace(year=start.year + 1)
    if unit == "month":
        return (start + timedelta(days=31)).replace(day=1)
    days = timedelta(days=7 if unit == "week" else 1)
    return start + days if start <= _LAST - days else datetime.max


def _microseconds(moment: datetime) -> int:
    """`moment` in microseconds since 1970 UTC; a `moment` without time zone is local time.

    A time outside of the limits for entries becomes the nearest time within them.
    """
    if moment.tzinfo is None:
        if not _FIRST <= moment <= _LAST:
            return WRITTEN_AT_MIN if moment < _FIRST else WRITTEN_AT_MAX
        seconds = int(moment.replace(microsecond=0).timestamp())  # `astimezone` errs where the clocks skip midnight
        microseconds = seconds * 1_000_000 + moment.microsecond
    else:
        microseconds = (moment - _EPOCH) // _MICROSECOND
    return min(max(microseconds, WRITTEN_AT_MIN), WRITTEN_AT_MAX)


def _read(text: str, now: float) -> _NamedTime:
    """The time that `text` names; `now` is the present time in seconds since 1970 UTC. Raises `InvalidSetting`."""
    words = " ".join(text.lower().split())
    words = _with_date(_CHINESE_TIME.sub(_with_digits, words), datetime.fromtimestamp(now).date())
    if len(words) <= TEXT_CHARACTERS_MAX:
        iso = _ISO.fullmatch(_BASIC_DATE.sub(r"\1-\2-\3", words))
        if iso:
            return _read_iso(iso, text)
        week = _ISO_WEEK.fullmatch(words)
        if week:
            return _read_iso_week(week, text)
        if _DAY_BEFORE_YEAR.match(words):
            raise InvalidSetting("time_ambiguous", text=text)
        named = _read_words(words, now) if _IS_MORE_THAN_NUMBERS.search(words) else None
        if named is not None:
            return named
    raise InvalidSetting("time_not_understood", text=text[:TEXT_CHARACTERS_MAX])


def _read_iso(iso: re.Match[str], text: str) -> _NamedTime:
    """The time in `iso`, a match of `_ISO`. Raises `InvalidSetting`, which quotes `text`, if there is no such time."""
    *numbers, fraction, offset = iso.groups()
    year, month, day, hour, minute, second = (int(number) if number else None for number in numbers)
    unit: Unit = "moment" if hour is not None else "day" if day is not None else "month" if month is not None else "year"
    try:
        start = datetime(
            year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, int((fraction or "").ljust(6, "0"))
        )
        if offset:
            start = start.replace(tzinfo=datetime.strptime(offset.upper(), "%z").tzinfo)
    except ValueError as error:
        raise InvalidSetting("no_such_time", text=text, problem=str(error)) from None
    return _NamedTime(start, unit)


def _read_iso_week(week: re.Match[str], text: str) -> _NamedTime:
    """The week or day in `week`, a match of `_ISO_WEEK`. Raises `InvalidSetting`, which quotes `text`, if there is none."""
    year, number, day = week.groups()
    try:
        start = datetime.fromisocalendar(int(year), int(number), int(day or 1))
    except ValueError as error:
        raise InvalidSetting("no_such_week", text=text, problem=str(error)) from None
    return _NamedTime(start, "day" if day else "week")


def _with_digits(match: re.Match[str]) -> str:
    """The Chinese time of day that `match` has found, as a space and HH:MM: 下午3点半 becomes ` 15:30`.

    If there is no such time (下午25点), or if it could be a time of the next day (晚上12点), the found text is returned
    unchanged.
    """
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
    """`text` with a date in place of a word for a day: `monday at 7:30` becomes `2026-11-23 7:30`.

    If `text` is not just a word for a day, with or without a time of day, it is returned unchanged. `monday` is the latest
    Monday up to `today`; `last monday` is the latest one before `today`. 上周一 is the Monday of last week, 下周一 that of next
    week.
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


def _read_words(text: str, now: float) -> _NamedTime | None:
    """The time that dateparser reads in `text`, or None if it finds none; `now` is in seconds since 1970 UTC.

    The result is also None if dateparser takes a number, such as `5th`, for a month or a year.
    """
    base = datetime.fromtimestamp(now).replace(microsecond=_COUNTED_MARK)
    found, unit = _ask_dateparser(_with_known_forms(text), base)
    if found is None:
        return None
    is_counted = found.microsecond == _COUNTED_MARK
    if unit == "moment":
        if is_counted:  # subtract elapsed time from `now` in UTC, because the local clocks may have been changed
            found = datetime.fromtimestamp(now, UTC) - (base - min(max(found.replace(tzinfo=None), _FIRST), _LAST))
        return _NamedTime(found, "moment")
    if not is_counted and unit in ("month", "year") and not _MONTH_NAME.search(text):
        return None  # dateparser takes `5th` for a month, and `99` for a year
    if is_counted and _COUNTED.search(text):
        unit = "day"  # `2 weeks ago` names a day, but `last week` names a week
    return _NamedTime(_start_of(found, unit), unit)


def _start_of(moment: datetime, unit: Unit) -> datetime:
    """When the day, week, month or year (`unit`) that contains `moment` begins, as a local time without time zone."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=day.day if unit == "day" else 1, month=1 if unit == "year" else day.month)


def _with_known_forms(text: str) -> str:
    """`text` with its beginning in a form that dateparser can read: 两天前 becomes 2天前, and 11月23日 becomes 11/23."""
    text = _CHINESE_DAY.sub(r"\1/\2 ", text) if _CHINESE_DAY.match(text) else text
    match = _CHINESE_COUNT.match(text)
    return f"{_CHINESE_COUNTS[match[1]]}{text[1:]}" if match else text


def _ask_dateparser(text: str, base: datetime) -> tuple[datetime | None, Unit]:
    """Two values: the time that dateparser reads in `text`, or None if it finds none, and its unit.

    `base` is the present time, from which dateparser counts `3 hours ago`.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dateparser calls functions that Python has deprecated
        from dateparser.date import DateDataParser

        parser = DateDataParser(
            languages=["en", "zh"],  # with more languages, dateparser takes more words for times
            settings={
                "RELATIVE_BASE": base,
                "PREFER_DATES_FROM": "past",
                "DATE_ORDER": "MDY",
                "RETURN_TIME_AS_PERIOD": True,
                "PARSERS": ["relative-time", "absolute-time"],
                "TIMEZONE": "UTC",  # no effect on the result, but without it dateparser fails if TZ is, say, CST-8
            },
        )
        data = parser.get_date_data(text)
    unit = data.period
    return data.date_obj, unit if unit in ("year", "month", "week", "day") else "moment"

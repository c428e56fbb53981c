"""Days, weeks, months and years as people type them, in English and Chinese.

`read_days` reads a text only if it understands the whole text, and only if one meaning is likely. A text with several likely
meanings is refused, and the error shows how to write each of them. A date without a year, or a weekday without a week, is the
latest one up to today: `monday` is today or the last Monday, and `may 3` and 5月3日 are in this year or the last one. Weeks
begin on Monday.

Each function `_read_...` takes the match of one form of text, and returns the days that it means. Its docstring shows the form
by examples. It may raise what `read_days` raises.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from udpnote.errors import InvalidSetting

NUMBER_PATTERN = "[0-9]{1,2}|[二三四五六七八九]?十[一二三四五六七八九]?|[零〇]?[零〇一二两三四五六七八九]"
"""A regular expression for a number up to 99 in digits or Chinese. `read_number` reads it."""

AGO_PATTERN = " ?(?:ago|前|以前|之前)"

_DIGITS = {character: digit for digit, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_COUNT_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8} | {
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12
}  # fmt: skip
COUNT_PATTERN = f"[0-9]{{3,5}}|{NUMBER_PATTERN}|(?:{'|'.join(sorted(_COUNT_WORDS, key=len, reverse=True))})(?= )"
"""A regular expression for a number in digits, Chinese or an English word. `read_number` reads it."""

_FIRST_YEAR = 1970
"""Four digits alone are a year if they are from this year to the present one. Otherwise they may be a time or a day of a
month."""

_WEEKDAY = (
    "(?P<name>mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:r?s?|rsday)|fri(?:day)?|sat(?:urday)?|sun(?:day)?)(?![a-z])"
    "|(?:周|星期|礼拜)(?P<character>[一二三四五六日天])"
)
_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6} | {
    character: day for day, character in enumerate("一二三四五六日")
} | {"天": 6}  # fmt: skip
_MONTH = (
    "(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(?:(?<=jan)uary|(?<=feb)ruary|(?<=mar)ch|(?<=apr)il|(?<=jun)e|(?<=jul)y|(?<=aug)ust|(?<=sep)t(?:ember)?|(?<=oct)ober"
    r"|(?<=nov)ember|(?<=dec)ember|)\.?"
)
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12
}  # fmt: skip
_WHICH = "last|this|next|上上个?|上个?|本|这个?|下个?"
_WHICH_OFFSETS = {"last": -1, "this": 0, "next": 1, "上上": -2, "上": -1, "本": 0, "这": 0, "下": 1}
_YEAR_WORDS = {"前": -2, "去": -1, "今": 0, "明": 1, "后": 2}
_DAY_WORDS = {
    "the day before yesterday": -2, "day before yesterday": -2, "yesterday": -1, "today": 0, "tomorrow": 1,
    "大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "今天": 0, "今日": 0, "明天": 1, "明日": 1, "后天": 2, "大后天": 3,
}  # fmt: skip
_UNITS = {
    "days": "days", "day": "days", "d": "days", "天": "days", "weeks": "weeks", "week": "weeks", "wk": "weeks",
    "w": "weeks", "个星期": "weeks", "个礼拜": "weeks", "星期": "weeks", "礼拜": "weeks", "个周": "weeks", "周": "weeks",
    "months": "months", "month": "months", "mo": "months", "个月": "months", "years": "years", "year": "years", "yr": "years",
    "y": "years", "年": "years",
}  # fmt: skip
_UNIT = f"(?P<unit>{'|'.join(_UNITS)})"


class Unclear(Exception):
    """The words have several meanings. `forms` shows how to write each of them clearly."""

    def __init__(self, *forms: str) -> None:
        super().__init__(forms)
        self.forms = tuple(dict.fromkeys(forms))


class Days(NamedTuple):
    """Successive days from `first` to `last` (inclusive). Both may be the same day."""

    first: date
    last: date


def read_days(words: str, today: date) -> Days | None:
    """Return the days that `words` name; None if this function does not understand the words.

    `words` must be in lower case and in simplified Chinese, with one space between words and none inside of 5月3日. `today` is
    the present day. Raises `InvalidSetting` with the reason if there is no such day, `ValueError` or `OverflowError` if a
    number in `words` is out of range, and `Unclear` if the words have several meanings.
    """
    if words in _DAY_WORDS:
        return _span_of(today + timedelta(days=_DAY_WORDS[words]))
    for pattern, read in _FORMS:
        match = re.fullmatch(pattern, words)
        if match:
            return read(match, today)
    return _with_weekday(words, today)


def read_number(text: str) -> int:
    """The number that `text` means. `text` must match `NUMBER_PATTERN` or `COUNT_PATTERN`."""
    if text in _COUNT_WORDS:
        return _COUNT_WORDS[text]
    if text.isascii():
        return int(text)
    tens, ten, ones = text.rpartition("十")  # without 十, `tens` and `ten` are empty; 十 without `tens` is one ten
    return 10 * (_DIGITS[tens] if tens else len(ten)) + (_DIGITS[ones[-1]] if ones else 0)


def _with_weekday(words: str, today: date) -> Days | None:
    """Return the day in `words` that has its weekday before or after it: `Sun, 3 May 2026`, 2026年5月3日 星期日. Return None if
    `words` are no such day.

    Raises `InvalidSetting` if the day has another weekday.
    """
    match = _DAY_WITH_WEEKDAY.fullmatch(words) or _DAY_BEFORE_WEEKDAY.fullmatch(words)
    days = read_days(match["day"], today) if match else None
    if not match or not days or days.first != days.last:
        return None
    if days.first.weekday() != _weekday(match):
        raise InvalidSetting("day_of_other_weekday", day=str(days.first), weekday=days.first.weekday())
    return days


def _span_of(first: date, count: int = 1) -> Days:
    """`count` days from `first` on, but no day after the year 9999."""
    return Days(first, first + timedelta(days=min(count - 1, (date.max - first).days)))


def _week(day: date) -> Days:
    """The week that contains `day`, from Monday to Sunday."""
    return _span_of(day - timedelta(days=day.weekday()), 7)


def _month(year: int, month: int) -> Days:
    return _span_of(date(year, month, 1), monthrange(year, month)[1])


def _year(year: int) -> Days:
    return _span_of(date(year, 1, 1), 366 if isleap(year) else 365)


def _months_later(day: date, months: int) -> date:
    """The same day, `months` months later, or the last day of that month if the month is shorter. Raises `InvalidSetting` if
    the year is then not from 1 to 9999.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise InvalidSetting("number_of_no_time")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _latest(month: int, day: int, today: date) -> Days:
    """The latest day with this `month` and `day` up to `today`. Raises `InvalidSetting` if there is no such day in any year.

    For February 29, the result may be up to eight years ago.
    """
    if day > monthrange(2024, month)[1]:
        raise InvalidSetting("number_of_no_time")
    years = (year for year in range(today.year, today.year - 9, -1) if day <= monthrange(year, month)[1])
    return _span_of(next(found for year in years if (found := date(year, month, day)) <= today))


def _weekday(match: re.Match[str]) -> int:
    return _WEEKDAYS[match["name"][:3] if match["name"] else match["character"]]


def _offset(which: str) -> int:
    """The number of weeks, months or years from the present one to the one that `which` names: -1 for `last` or 上个 (last)."""
    return _WHICH_OFFSETS[which.removesuffix("个")]


def _read_weekday(match: re.Match[str], today: date) -> Days:
    """Read a weekday: `monday` is the latest one, perhaps today; `last monday` is before today.

    `this monday` is in this week, `next monday` in the next week, and 上周一 (Monday of last week) in the week before this one.
    Raises `Unclear` for `next` if that weekday is still to come in this week.
    """
    weekday, which = _weekday(match), match["which"]
    if which and which != "last":
        day = _week(today).first + timedelta(days=7 * _offset(which) + weekday)
        if which == "next" and weekday > today.weekday():
            raise Unclear(str(day - timedelta(days=7)), str(day))
        return _span_of(day)
    back = (today.weekday() - weekday) % 7
    return _span_of(today - timedelta(days=7 if which and not back else back))


def _read_which(match: re.Match[str], today: date) -> Days:
    """Read a week, month or year by its distance: `last week`, 上个月 (last month), 上周末 (last weekend)."""
    offset, unit = _offset(match["which"]), match["unit"]
    if unit in ("year", "年"):
        return _year(today.year + offset)
    if unit in ("month", "月"):
        first = _months_later(today.replace(day=1), offset)
        return _month(first.year, first.month)
    week = _week(today + timedelta(days=7 * offset))
    return Days(week.first + timedelta(days=5), week.last) if unit in ("weekend", "周末") else week


def _read_year_first(match: re.Match[str], _: date) -> Days:
    """Read a day or month with its year: `2026-05-03`, `20260503`, `2026/5`, `5/2026`."""
    year, month, day = int(match["year"]), int(match["month"]), match["day"]
    return _span_of(date(year, month, int(day))) if day else _month(year, month)


def _read_year(match: re.Match[str], today: date) -> Days:
    """Read a year: `2026`, `year 1530`.

    A number alone must be from 1970 (`_FIRST_YEAR`) to the present year. For any other number, such as 1530, this raises
    `Unclear`, because it may be a time of day.
    """
    year = match["year"]
    if not match["word"] and not _FIRST_YEAR <= int(year) <= today.year:
        is_time = int(year[:2]) < 24 and int(year[2:]) < 60
        times = [f"today {year[:2]}:{year[2:]}"] if is_time else []
        raise Unclear(*times, *([f"year {year}"] if int(year) else []))  # there is no year 0
    return _year(int(year))


def _read_iso_week(match: re.Match[str], _: date) -> Days:
    """Read a week of ISO 8601, or a day in it: `2026-w19`, `2026w197`."""
    first = date.fromisocalendar(int(match["year"]), int(match["week"]), int(match["day"] or 1))
    return _span_of(first) if match["day"] else _week(first)


def _read_year_last(match: re.Match[str], _: date) -> Days:
    """Read a date that ends with its year, such as 27.11.2026, where 27 can only be the day.

    Raises `Unclear` if each of the other two numbers may be the month: 05/06/2026 may be in May or in June.
    """
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    if first != second and max(first, second) <= 12:
        raise Unclear(str(date(year, first, second)), str(date(year, second, first)))
    return _span_of(date(year, first, second) if second > 12 else date(year, second, first))


def _read_short(match: re.Match[str], today: date) -> Days:
    """Raise `Unclear` with each date that two or three numbers, such as 5/6 or 1/2/26, may mean.

    Raises `InvalidSetting` if they cannot mean any date.
    """
    first, second, third = int(match["first"]), int(match["second"]), int(match["third"] or -1)
    if third >= 0:
        year = _year_up_to(today, third)
        dates = ((year, second, first), (year, first, second), (_year_up_to(today, first), second, third))
        forms = [str(date(*each)) for each in dates if _exists(*each)]
    else:
        forms = [str(_latest(*each, today).first) for each in ((first, second), (second, first)) if _exists(2024, *each)]
        forms += [f"{_year_up_to(today, second)}-{first:02}"] if second > 12 >= first > 0 else []
    if not forms:
        raise InvalidSetting("number_of_no_time")
    raise Unclear(*forms)


def _year_up_to(today: date, digits: int) -> int:
    """The latest year, not after that of `today`, whose last two digits are `digits`."""
    return today.year - (today.year - digits) % 100


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _read_english(match: re.Match[str], today: date) -> Days:
    """Read a day of a month: `3 May 2026`, or `May 3`, which is the latest one up to `today`."""
    month, day = _MONTHS[match["name"]], int(match["day"])
    return _span_of(date(int(match["year"]), month, day)) if match["year"] else _latest(month, day, today)


def _read_english_month(match: re.Match[str], today: date) -> Days:
    """Read a month: `may 2026`, or `may`, which is the latest May up to the present month."""
    month = _MONTHS[match["name"]]
    return _month(int(match["year"] or today.year - (month > today.month)), month)


def _read_chinese(match: re.Match[str], today: date) -> Days | None:
    """The days of a matched day, month or year: 2026年5月3日, 五月三日 (May 3), 去年5月 (May of last year), 2026年.

    Returns None if `match` has neither a year nor a month. Raises `InvalidSetting` if there is no such month.
    """
    year = _chinese_year(match["year"], today) if match["year"] else None
    if not match["month"]:
        return _year(year) if year is not None else None
    number, day = read_number(match["month"]), match["day"] or match["digits"]
    if not 1 <= number <= 12:
        raise InvalidSetting("number_of_no_time")
    if day:
        return _span_of(date(year, number, read_number(day))) if year is not None else _latest(number, read_number(day), today)
    return _month(year if year is not None else today.year - (number > today.month), number)


def _read_day_of_month(match: re.Match[str], today: date) -> Days:
    """Read a day of a month that is given by its distance, such as 上个月3号 (the 3rd of last month)."""
    return _span_of(_months_later(today.replace(day=1), _offset(match["which"])).replace(day=read_number(match["day"])))


def _read_day_alone(match: re.Match[str], today: date) -> Days:
    """Read a day without a month: 3号, `the 3rd`. Return the latest such day that is not after `today`.

    Raises `InvalidSetting` if no month has this day.
    """
    day = read_number(match["day"])
    months = (_months_later(today.replace(day=1), -back) for back in range(3 if 1 <= day <= 31 else 0))
    possible = [month.replace(day=day) for month in months if day <= monthrange(month.year, month.month)[1]]
    if not possible:
        raise InvalidSetting("number_of_no_time")
    return _span_of(next(found for found in possible if found <= today))


def _chinese_year(text: str, today: date) -> int:
    """The year that `text` names: 2026, 二〇二六 (2026) or 去 (last year). `text` has no 年 (year) at its end."""
    if text in _YEAR_WORDS:
        return today.year + _YEAR_WORDS[text]
    return int("".join(str(_DIGITS.get(character, character)) for character in text))


def _before(today: date, count: str, unit: str) -> date:
    """The day that is `count` units before `today`. `count` and `unit` are as typed.

    Raises `InvalidSetting` for more than 999 years. If the day is before the year 1, raises `InvalidSetting` or, for days and
    weeks, `OverflowError`.
    """
    number, unit = read_number(count), _UNITS[unit]
    if unit == "years" and number > 999:
        raise InvalidSetting("too_many_years_back")  # 2025年前 means `before 2025`, not `2025 years ago`
    if unit in ("months", "years"):
        return _months_later(today, -number * (12 if unit == "years" else 1))
    return today - timedelta(days=number * (7 if unit == "weeks" else 1))


def _read_ago(match: re.Match[str], today: date) -> Days:
    """Read a day by its distance from today: `2 weeks ago`, 三天前 (three days ago), 三天, 2w."""
    return _span_of(_before(today, match["count"], match["unit"]))


def _read_half_year(_: re.Match[str], today: date) -> Days:
    """Read the day half a year before today: `half a year ago`, 半年前."""
    return _span_of(_months_later(today, -6))


def _read_last(match: re.Match[str], today: date) -> Days:
    """Read a span up to today: `last 3 days` is today and the 3 days before it; 最近一周 (the last week) begins a week ago."""
    return Days(_before(today, match["count"] or "a", match["unit"]), today)


_DAY_WITH_WEEKDAY = re.compile(rf"(?:{_WEEKDAY})[, ]*(?P<day>.+)")
_DAY_BEFORE_WEEKDAY = re.compile(rf"(?P<day>.+?)(?:, ?| |(?=[^ -~])|(?=\())\(?(?:{_WEEKDAY})\)?")
_FORMS: list[tuple[str, Callable[[re.Match[str], date], Days | None]]] = [
    (rf"(?:on )?(?:(?P<which>(?:last|this|next)(?= [a-z])|(?![a-z])(?:{_WHICH}))? ?(?:{_WEEKDAY}))", _read_weekday),
    (rf"(?P<which>{_WHICH}) ?(?P<unit>weekend|week|month|year|周末|周|星期|礼拜|月)", _read_which),
    (r"(?P<year>[0-9]{4})([-/.])(?P<month>[0-9]{1,2})(?:\2(?P<day>[0-9]{1,2}))?", _read_year_first),
    (r"(?P<month>[0-9]{1,2})[-/.](?P<year>[0-9]{4})(?P<day>)", _read_year_first),
    (r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})", _read_year_first),
    (r"(?P<word>year |in )?(?P<year>[0-9]{4})", _read_year),
    (r"(?P<year>[0-9]{4})-?w(?P<week>[0-9]{2})(?:-?(?P<day>[1-7]))?", _read_iso_week),
    (r"(?P<first>[0-9]{1,2})([-/.])(?P<second>[0-9]{1,2})\2(?P<year>[0-9]{4})", _read_year_last),
    (r"(?P<first>[0-9]{1,2})[-/](?P<second>[0-9]{1,2})(?:[-/](?P<third>[0-9]{2}))?", _read_short),
    (r"(?P<first>[0-9]{1,2})\.(?P<second>[0-9]{1,2})\.(?P<third>[0-9]{2})?", _read_short),
    (rf"(?:on )?{_MONTH} (?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?:[, ]+(?P<year>[0-9]{{4}}))?", _read_english),
    (
        rf"(?:on )?(?:the )?(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?[ -]?(?:of )?{_MONTH}(?:[, -]+(?P<year>[0-9]{{4}}))?",
        _read_english,
    ),
    (rf"(?:in )?{_MONTH}(?:[, ]+(?P<year>[0-9]{{4}}))?", _read_english_month),
    (
        "(?:(?P<year>[0-9]{4}|[零〇一二三四五六七八九]{4}|[前去今明后])年)?"
        rf"(?:(?P<month>{NUMBER_PATTERN})月份?(?:(?P<day>{NUMBER_PATTERN})[日号]|(?P<digits>[0-9]{{1,2}}))?)?",
        _read_chinese,
    ),
    (rf"(?P<which>{_WHICH})月(?P<day>{NUMBER_PATTERN})[日号]", _read_day_of_month),
    (rf"(?P<day>{NUMBER_PATTERN})[日号]", _read_day_alone),
    ("(?:on )?(?:the )?(?P<day>[0-9]{1,2})(?:st|nd|rd|th)", _read_day_alone),
    (rf"(?P<count>{COUNT_PATTERN}) ?{_UNIT}(?:{AGO_PATTERN}|(?<!年))", _read_ago),  # 25年 may be 2025
    (rf"(?:half a year|半年){AGO_PATTERN}", _read_half_year),
    (rf"(?:the )?(?:(?:last|past) |最近|过去|近)(?P<count>{COUNT_PATTERN}) ?{_UNIT}内?", _read_last),
    (r"(?:the )?past (?P<count>)(?P<unit>day|week|month|year)", _read_last),
]
"""Regular expressions, each with the function that reads a match. Python compiles an expression when it is first tried, because
compiling takes time."""

"""Times as people type them: the span of time that is meant, or a fact about what is wrong and the form to type instead."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpnote.errors import InvalidSetting
from udpnote.text.times import read_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(zone: str, local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone))


NOW = at("Asia/Shanghai", "2026-11-25 14:30:15.250")
"""A Wednesday."""

NOWS = [
    NOW, at("UTC", "2026-11-22 00:00"), at("America/New_York", "2028-02-29 23:59:59"), at("Asia/Kolkata", "2027-01-01 06:00"),
    at("Europe/Berlin", "2026-08-31 12:00"), at("Australia/Lord_Howe", "2026-06-01 18:00"),
]  # fmt: skip
"""A Wednesday, a Sunday, a leap day, the first day of a year, the last of a month, and a Monday that begins a month."""


def span(text: str, now: datetime = NOW) -> tuple[str, str]:
    """Where the time that `text` names begins and ends, on the clock of the zone of `now`."""
    named = read_time(text, now)
    assert named.is_moment == (named.start == named.end)
    start, end = (
        each.astimezone(UTC).astimezone(now.tzinfo).replace(tzinfo=None).isoformat(" ") for each in (named.start, named.end)
    )
    return start, end


def refusal(text: str, now: datetime = NOW) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(InvalidSetting) as raised:
        read_time(text, now)
    notice = raised.value.notice
    assert notice.values["text"] == text[:64]
    forms = notice.values.get("forms", ())
    assert isinstance(forms, tuple)
    return notice.kind, forms


WRITTEN = (  # noqa: SIM905 - shorter than a list
    "{y}-{m:02}-{d:02}|{y}-{m}-{d}|{y}/{m}/{d}|{y}.{m}.{d}|{y}年{m}月{d}日|{y}年 {m:02}月 {d:02}日|{y} 年 {m} 月 {d} 日"
    "|{y}年{m}月{d}号"
    "|{b} {d}, {y}|{b} {d} {y}|{d} {b} {y}|{B} {d}th, {y}|the {d}th of {B} {y}|{d}-{b}-{y}|{a}, {d} {b} {y}|{a} {y}-{m}-{d}"
    "|{A}, {B} {d} {y}|{y}{m:02}{d:02}| {y}-{m}-{d}\u3000|{y}-{m}-{d} ({c})|{y}年{m}月{d}日{c}|{c} {y}年{m}月{d}日"
    "|{G}-W{V}-{u}"
).split("|")
WRITTEN_IF_CLEAR = ["{d}/{m}/{y}", "{m}/{d}/{y}", "{d}.{m}.{y}", "{d}-{m}-{y}"]
DAYS_AGO = {
    0: "today|今天|今日|0 days ago", 1: "yesterday|昨天|昨日|a day ago|1d|一天前",
    2: "the day before yesterday|前天|2 days ago|两天前|兩天前|2天",
    3: "大前天|three days ago|3天以前", 14: "2w|两周|2 weeks ago|两周前|2个星期前|两個禮拜之前|2 周 前",
    21: "二十一天前", -1: "tomorrow|明天",
    -2: "后天|後天",
}  # fmt: skip
LATEST = {
    "%a Mon": "monday|on monday|Mon|周一|星期一|禮拜一", "%a Sun": "sunday|周日|星期天", "%d 31": "31号|三十一日|the 31st",
    "%d %m 03 05": "may 3|3 May|5月3日|五月三号|5月3", "%d %m 29 02": "2月29日|feb 29th",
}  # fmt: skip
"""The latest day that Python shows like this, perhaps today."""

OF_THIS_WEEK = {
    3: "this thursday|本周四|这个星期四",
    -4: "上周四|上个星期四",
    10: "下周四",
    7: "next monday",
    -11: "上上个礼拜四",
}
"""Days after the Monday of this week."""

TIMES = {
    (0, 1440): "", (472, 472): " 07:52| 7:52|, 7:52 AM| 07时52分00秒| 7:52:00",
    (900, 900): " at 3 pm| 3:00pm|下午3点|下午15点|下午 三點",
    (930, 930): " １５：３０| 下午三点半| 15时30分|下午3:30| 下午 3 点 30 分",
    (720, 720): " at noon|中午12点", (5, 5): " 12:05 a.m.|凌晨12点05",
    (360, 720): "上午| 早上| morning| in the morning", (0, 360): "凌晨", (660, 840): "中午", (780, 780): "中午一点",
    (735, 735): "中午12点一刻", (720, 1080): "下午| afternoon", (1080, 1080): "傍晚6点", (1080, 1440): " evening",
    (0, 0): "零点|零時",
    (1080, 1800): "晚上|夜里| night", (1335, 1335): "晚上十点十五分| night at 10:15pm",
}  # fmt: skip
"""From which minute of the day to which, and what may stand behind the day."""

TIMES_FIRST = {(900, 900): "15:00 |at 3pm on |下午3点 ", (720, 720): "noon "}


def days_back(today: date) -> Iterator[date]:
    return (today - timedelta(days=back) for back in range(9 * 366))


def this_week(today: date, day: int) -> date:
    return today - timedelta(days=today.weekday() - day)


def days(now: datetime) -> Iterator[tuple[str, date]]:
    """Ways to name a day, and the day."""
    today = now.date()
    for back, texts in DAYS_AGO.items():
        yield from ((text, today - timedelta(days=back)) for text in texts.split("|"))
    for shown, texts in LATEST.items():
        form, wanted = re.sub(r" [^%]+$", "", shown), re.sub(r"%. ?", "", shown)
        yield from ((text, next(day for day in days_back(today) if f"{day:{form}}" == wanted)) for text in texts.split("|"))
    for offset, texts in OF_THIS_WEEK.items():
        yield from ((text, this_week(today, offset)) for text in texts.split("|"))
    yield "last thursday", next(day for day in days_back(today) if day < today and day.weekday() == 3)
    yield "去年5月3日", date(today.year - 1, 5, 3)
    for day in (date(2026, 5, 31), date(2024, 2, 29), date(1999, 12, 13), date(2026, 4, 4), today):
        fields = {"y": day.year, "m": day.month, "d": day.day}
        names = {code: f"{day:%{code}}" for code in "aAbBGVu"} | {"c": "周" + "一二三四五六日"[day.weekday()]}
        forms = WRITTEN + (WRITTEN_IF_CLEAR if day.day > 12 or day.day == day.month else [])
        yield from ((form.format(**fields, **names), day) for form in forms)


@pytest.mark.parametrize("now", NOWS, ids=str)
def test_every_way_to_write_a_day_takes_every_way_to_write_a_time_of_day_or_a_part_of_it(now: datetime) -> None:
    step = 1 if now is NOW else 4  # to save time
    for index, (text, day) in enumerate(days(now)):
        around = [(minutes, ("", each)) for minutes, texts in TIMES.items() for each in texts.split("|")]
        around += [(minutes, (each, "")) for minutes, texts in TIMES_FIRST.items() for each in texts.split("|")]
        for minutes, (before, after) in around[:1] + around[index % step :: step]:
            start, end = ((datetime(day.year, day.month, day.day) + timedelta(minutes=each)).isoformat(" ") for each in minutes)
            assert (before + text + after, span(before + text + after, now)) == (before + text + after, (start, end))


@pytest.mark.parametrize("now", NOWS, ids=str)
def test_a_week_a_month_a_year_and_the_last_days_are_whole_ones_of_the_calendar(now: datetime) -> None:
    today = now.date()
    tomorrow, monday, month, year = today + timedelta(1), this_week(today, 0), today.replace(day=1), date(today.year, 1, 1)
    earlier = (month - timedelta(1)).replace(day=1)
    for texts, first, end in (
        ("this week|本周|这周|这个星期", monday, monday + timedelta(7)),
        ("last week|上周|上個禮拜", monday - timedelta(7), monday),
        ("上上周", monday - timedelta(14), monday - timedelta(7)), ("last weekend|上周末", monday - timedelta(2), monday),
        ("this month|这个月|本月|這個月", month, (month + timedelta(31)).replace(day=1)),
        (f"in {month:%B}|{month.month}月|{month:%b. %Y}", month, (month + timedelta(31)).replace(day=1)),
        ("last month|上个月|上月", earlier, month),
        (f"{earlier.year}-{earlier.month}|{earlier:%b %Y}|{earlier:%m/%Y}", earlier, month),
        (f"this year|今年|{today.year}年", year, date(today.year + 1, 1, 1)),
        (f"last year|去年|in {today.year - 1}", date(today.year - 1, 1, 1), year),
        ("last 3 days|past three days|the last 3 days|最近三天|过去3天|近三天内", today - timedelta(3), tomorrow),
        ("past week|最近一周|last 1 week", today - timedelta(7), tomorrow),
        ("last 2 weeks|过去两周", today - timedelta(14), tomorrow),
    ):  # fmt: skip
        for text in texts.split("|"):
            assert (text, span(text, now)) == (text, (f"{first} 00:00:00", f"{end} 00:00:00"))


FIXED = {
    "2019-05-09 16:37:08": "2019/05/09 16:37:08", "2026-05-03 07:52:00": (
        "Sun May  3 07:52:00 CST 2026|Sun May  3 07:52:00 AM CST 2026|2026年 05月 03日 星期日 07:52:00 CST|May  3 07:52"
        "|Sun May 3 07:52:00 2026 +0800|Sun, 03 May 2026 07:52:00 +0800|Sat May  2 23:52:00 UTC 2026|20260502T235200Z"
        "|20260503T0752|2026-05-03t07:52 utc+8|2026-05-02 23:52 GMT|2026-05-02 19:52 -0400"
    ),
    "2026-11-23 07:52:59.000123": "2026-11-23T07:52:59.000123+08:00", "2026-11-23 07:52:59.250000": "2026-11-23T07:52:59,25",
    "2026-11-24 23:00:00": "yesterday 15:00 UTC|15:00z yesterday|昨晚11点|last night at 11pm",
    "2026-11-25 11:30:15.250000": "3 hours ago|3小时前|三個小時前|3h|180 min|2 hours and 60 minutes ago",
    "2026-11-25 13:00:00": "13:00|1pm|下午1点",
    "2026-11-25 13:00:15.250000": "1h30m|1.5 hours ago|一个半小时前|1小时30分钟前",
    "2026-11-25 14:00:15.250000": "半小时前|half an hour ago", "2026-11-25 14:29:45.250000": "30 seconds ago|30秒钟前|三十秒前",
    "2026-11-25 14:30:15.250000": "now|现在|現在", "2026-11-26 09:00:00": "明早9点",
    "2026-11-24 20:00:00": "周二二十点|周二晚上八点",
    "2024-11-25 2024-11-26": "2 years ago|两年前",
    "2025-12-24 2025-12-25": "december 24|12月24日", "2026-05-25 2026-05-26": "半年前|half a year ago|6mo",
    "2026-10-03 2026-10-04": "上个月3号", "2025-12-01 2026-01-01": "dec|12月|去年12月",
    "2025-12-29 2026-01-05": "2026-W01|2026w01",
    "2026-01-01 2027-01-01": "2026|２０２６",
    "2026-11-24 14:30:15.250000 2026-11-25 14:30:15.250000": "last 24 hours|最近24小时",
    "2026-11-25 13:30:15.250000 2026-11-25 14:30:15.250000": "last hour|the past hour|过去一个小时",
    "2026-11-24 18:00:00 2026-11-25 06:00:00": "昨晚|昨夜|last night|yesterday night",
    "2026-11-25 06:00:00 2026-11-25 12:00:00": "今早|今晨|this morning|上午",
    "2026-11-25 18:00:00 2026-11-26 06:00:00": "tonight|今晚",
    "1530-01-01 1531-01-01": "1530年|year 1530",
}  # fmt: skip


def test_times_that_programs_print_elapsed_times_and_short_forms_are_read() -> None:
    for named, texts in FIXED.items():
        times = re.findall(r"[0-9]{4}-[^ ]+(?: [0-9]{2}:[^ ]+)?", named)
        bounds = tuple(time if ":" in time else f"{time} 00:00:00" for time in (times[0], times[-1]))
        for text in texts.split("|"):
            assert (text, span(text)) == (text, bounds)


UNCLEAR = {
    "1430": "today 14:30|year 1430", "2060": "year 2060", "0000": "today 00:00", "next friday": "2026-11-27|2026-12-04",
    "05/06/2026": "2026-05-06|2026-06-05", "5.6.2026": "2026-05-06|2026-06-05",
    "11/23": "2026-11-23|2023-11", "3-4 15:00": "2026-03-04|2026-04-03", "10.5.26": "2026-05-10|2026-10-05|2010-05-26",
    "23.11.": "2026-11-23", "31/12/99": "1999-12-31", "12/99": "1999-12", "30m": "30 minutes ago|30 months ago",
    "15:00": "2026-11-24 15:00|2026-11-25 15:00", "晚上": "2026-11-24 晚上|2026-11-25 晚上",
    "昨天3点": "2026-11-24 03:00|2026-11-24 15:00", "12点": "2026-11-25 00:00|2026-11-25 12:00",
    "昨天上午12点": "2026-11-24 00:00|2026-11-24 12:00", "昨晚1点半": "2026-11-24 01:30|2026-11-25 01:30",
    "今天晚上12点": "2026-11-25 00:00|2026-11-26 00:00", "yesterday midnight": "2026-11-24 00:00|2026-11-25 00:00",
    "last night at 1am": "2026-11-24 01:00|2026-11-25 01:00",
}  # fmt: skip
REFUSED = {
    "time_not_understood": (
        "| |answer_invalid|buy milk|yesterday milk|monday 2026|monday 9|-|5|99|-5|a|1557419828|202605|2026-W48-8|\0|\ud800"
        "|今日记录|last 3 days ago|in 3 days|25年|上周 15:00|5月下午|2026年 3日|去年上个月3号|2026-11-2 31|5 may 26|½ hour ago"
        "|2² days ago|yesterday,|二二月|11.23|3 hours ago yesterday|at 9|星期八"
        "|friurday|mons|twow|ones|,noon|am二hours|3日以前|last 2 hours yesterday"
    ),
    "no_such_time": (
        "2026-13-45|2026-02-29|2026-11-23 24:00|2026-11-23T07:52+99:00|0000-01-01|13月|feb 30|5月0日|32号|今天25点"
        "|今天下午3点61分|早上15点|今天晚上 9am|2025年前"
        "|凌晨7点|13pm|Mon May 3 2026|2026年5月3日 周一|9999 years ago|9999-12-31 midnight|45/45"
        "|Sun May  3 07:52:00 CST 2026 +0800|31.31.2026|2026-W54|2026-W00|2025-W53|0000-W01|2026-05-03 周一"
    ),
    "time_zone_unknown": "Sun May  3 07:52:00 IST 2026|2026-05-03 07:52 EST|yesterday 15:00 milk",
}  # fmt: skip


def test_an_ambiguous_text_is_refused_with_forms_that_can_be_read() -> None:
    for text, forms in UNCLEAR.items():
        assert (text, refusal(text)) == (text, ("time_unclear", tuple(forms.split("|"))))
        assert len({span(form) for form in forms.split("|")}) == forms.count("|") + 1


def test_a_text_that_is_not_a_time_alone_is_refused() -> None:
    for kind, texts in REFUSED.items():
        for text in texts.split("|"):
            assert (text, refusal(text)[0]) == (text, kind)
    assert refusal("x" * 10_000) == refusal("1 " * 10_000) == ("time_not_understood", ())
    for text in chain("|".join(FIXED.values()).split("|"), (text for text, _ in days(NOW))):
        for more in (f"{text} xxxxxx", f"{text}的", f"xx {text}", f"{text} of", f"不{text}"):
            assert (more, refusal(more)[0]) in {(more, kind) for kind in (*REFUSED, "time_unclear")}


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("Asia/Kolkata", "Sun May  3 07:52:00 IST 2026", "2026-05-03T02:22:00"),
        ("Asia/Shanghai", "2026-05-03 07:52 IST", None), ("America/Chicago", "2026-05-03 07:52 CST", None),
        ("America/Chicago", "2026-01-03 07:52 CST", "2026-01-03T13:52:00"),
        ("Europe/London", "2026-07-01 07:52 GMT", "2026-07-01T07:52:00"),
        ("Europe/London", "2026-07-01 7:52 bst", "2026-07-01T06:52:00"),
        ("Europe/Berlin", "2026-10-25 02:30", ("2026-10-25 02:30:00+02:00", "2026-10-25 02:30:00+01:00")),
        ("Europe/Berlin", "2026-10-25 02:30 CET", "2026-10-25T01:30:00"),
        ("Europe/Berlin", "2026-10-25 02:30 CEST", "2026-10-25T00:30:00"),
        ("Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00"), ("Europe/Berlin", "2026-03-29 02:30", ValueError),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00"), ("America/Havana", "2025-11-02", "2025-11-02T04:00:00"),
    ],
)  # fmt: skip
def test_a_time_zone_by_name_is_the_readers_or_refused_and_so_is_a_time_that_the_clocks_skip_or_show_twice(
    zone: str, text: str, expected: object
) -> None:
    now = at(zone, "2026-11-25 14:30")
    if isinstance(expected, str):
        assert read_time(text, now).start.astimezone(UTC).replace(tzinfo=None).isoformat() == expected
    elif isinstance(expected, tuple):
        assert refusal(text, now) == ("time_unclear", expected)
        assert [read_time(form, now).start.isoformat(" ") for form in expected] == list(expected)
    else:
        assert refusal(text, now)[0] == ("no_such_time" if expected else "time_zone_unknown")


WORDS = re.findall(
    r"[a-z]+|\d+|[^\sa-z\d]", " ".join(chain(FIXED.values(), TIMES.values(), (text for text, _ in days(NOW)))).lower()
)
WORDS += [
    "15:00", "9999", "0001", "17754000", "999999999", "12-31", "seconds", "½", "٣", "\x00", "\ud800", "(", "{", "十", "零",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), st.sampled_from(["", " "]), st.sampled_from(NOWS))
def test_every_text_is_a_span_of_time_or_refused(words: list[str], between: str, now: datetime) -> None:
    try:
        named = read_time(between.join(words), now)
    except InvalidSetting:
        return
    assert named.start - EPOCH <= named.end - EPOCH

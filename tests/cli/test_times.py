"""Times as a person types them: the span that is meant, in the reader's time zone, or a message that says how to write it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from udpnote.cli.times import localize, parse_span, time_filters
from udpnote.errors import InvalidSetting
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN

ZONES = ["UTC", "Asia/Shanghai", "CST-8", "America/New_York", "EST5EDT,M3.2.0,M11.1.0", "Australia/Lord_Howe"]
"""With names from the time zone database, and as POSIX writes them."""


@pytest.fixture(autouse=True)
def _zone_restored() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        yield
    time.tzset()


def use_zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()


def now() -> float:
    """Wednesday, 2026-11-25, half past two, on the clock of the zone in use."""
    return datetime(2026, 11, 25, 14, 30, 15, 250_000).timestamp()


def shown(microseconds: int) -> str:
    """As the clock of the zone in use shows it."""
    return datetime.fromtimestamp(microseconds / 1e6).isoformat(sep=" ", timespec="microseconds").removesuffix(".000000")


def span(text: str) -> tuple[str, str]:
    start, end = parse_span(text, now())
    return shown(start), shown(end)


DAYS = [
    ("2026-11-23", "2026-11-23"),
    ("2026/11/23", "2026-11-23"),
    (" 2026-11-23 ", "2026-11-23"),
    ("today", "2026-11-25"),
    ("Today", "2026-11-25"),
    ("yesterday", "2026-11-24"),
    ("tomorrow", "2026-11-26"),
    ("the day before yesterday", "2026-11-23"),
    ("2 days ago", "2026-11-23"),
    ("2 days", "2026-11-23"),
    ("a week ago", "2026-11-18"),
    ("2 weeks ago", "2026-11-11"),
    ("1 month ago", "2026-10-25"),
    ("2 years ago", "2024-11-25"),
    ("monday", "2026-11-23"),
    ("Mon", "2026-11-23"),
    ("on tuesday", "2026-11-24"),
    ("wednesday", "2026-11-25"),
    ("this wednesday", "2026-11-25"),
    ("last wednesday", "2026-11-18"),
    ("last monday", "2026-11-23"),
    ("last friday", "2026-11-20"),
    ("Saturday", "2026-11-21"),
    ("sunday", "2026-11-22"),
    ("nov 23", "2026-11-23"),
    ("23 November", "2026-11-23"),
    ("Mon 23 Nov 2026", "2026-11-23"),
    ("december 24", "2025-12-24"),
    ("今天", "2026-11-25"),
    ("昨天", "2026-11-24"),
    ("前天", "2026-11-23"),
    ("2天前", "2026-11-23"),
    ("两天前", "2026-11-23"),
    ("十天前", "2026-11-15"),
    ("1周前", "2026-11-18"),
    ("两个月前", "2026-09-25"),
    ("星期一", "2026-11-23"),
    ("礼拜天", "2026-11-22"),
    ("周三", "2026-11-25"),
    ("上周一", "2026-11-16"),
    ("上周日", "2026-11-22"),
    ("上个星期五", "2026-11-20"),
    ("下周一", "2026-11-30"),
    ("下周三", "2026-12-02"),
    ("下个星期天", "2026-12-06"),
    ("2026-W48-1", "2026-11-23"),
    ("2026W487", "2026-11-29"),
    ("11月23日", "2026-11-23"),
    ("12月24日", "2025-12-24"),
    ("2026年11月23日", "2026-11-23"),
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("text", "day"), DAYS, ids=[text for text, _ in DAYS])
def test_a_day_is_all_of_that_day_on_the_readers_clock(monkeypatch: pytest.MonkeyPatch, zone: str, text: str, day: str) -> None:
    use_zone(monkeypatch, zone)
    start, end = parse_span(text, now())
    assert shown(start) == f"{day} 00:00:00"
    assert shown(end - 1) == f"{day} 23:59:59.999999"


LONGER = [
    ("2026-11", "2026-11-01", "2026-12-01"),
    ("2026-12", "2026-12-01", "2027-01-01"),
    ("2024-02", "2024-02-01", "2024-03-01"),
    ("2026", "2026-01-01", "2027-01-01"),
    ("november", "2026-11-01", "2026-12-01"),
    ("Dec 2025", "2025-12-01", "2026-01-01"),
    ("2026年2月", "2026-02-01", "2026-03-01"),
    ("last month", "2026-10-01", "2026-11-01"),
    ("上个月", "2026-10-01", "2026-11-01"),
    ("this week", "2026-11-23", "2026-11-30"),
    ("last week", "2026-11-16", "2026-11-23"),
    ("上周", "2026-11-16", "2026-11-23"),
    ("2026-W48", "2026-11-23", "2026-11-30"),
    ("2026w48", "2026-11-23", "2026-11-30"),
    ("2026-W01", "2025-12-29", "2026-01-05"),
    ("2026-W53", "2026-12-28", "2027-01-04"),
    ("last year", "2025-01-01", "2026-01-01"),
    ("去年", "2025-01-01", "2026-01-01"),
]


@pytest.mark.parametrize(("text", "start", "end"), LONGER)
def test_a_week_a_month_or_a_year_is_one_of_the_calendar(text: str, start: str, end: str) -> None:
    assert span(text) == (f"{start} 00:00:00", f"{end} 00:00:00")


FINER = [
    ("2026-11-23T07:52", "2026-11-23 07:52:00", 60_000_000),
    ("2026-11-23 7:52", "2026-11-23 07:52:00", 60_000_000),
    ("2026-11-23 07:52:59", "2026-11-23 07:52:59", 1_000_000),
    ("2019/05/09 16:37:08", "2019-05-09 16:37:08", 1_000_000),
    ("2026-11-23T07:52:59.25", "2026-11-23 07:52:59.250000", 1),
    ("2026-11-23T07:52:59.000123+08:00", "2026-11-23 07:52:59.000123", 1),
    ("2026-11-23T07:52Z", "2026-11-23 15:52:00", 60_000_000),
    ("2026-11-23T07:52:00+02:00", "2026-11-23 13:52:00", 1_000_000),
    ("2026-11-23 07:52 -0330", "2026-11-23 19:22:00", 60_000_000),
    ("yesterday 15:00", "2026-11-24 15:00:00", 60_000_000),
    ("yesterday at 3pm", "2026-11-24 15:00:00", 60_000_000),
    ("wednesday 9am", "2026-11-25 09:00:00", 60_000_000),
    ("昨天15:00", "2026-11-24 15:00:00", 60_000_000),
    ("周一 9:30", "2026-11-23 09:30:00", 60_000_000),
    ("今天下午3点", "2026-11-25 15:00:00", 60_000_000),
    ("今天下午三点", "2026-11-25 15:00:00", 60_000_000),
    ("昨天 上午 9点30分", "2026-11-24 09:30:00", 60_000_000),
    ("昨天晚上十点半", "2026-11-24 22:30:00", 60_000_000),
    ("前天中午12点", "2026-11-23 12:00:00", 60_000_000),
    ("前天中午一点", "2026-11-23 13:00:00", 60_000_000),
    ("前天中午11点", "2026-11-23 11:00:00", 60_000_000),
    ("今天凌晨12点05", "2026-11-25 00:05:00", 60_000_000),
    ("昨天下午15点", "2026-11-24 15:00:00", 60_000_000),
    ("昨天两点整", "2026-11-24 02:00:00", 60_000_000),
    ("下周一上午9点", "2026-11-30 09:00:00", 60_000_000),
    ("2026-11-23 下午3点", "2026-11-23 15:00:00", 60_000_000),
    ("13:00", "2026-11-25 13:00:00", 60_000_000),
    ("15:00", "2026-11-24 15:00:00", 60_000_000),
    ("yesterday 15:00 UTC", "2026-11-24 23:00:00", 60_000_000),
    ("3 hours ago", "2026-11-25 11:30:15.250000", 1_000_000),
    ("10 minutes ago", "2026-11-25 14:20:15.250000", 1_000_000),
    ("now", "2026-11-25 14:30:15.250000", 1_000_000),
    ("3小时前", "2026-11-25 11:30:15.250000", 1_000_000),
    ("三小时前", "2026-11-25 11:30:15.250000", 1_000_000),
    ("半小时前", "2026-11-25 14:00:15.250000", 1_000_000),
]


@pytest.mark.parametrize(("text", "start", "length"), FINER)
def test_a_time_of_day_is_a_moment(text: str, start: str, length: int) -> None:
    first, end = parse_span(text, now())
    assert (shown(first), end - first) == (start, length)


HOURS = [
    ("Europe/Berlin", "2026-03-29", 23),
    ("Europe/Berlin", "2026-10-25", 25),
    ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08", 23),
    ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01", 25),
    ("Australia/Lord_Howe", "2026-10-04", 23.5),
    ("America/Sao_Paulo", "2018-11-04", 23),  # began at one o'clock
    ("Asia/Shanghai", "2026-03-29", 24),
]


@pytest.mark.parametrize(("zone", "day", "hours"), HOURS)
def test_a_day_on_which_the_clocks_change_is_shorter_or_longer(
    monkeypatch: pytest.MonkeyPatch, zone: str, day: str, hours: float
) -> None:
    use_zone(monkeypatch, zone)
    start, end = parse_span(day, now())
    assert end - start == hours * 3_600_000_000
    assert shown(start - 1)[:10] < day == shown(start)[:10] == shown(end - 1)[:10] < shown(end)[:10]


def test_a_day_begins_where_it_begins_although_now_is_in_the_hour_that_came_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    use_zone(monkeypatch, "America/Havana")
    second_time = datetime(2025, 11, 2, 0, 30, fold=1).timestamp()
    assert parse_span("0 days ago", second_time) == parse_span("2025-11-02", second_time) == parse_span("today", second_time)


def test_hours_ago_are_hours_that_have_passed_although_the_clocks_were_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    use_zone(monkeypatch, "Europe/Berlin")
    after_the_change = datetime(2026, 10, 25, 4, 0).timestamp()
    assert parse_span("3 hours ago", after_the_change)[0] == (after_the_change - 3 * 3600) * 1e6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0001-01-01", (WRITTEN_AT_MIN, WRITTEN_AT_MIN)),
        ("9999-12-31", (WRITTEN_AT_MAX, WRITTEN_AT_MAX)),
        ("0001-01-01T00:00+14:00", (WRITTEN_AT_MIN, WRITTEN_AT_MIN + 60_000_000)),
        ("9999-12-31T23:59:59-12:00", (WRITTEN_AT_MAX, WRITTEN_AT_MAX)),
        ("9999-W52-5", (WRITTEN_AT_MAX, WRITTEN_AT_MAX)),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "XXX-14", "XXX12"])
def test_the_ends_of_the_calendar_are_those_of_an_entry(
    monkeypatch: pytest.MonkeyPatch, zone: str, text: str, expected: tuple[int, int]
) -> None:
    use_zone(monkeypatch, zone)
    assert parse_span(text, now()) == expected
    assert parse_span("9999", now())[1] == parse_span("9999-12", now())[1] == WRITTEN_AT_MAX
    assert parse_span("0001", now())[0] == parse_span("0001-01", now())[0] == WRITTEN_AT_MIN


NONSENSE = [
    "", " ",
    "nonsense", "buy milk", "yesterday milk", "monday 2026", "-", "5", "99", "5th", "-5", "a", "1557419828", "２０２６",
    "2026-W48-8", "今天25点", "今天晚上12点", "今天下午3点61分", "\0", "\ud800", "x" * 10_000, "1 " * 10_000, "今日记录",
]  # fmt: skip


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: repr(text[:10]))
def test_nonsense_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"write for example 2026-11-23, .*'last friday'.*昨天") as error:
        parse_span(text, now())
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("text", ["2026-13-45", "2026-02-29", "2026-11-23 24:00", "2026-11-23T07:52+99:00", "0000-01-01"])
def test_a_time_that_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="no time of the calendar"):
        parse_span(text, now())


@pytest.mark.parametrize("text", ["2026-W54", "2026-W00", "2025-W53", "0000-W01"])
def test_a_week_that_its_year_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="no week of the calendar"):
        parse_span(text, now())


def test_the_last_week_of_the_calendar_ends_with_it() -> None:
    assert parse_span("9999-W52", now())[1] == WRITTEN_AT_MAX


@pytest.mark.parametrize("text", ["05/06/2026", "5.6.2026", "05-06-2026", "11/23", "11/23 15:00"])
def test_a_date_that_can_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="two ways: write the year first"):
        parse_span(text, now())


WORDS = [
    "today", "yesterday", "monday", "wednesday", "last", "next", "this", "ago", "in", "2", "3", "29", "15:00", "3pm", "pm",
    "9999", "0001", "2026", "17754000", "999999999", "hours", "days", "weeks", "months", "years", "decades", "seconds",
    "november", "feb", "-", "/", ".", ":", "+", "utc", "est", "+08:00", "at", "the", "of", "今天", "昨天", "上周", "周一",
    "前", "天", "月", "日", "年", "小时", "半", "下午", "下", "点",
    "2026-W48", "9999-W52", "noon", "night", "now", "5th", "½", "٣", "\x00", "\ud800", "(", "{",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
    st.sampled_from(["", " "]),
    st.sampled_from([0.0, -1e9, 1.8e9, 1e11]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_is_a_span_or_refused(words: list[str], between: str, now: float) -> None:
    try:
        start, end = parse_span(between.join(words), now)
    except InvalidSetting:
        return
    assert WRITTEN_AT_MIN <= start <= end <= WRITTEN_AT_MAX


def test_dateparser_is_not_imported_for_iso_8601_and_the_commonest_words() -> None:
    program = (
        "import sys; from udpnote.cli.times import parse_span; "
        "[parse_span(text, 1.8e9) for text in ('2026-11-23', '2026-11', 'today', 'last monday', '昨天', 'yesterday 15:00')]; "
        "sys.exit('dateparser' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --since, --until, --on


def filters(since: str | None = None, until: str | None = None, on: str | None = None) -> tuple[str | None, str | None]:
    start, end = time_filters(since, until, on, now())
    return shown(start) if start is not None else None, shown(end) if end is not None else None


def test_without_options_there_are_no_limits() -> None:
    assert filters() == (None, None)


def test_since_is_where_its_time_begins_and_until_includes_the_day_it_names() -> None:
    assert filters(since="yesterday") == ("2026-11-24 00:00:00", None)
    assert filters(until="yesterday") == (None, "2026-11-25 00:00:00")
    assert filters(since="2026-10", until="2026-10") == ("2026-10-01 00:00:00", "2026-11-01 00:00:00")
    assert filters(since="monday", until="周一") == ("2026-11-23 00:00:00", "2026-11-24 00:00:00")


def test_until_a_time_of_day_ends_at_that_moment() -> None:
    assert filters(until="2026-11-23 07:52") == (None, "2026-11-23 07:52:00")
    assert filters(since="today", until="1 hour ago") == ("2026-11-25 00:00:00", "2026-11-25 13:30:15.250000")
    assert filters(until="yesterday 15:00") == (None, "2026-11-24 15:00:00")


def test_on_is_all_of_its_day_or_month() -> None:
    assert filters(on="昨天") == ("2026-11-24 00:00:00", "2026-11-25 00:00:00")
    assert filters(on="2026-11") == ("2026-11-01 00:00:00", "2026-12-01 00:00:00")


@pytest.mark.parametrize("text", ["3 hours ago", "2026-11-23 07:52", "noon"])
def test_on_a_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^--on: '{text}' is a time of day, not a day: use --since and --until"):
        filters(on=text)


@pytest.mark.parametrize(("since", "until"), [("today", None), (None, "today"), ("today", "today")])
def test_on_goes_with_neither_since_nor_until(since: str | None, until: str | None) -> None:
    with pytest.raises(InvalidSetting, match=r"^--on is a day by itself"):
        filters(since, until, "today")


@pytest.mark.parametrize("option", ["since", "until", "on"])
def test_what_cannot_be_understood_names_its_option(option: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^--{option}: 'soonish' is no time"):
        filters(**{option: "soonish"})


@pytest.mark.parametrize(("since", "until"), [("today", "yesterday"), ("15:00", "15:00"), ("now", "2026-11-23 07:52")])
def test_a_range_in_which_nothing_lies_is_refused(since: str, until: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^nothing lies between --since '{since}' and --until '{until}'"):
        filters(since, until)


# Local times of a file


@pytest.mark.parametrize(
    ("zone", "written", "expected"),
    [
        ("Asia/Shanghai", datetime(2019, 5, 9, 16, 37, 8), (1_557_391_028_000_000, 480)),
        ("America/New_York", datetime(2019, 5, 9, 4, 37, 8), (1_557_391_028_000_000, -240)),
        ("America/New_York", datetime(2019, 11, 3, 1, 30), (1_572_759_000_000_000, -240)),  # there are two; it is the first
        ("UTC", datetime(1, 1, 1), (WRITTEN_AT_MIN, 0)),
        ("XXX-14", datetime(1, 1, 1), (WRITTEN_AT_MIN, 840)),
        ("XXX12", datetime(9999, 12, 31, 23, 59, 59), (WRITTEN_AT_MAX, -720)),
    ],
)
def test_a_local_time_has_the_offset_that_was_in_force_then(
    monkeypatch: pytest.MonkeyPatch, zone: str, written: datetime, expected: tuple[int, int]
) -> None:
    use_zone(monkeypatch, zone)
    assert localize(written) == expected


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Manila", "America/Juneau", "XXX-24", "XXX24"])
def test_every_local_time_can_be_an_entrys(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    use_zone(monkeypatch, zone)
    for year in (1, 1000, 1800, 1900, 2019, 9999):
        written_at, utc_offset = localize(datetime(year, 5, 9))
        assert WRITTEN_AT_MIN <= written_at <= WRITTEN_AT_MAX
        assert abs(utc_offset) <= UTC_OFFSET_MINUTES_MAX

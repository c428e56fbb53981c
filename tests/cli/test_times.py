"""Times as people type them: the range that is meant, on the clock of this machine, or a fact about what is wrong."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from udpnote.cli.times import localize, time_filters
from udpnote.errors import InvalidSetting
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN

ZONES = ["UTC", "Asia/Shanghai", "EST5EDT,M3.2.0,M11.1.0", "Australia/Lord_Howe"]
"""With names from the time zone database, and as POSIX writes them."""


pytestmark = pytest.mark.usefixtures("use_zone")

UseZone = Callable[[str], None]


def now() -> float:
    """Wednesday, 2026-11-25, half past two, on the clock of the zone in use."""
    return datetime(2026, 11, 25, 14, 30, 15, 250_000).timestamp()


def shown(microseconds: int) -> str:
    """As the clock of the zone in use shows it."""
    return datetime.fromtimestamp(microseconds / 1e6).isoformat(sep=" ", timespec="microseconds").removesuffix(".000000")


def bounds(text: str, at: float | None = None) -> tuple[int, int]:
    """Where the time that `text` names begins and ends."""
    at = at if at is not None else now()
    (start, _), (_, end) = time_filters(text, None, None, at), time_filters(None, text, None, at)
    assert start is not None
    assert end is not None
    return start, end


def filters(since: str | None = None, until: str | None = None, on: str | None = None) -> tuple[str | None, str | None]:
    start, end = time_filters(since, until, on, now())
    return shown(start) if start is not None else None, shown(end) if end is not None else None


def refusal(since: str | None = None, until: str | None = None, on: str | None = None) -> tuple[str, dict[str, object]]:
    """The facts about what is wrong: the kind and the values of the innermost notice."""
    with pytest.raises(InvalidSetting) as raised:
        time_filters(since, until, on, now())
    notice = raised.value.notice
    while isinstance(problem := notice.values.get("problem"), InvalidSetting):
        notice = problem.notice
    return notice.kind, notice.values


DAYS = {
    "2024-11-25": ["2 years ago"], "2025-12-24": ["december 24", "12月24日"], "2026-09-25": ["两个月前"],
    "2026-11-11": ["2 weeks ago"], "2026-11-15": ["十天前"], "2026-11-18": ["a week ago", "last wednesday", "1周前"],
    "2026-11-20": ["last friday", "上个星期五"], "2026-11-22": ["sunday", "礼拜天", "上周日"],
    "2026-11-23": [
        "2026-11-23", "2026/11/23", " 2026-11-23 ", "the day before yesterday", "2 days ago", "2 days", "Mon", "nov 23",
        "23 November", "Mon 23 Nov 2026", "前天", "2天前", "两天前", "星期一", "2026-W48-1", "11月23日", "2026年11月23日",
    ],
    "2026-11-24": ["yesterday", "on tuesday", "昨天"], "2026-11-25": ["Today", "wednesday", "this wednesday", "今天", "周三"],
    "2026-11-26": ["tomorrow"], "2026-11-29": ["2026W487"], "2026-11-30": ["下周一"], "2026-12-06": ["下个星期天"],
}  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_is_all_of_that_day_on_the_readers_clock(use_zone: UseZone, zone: str) -> None:
    use_zone(zone)
    for day, texts in DAYS.items():
        for text in texts:
            start, end = bounds(text)
            assert (text, shown(start), shown(end - 1)) == (text, f"{day} 00:00:00", f"{day} 23:59:59.999999")
            assert time_filters(None, None, text, now()) == (start, end)


SPANS = {
    "2024-02-01 2024-03-01": ["2024-02"], "2025-01-01 2026-01-01": ["last year", "去年"], "2025-12-01 2026-01-01": ["Dec 2025"],
    "2025-12-29 2026-01-05": ["2026-W01"], "2026-01-01 2027-01-01": ["2026"], "2026-02-01 2026-03-01": ["2026年2月"],
    "2026-10-01 2026-11-01": ["last month", "上个月"], "2026-11-01 2026-12-01": ["2026-11", "november"],
    "2026-11-16 2026-11-23": ["last week", "上周"], "2026-11-23 2026-11-30": ["this week", "2026-W48", "2026w48"],
    "2026-12-01 2027-01-01": ["2026-12"], "2026-12-28 2027-01-04": ["2026-W53"],
}  # fmt: skip


MOMENTS = {
    "2019-05-09 16:37:08": ["2019/05/09 16:37:08"], "2026-11-23 07:52:00": ["2026-11-23T07:52", "2026-11-23 7:52"],
    "2026-11-23 07:52:59": ["2026-11-23 07:52:59"], "2026-11-23 07:52:59.000123": ["2026-11-23T07:52:59.000123+08:00"],
    "2026-11-23 07:52:59.250000": ["2026-11-23T07:52:59.25"], "2026-11-23 09:30:00": ["周一 9:30"],
    "2026-11-23 11:00:00": ["前天中午11点"], "2026-11-23 12:00:00": ["前天中午12点"],
    "2026-11-23 13:00:00": ["前天中午一点"], "2026-11-23 13:52:00": ["2026-11-23T07:52:00+02:00"],
    "2026-11-23 15:00:00": ["2026-11-23 下午3点"], "2026-11-23 15:52:00": ["2026-11-23T07:52Z"],
    "2026-11-23 19:22:00": ["2026-11-23 07:52 -0330"], "2026-11-24 02:00:00": ["昨天两点整"],
    "2026-11-24 09:30:00": ["昨天 上午 9点30分"],
    "2026-11-24 15:00:00": ["yesterday 15:00", "yesterday at 3pm", "昨天15:00", "昨天下午15点", "15:00"],
    "2026-11-24 22:30:00": ["昨天晚上十点半"], "2026-11-24 23:00:00": ["yesterday 15:00 UTC"],
    "2026-11-25 00:05:00": ["今天凌晨12点05"], "2026-11-25 09:00:00": ["wednesday 9am"],
    "2026-11-25 11:30:15.250000": ["3 hours ago", "3小时前", "三小时前"], "2026-11-25 13:00:00": ["13:00"],
    "2026-11-25 14:00:15.250000": ["半小时前"], "2026-11-25 14:20:15.250000": ["10 minutes ago"],
    "2026-11-25 14:30:15.250000": ["now"], "2026-11-25 15:00:00": ["今天下午3点", "今天下午三点"],
    "2026-11-30 09:00:00": ["下周一上午9点"],
}  # fmt: skip


def test_a_time_of_day_is_a_moment_and_a_week_a_month_or_a_year_is_one_of_the_calendar() -> None:
    ranges = {start: (start, start) for start in MOMENTS} | {
        span: (f"{span[:10]} 00:00:00", f"{span[11:]} 00:00:00") for span in SPANS
    }
    for name, texts in (MOMENTS | SPANS).items():
        for text in texts:
            assert (text, filters(since=text)[0], filters(until=text)[1]) == (text, *ranges[name])


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23), ("Europe/Berlin", "2026-10-25", 25), ("Asia/Shanghai", "2026-03-29", 24),
        ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08", 23), ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-10-04", 23.5), ("America/Sao_Paulo", "2018-11-04", 23),  # began at one o'clock
    ],
)  # fmt: skip
def test_a_day_on_which_the_clocks_change_is_shorter_or_longer(use_zone: UseZone, zone: str, day: str, hours: float) -> None:
    use_zone(zone)
    start, end = bounds(day)
    assert end - start == hours * 3_600_000_000
    assert shown(start - 1)[:10] < day == shown(start)[:10] == shown(end - 1)[:10] < shown(end)[:10]


def test_in_the_hour_that_came_twice_today_begins_at_midnight_and_hours_are_those_that_have_passed(
    use_zone: UseZone,
) -> None:
    use_zone("America/Havana")
    second_time = datetime(2025, 11, 2, 0, 30, fold=1).timestamp()
    assert bounds("0 days ago", second_time) == bounds("2025-11-02", second_time) == bounds("today", second_time)
    use_zone("Europe/Berlin")
    after_the_change = datetime(2026, 10, 25, 4, 0).timestamp()
    assert bounds("3 hours ago", after_the_change)[0] == (after_the_change - 3 * 3600) * 1e6


@pytest.mark.parametrize("zone", ["UTC", "XXX-14", "XXX12"])
def test_the_ends_of_the_calendar_are_those_of_an_entry(use_zone: UseZone, zone: str) -> None:
    use_zone(zone)
    for text in ("0001-01-01", "0001-01-01T00:00+14:00"):
        assert bounds(text) == (WRITTEN_AT_MIN, WRITTEN_AT_MIN)
    for text in ("9999-12-31", "9999-12-31T23:59:59-12:00", "9999-W52-5"):
        assert bounds(text) == (WRITTEN_AT_MAX, WRITTEN_AT_MAX)
    assert bounds("9999")[1] == bounds("9999-12")[1] == bounds("9999-W52")[1] == WRITTEN_AT_MAX
    assert bounds("0001")[0] == bounds("0001-01")[0] == WRITTEN_AT_MIN


REFUSED = {
    "time_not_understood": [
        "", " ", "answer_invalid", "buy milk", "yesterday milk", "monday 2026", "-", "5", "99", "5th", "-5", "a", "1557419828",
        "２０２６", "2026-W48-8", "今天25点", "今天晚上12点", "今天下午3点61分", "\0", "\ud800", "x" * 10_000, "1 " * 10_000,
        "今日记录",
    ],
    "no_such_time": ["2026-13-45", "2026-02-29", "2026-11-23 24:00", "2026-11-23T07:52+99:00", "0000-01-01"],
    "no_such_week": ["2026-W54", "2026-W00", "2025-W53", "0000-W01"],
    "time_ambiguous": ["05/06/2026", "5.6.2026", "05-06-2026", "11/23", "11/23 15:00"],
}  # fmt: skip


def test_what_is_no_time_is_refused_with_only_the_beginning_of_it_and_with_its_option_and_examples() -> None:
    for kind, texts in REFUSED.items():
        for text in texts:
            assert (text, refusal(since=text)[0]) == (text, kind)
    assert refusal(since="x" * 10_000)[1] == {"text": "x" * 64}
    for option in ("since", "until", "on"):
        with pytest.raises(InvalidSetting, match=f"^--{option}: 'soonish' is not a time .*2026-11-23.*'last friday'.*昨天"):
            filters(**{option: "soonish"})


WORDS = re.findall(r"[a-z]+|\d+|[^\sa-z\d]", " ".join(chain(*DAYS.values(), *SPANS.values(), *MOMENTS.values())).lower())
WORDS += ["15:00", "9999", "0001", "17754000", "999999999", "decades", "seconds", "noon", "½", "٣", "\x00", "\ud800", "(", "{"]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), st.sampled_from(["", " "]), st.sampled_from([0.0, -1e9, 1e11]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_is_a_range_or_refused(words: list[str], between: str, now: float) -> None:
    try:
        start, end = bounds(between.join(words), now)
    except InvalidSetting:
        return
    assert WRITTEN_AT_MIN <= start <= end <= WRITTEN_AT_MAX


def test_dateparser_is_not_imported_for_iso_8601_and_the_commonest_words() -> None:
    texts = ("2026-11-23", "2026-11", "today", "last monday", "昨天", "yesterday 15:00")
    program = (
        "import sys; from udpnote.cli.times import time_filters; "
        f"[time_filters(text, None, None, 1.8e9) for text in {texts}]; sys.exit('dateparser' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_since_and_until_limit_a_range_each_by_itself_or_both() -> None:
    assert filters() == (None, None)
    assert filters(since="yesterday") == ("2026-11-24 00:00:00", None)
    assert filters(until="yesterday") == (None, "2026-11-25 00:00:00")
    assert filters(since="monday", until="周一") == ("2026-11-23 00:00:00", "2026-11-24 00:00:00")
    assert filters(since="today", until="1 hour ago") == ("2026-11-25 00:00:00", "2026-11-25 13:30:15.250000")


def test_options_that_make_no_sense_are_refused() -> None:
    for text in ("3 hours ago", "2026-11-23 07:52", "noon"):
        assert refusal(on=text) == ("on_needs_a_day", {"text": text})
    assert refusal(on="today", since="today") == refusal(on="today", until="today") == ("on_and_range", {})
    for since, until in (("today", "yesterday"), ("15:00", "15:00"), ("now", "2026-11-23 07:52")):
        assert refusal(since, until) == ("time_range_empty", {"since": since, "until": until})


def test_a_local_time_has_the_offset_that_was_in_force_then(use_zone: UseZone) -> None:
    for zone, written, expected in (
        ("Asia/Shanghai", datetime(2019, 5, 9, 16, 37, 8), (1_557_391_028_000_000, 480)),
        ("America/New_York", datetime(2019, 5, 9, 4, 37, 8), (1_557_391_028_000_000, -240)),
        ("America/New_York", datetime(2019, 11, 3, 1, 30), (1_572_759_000_000_000, -240)),  # there are two; it is the first
        ("UTC", datetime(1, 1, 1), (WRITTEN_AT_MIN, 0)),
        ("XXX-14", datetime(1, 1, 1), (WRITTEN_AT_MIN, 840)),
        ("XXX12", datetime(9999, 12, 31, 23, 59, 59), (WRITTEN_AT_MAX, -720)),
    ):
        use_zone(zone)
        assert localize(written) == expected
    for zone in ("Asia/Shanghai", "Asia/Manila", "America/Juneau", "XXX-24", "XXX24"):
        use_zone(zone)
        for year in (1, 1000, 1800, 1900, 2019, 9999):
            written_at, utc_offset = localize(datetime(year, 5, 9))
            assert WRITTEN_AT_MIN <= written_at <= WRITTEN_AT_MAX
            assert abs(utc_offset) <= UTC_OFFSET_MINUTES_MAX

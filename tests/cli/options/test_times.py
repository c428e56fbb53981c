"""The options `--since`, `--until` and `--on`, on the clock of this machine."""

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.support.errors import raises
from udpnote.cli.options.times import localize, offset_at, time_filters, writing_time
from udpnote.errors import InvalidSetting
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN

pytestmark = pytest.mark.usefixtures("use_zone")

UseZone = Callable[[str], None]

HOUR = 3_600_000_000
"""In microseconds."""


def now() -> float:
    """Wednesday, 2026-11-25, half past two, on the clock of the zone in use."""
    return datetime(2026, 11, 25, 14, 30, 15, 250_000).timestamp()


def shown(microseconds: int) -> str:
    """A time since 1970 UTC as the clock of the zone in use shows it."""
    return datetime.fromtimestamp(microseconds / 1e6).isoformat(sep=" ", timespec="microseconds").removesuffix(".000000")


def bounds(text: str, at: float | None = None) -> tuple[int, int]:
    """When the time that `text` names begins and ends, in microseconds since 1970 UTC, if it is typed at the time `at`."""
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


def test_today_begins_at_midnight_and_hours_count_as_they_pass_although_an_hour_comes_twice(use_zone: UseZone) -> None:
    use_zone("America/Havana")
    second_time = datetime(2025, 11, 2, 0, 30, fold=1).timestamp()
    assert bounds("0 days ago", second_time) == bounds("2025-11-02", second_time) == bounds("today", second_time)
    use_zone("Europe/Berlin")
    after_the_change = datetime(2026, 10, 25, 4, 0).timestamp()
    assert bounds("3 hours ago", after_the_change)[0] == (after_the_change - 3 * 3600) * 1e6


@pytest.mark.parametrize("zone", ["UTC", "XXX-14", "XXX12", "XXX-24", "XXX24"])
def test_the_ends_of_the_calendar_are_those_of_an_entry(use_zone: UseZone, zone: str) -> None:
    use_zone(zone)
    for text in (
        "0001-01-01", "0001-01-01T00:00+14:00", "year 0001", "0001-01", "year 9999", "9999-12", "9999-W52", "9999-12-31",
    ):  # fmt: skip
        start, end = bounds(text)
        assert WRITTEN_AT_MIN <= start <= end <= WRITTEN_AT_MAX
        assert start == WRITTEN_AT_MIN if "9999" not in text else end == WRITTEN_AT_MAX
    assert bounds("9999-12-31T23:59:59-12:00") == (WRITTEN_AT_MAX, WRITTEN_AT_MAX)


def test_a_refused_text_is_named_with_its_option_and_the_forms_to_type() -> None:
    for option in ("since", "until", "on"):
        with pytest.raises(InvalidSetting, match=f"^--{option}: 'soonish' is not a time .*2026-11-23.*'last friday'.*昨天"):
            filters(**{option: "soonish"})
    with pytest.raises(InvalidSetting, match=r"^--on: which time is '1530'. Write 'today 15:30' or 'year 1530'$"):
        filters(on="1530")
    with pytest.raises(
        InvalidSetting, match=r"^--since: which time zone is EST in 'today 7:52 est'. .*'2026-11-25 07:52 .08:00'$"
    ):
        filters(since="today 7:52 est")


def test_since_and_until_limit_a_range_each_by_itself_or_both() -> None:
    assert filters() == (None, None)
    assert filters(since="yesterday") == ("2026-11-24 00:00:00", None)
    assert filters(until="yesterday") == (None, "2026-11-25 00:00:00")
    assert filters(since="monday", until="周一") == ("2026-11-23 00:00:00", "2026-11-24 00:00:00")
    assert (
        filters(since="昨天上午", until="昨天上午") == filters(on="昨天上午") == ("2026-11-24 06:00:00", "2026-11-24 12:00:00")
    )
    assert filters(on="last 3 days") == ("2026-11-22 00:00:00", "2026-11-26 00:00:00")
    assert filters(since="today", until="1 hour ago") == ("2026-11-25 00:00:00", "2026-11-25 13:30:15.250000")


def test_options_that_make_no_sense_are_refused() -> None:
    for text in ("3 hours ago", "2026-11-23 07:52", "noon"):
        assert refusal(on=text) == ("on_needs_a_day", {"text": text})
    assert refusal(on="today", since="today") == refusal(on="today", until="today") == ("on_and_range", {})
    for since, until in (("today", "yesterday"), ("13:00", "13:00"), ("now", "2026-11-23 07:52")):
        assert refusal(since, until) == ("time_range_empty", {"since": since, "until": until})


@pytest.mark.parametrize(("zone", "day"), [("Pacific/Apia", "2011-12-30"), ("UTC", "0001-01-01"), ("UTC", "9999-12-31")])
def test_a_day_that_the_clocks_have_skipped_or_that_no_entry_can_have_is_no_day(use_zone: UseZone, zone: str, day: str) -> None:
    use_zone(zone)
    assert refusal(on=day)[0] == "no_such_time"


@pytest.mark.parametrize(
    ("zone", "day", "minutes"),
    [
        ("America/New_York", "2026-11-01T05:59", -240), ("America/New_York", "2026-11-01T06:00", -300),
        ("Asia/Kathmandu", "2026-11-01T06:00", 345),
        *((zone, "2026-11-01T06:00", 60) for zone in ("", "Asia", "Mars/A", "../x")),
    ],
)  # fmt: skip
def test_the_offset_of_a_named_zone_is_that_of_the_moment_and_of_an_unknown_one_that_of_this_machine(
    use_zone: UseZone, zone: str, day: str, minutes: int
) -> None:
    use_zone("Europe/Berlin")
    assert offset_at(int(datetime.fromisoformat(f"{day}+00:00").timestamp()) * 1_000_000, zone) == minutes
    for end in (WRITTEN_AT_MIN, WRITTEN_AT_MAX):
        assert abs(offset_at(end, zone)) <= UTC_OFFSET_MINUTES_MAX
    for beyond, nearest in ((2 * WRITTEN_AT_MIN, WRITTEN_AT_MIN), (2 * WRITTEN_AT_MAX, WRITTEN_AT_MAX)):
        assert offset_at(beyond, zone) == offset_at(nearest, zone)


def test_a_local_time_has_the_offset_that_was_in_force_then(use_zone: UseZone) -> None:
    for zone, written, expected in (
        ("Asia/Shanghai", datetime(2019, 5, 9, 16, 37, 8), (1_557_391_028_000_000, 480)),
        ("America/New_York", datetime(2019, 5, 9, 4, 37, 8), (1_557_391_028_000_000, -240)),
        ("America/New_York", datetime(2019, 11, 3, 1, 30), (1_572_759_000_000_000, -240)),  # there are two; it is the first
        ("UTC", datetime(1, 1, 2), (WRITTEN_AT_MIN, 0)),
        ("XXX-14", datetime(1, 1, 1), (WRITTEN_AT_MIN - 38 * HOUR, 840)),
        ("XXX12", datetime(9999, 12, 31, 12), (WRITTEN_AT_MAX + 24 * HOUR, -720)),
    ):
        use_zone(zone)
        assert localize(written) == expected
    for zone in ("Asia/Shanghai", "Asia/Manila", "America/Juneau", "XXX-24", "XXX24"):
        use_zone(zone)
        for year in (1, 1000, 1800, 1900, 2019, 9999):
            written_at, utc_offset = localize(datetime(year, 5, 9))
            assert WRITTEN_AT_MIN <= written_at <= WRITTEN_AT_MAX
            assert abs(utc_offset) <= UTC_OFFSET_MINUTES_MAX


@pytest.mark.parametrize(
    ("text", "written", "offset"),
    [
        ("yesterday", "2026-11-24 12:00:00", 480), ("yesterday 18:30", "2026-11-24 18:30:00", 480),
        ("3 hours ago", "2026-11-25 11:30:15.250000", 480), ("昨天上午", "2026-11-24 09:00:00", 480),
        ("last night", "2026-11-24 21:00:00", 480), ("today", "2026-11-25 12:00:00", 480),
        ("this afternoon", "2026-11-25 14:30:15.250000", 480), ("2026-11-24 03:00 -05:00", "2026-11-24 16:00:00", -300),
        ("now", "2026-11-25 14:30:15.250000", 480),
    ],
)  # fmt: skip
def test_a_time_of_writing_is_a_moment_or_the_middle_of_a_day_but_never_in_the_future(
    use_zone: UseZone, text: str, written: str, offset: int
) -> None:
    use_zone("Asia/Shanghai")
    at = writing_time(text, now())
    assert (shown(at.written_at), at.utc_offset) == (written, offset)


@pytest.mark.parametrize("zone", ["UTC", "XXX-14", "XXX12"])
def test_a_time_of_writing_on_the_first_day_of_the_calendar_is_one_that_an_entry_can_have(use_zone: UseZone, zone: str) -> None:
    use_zone(zone)
    for text in ("0001-01-01", "0001-01-01 00:00", "0001-01-01T00:00+14:00"):
        assert 0 <= writing_time(text, now()).written_at - WRITTEN_AT_MIN <= 86_400_000_000


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("tomorrow", "at_in_future"), ("2026-11-25 15:00", "at_in_future"), ("last week", "at_longer_than_a_day"),
        ("sometime", "time_option"),
    ],
)  # fmt: skip
def test_a_time_of_writing_that_has_not_come_or_is_no_day_is_refused(use_zone: UseZone, text: str, kind: str) -> None:
    use_zone("Asia/Shanghai")
    with raises(InvalidSetting, kind):
        writing_time(text, now())

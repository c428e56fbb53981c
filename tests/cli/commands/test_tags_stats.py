"""`udpnote tags` and `udpnote stats`: the right numbers, and pictures that fit."""

import json
import re
from datetime import date, timedelta

import pytest
from wcwidth import wcswidth

from tests.support.machine import Machine, change, note
from udpnote.cli.terminal.calendar import picture
from udpnote.model.entry import Kind

TODAY = date(2026, 11, 23)


@pytest.fixture
def diary(machine: Machine) -> Machine:
    machine.keep(
        note(1, "buy milk #food", "2026-11-21T12:00:00+08:00"),
        note(2, "开会 #会议 #food", "2026-11-21T13:00:00+08:00", author="小明"),
        note(3, "#Food again", "2026-11-23T23:00:00-08:00"),
        note(4, "gone #gone", "2026-11-23T12:00:00+08:00"),
        change(Kind.REVISION, 5, "revised #会议", 1),
        change(Kind.DELETION, 6, "", 4),
    )
    machine.serve()
    return machine


def lines(amounts: dict[date, int], width: int = 80) -> list[str]:
    """The picture without its styles."""
    return ["".join(piece if isinstance(piece, str) else piece[0] for piece in line) for line in picture(amounts, TODAY, width)]


def days_back(*amounts: int, every: int = 1) -> dict[date, int]:
    """Amounts of the days before today, the latest first."""
    return {TODAY - timedelta(days=every * place): amount for place, amount in enumerate(amounts) if amount}


def test_tags_are_counted_the_most_frequent_first_as_the_notes_are_now(diary: Machine) -> None:
    result = diary.run("tags")
    assert (result.code, result.err) == (0, "")
    assert [line.split() for line in result.lines] == [["TAG", "NOTES"], ["#food", "2"], ["#会议", "2"]]
    assert {wcswidth(line) for line in result.lines} == {len("TAG      NOTES")}
    assert [json.loads(line) for line in diary.run("tags", "--json").lines] == [
        {"tag": "food", "notes": 2}, {"tag": "会议", "notes": 2},
    ]  # fmt: skip


def test_tags_on_a_terminal_are_the_same_table(diary: Machine) -> None:
    assert diary.show("tags").text.split("\r\n")[:-1] == diary.run("tags").lines


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_tags_are_a_notice(machine: Machine, options: list[str]) -> None:
    machine.keep(note(1, "plain"))
    machine.serve()
    result = machine.run("tags", *options)
    assert (result.code, result.out, "#milk" in result.err) == (0, "", True)


def test_the_figures_are_those_of_the_notebook(diary: Machine) -> None:
    result = diary.run("stats")
    assert (result.code, result.err) == (0, "")
    figures = dict(re.findall(r"^(\w+) +(.*)$", result.out, re.M))
    assert figures.pop("size").endswith("B")
    assert figures == {
        "notes": "3  (of 6 entries: each revision and deletion is one)",
        "authors": "2  (lin@desk 2, 小明 1)",
        "clients": "1",
        "tags": "2  (#food 2, #会议 2)",
        "days": "2",
        "first": "2026-11-21 12:00:00",
        "last": "2026-11-24 15:00:00",
    }


def test_the_figures_as_json_have_everything(diary: Machine) -> None:
    (line,) = diary.run("stats", "--json").lines
    stats = json.loads(line)
    assert stats.pop("bytes") > 0
    assert stats == {
        "notes": 3, "entries": 6, "clients": 1,
        "first": "2026-11-21T04:00:00.000000+00:00", "last": "2026-11-24T07:00:00.000000+00:00",
        "authors": {"lin@desk": 2, "小明": 1}, "tags": {"food": 2, "会议": 2}, "days": {"2026-11-21": 2, "2026-11-23": 1},
    }  # fmt: skip


def test_the_figures_of_an_empty_notebook_are_zeros(machine: Machine) -> None:
    machine.serve()
    result = machine.run("stats")
    assert (result.code, "notes    0\n" in result.out, "first" in result.out, "█" in result.out) == (0, True, False, False)
    stats = json.loads(machine.run("stats", "--json").out)
    assert (stats["notes"], stats["first"], stats["days"], stats["tags"]) == (0, None, {}, {})


def test_a_picture_is_coloured_on_a_terminal_only(diary: Machine) -> None:
    screen = diary.show("stats", TERM="xterm-256color")
    assert re.search(r"2026-11-21 Sat  \x1b\[38;5;34m█+\x1b\[0m 2\r\n", screen.raw)
    assert screen.text.replace("\r\n", "\n") == diary.run("stats", COLUMNS="100").out
    assert "\x1b" not in diary.run("stats", FORCE_COLOR="1").out


def test_names_of_others_do_no_harm_in_figures(machine: Machine) -> None:
    machine.keep(note(1, "x", author="eve\x1b[2J"))
    machine.serve()
    assert "(eve␛[2J 1)" in machine.run("stats").out


def test_a_short_time_is_a_bar_for_each_day_also_for_those_without_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(days_back(4, 0, 1) | {TODAY - timedelta(days=3): 40}, 58) == [
        "2026-11-20 Fri  " + "█" * 39 + " 40",
        "2026-11-21 Sat  " + "█" * 1 + " 1",
        "2026-11-22 Sun  ·",
        "2026-11-23 Mon  " + "█" * 3 + " 4",
    ]
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert lines(days_back(1)) == ["2026-11-23 周一 " + "█" * 60 + " 1"]


def test_a_long_time_is_a_calendar_with_weeks_as_columns() -> None:
    drawn = lines(days_back(1, 1, 2, 3, 4, 5, 6, 7, every=6), 80)
    assert [line[:5].strip() for line in drawn] == ["", "Mon", "", "Wed", "", "Fri", "", "Sun", "", ""]
    assert drawn[0].split() == ["Nov"]
    rows = [line[5:] for line in drawn[1:8]]
    shaded = [(week, weekday) for weekday, row in enumerate(rows) for week, cell in enumerate(row) if cell in "░▒▓█"]
    assert sorted(shaded) == [(0, 0), (0, 6), (1, 5), (2, 4), (3, 3), (4, 2), (5, 1), (6, 0)]
    assert drawn[-1] == "     · 0   ░ 1   ▒ 2–3   ▓ 4–5   █ 6–7   notes a day"


@pytest.mark.parametrize(("width", "weeks", "cells"), [(20, 15, 1), (80, 53, 1), (111, 53, 2), (300, 53, 2)])
def test_the_calendar_is_of_the_last_year_or_what_fits(width: int, weeks: int, cells: int) -> None:
    drawn = lines(days_back(*[1] * 1000), width)
    assert max(map(wcswidth, drawn[:8])) <= width
    assert drawn[1] == "Mon  " + "█" * weeks * cells
    assert drawn[2] == "     " + "█" * (weeks - 1) * cells + " " * cells, "tomorrow is no day without notes"


def test_the_months_stand_above_the_weeks_in_which_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = days_back(*[1] * 100)
    names = lines(amounts)[0]
    assert names.split() == ["Sep", "Oct", "Nov"]
    monday = TODAY - 15 * timedelta(days=7)
    assert [(monday + (names.index(name) - 5) * timedelta(days=7)) for name in names.split()] == [
        date(2026, 8, 31), date(2026, 9, 28), date(2026, 10, 26),
    ]  # fmt: skip
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert wcswidth(lines(amounts)[0].partition("10月")[0]) == names.index("Oct")


def test_a_day_without_notes_has_the_lightest_shade_and_the_busiest_the_darkest() -> None:
    drawn = lines(days_back(*[1, 2, 0, 3, 4] * 20))
    cells = "".join(row[5:] for row in drawn[1:8])
    assert [cells.count(shade) for shade in "·░▒▓█"] == [20, 20, 20, 20, 20]


def test_a_clock_that_is_ahead_does_not_hide_what_was_written() -> None:
    ahead = {date(9999, 12, 30): 1}
    assert lines(days_back(1, 2) | ahead) == lines(days_back(1, 2))
    assert lines(ahead)[0].startswith("9999-12-30")

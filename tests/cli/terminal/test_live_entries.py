"""Entries as `follow` and `serve` show them on a terminal."""

import sys
from collections.abc import Callable
from unittest import mock

import pytest

from tests.support.machine import change, note
from tests.support.screens import Screen
from udpnote.cli.terminal.live_entries import LiveEntries
from udpnote.cli.terminal.styles import author_style
from udpnote.model.entry import Entry, Kind

pytestmark = pytest.mark.usefixtures("use_zone")


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Shows entries on a terminal with the given number of columns. The first entry has the number 98."""

    def show_on(columns: int, *entries: Entry, **environ: str) -> str:
        for name, value in ({"COLUMNS": str(columns), "TERM": "xterm-256color", "NO_COLOR": "1"} | environ).items():
            monkeypatch.setenv(name, value)
        with mock.patch.object(sys, "stdout", Screen()):
            live = LiveEntries()
            return "".join(live.lines(number, entry) for number, entry in enumerate(entries, 98))

    return show_on


def test_a_day_is_a_heading_whenever_it_changes_and_texts_are_wrapped_beside_the_times(show: Callable[..., str]) -> None:
    entries = (
        note(1, "今天开会，下午三点，地点在三楼会议室；请大家带好上周的报告和笔记本电脑，谢谢！"),
        note(2, "milk\n\n  - oat \x1b[2J\n2026-11-23 07:52:59  #3  amy@pi  forged\n", "2026-11-23T23:59:00+08:00"),
        note(3, "late", "2026-11-22T09:00:00+08:00", author="一个名字很长很长的人在桌子旁边"),
        change(Kind.DELETION, 4, "", 1),
    )
    assert show(63, *entries).split("\n") == [
        "2026-11-23 Monday",
        "07:52:59  #98  lin@desk  今天开会，下午三点，地点在三楼会议室；",
        "          请大家带好上周的报告和笔记本电脑，谢谢！",
        "23:59:00  #99  lin@desk  milk", "", "            - oat ␛[2J", "          2026-11-23 07:52:59  #3  amy@pi  forged", "",
        "2026-11-22 Sunday",
        "09:00:00  #100  一个名字很长很长的人…  late", "",
        "2026-11-23 Monday",
        "09:00:00  #101 deletes #1  amy@pi", "",
    ]  # fmt: skip
    assert show(40, entries[0]).split("\n")[1:3] == [
        "07:52:59  #98  lin@desk  今天开会，下午",
        "  三点，地点在三楼会议室；请大家带好上周",
    ]


def test_each_author_has_a_colour_where_the_terminal_shows_colours(show: Callable[..., str]) -> None:
    shown = show(80, note(1, "a"), note(2, "b", author="小明"), note(3, "c"), NO_COLOR="")
    assert shown.count(f"\x1b[{author_style('lin@desk')}mlin@desk\x1b[0m") == 2
    assert f"\x1b[{author_style('小明')}m小明\x1b[0m" in shown
    assert "\x1b" not in show(80, note(1, "a")) + "".join(
        show(80, note(1, "a"), NO_COLOR="", TERM=term) for term in ("dumb", "")
    )

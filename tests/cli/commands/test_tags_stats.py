"""`udpnote tags` and `udpnote stats`: the right numbers, and a picture of the days."""

import re

import pytest
from wcwidth import wcswidth

from tests.support.machine import Machine, change, note
from udpnote.model.entry import Kind


@pytest.fixture
def diary(machine: Machine) -> Machine:
    machine.keep(
        note(1, "buy milk #food", "2026-11-21T12:00:00+08:00", author="lin\x1b[2J"),
        note(2, "开会 #会议 #food", "2026-11-21T13:00:00+08:00", author="小明"),
        note(3, "#Food again", "2026-11-23T23:00:00-08:00", author="lin\x1b[2J"),
        note(4, "gone #gone", "2026-11-23T12:00:00+08:00"),
        change(Kind.REVISION, 5, "revised #会议", 1),
        change(Kind.DELETION, 6, "", 4),
    )
    machine.serve()
    return machine


def test_tags_of_the_latest_versions_are_counted_the_most_frequent_first(diary: Machine) -> None:
    lines = diary.run("tags").lines
    assert [line.split() for line in lines] == [["TAG", "NOTES"], ["#food", "2"], ["#会议", "2"]]
    assert {wcswidth(line) for line in lines} == {len("TAG      NOTES")}
    assert diary.show("tags").text.split("\r\n")[:-1] == lines
    assert diary.json("tags --json") == [{"tag": "food", "notes": 2}, {"tag": "会议", "notes": 2}]


def test_on_a_narrow_terminal_a_long_line_of_figures_is_broken_and_goes_on_below_its_value(machine: Machine) -> None:
    machine.keep(*(note(number, "x", "2026-11-21T08:00:00+08:00", author=f"author{number}@host") for number in range(1, 5)))
    machine.serve()
    authors, following = machine.show("stats", columns=40).text.splitlines()[1:3]
    assert (authors.startswith("authors  4  "), following[:9], len(authors) <= 40) == (True, " " * 9, True)


def test_stats_has_the_figures_of_the_notebook_and_a_chart_that_is_coloured_only_on_a_terminal(diary: Machine) -> None:
    plain = diary.run("stats", COLUMNS="100", FORCE_COLOR="1").out
    figures = dict(re.findall(r"^(\w+) +(.*)$", plain, re.M))
    assert figures.pop("size").endswith("B")
    assert re.match(r"3  \(.*\b6 entries", figures.pop("notes"))
    assert figures == {
        "authors": "2  (lin␛[2J 2, 小明 1)", "clients": "1", "tags": "2  (#food 2, #会议 2)", "days": "2",
        "first": "2026-11-21 12:00:00", "last": "2026-11-24 15:00:00",
    }  # fmt: skip
    screen = diary.show("stats")
    assert re.search(r"2026-11-21 Sat  \x1b\[38;5;34m█+\x1b\[0m 2\r\n", screen.raw)
    assert screen.text.replace("\r\n", "\n") == plain
    [stats] = diary.json("stats --json")
    assert stats.pop("bytes") > 0
    assert stats == {
        "notes": 3, "entries": 6, "clients": 1,
        "first": "2026-11-21T04:00:00.000000+00:00", "last": "2026-11-24T07:00:00.000000+00:00",
        "authors": {"lin\x1b[2J": 2, "小明": 1}, "tags": {"food": 2, "会议": 2},
        "days": {"2026-11-21": 2, "2026-11-23": 1},
    }  # fmt: skip


def test_a_year_has_figures_and_a_calendar_of_its_own(diary: Machine) -> None:
    assert diary.run("stats --year 2026", COLUMNS="40").lines[:7] == [
        "year             2026", "notes            3", "days with notes  2", "days in a row    1",
        "busiest day      2026-11-21 Saturday  (2)", "", "     Jan Feb Mar  Apr May  Jun",
    ]  # fmt: skip
    assert diary.json("stats --year 2026 --json") == [
        {
            "year": 2026, "notes": 3, "days_with_notes": 2, "longest_run": 1, "busiest_day": "2026-11-21",
            "days": {"2026-11-21": 2, "2026-11-23": 1},
        }
    ]  # fmt: skip
    assert diary.json("stats --year 2025 --json")[0]["busiest_day"] is None


def test_a_picture_replaces_a_file_as_a_whole_and_has_no_text_of_a_note(diary: Machine) -> None:
    path = diary.home / "year.svg"
    path.write_text("before")
    diary.refused(f"stats --svg {path} --server 127.0.0.1:1 --wait 0.1", code=69)
    assert path.read_text() == "before"
    result = diary.run(f"stats --svg {path}")
    image = path.read_text()
    assert (result.code, result.out, str(path) in result.err, image[:5], image[-7:]) == (0, "", True, "<svg ", "</svg>\n")
    assert [word for word in ("milk", "开会", "food", "小明") if word in image] == []
    assert diary.run("stats --svg - --year 2026").out == image, "the notebook has only that year"
    in_chinese = diary.shell("LC_ALL=zh_CN.UTF-8 PYTHONIOENCODING=gbk udpnote stats --svg -")
    assert "星期六" in in_chinese.out, "a picture in a pipe is in UTF-8, whatever the terminal's encoding is"
    diary.refused("stats --svg a.svg --json", code=2, facts=["--json"])
    diary.refused("stats --svg /nowhere/a.svg", facts=["/nowhere/a.svg"])

"""`udpnote list`, `search` and `show`: the right notes, in columns on a terminal, as lines elsewhere, whole on demand."""

import json
import os
import re
import signal
from typing import Any

import pytest
from wcwidth import wcswidth

from tests.support.machine import Machine, change, note
from tests.support.processes import free_port
from udpnote.model.entry import Kind

KEYS = ["number", "text", "written_at", "stored_at", "author", "client", "sequence", "tags", "revised"]


@pytest.fixture
def diary(machine: Machine) -> Machine:
    """A served notebook of three days; the entry that was written first was stored last."""
    machine.keep(
        note(1, "buy milk #food", "2026-11-21T23:59:00+08:00"),
        note(2, "今天开会，下午三点 #会议", "2026-11-22T09:00:00+08:00", author="小明"),
        note(3, "oat milk is cheaper #food #shop", "2026-11-22T18:30:00+01:00", author="amy@pi"),
        note(4, "late milk", "2026-11-20T12:00:00+08:00"),
    )
    machine.serve()
    return machine


def listed(machine: Machine, *arguments: str) -> list[dict[str, Any]]:
    """What a reading command gives as JSON."""
    result = machine.run(*arguments, "--json")
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.lines]


def numbers(machine: Machine, *arguments: str) -> list[int]:
    return [each["number"] for each in listed(machine, *arguments)]


def test_a_list_in_a_pipe_is_a_whole_line_for_each_note_in_the_order_of_writing(diary: Machine) -> None:
    result = diary.run("list")
    assert (result.code, result.err) == (0, "")
    assert result.lines == [
        "2026-11-20 12:00:00  #4  lin@desk  late milk",
        "2026-11-21 23:59:00  #1  lin@desk  buy milk #food",
        "2026-11-22 09:00:00  #2  小明  今天开会，下午三点 #会议",
        "2026-11-23 01:30:00  #3  amy@pi  oat milk is cheaper #food #shop",
    ]


def test_a_list_in_a_pipe_shortens_nothing_and_has_no_colours(machine: Machine) -> None:
    machine.keep(note(1, "牛奶 " * 200 + "\nsecond line"))
    machine.serve()
    [line] = machine.run("list", FORCE_COLOR="1", COLUMNS="40").lines
    assert line == "2026-11-23 07:52:59  #1  lin@desk  " + "牛奶 " * 200 + "␊second line"


def test_a_list_on_a_terminal_is_grouped_by_the_readers_days_with_the_newest_last(diary: Machine) -> None:
    assert diary.show("list").text.split("\r\n") == [
        "2026-11-20 Friday",
        "#4   12:00  lin@desk  late milk",
        "",
        "2026-11-21 Saturday",
        "#1   23:59  lin@desk  buy milk #food",
        "",
        "2026-11-22 Sunday",
        "#2   09:00  小明      今天开会，下午三点 #会议",
        "",
        "2026-11-23 Monday",
        "#3   01:30  amy@pi    oat milk is cheaper #food #shop",
        "",
    ]


def test_the_days_are_called_as_the_locale_says(diary: Machine) -> None:
    text = diary.show("list", LC_ALL="zh_CN.UTF-8").text
    assert re.findall(r"^2026.*?(?=\r)", text, re.M) == [
        "2026-11-20 星期五", "2026-11-21 星期六", "2026-11-22 星期日", "2026-11-23 星期一",
    ]  # fmt: skip


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_wide_characters_are_aligned_and_long_notes_are_shortened_to_the_terminal(machine: Machine, columns: int) -> None:
    texts = ["今天开会" * 40, "milk " * 60, "短", "👍" * 90, "first line\nsecond line", "ende\u0301 " * 40, "\x1b[2J" * 30]
    authors = ["小明", "lin@desk", "一个名字很长很长的人在桌子旁边", "ann", "a@b", "王", "x\x07"]
    entries = [note(n, text, author=author) for n, (text, author) in enumerate(zip(texts, authors, strict=True), 1)]
    machine.keep(*entries, *[note(n, "x") for n in range(8, 12)])
    machine.serve()
    heading, *lines, end = machine.show("list", columns=columns).text.split("\r\n")
    assert (heading, end, len(lines)) == ("2026-11-23 Monday", "", 11)
    assert max(map(wcswidth, lines)) <= columns
    assert [line.endswith("…") for line in lines] == [True, True, False, True, True, True, True] + [False] * 4
    assert "first line…" in lines[4]
    starts = {
        wcswidth(line[: line.index(begin)]) for line, begin in zip(lines, "今m短👍feAxxxx".replace("A", "␛"), strict=True)
    }
    assert len(starts) == 1, "the texts begin in one column, after number, time and author"
    assert starts.pop() <= 15 + min(columns // 4, 20)
    assert [line.index("#") for line in lines] == [1] * 9 + [0] * 2


def test_a_list_on_a_terminal_is_coloured_unless_no_colour_is_wanted(diary: Machine) -> None:
    colour = r"\x1b\[(?:\d+;)*3\dm"
    assert re.search(colour, diary.show("list").raw)
    assert not re.search(colour, diary.show("list", NO_COLOR="1").raw)


def test_a_revised_note_is_marked_and_shows_its_latest_text(machine: Machine) -> None:
    machine.keep(note(1, "buy milk"), note(2, "other"), change(Kind.REVISION, 3, "buy oat milk", 1))
    machine.serve()
    assert machine.run("list").lines[0] == "2026-11-23 07:52:59  #1*  lin@desk  buy oat milk"
    assert "#1*  07:52  lin@desk  buy oat milk\r\n#2   07:52" in machine.show("list").text


def test_a_deleted_note_is_not_listed(machine: Machine) -> None:
    machine.keep(note(1, "one"), note(2, "two"), change(Kind.DELETION, 3, "", 1))
    machine.serve()
    assert numbers(machine, "list") == numbers(machine, "list", "--all") == [2]


def test_json_has_the_note_as_first_written_with_its_latest_text(machine: Machine) -> None:
    machine.keep(note(1, "buy milk"), note(2, "two #a #会议"), change(Kind.REVISION, 3, "买牛奶 #food", 1))
    machine.serve()
    revised, plain = listed(machine, "list")
    assert list(revised) == list(plain) == KEYS
    assert revised == {
        "number": 1, "text": "买牛奶 #food", "written_at": "2026-11-23T07:52:59.000000+08:00",
        "stored_at": "2026-11-22T23:53:00.000000+00:00", "author": "lin@desk", "client": "63" * 16, "sequence": 1,
        "tags": ["food"], "revised": 3,
    }  # fmt: skip
    assert (plain["tags"], plain["revised"]) == (["a", "会议"], None)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [4, 1, 2, 3]),
        (["-n", "2"], [4, 3]),
        (["-n", "2", "--reverse"], [3, 4]),
        (["--reverse"], [3, 2, 1, 4]),
        (["--all"], [1, 2, 3, 4]),
        (["--all", "--reverse"], [4, 3, 2, 1]),
        (["--since", "2026-11-22"], [2, 3]),
        (["--until", "2026-11-21"], [4, 1]),
        (["--since", "2026-11-21", "--until", "2026-11-22 10:00"], [1, 2]),
        (["--on", "2026-11-22"], [2]),
        (["--author", "小明"], [2]),
        (["--author", "LIN"], [4, 1]),
        (["--tag", "food"], [1, 3]),
        (["--tag", "#Food", "--tag", "shop"], [3]),
        (["--tag", "会议", "--all"], [2]),
        (["--tag", "food", "--author", "lin@desk", "-n", "1"], [1]),
    ],
)
def test_the_options_say_which_notes_are_listed_and_in_which_order(
    diary: Machine, options: list[str], expected: list[int]
) -> None:
    assert numbers(diary, "list", *options) == expected


def test_all_notes_are_listed_in_the_notebooks_order_with_a_heading_whenever_the_day_changes(machine: Machine) -> None:
    machine.keep(*[note(n, "x", f"2026-11-{20 + n % 2}T12:00:00+08:00") for n in range(1, 301)])
    machine.serve()
    assert numbers(machine, "list", "--all") == list(range(1, 301))
    lines = machine.show("list", "--all").text.split("\r\n")
    assert lines[:5] == [
        "2026-11-21 Saturday",
        "  #1   12:00  lin@desk  x",
        "",
        "2026-11-20 Friday",
        "  #2   12:00  lin@desk  x",
    ]
    assert len(lines) == 3 * 300


def test_more_than_one_turn_of_pages_is_sorted_as_a_whole(machine: Machine) -> None:
    machine.keep(*[note(n, "x", f"2026-11-20T12:{n % 60:02}:00+08:00") for n in range(1, 501)])
    machine.serve()
    assert numbers(machine, "list", "-n", "500") == sorted(range(1, 501), key=lambda n: (n % 60, n))


@pytest.mark.parametrize("command", [["list"], ["list", "--all", "--json"], ["search", "milk"], ["list", "--tag", "milk"]])
def test_nothing_found_is_a_notice_and_no_failure(machine: Machine, command: list[str]) -> None:
    machine.serve()
    result = machine.run(*command)
    assert (result.code, result.out, result.err.count("\n")) == (0, "", 1)
    assert ("udpnote send" in result.err) == (command[0] == "list" and "--tag" not in command)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["list", "-n", "0"], "1<=x<=100000"),
        (["list", "-n", "100001"], "1<=x<=100000"),
        (["list", "-n", "5", "--all"], "--all"),
        (["list", "--on", "yesterday", "--since", "today"], "--on"),
        (["list", "--since", "soonish"], "--since"),
        (["list", "--tag", "#!?"], "is not a tag"),
        (["list", "--author", " "], "--author"),
        (["list", "--notebook", "a", "--server", "127.0.0.1"], "--server"),
        (["list", "--notebook", "a", "--notebook-id", "b"], "--notebook-id"),
        (["search"], "WORDS"),
        (["search", "?!"], "nothing to search for"),
        (["show"], "NUMBER"),
        (["show", "milk"], "'milk' is not the number"),
        (["show", "0"], "'0' is not the number"),
        (["show", "9223372036854775808"], "is not the number"),
        (["show", "9" * 5000], "is not the number"),
        (["follow", "-n", "-1"], "0<=x<=100000"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(machine: Machine, arguments: list[str], reason: str) -> None:
    result = machine.run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert reason in result.err


@pytest.mark.parametrize("command", [["list"], ["search", "milk"], ["show", "1"], ["follow"], ["tags"], ["stats"]])
def test_without_a_server_reading_exits_69_and_says_why(machine: Machine, command: list[str]) -> None:
    result = machine.run(*command, "--wait", "0.3")
    assert (result.code, result.out) == (69, "")
    assert f"no answer from 127.0.0.1 port {machine.port}" in result.err


@pytest.mark.parametrize("command", [["list"], ["search", "milk"], ["show", "1"], ["tags"], ["stats"], ["follow"]])
def test_a_file_that_is_not_there_is_named(machine: Machine, command: list[str]) -> None:
    result = machine.run(*command, "--notebook", "/nowhere/notes.sqlite3")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "there is no notebook at /nowhere/notes.sqlite3" in result.err


def test_a_file_is_read_beside_its_server_and_without_it(diary: Machine) -> None:
    file = str(diary.home / "notebook.sqlite3")
    commands = [["list"], ["list", "--all", "--json"], ["search", "milk"], ["show", "2"], ["tags"], ["stats"]]
    over_the_network = [diary.run(*command).out for command in commands]
    offline = {"UDPNOTE_SERVER": f"127.0.0.1:{free_port()}"}
    assert [diary.run(*command, "--notebook", file, **offline).out for command in commands] == over_the_network
    assert diary.send("written meanwhile").code == 0
    assert "written meanwhile" in diary.run("list", "--notebook", file, **offline).out


def test_all_words_must_be_in_a_note_that_is_found(diary: Machine) -> None:
    assert numbers(diary, "search", "milk") == [4, 1, 3]
    assert numbers(diary, "search", "MILK", "cheaper") == [3]
    assert numbers(diary, "search", "oat milk") == numbers(diary, "search", 'cheaper "oat milk"') == [3]
    assert numbers(diary, "search", "milk oat", "--all") == []
    assert numbers(diary, "search", "开会") == numbers(diary, "search", "下午", "今天") == [2]


def test_a_search_takes_the_options_of_a_list(diary: Machine) -> None:
    assert numbers(diary, "search", "milk", "--all", "--reverse") == [4, 3, 1]
    assert numbers(diary, "search", "milk", "-n", "1") == [4]
    assert numbers(diary, "search", "milk", "--tag", "food", "--author", "lin", "--since", "2026-11-21") == [1]


def test_matches_are_marked_on_a_terminal_also_without_colour_and_not_in_a_pipe(diary: Machine) -> None:
    for no_colour in ("", "1"):
        raw = diary.show("search", "milk", NO_COLOR=no_colour).raw
        assert re.findall(r"\x1b\[1;7m(.*?)\x1b\[0m", raw) == ["milk"] * 3
    assert re.findall(r"\x1b\[1;7m(.*?)\x1b\[0m", diary.show("search", "开会").raw) == ["开会"]
    assert "\x1b" not in diary.run("search", "milk", FORCE_COLOR="1").out


def test_a_match_beyond_the_width_is_shown_with_its_context(machine: Machine) -> None:
    machine.keep(note(1, "前面" * 100 + "牛奶" + "后面" * 100))
    machine.serve()
    line = machine.show("search", "牛奶", columns=60).text.split("\r\n")[1]
    assert re.fullmatch(r"#1   07:52  lin@desk  ….*前面?牛奶后面.*…", line)
    assert wcswidth(line) <= 60


def test_a_note_is_shown_whole_with_its_line_breaks_and_without_harm(machine: Machine) -> None:
    machine.keep(note(1, "Dear Bob,\r\n\n\thello\x1b[2J\nbye\u202e\n", author="eve\x07"))
    machine.serve()
    result = machine.run("show", "1")
    assert (result.code, result.err) == (0, "")
    assert result.out == "#1  2026-11-23 07:52:59 +08:00  eve␇\nDear Bob,\n\n\thello␛[2J\nbye\\u202e\n"
    assert machine.show("show", "1").text == result.out.replace("\t", " " * 8).replace("\n", "\r\n")


def test_the_header_has_the_writers_time_and_says_what_was_revised_or_late(machine: Machine) -> None:
    machine.keep(
        note(1, "buy milk", "2026-11-22T18:00:00-05:00"),
        change(Kind.REVISION, 2, "buy oat milk", 1),
        note(3, "third"),
        change(Kind.REVISION, 4, "fourth", 3),
        change(Kind.REVISION, 5, "fifth", 4),
    )
    machine.serve()
    assert machine.run("show", "#3", "1*").lines == [
        "#3  2026-11-23 07:52:59 +08:00  lin@desk  revised by #5 (amy@pi, 2026-11-23 09:00:00 +08:00)",
        "fifth",
        "",
        "#1  2026-11-22 18:00:00 -05:00  lin@desk  revised by #2 (amy@pi, 2026-11-23 09:00:00 +08:00)",
        "buy oat milk",
    ]


@pytest.mark.parametrize(("seconds", "remark"), [(60, ""), (61, "  stored 2026-11-23 07:54:00 +08:00")])
def test_a_note_that_was_stored_late_says_when(machine: Machine, seconds: int, remark: str) -> None:
    machine.keep(note(1, "from the outbox"), stored_after=seconds)
    machine.serve()
    assert machine.run("show", "1").lines[0] == f"#1  2026-11-23 07:52:59 +08:00  lin@desk{remark}"


def test_a_revisions_number_shows_the_note_that_it_revises_and_each_note_is_shown_once(machine: Machine) -> None:
    machine.keep(note(1, "one"), change(Kind.REVISION, 2, "two", 1), change(Kind.REVISION, 3, "three", 2))
    machine.serve()
    result = machine.run("show", "3", "1", "2", "3")
    assert (result.code, result.lines[0][:4], result.lines[1:]) == (0, "#1  ", ["three"])
    (shown,) = listed(machine, "show", "2")
    assert (shown["number"], shown["text"], shown["revised"], list(shown)) == (1, "three", 3, KEYS)


def test_what_is_deleted_or_was_never_there_is_told_and_exits_1(machine: Machine) -> None:
    machine.keep(note(1, "secret"), change(Kind.DELETION, 2, "", 1), note(3, "kept"))
    machine.serve()
    result = machine.run("show", "1", "3", "99")
    assert (result.code, result.lines[1:]) == (1, ["kept"])
    assert "#1 was deleted by #2 (amy@pi, 2026-11-23 09:00:00 +08:00)" in result.err
    assert "`udpnote show 1 --history` has its text" in result.err
    assert "there is no entry #99" in result.err


def test_the_history_has_every_version_and_what_its_writer_had_not_seen(machine: Machine) -> None:
    machine.keep(
        note(1, "one"),
        change(Kind.REVISION, 2, "two", 1),
        change(Kind.REVISION, 3, "three\nlines", 1),
        change(Kind.DELETION, 4, "", 3),
        change(Kind.REVISION, 5, "five", 1),
    )
    machine.serve()
    result = machine.run("show", "1", "--history")
    assert (result.code, result.lines) == (
        0,
        [
            "#1  2026-11-23 07:52:59 +08:00  lin@desk  written", "one", "",
            "#2  2026-11-23 09:00:00 +08:00  amy@pi  revised #1", "two", "",
            "#3  2026-11-23 09:00:00 +08:00  amy@pi  revised #1, did not see #2", "three", "lines", "",
            "#4  2026-11-23 09:00:00 +08:00  amy@pi  deleted #3", "",
            "#5  2026-11-23 09:00:00 +08:00  amy@pi  revised #1, did not see #2, #3, #4", "five",
        ],
    )  # fmt: skip
    versions = listed(machine, "show", "1", "--history")
    assert all(list(version) == [*KEYS, "kind", "revises"] for version in versions)
    assert [(v["number"], v["kind"], v["revises"], v["text"]) for v in versions] == [
        (1, "note", None, "one"), (2, "revision", 1, "two"), (3, "revision", 1, "three\nlines"), (4, "deletion", 3, ""),
        (5, "revision", 1, "five"),
    ]  # fmt: skip


def test_the_history_of_what_is_deleted_is_shown(machine: Machine) -> None:
    machine.keep(note(1, "one"), change(Kind.DELETION, 2, "", 1))
    machine.serve()
    result = machine.run("show", "1", "--history")
    assert (result.code, result.lines[1], result.lines[-1].endswith("deleted #1")) == (0, "one", True)


def test_reading_delivers_what_is_queued_once_all_is_printed(machine: Machine) -> None:
    machine.keep(note(1, "first"))
    assert machine.send("--wait", "0", "queued").code == 75
    machine.serve()
    result = machine.run("list")
    assert (result.code, len(result.lines), machine.waiting()) == (0, 1, [])
    assert "1 queued entry delivered as well" in result.err
    assert machine.texts() == ["first", "queued"]


def test_what_is_queued_for_another_server_does_no_harm_to_reading(machine: Machine) -> None:
    machine.keep(note(1, "first"))
    assert machine.send("--wait", "0", "--server", f"127.0.0.1:{free_port()}", "elsewhere").code == 75
    machine.serve()
    result = machine.run("list")
    assert (result.code, result.err, machine.waiting()) == (0, "", ["elsewhere"])


def test_a_file_is_read_without_touching_the_outbox(machine: Machine) -> None:
    machine.keep(note(1, "first"))
    machine.run("list", "--notebook", str(machine.home / "notebook.sqlite3"))
    assert not (machine.home / "outbox.sqlite3").exists()


@pytest.mark.parametrize("source", ["server", "file"])
def test_a_reader_of_the_list_that_leaves_ends_it_without_a_traceback(machine: Machine, source: str) -> None:
    machine.keep(*[note(n, "x" * 1000) for n in range(1, 501)])
    machine.serve()
    options = ["--notebook", str(machine.home / "notebook.sqlite3")] if source == "file" else []
    reading, writing = os.pipe()
    listing = machine.start("list", "--all", *options, stdout=writing)
    os.close(writing)
    assert os.read(reading, 10) == b"2026-11-23"
    os.close(reading)
    assert (listing.end().code, listing.err.text if listing.err else "") == (1, "")


def test_a_server_that_falls_silent_amid_a_list_ends_it_with_69(machine: Machine) -> None:
    machine.keep(*[note(n, "x" * 5000) for n in range(1, 2001)])
    server = machine.serve()
    reading, writing = os.pipe()
    listing = machine.start("list", "--all", "--wait", "1", stdout=writing)
    os.close(writing)
    assert os.read(reading, 10) == b"2026-11-23"
    server.end(signal.SIGKILL)
    while os.read(reading, 1 << 20):
        pass
    os.close(reading)
    assert listing.end().code == 69
    assert listing.err is not None and "no answer" in listing.err.text

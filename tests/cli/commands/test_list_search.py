"""`udpnote list` and `udpnote search`: the right notes, in columns on a terminal, as lines elsewhere."""

import json
import re
from collections.abc import Iterator

import pytest
from wcwidth import wcswidth

from tests.support.machine import Machine, change, note
from udpnote.model.entry import Kind

KEYS = ["number", "text", "written_at", "stored_at", "author", "client", "sequence", "tags", "revised"]


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A served notebook with four notes, of which #4 was written first and stored last. Tests may only read it."""
    machine = Machine(tmp_path_factory.mktemp("diary"))
    machine.keep(
        note(1, "buy milk #food", "2026-11-21T23:59:00+08:00"),
        note(2, "今天开会，下午三点 #会议", "2026-11-22T09:00:00+08:00", author="小明"),
        note(3, "oat milk is cheaper #food #shop", "2026-11-22T18:30:00+01:00", author="amy@pi"),
        note(4, "late milk", "2026-11-20T12:00:00+08:00"),
    )
    machine.serve()
    yield machine
    machine.close()


def test_a_list_in_a_pipe_has_whole_lines_marks_revised_notes_and_leaves_out_deleted_ones(machine: Machine) -> None:
    machine.keep(
        note(1, "buy milk"), note(2, "two #a #会议\nlines"), change(Kind.REVISION, 3, "买牛奶 #food", 1),
        note(4, "gone"), change(Kind.DELETION, 5, "", 4),
    )  # fmt: skip
    machine.serve()
    assert machine.run("list", FORCE_COLOR="1", COLUMNS="40").lines == [
        "2026-11-23 07:52:59  #1*  lin@desk  买牛奶 #food",
        "2026-11-23 07:52:59  #2  lin@desk  two #a #会议␊lines",
    ]
    assert "#1*  07:52  lin@desk  买牛奶 #food\r\n#2   07:52" in machine.show("list").text
    revised, plain = machine.json("list --json")
    assert list(revised) == list(plain) == KEYS
    assert revised == {
        "number": 1, "text": "买牛奶 #food", "written_at": "2026-11-23T07:52:59.000000+08:00",
        "stored_at": "2026-11-22T23:53:00.000000+00:00", "author": "lin@desk", "client": "63" * 16, "sequence": 1,
        "tags": ["food"], "revised": 3,
    }  # fmt: skip
    assert (plain["tags"], plain["revised"]) == (["a", "会议"], None)


def test_words_and_options_choose_the_listed_notes_and_their_order(diary: Machine) -> None:
    for command, expected in (
        ("list", [4, 1, 2, 3]), ("list -n 2", [2, 3]), ("list -n 2 --reverse", [3, 2]), ("list --all", [4, 1, 2, 3]),
        ("list --all --reverse", [3, 2, 1, 4]), ("list --since 2026-11-22", [2, 3]), ("list --until 2026-11-21", [4, 1]),
        ("list --since 2026-11-21 --until '2026-11-22 10:00'", [1, 2]), ("list --on 2026-11-22", [2]),
        ("list --author 小明", [2]), ("list --author LIN", [4, 1]), ("list --tag food", [1, 3]),
        ("list --tag '#Food' --tag shop", [3]), ("list --tag 会议 --all", [2]),
        ("list --tag food --author lin@desk -n 1", [1]), ("search milk", [4, 1, 3]), ("search MILK cheaper", [3]),
        ("search 'cheaper \"oat milk\"'", [3]), ("search --all 'milk oat'", []), ("search 下午 今天", [2]),
        ("search --all --reverse milk", [3, 1, 4]), ("search --tag food --author lin --since 2026-11-21 -n 5 milk", [1]),
        ("search milk -late -'oat milk'", [1]), ("search late OR 會議 -buy", [4, 2]), ("search '#shop' OR '#會議'", [2, 3]),
        ("search --tag 會議 -- -milk", [2]), ("search --author amy -n 3 -- -buy", [3]),
        ("search buy OR cheaper '#food'", [1, 3]),
    ):  # fmt: skip
        in_json = command.replace(" ", " --json ", 1) if " " in command else f"{command} --json"
        assert (command, [each["number"] for each in diary.json(in_json)]) == (command, expected)


def test_more_than_one_page_is_sorted_as_a_whole_with_a_heading_whenever_the_day_changes(machine: Machine) -> None:
    machine.keep(*[note(n, "x", f"2026-11-{20 - n // 50:02}T12:{59 - n % 50 // 10:02}:00+08:00") for n in range(1, 501)])
    machine.serve()
    listed = [each["number"] for each in machine.json("list -n 500 --json")]
    assert listed == sorted(range(1, 501), key=lambda n: (-(n // 50), -(n % 50 // 10), n))
    lines = machine.show("list --all").text.split("\r\n")
    assert lines[:3] == ["2026-11-10 Tuesday", "#500   12:59  lin@desk  x", ""]
    assert lines[3:5] == ["2026-11-11 Wednesday", "#490   12:55  lin@desk  x"]
    assert len(lines) == 500 + 11 + 10 + 1, "notes, headings, lines between the days, and the end"


def test_finding_nothing_is_reported_and_is_no_failure(machine: Machine) -> None:
    machine.keep()
    for command in (
        "list", "list --all --json", "search {} '' 开会", "search {} milk ''", "list --tag milk", "tags", "tags --json",
    ):  # fmt: skip
        said = machine.refused(given(command, f"--file {machine.notebook}"), code=0)
        assert ("udpnote send" in said) == (command in ("list", "list --all --json"))
    assert "first" not in machine.run(f"stats --file {machine.notebook}").out
    [stats] = machine.json(f"stats --json --file {machine.notebook}")
    assert (stats["notes"], stats["first"], stats["days"]) == (0, None, {})


def test_a_list_on_a_terminal_is_grouped_by_the_readers_days_with_the_newest_last(diary: Machine) -> None:
    assert diary.show("list").text.split("\r\n") == [
        "2026-11-20 Friday", "#4   12:00  lin@desk  late milk", "",
        "2026-11-21 Saturday", "#1   23:59  lin@desk  buy milk #food", "",
        "2026-11-22 Sunday", "#2   09:00  小明      今天开会，下午三点 #会议", "",
        "2026-11-23 Monday", "#3   01:30  amy@pi    oat milk is cheaper #food #shop", "",
    ]  # fmt: skip
    in_chinese = diary.show("list -n 2", LC_ALL="zh_CN.UTF-8").text
    assert re.findall(r"^2026.*?(?=\r)", in_chinese, re.M) == ["2026-11-22 星期日", "2026-11-23 星期一"]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_wide_characters_are_aligned_and_long_notes_are_shortened_to_the_terminal(machine: Machine, columns: int) -> None:
    texts = ["今天开会" * 40, "milk " * 60, "短", "👍" * 90, "first line\nsecond line", "ende\u0301 " * 40, "\x1b[2J" * 30]
    authors = ["小明", "lin@desk", "一个名字很长很长的人在桌子旁边", "ann", "a@b", "王", "x\x07"]
    entries = [note(n, text, author=author) for n, (text, author) in enumerate(zip(texts, authors, strict=True), 1)]
    machine.keep(*entries, *[note(n, "x") for n in range(8, 12)])
    heading, *lines, end = machine.show(f"list --file {machine.notebook}", columns=columns).text.split("\r\n")
    assert (heading, end, len(lines)) == ("2026-11-23 Monday", "", 11)
    assert max(map(wcswidth, lines)) <= columns
    assert [line.endswith("…") for line in lines] == [True, True, False, True, True, True, True] + [False] * 4
    assert "first line…" in lines[4]
    starts = {wcswidth(line[: line.index(begin)]) for line, begin in zip(lines, "今m短👍fe␛xxxx", strict=True)}
    assert len(starts) == 1, "the texts begin in one column, after number, time and author"
    assert starts.pop() <= 15 + min(columns // 4, 20)
    assert [line.index("#") for line in lines] == [1] * 9 + [0] * 2


def test_a_terminal_without_styles_is_used_to_its_whole_width(machine: Machine) -> None:
    machine.keep(note(1, "milk " * 60))
    _, line, _ = machine.show(f"list --file {machine.notebook}", columns=120, TERM="dumb").text.split("\r\n")
    assert line.endswith("…") and 110 < wcswidth(line) <= 120


def test_on_a_narrow_terminal_each_text_has_a_line_of_its_own(machine: Machine) -> None:
    name = "一个名字很长很长的人在桌子旁边的窗户"
    machine.keep(note(1234, "修好了路由器。防火墙挡住了6683端口的UDP广播", author=name), note(1235, "milk"))
    lines = machine.show(f"list --file {machine.notebook}", columns=40).text.split("\r\n")
    assert lines == [
        "2026-11-23 Monday", "#1   07:52  一个名字很长很长的人在桌子…", "  修好了路由器。防火墙挡住了6683端口的U…",
        "#2   07:52  lin@desk", "  milk", "",
    ]  # fmt: skip


def test_whole_texts_are_wrapped_by_words_on_a_terminal_with_the_matches_marked(machine: Machine) -> None:
    text = "今天开会，下午三点，地点在三楼会议室。\n\n  - oat\u200b milk is cheaper than all the other milk here\x1b[2J\tor"
    machine.keep(note(1, text), note(2, "next milk"))
    screen = machine.show(f"search --full --file {machine.notebook} milk 三*", columns=32)
    assert screen.text.split("\r\n") == [
        "2026-11-23 Monday", "#1   07:52  lin@desk", "  今天开会，下午三点，地点在三楼", "  会议室。", "",
        "    - oat\\u200b milk is cheaper", "    than all the other milk", "    here␛[2J    or", "",
    ]  # fmt: skip
    marked = machine.show(f"search --full --file {machine.notebook} 地点在三楼会议室 'other milk here'", columns=32).raw
    assert re.findall(r"\x1b\[1;7m(.*?)\x1b", marked) == ["地点在三楼", "会议室", "other milk", "here"]
    assert machine.run(f"list --full --file {machine.notebook}").lines[2:] == [
        "  今天开会，下午三点，地点在三楼会议室。", "",
        "    - oat\\u200b milk is cheaper than all the other milk here␛[2J\tor", "",
        "#2   07:52  lin@desk", "  next milk",
    ]  # fmt: skip


def test_the_width_and_the_colours_are_those_of_the_terminal(machine: Machine) -> None:
    machine.keep(note(1, "milk " * 60))
    terminal = machine.terminal(columns=60)
    side, colour = terminal.descriptor, r"\x1b\[(?:\d+;)*3\dm"
    listing = machine.start("list", "--file", str(machine.notebook), environ={"COLUMNS": ""}, stdin=side, stdout=side)
    assert listing.end().code == 0
    terminal.finish()
    assert wcswidth(terminal.text.split("\r\n")[1]) in (59, 60)
    assert re.search(colour, terminal.raw)
    assert not re.search(colour, machine.show(f"list --file {machine.notebook}", NO_COLOR="1").raw)


def test_matches_are_marked_on_a_terminal_also_without_colour_and_not_in_a_pipe(diary: Machine) -> None:
    for no_colour, word, times in (("1", "milk", 3), ("", "开会", 1)):
        raw = diary.show("search", word, NO_COLOR=no_colour).raw
        assert re.findall(r"\x1b\[1;7m(.*?)\x1b\[0m", raw) == [word] * times
    assert "\x1b" not in diary.run("search milk", FORCE_COLOR="1").out


# What all reading commands have in common


def given(command: str, option: str) -> str:
    """`command` with `option` in place of `{}` or, if it has none, at its end."""
    return command.format(option) if "{}" in command else f"{command} {option}"


def test_a_server_or_a_file_that_is_not_there_is_named(machine: Machine) -> None:
    for command in ("list", "search {} milk", "show 1", "tags", "stats", "export", "follow"):
        machine.refused(given(command, "--wait 0.1"), code=69, facts=[f"127.0.0.1 port {machine.port}"])
        assert machine.refused(given(command, "--file /nowhere/a.sqlite3"), facts=["/nowhere/a.sqlite3"]).count("\n") == 1


def test_a_file_is_read_beside_its_server_and_without_touching_the_outbox(diary: Machine) -> None:
    elsewhere = {"UDPNOTE_SERVER": "127.0.0.1:1", "UDPNOTE_HOME": str(diary.home / "elsewhere")}
    for command in ("list", "list --all --json", "search {} milk", "show 2", "tags", "stats", "export"):
        from_file = diary.run(given(command, f"--file {diary.notebook}"), **elsewhere)
        assert (from_file.out, (diary.home / "elsewhere").exists()) == (diary.run(given(command, "")).out, False)


def test_reading_delivers_queued_entries_after_the_notes_are_printed(machine: Machine) -> None:
    machine.keep(note(1, "first"))
    machine.run("send --wait 0 --server 127.0.0.1:1 elsewhere")
    machine.run("send --wait 0 queued")
    machine.serve()
    result = machine.run("list")
    assert (result.code, len(result.lines), "1 queued entry" in result.err) == (0, 1, True)
    assert (machine.waiting(), machine.texts()) == (["elsewhere"], ["first", "queued"])
    assert machine.run("list").err == ""


NOTES = ["oat milk and tea #drinks", "milkshake", "今天会议", "tea or coffee"]


BEGINNINGS: list[tuple[str, list[int], str | None]] = [
    ("mil", [1, 2], "mil"), ("mil tea", [1], "mil"), ("mil cof OR te", [1], "mil, cof, te"), ("'oat mil'", [1], '"oat mil"'),
    ("#dri -shake", [1], "#dri"), ("mil -milkshake", [1], "mil"), ("会议 mil", [], "mil"), ("milk mil", [1], "mil"),
    ("nosuch 会", [], "nosuch"), ("tea -coffee -milk", [], ""), ("会 →", [], ""), ("C+ 'mil*' cof", [], "cof"),
    ("mi OR tea", [1, 4], None), ("a1 a2 a3 a4 a5* a6 a7 a8", [], "a1, a2, a3, a4, a6"),
]  # fmt: skip
"""Words to search for, the notes found, and the words that the message says were tried as beginnings.

These are empty if the message only says that nothing is found, and None if there is no message."""


@pytest.mark.parametrize("is_served", [True, False])
def test_words_that_find_nothing_are_tried_as_beginnings(machine: Machine, is_served: bool) -> None:
    machine.keep(*(note(number, text) for number, text in enumerate(NOTES, 1)))
    if is_served:
        machine.serve()
    for words, found, tried in BEGINNINGS:
        result = machine.run(f"search --json {'' if is_served else f'--file {machine.notebook}'} {words}")
        assert (words, result.code, [json.loads(line)["number"] for line in result.lines]) == (words, 0, found)
        if tried is None:
            assert result.err == ""
        elif tried:
            facts = (f"nothing is found for {tried}" in result.err, "these notes" in result.err)
            assert facts == (True, bool(found)), (words, result.err)
        else:
            assert "nothing found" in result.err, words


def test_signs_in_a_phrase_that_finds_nothing_are_named(machine: Machine) -> None:
    machine.keep(note(1, "milk or tea"))
    for words, is_named in (("'milk OR nosuch'", True), ("'milk -tea'", True), ("'milk OR'", False), ("'a-b' -c", False)):
        told = machine.run(f"search --file {machine.notebook} {words}").err
        assert ("write them outside the quotation marks" in told) == is_named, told


def test_tried_beginnings_are_highlighted_and_options_stand_before_the_words(machine: Machine) -> None:
    machine.keep(note(1, "Oat MILK #a/b"), note(2, "-n C++"))
    for words, marked in (("mil '#a'", ["MILK", "#a/b"]), ("oa -sugar", ["Oat"]), ("c++ OR '#a'", ["#a/b", "C"])):
        raw = machine.show(f"search --file {machine.notebook} {words}").raw
        assert re.findall(r"\x1b\[1;(?:\d+;)?7m(.*?)\x1b\[0m", raw) == marked
    for words in ("milk --json", "milk -n 5", "-milk oat", "-- -milk", "OR", "milk OR -oat", "x " * 1000):
        machine.refused(f"search {words}", code=2)
    assert len(machine.json(f"search --json --file {machine.notebook} -- -milk -n '\"c++\"'")) == 0
    assert len(machine.json(f"search --json --file {machine.notebook} -- '\"-n\" c++' -milk")) == 1

"""The advice after the message about a wrong command line."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.machine import Machine
from udpnote.cli.command_line.declared_command import DeclaredCommand
from udpnote.cli.command_line.likely_meant import OPTIONS_FOR_SUPERFLUOUS_WORDS, advice, line_with_option_first
from udpnote.cli.command_line.parsing import WrongCommandLine, option_names, read_command_line
from udpnote.cli.terminal.wrapping import wrapped_message
from udpnote.errors import InvalidEntry, InvalidQuery, Notice

WORDS = [
    "list", "serch", "key", "rm", "find", "-n", "--limit", "--wait", "--json", "--auth", "lin", "“a", "b”", "——json", "－n",
    "5s", "0", "42", "--", "-", "-5", "-qh", "--a=b", "送\u3000x",
]  # fmt: skip


def told(line: str) -> tuple[str, Notice]:
    """The kind of the message about the wrong command line `line`, and the advice. Single spaces separate its words."""
    words = line.split(" ")
    with pytest.raises(WrongCommandLine) as raised:
        read_command_line(words)
    return raised.value.notice.kind, advice(words, raised.value)


MEANT = {
    "command_unknown": "undelete 3: edit 3; rm -f 3: delete --yes 3; sned --jsn milk: send --json milk; LIST: list; "
    "serch oat --author lin: search --author lin oat; "
    "搜索 牛奶: search 牛奶; 搜尋 牛奶: search 牛奶; 顯示 3: show 3; "
    "42: show 42; #42: show '#42'; buy milk: send buy milk; 今天开会: send 今天开会; "
    "send　milk: send milk; 1-3: show 1-3; expo: export; version: --version; key shwo: key show; key help: help key",
    "option_unknown": "list --limit 5: list -n 5; list --limit=5 --auth lin: list -n 5 --author lin; list -json: list --json; "
    "list --limt 5: list -n 5; list -5: list -n 5; tail -f: tail; "
    "list -l: list; list -la: list; list -a: list --all; list -l 5: list -n 5; list -a lin: list --author lin; "
    "list -l milk: search milk; "
    "export -f csv: export --format csv; export -f=md: export --format=markdown; export -f a.csv: export -o a.csv; "
    "export -f /tmp/text: export -o /tmp/text; "
    "stats -f a.sqlite3: stats --file a.sqlite3; "
    "serve --notebook home: serve --name home; --author lin send milk: send --author lin milk; -v: --version",
    "option_in_other_dashes": "list －－json: list --json; list ——since＝today: list --since=today; list －ｎ 5: list -n 5; "
    "list --author＝林: list '--author=林'; "
    "edit ——json 3 milk: edit --json 3 milk; key —help: key --help; —version: --version",
    "value_in_other_quotes": "list --on “last week” --json: list --on 'last week' --json; "
    "list --author=“lin”: list --author=lin",
    "value_not_whole": "list -n abc: list -n 10; search -n milk: search -n 10 milk; list -n5,000: list -n5000",
    "value_not_a_number": "list --wait=2.5s: list --wait=2.5",
    "value_out_of_range": "list -n -3: list -n 3; list -n 0: list -n 10; list -n 999999: list -n 100000",
    "value_not_a_choice": "export --format md: export --format markdown; export --format json-lines: export --format jsonl",
    "option_value_missing": "list -n: list -n 10",
    "word_superfluous": "list help: help list; list 5 --json: show 5 --json; list milk: search milk; "
    "list oat milk -n 5: search -n 5 oat milk; list 3 4: show 3 4; "
    "list --on last week --json: list --on 'last week' --json; list --since 3 days ago: list --since '3 days ago'; "
    "export --since=last month -o x.md: export '--since=last month' -o x.md; "
    "list --since monday milk: search --since monday milk; "
    "find kitchen: use kitchen; export notes.md: export -o notes.md; export csv: export --format csv",
}
"""For each kind of message: wrong command lines, each with the right one that the advice names."""


@pytest.mark.parametrize("kind", MEANT)
def test_the_message_is_followed_by_the_command_line_that_was_likely_meant(kind: str) -> None:
    for example in MEANT[kind].split("; "):
        line, _, meant = example.partition(": ")
        assert told(line) == (kind, Notice("command_line_meant", line=f"udpnote {meant}")), line


@pytest.mark.parametrize(
    ("line", "kind", "after"),
    [
        ("nosuch", "command_unknown", Notice("help_is_in", line="udpnote --help")),
        ("key -h -x", "option_unknown", Notice("help_is_in", line="udpnote key --help")),
        ("-h -x", "option_unknown", Notice("help_is_in", line="udpnote --help")),
        ("list --reverse=1", "option_takes_no_value", Notice("help_is_in", line="udpnote list --help")),
        ("find --port x", "value_not_whole", Notice("help_is_in", line="udpnote find --help")),
        ("stats --year 99999", "value_out_of_range", Notice("help_is_in", line="udpnote stats --help")),
        ("list --history", "option_unknown", Notice("option_of_other_commands", option="--history", commands=["udpnote show"])),
        ("show", "argument_missing", Notice("command_line_example", line="udpnote show 42")),
        ("list -l -x", "option_unknown", Notice("help_is_in", line="udpnote list --help")),
        ("list --ouput", "option_unknown", Notice("help_is_in", line="udpnote list --help")),
        ("undo --number 5", "option_unknown", Notice("help_is_in", line="udpnote undo --help")),
        ("undo milk", "word_superfluous", Notice("help_is_in", line="udpnote undo --help")),
        ("undo --json 5 6", "word_superfluous", Notice("undo_takes_no_number", number=5)),
        ("doctor 5", "word_superfluous", Notice("help_is_in", line="udpnote doctor --help")),
        ("revert #5", "command_unknown", Notice("undo_takes_no_number", number=5)),
        ("export -o", "option_value_missing", Notice("command_line_example", line="udpnote export -o notes.jsonl")),
        (f"list --wait x{'9' * 400}", "value_not_a_number", Notice("command_line_meant", line="udpnote list --wait 10")),
        (f"find --port {'9' * 5000}", "value_not_whole", Notice("help_is_in", line="udpnote find --help")),
        (f"list -n {'9' * 4000}", "value_out_of_range", Notice("command_line_meant", line="udpnote list -n 100000")),
        (f"sned {'milk ' * 100}", "command_unknown", Notice("help_is_in", line="udpnote send --help")),
    ],
)  # fmt: skip
def test_without_a_likely_line_an_example_a_command_or_the_help_is_named(line: str, kind: str, after: Notice) -> None:
    assert told(line) == (kind, after)


@pytest.mark.parametrize("kind", ["command_line_meant", "command_line_example", "help_is_in"])
def test_a_command_line_that_is_named_stays_whole_on_a_narrow_terminal(kind: str) -> None:
    lines = wrapped_message(str(Notice(kind, line="udpnote send --tag home milk")), 24)
    assert lines[-1] == "  `udpnote send --tag home milk`"


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5))
def test_a_command_line_that_is_named_can_be_run(words: list[str]) -> None:
    try:
        read_command_line(words)
    except WrongCommandLine as error:
        after = advice(words, error)
        if after.kind == "command_line_meant":
            read_command_line(shlex.split(str(after.values["line"]))[1:])


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("search milk --json", "search --json milk"), ("search oat milk -n 5", "search -n 5 oat milk"),
        ("search milk --since=today --all", "search --all --since=today milk"), ("send hello --json", "send --json hello"),
        ("edit 3 oat --json milk", "edit --json 3 oat milk"), ("send - x", None), ("search -tea", None),
        (f"send {'milk ' * 99} --json", None),
    ],
)  # fmt: skip
def test_an_option_in_a_text_is_put_before_it_in_the_line_that_was_likely_meant(line: str, meant: str | None) -> None:
    words = line.split()
    with pytest.raises((InvalidEntry, InvalidQuery)) as raised:
        read_command_line(words)
    expected = Notice("command_line_meant", line=f"udpnote {meant}") if meant else None
    assert line_with_option_first(words, raised.value) == expected


def test_the_message_about_an_option_in_a_text_is_followed_by_that_line(machine: Machine) -> None:
    machine.refused("send hello --json", code=2, facts=["udpnote send --json hello"])
    machine.refused("search hello --json", code=2, facts=["udpnote search --json hello"])


def test_a_quoted_text_in_place_of_a_command_is_taken_for_a_note() -> None:
    with pytest.raises(WrongCommandLine) as raised:
        read_command_line(["buy bread"])
    assert advice(["buy bread"], raised.value) == Notice("command_line_meant", line="udpnote send 'buy bread'")


def test_a_long_text_in_place_of_a_command_does_not_fill_the_screen(machine: Machine) -> None:
    for words in (["milk " * 9999], ["list", "milk" * 9999], ["list", "-n", "milk" * 9999], ["list", "-n", "9" * 4000]):
        assert len(machine.refused(*words, code=2)) < 300


def test_help_prints_what_the_option_prints_and_names_the_command_that_was_likely_meant(machine: Machine) -> None:
    for line in ("", "list", "key", "key rotate"):
        assert machine.run(f"help {line}") == machine.run(f"{line} --help")
    assert "昨天上午" in machine.run("help times").out and " 75 " in machine.run("help exit-codes").out
    for line, meant in (
        ("sned", "help send"),
        ("写", "help write"),
        ("key shwo", "help key show"),
        ("time", "help times"),
        ("send milk", "help send"),
        ("oat milk", "--help"),
        ("key nosuch", "key --help"),
    ):
        assert machine.refused(f"help {line}", code=2).endswith(f": `udpnote {meant}`\n")


def test_the_options_that_take_superfluous_words_exist() -> None:
    for name, option in OPTIONS_FOR_SUPERFLUOUS_WORDS.items():
        command = read_command_line(name.split()).command
        assert isinstance(command, DeclaredCommand) and option in option_names(command)

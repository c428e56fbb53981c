"""`udpnote send`: one entry or a stream, stored or queued, with an answer for each."""

import json
import os
import re
import signal

import pytest

from tests.support.machine import NOW, Machine
from tests.support.notebook_files import fail_before
from tests.support.processes import eventually, script
from udpnote.model.entry import TEXT_BYTES_MAX


def test_words_are_joined_and_kept_as_they_are_and_are_harmless_on_the_screen(served: Machine) -> None:
    for number, (words, text, shown) in enumerate((
        (["今天开会，", "👩‍👩‍👧 café ﷽"], "今天开会， 👩‍👩‍👧 café ﷽", "今天开会， 👩‍👩‍👧 café ﷽"),
        (["--", "-5  degrees "], "-5  degrees ", "-5  degrees"), (["- two\r\nlines"], "- two\r\nlines", "- two␍␊lines"),
        (["--wait", "9", "-5", "git", "-f", "--force"], "-5 git -f --force", "-5 git -f --force"),
        (["\x1b[31mred\x07", "left \u202e right"], "\x1b[31mred\x07 left \u202e right", "␛[31mred␇ left \\u202e right"),
    ), 1):  # fmt: skip
        result = served.send(*words)
        assert (result.code, result.err, served.texts()[-1]) == (0, "", text)
        assert re.fullmatch(f"#{number}  {NOW}  {re.escape(shown)}\n", result.out)


def test_chinese_is_stored_whatever_the_locale_says(served: Machine) -> None:
    result = served.shell("LC_ALL=C udpnote send 中; PYTHONIOENCODING=ascii udpnote send 国")
    assert (served.texts(), [line.split("  ")[-1] for line in result.lines]) == (["中", "国"], ["中", "\\u56fd"])


def test_json_has_the_number_the_identity_the_time_and_the_status(served: Machine) -> None:
    stored = [json.loads(line) for line in served.send("--json", typed="a\nb\n").lines]
    assert [set(each) for each in stored] == [{"number", "client", "sequence", "written_at", "status"}] * 2
    assert [(each["number"], each["sequence"], each["status"]) for each in stored] == [(1, 1, "stored"), (2, 2, "stored")]
    assert re.fullmatch("[0-9a-f]{32}", stored[0]["client"])
    assert stored[0]["written_at"].endswith("+08:00")
    served.stop()
    queued = served.send("--json", "--wait", "0.1", "later")
    assert (queued.code, json.loads(queued.out)["number"], json.loads(queued.out)["status"]) == (75, None, "queued")


def test_each_line_of_standard_input_is_an_entry_or_the_whole_is_one(served: Machine) -> None:
    longest = "中" * (TEXT_BYTES_MAX // 3) + "."
    for options, typed, texts in (
        ("-", "one\ntwo", ["one", "two"]), ("--whole", "\ufeffDear Bob,\n\nhello\n", ["Dear Bob,\n\nhello"]),
        ("", "\ufeff今天\r\n  indented\ttext \r\na\x01b\n", ["今天", "  indented\ttext ", "a\x01b"]),
        ("--whole", f"\ufeff{longest}\r\n", [longest]),
    ):  # fmt: skip
        result = served.run(f"send {options}", typed=typed)
        assert (result.code, result.err, served.texts()[-len(texts) :], len(result.lines)) == (0, "", texts, len(texts))
    assert len(served.texts()) == 7


def test_if_the_outbox_fails_within_the_input_the_saved_lines_are_counted(served: Machine) -> None:
    served.send("first")
    fail_before(served.outbox, "INSERT ON entries WHEN NEW.sequence = 200")
    result = served.send(typed="".join(f"{number}\n" for number in range(300)))
    stored = len(result.lines)
    saved = {*served.texts(), *served.waiting()} - {"first"}
    assert (result.code, saved) == (1, {*map(str, range(1 + 128))})  # the first line alone, and a transaction of 128
    assert result.err.endswith(
        f"only the first part of the input was saved: {stored} stored, {129 - stored} queued. Send only the rest again\n"
    )


def test_an_outbox_without_write_permission_is_named(served: Machine) -> None:
    served.send("first")
    served.outbox.chmod(0o400)
    result = served.start("send", "second", is_powerless=os.geteuid() == 0).wait()
    facts = [str(served.outbox), "check its permissions"]
    assert (result.code, [fact for fact in facts if fact not in result.err]) == (1, []), result


def test_lines_in_a_removed_outbox_are_not_counted_as_queued(machine: Machine) -> None:
    process = machine.start("send", "--wait", "0.1", "--json")
    process.type("one\n")
    eventually(lambda: "queued" in process.output, "the line is queued")
    for file in machine.home.glob("outbox*"):
        file.unlink()
    process.end_input()
    result = process.wait()
    assert (result.code, result.err.endswith("0 entries stored\n")) == (1, True), result
    assert "was removed" in result.err and "queued:" not in result.err


def test_a_bad_line_is_named_by_its_number_blank_ones_are_counted_and_the_others_are_sent(served: Machine) -> None:
    bad = ["你好".encode("gb18030"), b"x" * (TEXT_BYTES_MAX + 1), b"x" * (3 * TEXT_BYTES_MAX)]
    for number, line in enumerate(bad, 1):
        result = served.send(typed=b"one\n\n  \t\n\r\n" + line + b"\nthree\n")
        assert (result.code, served.texts(), result.err.count("\n")) == (1, ["one", "three"] * number, 2)
        assert "line 5" in result.err and "3 blank" in result.err


def test_an_entry_for_another_server_or_notebook_is_queued_and_not_stored(served: Machine) -> None:
    for options, facts in (
        ("--server a..b", ["a..b"]), ("--server 127.0.0.1:1", ["port 1"]), ("--notebook cellar", ["kitchen", "cellar"]),
    ):  # fmt: skip
        served.refused(f"send --wait 0.5 {options} a", code=75, facts=facts)
    assert (served.waiting(), served.texts()) == (["a"] * 3, [])


def test_the_reason_why_many_entries_wait_is_said_once(machine: Machine) -> None:
    said = machine.refused("send --wait 0.1", code=75, typed="one\ntwo\nthree\n", facts=["3 entries queued"])
    assert said.count("\n") == 3, "that no program receives there, the reason, and how to find the cause"


def test_each_entry_also_from_standard_input_gets_the_time_and_tags_of_the_options(served: Machine) -> None:
    options = "--at '2026-05-09 18:30' --tag Work --tag 家"
    assert served.run(f"send {options} met Bob").code == 0
    result = served.run(f"send {options}", typed="one #work\n\n" + "x" * (TEXT_BYTES_MAX - 2) + "\ntwo\n")
    assert (result.code, "1,048,576" in result.err) == (1, True)
    assert served.run(f"send --whole {options}", typed="three\nlines\n").code == 0
    assert served.texts() == ["met Bob #Work #家", "one #work #家", "two #Work #家", "three\nlines\n#Work #家"]
    assert {each["written_at"] for each in served.json("list --json")} == {"2026-05-09T18:30:00.000000+08:00"}
    for wrong in ("--at tomorrow text", "--tag 'a b' text", "--edit -", "--edit --whole"):
        served.refused(f"send {wrong}", code=2)
    assert len(served.rows()) == 4


@pytest.mark.parametrize(
    ("text", "code", "stored", "kept"),
    [
        ('echo today >> "$1"', 0, ["draft\ntoday\n#x"], False), ("true", 2, [], False),
        ('true > "$1"', 1, [], False), ('echo lost > "$1"; exit 3', 1, [], True), (r'printf "caf\351" > "$1"', 2, [], True),
    ],
)  # fmt: skip
def test_an_entry_is_written_in_the_editor_whose_file_is_kept_unless_the_text_is_sent(
    served: Machine, text: str, code: int, stored: list[str], kept: bool
) -> None:
    editor, folder = script(served.home / "editor", text), served.home / "tmp"
    folder.mkdir()
    result = served.run("send --edit --tag x draft", EDITOR=str(editor), TMPDIR=str(folder))
    assert (result.code, served.texts(), len(list(folder.rglob("*.txt")))) == (code, stored, kept)
    assert (str(folder) in result.err) is kept


def test_a_text_that_was_not_changed_in_the_editor_is_not_sent(served: Machine) -> None:
    waiting, other = script(served.home / "code", "true"), script(served.home / "editor", "true")
    for editor, code, fact in ((f"{waiting} --wait", 1, "leave out --edit"), (str(other), 2, "still open")):
        served.refused("send --edit draft", code=code, facts=[fact], EDITOR=editor)
    assert (served.texts(), served.waiting()) == ([], [])


def test_an_empty_input_is_no_error_and_is_reported_also_with_json(served: Machine) -> None:
    for command in ("send", "send --json"):
        result = served.run(command, typed="\n")
        assert (result.code, result.out, "nothing to send" in result.err) == (0, "", True)


# What only a process shows


def test_lines_of_a_slow_pipe_are_stored_as_they_come_and_a_terminal_shows_progress(served: Machine) -> None:
    terminal = served.terminal()
    sending = served.start("send", stderr=terminal.descriptor)
    for number, text in enumerate(["one", "two"], 1):
        sending.type(f"{text}\n")
        sending.expect(f"#{number}  {NOW}  {text}\n")
        assert len(served.texts()) == number

    def has_bar_after_one_more() -> bool:
        sending.type("more\n")
        sending.expect("more\n")
        return "entries" in terminal.text

    eventually(has_bar_after_one_more, "the bar is shown when an entry comes after the first second")
    terminal.expect(r"\d+ entries, [\d,]+/s")
    sending.type("while the bar is there\n")
    sending.expect("while the bar is there")
    result = sending.end()
    assert (result.code, "entries" in result.out) == (0, False)


def test_a_long_message_is_broken_between_words_on_a_terminal_and_is_one_line_elsewhere(served: Machine) -> None:
    terminal = served.terminal(columns=40)
    process = served.start("send", "--at", "someday", "text", stderr=terminal.descriptor, environ={"COLUMNS": ""})
    assert process.end().code == 2
    shown = terminal.finish().splitlines()
    assert len(shown) > 1 and all(len(line) <= 40 for line in shown), shown
    assert " ".join(line.strip() for line in shown) == served.run("send --at someday text").err.strip()


def test_no_entry_is_lost_if_a_stream_is_closed_full_or_a_file(served: Machine) -> None:
    commands = ("text <&-", "text >&-", "text 2>&-", "text >/dev/full", "<&-", "<<< text")
    result = served.shell("; ".join(f"udpnote send {command}; echo code $? >&2" for command in commands))
    assert re.findall(r"code (\d+)", result.err) == ["0", "1", "0", "1", "0", "0"]
    assert served.texts() == ["text"] * 5


def test_a_terminal_as_input_ends_with_ctrl_c_which_leaves_entries_queued_or_with_ctrl_d(machine: Machine) -> None:
    terminal = machine.terminal()
    sending = machine.start("send", "--wait", "60", stdin=terminal.descriptor)
    sending.expect_error("Ctrl-D")
    terminal.type("one\n")
    eventually(lambda: machine.waiting() == ["one"])
    interrupted = sending.end(signal.SIGINT)
    assert (interrupted.code, "0 stored for certain" in interrupted.err, machine.waiting()) == (130, True, ["one"])
    machine.serve()
    sending = machine.start("send", stdin=terminal.descriptor)
    terminal.type("今天\n")
    sending.expect("  今天\n")
    terminal.type("\x04")
    assert (sending.end().code, machine.waiting()) == (0, [])


def test_a_reader_of_the_output_that_leaves_does_not_end_the_sending(served: Machine) -> None:
    reading, writing = os.pipe()
    sending = served.start("send", stdout=writing)
    os.close(writing)
    sending.type("first\n")
    assert os.read(reading, 2) == b"#1"
    os.close(reading)
    for number in range(2, 5000):
        sending.type(f"{number}\n")
    result = sending.end()
    assert (result.code, result.err.count("\n"), "4,999 entries stored" in result.err) == (0, 2, True)
    assert served.texts() == ["first", *map(str, range(2, 5000))]


def test_a_full_disk_for_the_output_does_not_end_a_change(served: Machine) -> None:
    for command, facts in (("seq 5000 | udpnote send", ["5,000 entries stored"]), ("udpnote delete 1 2 3", [])):
        result = served.shell(f"{command} >/dev/full")
        assert (result.code, [fact for fact in ("No space left", *facts) if fact not in result.err]) == (1, []), result.err
        assert "done all of its work" in result.err
    assert len(served.rows()) == 5003
    queued = "udpnote send --server 127.0.0.1:1 --wait 0.1 milk; udpnote outbox --send --wait 0.1"
    for command, code in (("udpnote delete 4 99999", 1), (queued, 75)):
        result = served.shell(f"{{ {command}; }} >/dev/full")
        assert (result.code, "No space left" in result.err, "all of its work" in result.err) == (code, True, False), result.err

"""`udpnote send`: one entry or a stream, stored or queued, with an answer for each."""

import json
import os
import re
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.machine import Machine
from tests.support.processes import eventually, free_port
from udpnote.model.entry import TEXT_BYTES_MAX

NOW = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_a_stored_entry_is_answered_by_its_number_the_local_time_and_its_text(machine: Machine) -> None:
    machine.serve()
    result = machine.send("buy", "milk")
    found = re.fullmatch(rf"#1  ({NOW})  buy milk\n", result.out)
    assert (result.code, result.err) == (0, "")
    assert found is not None, result.out
    here = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S") - timedelta(hours=8)
    assert abs(datetime.now(UTC).replace(tzinfo=None) - here) < timedelta(minutes=1)
    assert [(row.author, row.text) for row in machine.rows()] == [("amy@pi", "buy milk")]


@pytest.mark.parametrize(
    ("words", "text", "shown"),
    [
        (["今天开会，", "👩‍👩‍👧 café ﷽"], "今天开会， 👩‍👩‍👧 café ﷽", None),
        (["--", "-5 degrees"], "-5 degrees", None),
        (["-", "dashes"], "- dashes", None),
        (["  spaces  stay  "], "  spaces  stay  ", "  spaces  stay"),
        (["two\r\nlines"], "two\r\nlines", "two␍␊lines"),
        (["\x1b[31mred\x07"], "\x1b[31mred\x07", "␛[31mred␇"),
        (["left \u202e right"], "left \u202e right", "left \\u202e right"),
    ],
)
def test_the_words_are_joined_and_kept_as_they_are_and_are_harmless_on_the_screen(
    machine: Machine, words: list[str], text: str, shown: str | None
) -> None:
    machine.serve()
    result = machine.send(*words)
    assert (result.code, machine.texts()) == (0, [text])
    assert result.out.partition("  ")[2].partition("  ")[2] == f"{shown or text}\n"


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [("LC_ALL", "C", "中"), ("LC_ALL", "zh_CN.UTF-8", "中"), ("PYTHONIOENCODING", "ascii", "\\u4e2d")],
)
def test_chinese_is_stored_whatever_the_locale_says(machine: Machine, variable: str, value: str, shown: str) -> None:
    machine.serve()
    result = machine.run_process("send", "中", **{variable: value})
    assert (result.code, machine.texts()) == (0, ["中"])
    assert result.out.endswith(f"  {shown}\n")


def test_json_has_the_number_the_identity_the_time_and_the_status(machine: Machine) -> None:
    queued = machine.send("--json", "--wait", "0.1", "later")
    machine.serve()
    before = datetime.now(UTC)
    stored = [json.loads(line) for line in machine.send("--json", typed="a\nb\n").lines]
    assert (queued.code, json.loads(queued.out)["number"], json.loads(queued.out)["status"]) == (75, None, "queued")
    assert [set(each) for each in stored] == [{"number", "client", "sequence", "written_at", "status"}] * 2
    assert {(each["number"], each["status"]) for each in stored} < {(number, "stored") for number in (1, 2, 3)}
    assert [each["sequence"] for each in stored] == [2, 3]
    assert re.fullmatch("[0-9a-f]{32}", stored[0]["client"])
    assert stored[0]["written_at"].endswith("+08:00")
    assert before <= datetime.fromisoformat(stored[0]["written_at"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("arguments", "typed", "texts"),
    [
        ([], "one\ntwo\n", ["one", "two"]),
        (["-"], "one\ntwo", ["one", "two"]),
        ([], "one\r\ntwo\r\n", ["one", "two"]),
        ([], "\ufeff今天\n明天\n", ["今天", "明天"]),
        ([], "  indented\ttext \na\0b\n", ["  indented\ttext ", "a\0b"]),
        (["--whole"], "\ufeffDear Bob,\n\nhello\n", ["Dear Bob,\n\nhello"]),
        (["--whole"], "中" * (TEXT_BYTES_MAX // 3) + ".", ["中" * (TEXT_BYTES_MAX // 3) + "."]),
    ],
)
def test_standard_input_is_an_entry_for_each_line_or_one_as_a_whole(
    machine: Machine, arguments: list[str], typed: str, texts: list[str]
) -> None:
    machine.serve()
    result = machine.send(*arguments, typed=typed)
    assert (result.code, result.err, machine.texts(), len(result.lines)) == (0, "", texts, len(texts))


def test_blank_lines_are_passed_over_and_counted(machine: Machine) -> None:
    machine.serve()
    result = machine.send(typed="one\n\n  \t\n\r\ntwo\n")
    assert (result.code, machine.texts()) == (0, ["one", "two"])
    assert re.search(r"\b3 blank", result.err)


@pytest.mark.parametrize("bad", ["你好".encode("gb18030"), b"x" * (TEXT_BYTES_MAX + 1), b"x" * (3 * TEXT_BYTES_MAX)])
def test_a_bad_line_is_named_by_its_number_and_the_others_are_sent(machine: Machine, bad: bytes) -> None:
    machine.serve()
    result = machine.send(typed=b"one\n" + bad + b"\nthree\n")
    assert (result.code, machine.texts(), result.err.count("\n")) == (1, ["one", "three"], 1)
    assert "line 2" in result.err


@pytest.mark.parametrize(
    ("arguments", "typed", "named"),
    [
        ([" \t"], b"", ""),
        ([b"caf\xe9"], b"", "UTF-8"),
        (["--whole"], b"", ""),
        (["--whole"], b"caf\xe9", "iconv"),
        (["--whole"], b"x" * (TEXT_BYTES_MAX + 1), "1,048,576"),
        (["--whole"], b"x" * (2 * TEXT_BYTES_MAX), "1,048,576"),
        (["--author", "x" * 129, "a"], b"", "128"),
        (["--author", " ", "a"], b"", "--author"),
        (["--wait", "-1", "a"], b"", "--wait"),
        (["--wait", "soon", "a"], b"", "--wait"),
        (["--server", "[::1", "a"], b"", "[::1"),
        (["--server", "127.0.0.1:99999", "a"], b"", "65535"),
        (["--nonsense", "a"], b"", "--nonsense"),
    ],
)
def test_what_cannot_be_an_entry_or_a_setting_is_a_usage_error_and_nothing_is_queued(
    machine: Machine, arguments: list[str | bytes], typed: bytes, named: str
) -> None:
    result = machine.send(*arguments, typed=typed)
    assert (result.code, result.out, machine.waiting()) == (2, "", [])
    assert result.err
    assert named in result.err


def test_without_a_server_an_entry_is_queued_and_the_next_command_delivers_it_with_its_own_time(machine: Machine) -> None:
    started = time.time_ns() // 1000
    result = machine.send("--wait", "0.2", "first")
    queued_by = time.time_ns() // 1000
    assert (result.code, result.out, machine.waiting()) == (75, "", ["first"])
    assert "1 entry queued" in result.err
    machine.serve()
    result = machine.send("second")
    assert (result.code, machine.waiting(), sorted(machine.texts())) == (0, [], ["first", "second"])
    assert "1 queued entry" in result.err
    (first,) = (row for row in machine.rows() if row.text == "first")
    assert started <= first.written_at <= queued_by


def test_a_server_that_cannot_be_reached_is_named_and_the_entry_is_queued(machine: Machine) -> None:
    machine.serve()
    free = free_port()
    for server, named in ((f"127.0.0.1:{free}", f"port {free}"), ("a..b", "a..b")):
        result = machine.send("--wait", "0.2", "--server", server, server)
        assert (result.code, named in result.err) == (75, True)
    assert (machine.waiting(), machine.texts()) == ([f"127.0.0.1:{free}", "a..b"], [])


def test_waiting_zero_seconds_queues_and_yet_sends(machine: Machine) -> None:
    machine.serve()
    result = machine.send("--wait", "0", "a")
    eventually(lambda: machine.texts() == ["a"])
    is_answered = result.code == 0  # an answer that is there at once is taken
    assert (result.code, machine.waiting()) == ((0, []) if is_answered else (75, ["a"]))


def test_an_entry_for_another_notebook_than_the_one_there_is_queued_and_not_stored(machine: Machine) -> None:
    machine.serve("kitchen")
    result = machine.send("--notebook-id", "cellar", "--wait", "1", "a")
    assert (result.code, machine.waiting(), machine.texts()) == (75, ["a"], [])
    assert "kitchen" in result.err and "cellar" in result.err


def test_an_entry_that_the_notebook_refuses_stays_and_the_others_are_stored(machine: Machine) -> None:
    machine.refuse("spam")
    machine.serve()
    result = machine.send(typed="ham\nspam\neggs\n")
    assert (result.code, machine.texts(), machine.waiting()) == (1, ["ham", "eggs"], ["spam"])
    assert re.search("1 entry refused", result.err)


def test_many_lines_are_stored_once_each_and_reported_in_their_order(machine: Machine) -> None:
    machine.serve()
    lines = [f"line {number}" for number in range(10_000)]
    result = machine.send(typed="\n".join(lines))
    assert (result.code, result.err) == (0, "")
    assert [line.split("  ", 2)[2] for line in result.lines] == lines
    assert sorted(machine.texts()) == sorted(lines)


# What only a process shows


def test_the_lines_of_a_slow_pipe_are_stored_as_they_come_and_a_terminal_shows_progress(machine: Machine) -> None:
    machine.serve()
    terminal = machine.terminal()
    sending = machine.start("send", stderr=terminal.descriptor)
    for number, text in enumerate(["one", "two", "three"], 1):
        sending.type(f"{text}\n")
        sending.expect(f"#{number}  {NOW}  {text}\n")
        assert len(machine.texts()) == number
    for number in range(200):
        if "entries" in terminal.text:
            break
        time.sleep(0.02)  # the bar comes when the stream has taken a second
        sending.type(f"{number}\n")
    terminal.expect(r"\d+ entries, [\d,]+/s")
    sending.type("while the bar is there\n")
    sending.expect("while the bar is there")
    result = sending.end()
    assert (result.code, "entries" in result.out) == (0, False)


def test_the_lines_of_a_file_are_stored_once_each(machine: Machine) -> None:
    machine.serve()
    (machine.home / "lines").write_text("\n".join(map(str, range(2_000))))
    assert machine.shell(f"udpnote send < {machine.home}/lines").code == 0
    assert sorted(map(int, machine.texts())) == list(range(2_000))


def test_a_reader_of_the_output_that_leaves_ends_the_command_and_loses_nothing(machine: Machine) -> None:
    machine.serve()
    reading, writing = os.pipe()
    sending = machine.start("send", stdout=writing)
    os.close(writing)
    sending.type("first\n")
    assert os.read(reading, 2) == b"#1"
    os.close(reading)
    sending.type("second\n")
    result = sending.end()
    assert (result.code, result.err) == (1, "")
    assert machine.texts()[0] == "first"
    assert set(machine.texts()) | set(machine.waiting()) == {"first", "second"}


@pytest.mark.parametrize("command", ["send text <&-", "send text >&-", "send text 2>&-", "send text >/dev/full", "send <&-"])
def test_a_stream_that_is_closed_or_full_gives_no_traceback_and_loses_nothing(machine: Machine, command: str) -> None:
    machine.serve()
    assert machine.shell(f"udpnote {command}").code == (1 if "full" in command else 0)
    assert machine.texts() == (["text"] if "text" in command else [])


def test_an_interrupted_stream_exits_130_and_what_was_read_is_stored_or_queued(machine: Machine) -> None:
    machine.serve()
    sending = machine.start("send")
    lines = [f"line {number}" for number in range(1000)]
    sending.type("".join(f"{line}\n" for line in lines) + "unfinished")
    sending.expect("#1 ")
    eventually(lambda: len(machine.texts()) + len(machine.waiting()) >= len(lines))
    result = sending.end(signal.SIGINT)
    assert result.code == 130
    assert "interrupted" in result.err
    assert machine.run("outbox", "--send").code == 0
    assert (machine.waiting(), sorted(machine.texts())) == ([], sorted(lines))


def test_an_interrupted_wait_for_a_server_exits_130_and_the_entries_are_queued(machine: Machine) -> None:
    sending = machine.start("send", "--wait", "60")
    sending.type("one\ntwo\n")
    eventually(lambda: machine.waiting() == ["one", "two"])
    assert sending.end(signal.SIGINT).code == 130
    assert machine.waiting() == ["one", "two"]


def test_a_terminal_as_input_says_how_to_end_it(machine: Machine) -> None:
    machine.serve()
    terminal = machine.terminal()
    sending = machine.start("send", stdin=terminal.descriptor)
    sending.expect_error("Ctrl-D")
    terminal.type("今天\n")
    sending.expect("#1 .*今天\n")
    terminal.type("\x04")
    assert sending.end().code == 0

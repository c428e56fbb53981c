"""`udpnote send`: one entry or a stream, stored or queued, and told so."""

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
    result = machine.send("buy milk")
    found = re.fullmatch(rf"#1  ({NOW})  buy milk\n", result.out)
    assert (result.code, result.err) == (0, "")
    assert found is not None, result.out
    here = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S") - timedelta(hours=8)
    assert abs(datetime.now(UTC).replace(tzinfo=None) - here) < timedelta(minutes=1)
    assert [(row.author, row.text) for row in machine.rows()] == [("amy@pi", "buy milk")]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["buy", "more", "milk"], "buy more milk"),
        (["今天开会，下午三点"], "今天开会，下午三点"),
        (["--", "-5 degrees"], "-5 degrees"),
        (["👩‍👩‍👧 café ﷽"], "👩‍👩‍👧 café ﷽"),
        (["  spaces  stay  "], "  spaces  stay  "),
        (["two\nlines"], "two\nlines"),
        (["-", "dashes"], "- dashes"),
    ],
)
def test_the_words_are_joined_to_one_entry_and_kept_as_they_are(machine: Machine, words: list[str], text: str) -> None:
    machine.serve()
    assert machine.send(*words).code == 0
    assert machine.texts() == [text]


@pytest.mark.parametrize("locale", ["C", "POSIX", "zh_CN.UTF-8"])
def test_chinese_passes_through_whatever_the_locale_says(machine: Machine, locale: str) -> None:
    machine.serve()
    result = machine.send("我是一个中文", LC_ALL=locale)
    assert (result.code, machine.texts()) == (0, ["我是一个中文"])
    assert "我是一个中文" in result.out


def test_an_output_without_chinese_gets_escapes_and_no_traceback(machine: Machine) -> None:
    machine.serve()
    result = machine.send("中", PYTHONIOENCODING="ascii")
    assert (result.code, machine.texts()) == (0, ["中"])
    assert result.out.endswith("  \\u4e2d\n")


def test_json_has_the_number_the_identity_the_time_and_the_status(machine: Machine) -> None:
    machine.serve()
    before = datetime.now(UTC)
    stored = [json.loads(line) for line in machine.send("--json", typed="a\nb\n").lines]
    assert [set(each) for each in stored] == [{"number", "client", "sequence", "written_at", "status"}] * 2
    assert [(each["number"], each["sequence"], each["status"]) for each in stored] == [(1, 1, "stored"), (2, 2, "stored")]
    assert re.fullmatch("[0-9a-f]{32}", stored[0]["client"])
    written_at = datetime.fromisoformat(stored[0]["written_at"])
    assert stored[0]["written_at"].endswith("+08:00")
    assert before <= written_at <= datetime.now(UTC)


def test_json_of_a_queued_entry_has_no_number(machine: Machine) -> None:
    result = machine.send("--json", "--wait", "0.2", "later")
    assert (result.code, json.loads(result.out)["number"], json.loads(result.out)["status"]) == (75, None, "queued")


@pytest.mark.parametrize("arguments", [[], ["-"]])
@pytest.mark.parametrize(
    ("typed", "texts"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\ntwo", ["one", "two"]),
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("\ufeff今天\n明天\n", ["今天", "明天"]),
        ("  indented\ttext \n", ["  indented\ttext "]),
        ("a\0b\n", ["a\0b"]),
    ],
)
def test_each_line_of_standard_input_is_an_entry(machine: Machine, arguments: list[str], typed: str, texts: list[str]) -> None:
    machine.serve()
    result = machine.send(*arguments, typed=typed)
    assert (result.code, machine.texts(), len(result.lines)) == (0, texts, len(texts))


def test_blank_lines_are_passed_over_and_counted(machine: Machine) -> None:
    machine.serve()
    result = machine.send(typed="one\n\n  \t\n\r\ntwo\n")
    assert (result.code, machine.texts()) == (0, ["one", "two"])
    assert "3 blank lines skipped" in result.err


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("你好".encode("gb18030"), "not valid UTF-8"),
        (b"x" * (TEXT_BYTES_MAX + 1), "at most 1,048,576"),
        (b"x" * (3 * TEXT_BYTES_MAX), "at most 1,048,576"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_the_others_are_sent(machine: Machine, bad: bytes, reason: str) -> None:
    machine.serve()
    result = machine.send(typed=b"one\n" + bad + b"\nthree\n")
    assert (result.code, machine.texts()) == (1, ["one", "three"])
    assert "line 2: " in result.err
    assert reason in result.err


def test_the_whole_of_standard_input_is_one_entry_without_its_last_newline(machine: Machine) -> None:
    machine.serve()
    assert machine.send("--whole", typed="\ufeffDear Bob,\n\nhello\n").code == 0
    assert machine.texts() == ["Dear Bob,\n\nhello"]


def test_an_entry_of_the_largest_size_is_stored_whole(machine: Machine) -> None:
    machine.serve()
    text = "中" * (TEXT_BYTES_MAX // 3) + "."
    assert machine.send("--whole", typed=text).code == 0
    assert machine.texts() == [text]


@pytest.mark.parametrize(
    ("arguments", "typed", "reason"),
    [
        ([""], b"", "the text is empty"),
        ([" \t"], b"", "the text is empty"),
        ([b"caf\xe9"], b"", "not valid UTF-8"),
        (["--whole"], b"", "the text is empty"),
        (["--whole"], b"caf\xe9", "not valid UTF-8"),
        (["--whole"], b"x" * (TEXT_BYTES_MAX + 1), "1,048,576"),
        (["--whole"], b"x" * (2 * TEXT_BYTES_MAX), "1,048,576"),
        (["--author", "x" * 129, "a"], b"", "128"),
        (["--author", " ", "a"], b"", "--author"),
        (["--wait", "-1", "a"], b"", "--wait"),
        (["--wait", "soon", "a"], b"", "--wait"),
        (["--server", "[::1", "a"], b"", "not an address"),
        (["--server", ":6683", "a"], b"", "names no host"),
        (["--server", "127.0.0.1:99999", "a"], b"", "1 to 65535"),
        (["--nonsense", "a"], b"", "--nonsense"),
    ],
)
def test_what_cannot_be_an_entry_or_a_setting_is_a_usage_error_and_nothing_is_queued(
    machine: Machine, arguments: list[str | bytes], typed: bytes, reason: str
) -> None:
    result = machine.send(*arguments, typed=typed)
    assert (result.code, result.out, machine.waiting()) == (2, "", [])
    assert reason in result.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("a\rb\nc", "a␍b␊c"),
        ("left \u202e right", "left \\u202e right"),
        ("\u009b2J", "\\u009b2J"),
    ],
)
def test_control_characters_are_harmless_on_both_screens_and_kept_in_the_notebook(
    machine: Machine, text: str, shown: str
) -> None:
    server = machine.serve()
    result = machine.send("--author", "eve\x1b[2J", text)
    assert result.out.endswith(f"  {shown}\n")
    server.expect(re.escape(f"#1  eve␛[2J  {shown}\n"))
    assert [(row.author, row.text) for row in machine.rows()] == [("eve\x1b[2J", text)]


def test_without_a_server_an_entry_is_queued_and_the_next_command_delivers_it_with_its_own_time(machine: Machine) -> None:
    started = time.time_ns() // 1000
    result = machine.send("--wait", "0.3", "first")
    queued_by = time.time_ns() // 1000
    assert (result.code, result.out, machine.waiting()) == (75, "", ["first"])
    assert "1 entry queued" in result.err
    machine.serve()
    result = machine.send("second")
    assert (result.code, machine.waiting(), sorted(machine.texts())) == (0, [], ["first", "second"])
    assert "1 queued entry delivered as well" in result.err
    (first,) = (row for row in machine.rows() if row.text == "first")
    assert started <= first.written_at <= queued_by


@pytest.mark.parametrize(
    ("server", "advice"),
    [
        ("127.0.0.1:{free}", "no answer from 127.0.0.1 port {free}: is `udpnote serve` running there, at that port"),
        ("a..b", "cannot resolve 'a..b'"),
        ("127.0.0.1:{free}", "firewall"),
    ],
)
def test_a_server_that_cannot_be_reached_means_queued_with_advice(machine: Machine, server: str, advice: str) -> None:
    machine.serve()
    free = free_port()
    result = machine.send("--wait", "0.3", "--server", server.format(free=free), "a")
    assert (result.code, machine.waiting(), machine.texts()) == (75, ["a"], [])
    assert advice.format(free=free) in result.err


def test_waiting_zero_seconds_queues_and_yet_sends(machine: Machine) -> None:
    server = machine.serve()
    result = machine.send("--wait", "0", "a")
    server.expect("  a\n")
    is_waited_for = result.code == 0  # as if: an answer that is there at once is taken
    assert (result.code, machine.waiting()) == ((0, []) if is_waited_for else (75, ["a"]))
    assert ("not waited for" in result.err) != is_waited_for


def test_an_entry_for_another_notebook_than_the_one_there_is_queued_and_not_stored(machine: Machine) -> None:
    machine.serve("--name", "kitchen")
    result = machine.send("--notebook-id", "cellar", "--wait", "1", "a")
    assert (result.code, machine.waiting(), machine.texts()) == (75, ["a"], [])
    assert "kitchen" in result.err
    assert "not cellar" in result.err


def test_an_entry_that_the_notebook_refuses_is_told_and_exits_1(machine: Machine) -> None:
    machine.serve().end(signal.SIGTERM)
    machine.refuse("spam")
    machine.serve()
    result = machine.send(typed="ham\nspam\neggs\n")
    assert (result.code, machine.texts(), machine.waiting()) == (1, ["ham", "eggs"], ["spam"])
    assert re.search("1 entry refused|refused: 1 entry", result.err)
    assert "the notebook will not take this entry" in result.err


def test_lines_of_a_slow_pipe_are_stored_as_they_come(machine: Machine) -> None:
    machine.serve()
    sending = machine.start("send")
    for number, text in enumerate(["one", "two", "three"], 1):
        sending.type(f"{text}\n")
        sending.expect(f"#{number}  {NOW}  {text}\n")
        assert len(machine.texts()) == number
    assert sending.end().code == 0


def test_many_lines_are_stored_once_each_and_reported_in_their_order(machine: Machine) -> None:
    machine.serve("--quiet")
    lines = [f"line {number}" for number in range(20_000)]
    result = machine.send(typed="\n".join(lines))
    assert (result.code, result.err) == (0, "")
    assert [line.split("  ", 2)[2] for line in result.lines] == lines
    assert sorted(machine.texts()) == sorted(lines)


def test_many_lines_of_a_file_are_stored_once_each(machine: Machine) -> None:
    machine.serve("--quiet")
    lines = [f"{number}" for number in range(100_000)]
    path = machine.home / "lines"
    path.write_text("\n".join(lines))
    with path.open("rb") as file:
        sending = machine.start("send", stdin=file.fileno())
        assert sending.end().code == 0
    assert sorted(machine.texts()) == sorted(lines)


def test_a_reader_of_the_output_that_leaves_ends_the_command_without_a_traceback(machine: Machine) -> None:
    machine.serve("--quiet")
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


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-", ">/dev/full"])
def test_a_stream_that_is_closed_or_full_gives_no_traceback_and_loses_nothing(machine: Machine, stream: str) -> None:
    machine.serve()
    result = machine.shell(f"udpnote send text {stream}")
    assert "Traceback" not in result.err
    assert machine.texts() == ["text"]


def test_a_closed_standard_input_is_an_empty_one(machine: Machine) -> None:
    machine.serve()
    result = machine.shell("udpnote send <&-")
    assert "Traceback" not in result.err
    assert (result.code, machine.texts()) in [(0, []), (2, [])]


def test_an_interrupted_stream_exits_130_and_what_was_read_is_stored_or_queued(machine: Machine) -> None:
    machine.serve("--quiet")
    sending = machine.start("send")
    lines = [f"line {number}" for number in range(1000)]
    sending.type("".join(f"{line}\n" for line in lines))
    sending.expect("#1 ")
    eventually(lambda: len(machine.texts()) + len(machine.waiting()) >= len(lines))
    result = sending.end(signal.SIGINT)
    assert result.code == 130
    assert "interrupted: " in result.err
    assert machine.run("outbox", "--send").code == 0
    assert (machine.waiting(), sorted(machine.texts())) == ([], sorted(lines))


def test_an_interrupted_wait_for_a_server_exits_130_and_the_entries_are_queued(machine: Machine) -> None:
    sending = machine.start("send", "--wait", "60")
    sending.type("one\ntwo\n")
    eventually(lambda: machine.waiting() == ["one", "two"])
    result = sending.end(signal.SIGINT)
    assert (result.code, machine.waiting()) == (130, ["one", "two"])
    assert "interrupted: 0 stored" in result.err


def test_an_unfinished_line_is_not_an_entry_when_interrupted(machine: Machine) -> None:
    machine.serve()
    sending = machine.start("send")
    sending.type("whole\nunfin")
    sending.expect("#1 ")
    assert sending.end(signal.SIGINT).code == 130
    assert (machine.texts(), machine.waiting()) == (["whole"], [])


def test_a_long_stream_shows_its_progress_on_a_terminal_and_none_elsewhere(machine: Machine) -> None:
    machine.serve("--quiet")
    terminal = machine.terminal()
    sending = machine.start("send", stderr=terminal.descriptor)
    for number in range(1, 200):
        if "entries" in terminal.text:
            break
        time.sleep(0.02)  # a stream takes its time, and the bar comes when it has taken a second
        sending.type(f"{number}\n")
    terminal.expect(r"\d+ entries, [\d,]+/s")
    sending.type("while the bar is there\n")
    sending.expect("while the bar is there")
    result = sending.end()
    assert (result.code, "entries" in result.out) == (0, False)


def test_a_terminal_as_input_says_how_to_end_it(machine: Machine) -> None:
    machine.serve()
    terminal = machine.terminal()
    sending = machine.start("send", stdin=terminal.descriptor)
    sending.expect_error("Type entries, one per line; Ctrl-D ends it.")
    terminal.type("今天\n")
    sending.expect("#1 .*今天\n")
    terminal.type("\x04")
    assert sending.end().code == 0

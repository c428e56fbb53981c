"""`udpnote write` at a pseudo-terminal: each line is kept, whatever happens to the server meanwhile."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.household import House
from tests.support.machine import Machine
from tests.support.processes import Process, Terminal
from udpnote.cli.main import main
from udpnote.storage.outbox import Outbox

PROMPT = r"Today's note \(quit ends\):"
CHINESE_PROMPT = "今日记录，请输入（输入quit退出程序）："
UP, BACKSPACE, LEFT, CONTROL_C, CONTROL_D = "\x1b[A", "\x7f", "\x1b[D", "\x03", "\x04"


def writing(machine: Machine, *options: str, **environ: str) -> tuple[Terminal, Process]:
    """The prompt, ready at a terminal."""
    terminal = machine.terminal()
    side = terminal.descriptor
    environ = {"PROMPT_TOOLKIT_NO_CPR": "1"} | environ
    process = machine.start("write", *options, environ=environ, stdin=side, stdout=side, stderr=side)
    terminal.expect(CHINESE_PROMPT if "zh" in environ.get("LC_ALL", "") else PROMPT)
    return terminal, process


def answer(number: int, text: str) -> str:
    return rf"#{number}  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  {re.escape(text)}\r?\n"


@pytest.mark.parametrize("leave", ["quit\r", " quit \r", CONTROL_D])
def test_a_typed_line_is_answered_with_number_time_and_text_until_quit(machine: Machine, leave: str) -> None:
    machine.serve()
    terminal, process = writing(machine)
    for number, text in enumerate(["buy milk", "今天开会"], 1):
        terminal.type(f"{text}\r")
        terminal.expect(answer(number, text))
        terminal.expect(PROMPT)
    terminal.type(leave)
    terminal.expect("Goodbye")
    assert process.end().code == 0
    assert machine.texts() == ["buy milk", "今天开会"]


def test_a_chinese_locale_gets_the_chinese_prompt_and_words(machine: Machine) -> None:
    machine.serve()
    terminal, process = writing(machine, LC_ALL="zh_CN.UTF-8")
    terminal.type("我是一个中文\r")
    terminal.expect(answer(1, "我是一个中文"))
    terminal.type("quit\r")
    terminal.expect("再见")
    assert process.end().code == 0
    assert machine.texts() == ["我是一个中文"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (f"中文{BACKSPACE}国", "中国"),
        (f"中文{LEFT}间", "中间文"),
        (f"a{BACKSPACE}b", "b"),
        (f"今日{BACKSPACE * 5}记录", "记录"),
    ],
)
def test_a_wide_character_is_edited_as_one(machine: Machine, keys: str, text: str) -> None:
    machine.serve()
    terminal, _ = writing(machine)
    terminal.type(f"{keys}\r")
    terminal.expect(answer(1, text))
    assert machine.texts() == [text]


def test_arrow_up_brings_back_a_line_also_from_the_last_time(machine: Machine) -> None:
    machine.serve()
    for number in (1, 2, 3):
        terminal, process = writing(machine)
        if number == 1:
            terminal.type("早上好")
        while "早上好" not in terminal.text:  # the history is read beside the prompt, and may come a moment later
            terminal.type(UP)
            time.sleep(0.05)
        terminal.type("\r")
        terminal.expect(answer(number, "早上好"))
        terminal.type("quit\r")
        assert process.end().code == 0
    assert machine.texts() == ["早上好"] * 3


def test_blank_lines_and_ctrl_c_at_the_prompt_are_passed_over(machine: Machine) -> None:
    machine.serve()
    terminal, process = writing(machine)
    terminal.type("\r")
    terminal.expect(PROMPT)
    terminal.type("given up")
    terminal.expect("given up")
    terminal.type(CONTROL_C)
    terminal.expect(PROMPT)
    terminal.type("kept\r")
    terminal.expect(answer(1, "kept"))
    terminal.type("quit\r")
    assert process.end().code == 0
    assert machine.texts() == ["kept"]


def test_a_server_that_is_killed_and_comes_back_is_only_a_message_and_the_line_is_delivered_by_itself(
    machine: Machine,
) -> None:
    server = machine.serve()
    terminal, process = writing(machine, "--wait", "0.5")
    terminal.type("before\r")
    terminal.expect(answer(1, "before"))
    terminal.expect(PROMPT)
    server.end(signal.SIGKILL)
    terminal.type("meanwhile\r")
    terminal.expect("queued, delivered as soon as the server answers")
    terminal.expect(PROMPT)
    assert machine.waiting() == ["meanwhile"]
    machine.serve()
    terminal.expect("delivered: " + answer(2, "meanwhile"))
    terminal.type("after\r")
    terminal.expect(answer(3, "after"))
    terminal.type("quit\r")
    assert process.end().code == 0
    assert (machine.texts(), machine.waiting()) == (["before", "meanwhile", "after"], [])


def test_without_any_server_it_starts_queues_and_delivers_when_there_is_one(machine: Machine) -> None:
    terminal, process = writing(machine, "--wait", "0.3")
    terminal.type("early\r")
    terminal.expect("queued")
    terminal.expect(PROMPT)
    machine.serve()
    terminal.expect("delivered: " + answer(1, "early"))
    terminal.type("quit\r")
    assert process.end().code == 0


def test_why_lines_are_queued_is_said_once_in_a_row(machine: Machine) -> None:
    server = machine.serve()
    machine.send("kept")
    server.end(signal.SIGTERM)
    result = machine.run("write", "--wait", "0.1", typed="one\ntwo\nthree\nquit\n")
    assert (result.code, result.out.count("queued, delivered as soon as"), result.out.count("no answer from")) == (75, 3, 1)
    assert machine.waiting() == ["one", "two", "three"]


def test_from_a_pipe_it_keeps_the_lines_up_to_quit(machine: Machine) -> None:
    machine.serve()
    result = machine.run("write", typed="one\n\n今天\nquit\nnever\n")
    assert (result.code, machine.texts()) == (0, ["one", "今天"])
    assert "Goodbye" in result.out


@pytest.mark.parametrize("encoding", ["", "utf-8:strict"])
def test_from_a_pipe_a_line_that_is_not_utf8_is_named_and_the_others_are_kept(machine: Machine, encoding: str) -> None:
    machine.serve()
    result = machine.run("write", typed=b"one\ncaf\xe9\nthree\n", PYTHONIOENCODING=encoding)
    assert (result.code, machine.texts()) == (0, ["one", "three"])
    assert "not valid UTF-8" in result.out + result.err


def test_the_notebook_that_the_lines_go_to_is_named_once_it_is_known(machine: Machine) -> None:
    machine.serve("--name", "厨房")
    result = machine.run("write", typed="one\ntwo\nquit\n")
    assert result.out.count("Your lines go to 厨房, which is open.") == 1
    assert result.out.index("one") < result.out.index("厨房") < result.out.index("two"), "the server was only named before"
    in_chinese = machine.run("write", typed="三\nquit\n", LC_ALL="zh_CN.UTF-8")
    assert "写入笔记本：厨房（公开）\n" in in_chinese.out


def test_a_line_that_was_delivered_later_tells_where_the_lines_go_too(machine: Machine) -> None:
    terminal, process = writing(machine, "--wait", "0.3")
    terminal.type("early\r")
    terminal.expect("queued")
    machine.serve("--name", "kitchen")
    terminal.expect("Your lines go to kitchen, which is open")
    terminal.type("quit\r")
    assert process.end().code == 0


def write_at_home(house: House, outbox: str, lines: Iterator[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Type `lines` at a prompt in this process, which looks for servers at the port of `house`."""

    class Typing:
        def isatty(self) -> bool:
            return False

        def readline(self, *_: object) -> str:
            return next(lines, "")

    monkeypatch.setattr("sys.stdin", Typing())
    monkeypatch.setattr("sys.argv", ["udpnote", "write"])
    monkeypatch.setenv("UDPNOTE_PORT", str(house.port))
    monkeypatch.setenv("UDPNOTE_HOME", str(Path(outbox).parent))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0


@pytest.mark.parametrize(("name", "shown"), [("kitchen", "kitchen"), ("厨" * 21, "厨" * 19 + "…")])
def test_a_notebook_that_is_known_is_named_before_the_first_line(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, shown: str
) -> None:
    house.serve(name)
    house.client().send("known from now on")
    write_at_home(house, str(house.outbox()), iter(()), monkeypatch)
    assert capsys.readouterr().out.splitlines()[1] == f"Your lines go to {shown}, which is open."


def test_the_lines_stay_with_their_notebook_and_a_new_name_or_seal_is_told_of(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.serve("kitchen")
    kitchen = house.client().send("known from now on") and house.client().chosen()
    assert kitchen is not None

    def lines() -> Iterator[str]:
        yield "one\n"
        with closing(Outbox(house.outbox())) as outbox:
            outbox.remember(kitchen._replace(notebook_id=bytes(16), name="cellar"))
            outbox.choose(bytes(16))
        yield "two\n"
        with closing(Outbox(house.outbox())) as outbox:
            outbox.remember(kitchen._replace(name="pantry"))
        yield "three\n"

    write_at_home(house, str(house.outbox()), lines(), monkeypatch)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "Your lines" in line] == [
        "Your lines go to kitchen, which is open.",
        "Your lines go to pantry, which is open.",
    ]
    assert house.texts() == ["known from now on", "one", "two", "three"]


def test_a_notebook_whose_name_another_one_has_too_is_named_with_its_id(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = house.serve("厨" * 30)
    house.client().send("known from now on")
    with closing(Outbox(house.outbox())) as outbox:
        [known] = outbox.notebooks()
        outbox.remember(known._replace(notebook_id=bytes(16)))
    write_at_home(house, str(house.outbox()), iter(()), monkeypatch)
    assert f"Your lines go to {'厨' * 19}… ({server.notebook_id[:8]}), which is open." in capsys.readouterr().out

"""`udpnote write`: each line typed at the prompt is kept, whatever happens to the server meanwhile."""

import re
import signal
from contextlib import closing

import pytest

from tests.support.loopback import Loopback
from tests.support.machine import NOW, Machine, note
from tests.support.processes import Process, Terminal, eventually
from udpnote.cli.commands.write import LineSender
from udpnote.cli.prompt_background import DestinationLine
from udpnote.client.sending.results import SentEntry
from udpnote.errors import Queued
from udpnote.model.notebook import KnownNotebook, SilentServer, short_id
from udpnote.storage.outbox.outbox import Outbox

PROMPT = r"\(quit ends\):"
CHINESE_PROMPT = "今日记录，请输入（输入quit退出程序）："
UP, BACKSPACE, LEFT, CONTROL_C, CONTROL_D = "\x1b[A", "\x7f", "\x1b[D", "\x03", "\x04"


def writing(machine: Machine, *options: str, columns: int = 100, **environ: str) -> tuple[Terminal, Process]:
    """Start `write` at a terminal, and wait for its prompt."""
    terminal = machine.terminal(columns=columns)
    environ = {"PROMPT_TOOLKIT_NO_CPR": "1"} | environ
    process = machine.start("write", *options, environ=environ, at=terminal)
    terminal.expect(CHINESE_PROMPT if "zh" in environ.get("LC_ALL", "") else PROMPT)
    return terminal, process


def answer(number: int, text: str) -> str:
    """A pattern for the line that the prompt prints for a stored entry."""
    return rf"#{number}  {NOW}  {re.escape(text)}\r?\n"


def test_lines_are_edited_and_blank_ones_and_ctrl_c_are_passed_over_until_ctrl_d(machine: Machine) -> None:
    machine.serve()
    terminal, process = writing(machine, LC_ALL="zh_CN.UTF-8")
    for keys, shown in (("\r", ""), (f"given up{CONTROL_C}", r"given up[\s\S]*?")):
        terminal.type(keys)
        terminal.expect(rf"{shown}\n{CHINESE_PROMPT}")  # a new line: each prompt is drawn twice
    edits = [(f"中文{BACKSPACE}国", "中国"), (f"中文{LEFT}间", "中间文"), (f"今日{BACKSPACE * 5}记录", "记录"), (UP, "记录")]
    for number, (keys, text) in enumerate(edits, 1):
        terminal.type(f"{keys}\r")
        terminal.expect(answer(number, text))
        terminal.expect(CHINESE_PROMPT)
    terminal.type(CONTROL_D)
    assert (process.end().code, machine.texts()) == (0, [text for _, text in edits])
    terminal, process = writing(machine)
    terminal.type(f"{UP}\r")
    terminal.expect(answer(5, "记录"))
    terminal.type("quit\r")
    assert process.end().code == 0


def test_lines_are_queued_while_there_is_no_server_and_delivered_when_one_comes_or_comes_back(machine: Machine) -> None:
    terminal, process = writing(machine, "--wait", "0.8")
    terminal.type("early\r")
    terminal.expect("queued")
    terminal.expect(PROMPT)
    server = machine.serve_process("--name", "kitchen")
    terminal.expect("delivered: " + answer(1, "early"))
    terminal.expect("kitchen")
    server.end(signal.SIGKILL)
    terminal.type("meanwhile\r")
    terminal.expect(r"queued.* \(no answer from kitchen at 127.0.0.1\)\r")
    terminal.expect(PROMPT)
    assert "outbox --send" not in terminal.text, "the prompt sends the line by itself"
    assert machine.waiting() == ["meanwhile"]
    machine.serve()
    terminal.expect("delivered: " + answer(2, "meanwhile"))
    terminal.type("after\r")
    terminal.expect(answer(3, "after"))
    terminal.type("quit\r")
    assert process.end().code == 0
    assert (machine.texts(), machine.waiting()) == (["early", "meanwhile", "after"], [])


def test_a_history_that_cannot_be_written_any_more_as_on_a_full_disk_loses_no_typed_line_and_is_told_once(
    machine: Machine,
) -> None:
    machine.serve()
    terminal, process = writing(machine)
    [history] = machine.home.rglob("history")
    history.unlink()
    history.mkdir()
    for number, keys in enumerate(("milk", "bread", UP), 1):
        terminal.type(f"{keys}\r")
        terminal.expect(answer(number, "milk" if number == 1 else "bread"))
        terminal.expect(PROMPT)
    terminal.type("quit\r")
    assert process.end().code == 0
    assert (machine.texts(), terminal.text.count("cannot write")) == (["milk", "bread", "bread"], 1)


def test_colours_that_are_pasted_as_keys_are_left_out_of_the_line(machine: Machine) -> None:
    machine.serve()
    terminal, process = writing(machine)
    terminal.type("\x1b[31mred\x1b[0m\r")
    terminal.expect(answer(1, "red"))
    terminal.type("quit\r")
    assert process.end().code == 0


def test_a_line_that_another_command_has_delivered_is_said_to_be_stored_without_a_number(
    loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    loopback.serve()
    client = loopback.client()
    sender = LineSender(client, DestinationLine(client), goes_on_after_ctrl_c=True)
    sent = client.send("milk")
    sender.run(lambda: sent._replace(number=None))
    assert (sender.refused, sender.last_number) == (0, 0)
    assert "another command" in capsys.readouterr().out


def test_a_line_is_queued_with_the_command_that_chooses_the_notebook_that_answers_in_place_of_its_own(
    loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    loopback.reserve_port()
    client = loopback.client()
    sender = LineSender(client, DestinationLine(client), goes_on_after_ctrl_c=True)
    cellar = KnownNotebook(b"c" * 16, "cellar", "127.0.0.1", 6683, 0)

    def send() -> SentEntry:
        server = SilentServer("kitchen", "127.0.0.1", is_sealed=False, another=cellar)
        raise Queued("no_answer_yet", b"i" * 16, 1, server=server)

    sender.run(send)
    assert f"udpnote use {short_id(cellar)}" in " ".join(capsys.readouterr().out.split())


def test_the_exit_code_is_about_the_lines_of_this_prompt_not_about_entries_that_waited_before(machine: Machine) -> None:
    machine.serve()
    machine.refused("send", "--wait", "0", "--notebook", "elsewhere", "earlier", code=75, facts=["queued"])
    assert machine.run("write", typed="one\n").code == 0
    assert machine.run("write --wait 0 --notebook elsewhere", typed="two\n").code == 75
    assert (machine.texts(), machine.waiting()) == (["one"], ["earlier", "two"])


def test_without_a_server_the_lines_of_a_pipe_are_queued_and_the_reason_is_said_once(machine: Machine) -> None:
    result = machine.run("write", "--wait", "0.1", typed="one\ntwo\nthree\nquit\n")
    assert (result.code, machine.waiting()) == (75, ["one", "two", "three"])
    assert result.out.count(f"port {machine.port}") == 1, "why lines are queued is said once in a row"


def test_from_a_pipe_the_utf_8_lines_up_to_quit_are_kept_and_the_notebook_is_named_once(machine: Machine) -> None:
    machine.serve("厨房")
    result = machine.run("write", typed="one\n\n今天\n".encode() + b"caf\xe9\nthree\n quit \nnever\n")
    assert (result.code, machine.texts(), "UTF-8" in result.out + result.err) == (1, ["one", "今天", "three"], True)
    assert result.out.count("厨房") == 1
    assert result.out.index("one") < result.out.index("厨房") < result.out.index("今天")
    assert "`help`" not in result.out, "a line `help` is an entry here"
    assert "写入记事本：厨房（没有加密）\n" in machine.run("write", typed="三\nquit\n", LC_ALL="zh_CN.UTF-8").out


def test_from_a_pipe_ctrl_c_ends_write_while_an_entry_waits_for_an_answer(machine: Machine) -> None:
    process = machine.start("write", "--wait", "60")
    process.type("one\ntwo\n")
    eventually(lambda: machine.outbox.exists() and machine.waiting() == ["one"])
    process.signal(signal.SIGINT)
    process.end_input()
    assert (process.wait().code, machine.waiting()) == (130, ["one"])


def test_lines_stay_in_one_notebook_and_its_shortened_name_is_told_again_when_it_has_changed(machine: Machine) -> None:
    server = machine.serve("厨" * 30)
    machine.send("known from now on", **machine.discovering)
    with closing(Outbox(machine.outbox)) as outbox:
        [kitchen] = outbox.notebooks()
    process = machine.start("write", environ=machine.discovering)  # it asks only the server of the notebook that it knows
    process.expect(f" {'厨' * 19}…, ")
    process.type("one\n")
    process.expect("  one\n")
    with closing(Outbox(machine.outbox)) as outbox:
        outbox.remember(kitchen._replace(notebook_id=bytes(16)))
        outbox.choose(bytes(16))
    process.type("two\n")
    process.expect(rf"厨… \({server.notebook_id[:8]}\), ")
    with closing(Outbox(machine.outbox)) as outbox:
        outbox.remember(kitchen._replace(name="pantry"))
    process.type("three\n")
    result = process.end()
    assert (result.out.count("…"), result.out.count("pantry")) == (2, 1)
    assert machine.texts() == ["known from now on", "one", "two", "three"]


def paste(*lines: str) -> str:
    """What a terminal sends if these lines are pasted, and Enter is pressed."""
    return "\x1b[200~" + "\r".join(lines) + "\x1b[201~\r"


def test_each_of_a_few_pasted_lines_is_an_entry_and_for_many_the_user_chooses(machine: Machine) -> None:
    machine.serve()
    terminal, process = writing(machine)
    terminal.type(paste("one", "", "quit", ""))
    terminal.expect("2 lines")
    terminal.expect(answer(2, "quit"))
    many = [f"第{number}行" for number in range(3, 13)]
    for choice, shown in (("x\rn", "nothing"), ("a", answer(3, "␊".join(many))), ("e", answer(13, many[-1]))):
        terminal.expect(PROMPT)
        terminal.type(paste(*many))
        terminal.expect("10 lines")
        terminal.type(f"{choice}\r")
        terminal.expect(shown)
    terminal.expect(PROMPT)
    terminal.type(CONTROL_D)
    assert (process.end().code, machine.texts()) == (0, ["one", "quit", "\n".join(many), *many])


def test_words_that_ask_for_help_or_for_the_end_are_no_entries_at_the_prompt(machine: Machine) -> None:
    machine.serve()
    terminal, process = writing(machine)
    for word in ("help", "?", "帮助"):
        terminal.type(f"{word}\r")
        terminal.expect("Ctrl-Z")
        terminal.expect(PROMPT)
    terminal.type("Exit\r")
    assert (process.end().code, machine.texts()) == (0, [])
    assert (machine.run("write", typed="q\nexit\nhelp\n").code, machine.texts()) == (0, ["q", "exit", "help"])


def test_control_z_does_not_get_into_an_entry(machine: Machine) -> None:
    machine.serve()
    terminal, process = writing(machine)
    terminal.type("begun \x1aand ended\r")  # without a shell that could resume it, the command is not suspended
    terminal.expect(answer(1, "begun and ended"))
    terminal.expect(PROMPT)
    terminal.type(CONTROL_D)
    assert process.end().code == 0


def test_commands_of_the_prompt_tag_edit_and_undo_its_entries(machine: Machine) -> None:
    machine.serve()
    machine.send("from another command")
    terminal, process = writing(machine)
    for typed, shown in (
        ("/undo", "`udpnote undo`"), ("/edit", "/edit 42"), ("/bin is full", "//bin is full"),
        ("/搜索 milk -tea", "`udpnote search milk -tea`"), ("/list", "`udpnote list`"), ("/note x", "/help"),
        ("//bin is full", answer(2, "/bin is full")),
        ("/tag work 家", "#work #家"), ("met Bob #work", answer(3, "met Bob #work #家")), ("/tag a,b", "a,b"),
        ("/tag", "no tag"),
        ("call Bob", answer(4, "call Bob")), ("/edit 99", "#99"), ("/undo 2", "alone"), ("/undo", f"#5 deletes #4  {NOW}"),
        ("call Amy", answer(6, "call Amy")),
    ):  # fmt: skip
        terminal.type(f"{typed}\r")
        terminal.expect(shown)
        terminal.expect(PROMPT)
    for typed, keys, shown in (
        ("/edit", f"{BACKSPACE * 3}Lin\r", f"#7 revises #6  {NOW}  call Lin"), ("/edit 2", "\r", "stays"),
        ("/edit 2", CONTROL_C, "stays"), ("/undo", "", f"#8 revises #7  {NOW}  call Amy"),
        ("/undo", "", f"#9 deletes #8  {NOW}"), ("/edit 6", "", "`udpnote edit 6`"),
    ):  # fmt: skip
        terminal.type(f"{typed}\r")
        if keys:
            terminal.expect("#[26]: ")
        terminal.type(keys)
        terminal.expect(shown)
        terminal.expect(PROMPT)
    terminal.type("/quit\r")
    assert process.end().code == 0
    assert [each["text"] for each in machine.json("list --json")] == [
        "from another command", "/bin is full", "met Bob #work #家",
    ]  # fmt: skip
    assert machine.run("write", typed="/undo\n/tag x\n//y\n").code == 0
    assert machine.texts()[-3:] == ["/undo", "/tag x", "//y"], "from a pipe, they are data"


def test_an_erased_note_is_not_offered_for_editing_at_the_prompt(machine: Machine) -> None:
    machine.keep(note(1, "a secret"))
    assert machine.run(f"erase 1 --yes --file {machine.notebook}").code == 0
    machine.serve()
    terminal, process = writing(machine)
    terminal.type("/edit 1\r")
    terminal.expect("#1 was erased")
    terminal.expect(PROMPT)
    terminal.type("/quit\r")
    assert process.end().code == 0


def test_notes_of_others_appear_while_a_line_is_typed_and_leave_the_line_as_it_is(machine: Machine) -> None:
    machine.serve()
    terminal, process = writing(machine, columns=30)
    terminal.type("first\r")
    terminal.expect("  first")
    others = {"UDPNOTE_HOME": str(machine.home / "other"), "UDPNOTE_AUTHOR": "小明@书房"}
    typed = "这一行还没有写完，而且比终端宽得多"
    terminal.type(typed[:9])
    terminal.expect(typed[8])
    eventually(lambda: machine.send("别人的记录", **others).code == 0 and "小明" in terminal.text)  # following begins soon
    terminal.type(typed[9:] + "\r")
    eventually(lambda: typed in machine.texts())
    terminal.expect(PROMPT)
    machine.run("send", typed="".join(f"line {number}\n" for number in range(500)), **others)
    terminal.expect(r"\d+ more entries of others")
    terminal.expect("line 499")
    machine.send("from another command of mine")
    machine.send("the last of others", **others)
    terminal.expect("the last of others")
    terminal.type("quit\r")
    assert process.end().code == 0
    assert "from another command of mine" not in terminal.text

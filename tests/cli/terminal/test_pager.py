"""The pager: what it gets, when it is there, and what happens where it is closed early or fails."""

import os
import signal

import pytest

from tests.support.machine import Machine, note
from tests.support.processes import Process, Terminal, script

LIST = ("list", "--all", "--file")


@pytest.fixture
def diary(machine: Machine) -> Machine:
    machine.keep(*[note(n, f"note {n}") for n in range(1, 101)])
    return machine


def start(machine: Machine, pager: str, *options: str, **environ: str) -> tuple[Process, Terminal]:
    """List all notes on a terminal of 40 lines, with this `pager`. Messages go to a pipe."""
    terminal = machine.terminal()
    environment = {"UDPNOTE_PAGER": pager, "COLUMNS": ""} | environ
    command = (*LIST, str(machine.notebook), *options)
    return machine.start(*command, environ=environment, stdin=terminal.descriptor, stdout=terminal.descriptor), terminal


def test_output_longer_than_the_screen_goes_through_the_pager_with_its_colours(diary: Machine) -> None:
    process, terminal = start(diary, "sed 's/^/| /'")
    assert process.wait().code == 0
    lines = terminal.finish().split("\r\n")
    assert (len(lines), {line[:2] for line in lines[:-1]}, lines[-2].endswith("note 100")) == (102, {"| "}, True)
    assert "\x1b[" in terminal.raw


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        (("-n", "20"), {"PAGER": "false"}), (("--no-pager",), {}), ((), {"UDPNOTE_PAGER": ""}), ((), {"UDPNOTE_PAGER": "cat"}),
        ((), {"TERM": "dumb"}), ((), {"TERM": ""}), (("--json",), {"UDPNOTE_PAGER": "", "PAGER": "sed d"}),
    ],
)  # fmt: skip
def test_there_is_no_pager_for_short_output_or_where_none_is_wanted(
    diary: Machine, options: tuple[str, ...], environ: dict[str, str]
) -> None:
    command = [*LIST, str(diary.notebook), *options]
    if "-n" in options:
        command.remove("--all")
    terminal = diary.show(*command, columns=100, **{"UDPNOTE_PAGER": "sed d"} | environ)
    assert terminal.text.count("note") == (20 if "-n" in options else 100)


def test_help_that_is_longer_than_the_screen_goes_through_the_pager_however_it_is_asked_for(machine: Machine) -> None:
    for words in ("list --help", "help list", "help times"):
        terminal = machine.terminal()
        environ = {"UDPNOTE_PAGER": "sed 's/^/| /'", "COLUMNS": "60", "LINES": "10"}
        process = machine.start(*words.split(), environ=environ, stdin=terminal.descriptor, stdout=terminal.descriptor)
        assert (process.wait().code, {line[:1] for line in terminal.finish().splitlines()}) == (0, {"|"}), words


@pytest.mark.parametrize("pager", ["nosuch-pager", "false", "sh -c 'exit 3'", 'le"ss'])
def test_a_pager_that_is_missing_or_fails_is_named_and_nothing_is_lost(diary: Machine, pager: str) -> None:
    process, terminal = start(diary, pager)
    result = process.wait()
    assert (result.code, result.err.count("\n"), repr(pager) in result.err) == (0, 1, True)
    assert "UDPNOTE_PAGER" in result.err, "the variable that names this pager, and comes before PAGER"
    assert terminal.finish().count("note ") == 100


def test_a_pager_that_a_signal_has_ended_has_the_exit_code_of_a_shell(diary: Machine) -> None:
    process, _ = start(diary, "sh -c 'kill -9 $$'")
    assert "exit code 137" in process.wait().err


def test_less_is_told_to_show_colours_whatever_else_it_is_told(diary: Machine) -> None:
    for less, expected in (("", "-R "), ("-S", "-R -S"), (None, "FRX")):
        process, terminal = start(diary, "sh -c 'cat >/dev/null; echo \"<$LESS>\"'", **({} if less is None else {"LESS": less}))
        assert (process.wait().code, terminal.finish()) == (0, f"<{expected}>\r\n")


def test_less_shows_the_bytes_of_chinese_characters_on_a_terminal_of_gbk(diary: Machine) -> None:
    for encoding, expected in (("gbk", "8bcccbcc18b95.b128."), ("utf-8", "")):
        process, terminal = start(diary, "sh -c 'cat >/dev/null; echo \"<$LESSCHARDEF>\"'", PYTHONIOENCODING=encoding)
        assert (process.wait().code, terminal.finish()) == (0, f"<{expected}>\r\n")


def test_less_begins_where_the_newest_notes_are_except_where_all_notes_would_have_to_be_read(diary: Machine) -> None:
    less = script(diary.home / "less", 'cat >/dev/null; echo "<$*>"')
    for options, expected in (("-n 90", "-S +G"), ("-n 90 --reverse", "-S"), ("--all", "-S")):
        terminal = diary.terminal()
        command = ["list", "--file", str(diary.notebook), *options.split()]
        process = diary.start(*command, environ={"UDPNOTE_PAGER": f"{less} -S"}, stdout=terminal.descriptor)
        assert (process.wait().code, terminal.finish()) == (0, f"<{expected}>\r\n")


def test_a_pager_that_is_closed_early_ends_the_command_quietly_and_a_late_failure_is_told(machine: Machine) -> None:
    machine.keep(*[note(n, "x" * 5000) for n in range(1, 301)])
    for pager, code, lines in (("head -n 1", 0, 0), ("sh -c 'head -c 400000 >/dev/null; exit 3'", 1, 1)):
        process, terminal = start(machine, pager, "--full")
        result = process.wait()
        assert (result.code, result.err.count("\n")) == (code, lines), result
        assert terminal.finish().count("\n") == 1 - lines


def test_ctrl_c_is_for_the_pager_and_messages_wait_until_it_is_closed(machine: Machine) -> None:
    machine.keep(*[note(n, "x" * 5000) for n in range(1, 301)])
    machine.send("--wait", "0", "queued")
    machine.serve()
    fifo, terminal = machine.home / "fifo", machine.terminal()
    os.mkfifo(fifo)
    for pager, code in (
        (f"sh -c 'echo opened; read line <{fifo}; cat >/dev/null; echo closed'", 0),
        ("sh -c 'kill -2 $$'", 130),
    ):
        process = machine.start("list", "--all", "--full", environ={"UDPNOTE_PAGER": pager}, at=terminal)
        if code == 0:
            terminal.expect("opened")
            process.signal(signal.SIGINT)
            fifo.write_text("go on\n")
            terminal.expect("closed\r\n.*1 queued entry")
        assert process.wait().code == code

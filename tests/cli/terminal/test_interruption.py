"""Ctrl-C at any moment of a command: it ends without a traceback, and silently unless it has work to report on."""

import os
import re
import signal
import termios
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.interrupted import interrupted_late
from tests.support.machine import Machine, note
from tests.support.processes import COMMAND, Process, eventually
from udpnote.cli.terminal.interruption import ending_in_order, interruptible_until_last_step, noticing_signals
from udpnote.errors import Notice

Pausing = Callable[..., Process]
PAUSE = "import sys; print('paused', flush=True); sys.stdin.readline()"


@pytest.fixture
def pausing(machine: Machine, tmp_path: Path) -> Pausing:
    """Start a command in which `text` is the source code of `module`, and wait until this code, when imported, pauses."""

    def start(command: str, module: str, text: str = PAUSE) -> Process:
        (tmp_path / f"{module}.py").write_text(text)
        process = machine.start(command, environ={"PYTHONPATH": str(tmp_path)}, command=(COMMAND,))
        process.expect("paused")
        return process

    return start


@pytest.mark.parametrize(
    ("command", "module", "code"),
    [
        ("--show-completion", "typer", -signal.SIGINT), ("--help", "typing", -signal.SIGINT),
        ("outbox", "sqlite3", -signal.SIGINT), ("send", "sqlite3", 130),  # it does its work already
    ],
)  # fmt: skip
def test_ctrl_c_ends_a_command_that_is_importing_silently(pausing: Pausing, command: str, module: str, code: int) -> None:
    result = pausing(command, module).end(signal.SIGINT)
    assert (result.code, result.err) == (code, "")


@pytest.mark.parametrize("is_stdout", [True, False])
@pytest.mark.parametrize("command", ["follow", "find --timeout 20", "serve --bind 127.0.0.1"])
def test_ctrl_c_at_a_terminal_leaves_the_prompt_a_line_of_its_own(machine: Machine, command: str, is_stdout: bool) -> None:
    machine.keep(note(1, "ready: Ctrl-C"))
    server = None if "serve" in command else machine.serve("ready: Ctrl-C")
    terminal = machine.terminal()
    files: dict[str, Any] = {"stdout" if is_stdout and server else "stderr": terminal.descriptor}
    process = machine.start(*command.split(), **files)
    eventually(lambda: "Ctrl-C" in process.output + terminal.text)
    os.write(terminal.descriptor, b"^C")
    process.signal(signal.SIGINT)
    assert process.wait().code == (130 if server else 0)
    assert re.search(r"\^C\r\n(udpnote: ended.*\r\n)?$", terminal.finish()) is not None


def test_ctrl_c_ends_a_command_while_python_shuts_down_without_a_traceback(pausing: Pausing) -> None:
    at_exit = f"import atexit\n@atexit.register\ndef pause(): {PAUSE}"
    result = pausing("outbox", "sitecustomize", at_exit).end(signal.SIGINT)
    assert (result.code, result.err) == (-signal.SIGINT, f"udpnote: {Notice('nothing_waits')}\n")


def test_a_starting_command_that_has_inherited_an_ignored_ctrl_c_goes_on(pausing: Pausing) -> None:
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the command inherits
    try:
        process = pausing("--show-completion", "typer", f"{PAUSE}; sys.exit(7)")
    finally:
        signal.signal(signal.SIGINT, handler)
    process.signal(signal.SIGINT)
    assert process.end().code == 7


def test_steps_that_belong_together_are_not_interrupted() -> None:
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(each) for each in signals]
    with interruptible_until_last_step() as begin_last_step:
        begin_last_step()
        for each in signals:
            os.kill(os.getpid(), each)
    assert [signal.getsignal(each) for each in signals] == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("seen", [SystemExit, KeyboardInterrupt])
def test_a_command_that_a_signal_ends_tidies_up_undisturbed(
    number: signal.Signals, code: int, seen: type[BaseException]
) -> None:
    tidied = []

    def work() -> None:
        with ending_in_order():
            try:
                os.kill(os.getpid(), number)
            except SystemExit:
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGHUP)
                tidied.append(number)
                raise seen(code) from None  # SQLite's callers see only that a statement was interrupted

    with pytest.raises(SystemExit) as raised:
        work()
    assert (tidied, raised.value.code, signal.getsignal(number)) == ([number], code, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt), ending_in_order():
        raise KeyboardInterrupt


@pytest.mark.parametrize(("command", "prompt"), [("join", "not shown here"), ("write", "quit ends")])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_ends_a_prompt_leaves_the_terminal_as_it_was_before(
    machine: Machine, command: str, prompt: str, number: signal.Signals
) -> None:
    terminal = machine.terminal()
    side = terminal.descriptor
    before = termios.tcgetattr(side)
    process = machine.start(command, environ={"PROMPT_TOOLKIT_NO_CPR": "1"}, at=terminal)
    terminal.expect(prompt)
    eventually(lambda: not termios.tcgetattr(side)[3] & termios.ECHO)
    assert (process.end(number).code, termios.tcgetattr(side)) == (-number, before)


def test_a_signal_that_comes_just_before_a_wait_ends_the_wait_soon() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with interrupted_late() as reader, pytest.raises(KeyboardInterrupt), noticing_signals():
        list(iter(partial(os.read, reader, 1), b""))
    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)) == (before, (0.0, 0.0))

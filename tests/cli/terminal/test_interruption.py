"""Ctrl-C at any moment of a command: it ends without a traceback, and silently unless it has work to report on."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.machine import Machine
from tests.support.processes import Process

Pausing = Callable[..., Process]
PAUSE = "import sys; print('paused', flush=True); sys.stdin.readline()"


@pytest.fixture
def pausing(machine: Machine, tmp_path: Path) -> Pausing:
    """Start a command which runs the program `text` when it imports the `module`; wait until that pauses."""

    def start(command: str, module: str, text: str = PAUSE) -> Process:
        (tmp_path / f"{module}.py").write_text(text)
        process = machine.start(command, environ={"PYTHONPATH": str(tmp_path)})
        process.expect("paused")
        return process

    return start


@pytest.mark.parametrize(
    ("command", "module", "code"),
    [
        ("outbox", "typer", -signal.SIGINT), ("--help", "rich", -signal.SIGINT), ("outbox", "sqlite3", -signal.SIGINT),
        ("send", "sqlite3", 130),  # it does its work already
    ],
)  # fmt: skip
def test_ctrl_c_ends_a_command_that_is_importing_silently(pausing: Pausing, command: str, module: str, code: int) -> None:
    result = pausing(command, module).end(signal.SIGINT)
    assert (result.code, result.err) == (code, "")


def test_ctrl_c_ends_a_command_while_python_shuts_down_without_a_traceback(pausing: Pausing) -> None:
    at_exit = f"import atexit\n@atexit.register\ndef pause(): {PAUSE}"
    result = pausing("outbox", "sitecustomize", at_exit).end(signal.SIGINT)
    assert (result.code, result.err) == (-signal.SIGINT, "udpnote: nothing waits\n")


def test_a_starting_command_goes_on_where_ctrl_c_is_ignored_as_in_the_background_of_a_shell(pausing: Pausing) -> None:
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the command inherits
    try:
        process = pausing("outbox", "typer", f"{PAUSE}; sys.exit(7)")
    finally:
        signal.signal(signal.SIGINT, handler)
    process.signal(signal.SIGINT)
    assert process.end().code == 7

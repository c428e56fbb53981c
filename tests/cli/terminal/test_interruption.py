"""Ctrl-C at any moment of a command's life: it ends without a traceback, and with a word only where there is one to say."""

import signal
from pathlib import Path

import pytest

from tests.support.machine import Machine
from tests.support.processes import Process

STANDS_STILL = "print('stands still', flush=True); sys.stdin.readline()"


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """The folder from which a command imports first."""
    folder = tmp_path / "modules"
    folder.mkdir()
    return folder


def standing_still(machine: Machine, modules: Path, *arguments: str) -> Process:
    """A command that has come to where `modules` has it stand still, until a line is typed."""
    process = machine.start(*arguments, environ={"PYTHONPATH": str(modules)})
    process.expect("stands still")
    return process


@pytest.mark.parametrize(("module", "arguments"), [("typer", "outbox"), ("rich", "--help"), ("sqlite3", "outbox")])
def test_ctrl_c_while_a_command_starts_ends_it_at_once_and_without_a_word(
    machine: Machine, modules: Path, module: str, arguments: str
) -> None:
    (modules / f"{module}.py").write_text(f"import sys; {STANDS_STILL}")
    result = standing_still(machine, modules, arguments).end(signal.SIGINT)
    assert (result.code, result.err) == (-signal.SIGINT, "")


def test_ctrl_c_while_a_command_imports_what_it_needs_ends_it_with_130(machine: Machine, modules: Path) -> None:
    (modules / "sqlite3.py").write_text(f"import sys; {STANDS_STILL}")
    result = standing_still(machine, modules, "send").end(signal.SIGINT)
    assert (result.code, result.err) == (130, "")


def test_ctrl_c_while_python_shuts_down_ends_it_without_a_traceback(machine: Machine, modules: Path) -> None:
    (modules / "sitecustomize.py").write_text(f"import atexit, sys\n@atexit.register\ndef at_the_end(): {STANDS_STILL}")
    result = standing_still(machine, modules, "outbox").end(signal.SIGINT)
    assert (result.code, result.err) == (-signal.SIGINT, "udpnote: nothing waits\n")


def test_where_ctrl_c_is_ignored_as_in_a_shells_background_a_starting_command_goes_on(machine: Machine, modules: Path) -> None:
    (modules / "typer.py").write_text(f"import sys; {STANDS_STILL}; sys.exit(7)")
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the command inherits
    try:
        process = standing_still(machine, modules, "outbox")
    finally:
        signal.signal(signal.SIGINT, handler)
    process.signal(signal.SIGINT)
    assert process.end().code == 7

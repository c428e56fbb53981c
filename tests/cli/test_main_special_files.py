"""Pipes, devices and folders where a file should be: every command names them at once and waits for nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.machine import Machine


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


MAKES = pytest.mark.parametrize("make", [os.mkfifo, make_device, Path.mkdir], ids=["pipe", "device", "folder"])

NOTEBOOK_COMMANDS = ("serve", "list", "stats", "export", "import -", "follow", "seal", "key show", "key rotate")


def assert_refused(machine: Machine, command: str, path: Path, *, code: int = 1) -> None:
    result = machine.run(*command.split())
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)
    assert str(path.resolve()) in result.err or str(path) in result.err


@MAKES
@pytest.mark.parametrize(
    "command", ["serve", "list", "stats", "export", "import -", "follow", "seal", "key show", "key rotate"]
)
def test_a_notebook_must_be_a_file(machine: Machine, command: str, make: Callable[[Path], None]) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "odd"
    make(path)
    assert_refused(machine, f"{command} --notebook {path}", path)
    assert [each.name for each in machine.home.iterdir()] == ["odd"], "nothing is left beside it"


@MAKES
@pytest.mark.parametrize("command", ["send one", "outbox", "use", "find", "list", "write", "edit 1 two"])
def test_an_outbox_must_be_a_file(machine: Machine, command: str, make: Callable[[Path], None]) -> None:
    machine.home.mkdir(mode=0o700)
    make(machine.outbox)
    assert_refused(machine, command, machine.outbox)


@MAKES
@pytest.mark.parametrize("command", ["send one", "serve", "list", "outbox", "key show"])
def test_a_settings_file_must_be_a_file(machine: Machine, command: str, make: Callable[[Path], None]) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "config.toml"
    make(path)
    assert_refused(machine, command, path, code=2)

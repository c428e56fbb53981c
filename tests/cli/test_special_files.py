"""Pipes, devices and folders where a file should be: a command says so at once, whatever it was to do with the file."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.machine import Machine
from udpnote.cli import exit_codes


def make_folder(path: Path) -> None:
    path.mkdir()


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


MAKE = {"a pipe, a device or a socket": (os.mkfifo, make_device), "a folder": (make_folder,)}
CASES = [(make, what) for what, makes in MAKE.items() for make in makes]
"""How such a thing is made, and what it is called."""


@pytest.mark.parametrize(("make", "what"), CASES)
@pytest.mark.parametrize("command", ["serve", "list", "stats", "export", "import", "follow", "seal", "key show", "key rotate"])
def test_what_is_no_file_is_no_notebook(machine: Machine, command: str, make: Callable[[Path], None], what: str) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "odd"
    make(path)
    words = [*command.split(), *(["-"] if command == "import" else [])]
    result = machine.run(*words, "--notebook", str(path))
    assert (result.code, result.out) == (exit_codes.REFUSED, "")
    assert (
        result.err == f"udpnote: {path.resolve()} is no udpnote notebook, it is {what}: choose another file, or move it away\n"
    )
    assert [each.name for each in machine.home.iterdir()] == ["odd"], "nothing is left beside it"


@pytest.mark.parametrize(("make", "what"), CASES)
@pytest.mark.parametrize("command", ["send one", "outbox", "use", "find", "list", "write", "edit 1 two"])
def test_what_is_no_file_is_no_outbox(machine: Machine, command: str, make: Callable[[Path], None], what: str) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "outbox.sqlite3"
    make(path)
    result = machine.run(*command.split())
    assert (result.code, result.out) == (exit_codes.REFUSED, "")
    assert result.err == f"udpnote: {path} is no udpnote outbox, it is {what}: choose another file, or move it away\n"


@pytest.mark.parametrize("make", [make for make, _ in CASES])
@pytest.mark.parametrize("command", ["send one", "serve", "list", "outbox", "key show"])
def test_what_is_no_file_is_no_settings_file(machine: Machine, command: str, make: Callable[[Path], None]) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "config.toml"
    make(path)
    result = machine.run(*command.split())
    assert (result.code, result.out) == (exit_codes.USAGE, "")
    assert result.err == f"udpnote: {path} should be the settings file, but it is a folder, a pipe or a device: move it away\n"

"""Who may read what udpnote keeps, through the command: what it makes is its owner's, and what others can read is told."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import Machine, note
from udpnote.cli import exit_codes

MADE = {
    "notebook.sqlite3", "notebook.sqlite3-wal", "notebook.sqlite3-shm", "notebook.sqlite3.lock", "notebook.sqlite3.index",
    "notebook.sqlite3.index-wal", "notebook.sqlite3.index-shm", "notes.txt", "outbox.sqlite3", "outbox.sqlite3-wal",
    "outbox.sqlite3-shm", "history",
}  # fmt: skip


@pytest.fixture(params=[0, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The permissions of all that is in the folder, and of itself."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def write_at_a_prompt(machine: Machine, *, environ: dict[str, str] | None = None) -> None:
    terminal = machine.terminal()
    machine.start("write", environ=environ, stdin=terminal.descriptor, stdout=terminal.descriptor)
    terminal.expect("quit ends")
    terminal.type("at the prompt\r")
    terminal.expect("#1")


@pytest.mark.usefixtures("umask")
def test_all_that_udpnote_makes_is_its_owners_only(machine: Machine) -> None:
    machine.serve("--text-file", str(machine.home / "deep" / "notes.txt"))
    write_at_a_prompt(machine)
    assert machine.run("search", "prompt").lines == machine.run("list").lines
    assert machine.run("search", "prompt", "--notebook", str(machine.home / "notebook.sqlite3")).code == 0
    found = modes(machine.home)
    assert {name for name in found if name not in ("home", "deep")} == MADE
    assert found == dict.fromkeys(MADE, 0o600) | {"home": 0o700, "deep": 0o700}


@pytest.mark.usefixtures("umask")
def test_the_folders_that_udpnote_makes_in_a_home_are_its_owners_only(machine: Machine, tmp_path: Path) -> None:
    environ = {
        "UDPNOTE_HOME": "",
        "HOME": str(tmp_path / "amy"),
        "XDG_DATA_HOME": "",
        "XDG_STATE_HOME": "",
        "XDG_CONFIG_HOME": "",
    }
    machine.serve()
    write_at_a_prompt(machine, environ=environ)
    own = [path for path in (tmp_path / "amy").rglob("udpnote") if path.is_dir()]
    assert own
    assert [stat.S_IMODE(path.stat().st_mode) for path in own] == [0o700] * len(own)


@pytest.mark.usefixtures("umask")
def test_what_is_edited_is_its_writers_only(machine: Machine, tmp_path: Path) -> None:
    machine.keep(note(1, "milk"))
    machine.serve()
    seen = tmp_path / "seen"
    script = tmp_path / "editor"
    script.write_text(f'#!/bin/sh\nstat -c %a "$1" "$(dirname "$1")" > {seen}\n')
    script.chmod(0o700)
    assert machine.run("edit", "1", EDITOR=str(script)).code == 0
    assert seen.read_text().split() == ["600", "700"]


@pytest.mark.usefixtures("umask")
def test_who_keeps_the_defaults_is_told_of_nothing(machine: Machine) -> None:
    server = machine.serve("--text-file", str(machine.home / "notes.txt"))
    for command in (
        ["send", "milk"],
        ["list"],
        ["search", "milk"],
        ["use"],
        ["outbox", "--send"],
        ["find", "--timeout", "0.2"],
    ):
        assert "by others" not in machine.run(*command).err
    assert server.err is not None and "by others" not in server.err.text


def warning(path: Path, mode: int = 600) -> str:
    return f"udpnote: {path} can be read by others on this machine: chmod {mode} {path}\n"


@pytest.mark.parametrize(
    "command",
    [
        ["send", "milk"], ["write"], ["outbox"], ["outbox", "--send"], ["use", "kitchen"], ["find", "--timeout", "0.2"],
        ["list"], ["search", "milk"], ["stats"], ["export"], ["edit", "1", "oat milk"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_command_warns_once_of_an_outbox_that_others_can_read(machine: Machine, command: list[str]) -> None:
    machine.keep(note(1, "milk"))
    machine.serve("--name", "kitchen")
    machine.send("the notebook is known")
    machine.send("queued", "--wait", "0")
    outbox = machine.home / "outbox.sqlite3"
    outbox.chmod(0o644)
    result = machine.run(*command, typed="quit\n")
    assert result.code in (exit_codes.DONE, exit_codes.QUEUED)
    assert result.err.startswith(warning(outbox))
    assert result.err.count("by others") == 1
    assert "by others" not in result.out


def test_a_server_warns_of_a_key_file_and_a_home_that_others_can_read(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    machine.home.chmod(0o755)
    key = machine.home / "notebook.sqlite3.key"
    key.touch()
    key.chmod(0o644)
    server = machine.serve()
    assert server.err is not None
    assert server.err.text.startswith(warning(key) + warning(machine.home, 700))
    for message in server.err.text.splitlines()[:2]:
        assert machine.shell(message.split(": ")[2]).code == 0
    assert modes(machine.home)["notebook.sqlite3.key"] == 0o600
    assert machine.send("milk").err == ""


def test_who_reads_a_notebooks_file_that_others_can_read_is_told(machine: Machine) -> None:
    machine.keep(note(1, "milk"))
    notebook = machine.home / "notebook.sqlite3"
    notebook.chmod(0o644)
    result = machine.run("list", "--notebook", str(notebook))
    assert (result.code, result.err) == (0, warning(notebook))
    assert "milk" in result.out


@pytest.mark.parametrize("command", [["key", "show"], ["key", "rotate"], ["unseal"], ["seal"]], ids=" ".join)
def test_who_handles_the_key_on_its_host_is_told_that_others_can_read_it(machine: Machine, command: list[str]) -> None:
    machine.keep(note(1, "milk"))
    opened = machine.home / "notebook.sqlite3"
    if command != ["seal"]:
        assert machine.run("seal").code == 0
        opened = machine.home / "notebook.sqlite3.key"
    opened.chmod(0o644)
    machine.home.chmod(0o755)
    result = machine.run(*command)
    assert result.code == 0
    assert result.err.startswith(warning(opened) + warning(machine.home, 700))
    assert result.err.count("by others") == 2


@pytest.mark.parametrize("is_set", [False, True], ids=["given", "given and set"])
def test_who_joins_by_a_key_file_that_others_can_read_is_told_once(machine: Machine, is_set: bool) -> None:
    machine.serve("--sealed")
    file = machine.home / "code"
    file.write_text(machine.run("key", "show").out)
    file.chmod(0o644)
    result = machine.run("join", "--key-file", str(file), **({"UDPNOTE_KEY_FILE": str(file)} if is_set else {}))
    assert result.code == 0
    assert result.err.startswith(warning(file))
    assert result.err.count("by others") == 1

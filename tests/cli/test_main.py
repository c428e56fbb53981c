"""The `udpnote` command as a whole: its help, its version, its settings, and what it imports."""

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.support.machine import Machine
from tests.support.processes import eventually, free_port
from udpnote.version import __version__

COMMANDS = (
    "serve", "find", "send", "write", "outbox", "use", "demo", "list", "show", "search", "follow", "tail", "edit", "delete",
    "tags", "stats", "export", "import", "seal", "unseal", "join", "leave", "key show", "key rotate",
)  # fmt: skip

COMMAND_THAT_REPORTS = """
import sys
from udpnote.__main__ import main
try:
    main()
finally:
    others = [module for module in sys.modules if not module.startswith("udpnote.cli.")]
    print("IMPORTED", *[module for module in others if "cryptography" in module or "seal" in module], file=sys.stderr)
"""
"""Runs a command, and tells which modules of sealing it has imported."""

REPORTING = (sys.executable, "-c", COMMAND_THAT_REPORTS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_examples_of_itself(machine: Machine, command: str) -> None:
    result = machine.run(*command.split(), "-h")
    assert (result.code, result.err) == (0, "")
    assert re.search(f"Examples:.*udpnote {command}", result.out, re.S), result.out


def test_the_help_lists_every_command_and_comes_without_arguments_too(machine: Machine) -> None:
    helped, bare = machine.run("--help"), machine.run()
    assert helped.code == 0
    assert set(re.findall(r"^. ([a-z]+) ", helped.out, re.M)) >= {command.split()[0] for command in COMMANDS}
    assert "Usage: udpnote" in bare.out + bare.err


def test_an_unknown_command_is_a_usage_error(machine: Machine) -> None:
    result = machine.run("sned", "a")
    assert (result.code, result.out, "sned" in result.err) == (2, "", True)


def test_the_version_is_the_packages(machine: Machine) -> None:
    assert machine.run("--version").out == f"udpnote {__version__}\n"


def test_the_module_runs_as_the_command(machine: Machine) -> None:
    machine.serve()
    assert machine.shell(f"{sys.executable} -m udpnote send 你好").code == 0
    assert machine.texts() == ["你好"]


@pytest.mark.parametrize("settings", ["colour = 'red'", "port = 'many'", "port = ", "author = '\xff'"])
def test_a_bad_settings_file_is_a_usage_error_that_names_the_file(machine: Machine, settings: str) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "config.toml"
    path.write_bytes(settings.encode("latin-1"))
    for command in (["serve", "--bind", "127.0.0.1"], ["send", "a"], ["outbox"]):
        result = machine.run(*command)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result
        assert str(path) in result.err


@pytest.mark.parametrize(("variable", "value"), [("PORT", "70000"), ("WAIT", "-1"), ("AUTHOR", "x" * 129), ("NAME", " ")])
def test_a_bad_environment_variable_is_a_usage_error_that_names_it(machine: Machine, variable: str, value: str) -> None:
    result = machine.run("serve", "--bind", "127.0.0.1", **{f"UDPNOTE_{variable}": value})
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result
    assert f"UDPNOTE_{variable}" in result.err


def test_a_flag_comes_before_the_environment_and_that_before_the_settings_file(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    (machine.home / "config.toml").write_text(f"author = 'file'\nport = {free_port()}\nname = 'from the file'\n")
    machine.serve()
    for author, arguments, environ in (
        ("file", ["a"], {"UDPNOTE_AUTHOR": ""}),
        ("environment", ["b"], {"UDPNOTE_AUTHOR": "environment"}),
        ("flag", ["--author", "flag", "c"], {"UDPNOTE_AUTHOR": "environment"}),
    ):
        assert machine.send(*arguments, **environ).code == 0
        assert machine.rows()[-1].author == author


def test_an_outbox_that_cannot_be_used_is_one_line_and_exit_1(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    machine.outbox.write_text("Dear diary\n" * 100)
    for command in (["send", "a"], ["outbox"], ["use"]):
        result = machine.run(*command)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert str(machine.outbox) in result.err


# What an open notebook does not need


@pytest.mark.parametrize("command", ["send one", "find --timeout 0.2", "list", "search one", "outbox"])
def test_what_an_open_notebook_does_imports_nothing_of_sealing(machine: Machine, command: str) -> None:
    machine.serve()
    machine.send("one")
    assert machine.start(*command.split(), command=REPORTING).end().err.splitlines()[-1].split() == ["IMPORTED"]


def test_an_open_notebook_is_served_without_anything_of_sealing(machine: Machine, tmp_path: Path) -> None:
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), command=REPORTING)
    eventually(lambda: machine.send("one", "--wait", "0.3", UDPNOTE_HOME=str(tmp_path / "client")).code == 0)
    assert server.end(signal.SIGTERM).err.splitlines()[-1].split() == ["IMPORTED"]

"""The `udpnote` command as a whole: help, settings, what it refuses, and what it imports."""

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

USAGE_ERRORS = {
    "sned a": "sned",
    "send ' \t'": "",
    "send --whole": "",
    "send --author ' ' a": "--author",
    f"send --author {'x' * 129} a": "128",
    "send --wait -1 a": "--wait",
    "send --wait soon a": "--wait",
    "send --server [::1 a": "[::1",
    "send --server 127.0.0.1:99999 a": "65535",
    "send --nonsense a": "--nonsense",
    "serve --name ' '": "name",
    f"serve --name {'x' * 500}": "name",
    "find --timeout 0": "0",
    "find --timeout soon": "soon",
    "find --timeout nan": "",
    "list -n 0": "100000",
    "list -n 100001": "100000",
    "list -n 5 --all": "--all",
    "list --on yesterday --since today": "--on",
    "list --since soonish": "--since",
    "list --tag #!?": "#!?",
    "list --author ' '": "--author",
    "list --notebook a --server 127.0.0.1": "--server",
    "list --notebook a --notebook-id b": "--notebook-id",
    "export --since someday -o never": "--since",
    "search": "WORDS",
    "search ?!": "",
    "show": "NUMBER",
    "show milk": "milk",
    "show 0": "0",
    "show 9223372036854775808": "9223372036854775808",
    f"show {'9' * 5000}": "",
    "follow -n -1": "100000",
    "edit milk text": "milk",
    "delete -0": "-0",
    "key rotate --accept-old=soon": "soon",
}
"""Command lines that are refused whatever there is, and what the message names."""

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
    result = machine.run(f"{command} -h")
    assert (result.code, result.err) == (0, "")
    assert re.search(f"Examples:.*udpnote {command}", result.out, re.S), result.out


def test_the_help_lists_every_command_and_comes_without_arguments_too(machine: Machine) -> None:
    helped, bare = machine.run("--help"), machine.run()
    assert set(re.findall(r"^. ([a-z]+) ", helped.out, re.M)) >= {command.split()[0] for command in COMMANDS}
    assert (helped.code, "Usage: udpnote" in bare.out + bare.err) == (0, True)
    assert machine.run("--version").out == f"udpnote {__version__}\n"


@pytest.mark.parametrize("command", USAGE_ERRORS)
def test_a_usage_error_exits_2_names_what_is_wrong_and_does_nothing(machine: Machine, command: str) -> None:
    assert machine.refused(command, code=2, facts=[USAGE_ERRORS[command]])
    assert machine.waiting() == []


def test_an_argument_that_is_not_utf_8_is_a_usage_error(machine: Machine) -> None:
    machine.refused("send", b"caf\xe9", code=2, facts=["UTF-8"])
    machine.refused("serve", "--name", b"\xff", code=2, facts=["name"])


def test_the_module_runs_as_the_command(machine: Machine) -> None:
    machine.serve()
    assert machine.shell(f"{sys.executable} -m udpnote send 你好").code == 0
    assert machine.texts() == ["你好"]


# Settings


@pytest.mark.parametrize("settings", ["colour = 'red'", "port = 'many'", "port = ", "author = '\xff'"])
def test_a_bad_settings_file_is_a_usage_error_that_names_the_file(machine: Machine, settings: str) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "config.toml"
    path.write_bytes(settings.encode("latin-1"))
    for command in ("serve --bind 127.0.0.1", "send a", "outbox"):
        machine.refused(command, code=2, facts=[path])


@pytest.mark.parametrize(("variable", "value"), [("PORT", "70000"), ("WAIT", "-1"), ("AUTHOR", "x" * 129), ("NAME", " ")])
def test_a_bad_environment_variable_is_a_usage_error_that_names_it(machine: Machine, variable: str, value: str) -> None:
    machine.refused("serve --bind 127.0.0.1", code=2, facts=[f"UDPNOTE_{variable}"], **{f"UDPNOTE_{variable}": value})


def test_a_flag_comes_before_the_environment_and_that_before_the_settings_file(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    (machine.home / "config.toml").write_text(f"author = 'file'\nport = {free_port()}\n")
    machine.serve()
    for options, environ, author in (
        ("", "", "file"),
        ("", "environment", "environment"),
        ("--author flag", "environment", "flag"),
    ):
        assert machine.run(f"send {options} a", UDPNOTE_AUTHOR=environ).code == 0
        assert machine.rows()[-1].author == author


@pytest.mark.parametrize(
    ("name", "commands"), [("outbox", ["send a", "outbox", "use"]), ("notebook", ["serve", "seal", "import - --notebook {}"])]
)
def test_a_file_of_another_kind_is_named_and_left_alone(machine: Machine, name: str, commands: list[str]) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / f"{name}.sqlite3"
    path.write_text("Dear diary\n" * 100)
    path.chmod(0o600)
    for command in commands:
        assert machine.refused(command.format(path), facts=[path]).count("\n") == 1
    assert path.read_text() == "Dear diary\n" * 100


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

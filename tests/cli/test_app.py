"""The table of commands: it says about each what the command says, and only the command that is called is imported."""

import sys

import pytest

from tests.support.machine import Machine
from udpnote.cli.app import COMMANDS, load

RUN_AND_PRINT_MODULES = """
import sys
from udpnote.__main__ import main
try:
    main()
finally:
    print("IMPORTED", *sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_begins_with_its_line_in_the_help_of_all(name: str) -> None:
    assert load(name).help.split("\n\n")[0] == COMMANDS[name].help


@pytest.mark.parametrize(
    ("arguments", "is_served", "unused"),
    [
        (["send", "milk"], True, {"typer", "rich", "udpnote.cli.options", "udpnote.text.messages.sentences"}),
        (["send", "milk"], False, {"typer", "rich", "udpnote.cli.options"}),
        (["list"], True, {"udpnote.cli.commands.send", "udpnote.server.server"}),
        (["--help"], True, {"udpnote.cli.commands.send", "udpnote.client.client", "udpnote.server.server", "sqlite3"}),
    ],
)
def test_a_command_imports_only_what_it_uses(machine: Machine, arguments: list[str], is_served: bool, unused: set[str]) -> None:
    if is_served:
        machine.serve()
    process = machine.start(*arguments, environ={"UDPNOTE_WAIT": "0.1"}, command=(sys.executable, "-c", RUN_AND_PRINT_MODULES))
    result = process.end()
    assert result.code == (0 if is_served else 75)
    assert not unused & set(result.err.splitlines()[-1].split())

"""The names that other programs have for commands and options."""

import pytest

from udpnote.cli.command_line.command_table import COMMANDS, load
from udpnote.cli.command_line.declared_command import DeclaredCommand
from udpnote.cli.command_line.parsing import VERSION_NAMES, option_names
from udpnote.cli.command_line.synonyms import (
    COMMANDS_OF_OTHER_PROGRAMS,
    NEEDLESS_OPTIONS,
    OPTIONS_OF_OTHER_PROGRAMS,
    command_called,
    option_called,
    synonyms_of,
)


def test_each_command_and_option_with_other_names_exists_and_each_needless_option_does_not() -> None:
    found = [(name, load(name)) for name in COMMANDS]
    commands = {name: option_names(command) for name, command in found if isinstance(command, DeclaredCommand)}
    everywhere = {option for options in commands.values() for option in options} | {*VERSION_NAMES}
    assert {*COMMANDS_OF_OTHER_PROGRAMS} <= {*COMMANDS}
    assert {*OPTIONS_OF_OTHER_PROGRAMS} <= everywhere
    for name, options in NEEDLESS_OPTIONS.items():
        assert [option for option in options.split() if option in commands[name]] == []


@pytest.mark.parametrize(
    ("word", "command"),
    [("grep", "search"), ("LS", "list"), ("删除", "delete"), ("刪除", "delete"), ("milk", None), ("gre", None), ("", None)],
)
def test_a_command_is_known_by_its_other_names_in_any_case_and_form_of_characters(word: str, command: str | None) -> None:
    assert command_called(word) == command


def test_an_option_is_known_by_another_name_only_if_the_command_has_the_option() -> None:
    assert option_called("--limit", ["--all", "-n"]) == "-n"
    assert option_called("--limit", ["--all"]) is None
    assert synonyms_of("-p") == []
    assert "--limit" in synonyms_of("-n")

"""Finds the command that was typed: does its work, prints its help, or leaves a wrong command line to typer."""

from typing import NoReturn

from udpnote.cli import exit_codes
from udpnote.cli.app import find_command
from udpnote.cli.command_line import WrongCommandLine, parse
from udpnote.cli.declared_command import HELP_NAMES, DeclaredCommand, DeclaredCommands
from udpnote.cli.terminal import streams
from udpnote.errors import InvalidEntry
from udpnote.version import __version__


def run(words: list[str]) -> int:
    """Run the command line `words`, and return the exit code. A command that does its work raises `SystemExit` instead."""
    names, command, rest = find_command(words)
    if rest[:1] == ["--version"] and not names:
        print(f"udpnote {__version__}")
        return exit_codes.DONE
    if not isinstance(command, DeclaredCommand):
        if rest and rest[0] not in HELP_NAMES:
            leave_to_typer()
        _print_help(names, command)
        return exit_codes.DONE if rest else exit_codes.USAGE
    try:
        parsed = parse(command, rest)
    except InvalidEntry as error:
        streams.say(error.notice)
        return exit_codes.USAGE
    except WrongCommandLine:
        leave_to_typer()
    if not parsed.asks_for_help:
        command(**parsed.values)
    _print_help(names, command)
    return exit_codes.DONE


def _print_help(names: list[str], command: DeclaredCommand | DeclaredCommands | None) -> None:
    from udpnote.cli.help_page import help_of

    print(help_of(" ".join(["udpnote", *names]), command))


def leave_to_typer() -> NoReturn:
    """Let typer say what is wrong with the command line, or complete it; raises `SystemExit`."""
    from udpnote.cli.typer_app import app

    app(prog_name="udpnote")
    raise AssertionError("typer ends the process, so that nothing is done twice")

"""Runs the command that the user has typed."""

import os
import sys
import time
from typing import NoReturn

from udpnote.cli import exit_codes
from udpnote.cli.app import find_command
from udpnote.cli.command_line import WrongCommandLine, parse
from udpnote.cli.declared_command import HELP_NAMES, DeclaredCommand, DeclaredCommands
from udpnote.cli.terminal import streams
from udpnote.errors import InvalidEntry, Notice
from udpnote.machine.clock import PYTHON_TIME_MAX, wall_microseconds
from udpnote.version import __version__

COMPLETION_VARIABLE = "_UDPNOTE_COMPLETE"
"""The environment variable by which a shell asks for completion, as typer has named it for a command `udpnote`."""


def main() -> None:
    """Run the command that is in `sys.argv`, and raise `SystemExit` with its exit code.

    If this machine's clock shows a year that Python cannot represent, nothing is run: a message is printed, and the exit code
    is REFUSED.
    """
    streams.prepare()
    if wall_microseconds() > PYTHON_TIME_MAX:
        streams.say(Notice("clock_too_late", year=time.gmtime(wall_microseconds() // 1_000_000).tm_year))
        sys.exit(exit_codes.REFUSED)
    try:
        exit_code = _run(sys.argv[1:])
        sys.stdout.flush()  # of a help text or the version: an error at the end of Python would be a traceback
    except KeyboardInterrupt:
        exit_code = exit_codes.INTERRUPTED
    except OSError as error:  # from standard output: a help text or the version could not be printed
        exit_code = exit_codes.exit_code_without_output(error)
    sys.exit(exit_code)


def _complete() -> None:
    """Complete the command line of a shell that asks for it, and raise `SystemExit`. Return if only typer knows the shell."""
    from udpnote.cli.completion.shells import ANSWERS, complete

    instruction, code = os.environ[COMPLETION_VARIABLE], exit_codes.REFUSED
    if instruction in ANSWERS:
        try:
            code = complete(instruction, os.environ)
        finally:
            sys.exit(code)  # also after an error, which would be printed into the line that the user edits


def _run(words: list[str]) -> int:
    """Run the command line `words`, and return the exit code. A command that does its work raises `SystemExit` instead."""
    if COMPLETION_VARIABLE in os.environ:
        _complete()
        _leave_to_typer()
    names, command, rest = find_command(words)
    if rest[:1] == ["--version"] and not names:
        print(f"udpnote {__version__}")
        return exit_codes.DONE
    if not isinstance(command, DeclaredCommand):
        if rest and rest[0] not in HELP_NAMES:
            _leave_to_typer()
        _print_help(names, command)
        return exit_codes.DONE if rest else exit_codes.USAGE
    try:
        parsed = parse(command, rest)
    except InvalidEntry as error:
        streams.say(error.notice)
        return exit_codes.USAGE
    except WrongCommandLine:
        _leave_to_typer()
    if not parsed.asks_for_help:
        command(**parsed.values)
    _print_help(names, command)
    return exit_codes.DONE


def _print_help(names: list[str], command: DeclaredCommand | DeclaredCommands | None) -> None:
    from udpnote.cli.help_page import help_of

    print(help_of(" ".join(["udpnote", *names]), command))


def _leave_to_typer() -> NoReturn:
    """Let typer say what is wrong with the command line, or complete it; raises `SystemExit`."""
    from udpnote.cli.typer_app import app

    app(prog_name="udpnote")
    raise AssertionError("typer ends the process, so that nothing is done twice")

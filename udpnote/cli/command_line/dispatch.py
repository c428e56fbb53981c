"""Finds the command that was typed. Then does its work, prints its help, or says what is wrong with the command line."""

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommand
from udpnote.cli.command_line.parsing import (
    INSTALL_COMPLETION,
    SHOW_COMPLETION,
    VERSION_NAMES,
    WrongCommandLine,
    read_command_line,
)
from udpnote.cli.terminal import streams
from udpnote.errors import InvalidEntry, InvalidQuery
from udpnote.version import __version__


def run(words: list[str]) -> int:
    """Run the command line `words`, the words after `udpnote`.

    If `words` name a command, do its work, and return the exit code. If they ask for help, for the version, or to install
    completion, do that, and return the exit code. If they name no command, or only a group of commands, print help, and return
    USAGE. If they are wrong, print what is wrong, and return USAGE. If they ask for the script that makes a shell complete
    command lines, typer prints it, and raises `SystemExit`.
    """
    try:
        line = read_command_line(words)
    except (InvalidEntry, InvalidQuery) as error:
        streams.say(error.notice)
        return exit_codes.USAGE
    except WrongCommandLine as error:
        from udpnote.cli.command_line.likely_meant import advice

        streams.say(error.notice)
        streams.say(advice(words, error))
        return exit_codes.USAGE
    if line.option in VERSION_NAMES:
        print(f"udpnote {__version__}")
        return exit_codes.DONE
    if line.option == INSTALL_COMPLETION:
        return exit_codes.exit_code_of(_install_completion)
    if line.option == SHOW_COMPLETION:
        from udpnote.cli.completion.installation import leave_to_typer

        leave_to_typer()
    if isinstance(line.command, DeclaredCommand) and line.values is not None:
        if line.values.get("as_json"):
            streams.prepare_for_json()
        return line.command.run(line.values)
    from udpnote.cli.command_line.help_page import print_help

    print_help(line.names, line.command)
    return exit_codes.DONE if isinstance(line.command, DeclaredCommand) or line.option else exit_codes.USAGE


def _install_completion() -> int:
    from udpnote.cli.completion.installation import install_completion

    streams.say(install_completion())
    return exit_codes.DONE

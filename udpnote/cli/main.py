"""Runs the command that the user has typed: does its work, or prints its help or what is wrong with the command line."""

import os
import sys
import time
from typing import NoReturn

from udpnote.cli import exit_codes
from udpnote.cli.command_line.text_arguments import SEND_OPTIONS, split_arguments
from udpnote.cli.terminal import streams
from udpnote.errors import InvalidEntry, InvalidQuery, Notice
from udpnote.machine.clock import PYTHON_TIME_MAX, wall_microseconds
from udpnote.settings import chosen_language
from udpnote.text.language import speak_by

COMPLETION_VARIABLE = "_UDPNOTE_COMPLETE"
"""The environment variable by which a shell asks for completion. typer gives it this name for a command `udpnote`."""


def main() -> None:
    """Run the command in `sys.argv`, and raise `SystemExit` with its exit code.

    If this machine's clock shows a year that Python cannot represent, run nothing: print a message, and exit with REFUSED.
    """
    streams.prepare()
    speak_by(lambda: chosen_language(os.environ))
    try:
        if wall_microseconds() > PYTHON_TIME_MAX:
            streams.say(Notice("clock_too_late", year=time.gmtime(wall_microseconds() // 1_000_000).tm_year))
            sys.exit(exit_codes.REFUSED)
        exit_code = _run(sys.argv[1:])
        sys.stdout.flush()  # a help text or the version: if Python flushed them at its end, an error would print a traceback
    except KeyboardInterrupt:
        exit_code = exit_codes.INTERRUPTED
    except OSError as error:  # from standard output: a help text or the version could not be printed
        exit_code = exit_codes.exit_code_without_output(error)
    finally:
        streams.drop_unwritten_messages()
    sys.exit(exit_code)


def _run(words: list[str]) -> int:
    """Run the command line `words`, the words after `udpnote`. Return the exit code, or raise `SystemExit` with it.

    If a shell has asked for completion, answer it, and raise `SystemExit`. For `send` without options, no option parser is
    imported. `_parse_and_run` runs every other command line.
    """
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        _complete(instruction)
    if words[:1] == ["send"]:
        try:
            split = split_arguments(words[1:], SEND_OPTIONS, command="send")
        except InvalidEntry as error:
            return _refuse_text(words, error)
        if not split.before_text:
            return exit_codes.exit_code_of_change(lambda: _send(split.text))
    return _parse_and_run(words)


def _refuse_text(words: list[str], error: InvalidEntry | InvalidQuery) -> int:
    """Print `error`, which is about the text in the command line `words`, and the line that was likely meant. Return USAGE."""
    from udpnote.cli.command_line.likely_meant import line_with_option_first

    streams.say(error.notice)
    if (meant := line_with_option_first(words, error)) is not None:
        streams.say(meant)
    return exit_codes.USAGE


def _complete(instruction: str) -> NoReturn:
    """Answer a shell that asks for completion, and raise `SystemExit`. `instruction` says what it asks for: suggestions, or the
    script that typer prints.
    """
    from udpnote.cli.completion.shells import ANSWERS, complete, leave_to_typer

    if instruction not in ANSWERS:
        leave_to_typer()
    code = exit_codes.REFUSED
    try:
        code = complete(instruction, os.environ)
    finally:
        sys.exit(code)  # also after an error, which would be printed into the line that the user edits


def _send(words: list[str]) -> int:
    from udpnote.cli.entry_sender import send_words_or_input

    return send_words_or_input(words)


def _parse_and_run(words: list[str]) -> int:
    """Run the command line `words`, and return the exit code.

    If `words` name a command, do its work. If they ask for help, for the version, or to install completion, do that. If they
    name no command, or only a group of commands, print help, and return USAGE. If they are wrong, print what is wrong, and
    return USAGE. If they ask for the script that makes a shell complete command lines, typer prints it, and raises
    `SystemExit`.
    """
    from udpnote.cli.command_line import parsing
    from udpnote.cli.command_line.declared_command import DeclaredCommand

    try:
        line = parsing.read_command_line(words)
    except (InvalidEntry, InvalidQuery) as error:
        return _refuse_text(words, error)
    except parsing.WrongCommandLine as error:
        from udpnote.cli.command_line.likely_meant import advice

        streams.say(error.notice)
        streams.say(advice(words, error))
        return exit_codes.USAGE
    if line.option in parsing.VERSION_NAMES:
        from udpnote.version import __version__

        print(f"udpnote {__version__}")
        return exit_codes.DONE
    if line.option == parsing.INSTALL_COMPLETION:
        return exit_codes.exit_code_of(_install_completion)
    if line.option == parsing.SHOW_COMPLETION:
        from udpnote.cli.completion.shells import leave_to_typer

        leave_to_typer()
    if isinstance(line.command, DeclaredCommand) and line.values is not None:
        if line.values.get("as_json"):
            streams.prepare_for_json()
        return line.command.run(line.values)
    from udpnote.cli.command_line.help_page import print_help

    print_help(line.names, line.command)
    return exit_codes.DONE if isinstance(line.command, DeclaredCommand) or line.option else exit_codes.USAGE


def _install_completion() -> int:
    from udpnote.cli.completion.shells import install_completion

    streams.say(install_completion())
    return exit_codes.DONE

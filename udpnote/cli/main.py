"""Runs the command that the user has typed."""

import os
import sys
import time

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


def _complete() -> None:
    """Answer a shell that asks for completion, and raise `SystemExit`. `completion.shells` answers bash, zsh and fish; typer
    answers all other shells.
    """
    from udpnote.cli.completion.shells import ANSWERS, complete

    instruction, code = os.environ[COMPLETION_VARIABLE], exit_codes.REFUSED
    if instruction in ANSWERS:
        try:
            code = complete(instruction, os.environ)
        finally:
            sys.exit(code)  # also after an error, which would be printed into the line that the user edits
    from udpnote.cli.command_line.dispatch import leave_to_typer

    try:
        leave_to_typer()
    except (InvalidEntry, InvalidQuery):  # the line would be refused: there is nothing to complete
        sys.exit(code)


def _run(words: list[str]) -> int:
    """Run the command line `words`, the words after `udpnote`. Return the exit code, or raise `SystemExit` with it.

    If a shell has asked for completion, answer it, and raise `SystemExit`. For `send` without options, no option parser is
    imported. `dispatch.run` runs every other command line.
    """
    if COMPLETION_VARIABLE in os.environ:
        _complete()
    if words[:1] == ["send"]:
        try:
            split = split_arguments(words[1:], SEND_OPTIONS, command="send")
        except InvalidEntry as error:
            streams.say(error.notice)
            return exit_codes.USAGE
        if not split.before_text:
            return exit_codes.exit_code_of_change(lambda: _send(split.text))
    from udpnote.cli.command_line.dispatch import run

    return run(words)


def _send(words: list[str]) -> int:
    from udpnote.cli.entry_sender import send_words_or_input

    return send_words_or_input(words)

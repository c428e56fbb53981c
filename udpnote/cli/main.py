"""Runs the command that the user has typed."""

import os
import sys
import time
from typing import NoReturn

from udpnote.cli import exit_codes
from udpnote.cli.command_line.text_arguments import SEND_OPTIONS, split_arguments
from udpnote.cli.terminal import streams
from udpnote.errors import InvalidEntry, Notice
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


def _complete(instruction: str) -> NoReturn:
    """Answer a shell that asks for completion, and raise `SystemExit`. `instruction` says what it asks for: suggestions, or the
    script that typer prints.
    """
    from udpnote.cli.completion.shells import ANSWERS, complete

    if instruction not in ANSWERS:
        from udpnote.cli.completion.installation import leave_to_typer

        leave_to_typer()
    code = exit_codes.REFUSED
    try:
        code = complete(instruction, os.environ)
    finally:
        sys.exit(code)  # also after an error, which would be printed into the line that the user edits


def _run(words: list[str]) -> int:
    """Run the command line `words`, the words after `udpnote`. Return the exit code, or raise `SystemExit` with it.

    If a shell has asked for completion, answer it, and raise `SystemExit`. For `send` without options, no option parser is
    imported. `dispatch.run` runs every other command line.
    """
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        _complete(instruction)
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

"""Runs the command that the user has typed."""

import sys
import time

from udpnote.cli import exit_codes
from udpnote.cli.terminal import streams
from udpnote.clock import PYTHON_TIME_MAX, wall_microseconds
from udpnote.errors import Notice


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
        command, *words = sys.argv[1:] or [""]
        if command == "send" and not any(word.startswith("-") and word != "-" for word in words):
            _send(words)
        from udpnote.cli.app import app

        app(prog_name="udpnote")
    except KeyboardInterrupt:
        sys.exit(exit_codes.INTERRUPTED)


def _send(words: list[str]) -> None:
    """Run `udpnote send` with the arguments `words`, which have no option, and raise `SystemExit` with its exit code.

    No option parser is imported for it: importing one takes as long as sending an entry.
    """

    def send() -> int:
        from udpnote.cli.commands.send import send_words_or_input

        return send_words_or_input(words)

    sys.exit(exit_codes.exit_code_of(send))

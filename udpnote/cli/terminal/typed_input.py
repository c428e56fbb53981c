"""Asks the user for an answer or a text, and reads it from standard input."""

import sys
from contextlib import suppress

from udpnote.cli.terminal.input_lines import whole_input
from udpnote.cli.terminal.interruption import noticing_signals
from udpnote.cli.terminal.streams import fitted_to, said, say, text_encoding
from udpnote.errors import Notice

YES = ("y", "yes", "是")
"""The answers that confirm a question, whatever the user's language is."""


def is_confirmed(question: Notice) -> bool:
    """Ask the user `question` on standard error. Return whether the answer, a line of standard input, is one of `YES`.

    The end of the input counts as no.
    """
    with suppress(OSError):  # the terminal was closed: then standard input has ended, too
        print(fitted_to(sys.stderr, f"{said(question)} [y/N]") + " ", end="", file=sys.stderr, flush=True)
    with noticing_signals():
        return sys.stdin.readline().strip().lower() in YES


def typed_entry(request: Notice) -> str:
    """Read all of standard input, and return it as the text of one entry. Raises `InvalidEntry` if it cannot be one.

    If standard input is a terminal, first print `request`: it says what to type, and which key ends the input.
    """
    ask_to_type(request)
    with noticing_signals():
        return whole_input(sys.stdin.buffer, text_encoding())


def ask_to_type(request: Notice) -> None:
    """If standard input is a terminal, print `request`: it says what to type, and which key ends the input."""
    if sys.stdin.isatty():
        say(request)

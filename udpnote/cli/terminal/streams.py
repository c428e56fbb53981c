"""Standard input, output and error, usable even if the command was started with one of them closed."""

import io
import os
import sys
from contextlib import suppress

from udpnote.cli.terminal.text import harmless
from udpnote.errors import Notice


def prepare() -> None:
    """Make the streams usable: a closed one becomes an empty one, and characters that cannot be encoded are escaped.

    Bytes of the input that are not UTF-8 become lone surrogates. No entry may contain these, so the check of the entry
    reports them.
    """
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def say(message: str | Notice) -> None:
    """Print a message on standard error. Names and texts in it may come from the network, so `harmless` treats it."""
    with suppress(OSError):  # the terminal is gone; the work goes on
        print(f"udpnote: {harmless(str(message))}", file=sys.stderr, flush=True)


def ask_to_type(what: str) -> None:
    """If standard input is a terminal, tell the user to type `what`, and how to end it."""
    if sys.stdin.isatty():
        print(f"Type {what}; Ctrl-D ends it.", file=sys.stderr)


def mute_output() -> None:
    """Discard the output that is still to be printed, because its reader has ended or its disk is full."""
    with suppress(OSError):  # no file can be opened any more: what is still to be printed fails at the end
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)

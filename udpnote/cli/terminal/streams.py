"""Standard input, output and error; they are usable even if one of them was closed when the command started."""

import io
import os
import sys
from contextlib import suppress

from udpnote.errors import Notice
from udpnote.text.harmless import harmless


def prepare() -> None:
    """Make the streams usable: replace a closed one by /dev/null, and escape characters that cannot be encoded.

    Bytes of the input that are not UTF-8 become lone surrogates. No entry may contain these, so the check of the entry
    reports them.
    """
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def said(message: str | Notice) -> str:
    """A message as it is printed; control characters in it, which may come from the network, are replaced."""
    return f"udpnote: {harmless(str(message))}"


def say(message: str | Notice) -> None:
    """Print a message on standard error."""
    with suppress(OSError):  # the terminal was closed; the work goes on
        print(said(message), file=sys.stderr, flush=True)


def ask_to_type(what: str) -> None:
    """If standard input is a terminal, ask the user to type `what`, and tell how to end it."""
    if sys.stdin.isatty():
        print(f"Type {what}; Ctrl-D ends it.", file=sys.stderr)


def mute_output() -> None:
    """Discard all output from now on, because the program that reads it has ended or its disk is full."""
    with suppress(OSError):  # no more files can be opened: then the output fails again when Python flushes it
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)

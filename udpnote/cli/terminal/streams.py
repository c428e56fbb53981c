"""Standard input and output, whatever state the command was started with."""

import io
import os
import sys
from contextlib import suppress

from udpnote.cli.terminal.text import harmless


def prepare() -> None:
    """Make the streams usable: a closed one is empty, and what they cannot encode is escaped instead of raising.

    Bytes of input that are not UTF-8 become lone surrogates, which no entry may hold: they are reported where they stand.
    """
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def say(notice: str) -> None:
    """Tell whoever runs the command, on standard error; names and texts in it come from the network, and do no harm."""
    with suppress(OSError):  # the terminal is gone; the work goes on
        print(f"udpnote: {harmless(notice)}", file=sys.stderr, flush=True)


def mute_output() -> None:
    """Send what is still to be printed nowhere: whoever read it has gone, or there is no room for it."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)

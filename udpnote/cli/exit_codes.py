"""How a command ends: with an exit code, and with a message if something went wrong."""

import os
import sys
from collections.abc import Callable

from udpnote.cli.terminal import streams
from udpnote.cli.terminal.interruption import interruptible
from udpnote.errors import InvalidEntry, InvalidQuery, InvalidSetting, Notice, ServerNotFound, UdpnoteError

DONE = os.EX_OK
REFUSED = 1
USAGE = 2
"""Typer's own code for wrong usage, in place of the EX_USAGE of sysexits(3), which is 64."""
NO_SERVER = os.EX_UNAVAILABLE
"""69."""
QUEUED = os.EX_TEMPFAIL
"""75."""
INTERRUPTED = 130
"""The exit code with which a shell reports Ctrl-C: 128 and the number of the signal."""

_CODES: dict[type[UdpnoteError], int] = {
    InvalidEntry: USAGE,
    InvalidQuery: USAGE,
    InvalidSetting: USAGE,
    ServerNotFound: NO_SERVER,
}


def exit_code_of(work: Callable[[], int]) -> int:
    """Do the `work` of a command, and return the exit code that it returns.

    If an error or Ctrl-C ends the work, say what happened, without a traceback, and return the exit code for that.
    """
    try:
        with interruptible():
            code = work()
            sys.stdout.flush()
            return code
    except UdpnoteError as error:
        streams.say(error.notice)
        return next((code for kind, code in _CODES.items() if isinstance(error, kind)), REFUSED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the program that read the output has ended, so nobody would read a message
        streams.mute_output()
        return REFUSED
    except OSError as error:  # of the standard streams: for files and sockets, storage/ and lan/ raise an `UdpnoteError`
        streams.mute_output()
        streams.say(Notice("output_not_written", problem=error.strerror))
        return REFUSED

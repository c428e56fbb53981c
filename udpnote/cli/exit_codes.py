"""How a command ends: with an exit code, and with a message where something went wrong."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from udpnote.cli.terminal import streams
from udpnote.cli.terminal.interruption import interruptible
from udpnote.errors import InvalidEntry, InvalidQuery, InvalidSetting, Queued, ServerNotFound, UdpnoteError

DONE = 0
REFUSED = 1
USAGE = 2
NO_SERVER = 69
"""EX_UNAVAILABLE of sysexits(3)."""
QUEUED = 75
"""EX_TEMPFAIL of sysexits(3)."""
INTERRUPTED = 130
"""What a shell reports for Ctrl-C: 128 and the signal's number."""

_EXIT_CODES: dict[type[UdpnoteError], int] = {
    InvalidEntry: USAGE,
    InvalidQuery: USAGE,
    InvalidSetting: USAGE,
    ServerNotFound: NO_SERVER,
    Queued: QUEUED,
}

_Params = ParamSpec("_Params")


def reporting(command: Callable[_Params, int]) -> Callable[_Params, None]:
    """Run a command that gives its exit code; what goes wrong becomes a message and an exit code, never a traceback."""

    @functools.wraps(command)
    def run(*args: _Params.args, **kwargs: _Params.kwargs) -> None:
        try:
            with interruptible():
                code = command(*args, **kwargs)
                sys.stdout.flush()
        except UdpnoteError as error:
            streams.say(str(error))
            code = next((code for kind, code in _EXIT_CODES.items() if isinstance(error, kind)), REFUSED)
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BrokenPipeError:  # whoever read our output has gone; there is nobody left to tell
            streams.mute_output()
            code = REFUSED
        except OSError as error:  # of the standard streams: those of files and sockets have become ours in their rooms
            streams.mute_output()
            streams.say(f"cannot write the output ({error.strerror}): what was done is done")
            code = REFUSED
        raise typer.Exit(code)

    return run

"""How a command ends: with an exit code, and with a message if something went wrong."""

import errno
import os
import sys
from collections.abc import Callable, Iterable

from udpnote.cli.terminal import streams
from udpnote.cli.terminal.interruption import interruptible
from udpnote.errors import OUT_OF_FILES, InvalidEntry, InvalidQuery, InvalidSetting, Notice, ServerNotFound, UdpnoteError

DONE = os.EX_OK
"""0: the command has done its work."""

REFUSED = 1
"""1: the command could not do all of its work."""

USAGE = 2
"""2: a wrong option, argument or setting. It is the code that typer uses, not the EX_USAGE of sysexits(3), which is 64."""

NO_SERVER = os.EX_UNAVAILABLE
"""69: no server answered."""

QUEUED = os.EX_TEMPFAIL
"""75: an entry is queued, and will be sent again."""

INTERRUPTED = 130
"""Ctrl-C ended the command. As in a shell, the code is 128 plus the number of the signal."""

_CODES: dict[type[UdpnoteError], int] = {
    InvalidEntry: USAGE,
    InvalidQuery: USAGE,
    InvalidSetting: USAGE,
    ServerNotFound: NO_SERVER,
}


def exit_code_for(error: UdpnoteError) -> int:
    """Return the exit code of a command that ends because of `error`.

    It is USAGE for a wrong argument or setting, NO_SERVER for a `ServerNotFound`, and REFUSED for every other error.
    """
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), REFUSED)


def exit_code_of_change(work: Callable[[], int]) -> int:
    """Call `work`, the function of a command that changes something, and return an exit code, as `exit_code_of` does.

    If standard output cannot be written, `work` goes on, and later output is discarded. At the end, a message says that not all
    results were printed and, if the exit code was DONE, that all work was done. DONE then becomes REFUSED, because the user has
    not seen all results. If the reader of a pipe has ended, DONE stays DONE, because that reader did not want the rest.
    """
    with streams.optional_output() as output:
        code = exit_code_of(work)
    if output.error is None:
        return code
    streams.say(Notice("change_not_printed" if code == DONE else "not_all_printed", problem=output.error.strerror))
    return REFUSED if code == DONE and not isinstance(output.error, BrokenPipeError) else code


def exit_code_of(work: Callable[[], int]) -> int:
    """Call `work`, the function of a command, and flush standard output. Return the exit code that `work` returns.

    If `work` raises an `UdpnoteError`, print its message on standard error without a traceback, and return the error's exit
    code (see `exit_code_for`). If the error says that no server has answered, also recommend `udpnote doctor`. After Ctrl-C,
    print nothing and return INTERRUPTED.

    If standard output cannot be written, discard later output, print a message and return REFUSED. There is no message if the
    reason is that the reader of a pipe has ended.
    """
    try:
        with interruptible():
            code = work()
            sys.stdout.flush()
            return code
    except UdpnoteError as error:
        streams.say(error.notice)
        recommend_doctor([error.notice])
        return exit_code_for(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # from a standard stream, or from a module import: see `_notice_of`
        return exit_code_without_output(error)


def exit_code_without_output(error: OSError) -> int:
    """Handle `error`, which has ended a command, most likely because it could not print. Return the exit code REFUSED.

    Later output is discarded. A message names the error, unless the reader of a pipe has ended, as in `udpnote list | head`:
    that reader did not want the rest.
    """
    if not isinstance(error, BrokenPipeError):
        streams.say(_notice_of(error))
    streams.mute_output()
    return REFUSED


def _notice_of(error: OSError) -> Notice:
    """Return the notice about `error`, an `OSError` that ends a command.

    Most such errors come from a standard stream, because other files and sockets raise an `UdpnoteError`. Some come from
    elsewhere, for example from the import of a module that fails. Such an error has a file name, or an error number that a
    failing write never has, or was raised outside of `udpnote.cli`, the only package that uses standard streams.
    """
    if error.errno in OUT_OF_FILES:
        return Notice("too_many_open_files", problem=error.strerror)
    if error.filename is not None:
        return Notice("command_cut_short_at_file", path=str(error.filename), problem=error.strerror)
    if error.errno in (errno.ENOENT, errno.ENOMEM) or not _module_of(error).startswith("udpnote.cli"):
        return Notice("command_cut_short", problem=error.strerror)
    return Notice("output_not_written", problem=error.strerror)


def _module_of(error: OSError) -> str:
    """The name of the last module of udpnote in the traceback of `error`; empty if there is none."""
    module, traceback = "", error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_globals["__name__"]
        module = name if name.startswith("udpnote.") else module
        traceback = traceback.tb_next
    return module


UNANSWERED = {
    "no_answer_on_lan",
    "no_answer_at_server",
    "no_answer_yet",
    "no_answer_to_reading",
    "no_answer_to_import",
    "key_not_found",
}
"""The kinds of the notices that say that no server has answered."""


def _has_obstacle(server: object) -> bool:
    """Whether `server` is a `SilentServer` to which this machine could not send anything: its notice says why."""
    return getattr(server, "obstacle", None) is not None


def recommend_doctor(reasons: Iterable[Notice]) -> None:
    """Print a message that recommends `udpnote doctor`, if one of the notices `reasons` says that no server has answered, and
    does not say why.
    """
    if any(reason.kind in UNANSWERED and not _has_obstacle(reason.values.get("server")) for reason in reasons):
        streams.say(Notice("ask_the_doctor"))

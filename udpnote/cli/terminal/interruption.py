"""Ctrl-C: `KeyboardInterrupt` while a command does its work, and before and after it a silent end of the process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Have Ctrl-C raise `KeyboardInterrupt` in the block, where it would otherwise end the process (see `udpnote.__main__`).

    A handler that the block itself has set stays, and so does any that whoever called it has.
    """
    is_deadly = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    if is_deadly:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if is_deadly and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

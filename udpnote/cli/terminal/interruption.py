"""Ctrl-C raises `KeyboardInterrupt` while a command works; before and after that, it ends the process silently."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Make Ctrl-C raise `KeyboardInterrupt` in the block, if it would end the process (see `udpnote.__main__`).

    Handlers that are set already, or that the block sets, stay.
    """
    is_deadly = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    if is_deadly:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if is_deadly and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

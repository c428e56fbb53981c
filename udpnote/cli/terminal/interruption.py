"""Makes Ctrl-C raise `KeyboardInterrupt` while a command works.

Before and after that, Ctrl-C ends the process silently: `udpnote.__main__` makes that so.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Make Ctrl-C raise `KeyboardInterrupt` in the block, if it would end the process otherwise.

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

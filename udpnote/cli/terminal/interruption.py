"""Makes Ctrl-C raise `KeyboardInterrupt` while a command works.

Before and after that, Ctrl-C ends the process at once and without a message, because `udpnote.__main__` sets SIG_DFL.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block, let Ctrl-C raise `KeyboardInterrupt`; after the block, let it end the process (SIG_DFL) again.

    If SIGINT is ignored or has a handler before, nothing is changed. A handler that the block sets stays after the block.
    """
    is_deadly = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    if is_deadly:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if is_deadly and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

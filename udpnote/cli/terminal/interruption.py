"""Makes Ctrl-C raise `KeyboardInterrupt` while a command works.

Before and after that, Ctrl-C ends the process at once and without a message, because `udpnote.__main__` sets SIG_DFL.
"""

import os
from _signal import SIG_DFL, SIG_IGN, SIGINT, getsignal, signal  # `signal` itself would make enums of all signals first
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block, let Ctrl-C raise `KeyboardInterrupt`; after the block, let it end the process (SIG_DFL) again.

    If SIGINT is ignored or has a handler before, nothing is changed. A handler that the block sets stays after the block.
    """
    is_deadly = getsignal(SIGINT) == SIG_DFL
    if is_deadly:
        signal(SIGINT, _interrupt)
    try:
        yield
    finally:
        if is_deadly and getsignal(SIGINT) is _interrupt:
            signal(SIGINT, SIG_DFL)


@contextmanager
def uninterruptible() -> Iterator[None]:
    """In the block, ignore Ctrl-C: for a few quick steps that belong together."""
    before = signal(SIGINT, SIG_IGN)
    try:
        yield
    finally:
        signal(SIGINT, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt`. If an output is a terminal, it shows `^C` now, so what comes next begins on a new line."""
    for descriptor in (2, 1):
        if os.isatty(descriptor):
            with suppress(OSError):  # the terminal was closed
                os.write(descriptor, b"\n")
            break
    raise KeyboardInterrupt

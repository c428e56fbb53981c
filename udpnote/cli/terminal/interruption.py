"""Makes Ctrl-C raise `KeyboardInterrupt` while a command works, and other signals `SystemExit` where it has temporary files.

Before and after that, they end the process at once and without a message. `udpnote.__main__` sets SIG_DFL for Ctrl-C.
"""

import os
from _signal import (
    SIG_DFL,
    SIG_IGN,
    SIGHUP,
    SIGINT,
    SIGTERM,
    getsignal,
    signal,
)  # `signal` itself would make enums of all signals first
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
def ending_in_order() -> Iterator[None]:
    """In the block, let SIGTERM and SIGHUP raise `SystemExit`, so that the block removes its temporary files.

    Its code is the one that a shell gives to a process that was ended by the signal. SIGHUP comes when the terminal is closed.
    A signal that is ignored, as by nohup(1), stays ignored. After the first signal, further ones are ignored in the block.
    """
    codes = []

    def end(number: int, _frame: FrameType | None) -> None:
        codes.append(128 + number)
        for each in caught:
            signal(each, SIG_IGN)
        raise SystemExit(codes[0])

    caught = [number for number in (SIGTERM, SIGHUP) if getsignal(number) == SIG_DFL]
    for number in caught:
        signal(number, end)
    try:
        yield
    except KeyboardInterrupt:
        if codes:  # SQLite says of any signal only that it was interrupted
            raise SystemExit(codes[0]) from None
        raise
    finally:
        for number in caught:
            signal(number, SIG_DFL)


@contextmanager
def uninterruptible() -> Iterator[None]:
    """In the block, ignore Ctrl-C, SIGTERM and SIGHUP: for a few quick steps that belong together."""
    before = {number: signal(number, SIG_IGN) for number in (SIGINT, SIGTERM, SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt`. If an output is a terminal, it shows `^C` now, so what comes next begins on a new line."""
    for descriptor in (2, 1):
        if os.isatty(descriptor):
            with suppress(OSError):  # the terminal was closed
                os.write(descriptor, b"\n")
            break
    raise KeyboardInterrupt

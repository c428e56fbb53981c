"""Makes Ctrl-C raise `KeyboardInterrupt` while a command works, and SIGTERM and SIGHUP `SystemExit` while it has temporary
files.

At all other times these signals end the process at once, without a message. `udpnote.__main__` sets SIG_DFL for Ctrl-C.
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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

from udpnote.cli.terminal.streams import say
from udpnote.errors import Notice


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block, let Ctrl-C raise `KeyboardInterrupt`. After the block, let Ctrl-C end the process again (SIG_DFL).

    If SIGINT was ignored or had a handler before, nothing is changed. A handler that the block sets stays after the block.
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

    The code of `SystemExit` is 128 plus the number of the signal, as in a shell. SIGHUP comes when the terminal is closed. A
    signal that was ignored before, as by nohup(1), stays ignored. After the first signal, the block ignores further ones.
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
        if codes:  # SQLite reports every signal as an interruption
            raise SystemExit(codes[0]) from None
        raise
    finally:
        for number in caught:
            signal(number, SIG_DFL)


@contextmanager
def uninterruptible() -> Iterator[None]:
    """In the block, ignore Ctrl-C, SIGTERM and SIGHUP. This is for a few quick steps that belong together."""
    before = {number: signal(number, SIG_IGN) for number in (SIGINT, SIGTERM, SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal(number, handler)


@contextmanager
def uninterruptible_later() -> Iterator[Callable[[], None]]:
    """Yields a function. After it was called, Ctrl-C, SIGTERM and SIGHUP are ignored until the end of the block.

    It is called before the last step of the work, so that a command that was interrupted has not done that step.
    """
    with ExitStack() as stack:
        yield lambda: stack.enter_context(uninterruptible())


@contextmanager
def saying_if_interrupted(notice: Notice) -> Iterator[None]:
    """If Ctrl-C or a signal of `ending_in_order` ends the block, print `notice`."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        say(notice)
        raise


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt`. On a terminal, first end the line on which it shows `^C`."""
    for descriptor in (2, 1):
        if os.isatty(descriptor):
            with suppress(OSError):  # the terminal was closed
                os.write(descriptor, b"\n")
            break
    raise KeyboardInterrupt

"""Decides what Ctrl-C, SIGTERM and SIGHUP do while a command works.

Ctrl-C raises `KeyboardInterrupt`. While a command has temporary files, SIGTERM and SIGHUP raise `SystemExit`. At all other
times these signals end the process at once, without a message. For Ctrl-C, `udpnote.__main__` arranges that (SIG_DFL).
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

    If SIGINT was ignored or had a handler before the block, nothing is changed. A handler that is set within the block stays
    after it.
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
    """In the block, let SIGTERM and SIGHUP raise `SystemExit`, so that the block can remove its temporary files.

    The code of `SystemExit` is 128 plus the number of the signal, as in a shell. SIGHUP comes when the terminal is closed. A
    signal that was ignored before, as nohup(1) does it, stays ignored. After the first signal, the block ignores further ones.
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
        if codes:  # `end` was called within SQLite, and storage/ has raised `KeyboardInterrupt` in place of its `SystemExit`
            raise SystemExit(codes[0]) from None
        raise
    finally:
        for number in caught:
            signal(number, SIG_DFL)


@contextmanager
def uninterruptible() -> Iterator[None]:
    """In the block, ignore Ctrl-C, SIGTERM and SIGHUP. Use this for a few quick steps that must all be done or none."""
    before = {number: signal(number, SIG_IGN) for number in (SIGINT, SIGTERM, SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal(number, handler)


@contextmanager
def uninterruptible_later() -> Iterator[Callable[[], None]]:
    """The block gets a function. From the call of this function to the end of the block, Ctrl-C, SIGTERM and SIGHUP are
    ignored.

    The block must call the function just before the last step of its work. So if a signal ends the block, that step was not
    begun.
    """
    with ExitStack() as stack:
        yield lambda: stack.enter_context(uninterruptible())


@contextmanager
def saying_if_interrupted(notice: Notice) -> Iterator[None]:
    """In the block, if Ctrl-C or a signal of `ending_in_order` raises its exception, print `notice`, and raise the exception
    again.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        say(notice)
        raise


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Handle Ctrl-C: raise `KeyboardInterrupt`. On a terminal, which shows `^C`, first begin a new line."""
    for descriptor in (2, 1):
        if os.isatty(descriptor):
            with suppress(OSError):  # the terminal was closed
                os.write(descriptor, b"\n")
            break
    raise KeyboardInterrupt

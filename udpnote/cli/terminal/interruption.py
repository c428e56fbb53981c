"""Decides what Ctrl-C, SIGTERM and SIGHUP do while a command works.

Each of them ends the process at once, without a message, unless a context manager changes that for its block. Every command
works in `interruptible`, where Ctrl-C raises `KeyboardInterrupt`. A block that has temporary files can use `ending_in_order`,
where SIGTERM and SIGHUP raise `SystemExit`.

Python itself would let Ctrl-C raise `KeyboardInterrupt` everywhere; `udpnote.__main__` prevents that (SIG_DFL).
"""

import os
from _signal import (
    ITIMER_REAL,
    SIG_DFL,
    SIG_IGN,
    SIGALRM,
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGTERM,
    getsignal,
    setitimer,
    signal,
)  # `signal` itself would make enums of all signals first
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from udpnote.cli.terminal.streams import say
from udpnote.errors import Notice

SIGNAL_CHECK_SECONDS = 0.25
"""The interval at which `noticing_signals` interrupts a call that waits. A person does not notice this delay after Ctrl-C."""


def exit_code_in_shell(return_code: int) -> int:
    """The exit code that a shell shows for a program with Python's `return_code`, which is negative if a signal has ended the
    program. A shell adds the signal's number to 128.
    """
    return return_code if return_code >= 0 else 128 - return_code


@contextmanager
def noticing_signals() -> Iterator[None]:
    """In the block, let no signal be missed while a call waits, for example for a line that the user types.

    Python looks for signals before such a call, and when a signal interrupts the call. If a signal arrives between that look
    and the wait itself, nothing interrupts the call, and Python would run the handler only after the wait. So in the block a
    timer interrupts the call every `SIGNAL_CHECK_SECONDS`. Then Python runs the handlers of all signals that have arrived, and
    waits again if none of them has raised an exception. Only the main thread may use this.
    """
    before = signal(SIGALRM, lambda _number, _frame: None)  # not SIG_IGN, which would interrupt nothing
    setitimer(ITIMER_REAL, SIGNAL_CHECK_SECONDS, SIGNAL_CHECK_SECONDS)
    try:
        yield
    finally:
        setitimer(ITIMER_REAL, 0)
        signal(SIGALRM, before)


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
    signal that was ignored before (by nohup(1), for example) or had a handler is left alone. After the first signal, the block
    ignores further ones.
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
def giving_terminal_back() -> Iterator[None]:
    """In the block, if SIGTERM, SIGHUP or SIGQUIT (Ctrl-\\) ends the process, first give the terminal back its settings.

    These are the settings from before a block that changes them, for example so that the terminal does not show what is typed.
    Standard input must be the terminal. If a shell has put the process into the background when the signal comes, the terminal
    stays as it is, because the shell uses it. A signal that was ignored or had a handler before is left alone.
    """
    import termios  # here, because only prompts need it

    settings = termios.tcgetattr(0)

    def end(number: int, _frame: FrameType | None) -> None:
        if not _is_in_background():
            with suppress(termios.error):  # the terminal was closed
                termios.tcsetattr(0, termios.TCSANOW, settings)
        signal(number, SIG_DFL)
        os.kill(os.getpid(), number)

    caught = [number for number in (SIGTERM, SIGHUP, SIGQUIT) if getsignal(number) == SIG_DFL]
    for number in caught:
        signal(number, end)
    try:
        yield
    finally:
        for number in caught:
            signal(number, SIG_DFL)


@contextmanager
def interruptible_until_last_step(notice: Notice | None = None) -> Iterator[Callable[[], None]]:
    """In the block, let SIGTERM and SIGHUP raise `SystemExit`, as `ending_in_order` does. If one of them or Ctrl-C ends the
    block, print `notice`, unless it is None.

    The block gets a function, which it must call just before the last step of its work. From this call to the end of the
    block, Ctrl-C, SIGTERM and SIGHUP are ignored. So if a signal ends the block, that step was not begun.
    """
    before: dict[int, Any] = {}

    def begin_last_step() -> None:
        before.update({number: signal(number, SIG_IGN) for number in (SIGINT, SIGTERM, SIGHUP)})

    with ending_in_order():
        try:
            yield begin_last_step
        except (KeyboardInterrupt, SystemExit):
            if notice is not None:
                say(notice)
            raise
        finally:
            for number, handler in before.items():
                signal(number, handler)


def _is_in_background() -> bool:
    """Whether a shell runs this process in the background of the terminal at standard input."""
    try:
        return os.tcgetpgrp(0) != os.getpgrp()
    except OSError:  # the terminal was closed, or does not belong to this session: then no shell of the session uses it
        return False


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Handle Ctrl-C: raise `KeyboardInterrupt`. On a terminal, which shows `^C`, first begin a new line."""
    for descriptor in (2, 1):
        if os.isatty(descriptor):
            with suppress(OSError):  # the terminal was closed
                os.write(descriptor, b"\n")
            break
    raise KeyboardInterrupt

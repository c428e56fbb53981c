"""Interrupts code as Ctrl-C may: between two of its steps, or just before it waits."""

import fcntl
import gc
import os
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tests.support.processes import DEADLINE_SECONDS, eventually


@contextmanager
def interrupted_after(steps: int) -> Iterator[None]:
    """Raise `KeyboardInterrupt` in the block when `steps` lines of Python have begun, in any module."""
    left = steps

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
        if not left:
            sys.settrace(before)
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    gc.disable()  # an exception in a finalizer of other tests' objects would be ignored
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        gc.enable()


@contextmanager
def interrupted_late() -> Iterator[int]:
    """Give the block a pipe that it must read until `KeyboardInterrupt`. The block gets SIGINT while it waits for the pipe.

    Another thread takes the signal, so nothing interrupts the wait, as if the signal had come just before it. If nothing else
    ends the wait, this writes to the pipe in the end, and then fails.
    """
    reader, writer = os.pipe()
    is_noticed, was_noticed = threading.Event(), list[bool]()

    def take_signal() -> None:
        os.write(writer, b"{")
        eventually(lambda: not _unread_bytes(reader))
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        was_noticed.append(is_noticed.wait(DEADLINE_SECONDS))
        os.close(writer)

    thread = threading.Thread(target=take_signal)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        yield reader
    finally:
        is_noticed.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
        os.close(reader)
    assert was_noticed == [True], "the wait went on after the signal"


def _unread_bytes(reader: int) -> int:
    return int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, bytes(4)), "little")

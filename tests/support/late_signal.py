"""A signal that interrupts no wait, as if it had come just before the wait."""

import fcntl
import os
import signal
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.processes import DEADLINE_SECONDS, eventually


@contextmanager
def interrupted_late() -> Iterator[int]:
    """Give the block a pipe that it must read until `KeyboardInterrupt`. The block gets SIGINT while it waits for the pipe.

    Another thread takes the signal, so nothing interrupts the wait. If nothing else ends the wait, this writes to the pipe in
    the end, and then fails.
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

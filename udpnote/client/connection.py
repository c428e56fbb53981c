"""A client's connection to the network: its sockets, its clock, its random numbers, and the lock for its threads.

The sockets, the clock and the random numbers are arguments, so that a test or a simulation can run the client in simulated time
on a simulated network. The client waits in one place only: in `receive` of its endpoint. There a simulated endpoint lets the
simulated time pass until a datagram arrives, `wake` is called or the timeout is over, and then returns. To run many clients in
one process, give each a thread and let only one thread run at a time: `receive` passes control to the scheduler and waits until
the scheduler resumes it. To crash a client, let `receive` or `send` raise an exception that derives from BaseException but not
from Exception: then the client does not write to its outbox any more.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Protocol

from udpnote.clock import wall_microseconds
from udpnote.errors import ClientClosed
from udpnote.lan.endpoint import ProbeAttempt
from udpnote.model.address import Address, Datagram

LOCK_POLL_SECONDS = 0.01
"""How often a thread that waits for the lock wakes the thread that holds it and waits for datagrams. One wake-up is not enough:
the woken thread may take the lock again before this one gets it."""


class Clock(Protocol):
    """The clock of a client."""

    def monotonic(self) -> float:
        """Seconds since some moment in the past; never set back."""

    def microseconds(self) -> int:
        """Microseconds since 1970 UTC."""

    def utc_offset_minutes(self) -> int:
        """How many minutes local time is ahead of UTC now."""


class SystemClock:
    """The clock of this machine."""

    monotonic = staticmethod(time.monotonic)
    microseconds = staticmethod(wall_microseconds)

    def utc_offset_minutes(self) -> int:
        """How many minutes local time is ahead of UTC now."""
        return time.localtime().tm_gmtoff // 60


class ClientEndpoint(Protocol):
    """The sockets of a client; `udpnote.lan.endpoint.Endpoint` has those of this machine."""

    def send(self, datagrams: Sequence[Datagram], /) -> None:
        """Send datagrams, each to its address; a datagram that cannot leave is lost."""

    def receive(self, timeout_seconds: float | None, /) -> list[Datagram]:
        """Wait for a datagram or `wake`, up to `timeout_seconds` (None: for ever), and return the datagrams that have come."""

    def wake(self) -> None:
        """End the current `receive`, or the next one at once; called by other threads and by signal handlers."""

    def probe(self, data: bytes, port: int, /) -> list[ProbeAttempt]:
        """Send `data` to `port` of every host of the LAN, and return the addresses that were tried."""

    def end_probing(self) -> None:
        """Close the sockets that only `probe` needs."""

    def close(self) -> None:
        """Close all sockets."""


class Listener(Protocol):
    """An object that gets a copy of each datagram that arrives."""

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Handle a datagram from `source`, which arrived at the monotonic time `now`."""


class Connection:
    """Shares the sockets of one client among its threads.

    A thread may call a method only while it holds the lock (`with lock():`). `lock` itself, `now` and the attributes do not
    need it.
    """

    def __init__(self, endpoint: ClientEndpoint, clock: Clock, random: Random) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.random = random
        self._listeners: list[Listener] = []
        # An RLock, because Ctrl-C may interrupt `lock` after it has taken the lock and before the `try` that gives it back. The
        # same thread can then still close the client.
        self._lock = threading.RLock()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def now(self) -> float:
        """The monotonic time in seconds."""
        return self.clock.monotonic()

    def close(self) -> None:
        """Close the sockets; from now on `lock` raises `ClientClosed`."""
        self._is_closed = True
        self.endpoint.close()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """In the block, let only this thread use the sockets and the outbox.

        If another thread holds the lock and waits for datagrams, it is woken, and gives the lock back. Raises `ClientClosed`.
        """
        if not self._lock.acquire(blocking=False):
            self.endpoint.wake()
            while not self._lock.acquire(timeout=LOCK_POLL_SECONDS):
                self.endpoint.wake()
        try:
            if self._is_closed:
                raise ClientClosed("client_closed")
            yield
        finally:
            self._lock.release()

    def add_listener(self, listener: Listener) -> None:
        """From now on pass each arriving datagram to `listener`, too, whichever thread receives it."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Pass no more datagrams to `listener`."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def receive(self, until: float) -> list[Datagram]:
        """Wait for datagrams or `wake` until the monotonic time `until` at the latest, and return the datagrams."""
        return self.endpoint.receive(None if until == float("inf") else max(0.0, until - self.now()))

    def pass_on(self, data: bytes, source: Address, now: float) -> None:
        """Pass a datagram to all listeners."""
        for listener in self._listeners:
            listener.receive_datagram(data, source, now)

"""Shares the sockets of one client among its threads: the lock, and which thread may wait for datagrams."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from udpnote.client.surroundings import ClientEndpoint, Clock, SystemClock, SystemRandomness
from udpnote.errors import ClientClosed, UdpnoteError
from udpnote.lan.probing_endpoint import ProbingEndpoint
from udpnote.model.address import Datagram
from udpnote.model.randomness import Randomness

LOCK_POLL_SECONDS = 0.01
"""While a thread waits for the lock, it ends the `receive` of the lock's holder again and again, at this interval. Once may not
be enough: the holder may call `receive` several times before it gives the lock back."""

RECEIVE_SECONDS_MAX = 86_400.0
"""`Connection.receive` waits at most so long, because epoll(7) cannot wait for more than 24 days."""


class Listener(Protocol):
    """An object to which a `Connection` passes each datagram that arrives, such as a session."""

    def receive_datagrams(self, datagrams: Sequence[Datagram], now: float) -> None:
        """Handle datagrams, each with its source address, that arrived at the monotonic time `now`."""


class _Closing(Exception):
    """Raised by `Connection.receive` when another thread closes the client, so that the block of `Connection.lock` ends.

    `lock` raises `ClientClosed` in its place. It is no `UdpnoteError`, because code in the block catches each `UdpnoteError` as
    the reason why a notebook was not found or an entry was not sent.
    """


class Connection:
    """Shares the sockets of one client among its threads, and passes arriving datagrams to listeners.

    A thread works in *rounds*: it takes the lock, sends datagrams, waits for datagrams, and gives the lock back.

    A thread may call a method only while it holds the lock (`with connection.lock():`). Only `lock`, `rest`, `wake`, `now`,
    `lock_to_close` and `is_closed` may be called, and `endpoint`, `clock`, `random` and `wakes` be used, without the lock.
    """

    def __init__(self, endpoint: ClientEndpoint, clock: Clock, random: Randomness) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.now = clock.monotonic
        """The monotonic time of `clock` in seconds."""
        self.random = random
        self.listeners: list[Listener] = []
        """The objects that get each datagram. Only `add_listener` and `remove_listener` change this list."""
        self.on_interrupted: list[Callable[[], None]] = []
        """Functions that forget a session. `lock` calls them if an error other than an `UdpnoteError`, such as Ctrl-C, ends its
        block: the error may have come between two steps of a session, so the next call must begin another session."""
        # An RLock, because Ctrl-C may interrupt `lock` after it has taken the lock and before the `try` that gives it back. The
        # same thread can then still close the client.
        self._lock = threading.RLock()
        # A thread that waits for `_lock` holds `_turn`. So the thread that has just given `_lock` back, and wants it again for
        # its next round, does not get it first.
        self._turn = threading.Lock()
        self._depth = 0  # how often the holder has taken `_lock`; 0 if nobody holds it
        self._rest = threading.Condition()  # guards the next three, and wakes threads in `rest`
        self._waiting = 0  # how many threads wait for `_lock`
        self._resting = 0
        self._news = 0  # how often datagrams were passed on or `wake` was called
        self._interrupted: dict[int, tuple[int, float]] = {}
        """For the id of each thread whose latest `receive` was ended by a thread that wants the lock: the value of `_news` when
        that `receive` began, and the monotonic time until which it would have waited."""
        self.wakes = 0
        """How often `wake` was called. A thread reads this before it looks, without the lock, for something to do. If the value
        has changed when the thread has the lock, it does not wait, because `wake` may have ended another thread's wait."""
        self._is_closing = self._is_closed = False
        self._process = os.getpid()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def lock_to_close(self) -> AbstractContextManager[None]:
        """A context manager like `lock`, for the thread that closes the client. It makes the other threads give the lock back.

        From now on, `receive` raises an error in the other threads, also in one that waits now. The error ends their blocks of
        `lock`. Without it, a thread that looks for the notebook would keep the lock for as long as it looks. Raises
        `ClientClosed` in a child process.
        """
        self._check_process()
        self._is_closing = True
        self.wake()
        return self.lock()

    def close(self) -> None:
        """Close the sockets. From then on `lock` raises `ClientClosed`."""
        self._is_closed = True
        self.endpoint.close()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A context manager: in its block, only this thread uses the sockets and the outbox.

        Waits until no other thread holds the lock. If the other thread waits for datagrams, this wakes it, so that it gives the
        lock back. A thread may take the lock again while it holds it. Raises `ClientClosed` if the client is closed, or if
        another thread closes it while the block receives. In a child process, which `os.fork` has made, always raises it.
        """
        self._check_process()
        is_next = self._turn.acquire(timeout=LOCK_POLL_SECONDS)
        try:
            if not self._lock.acquire(blocking=False):
                self._wait_for_lock()
        finally:
            if is_next:
                self._turn.release()
        try:
            self._depth += 1
            if self._is_closed:
                raise ClientClosed("client_closed")
            yield
        except _Closing:
            raise ClientClosed("client_closed") from None
        except UdpnoteError:
            raise
        except BaseException:
            for forget_session in self.on_interrupted:
                forget_session()
            raise
        finally:
            self._depth -= 1
            self._lock.release()
            if self._resting:
                self._wake_resting()

    def rest(self) -> None:
        """Let other threads work, if one of them has ended this thread's latest `receive`. Else return at once.

        A thread calls this between two rounds, without the lock. Otherwise it would take the lock again at once, and so end the
        `receive` of the other thread. The rest ends when datagrams were passed on or `wake` was called, when no other thread
        holds the lock or waits for it, or at the time until which the interrupted `receive` would have waited.
        """
        interrupted = self._interrupted.pop(threading.get_ident(), None)
        if interrupted is None:
            return
        news, until = interrupted
        with self._rest:
            self._resting += 1
            try:
                while self._news == news and (self._depth or self._waiting) and (seconds := until - self.now()) > 0:
                    self._rest.wait(None if seconds == float("inf") else seconds)
            finally:
                self._resting -= 1

    def wake(self) -> None:
        """End the `receive` that waits now, or the next one, and the rests of all threads."""
        self.wakes += 1
        self._news += 1
        self.endpoint.wake()
        self._wake_resting()

    def add_listener(self, listener: Listener) -> None:
        """From now on pass each arriving datagram also to `listener`, whichever thread receives the datagram."""
        self.listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Pass no more datagrams to `listener`. Does nothing if `listener` was not added."""
        if listener in self.listeners:
            self.listeners.remove(listener)

    def receive(self, until: float) -> list[Datagram]:
        """Wait for a datagram or `wake`, until the monotonic time `until` (infinity: for ever), and return what has arrived.

        The result is that of `ClientEndpoint.receive`. This waits for a day at most (`RECEIVE_SECONDS_MAX`), unless `until` is
        infinity. The caller passes the datagrams to the listeners with `pass_on`. If another thread has called `lock_to_close`,
        this raises an error, for which `lock` raises `ClientClosed`.
        """
        news, thread = self._news, threading.get_ident()
        seconds = min(max(0.0, until - self.now()), RECEIVE_SECONDS_MAX)
        datagrams = self.endpoint.receive(None if until == float("inf") else seconds)
        if self._is_closing:
            raise _Closing
        if self._waiting and not datagrams:
            self._interrupted[thread] = news, until
        elif self._interrupted:
            self._interrupted.pop(thread, None)
        return datagrams

    def pass_on(self, datagrams: Sequence[Datagram], now: float) -> None:
        """Pass datagrams that arrived at the monotonic time `now`, each with its source address, to all listeners."""
        for listener in self.listeners:
            listener.receive_datagrams(datagrams, now)
        self._news += 1  # seen by the threads in `rest` when this one gives the lock back

    def wait(self, until: float) -> None:
        """Wait as `receive` does, and pass on to all listeners what has arrived. A time in the past means: do not wait."""
        if datagrams := self.receive(until):
            self.pass_on(datagrams, self.now())

    def _check_process(self) -> None:
        """Raise `ClientClosed` in a child process. It shares the sockets, and does not have SQLite's locks on the outbox."""
        if os.getpid() != self._process:
            raise ClientClosed("client_of_another_process")

    def _wait_for_lock(self) -> None:
        """Take `_lock`, which another thread holds. If that thread waits for datagrams, end this wait."""
        with self._rest:
            self._waiting += 1
        try:
            self.endpoint.wake()
            while not self._lock.acquire(timeout=LOCK_POLL_SECONDS):
                self.endpoint.wake()
        finally:
            with self._rest:
                self._waiting -= 1

    def _wake_resting(self) -> None:
        with self._rest:
            self._rest.notify_all()


@contextmanager
def opened_connection(endpoint: ClientEndpoint | None, clock: Clock | None, random: Randomness | None) -> Iterator[Connection]:
    """Give the block a new `Connection` with `endpoint`, or with new sockets if that is None. It stays open after the block.

    If the block raises an error, new sockets are closed; a given `endpoint` is not. In place of a `clock` or `random` that is
    None, the connection has that of the system. Raises `TooManyOpenFiles`.
    """
    opened = endpoint if endpoint is not None else ProbingEndpoint()
    try:
        yield Connection(
            opened,
            clock if clock is not None else SystemClock(),
            random if random is not None else SystemRandomness(),
        )
    except BaseException:
        if opened is not endpoint:
            opened.close()
        raise

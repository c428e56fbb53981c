"""What a client takes from its surroundings: its sockets, its clock and its random numbers.

They are arguments, so that a test or a simulation can run the client in simulated time on a simulated network. The client waits
in one place only: in `receive` of its endpoint. There a simulated endpoint lets the simulated time pass until a datagram
arrives, `wake` is called or the timeout is over, and then returns. To run many clients in one process, give each a thread and
let only one thread run at a time: `receive` passes control to the scheduler and waits until the scheduler resumes it. To crash
a client, let `receive` or `send` raise an exception that derives from BaseException but not from Exception: then the client
does not write to its outbox any more.
"""

import os
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from udpnote.lan.probing_endpoint import ProbeAttempt
from udpnote.lan.udp_socket import SendError
from udpnote.machine.clock import wall_microseconds
from udpnote.model.address import Address, Datagram
from udpnote.model.entry import UTC_OFFSET_MINUTES_MAX

if TYPE_CHECKING:
    from udpnote.lan.host_names import HostLookup


class Clock(Protocol):
    """The clock of a client; a test or a simulation hands in its own."""

    def monotonic(self) -> float:
        """The seconds that have passed since a fixed moment in the past. The value never decreases."""

    def microseconds(self) -> int:
        """The current time in microseconds since 1970 UTC. It may jump, because the user can set the clock."""

    def utc_offset_minutes(self) -> int:
        """How many minutes local time is ahead of UTC now; negative if it is behind."""


class SystemClock:
    """The clock of this machine, with its time zone."""

    monotonic = staticmethod(time.monotonic)
    microseconds = staticmethod(wall_microseconds)

    def utc_offset_minutes(self) -> int:
        """How many minutes local time is ahead of UTC now; negative if it is behind. Kept within the limits for entries.

        A mistake in the variable TZ leads beyond these limits: the system reads `UTC+0800` as 24 hours behind UTC.
        """
        return min(max(time.localtime().tm_gmtoff // 60, -UTC_OFFSET_MINUTES_MAX), UTC_OFFSET_MINUTES_MAX)


class SystemRandomness:
    """Random numbers from the operating system, which nobody can predict.

    The class does not use the module `random`, whose import takes a millisecond.
    """

    randbytes = staticmethod(os.urandom)

    def random(self) -> float:
        """A number that is at least 0 and less than 1. It has 53 random bits, as many as a float can hold."""
        return (int.from_bytes(os.urandom(7)) >> 3) / (1 << 53)


class ClientEndpoint(Protocol):
    """The sockets of a client. `ProbingEndpoint` has real ones; a simulation hands in its own."""

    def send(self, datagrams: Sequence[Datagram], /) -> None:
        """Send each datagram, a pair of its bytes and its destination. If one cannot be sent, it is lost; nothing is raised."""

    def receive(self, timeout_seconds: float | None, /) -> list[Datagram]:
        """Wait up to `timeout_seconds`, or for ever if that is None, and return the datagrams that have arrived.

        The wait ends when a datagram arrives or `wake` is called. A datagram is a pair of its bytes and its source address. The
        list is empty after a timeout, or if only `wake` was called.
        """

    def errors(self) -> dict[Address, SendError]:
        """Return and forget why datagrams could not be sent or delivered: the latest error for each destination address."""

    def wake(self) -> None:
        """End the `receive` that waits now or, if none does, the next one. Other threads and signal handlers may call this."""

    def probe(self, data: bytes, ports: Collection[int], /) -> list[ProbeAttempt]:
        """Send `data` to the UDP `ports` of every host on the LAN. Returns a `ProbeAttempt` for each datagram, sent or not."""

    def probe_variously(self, data_for: Callable[[str, str], bytes], ports: Collection[int], /) -> list[ProbeAttempt]:
        """Like `probe`, but each datagram has its own data: the result of `data_for(interface, destination)`.

        `interface` is the name of the interface that sends the datagram, and `destination` is the IP address that it goes to.
        Both are as in `ProbeAttempt`.
        """

    def host_lookup(self, host: str, port: int, /) -> "HostLookup":
        """Prepare a lookup of the addresses of `host` with UDP `port`. Its `begin` starts it, and its end wakes `receive`."""

    def end_probing(self) -> None:
        """Close the sockets that only `probe` needs. From then on, answers that arrive at these sockets are lost."""

    def close(self) -> None:
        """Close all sockets."""

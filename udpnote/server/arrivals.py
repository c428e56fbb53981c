"""Receives datagrams for a server, and decides which of them the server handles next when it falls behind."""

from collections import Counter
from typing import Protocol

from udpnote.lan.udp_socket import BATCH_DATAGRAMS_MAX
from udpnote.model.address import Datagram
from udpnote.protocol.fair_queue import FairQueue

WAITING_DATAGRAMS_MAX = 1024
"""The most datagrams from one address that may wait: as many as a client has in flight. All waiting datagrams together take at
most 11 MiB."""

OVERLOADED_BATCH_DATAGRAMS = 128
"""The most datagrams in a batch while more datagrams wait than fit into it. A server handles such a batch in some
milliseconds."""

RECEIVES_MAX = 4
"""The most calls of `receive` for one batch. They take some 20 ms together, and clients wait for their answers meanwhile."""


class Incoming(Protocol):
    """Where datagrams arrive. A server passes its `lan.endpoint.Endpoint`."""

    def receive(self, timeout_seconds: float, /) -> list[Datagram]:
        """Wait up to `timeout_seconds` for a datagram; return those that have arrived, about `BATCH_DATAGRAMS_MAX` at most."""


class Arrivals:
    """The datagrams that arrive at `endpoint`, in batches for the server to handle.

    Usually a batch has all datagrams that have arrived. If a `receive` returns `BATCH_DATAGRAMS_MAX` of them, more are probably
    waiting in the kernel. Then this object keeps the received datagrams in a queue, and until the queue is empty again, up to
    `RECEIVES_MAX` calls of `receive` come before each batch, and a batch has at most `OVERLOADED_BATCH_DATAGRAMS` datagrams,
    taken from the senders in turn. With fewer calls of `receive`, the kernel's buffer would overflow sooner, and the kernel
    drops the datagrams of all senders alike. The queue has a share for each sender, and drops what exceeds it (see `drops`).
    """

    def __init__(self, endpoint: Incoming) -> None:
        self._endpoint = endpoint
        self._waiting: FairQueue[Datagram] = FairQueue(WAITING_DATAGRAMS_MAX)
        self._dropped = 0

    def next_batch(self, timeout_seconds: float) -> list[Datagram]:
        """Receive datagrams, and return those to handle next.

        If none is left over from earlier calls, this waits up to `timeout_seconds` until a datagram arrives.

        Returns an empty list after the timeout, or if the endpoint was woken.
        """
        arrived = self._endpoint.receive(0.0 if self._waiting else timeout_seconds)
        if not self._waiting and len(arrived) < BATCH_DATAGRAMS_MAX:
            return arrived
        self._keep(arrived)
        for _ in range(RECEIVES_MAX - 1):
            if len(arrived) < BATCH_DATAGRAMS_MAX:
                break
            arrived = self._endpoint.receive(0.0)
            self._keep(arrived)
        return [self._waiting.take() for _ in range(min(len(self._waiting), OVERLOADED_BATCH_DATAGRAMS))]

    def drops(self) -> Counter[str]:
        """How many datagrams were dropped since the last call because too many waited, as the count of "overload"."""
        dropped, self._dropped = self._dropped, 0
        return Counter({"overload": dropped} if dropped else {})

    def _keep(self, arrived: list[Datagram]) -> None:
        """Let the datagrams in `arrived` wait; drop and count those for which their sender's share has no room."""
        for datagram in arrived:
            self._dropped += not self._waiting.add(datagram, datagram[1])

"""Receives datagrams for a server, and decides which of them the server handles next when it falls behind."""

from collections import Counter
from typing import Protocol

from udpnote.lan.udp_socket import BATCH_DATAGRAMS_MAX
from udpnote.model.address import Datagram
from udpnote.protocol.fair_queue import FairQueue

WAITING_DATAGRAMS_MAX = 1024
"""The most datagrams from one address that may wait: as many as a client has in flight; fewer if several addresses send (see
`FairQueue`). The waiting datagrams of all addresses together take at most 11 MiB."""

OVERLOADED_BATCH_DATAGRAMS = 128
"""The most datagrams in a batch while the server falls behind. It handles such a batch in some milliseconds."""

RECEIVES_MAX = 4
"""The most calls of `receive` for one batch. They take some 20 ms together, in which clients wait for answers."""


class Incoming(Protocol):
    """An object that returns arriving datagrams. A server passes its `ListeningEndpoint`."""

    def receive(self, timeout_seconds: float, /) -> list[Datagram]:
        """Wait up to `timeout_seconds` for a datagram. Return the datagrams that have arrived.

        The list is empty after a timeout, or if the endpoint was woken. It has at most `BATCH_DATAGRAMS_MAX` datagrams or a few
        more; all others stay in the kernel until the next call.
        """


class Arrivals:
    """The datagrams that arrive at `endpoint`, in batches for the server to handle.

    Usually a batch has all datagrams that have arrived. But if one `receive` returns `BATCH_DATAGRAMS_MAX` of them or more, the
    server is falling behind: more are probably waiting in the kernel. From then on, this object puts datagrams into a queue,
    until the queue is empty again. Before each batch it calls `receive` up to `RECEIVES_MAX` times. A batch then has at most
    `OVERLOADED_BATCH_DATAGRAMS` datagrams, taken from the senders in turn.

    The additional calls of `receive` empty the kernel's buffer. If that overflows, the kernel drops the datagrams of all
    senders alike. The queue instead has a share for each sender, and drops only what exceeds the share (see `drops`).
    """

    def __init__(self, endpoint: Incoming) -> None:
        self._endpoint = endpoint
        self._waiting: FairQueue[Datagram] = FairQueue(WAITING_DATAGRAMS_MAX)
        self._dropped = 0

    def next_batch(self, timeout_seconds: float) -> list[Datagram]:
        """Receive datagrams, and return the datagrams to handle next.

        If no datagram is left from earlier calls, this waits up to `timeout_seconds` for one. It returns an empty list after
        the timeout, or if the endpoint was woken.
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
        """Return and reset the number of datagrams that were dropped because too many waited, under the reason "overload"."""
        dropped, self._dropped = self._dropped, 0
        return Counter({"overload": dropped} if dropped else {})

    def _keep(self, arrived: list[Datagram]) -> None:
        """Put the datagrams in `arrived` into the queue. Drop and count a datagram if its sender's share is used up."""
        for datagram in arrived:
            self._dropped += not self._waiting.add(datagram, datagram[1])

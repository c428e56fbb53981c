"""Receives datagrams for a server, and decides which of them the server handles next when it falls behind."""

from collections import Counter
from typing import Protocol

from udpnote.lan.udp_socket import BATCH_DATAGRAMS_MAX
from udpnote.model.address import Datagram
from udpnote.protocol.fair_queue import FairQueue

WAITING_DATAGRAMS_MAX = 1024
"""How many datagrams of one address may wait: as many as a client has in flight. All that wait take 11 MiB at most."""

OVERLOADED_BATCH_DATAGRAMS = 128
"""How many datagrams a batch has while more of them wait. A server handles them in some milliseconds."""

RECEIVES_MAX = 4
"""How often the server receives before it handles a batch, at most: receiving takes some 20 ms then, and others wait for it."""


class Incoming(Protocol):
    """Where datagrams arrive: `lan.endpoint.Endpoint`."""

    def receive(self, timeout_seconds: float, /) -> list[Datagram]:
        """Wait up to `timeout_seconds` for a datagram; return at most about `BATCH_DATAGRAMS_MAX` that have arrived."""


class Arrivals:
    """The datagrams that arrive at `endpoint`.

    Usually one batch takes all datagrams that have arrived. If more have, the batches are small, each address has its share of
    them, and up to `RECEIVES_MAX` full batches are received before each. Otherwise the kernel's buffer would overflow sooner,
    and the kernel drops the datagrams of all senders alike.
    """

    def __init__(self, endpoint: Incoming) -> None:
        self._endpoint = endpoint
        self._waiting: FairQueue[Datagram] = FairQueue(WAITING_DATAGRAMS_MAX)
        self._dropped = 0

    def next_batch(self, timeout_seconds: float) -> list[Datagram]:
        """The datagrams to handle next. If none is left over, waits for up to `timeout_seconds` until one arrives."""
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
        """Return how many datagrams were dropped because too many waited, and begin to count anew."""
        dropped, self._dropped = self._dropped, 0
        return Counter({"overload": dropped} if dropped else {})

    def _keep(self, arrived: list[Datagram]) -> None:
        for datagram in arrived:
            self._dropped += not self._waiting.add(datagram, datagram[1])

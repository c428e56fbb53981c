"""A bad network to order: an endpoint that loses datagrams, for demonstrations and measurements."""

from collections.abc import Callable, Sequence
from random import Random

from udpnote.lan.endpoint import Endpoint
from udpnote.lan.interfaces import Interface, lan_interfaces
from udpnote.model.address import Datagram


class LossyEndpoint(Endpoint):
    """A client's endpoint that loses a share of the datagrams in each direction, as `random` decides."""

    def __init__(self, *, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> None:
        super().__init__(list_interfaces=list_interfaces)
        self._loss = 0.0
        self._random = Random()
        self.lost = 0

    def lose(self, share: float, random: Random) -> None:
        """From now on lose this share (0 to 1) of what leaves and of what arrives."""
        self._loss, self._random = share, random

    def send(self, datagrams: Sequence[Datagram]) -> None:
        """Send what is not lost."""
        super().send(self._survivors(datagrams))

    def receive(self, timeout_seconds: float | None) -> list[Datagram]:
        """Receive what is not lost."""
        return self._survivors(super().receive(timeout_seconds))

    def _survivors(self, datagrams: Sequence[Datagram]) -> list[Datagram]:
        survivors = [datagram for datagram in datagrams if self._random.random() >= self._loss]
        self.lost += len(datagrams) - len(survivors)
        return survivors

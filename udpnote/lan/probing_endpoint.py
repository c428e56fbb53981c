"""The sockets of a client, with which it also probes the LAN.

To probe is to send a datagram to all hosts on the LAN, by broadcast and multicast. Discovery probes to find servers.
"""

import errno
import os
import socket
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from udpnote.errors import TooManyOpenFiles
from udpnote.lan.endpoint import DISCOVERY_GROUP, Endpoint
from udpnote.lan.interfaces import LIMITED_BROADCAST, Interface, lan_interfaces
from udpnote.lan.udp_socket import SendError, UdpSocket
from udpnote.model.address import Address

if TYPE_CHECKING:
    from udpnote.lan.host_names import HostLookup

THIS_MACHINE = "this machine"
"""The `interface` of a `ProbeAttempt` whose destination is a loopback address."""

NAMED_SERVER = "the named server"
"""The `interface` of a `ProbeAttempt` whose destination the user has named."""


class ProbeAttempt(NamedTuple):
    """One datagram of a probe. `destination` is the IP address that it goes to.

    `interface` is the interface's name, or one of `THIS_MACHINE` and `NAMED_SERVER`. `error` is the system's error text if the
    datagram could not be sent, and None if it was sent.
    """

    interface: str
    destination: str
    error: str | None


class ProbingEndpoint(Endpoint):
    """The sockets of a client, for IPv4 and IPv6 if this machine has them. The system chooses the ports.

    `list_interfaces` returns the network interfaces to use now; each call of `probe` calls it again. The constructor raises
    `TooManyOpenFiles`.
    """

    def __init__(self, *, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> None:
        super().__init__(list_interfaces)
        self._probe_sockets: dict[str, UdpSocket] = {}
        """For each address in `Interface.broadcasts`, a socket bound to it. So a broadcast leaves by the interface with this
        address. `probe` opens the sockets, and `end_probing` closes them.
        """
        try:
            for family, address in ((socket.AF_INET, ("", 0)), (socket.AF_INET6, ("::", 0))):
                with suppress(OSError):  # a machine without IPv4 or without IPv6 uses the other one
                    self._open(family, address).record_errors()
        except TooManyOpenFiles:
            self.close()
            raise

    def errors(self) -> dict[Address, SendError]:
        """Return and forget why datagrams could not be sent or delivered: for each destination, the latest error.

        `receive` returns at once when such an error arrives by ICMP.
        """
        return {address: error for sender in self._senders.values() for address, error in sender.errors().items()}

    def probe(self, data: bytes, ports: Collection[int]) -> list[ProbeAttempt]:
        """Send `data` to the UDP `ports` of this machine and of all hosts on the LAN.

        The datagrams leave by broadcast and multicast on each interface. Returns one `ProbeAttempt` for each datagram, even if
        the system could not send it. Until `end_probing`, `receive` returns the answers.
        """
        return self.probe_variously(lambda _interface, _destination: data, ports)

    def probe_variously(self, data_for: Callable[[str, str], bytes], ports: Collection[int]) -> list[ProbeAttempt]:
        """Like `probe`, but each datagram has its own data: the result of `data_for(interface, destination)`.

        `interface` is the name of the interface that sends the datagram, and `destination` is the IP address that it goes to.
        Both are as in `ProbeAttempt`.
        """
        present = self._list_interfaces()
        self._keep_probe_sockets({address for interface in present for address, _ in interface.broadcasts})
        attempts = []
        for sender, interface, target in self._probe_targets(present, ports):
            data = data_for(interface, target[0])
            error = sender.send(data, target) if sender is not None else os.strerror(errno.EADDRNOTAVAIL)
            attempts.append(ProbeAttempt(interface, target[0], error))
        return attempts

    def host_lookup(self, host: str, port: int) -> "HostLookup":
        """Return a lookup of the addresses of `host` with UDP `port`. It begins when the caller calls its `begin`.

        If the lookup has not ended when `begin` returns, it calls `wake` of this endpoint when it ends.
        """
        from udpnote.lan.host_names import HostLookup  # here, because most clients name no host

        return HostLookup(host, port, self.wake)

    def end_probing(self) -> None:
        """Close the sockets that `probe` opened for IPv4 broadcasts. Answers that arrive at these sockets later are lost."""
        self._keep_probe_sockets(set())

    def _keep_probe_sockets(self, addresses: set[str]) -> None:
        """For each of `addresses` without a probe socket, open one. Close the probe sockets of all other addresses."""
        for address in set(self._probe_sockets) - addresses:
            self._close_socket(self._probe_sockets.pop(address))
        for address in addresses - set(self._probe_sockets):
            with suppress(OSError, TooManyOpenFiles):  # the ProbeAttempts of this address then have an error
                self._probe_sockets[address] = self._open(socket.AF_INET, (address, 0), is_sender=False)

    def _probe_targets(
        self, present: Iterable[Interface], ports: Collection[int]
    ) -> Iterator[tuple[UdpSocket | None, str, Address]]:
        """Yield (socket, interface, destination) for each datagram of a probe to the UDP `ports`.

        `present` are the network interfaces that send the probe. The interface of a datagram is a name as in
        `ProbeAttempt`. The socket is None if it could not be opened.
        """
        ipv4, ipv6 = self._senders.get(socket.AF_INET), self._senders.get(socket.AF_INET6)
        for interface in present:
            for address, broadcast in interface.broadcasts:
                sender = self._probe_sockets.get(address)
                for target in dict.fromkeys((broadcast, LIMITED_BROADCAST)):
                    yield from ((sender, interface.name, (target, port)) for port in ports)
            if interface.has_ipv6:
                yield from ((ipv6, interface.name, (DISCOVERY_GROUP, port, 0, interface.scope)) for port in ports)
        yield from ((ipv4, THIS_MACHINE, ("127.0.0.1", port)) for port in ports)
        yield from ((ipv6, THIS_MACHINE, ("::1", port, 0, 0)) for port in ports)

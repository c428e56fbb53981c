"""The sockets of a server: at which addresses and at which port it listens for requests and for probes."""

import errno
import selectors
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from udpnote.errors import AddressInUse, AddressUnavailable
from udpnote.lan.endpoint import DISCOVERY_GROUP, Endpoint, family_of
from udpnote.lan.host_names import own_address
from udpnote.lan.interfaces import LIMITED_BROADCAST, Interface, InterfaceWatch, lan_interfaces
from udpnote.lan.udp_socket import cannot_listen
from udpnote.model.address import Address

_PORT_TRIES = 20
"""How often a server tries to get a port if it may use any port. The system chooses a free port for IPv4, but this port may be
in use for IPv6."""


class ListeningEndpoint(Endpoint):
    """The sockets of a server: at the first free one of the UDP `ports`, on one address, or on all if `bind` is None.

    `bind` is an IP address or a host name, for which `own_address` chooses one. The port 0 stands for any free port. The
    endpoint also receives probes. `list_interfaces` returns the network interfaces to use now; each call of
    `join_new_interfaces` calls it again.

    The constructor raises `TooManyOpenFiles`, `AddressInUse` if other processes use all `ports`, and `AddressUnavailable` if
    this machine does not have the address or the user may not use the port. The sockets do not use SO_REUSEADDR or
    SO_REUSEPORT, because two servers on one port would take each other's datagrams.
    """

    def __init__(self, bind: str | None, *ports: int, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> None:
        super().__init__(list_interfaces)
        self._watch: InterfaceWatch | None = None
        try:
            self._listen_at_first_free(bind, ports)
        except BaseException:
            self.close()
            raise
        self._watch_interfaces()
        self.join_new_interfaces()

    @property
    def unsent(self) -> int:
        """How many of the datagrams given to `send` the system has refused with EPERM, for example because of a firewall."""
        return sum(sender.unsent for sender in self._senders.values())

    def join_new_interfaces(self) -> None:
        """Join the multicast group of IPv6 probes on each interface that has IPv6 and has not joined it yet.

        On Linux, `receive` does this by itself when an interface gets an IPv6 address.
        """
        listener = self._senders.get(socket.AF_INET6)
        if listener is not None:
            for interface in self._list_interfaces():
                if interface.has_ipv6:
                    listener.join(DISCOVERY_GROUP, interface.scope)

    def close(self) -> None:
        """Close all sockets. A second call does nothing."""
        super().close()
        if self._watch is not None:
            self._watch.close()

    def _watch_interfaces(self) -> None:
        """Let `receive` notice when an interface of this machine gets an IPv6 address, if the system reports this."""

        def record_change() -> None:
            watch.drain()
            self.join_new_interfaces()

        with suppress(OSError):  # then the caller must call `join_new_interfaces` from time to time
            watch = self._watch = InterfaceWatch()
            self._selector.register(watch, selectors.EVENT_READ, record_change)

    def _listen_at_first_free(self, bind: str | None, ports: Sequence[int]) -> None:
        """Listen at the first of `ports` that is free. For `bind` and the errors, see the class.

        If there are several `ports`, a port also counts as taken if another server receives the probes that are sent to it.
        """
        for port in ports:
            try:
                if bind is None:
                    self._listen_everywhere(port)
                else:
                    self._listen_at(own_address(bind, port), self._list_interfaces(), needs_probes=len(ports) > 1)
                return
            except AddressInUse:
                self._close_sockets()
                if len(ports) == 1:
                    raise
        raise AddressInUse("ports_taken", first=ports[0], last=ports[-1])

    def _listen_everywhere(self, port: int) -> None:
        """Open sockets on all addresses, with the same port for IPv4 and IPv6. A machine without IPv6 has only IPv4.

        If `port` is 0 and the port that the system chooses for IPv4 is in use for IPv6, this tries another one. Raises
        `AddressInUse` or `AddressUnavailable`.
        """
        for tries_left in reversed(range(_PORT_TRIES if port == 0 else 1)):
            self._bind(socket.AF_INET, ("0.0.0.0", port))
            try:
                self._bind(socket.AF_INET6, ("::", self.port, 0, 0))
                return
            except AddressUnavailable:
                return  # a machine without IPv6
            except AddressInUse:
                if not tries_left:
                    raise
                self._close_socket(self._senders.pop(socket.AF_INET))

    def _listen_at(self, address: Address, present: Iterable[Interface], *, needs_probes: bool) -> None:
        """Open a socket on `address`, and sockets on the broadcast or multicast addresses at which probes arrive.

        `present` are the network interfaces. Raises `AddressInUse` or `AddressUnavailable` if `address` cannot be used. Another
        server may listen at one of the broadcast or multicast addresses. In this case, raises `AddressInUse` if `needs_probes`
        is true. If it is false, this endpoint gets no probes that are sent to that address.
        """
        family = family_of(address)
        self._bind(family, address)
        targets: list[Address] = []
        if family == socket.AF_INET:
            own = [broadcast for interface in present for host, broadcast in interface.broadcasts if host == address[0]]
            targets = [(broadcast, self.port) for broadcast in dict.fromkeys([*own, LIMITED_BROADCAST] if own else [])]
        elif address[0] != "::":  # a socket at all addresses gets multicasts itself: see `join_new_interfaces`
            targets = [(DISCOVERY_GROUP, self.port, 0, interface.scope) for interface in present if interface.has_ipv6]
        for target in targets:
            try:
                opened = self._open(family, target, is_sender=False)
            except OSError as error:
                if needs_probes and error.errno == errno.EADDRINUSE:
                    raise cannot_listen(target, error) from error
                continue
            if len(target) == 4:
                opened.join(DISCOVERY_GROUP, target[3])

    def _bind(self, family: socket.AddressFamily, address: Address) -> None:
        """Open the socket that `send` uses for `family`, bound to `address`. Raises `AddressInUse` or `AddressUnavailable`."""
        try:
            self._open(family, address)
        except OSError as error:
            raise cannot_listen(address, error) from error

"""All UDP sockets of one server or client as one object: sends, waits for datagrams on all of them, and probes the LAN.

To probe is to send a datagram to all hosts on the LAN, by broadcast and multicast. Discovery probes to find servers.
"""

import errno
import os
import selectors
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple, Self

from udpnote.errors import AddressInUse, AddressUnavailable, TooManyOpenFiles
from udpnote.lan.interfaces import LIMITED_BROADCAST, Interface, InterfaceWatch, lan_interfaces
from udpnote.lan.udp_socket import BATCH_DATAGRAMS_MAX, SendError, UdpSocket, cannot_listen, groups, opening_sockets
from udpnote.model.address import Address, Datagram

if TYPE_CHECKING:
    from udpnote.lan.host_names import HostLookup

DISCOVERY_GROUP = "ff12::756e:6f74:65"
"""The IPv6 multicast group of the probes. Servers join it.

Its prefix ff12 means: link-local scope, not assigned by IANA (RFC 4291 §2.7). The rest is "unote" in ASCII.
"""

THIS_MACHINE = "this machine"
"""The `interface` of a `ProbeAttempt` whose destination is a loopback address."""

NAMED_SERVER = "the named server"
"""The `interface` of a `ProbeAttempt` whose destination the user has named."""

_PORT_TRIES = 20
"""How often a server tries to get a port if it may use any port. The system chooses a free port for IPv4, but this port may be
in use for IPv6."""


class ProbeAttempt(NamedTuple):
    """One datagram of a probe. `destination` is the IP address that it goes to.

    `interface` is the interface's name, or one of `THIS_MACHINE` and `NAMED_SERVER`. `error` is the system's error text if the
    datagram could not be sent, and None if it was sent.
    """

    interface: str
    destination: str
    error: str | None


class Endpoint:
    """The UDP sockets of one server or client, for IPv4 and IPv6. The class methods `client` and `listen` make an endpoint.

    The constructor and these methods raise `TooManyOpenFiles`. `list_interfaces` returns the network interfaces to use now;
    each call of `probe` or `join_new_interfaces` calls it again.
    """

    def __init__(self, *, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> None:
        self._list_interfaces = list_interfaces
        with opening_sockets(), ExitStack() as opened:
            self._selector = opened.enter_context(selectors.DefaultSelector())
            self._waker = _Waker()
            opened.pop_all()  # else the selector is closed
        self._selector.register(self._waker, selectors.EVENT_READ, self._waker.drain)
        self._watch: InterfaceWatch | None = None
        self._senders: dict[int, UdpSocket] = {}
        """The socket that sends, for each address family."""
        self._probe_sockets: dict[str, UdpSocket] = {}
        """For each address in `Interface.broadcasts`, a socket bound to it. So a broadcast leaves by the interface with this
        address. `probe` opens the sockets, and `end_probing` closes them.
        """

    @classmethod
    def client(cls, *, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> Self:
        """Make an endpoint for a client, for IPv4 and IPv6 if this machine has them. The system chooses the ports."""
        endpoint = cls(list_interfaces=list_interfaces)
        try:
            for family, address in ((socket.AF_INET, ("", 0)), (socket.AF_INET6, ("::", 0))):
                with suppress(OSError):  # a machine without IPv4 or without IPv6 uses the other one
                    endpoint._open(family, address).record_errors()
        except TooManyOpenFiles:
            endpoint.close()
            raise
        return endpoint

    @classmethod
    def listen(cls, bind: str | None, *ports: int, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> Self:
        """Make an endpoint for a server: at the first free one of the UDP `ports`, on one address, or on all if `bind` is None.

        `bind` is an IP address or a host name, for which `own_address` chooses one. The port 0 stands for any free port. The
        endpoint also receives probes. Raises `TooManyOpenFiles`, `AddressInUse` if other processes use all `ports`, and
        `AddressUnavailable` if this machine does not have the address or the user may not use the port. The sockets do not use
        SO_REUSEADDR or SO_REUSEPORT, because two servers on one port would take each other's datagrams.
        """
        endpoint = cls(list_interfaces=list_interfaces)
        try:
            endpoint._listen_at_first_free(bind, ports)
        except BaseException:
            endpoint.close()
            raise
        endpoint._watch_interfaces()
        endpoint.join_new_interfaces()
        return endpoint

    @property
    def addresses(self) -> list[Address]:
        """The addresses from which `send` sends: at most one of IPv4 and one of IPv6, IPv4 first."""
        return [self._senders[family].address for family in sorted(self._senders)]

    @property
    def port(self) -> int:
        """The UDP port of the first of `addresses`. A server has the same port for IPv4 and IPv6."""
        return self.addresses[0][1]

    @property
    def unsent(self) -> int:
        """How many of the datagrams given to `send` the system has refused with EPERM, for example because of a firewall."""
        return sum(sender.unsent for sender in self._senders.values())

    def send(self, datagrams: Sequence[Datagram]) -> None:
        """Send `datagrams`, each to its address. A datagram that the system cannot send is dropped (see `errors`, `unsent`)."""
        for address, group in groups(datagrams):
            sender = self._senders.get(_family(address))
            if sender is not None:
                sender.send_group(group, address)

    def receive(self, timeout_seconds: float | None) -> list[Datagram]:
        """Wait for a datagram or for `wake`, up to `timeout_seconds` (None: for ever). Returns the datagrams that have arrived.

        The list is empty after a timeout, or if only `wake` was called. It has at most about `BATCH_DATAGRAMS_MAX` datagrams,
        so that a flood cannot keep the caller from its other work. Each socket that has datagrams gets an equal share of this
        number, so a flood at one socket does not crowd out the datagrams at the others.
        """
        ready: list[UdpSocket] = []
        for key, _ in self._selector.select(timeout_seconds):
            if isinstance(key.data, UdpSocket):
                ready.append(key.data)
            else:
                key.data()  # the function that empties the waker, or the one that joins new interfaces
        if len(ready) == 1:
            return ready[0].receive(BATCH_DATAGRAMS_MAX)
        share = BATCH_DATAGRAMS_MAX // max(1, len(ready))
        arrivals = [(each, each.receive(share)) for each in ready]
        datagrams = [datagram for _, arrived in arrivals for datagram in arrived]
        for each, arrived in arrivals:
            if len(arrived) >= share:
                datagrams += each.receive(max(0, BATCH_DATAGRAMS_MAX - len(datagrams)))
        return datagrams

    def errors(self) -> dict[Address, SendError]:
        """Return and forget why a client's datagrams could not be sent or delivered: for each destination, the latest error.

        `receive` returns at once when such an error arrives by ICMP. For a server, there are no errors.
        """
        return {address: error for sender in self._senders.values() for address, error in sender.errors().items()}

    def wake(self) -> None:
        """End the call of `receive` that is waiting now. If none is waiting, the next call will not wait.

        Other threads and signal handlers may call this.
        """
        self._waker.wake()

    @property
    def wake_descriptor(self) -> int:
        """A file descriptor for `signal.set_wakeup_fd`. A byte written to it ends a `receive`, as `wake` does."""
        return self._waker.writer_fileno()

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
        if self._waker.fileno() < 0:
            return
        self._close_sockets()
        self._selector.close()
        self._waker.close()
        if self._watch is not None:
            self._watch.close()

    def _open(self, family: socket.AddressFamily, address: Address, *, is_sender: bool = True) -> UdpSocket:
        """Open a socket bound to `address`, and return it. `receive` returns what arrives there.

        If `is_sender` is true, `send` uses this socket for all destinations of the address family. Raises `TooManyOpenFiles`,
        and `OSError` if this machine does not have the family or cannot bind `address`.
        """
        opened = UdpSocket(family)
        try:
            opened.bind(address)
        except OSError:
            opened.close()
            raise
        self._selector.register(opened, selectors.EVENT_READ, opened)
        if is_sender:
            self._senders[family] = opened
        return opened

    def _close_socket(self, opened: UdpSocket) -> None:
        self._selector.unregister(opened)
        opened.close()

    def _close_sockets(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, UdpSocket):
                self._close_socket(key.data)
        self._senders.clear()

    def _watch_interfaces(self) -> None:
        """Let `receive` notice when an interface of this machine gets an IPv6 address, if the system reports this."""

        def record_change() -> None:
            watch.drain()
            self.join_new_interfaces()

        with suppress(OSError):  # then the caller must call `join_new_interfaces` from time to time
            watch = self._watch = InterfaceWatch()
            self._selector.register(watch, selectors.EVENT_READ, record_change)

    def _listen_at_first_free(self, bind: str | None, ports: Sequence[int]) -> None:
        """Listen at the first of `ports` that is free. For `bind` and the errors, see `listen`.

        If there are several `ports`, a port also counts as taken if another server receives the probes that are sent to it.
        """
        for port in ports:
            try:
                if bind is None:
                    self._listen_everywhere(port)
                else:
                    from udpnote.lan.host_names import own_address  # here, because only servers listen

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

        `present` are the network interfaces. Raises `AddressInUse` or `AddressUnavailable` if `address` cannot be used. If
        another server listens at one of the broadcast or multicast addresses, this raises `AddressInUse` if `needs_probes` is
        true. If it is false, this endpoint gets no probes that are sent to that address.
        """
        family = _family(address)
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


class _Waker:
    """A pair of connected sockets that wakes a selector: `wake` writes a byte to one, and the selector waits at the other."""

    def __init__(self) -> None:
        self._writer, self._reader = socket.socketpair()
        self._writer.setblocking(False)
        self._reader.setblocking(False)

    def fileno(self) -> int:
        """The descriptor of the socket that becomes readable when `wake` is called, for a selector; -1 after `close`."""
        return self._reader.fileno()

    def writer_fileno(self) -> int:
        """The descriptor of the socket to which `wake` writes a byte. A byte from a signal handler has the same effect."""
        return self._writer.fileno()

    def wake(self) -> None:
        with suppress(OSError):  # full: the selector will wake anyway; closed: nothing waits any more
            self._writer.send(b"\0")

    def drain(self) -> None:
        with suppress(OSError):
            while self._reader.recv(4096):
                pass

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if len(address) == 2 else socket.AF_INET6

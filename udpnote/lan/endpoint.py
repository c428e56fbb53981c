"""A server's or a client's place on the network: its sockets, waited for together."""

import errno
import selectors
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

from udpnote.errors import AddressInUse, AddressUnavailable, ServerNotFound
from udpnote.lan.interfaces import Interface, lan_interfaces
from udpnote.lan.udp_socket import BATCH_DATAGRAMS_MAX, UdpSocket, format_address, runs
from udpnote.model.address import Address, Datagram

DISCOVERY_GROUP = "ff12::756e:6f74:65"
"""Link-local scope, not assigned by IANA (the T flag of RFC 4291 §2.7); the rest spells "unote"."""

LIMITED_BROADCAST = "255.255.255.255"
"""Every host on the link (RFC 919 §7)."""

THIS_MACHINE = "this machine"
"""What stands for an interface in a `ProbeAttempt` to a server beside the client."""

_PORT_TRIES = 20


class ProbeAttempt(NamedTuple):
    """Where a probe went: the interface's name, the destination, and the reason if it could not leave."""

    interface: str
    destination: str
    error: str | None


class Endpoint:
    """UDP sockets for IPv4 and IPv6 that are waited for together; made by `client` or `listen`."""

    def __init__(self, *, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> None:
        self._list_interfaces = list_interfaces
        self._selector = selectors.DefaultSelector()
        self._by_family: dict[int, UdpSocket] = {}
        self._probing: dict[str, UdpSocket] = {}
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)

    @classmethod
    def client(cls, *, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> Self:
        """A client's endpoint, on ports that the system chooses."""
        endpoint = cls(list_interfaces=list_interfaces)
        for family, address in ((socket.AF_INET, ("", 0)), (socket.AF_INET6, ("::", 0))):
            with suppress(OSError):  # a machine without this family does with the other one
                endpoint._open(family, address)
        return endpoint

    @classmethod
    def listen(cls, bind: str | None, port: int, *, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> Self:
        """A server's endpoint at `port` (0: any), on the address `bind` or on all of them, reachable by discovery.

        Raises `AddressInUse` or `AddressUnavailable`. The port is not shared (no SO_REUSEADDR, no SO_REUSEPORT): two
        servers on one port would steal each other's datagrams.
        """
        endpoint = cls(list_interfaces=list_interfaces)
        try:
            if bind is None:
                endpoint._listen_everywhere(port)
            else:
                endpoint._listen_at(_own_address(bind, port), list_interfaces())
        except BaseException:
            endpoint.close()
            raise
        endpoint.refresh()
        return endpoint

    @property
    def addresses(self) -> list[Address]:
        """What the endpoint is bound to, IPv4 first."""
        return [self._by_family[family].address for family in sorted(self._by_family)]

    @property
    def port(self) -> int:
        """The port that the endpoint is bound to."""
        return self.addresses[0][1]

    def send(self, datagrams: Sequence[Datagram]) -> None:
        """Send datagrams; what cannot leave is lost."""
        for address, run in runs(datagrams):
            sender = self._by_family.get(_family(address))
            if sender is not None:
                sender.send_run(run, address)

    def receive(self, timeout_seconds: float | None) -> list[Datagram]:
        """Wait up to `timeout_seconds` (None: for ever) for a datagram or `wake`, and give all that is there.

        At most about `BATCH_DATAGRAMS_MAX`, so that a flood cannot hold the caller back from its other work.
        """
        datagrams: list[Datagram] = []
        for key, _ in self._selector.select(timeout_seconds):
            if key.data is None:
                self._drain_wakes()
            elif len(datagrams) < BATCH_DATAGRAMS_MAX:
                datagrams += key.data.receive(BATCH_DATAGRAMS_MAX - len(datagrams))
        return datagrams

    def wake(self) -> None:
        """End a `receive` that waits; for other threads and signal handlers."""
        with suppress(OSError):  # full: it is awake as it is; closed: it waits no more
            self._waker.send(b"\0")

    def probe(self, data: bytes, port: int) -> list[ProbeAttempt]:
        """Send `data` to everybody on the LAN: by broadcast and multicast on every interface, and on this machine.

        The interfaces are read anew, and one that fails is noted and passed over.
        """
        attempts = []
        present = self._list_interfaces()
        self._open_probing({address for interface in present for address, _ in interface.broadcasts})
        for interface in present:
            for address, broadcast in interface.broadcasts:
                attempts += [
                    self._attempt(self._probing.get(address), interface.name, (target, port), data)
                    for target in (broadcast, LIMITED_BROADCAST)
                ]
            if interface.has_ipv6:
                group = (DISCOVERY_GROUP, port, 0, interface.scope)
                attempts.append(self._attempt(self._by_family.get(socket.AF_INET6), interface.name, group, data))
        local: tuple[Address, ...] = (("127.0.0.1", port), ("::1", port, 0, 0))
        for target_address in local:
            sender = self._by_family.get(_family(target_address))
            attempts.append(self._attempt(sender, THIS_MACHINE, target_address, data))
        return attempts

    def end_probing(self) -> None:
        """Close what `probe` opened; answers to it are no longer received."""
        self._open_probing(set())

    def refresh(self) -> None:
        """Listen for discovery on interfaces that have appeared since the last call, too."""
        listener = self._by_family.get(socket.AF_INET6)
        if listener is not None:
            for interface in self._list_interfaces():
                if interface.has_ipv6:
                    listener.join(DISCOVERY_GROUP, interface.scope)

    def close(self) -> None:
        """Close all sockets; more than once does no harm."""
        if self._waker.fileno() < 0:
            return
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                key.data.close()
        self._selector.close()
        self._waker.close()
        self._woken.close()

    def _open(self, family: socket.AddressFamily, address: Address, *, answers: bool = True) -> UdpSocket:
        """Bind one more socket; with `answers`, it is the one that sends for its family. Raises OSError."""
        opened = UdpSocket(family)
        try:
            opened.bind(address)
        except OSError:
            opened.close()
            raise
        self._selector.register(opened, selectors.EVENT_READ, opened)
        if answers:
            self._by_family[family] = opened
        return opened

    def _listen_everywhere(self, port: int) -> None:
        for may_retry in reversed(range(_PORT_TRIES if port == 0 else 1)):
            self._bind(socket.AF_INET, ("0.0.0.0", port))
            try:
                self._bind(socket.AF_INET6, ("::", self.port, 0, 0))
                return
            except AddressUnavailable:
                return  # a machine without IPv6
            except AddressInUse:
                if not may_retry:
                    raise
                self._close_socket(self._by_family.pop(socket.AF_INET))

    def _listen_at(self, address: Address, present: Iterable[Interface]) -> None:
        """Bind `address`, and beside it what broadcasts and multicasts to its network arrive at."""
        family = _family(address)
        self._bind(family, address)
        if family == socket.AF_INET:
            own = [b for interface in present for a, b in interface.broadcasts if a == address[0]]
            targets: list[Address] = [(broadcast, self.port) for broadcast in (*own, *([LIMITED_BROADCAST] if own else []))]
        else:
            targets = [(DISCOVERY_GROUP, self.port, 0, i.scope) for i in present if i.has_ipv6]
        for target in targets:
            with suppress(OSError):  # another server listens there too: this one is found by its address
                opened = self._open(family, target, answers=False)
                if len(target) == 4:
                    opened.join(DISCOVERY_GROUP, target[3])

    def _bind(self, family: socket.AddressFamily, address: Address) -> None:
        try:
            self._open(family, address)
        except OSError as error:
            where = format_address(address)
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(
                    f"port {address[1]} is taken ({where}), most likely by another server: end that one, "
                    "or choose another port with --port"
                ) from error
            raise AddressUnavailable(
                f"cannot listen at {where} ({error.strerror}): `ip address` lists this machine's addresses, and only root "
                "may use ports below 1024"
            ) from error

    def _close_socket(self, opened: UdpSocket) -> None:
        self._selector.unregister(opened)
        opened.close()

    def _open_probing(self, addresses: set[str]) -> None:
        """Have one socket bound to each of `addresses`: what leaves from it, leaves by its interface."""
        for address in set(self._probing) - addresses:
            self._close_socket(self._probing.pop(address))
        for address in addresses - set(self._probing):
            with suppress(OSError):  # the address went away meanwhile: noted when the probe is sent
                self._probing[address] = self._open(socket.AF_INET, (address, 0), answers=False)

    @staticmethod
    def _attempt(sender: UdpSocket | None, interface: str, target: Address, data: bytes) -> ProbeAttempt:
        error = sender.send(data, target) if sender is not None else "the address is not available"
        return ProbeAttempt(interface, target[0], error)

    def _drain_wakes(self) -> None:
        with suppress(OSError):
            while self._woken.recv(4096):
                pass


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of `host`, a name or an address; raises `ServerNotFound`."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a host name"
        raise ServerNotFound(
            f"cannot resolve {host!r} ({reason}): check the name, or whether this machine is on the network"
        ) from error
    return [address for family, _, _, _, address in answers if family in (socket.AF_INET, socket.AF_INET6)]  # type: ignore[misc]


def _own_address(host: str, port: int) -> Address:
    try:
        return resolve(host, port)[0]
    except ServerNotFound as error:
        raise AddressUnavailable(
            f"cannot listen at {host!r}: it is no address of this machine. `ip address` lists them"
        ) from error


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if len(address) == 2 else socket.AF_INET6

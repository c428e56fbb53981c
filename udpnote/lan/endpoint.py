"""All UDP sockets of one server or client as one object: sends, and waits for datagrams on all of them.

`probing_endpoint` opens them for a client, and `listening_endpoint` for a server.
"""

import selectors
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from udpnote.lan.interfaces import Interface
from udpnote.lan.udp_socket import BATCH_DATAGRAMS_MAX, UdpSocket, groups, opening_sockets
from udpnote.model.address import Address, Datagram

DISCOVERY_GROUP = "ff12::756e:6f74:65"
"""The IPv6 multicast group of the probes. Servers join it.

Its prefix ff12 means: link-local scope, not assigned by IANA (RFC 4291 §2.7). The rest is "unote" in ASCII.
"""


class Endpoint:
    """The UDP sockets of one server or client, for IPv4 and IPv6. A subclass opens them.

    `list_interfaces` returns the network interfaces to use now. The constructor raises `TooManyOpenFiles`.
    """

    def __init__(self, list_interfaces: Callable[[], list[Interface]]) -> None:
        self._list_interfaces = list_interfaces
        with opening_sockets(), ExitStack() as opened:
            self._selector = opened.enter_context(selectors.DefaultSelector())
            self._waker = _Waker()
            opened.pop_all()  # else the selector is closed
        self._selector.register(self._waker, selectors.EVENT_READ, self._waker.drain)
        self._senders: dict[int, UdpSocket] = {}
        """The socket that sends, for each address family."""

    @property
    def addresses(self) -> list[Address]:
        """The addresses from which `send` sends: at most one of IPv4 and one of IPv6, IPv4 first."""
        return [self._senders[family].address for family in sorted(self._senders)]

    @property
    def port(self) -> int:
        """The UDP port of the first of `addresses`. A server has the same port for IPv4 and IPv6."""
        return self.addresses[0][1]

    def send(self, datagrams: Sequence[Datagram]) -> None:
        """Send `datagrams`, each to its address. A datagram that the system cannot send is dropped."""
        for address, group in groups(datagrams):
            sender = self._senders.get(family_of(address))
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

    def wake(self) -> None:
        """End the call of `receive` that is waiting now. If none is waiting, the next call will not wait.

        Other threads and signal handlers may call this.
        """
        self._waker.wake()

    @property
    def wake_descriptor(self) -> int:
        """A file descriptor for `signal.set_wakeup_fd`. A byte written to it ends a `receive`, as `wake` does."""
        return self._waker.writer_fileno()

    def close(self) -> None:
        """Close all sockets. A second call does nothing."""
        if self._waker.fileno() < 0:
            return
        self._close_sockets()
        self._selector.close()
        self._waker.close()

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


def family_of(address: Address) -> socket.AddressFamily:
    """The address family of `address`: that of IPv4 or IPv6."""
    return socket.AF_INET if len(address) == 2 else socket.AF_INET6

"""Finds the addresses of a host name, at once or in a thread, and which of them a server can listen at."""

import errno
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from udpnote.errors import OUT_OF_FILES, AddressUnavailable, ServerNotFound, TooManyOpenFiles
from udpnote.lan.interfaces import LIMITED_BROADCAST
from udpnote.lan.udp_socket import opening_sockets
from udpnote.model.address import Address, is_link_local, is_loopback


class HostLookup:
    """Looks up the addresses of `host` (a name or an IP address) with UDP `port`.

    `begin` starts a lookup, unless one is running. The result is in `addresses` or `failure`. A name is looked up in a thread,
    because the system may wait ten seconds or longer for a name server, and nothing can interrupt it. At the end of the lookup,
    the thread calls `on_end`. The thread does not keep the process from ending.
    """

    def __init__(self, host: str, port: int, on_end: Callable[[], None]) -> None:
        self._host, self._port, self._on_end = host, port, on_end
        self._is_running = False
        self.addresses: list[Address] = []
        """The addresses that the latest successful lookup has found; empty before the first one."""
        self.failure: ServerNotFound | None = None
        """Why the latest lookup has failed; None if it has succeeded, or if no lookup has ended yet."""

    @property
    def is_running(self) -> bool:
        """Whether a lookup has begun and not ended yet."""
        return self._is_running

    @property
    def has_no_result(self) -> bool:
        """Whether there are no current addresses: the latest lookup has failed, or no lookup has ended yet."""
        return self.failure is not None or not self.addresses

    def begin(self) -> None:
        """Begin a lookup, unless one is running.

        If `host` is an IP address, or cannot be a host name, the lookup needs no thread: it ends before this returns, and
        `on_end` is not called. The same is true if the system has no thread or file left for the lookup: `failure` is then set.
        """
        if self._is_running:
            return
        try:
            self.addresses, self.failure = resolve(self._host, self._port, flags=socket.AI_NUMERICHOST), None
        except ServerNotFound as error:
            if error.notice.kind != "host_not_resolved":  # with AI_NUMERICHOST, any name has this error
                self.failure = error
                return
            thread = threading.Thread(target=self._look_up, name="udpnote host lookup", daemon=True)
            self._is_running = True
            try:
                thread.start()
            except RuntimeError:  # the system allows no more threads now
                self._is_running, self.failure = False, error

    def _look_up(self) -> None:
        try:
            self.addresses, self.failure = resolve(self._host, self._port), None
        except ServerNotFound as error:
            self.failure = error
        self._is_running = False
        self._on_end()


def resolve(host: str, port: int, *, flags: int = 0) -> list[Address]:
    """The addresses of `host` (a name or an IP address) with UDP `port`, in the order that the system prefers.

    `flags` are flags of getaddrinfo(3). Raises `ServerNotFound` if `host` cannot be resolved.
    """
    try:
        answers = look_up(host, port, socket.SOCK_DGRAM, flags)
    except UnicodeError as error:
        raise ServerNotFound("not_a_host_name", host=host) from error
    except OSError as error:
        if error.errno in OUT_OF_FILES:
            raise ServerNotFound("too_many_open_files", problem=error.strerror) from error
        raise ServerNotFound("host_not_resolved", host=host, reason=error.strerror) from error
    found = [address for family, _, _, _, address in answers if family in (socket.AF_INET, socket.AF_INET6)]
    if not found:
        raise ServerNotFound("host_without_ip_address", host=host)
    return found


def look_up(host: str, port: int, kind: socket.SocketKind, flags: int = 0) -> list[tuple[Any, ...]]:
    """Return what getaddrinfo(3) answers for `host` (a name or an IP address) and `port`. Raises `OSError` and `UnicodeError`.

    A name with other characters than those of ASCII is looked up in UTF-8, as it is in `/etc/hosts` and in multicast DNS (RFC
    6762 §16). If that finds nothing, it is looked up as it is in DNS (IDNA, RFC 5890).
    """
    if not host.isascii():
        with suppress(OSError):
            return socket.getaddrinfo(host.encode(), port, type=kind, flags=flags)
    return socket.getaddrinfo(host, port, type=kind, flags=flags)


def own_address(host: str, port: int) -> Address:
    """The first address of `host` that other machines can reach, with `port`. If there is none, the first address of `host`.

    Raises `AddressUnavailable` if `host` cannot be resolved, and the errors of `check_own_address`. Raises `TooManyOpenFiles`
    if too many files are open.
    """
    try:
        address = min(resolve(host, port), key=is_loopback)
    except ServerNotFound as error:
        if error.notice.kind == "too_many_open_files":
            raise TooManyOpenFiles.from_notice(error.notice) from error
        raise AddressUnavailable("not_an_own_address", host=host) from error
    check_own_address(address)
    return address


def check_own_address(address: Address) -> None:
    """Raise `AddressUnavailable` if no server can listen at `address`, on any machine.

    It may be a link-local address without its interface. Or it is a broadcast or multicast address, which no host has as its
    own: the system would let a socket listen there, but no client could send a request to this server alone. Raises
    `TooManyOpenFiles`, too.
    """
    from ipaddress import ip_address  # here, because a client that looks up a host name does not need it

    if len(address) == 4 and not address[3] and is_link_local(address):
        raise AddressUnavailable("interface_missing", address=address[0])
    host = address[0]
    # Linux also lets a socket listen at an address that begins with 0, which can only be the source of a datagram (RFC 1122).
    is_group = ip_address(host).is_multicast or host == LIMITED_BROADCAST or (host.startswith("0.") and host != "0.0.0.0")
    if not is_group and len(address) == 2:
        with opening_sockets():
            trial = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with trial:  # the system knows the broadcast addresses, and refuses them to a socket without SO_BROADCAST
            is_group = trial.connect_ex((host, 1)) == errno.EACCES  # any port: connecting sends nothing
    if is_group:
        raise AddressUnavailable("not_an_own_address", host=host)

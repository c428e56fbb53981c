"""The TCP sockets at which `udpnote page` listens for browsers."""

import errno
import socket
from contextlib import ExitStack
from typing import cast

from udpnote.errors import AddressInUse, AddressUnavailable
from udpnote.lan.host_names import check_own_address, look_up
from udpnote.lan.udp_socket import cannot_listen, format_address, opening_sockets
from udpnote.model.address import Address, is_link_local

TcpSocket = socket.socket
"""A TCP socket: one that listens for connections, or a connection. Only the package `lan` imports `socket` itself."""

WAITING_CONNECTIONS_MAX = 128
"""How many connections the system keeps until they are accepted: enough if all tabs of a few phones reconnect at once."""


def listen_tcp(bind: str | None, port: int) -> list[TcpSocket]:
    """Open and return sockets that listen at TCP `port` of `bind`, an address or a host name.

    If `bind` is None, there is one socket for all IPv4 addresses and one for all IPv6 addresses; a machine without IPv4 or
    without IPv6 gets only the other one. Of the addresses of a host name, only the first is used. The port 0 stands for any
    free port, the same for both sockets.

    Raises `AddressInUse` if another process listens there. Raises `AddressUnavailable` if this machine does not have the
    address, if it is a broadcast or multicast address, if `bind` is an unknown name or a link-local address of IPv6, which
    browsers do not open, or if the user may not use the port. Also raises `TooManyOpenFiles`.
    """
    with ExitStack() as opened:
        sockets: list[TcpSocket] = []
        for family, address in _addresses(bind, port):
            if sockets and not port:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            try:
                listener = _listen(family, address)
            except OSError as error:
                if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) and bind is None:
                    continue  # a machine without IPv4 or without IPv6 uses the other one
                if error.errno == errno.EADDRINUSE:
                    raise AddressInUse("page_port_taken", port=port, address=format_address(address)) from error
                raise cannot_listen(address, error) from error
            sockets.append(opened.enter_context(listener))
        opened.pop_all()
    return sockets


def peek_byte(connection: TcpSocket) -> bytes:
    """The next byte from `connection`, which stays there to be received later; empty if the other side has ended the stream."""
    return connection.recv(1, socket.MSG_PEEK)


def _addresses(bind: str | None, port: int) -> list[tuple[socket.AddressFamily, Address]]:
    """The addresses at which to listen, each with its address family. For `bind`, `port` and the errors, see `listen_tcp`."""
    if bind is None:
        return [(socket.AF_INET, ("0.0.0.0", port)), (socket.AF_INET6, ("::", port, 0, 0))]
    try:
        found = look_up(bind, port, socket.SOCK_STREAM, socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label of the name is empty or too long
        raise AddressUnavailable("not_an_own_address", host=bind) from error
    family, address = found[0][0], cast("Address", found[0][4])
    if ":" in bind and is_link_local(address):  # a browser may open a name that has such an address
        raise AddressUnavailable("page_link_local", address=bind)
    check_own_address(address)
    return [(family, address)]


def _listen(family: socket.AddressFamily, address: Address) -> TcpSocket:
    """A socket that listens at `address`. Raises `TooManyOpenFiles`, and `OSError` if `address` cannot be used."""
    with opening_sockets():
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio would not set TCP_NODELAY
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier process may still be closing
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(WAITING_CONNECTIONS_MAX)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener

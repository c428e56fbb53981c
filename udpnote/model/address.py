"""Addresses: as the socket module represents them, and as people write the address of a server."""

from udpnote.errors import InvalidSetting, Notice

Address = tuple[str, int] | tuple[str, int, int, int]
"""A UDP address as in the socket module: (host, port) for IPv4, (host, port, flow label, scope id) for IPv6."""

Datagram = tuple[bytes, Address]
"""A UDP payload, and the address that it came from or goes to."""

DATAGRAM_BYTES_MAX = 1200
"""The longest UDP payload that udpnote sends or accepts. Each IPv6 link carries packets of at least 1,280 bytes (RFC 8200 §5),
so IPv6 never fragments a datagram of this size. The other 80 bytes are for the IP and UDP headers and the header of a
tunnel."""

SERVER_IN_ASCII = str.maketrans("：．。０１２３４５６７８９", ":..0123456789")
"""A table for `str.translate`. It replaces the full-width colon, dot and digits, which input methods for Chinese type, by ASCII
characters, so that a server's address may have them."""


def is_loopback(address: Address) -> bool:
    """Whether `address` is a loopback address (in 127.0.0.0/8, or ::1), which only this machine can reach."""
    return address[0].startswith("127.") or address[0] == "::1"


def is_link_local(address: Address) -> bool:
    """Whether `address` is a link-local address of IPv6 (in fe80::/10), which only hosts on the same link can reach."""
    from ipaddress import ip_address  # here, because a one-shot send does not need it

    return len(address) == 4 and ip_address(address[0].partition("%")[0]).is_link_local


def parse_server(server: str, default_port: int) -> tuple[str, int]:
    """The (host, port) of `server`, which is `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT` or a bare IPv6 address.

    If `server` names no port, the port is `default_port`. Raises `InvalidSetting` if `server` has none of these forms, or if
    its port is not from 1 to 65535. This function does not check whether the host exists.
    """
    if server.startswith("["):
        host, bracket, rest = server[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidSetting("server_not_bracketed", server=server)
        port = rest[1:]
    elif server.count(":") > 1:
        host, port = server, ""
    else:
        host, _, port = server.partition(":")
    if not host:
        raise InvalidSetting("server_without_host", server=server)
    if not port:
        return host, default_port
    number = _port_number(port)
    if number is None:
        raise InvalidSetting("port_of_server_invalid", server=server, port=port)
    return host, number


def parse_port(value: object, where: str | Notice) -> int:
    """Return `value`, an integer or a string of digits, as a UDP port from 1 to 65535.

    Raises `InvalidSetting` for any other value. `where` tells the reader of the error where the value comes from: an option,
    for example.
    """
    number = _port_number(value)
    if number is None:
        raise InvalidSetting("port_invalid", where=where, port=value)
    return number


def _port_number(value: object) -> int | None:
    if isinstance(value, (bool, float)):
        return None
    try:
        number = int(str(value))
    except ValueError:
        return None
    return number if 0 < number < 65536 else None

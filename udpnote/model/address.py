"""Addresses of servers: as the network gives them, and as people write them."""

from udpnote.errors import InvalidSetting

Address = tuple[str, int] | tuple[str, int, int, int]
"""As in the socket module: (host, port) for IPv4, (host, port, flow, scope) for IPv6."""

Datagram = tuple[bytes, Address]


def parse_server(server: str, default_port: int) -> tuple[str, int]:
    """`HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address, as host and port; raises `InvalidSetting`."""
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


def parse_port(value: object, where: str) -> int:
    """The UDP port `value`; raises `InvalidSetting`, which names `where` the value comes from, unless it is 1 to 65535."""
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

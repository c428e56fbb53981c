"""Addresses of servers: as the network gives them, and as people write them."""

from udpnote.errors import InvalidSetting

Address = tuple[str, int] | tuple[str, int, int, int]
"""As the socket module has it: (host, port) for IPv4, (host, port, flow, scope) for IPv6."""

Datagram = tuple[bytes, Address]


def parse_server(server: str, default_port: int) -> tuple[str, int]:
    """`HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address, as host and port; raises `InvalidSetting`."""
    if server.startswith("["):
        host, bracket, rest = server[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidSetting(f"{server!r} is not an address: write [IPV6]:PORT, for example [fe80::1%eth0]:6683")
        port = rest[1:]
    elif server.count(":") > 1:
        host, port = server, ""
    else:
        host, _, port = server.partition(":")
    if not host:
        raise InvalidSetting(f"{server!r} names no host: write HOST or HOST:PORT, for example pi.local:6683")
    return host, parse_port(port, f"the port of {server!r}") if port else default_port


def parse_port(value: object, where: str) -> int:
    """The UDP port `value`, from `where`; raises `InvalidSetting` if it is none."""
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        port = int(str(value))
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise InvalidSetting(f"{where} must be a UDP port from 1 to 65535, not {value!r}")
    return port

"""The network interfaces of this machine, with their addresses and broadcast addresses."""

import socket
from ipaddress import IPv4Address, IPv4Interface
from typing import NamedTuple


class Interface(NamedTuple):
    """One network interface.

    `scope` is its index, which is the scope id of its link-local IPv6 addresses (RFC 4007 §6). `broadcasts` has a pair for each
    of its IPv4 addresses that has a broadcast address: (address, directed broadcast address of its network). `has_ipv6` says
    whether the interface has a link-local IPv6 address.
    """

    name: str
    scope: int
    broadcasts: tuple[tuple[str, str], ...]
    has_ipv6: bool


def lan_interfaces() -> list[Interface]:
    """The interfaces that can carry probes: those with an IPv4 broadcast address or a link-local IPv6 address.

    The loopback interface usually has neither. Each call asks the operating system; if that fails, the list is empty.
    """
    import netifaces  # here, because a one-shot send to a known address needs no interfaces

    try:
        names = netifaces.interfaces()
    except OSError:
        return []  # the same as on a machine without a network: the caller then reports that no server answered
    found = []
    for name in names:
        try:
            addresses = netifaces.ifaddresses(name)
            index = socket.if_nametoindex(name)
        except (OSError, ValueError):
            continue  # the interface was removed in this moment
        broadcasts = tuple(
            (address["addr"], broadcast)
            for address in addresses.get(netifaces.AF_INET, [])
            if (broadcast := broadcast_address(address)) is not None
        )
        has_ipv6 = any(address["addr"].startswith("fe80:") for address in addresses.get(netifaces.AF_INET6, []))
        if broadcasts or has_ipv6:
            found.append(Interface(name, index, broadcasts, has_ipv6))
    return found


def no_interfaces() -> list[Interface]:
    """An empty list, for an endpoint whose probes must stay on this machine."""
    return []


def broadcast_address(address: dict[str, str]) -> str | None:
    """The broadcast address of the IPv4 address that `address` describes; None if it has none, or `address` is invalid.

    `address` has the keys `addr`, `netmask` and `broadcast`, as in netifaces. If `broadcast` is missing, 0.0.0.0 or equal to
    `addr`, the result is computed as addr | ~netmask (RFC 919 §7). Loopback addresses and addresses in networks of one or two
    addresses (/32, /31) have no broadcast address.
    """
    try:
        own = IPv4Address(address["addr"])
        if own.is_loopback:
            return None
        network = IPv4Interface(f"{own}/{address.get('netmask', '255.255.255.255')}").network
        if network.prefixlen >= 31:
            return None
        given = address.get("broadcast")
        broadcast = IPv4Address(given) if given and given != "0.0.0.0" else network.broadcast_address
    except (KeyError, ValueError):
        return None
    return str(network.broadcast_address if broadcast == own else broadcast)

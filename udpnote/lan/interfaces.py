"""Which networks this machine is on: its interfaces, their addresses and where a broadcast goes."""

import socket
from ipaddress import IPv4Address, IPv4Interface
from typing import NamedTuple


class Interface(NamedTuple):
    """One network interface: its name, and its index as `scope` (what IPv6 addresses are scoped by).

    `broadcasts` are its IPv4 addresses, each with its directed broadcast address; `has_ipv6` says whether it has a
    link-local IPv6 address.
    """

    name: str
    scope: int
    broadcasts: tuple[tuple[str, str], ...]
    has_ipv6: bool


def lan_interfaces() -> list[Interface]:
    """The interfaces that can reach somebody else, read anew from the system at every call; loopback is left out."""
    import netifaces  # here, because a one-shot send to a known address needs no interfaces

    found = []
    for name in netifaces.interfaces():
        try:
            addresses = netifaces.ifaddresses(name)
            index = socket.if_nametoindex(name)
        except (OSError, ValueError):
            continue  # it went away while we looked
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
    """No interfaces: a discovery that stays on this machine."""
    return []


def broadcast_address(address: dict[str, str]) -> str | None:
    """Where a broadcast from `address` (keys `addr`, `netmask`, `broadcast`) goes, or None if it reaches nobody.

    Without a usable `broadcast` it is computed as address | ~netmask (RFC 919 §7). Loopback and single-address (/31, /32)
    networks have none.
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

"""The network interfaces of this machine, with their addresses and broadcast addresses.

Some interfaces can carry probes, the datagrams by which discovery looks for servers on the LAN (see `endpoint`).
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

LIMITED_BROADCAST = "255.255.255.255"
"""The IPv4 address that reaches every host on the link (RFC 919 §7)."""

_IPV6_ADDRESS_CHANGES = 0x100  # RTMGRP_IPV6_IFADDR, <linux/rtnetlink.h>


class Interface(NamedTuple):
    """One network interface.

    `scope` is its index, which is the scope id of its link-local IPv6 addresses (RFC 4007 §6). `broadcasts` has a pair for each
    of its IPv4 addresses that is not a loopback address: (address, broadcast address of its network, see `broadcast_address`).
    `has_ipv6` says whether the interface has a link-local IPv6 address.
    """

    name: str
    scope: int
    broadcasts: tuple[tuple[str, str], ...]
    has_ipv6: bool


def lan_interfaces() -> list[Interface]:
    """The interfaces that can carry probes: those with a link-local IPv6 address or an IPv4 address that is not loopback.

    The loopback interface usually has neither. Each call asks the operating system; if that fails, the list is empty.
    """
    found = []
    for name, ipv4, ipv6 in _addresses_by_interface():
        try:
            index = socket.if_nametoindex(name)
        except OSError:
            continue  # the interface was removed in this moment
        broadcasts = tuple(
            (address["addr"], broadcast) for address in ipv4 if (broadcast := broadcast_address(address)) is not None
        )
        has_ipv6 = any(address["addr"].startswith("fe80:") for address in ipv6)
        if broadcasts or has_ipv6:
            found.append(Interface(name, index, broadcasts, has_ipv6))
    return found


def own_addresses() -> list[str]:
    """The IP addresses of this machine, IPv4 before IPv6, including loopback addresses, without the scope ids of IPv6.

    Each call asks the operating system; if that fails, the list is empty.
    """
    interfaces = list(_addresses_by_interface())
    addresses = [*(each for _, ipv4, _ in interfaces for each in ipv4), *(each for _, _, ipv6 in interfaces for each in ipv6)]
    return [address["addr"].partition("%")[0] for address in addresses]


def _addresses_by_interface() -> Iterator[tuple[str, list[dict[str, str]], list[dict[str, str]]]]:
    """Yield the name of each network interface, and its IPv4 and its IPv6 addresses, each with the keys of netifaces."""
    import netifaces  # here, because a one-shot send to a known address needs no interfaces

    try:
        names = netifaces.interfaces()
    except OSError:
        return  # the same as on a machine without a network: the caller then reports that no server answered
    for name in names:
        try:
            addresses = netifaces.ifaddresses(name)
        except (OSError, ValueError):
            continue  # the interface was removed in this moment
        yield name, addresses.get(netifaces.AF_INET, []), addresses.get(netifaces.AF_INET6, [])


def no_interfaces() -> list[Interface]:
    """An empty list, for an endpoint whose probes must stay on this machine."""
    return []


def broadcast_address(address: dict[str, str]) -> str | None:
    """The broadcast address of the IPv4 address that `address` describes; None if that is a loopback address or is invalid.

    `address` has the keys `addr`, `netmask` and `broadcast`, as in netifaces. If `broadcast` is missing, 0.0.0.0 or equal to
    `addr`, the result is computed as addr | ~netmask (RFC 919 §7). For a network of one or two addresses (/32, /31), which has
    no broadcast address of its own, the result is `LIMITED_BROADCAST`.
    """
    from ipaddress import IPv4Address, IPv4Interface  # here, because a one-shot send to a known address needs no interfaces

    try:
        own = IPv4Address(address["addr"])
        if own.is_loopback:
            return None
        network = IPv4Interface(f"{own}/{address.get('netmask', '255.255.255.255')}").network
        if network.prefixlen >= 31:
            return LIMITED_BROADCAST
        given = address.get("broadcast")
        broadcast = IPv4Address(given) if given and given != "0.0.0.0" else network.broadcast_address
    except (KeyError, ValueError):
        return None
    return str(network.broadcast_address if broadcast == own else broadcast)


class InterfaceWatch:
    """A descriptor that becomes readable when an interface of this machine gets or loses an IPv6 address (rtnetlink(7)).

    The constructor raises `OSError` if the system cannot report that: only Linux can.
    """

    def __init__(self) -> None:
        if not hasattr(socket, "AF_NETLINK"):
            raise OSError("no netlink")
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setblocking(False)
        self._socket.bind((0, _IPV6_ADDRESS_CHANGES))

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Read and drop the reports that have arrived. After that, only a later change makes the descriptor readable again."""
        with suppress(OSError):  # no report is left, or the system had to drop some
            while self._socket.recv(1 << 16):
                pass

    def close(self) -> None:
        """Close the descriptor."""
        self._socket.close()

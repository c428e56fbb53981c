"""Asks the Linux kernel about interfaces, routes and policy rules (rtnetlink(7)). It changes nothing and needs no root."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr
_INDEX = struct.Struct("=I")
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg, and struct fib_rule_hdr
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # struct ndmsg
_NEW_LINK, _GET_LINK, _NEW_ROUTE, _GET_ROUTE, _NEW_RULE, _GET_RULE = 16, 18, 24, 26, 32, 34
_NEW_NEIGHBOUR, _GET_NEIGHBOUR = 28, 30
_ERROR, _DONE = 2, 3
_IFF_UP, _IFF_LOWER_UP = 0x1, 0x10000
_REQUEST, _DUMP = 0x1, 0x300
_IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_INFO_KIND = 3, 4, 10, 18, 1
_RTA_DST, _RTA_OIF, _RTA_PREFSRC, _RTA_TABLE = 1, 4, 7, 15
_LOOKUP_TABLE = 0x1000  # RTM_F_LOOKUP_TABLE: the answer names the table of the route
_NDA_DST = 1
_NUD_INCOMPLETE, _NUD_REACHABLE, _NUD_FAILED, _NUD_PERMANENT = 0x01, 0x02, 0x20, 0x80
_NUD_UNDECIDED = 0x04 | 0x08 | 0x10  # NUD_STALE, NUD_DELAY and NUD_PROBE
_FRA_PRIORITY = 6
_ATTRIBUTE_TYPE = 0x3FFF  # the other bits are flags
_REPLY_BYTES = 1 << 18
_TIMEOUT_SECONDS = 1.0

STANDARD_RULES = {0, 32766, 32767}
"""The priorities of the rules that every system has, for the tables local, main and default (ip-rule(8))."""

MAIN_TABLE = 254
"""The number of the routing table main (RT_TABLE_MAIN)."""


class Link(NamedTuple):
    """A network interface as the kernel describes it.

    `number` is its index. `hardware` is its ARPHRD number, such as 1 for Ethernet. `kind` is the kind of a virtual interface,
    such as "veth", "tun" or "bridge", and empty for a real one. `mtu` is in bytes. `master` is the index of the bridge of which
    the interface is a port, or 0 if it is no such port. `is_up` says whether the interface is switched on. `is_connected` says
    whether it also has a carrier, which it lacks if its cable is connected to no machine.
    """

    number: int
    name: str
    hardware: int
    kind: str
    mtu: int
    master: int
    is_up: bool
    is_connected: bool


class Route(NamedTuple):
    """The route to an address: the index of the interface by which datagrams leave, and their source address or None.

    `table` is the number of the routing table that has the route, or 0 if the kernel does not say.
    """

    interface_index: int
    source: str | None
    table: int


def links() -> dict[int, Link]:
    """All network interfaces, by their index. Raises `OSError` if this system cannot say."""
    found = {}
    for body in _ask(_GET_LINK, _LINK.pack(0, 0, 0, 0, 0), flags=_DUMP, reply=_NEW_LINK):
        _, hardware, index, state, _ = _LINK.unpack_from(body)
        attributes = _attributes(body[_LINK.size :])
        information = _attributes(attributes.get(_IFLA_LINKINFO, b""))
        name, kind = attributes[_IFLA_IFNAME], information.get(_IFLA_INFO_KIND, b"")
        mtu, master = (_INDEX.unpack(attributes.get(each, bytes(4)))[0] for each in (_IFLA_MTU, _IFLA_MASTER))
        is_up, is_connected = bool(state & _IFF_UP), bool(state & _IFF_UP and state & _IFF_LOWER_UP)
        found[index] = Link(index, _text(name), hardware, _text(kind), mtu, master, is_up, is_connected)
    return found


def route_to(host: str) -> Route | None:
    """The route of datagrams to the IPv4 address `host`; None if the kernel names no interface.

    Raises `Refused` if there is no route; its errno says why. Raises other kinds of `OSError` if this system cannot say.
    """
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + 4, _RTA_DST) + socket.inet_aton(host)
    request = _ROUTE.pack(socket.AF_INET, 32, 0, 0, 0, 0, 0, 0, _LOOKUP_TABLE) + attribute
    for body in _ask(_GET_ROUTE, request, flags=0, reply=_NEW_ROUTE):
        attributes = _attributes(body[_ROUTE.size :])
        if _RTA_OIF in attributes:
            source = attributes.get(_RTA_PREFSRC)
            index, table = (_INDEX.unpack(attributes.get(each, bytes(4)))[0] for each in (_RTA_OIF, _RTA_TABLE))
            return Route(index, socket.inet_ntoa(source) if source else None, table)
    return None


def policy_rules() -> list[int]:
    """The priorities of the policy rules for IPv4, without `STANDARD_RULES`. Raises `OSError` if the system cannot say."""
    request = _ROUTE.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
    replies = (_attributes(body[_ROUTE.size :]) for body in _ask(_GET_RULE, request, flags=_DUMP, reply=_NEW_RULE))
    priorities = [_INDEX.unpack(each.get(_FRA_PRIORITY, bytes(4)))[0] for each in replies]
    return sorted(set(priorities) - STANDARD_RULES)


def neighbours(family: socket.AddressFamily) -> dict[tuple[str, int], bool | None]:
    """Which hosts on the links have lately answered, by ARP or by Neighbor Discovery (RFC 4861). `family` is that of IPv4 or
    IPv6. Raises `OSError` if the system cannot say.

    The keys are pairs: an IP address, and the index of the interface. The value is True if the host has lately answered, and
    False if the system has asked it and has got no answer. The value is None if the host has answered some time ago. The system
    asks such a host again about five seconds after the next datagram to it, and gives up three seconds later. A host that the
    system has never asked is left out.
    """
    found: dict[tuple[str, int], bool | None] = {}
    for body in _ask(_GET_NEIGHBOUR, _NEIGHBOUR.pack(family, 0, 0, 0, 0), flags=_DUMP, reply=_NEW_NEIGHBOUR):
        _, index, state, _, _ = _NEIGHBOUR.unpack_from(body)
        address = _attributes(body[_NEIGHBOUR.size :]).get(_NDA_DST, b"")
        if state & (_NUD_REACHABLE | _NUD_PERMANENT | _NUD_UNDECIDED | _NUD_INCOMPLETE | _NUD_FAILED):
            answers = None if state & _NUD_UNDECIDED else bool(state & (_NUD_REACHABLE | _NUD_PERMANENT))
            found[socket.inet_ntop(family, address), index] = answers
    return found


class Refused(OSError):
    """The kernel has answered a request with an error."""


def _ask(kind: int, request: bytes, *, flags: int, reply: int) -> Iterator[bytes]:
    """Send `request`, of the type `kind`, and yield the body of each answer of the type `reply`.

    `flags` is `_DUMP` to ask for all links, rules or neighbours, and 0 to ask for one route. Raises `Refused` if the kernel
    answers with an error, and other kinds of `OSError` if it cannot be asked or is silent.
    """
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError("no netlink")
    with closing(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)) as asking:
        asking.settimeout(_TIMEOUT_SECONDS)
        asking.bind((0, 0))
        asking.send(_HEADER.pack(_HEADER.size + len(request), kind, _REQUEST | flags, 1, 0) + request)
        while True:
            data = asking.recv(_REPLY_BYTES)
            while len(data) >= _HEADER.size:
                size, answer, _, _, _ = _HEADER.unpack_from(data)
                body, data = data[_HEADER.size : size], data[(size + 3) & ~3 :]
                if answer == _DONE:
                    return
                if answer == _ERROR:
                    raise Refused(-struct.unpack_from("=i", body)[0], "the kernel refuses the request")
                if answer == reply:
                    yield body
            if not flags & _DUMP:
                return


def _attributes(data: bytes) -> dict[int, bytes]:
    """The netlink attributes in `data`: a dict from the type of each attribute to its value."""
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(data)
        if size < _ATTRIBUTE.size:
            break
        found[kind & _ATTRIBUTE_TYPE] = data[_ATTRIBUTE.size : size]
        data = data[(size + 3) & ~3 :]
    return found


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")

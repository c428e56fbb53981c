"""What this host says about its network: interfaces and their kinds, routes, sockets at ports, firewalls, neighbours.

All of this can be read without root. On systems other than Linux, most functions return None, because the system does not say.
"""

import errno
import os
import pwd
import socket
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import NamedTuple

from udpnote.lan.interfaces import lan_interfaces
from udpnote.lan.netlink import MAIN_TABLE, Link, Refused, links, neighbours, policy_rules, route_to
from udpnote.lan.udp_socket import BUFFER_BYTES
from udpnote.model.address import Address

_PUBLIC_HOST = "198.51.100.1"
"""An example of a host beyond the LAN, to ask the kernel for its route: an address from the documentation network (RFC 5737).
No datagram is sent to it."""

_TUNNEL_KINDS = {"tun", "wireguard", "gre", "ipip", "sit", "vti", "xfrm", "ip6tnl", "ppp"}
_TUNNEL_HARDWARE = {512, 768, 769, 776, 778, 65534}  # ARPHRD_PPP, _TUNNEL, _TUNNEL6, _SIT, _IPGRE, _NONE
_CABLE_KINDS = {"", "bond", "team", "vlan", "macvlan"}  # kinds that lead out of the host; empty: real hardware
_CONTAINER_NAMES = ("veth", "cali")
_FORBIDDEN = (errno.EACCES, errno.EHOSTUNREACH, errno.EINVAL)  # prohibit, unreachable, blackhole: ip-route(8)
_NEIGHBOUR_PAUSE_SECONDS = 0.1  # between two questions to the kernel


class InterfaceKind(Enum):
    """The kind of a network interface."""

    ETHERNET = auto()
    WIFI = auto()
    VIRTUAL = auto()
    """An Ethernet interface without hardware of its own, such as that of a container, a VLAN or a bond."""

    BRIDGE = auto()
    """A bridge that connects other interfaces of this host, at least one of which leads out of the host."""

    CONTAINER = auto()
    """A bridge or an interface that connects this host only with its own containers or virtual machines."""

    TUNNEL = auto()
    UNKNOWN = auto()
    """This system does not say the kind."""

    @property
    def is_lan(self) -> bool:
        """Whether an interface of this kind leads neither into a tunnel nor to containers only. True for an unknown kind."""
        return self not in (InterfaceKind.CONTAINER, InterfaceKind.TUNNEL)


class HostInterface(NamedTuple):
    """A network interface that can carry probes (see `lan_interfaces`).

    `scope` is its index. `networks` has its IPv4 networks, each with the interface's own address: 192.168.1.5/24. `broadcasts`
    are the broadcast addresses of these networks, `ipv6` its IPv6 addresses, without a scope. `mtu` is in bytes, or None if
    unknown. `is_up` and `is_connected` have the same meaning as in a `netlink.Link`; they are True if the system does not say.
    """

    name: str
    scope: int
    kind: InterfaceKind
    networks: tuple[str, ...]
    broadcasts: tuple[str, ...]
    ipv6: tuple[str, ...]
    mtu: int | None
    is_up: bool = True
    is_connected: bool = True


class Detour(NamedTuple):
    """Datagrams to the IPv4 `network` of `interface` leave by another interface: `by`, of the kind `by_kind`.

    `is_in_main` says whether this route is in the routing table main. `is_strict` says whether `interface` drops datagrams that
    come from `network`, because its reverse-path filter is strict (`rp_filter` in the kernel's ip-sysctl.rst).
    """

    interface: str
    network: str
    by: str
    by_kind: InterfaceKind
    is_in_main: bool
    is_strict: bool


class Routes(NamedTuple):
    """How IPv4 datagrams leave this host.

    `detours` has a `Detour` for each network whose datagrams take one. `default` is the interface for hosts beyond the LAN, or
    None if there is no way to them. `rules` are the priorities of the policy rules beyond `STANDARD_RULES`.
    `forbidden` has (interface, network) for each network of a connected interface, if a route or rule forbids all datagrams to
    this network.
    """

    detours: tuple[Detour, ...]
    default: str | None
    rules: tuple[int, ...]
    forbidden: tuple[tuple[str, str], ...] = ()


class PortUser(NamedTuple):
    """A socket at a UDP port of this host.

    `host` is its IP address (0.0.0.0 or :: for all). `user` is its owner's login name, or the user id if there is no name.
    """

    host: str
    port: int
    user: str


def host_interfaces() -> list[HostInterface]:
    """The interfaces of this host that can carry probes."""
    known = _links()
    found = []
    for interface in lan_interfaces():
        link = known.get(interface.scope)
        kind = _kind(link, interface.name, known)
        networks, ipv6 = _addresses(interface.name)
        found.append(
            HostInterface(
                interface.name,
                interface.scope,
                kind,
                networks,
                tuple(broadcast for _, broadcast in interface.broadcasts),
                ipv6,
                link.mtu if link is not None else None,
                link is None or link.is_up,
                link is None or link.is_connected,
            )
        )
    return found


def routes(interfaces: Collection[HostInterface]) -> Routes | None:
    """Ask the kernel by which interfaces datagrams leave for the networks of `interfaces`, and for hosts beyond the LAN.

    Return the networks whose datagrams leave by another interface (`detours`) or are forbidden, and the rest of `Routes`.
    Interfaces that are not connected, or do not lead to a LAN, are not asked about. Returns None if this system does not say.
    """
    known = _links()
    detours, forbidden = [], []
    try:
        for interface in interfaces:
            for network in interface.networks if interface.kind.is_lan and interface.is_connected else ():
                try:
                    detours.append(_detour(interface, network, known))
                except Refused as refusal:
                    if refusal.errno in _FORBIDDEN:
                        forbidden.append((interface.name, str(IPv4Network(network, strict=False))))
        default = _default_route(known)
        rules = tuple(policy_rules())
    except OSError:
        return None
    return Routes(tuple(each for each in detours if each is not None), default, rules, tuple(forbidden))


def port_users(ports: Collection[int]) -> list[PortUser] | None:
    """The sockets at the UDP `ports` of this host. None if this system does not say."""
    found = []
    for name, family in (("udp", socket.AF_INET), ("udp6", socket.AF_INET6)):
        text = _read(f"/proc/net/{name}")
        if text is None and family == socket.AF_INET:
            return None
        for line in (text or "").splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if int(port, 16) in ports:
                found.append(PortUser(_address(address, family), int(port, 16), _user_name(int(fields[7]))))
    return found


def active_firewalls() -> list[str]:
    """Which of ufw and firewalld are active, as far as a user who is not root can see."""
    found = []
    if "ENABLED=yes" in (_read("/etc/ufw/ufw.conf") or "").splitlines():
        found.append("ufw")
    if any(name == "firewalld" for name in _programs()):
        found.append("firewalld")
    return found


def neighbour_answers(address: Address, *, seconds_max: float) -> bool | None:
    """Whether the host with this IP address answers on the link, by ARP or by Neighbor Discovery. The port is ignored.

    If the host has answered some time ago, the system asks it again. This waits up to `seconds_max` for the result. None if the
    result is not known: it came too late, the host is on another network or was not asked, or this system does not say.
    """
    host, scope = address[0].partition("%")[0], address[3] if len(address) == 4 else 0
    until = time.monotonic() + seconds_max
    while True:
        try:
            found = neighbours(socket.AF_INET6 if len(address) == 4 else socket.AF_INET)
        except OSError:
            return None
        answers = {answer for key, answer in found.items() if key[0] == host and scope in (0, key[1])}
        if True in answers:
            return True
        if None not in answers:
            return False if answers else None
        if time.monotonic() >= until:
            return None
        time.sleep(_NEIGHBOUR_PAUSE_SECONDS)


def granted_buffer_bytes() -> int:
    """How many bytes the system grants when a socket asks for a receive buffer of `BUFFER_BYTES`.

    Raises `OSError` if no socket can be opened.
    """
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        with suppress(OSError):
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        granted = asking.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted // 2 if os.uname().sysname == "Linux" else granted  # Linux reports twice the size: see socket(7)


def _links() -> dict[int, Link]:
    try:
        return links()
    except OSError:  # this system has no netlink
        return {}


def _kind(link: Link | None, name: str, known: dict[int, Link]) -> InterfaceKind:
    """The kind of the interface `name`. A bridge is a BRIDGE if one of its ports leads out of this host, or else a CONTAINER.

    `link` is the kernel's description of the interface, or None. `known` has the descriptions of all interfaces by their index.
    """
    if link is None:
        return InterfaceKind.UNKNOWN
    if link.kind in _TUNNEL_KINDS or link.hardware in _TUNNEL_HARDWARE:
        return InterfaceKind.TUNNEL
    if link.kind == "bridge":
        leads_out = any(each.master == link.number and each.kind in _CABLE_KINDS for each in known.values())
        return InterfaceKind.BRIDGE if leads_out else InterfaceKind.CONTAINER
    if name.startswith(_CONTAINER_NAMES):
        return InterfaceKind.CONTAINER
    if os.path.exists(f"/sys/class/net/{name}/phy80211") or os.path.exists(f"/sys/class/net/{name}/wireless"):
        return InterfaceKind.WIFI
    return InterfaceKind.VIRTUAL if link.kind else InterfaceKind.ETHERNET


def _addresses(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The IPv4 networks and the IPv6 addresses of the interface `name`, in the form of `HostInterface`."""
    import netifaces  # here, because only `udpnote doctor` asks for networks

    try:
        addresses = netifaces.ifaddresses(name)
        networks = [
            IPv4Interface(f"{each['addr']}/{each.get('netmask', 32)}").with_prefixlen
            for each in addresses.get(netifaces.AF_INET, [])
        ]
    except (OSError, ValueError):
        return (), ()  # the interface was removed in this moment, or the system describes it wrongly
    return tuple(networks), tuple(each["addr"].partition("%")[0] for each in addresses.get(netifaces.AF_INET6, []))


def _detour(interface: HostInterface, network: str, known: dict[int, Link]) -> Detour | None:
    """The `Detour` that datagrams to `network`, a network of `interface`, take; None if none is known.

    This asks for the route to one neighbour in that network. Raises `Refused` if a route or rule forbids these datagrams.
    """
    own = IPv4Address(network.partition("/")[0])
    whole = IPv4Network(network, strict=False)
    if whole.prefixlen >= 31:  # a network without neighbours
        return None
    neighbour = next(each for each in whole.hosts() if each != own)
    route = route_to(str(neighbour))
    if route is None or route.interface_index not in known or known[route.interface_index].name == interface.name:
        return None
    by = known[route.interface_index]
    is_strict = max(_number(f"/proc/sys/net/ipv4/conf/{name}/rp_filter") for name in ("all", interface.name)) == 1
    return Detour(interface.name, str(whole), by.name, _kind(by, by.name, known), route.table == MAIN_TABLE, is_strict)


def _default_route(known: dict[int, Link]) -> str | None:
    """The interface by which datagrams to hosts beyond the LAN leave; None if there is no way to them or none is known."""
    try:
        route = route_to(_PUBLIC_HOST)
    except Refused:
        return None
    return known[route.interface_index].name if route is not None and route.interface_index in known else None


def _number(path: str) -> int:
    return int(_read(path) or 0)


def _read(path: str) -> str | None:
    """The text of the system's file `path`; None if it cannot be read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return None


def _programs() -> Iterator[str]:
    """The names of the running programs that this user can see."""
    for process in Path("/proc").glob("[0-9]*/comm"):
        yield (_read(str(process)) or "").strip()


def _address(digits: str, family: socket.AddressFamily) -> str:
    """Convert an address of the `family` from /proc/net/udp or udp6 to the usual form.

    `digits` has 32-bit words in hexadecimal digits. The bytes of each word are in the byte order of this machine.
    """
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return socket.inet_ntop(family, packed)


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)

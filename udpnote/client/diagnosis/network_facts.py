"""The facts about the network from which the network checks make their findings."""

import errno
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from udpnote.client.diagnosis.examination import UNMEASURED, ReportingServer, Way, WayKind
from udpnote.client.finding.all_notebooks import FoundNotebook
from udpnote.errors import Notice
from udpnote.lan.echo import Echo
from udpnote.lan.host_network import HostInterface, PortUser
from udpnote.lan.udp_socket import SendError, format_address, format_host
from udpnote.model.address import Address, is_link_local
from udpnote.model.notebook import ID_DIGITS_SHOWN
from udpnote.protocol.examination_messages import HeardHost
from udpnote.settings import PORT, PORTS

REFUSALS = {os.strerror(errno.EPERM), os.strerror(errno.EACCES)}
"""The system's texts for the errors with which it refuses to send because of a firewall."""


class Expected(NamedTuple):
    """The notebook or server that the user means, and which should answer.

    `name` is the notebook's name or, if that is not known, a notice that names the server. `address` is where the server should
    be, and `has_answered` says whether it has answered the discovery or the examination. `error` is why datagrams to `address`
    have failed, or None if none has failed. `neighbour` is the result of `lan.host_network.neighbour_answers` for this address.
    """

    name: str | Notice
    address: Address
    has_answered: bool
    error: SendError | None
    neighbour: bool | None


class NetworkFacts(NamedTuple):
    """The facts about the network, from which the checks make findings.

    `interfaces` are the interfaces of this host that can carry probes. `expected` is the notebook or server that the user
    means, and whether it has answered; None if its address is not known.

    `firewall` is that of `HostFacts`. `ways`, `servers` and `errors` are those of the `Examination`. `echoes` say which of its
    own broadcasts this host hears. `found` are the notebooks that have answered a discovery. `port_users` are the sockets at
    the ports of udpnote's servers on this host, or None if they are not known. `names` has the name of each notebook by its id.
    `failure` says why the address of the named server was not found; None if it was, or if no server is named.
    `is_notebook_decided` says whether the user has named or chosen a notebook, and `names_server` whether the user has named a
    server: then broadcasts are not needed. `default_interface` is the interface by which datagrams to hosts beyond the LAN
    leave, or None if it is not known. `ports` are the UDP ports at which discovery asks.
    """

    interfaces: Sequence[HostInterface]
    firewall: str
    ways: Sequence[Way]
    echoes: Sequence[Echo]
    servers: Sequence[ReportingServer]
    found: Sequence[FoundNotebook]
    port_users: Sequence[PortUser] | None
    names: dict[bytes, str]
    expected: Expected | None
    failure: Notice | None
    is_notebook_decided: bool
    names_server: bool
    errors: Mapping[Address, SendError]
    default_interface: str | None
    ports: Sequence[int]

    @property
    def lan_names(self) -> list[str]:
        """The names of the interfaces that are connected to a LAN, and lead neither into a tunnel nor to containers.

        An interface that is switched off or has no carrier is left out: the system may report a broadcast there as sent, and
        then a firewall would be blamed for the missing answers.
        """
        return [each.name for each in self.interfaces if each.kind.is_lan and each.is_connected]

    @property
    def here(self) -> list[ReportingServer]:
        """The servers on this host that have reported."""
        return [each for each in self.servers if each.is_here]

    @property
    def elsewhere(self) -> list[ReportingServer]:
        """The servers on other hosts that have reported."""
        return [each for each in self.servers if not each.is_here]

    def broadcasts(self, interface: str | None = None) -> set[int]:
        """The numbers of the ways (see `Way`) of the broadcasts that have left by `interface`. None: by any interface to a LAN.

        `UNMEASURED`, the number that several interfaces may share, is left out.
        """
        wanted = self.lan_names if interface is None else [interface]
        numbers = {each.number for each in self.ways if _is_sent(each, WayKind.BROADCAST) and each.interface in wanted}
        return numbers - {UNMEASURED}

    @property
    def is_crowded(self) -> bool:
        """Whether so many interfaces lead to LANs that the last ones share the number `UNMEASURED`."""
        return any(each.number == UNMEASURED and each.interface in self.lan_names for each in self.ways)

    def multicasts(self) -> set[int]:
        """The numbers of the ways by which IPv6 multicasts have left by an interface to a LAN."""
        return {each.number for each in self.ways if _is_sent(each, WayKind.MULTICAST) and each.interface in self.lan_names}

    def loopbacks(self) -> set[int]:
        """The numbers of the ways to this host itself. A server names the hosts that it has heard only in answers to these."""
        return {each.number for each in self.ways if each.kind is WayKind.LOOPBACK}

    def is_refused(self, address: Address) -> bool:
        """Whether the system of this host refuses to send to `address`, for example because of a firewall.

        False for an error that came by ICMP: then another host has refused the datagrams.
        """
        return self.errors.get(address) in [SendError(each, came_by_icmp=False) for each in (errno.EPERM, errno.EACCES)]

    def leaving_by(self, address: Address) -> str | None:
        """The name of the interface by which datagrams to `address` leave, or None if it is not known."""
        if len(address) == 4 and address[3]:
            return next((each.name for each in self.interfaces if each.scope == address[3]), None)
        return self.interface_to(address[0]) or self.default_interface

    def interface_to(self, host: str) -> str | None:
        """The name of the interface in whose network the IPv4 address `host` is; None if it is in no such network."""
        for interface in self.interfaces:
            if any(is_in_network(host, network) for network in interface.networks):
                return interface.name
        return None

    def is_on_lan(self, address: Address) -> bool:
        """Whether no router is on the way to `address`: it is in an IPv4 network of this host, or a link-local one of IPv6."""
        return self.interface_to(address[0]) is not None or is_link_local(address)

    def is_own(self, heard: HeardHost) -> bool:
        """Whether `heard` has one of the addresses of this host."""
        return heard.host in own_hosts(self.interfaces)

    def name_of(self, server: ReportingServer) -> str:
        """The name of the notebook of `server` or, if the name is not known, the start of the notebook's id."""
        return self.names.get(server.notebook_id, server.notebook_id.hex()[:ID_DIGITS_SHOWN])


def own_hosts(interfaces: Iterable[HostInterface]) -> set[str]:
    """The IP addresses of a host with these interfaces, those of IPv6 without a scope."""
    return {host for each in interfaces for host in (*(network.partition("/")[0] for network in each.networks), *each.ipv6)}


def ipv4_of(server: ReportingServer) -> Address | None:
    """The first IPv4 address from which `server` has reported, or None if it has reported by IPv6 only."""
    return next((each for each in server.addresses if len(each) == 2), None)


def is_in_network(host: str, network: str) -> bool:
    """Whether the IP address `host` is in `network`, which is written as 192.168.1.5/24."""
    return ip_address(host.partition("%")[0]) in ip_network(network, strict=False)


def server_argument(address: Address) -> str:
    """What to type after `--server` for the server at `address`."""
    return format_host(address) if address[1] == PORT else format_address(address)


def opened(ports: Collection[int]) -> tuple[int, int]:
    """The first and the last port to open in a firewall for servers at `ports`.

    If all `ports` are among `PORTS`, the ports of servers by default, these are the first and the last of `PORTS`.
    """
    to_open = PORTS if set(ports) <= set(PORTS) else ports
    return min(to_open), max(to_open)


def _is_sent(way: Way, kind: WayKind) -> bool:
    """Whether `way` has this `kind`, and the system has sent all EXAMINEs of this way."""
    return way.kind is kind and not way.errors

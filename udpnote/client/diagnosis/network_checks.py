"""The checks of the network: pure functions that turn the facts of an examination into findings.

Each check gets the kinds of the troubles that earlier checks have found. Some checks see only that something fails, not why.
They report no trouble if an earlier trouble explains the failure, so that one cause is not reported twice. In the docstrings,
a server elsewhere is a server on another host.
"""

import errno
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from udpnote.client.diagnosis.examination import ReportingServer, WayKind, is_own
from udpnote.client.diagnosis.findings import Finding, fine, not_checked, trouble
from udpnote.client.diagnosis.network_facts import (
    REFUSALS,
    Expected,
    NetworkFacts,
    ipv4_of,
    is_in_network,
    own_hosts,
    server_argument,
)
from udpnote.errors import Notice
from udpnote.lan.endpoint import DISCOVERY_GROUP
from udpnote.lan.udp_socket import format_host
from udpnote.model.address import Address, is_link_local, is_loopback
from udpnote.model.notebook import ID_DIGITS_SHOWN
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.examination_messages import HeardHost
from udpnote.protocol.sealed_envelope import OVERHEAD_BYTES
from udpnote.settings import PORT, PORTS

CLOCK_SECONDS_MAX = 120
"""The most by which two clocks may differ. A larger difference is no delay of the network, and puts notes in a wrong order."""

HEADERS_BYTES_IPV4, HEADERS_BYTES_IPV6 = 28, 48
"""The length of the headers of IP and UDP together. An MTU includes them."""

HARMLESS = frozenset({"buffers_small", "disk_pretends", "clock_off", "same_name"})
"""The kinds of troubles that cannot be the reason why a server does not answer."""


def check_sending(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """Check on which interfaces all hosts could be asked, and on which ones a firewall or a VPN prevents that."""
    findings, asked, refused = [], [], []
    reason = ""
    for name in facts.lan_names:
        ways = [each for each in facts.ways if each.interface == name and each.kind is not WayKind.LOOPBACK]
        errors = {error for each in ways for error in each.errors}
        if errors & REFUSALS:
            refused.append(name)
            reason = min(errors & REFUSALS)
        elif ways and all(each.errors for each in ways):
            findings.append(not_checked("sending", Notice("not_asked_on", interface=name, reason=min(errors))))
        elif ways:
            asked.append(name)
    if refused:
        notice = Notice(
            "sending_refused", interfaces=tuple(refused), reason=reason, firewall=facts.firewall, ports=_opened(facts.ports)
        )
        return [*findings, trouble("sending", notice)]
    if not asked:
        return [*findings, not_checked("sending", Notice("asked_nowhere"))]
    return [*findings, fine("sending", Notice("asked_on", interfaces=tuple(asked)))]


def check_own_broadcasts(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """Check whether this host hears its own broadcasts. If not, its firewall probably drops all datagrams that arrive.

    That is no trouble if broadcasts are not needed, if a server elsewhere has answered them, or if a server on this host has
    reported: then `check_server_here` says what that server hears. If this host does not even hear its own unicasts, nothing
    follows, and no trouble is reported either.
    """
    echoes = [each for each in facts.echoes if each.interface in facts.lan_names and each.error is None]
    if not echoes:
        return [not_checked("own broadcasts", Notice("own_broadcasts_not_sent"))]
    deaf = tuple(dict.fromkeys(each.interface for each in echoes if not each.hears_broadcast))
    if not deaf:
        heard = tuple(dict.fromkeys(each.interface for each in echoes))
        return [fine("own broadcasts", Notice("own_broadcasts_heard", interfaces=heard))]
    is_answered = any(each.answered & facts.broadcasts() for each in facts.elsewhere)
    is_heard = any(each.hears_unicast for each in echoes)
    if is_answered or facts.here or facts.names_server or not is_heard:
        return [fine("own broadcasts", Notice("own_broadcasts_not_needed", interfaces=deaf))]
    return [
        trouble(
            "own broadcasts", Notice("input_firewall", interfaces=deaf, firewall=facts.firewall, ports=_opened(facts.ports))
        )
    ]


def check_port(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """Check who uses the ports of udpnote's servers on this host, and whether a server on this host answers."""
    if facts.port_users is None:
        return [not_checked("port", Notice("ports_not_known"))]
    if not facts.port_users:
        return [fine("port", Notice("port_unused"))]
    users = _port_users(facts)
    # A server that listens only at an address of an interface without a LAN is not in `here`.
    answered = {(host.partition("%")[0], port) for server in facts.servers for host, port, *_ in server.addresses}
    if facts.here or any((each.host, each.port) in answered for each in facts.port_users):
        return [fine("port", Notice("port_used", users=users))]
    return [not_checked("port", Notice("port_user_silent", users=users))]


def check_server_here(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """Find out whether the servers on this host hear broadcasts, and whether their answers leave this host. Name the hosts that
    they have heard.

    The list is empty if no server on this host has sent a REPORT.
    """
    if not facts.here:
        return []
    findings = []
    for server in facts.here:
        hosts = _listening_at(facts, server)
        deaf = [name for name in _heard_interfaces(facts, hosts) if not facts.broadcasts(name) & server.heard]
        if hosts and all(is_loopback((host, 0)) for host in hosts):
            findings.append(trouble("server here", Notice("server_on_loopback", hosts=tuple(sorted(hosts)))))
        elif deaf:
            notice = Notice(
                "server_input_firewall", interfaces=tuple(deaf), firewall=facts.firewall, ports=_opened(_ports_of(server))
            )
            findings.append(trouble("server here", notice))
        if server.unsent:
            notice = Notice("answers_refused", answers=server.unsent, firewall=facts.firewall, ports=_opened(_ports_of(server)))
            findings.append(trouble("server here", notice))
    at_loopback = [each for each in facts.here if each.answered & facts.loopbacks()]
    if not at_loopback:
        return [*findings, not_checked("server here", Notice("server_asked_elsewhere"))]
    heard = [_described(facts, each) for server in at_loopback for each in server.heard_hosts if not facts.is_own(each)]
    return [*findings, fine("server here", Notice("server_hears", hosts=tuple(dict.fromkeys(heard))))]


def check_notebooks(facts: NetworkFacts, troubles: Collection[str]) -> list[Finding]:
    """Say which notebooks have answered. Check whether one is served twice, is an impostor, or has a new key."""
    if facts.failure is not None and "no_lan_interface" in troubles:
        return [not_checked("notebooks", Notice("name_not_known"))]
    if facts.failure is not None:
        return [trouble("notebooks", Notice("host_unknown", problem=facts.failure, host=facts.failure.values.get("host")))]
    findings = []
    for each in facts.found:
        address = _host_and_port(each.address, each.port)
        if each.impersonates is not None:
            findings.append(trouble("notebooks", Notice("impostor_there", address=address, name=each.impersonates.name)))
        elif each.has_new_key:
            findings.append(trouble("notebooks", Notice("key_is_old", name=each.name)))
        elif each.other_server is not None:
            notice = Notice("served_by_two", name=each.name, address=address, other=each.other_server)
            findings.append(trouble("notebooks", notice))
    genuine = {each.notebook_id: each for each in facts.found if each.impersonates is None}
    for name, count in Counter(each.name for each in genuine.values()).items():
        if count > 1 and not facts.is_notebook_decided:
            notebook_id = min(each.notebook_id for each in genuine.values() if each.name == name)[:ID_DIGITS_SHOWN]
            findings.append(trouble("notebooks", Notice("same_name", name=name, count=count, notebook_id=notebook_id)))
    if genuine:
        found = (
            Notice("notebook_at", name=each.name, address=_host_and_port(each.address, each.port)) for each in genuine.values()
        )
        findings.append(fine("notebooks", Notice("notebooks_found", notebooks=tuple(found))))
    elif not facts.found:
        findings.append(not_checked("notebooks", Notice("nothing_found")))
    return findings


def check_losses(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """For each server elsewhere, check whether short datagrams to the server, or its answers, are lost by chance."""
    findings = []
    for server in facts.elsewhere:
        address = ipv4_of(server) or server.addresses[0]
        where, sent, lost = server_argument(address), server.short_sent, server.short_lost
        if server.is_lossy:
            notice = Notice("datagrams_lost", server=where, host=format_host(address), sent=sent, lost=lost)
            findings.append(trouble("losses", notice))
        elif lost:
            findings.append(not_checked("losses", Notice("few_datagrams_lost", server=where, sent=sent, answered=sent - lost)))
        elif sent:
            findings.append(fine("losses", Notice("no_datagram_lost", server=where, sent=sent)))
    return findings


def check_broadcasts(facts: NetworkFacts, troubles: Collection[str]) -> list[Finding]:
    """For each server elsewhere, check whether it answers broadcasts, and whether it answers directly (by unicast)."""
    if not facts.elsewhere:
        return [not_checked("way to servers", Notice("no_server_elsewhere"))]
    findings: list[Finding] = []
    for server in facts.elsewhere:
        address = ipv4_of(server)
        if address is None and _is_deaf_to_multicasts(facts, server) and not _is_explained(troubles):
            kind = "answers_lost" if server.heard & facts.multicasts() else "broadcasts_lost"
            findings.append(trouble("broadcasts", Notice(kind, server=server_argument(server.addresses[0]))))
        elif address is None and facts.broadcasts():
            findings.append(not_checked("broadcasts", Notice("only_ipv6_answers", server=facts.name_of(server))))
        elif address is not None and facts.broadcasts():
            findings += _broadcasts_to(facts, troubles, server, address)
    return findings


def check_lengths(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """For each server elsewhere, check whether datagrams of the greatest length reach it, and whether its answers come back."""
    findings = []
    for server in facts.elsewhere:
        if not server.longest:
            continue
        address = ipv4_of(server) or server.addresses[0]
        where, interface = server_argument(address), facts.leaving_by(address) or "eth0"  # an example, if it is not known
        if server.longest < BODY_BYTES_MAX and server.is_lossy:
            findings.append(not_checked("long datagrams", Notice("long_datagrams_uncertain", server=where)))
        elif server.longest < BODY_BYTES_MAX:
            size = server.longest + (OPEN.overhead_bytes if server.key_id is None else OVERHEAD_BYTES)
            mtu = size + (HEADERS_BYTES_IPV4 if len(address) == 2 else HEADERS_BYTES_IPV6)
            notice = Notice("long_datagrams_lost", server=where, bytes=size, interface=interface, mtu=mtu)
            findings.append(trouble("long datagrams", notice))
        else:
            findings.append(fine("long datagrams", Notice("long_datagrams_pass", server=where)))
    return findings


def check_ipv6(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """For each server elsewhere, say whether it has answered multicasts of IPv6.

    If a server with an IPv4 address has not, that is no trouble, because a LAN may have IPv4 only; `check_broadcasts` speaks of
    a server without one. The list is empty if this host has sent no multicast into a LAN.
    """
    if not facts.multicasts():
        return []
    findings = []
    for server in facts.elsewhere:
        where = server_argument(ipv4_of(server) or server.addresses[0])
        if server.answered & facts.multicasts():
            findings.append(fine("IPv6", Notice("ipv6_answers", server=where)))
        elif ipv4_of(server) is not None:
            findings.append(not_checked("IPv6", Notice("ipv6_not_checked", server=where)))
    return findings


def check_clocks(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """For each server elsewhere, check whether its clock agrees with the clock of this host."""
    findings = []
    for server in facts.elsewhere:
        where, seconds = server_argument(server.addresses[0]), abs(server.clock_ahead) // 1_000_000
        if seconds > CLOCK_SECONDS_MAX:
            findings.append(trouble("clock", Notice("clock_off", server=where, seconds=seconds)))
        else:
            findings.append(fine("clock", Notice("clocks_agree", server=where, seconds=CLOCK_SECONDS_MAX)))
    return findings


def check_expected(facts: NetworkFacts, troubles: Collection[str]) -> list[Finding]:
    """Say why the notebook or server that the user means does not answer.

    The list is empty if it has answered, or if an earlier trouble explains why it has not.
    """
    expected = facts.expected
    if expected is None or expected.has_answered or _is_explained(troubles):
        return []
    return [trouble("your notebook", _why_silent(facts, expected))]


def check_silence(facts: NetworkFacts, troubles: Collection[str]) -> list[Finding]:
    """Check whether any server has answered. Always add the finding that sealed notebooks without a key were not checked.

    The server of a sealed notebook answers only clients that have the notebook's key.
    """
    findings = []
    if not facts.servers and not facts.found and not _is_explained(troubles):
        silent = Notice("program_here_silent", users=_port_users(facts))
        findings.append(trouble("servers", silent if facts.port_users else Notice("nothing_answers")))
    return [*findings, not_checked("sealed notebooks", Notice("sealed_perhaps"))]


NETWORK_CHECKS: tuple[Callable[[NetworkFacts, Collection[str]], list[Finding]], ...] = (
    check_sending, check_own_broadcasts, check_port, check_server_here, check_notebooks, check_losses, check_broadcasts,
    check_lengths, check_ipv6, check_clocks, check_expected, check_silence,
)  # fmt: skip


def _host_and_port(host: str, port: int) -> str:
    """The IP address `host` and a UDP port as people write them, such as `192.168.1.5:6683`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_deaf_to_multicasts(facts: NetworkFacts, server: ReportingServer) -> bool:
    """Whether `server`, which has no IPv4 address, is on this LAN, and has answered direct EXAMINEs, but no multicast.

    False if multicasts are not needed, or if they may have been lost by chance.
    """
    is_needed = bool(facts.multicasts()) and not facts.names_server
    is_reached = bool(server.longest) and not server.is_lossy and any(map(is_link_local, server.addresses))
    return is_needed and is_reached and not server.answered & facts.multicasts()


def _broadcasts_to(
    facts: NetworkFacts, troubles: Collection[str], server: ReportingServer, address: Address
) -> Iterable[Finding]:
    """Yield the findings about broadcasts to `server`, and about its direct answers. `address` is the server's IPv4 address."""
    broadcasts, where, host = facts.broadcasts(), server_argument(address), address[0]
    is_answered = bool(server.answered & broadcasts)
    if is_answered and server.longest:
        yield fine("broadcasts", Notice("broadcasts_answered", server=where))
    elif _is_explained(troubles) or server.is_lossy:
        return
    elif is_answered and facts.is_refused(address):
        yield trouble(
            "direct answers", Notice("direct_refused", server=where, firewall=facts.firewall, ports=_opened([address[1]]))
        )
    elif is_answered:
        yield trouble("direct answers", Notice("direct_lost", server=where, host=host))
    elif facts.interface_to(host) is None:
        yield not_checked("broadcasts", Notice("server_beyond_lan", server=where))
    elif facts.names_server:
        yield fine("broadcasts", Notice("broadcasts_not_needed", server=where))
    elif facts.is_crowded:
        yield not_checked("broadcasts", Notice("too_many_interfaces", server=where))
    elif server.heard & broadcasts:
        yield trouble("broadcasts", Notice("answers_lost", server=where))
    else:
        yield trouble("broadcasts", Notice("broadcasts_lost", server=where))


def _is_explained(troubles: Collection[str]) -> bool:
    """Whether one of the `troubles` (kinds of troubles) may be the reason why a server does not answer."""
    return not HARMLESS.issuperset(troubles)


def _why_silent(facts: NetworkFacts, expected: Expected) -> Notice:
    """The most likely reason why the `expected` server or notebook has not answered, as a notice."""
    name, where, host = expected.name, server_argument(expected.address), expected.address[0]
    is_here = is_own(expected.address, own_hosts(facts.interfaces))
    if is_here and facts.port_users:
        return Notice("program_here_silent", users=_port_users(facts))
    number, came_by_icmp, is_prohibition = expected.error or (None, False, False)
    if is_here or number == errno.ECONNREFUSED:
        port = expected.address[1]
        is_found = facts.ports == PORTS and not facts.names_server  # a server without --port is found at any of them
        is_usual = port == PORT or (port in PORTS and is_found)
        return Notice("no_program_there", name=name, server=where, port=None if is_usual else port)
    if facts.is_refused(expected.address):
        return Notice("direct_refused", server=where, firewall=facts.firewall, ports=_opened([expected.address[1]]))
    if is_prohibition or (number in (errno.EACCES, errno.ENETUNREACH) and came_by_icmp):
        return Notice("rejected_elsewhere", name=name, server=where)
    if number == errno.ENETUNREACH:
        return Notice("no_route", name=name, server=where, host=host)
    if expected.neighbour:
        return Notice("server_does_not_answer", name=name, server=where)
    if facts.is_on_lan(expected.address) or expected.neighbour is False:
        return Notice("host_silent", name=name, server=where, host=format_host(expected.address))
    return Notice("server_far", name=name, server=where, host=format_host(expected.address))


def _port_users(facts: NetworkFacts) -> tuple[Notice, ...]:
    """The sockets at the ports of udpnote's servers on this host, and their owners, as notices."""
    return tuple(
        Notice("port_user", address=_host_and_port(each.host, each.port), user=each.user) for each in facts.port_users or ()
    )


def _opened(ports: Collection[int]) -> tuple[int, int]:
    """The first and the last port to open in a firewall for servers at `ports`: those of `PORTS` if this has all `ports`."""
    opened = PORTS if set(ports) <= set(PORTS) else ports
    return min(opened), max(opened)


def _ports_of(server: ReportingServer) -> set[int]:
    return {each[1] for each in server.addresses}


def _listening_at(facts: NetworkFacts, server: ReportingServer) -> set[str]:
    """The addresses at which `server`, on this host, listens, without the multicast group of the probes: a group is no address
    of a host. 0.0.0.0 and :: stand for all addresses. Empty if they are not known.
    """
    ports = _ports_of(server)
    return {each.host for each in facts.port_users or () if each.port in ports and each.host != DISCOVERY_GROUP}


def _heard_interfaces(facts: NetworkFacts, hosts: Collection[str]) -> list[str]:
    """The names of the interfaces whose broadcasts should reach a server that listens at the addresses `hosts`."""
    everywhere = not hosts or "0.0.0.0" in hosts
    return [
        each.name
        for each in facts.interfaces
        if each.name in facts.lan_names
        and facts.broadcasts(each.name)
        and (everywhere or any(network.partition("/")[0] in hosts for network in each.networks))
    ]


def _described(facts: NetworkFacts, heard: HeardHost) -> Notice:
    """A description of `heard`, a host that a server on this host has heard.

    It has the host's address, network and interface, and how many seconds ago the server has heard it.
    """
    host, scope, seconds, _ = heard
    places = [(network, each.name) for each in facts.interfaces for network in each.networks if is_in_network(host, network)]
    places += [("IPv6", each.name) for each in facts.interfaces if scope and each.scope == scope]
    if not places:
        return Notice("host_heard_elsewhere", host=host, seconds=seconds)
    network, interface = places[0]
    return Notice("host_heard", host=host, network=network, interface=interface, seconds=seconds)

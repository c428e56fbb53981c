"""The checks of the network: pure functions that turn the facts of an examination into findings.

Each check gets the kinds of the troubles that earlier checks have found. Some checks see only that something fails, not why.
They report no trouble if an earlier trouble explains the failure (see `is_explained`), so that one cause is not reported twice.
In the docstrings, a server elsewhere is a server on another host: `server_checks` has the checks of each of these.
"""

import errno
from collections import Counter
from collections.abc import Callable, Collection

from udpnote.client.diagnosis.examination import ReportingServer, WayKind, is_own
from udpnote.client.diagnosis.findings import Finding, fine, is_explained, not_checked, trouble
from udpnote.client.diagnosis.network_facts import (
    REFUSALS,
    Expected,
    NetworkFacts,
    is_in_network,
    opened,
    own_hosts,
    server_argument,
)
from udpnote.client.diagnosis.server_checks import (
    check_broadcasts,
    check_clocks,
    check_ipv6,
    check_lengths,
    check_losses,
)
from udpnote.errors import Notice
from udpnote.lan.endpoint import DISCOVERY_GROUP
from udpnote.lan.udp_socket import format_host
from udpnote.model.address import is_loopback
from udpnote.model.notebook import ID_DIGITS_SHOWN
from udpnote.protocol.examination_messages import HeardHost
from udpnote.settings import PORT, PORTS


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
            "sending_refused",
            interfaces=tuple(refused),
            reason=reason,
            firewall=facts.firewall,
            ports=opened(facts.ports),
        )
        return [*findings, trouble("sending", notice)]
    if not asked:
        return [*findings, not_checked("sending", Notice("asked_nowhere"))]
    return [*findings, fine("sending", Notice("asked_on", interfaces=tuple(asked)))]


def check_own_broadcasts(facts: NetworkFacts, _troubles: Collection[str]) -> list[Finding]:
    """Check whether this host hears its own broadcasts. If it does not, its firewall probably drops all datagrams that arrive.

    No trouble is reported in four cases: the user names the server, so broadcasts are not needed; a server on another host has
    answered a broadcast; a server on this host has reported, and `check_server_here` says what that server hears; or this host
    does not hear its own unicasts either, so the test shows nothing about broadcasts.
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
            "own broadcasts",
            Notice("input_firewall", interfaces=deaf, firewall=facts.firewall, ports=opened(facts.ports)),
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
                "server_input_firewall", interfaces=tuple(deaf), firewall=facts.firewall, ports=opened(_ports_of(server))
            )
            findings.append(trouble("server here", notice))
        if server.unsent:
            notice = Notice("answers_refused", answers=server.unsent, firewall=facts.firewall, ports=opened(_ports_of(server)))
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


def check_expected(facts: NetworkFacts, troubles: Collection[str]) -> list[Finding]:
    """Say why the notebook or server that the user means does not answer.

    The list is empty if it has answered, or if an earlier trouble explains why it has not.
    """
    expected = facts.expected
    if expected is None or expected.has_answered or is_explained(troubles):
        return []
    return [trouble("your notebook", _why_silent(facts, expected))]


def check_silence(facts: NetworkFacts, troubles: Collection[str]) -> list[Finding]:
    """Check whether any server has answered. Always add the finding "not checked" about sealed notebooks.

    The server of a sealed notebook does not answer clients without the notebook's key.
    """
    findings = []
    if not facts.servers and not facts.found and not is_explained(troubles):
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


def _why_silent(facts: NetworkFacts, expected: Expected) -> Notice:
    """The most likely reason why the `expected` server or notebook has not answered, as a notice."""
    name, where, host = expected.name, server_argument(expected.address), expected.address[0]
    there = (format_host(expected.address), expected.address[1])
    another = next((each for each in facts.found if (each.address, each.port) == there and each.impersonates is None), None)
    if another is not None:
        notebook_id = another.notebook_id[:ID_DIGITS_SHOWN]
        return Notice("another_notebook_there", name=name, server=where, other=another.name, notebook_id=notebook_id)
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
        return Notice("direct_refused", server=where, firewall=facts.firewall, ports=opened([expected.address[1]]))
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

"""The checks of each server on another host that has reported: from facts to findings (see `network_checks`)."""

from collections.abc import Collection, Iterable

from udpnote.client.diagnosis.examination import ReportingServer
from udpnote.client.diagnosis.findings import Finding, fine, is_explained, not_checked, trouble
from udpnote.client.diagnosis.network_facts import NetworkFacts, ipv4_of, opened, server_argument
from udpnote.errors import Notice
from udpnote.lan.udp_socket import format_host
from udpnote.model.address import Address, is_link_local
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.sealed_envelope import OVERHEAD_BYTES

CLOCK_SECONDS_MAX = 120
"""The most by which two clocks may differ. A larger difference is no delay of the network, and puts notes in a wrong order."""

HEADERS_BYTES_IPV4, HEADERS_BYTES_IPV6 = 28, 48
"""The length of the headers of IP and UDP together. An MTU includes them."""


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
        if address is None and _is_deaf_to_multicasts(facts, server) and not is_explained(troubles):
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

    A server with an IPv4 address that has not answered gets the finding "not checked", because a LAN may have IPv4 only. A
    server without an IPv4 address that has not answered gets none here: `check_broadcasts` checks it. The list is empty if this
    host has sent no multicast into a LAN.
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
    elif is_explained(troubles) or server.is_lossy:
        return
    elif is_answered and facts.is_refused(address):
        yield trouble(
            "direct answers", Notice("direct_refused", server=where, firewall=facts.firewall, ports=opened([address[1]]))
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

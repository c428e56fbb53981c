"""The checks of the network: one cause gets one name, and what cannot be known is not a trouble."""

import errno
import re
from collections.abc import Sequence

import pytest

from udpnote.client.diagnosis.examination import UNMEASURED, ReportingServer, Way, WayKind
from udpnote.client.diagnosis.findings import Finding, Verdict
from udpnote.client.diagnosis.network_checks import NETWORK_CHECKS
from udpnote.client.diagnosis.network_facts import Expected, NetworkFacts
from udpnote.client.finding.all_notebooks import FoundNotebook
from udpnote.errors import Notice
from udpnote.lan.echo import Echo
from udpnote.lan.endpoint import DISCOVERY_GROUP
from udpnote.lan.host_network import HostInterface, InterfaceKind, PortUser
from udpnote.lan.udp_socket import SendError
from udpnote.model.address import Address
from udpnote.protocol.envelope import BODY_BYTES_MAX
from udpnote.protocol.examination_messages import HeardHost
from udpnote.settings import PORTS

ETHERNET = HostInterface("eth0", 2, InterfaceKind.ETHERNET, ("192.168.1.5/24",), ("192.168.1.255",), ("fe80::5",), 1500)
UNPLUGGED = ETHERNET._replace(is_connected=False)
DOCKER = HostInterface("docker0", 4, InterfaceKind.CONTAINER, ("172.17.0.1/16",), ("192.168.1.255",), (), 1500)
SUBNET = Way(0, WayKind.BROADCAST, "eth0", "192.168.1.255", frozenset())
EVERYBODY = Way(1, WayKind.BROADCAST, "eth0", "255.255.255.255", frozenset())
MULTICAST = Way(2, WayKind.MULTICAST, "eth0", "ff12::756e:6f74:65", frozenset())
LOOPBACK = Way(3, WayKind.LOOPBACK, "this machine", "127.0.0.1", frozenset())
REFUSED = frozenset({"Operation not permitted"})
ID = bytes(range(16))
SERVER = ReportingServer(
    b"kitchen!", ID, None, frozenset({0, 1, 2, 40, 41}), frozenset({0, 1, 2, 40, 41}), (("192.168.1.9", 6683),), BODY_BYTES_MAX
)
FOUND = FoundNotebook("kitchen", ID.hex(), "192.168.1.9", 6683, 3, 0.001, False, None, False, None, None)
HEARD = Echo("eth0", "192.168.1.5", True, True, None)
DEAF = HEARD._replace(hears_broadcast=False)
HEALTHY = NetworkFacts(
    [ETHERNET, DOCKER], "nft", [SUBNET, EVERYBODY, MULTICAST, LOOPBACK], [HEARD], [SERVER], [FOUND], [], {ID: "kitchen"}, None,
    None, False, False, {}, "tun0", PORTS,
)  # fmt: skip
UNHEARD = SERVER._replace(answered=frozenset({40, 41}), heard=frozenset({40, 41}))
HERE = SERVER._replace(
    heard=frozenset({0, 3}),
    answered=frozenset({0, 3}),
    is_here=True,
    heard_hosts=(HeardHost("192.168.1.7", 0, 3, 9), HeardHost("10.1.1.1", 0, 8, 1), HeardHost("fe80::7", 2, 5, 1),
                 HeardHost("192.168.1.5", 0, 1, 1), HeardHost("fe80::5", 2, 1, 1)),
)  # fmt: skip
LINK_LOCAL = ("fe80::9%eth0", 6683, 0, 2)
REFUSED_HERE: dict[Address, SendError] = {("192.168.1.9", 6683): SendError(errno.EPERM, came_by_icmp=False)}
SILENT = HEALTHY._replace(
    servers=[], found=[], expected=Expected("kitchen", ("192.168.1.9", 6683), False, None, None), is_notebook_decided=True
)


USED = [PortUser("0.0.0.0", 6683, "lin")]
UNKNOWN_HOST = Notice("host_not_resolved", host="pi", reason="unknown")


def findings(facts: NetworkFacts, *before: str) -> list[Finding]:
    """The findings about `facts`, if the checks of the host have found the troubles `before`."""
    troubles, found = set(before), list[Finding]()
    for check in NETWORK_CHECKS:
        for each in check(facts, troubles):
            troubles |= {each.notice.kind} if each.verdict is Verdict.TROUBLE else set()
            found.append(each)
    return found


def troubles(facts: NetworkFacts, *before: str) -> list[str]:
    return [each.notice.kind for each in findings(facts, *before) if each.verdict is Verdict.TROUBLE]


def only(facts: NetworkFacts, server: ReportingServer) -> NetworkFacts:
    """The same facts, but with `server` as the only server that reports."""
    return facts._replace(servers=[server])


def silent(address: str, error: SendError | None = None, neighbour: bool | None = None) -> NetworkFacts:
    """Facts in which the server at `address` is silent. `neighbour` says whether its host answers on the LAN, if known."""
    return SILENT._replace(expected=Expected("kitchen", (address, 6683), False, error, neighbour))


def rejected_elsewhere(number: int) -> NetworkFacts:
    error = SendError(number, came_by_icmp=True)
    return silent("192.0.2.9", error)._replace(errors={("192.0.2.9", 6683): error})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (HEALTHY, []),
        (only(HEALTHY, HERE), []),
        (HEALTHY._replace(echoes=[DEAF]), []),
        (HEALTHY._replace(echoes=[]), []),
        (HEALTHY._replace(port_users=None), []),
        (HEALTHY._replace(port_users=[PortUser("0.0.0.0", 6683, "lin")]), []),
        (HEALTHY._replace(ways=[Way(0, WayKind.BROADCAST, "docker0", "172.17.255.255", REFUSED), LOOPBACK]), []),
        (HEALTHY._replace(ways=[SUBNET._replace(errors=frozenset({"Network is unreachable"})), LOOPBACK]), []),
        (HEALTHY._replace(ways=[SUBNET, EVERYBODY._replace(errors=REFUSED)]), ["sending_refused"]),
        (HEALTHY._replace(echoes=[DEAF], servers=[], found=[]), ["input_firewall"]),
        (HEALTHY._replace(echoes=[DEAF._replace(hears_unicast=False)]), []),
        (only(HEALTHY, SERVER._replace(answered=frozenset({40, 41}))), ["answers_lost"]),
        (only(HEALTHY, UNHEARD), ["broadcasts_lost"]),
        (only(HEALTHY, UNHEARD)._replace(ways=[SUBNET, EVERYBODY._replace(number=UNMEASURED)]), []),
        (only(HEALTHY, HERE._replace(heard=frozenset({3})))._replace(ways=[SUBNET._replace(number=UNMEASURED), LOOPBACK]), []),
        (only(HEALTHY, SERVER._replace(answered=frozenset({40, 41})))._replace(names_server=True), []),
        (HEALTHY._replace(echoes=[DEAF], servers=[], found=[FOUND], names_server=True), []),
        (only(HEALTHY, UNHEARD)._replace(ways=[SUBNET._replace(interface="docker0"), LOOPBACK]), []),
        (only(HEALTHY, SERVER._replace(longest=0)), ["direct_lost"]),
        (only(HEALTHY, SERVER._replace(longest=700)), ["long_datagrams_lost"]),
        (only(HEALTHY, SERVER._replace(longest=76, short_sent=32, short_lost=3)), ["datagrams_lost"]),
        (only(HEALTHY, SERVER._replace(longest=76, short_sent=32, short_lost=2)), ["long_datagrams_lost"]),
        (only(HEALTHY, UNHEARD._replace(short_sent=32, short_lost=3)), ["datagrams_lost"]),
        (only(HEALTHY, SERVER._replace(addresses=(("192.0.2.9", 6683),), heard=frozenset({40}))), []),
        (only(HEALTHY, SERVER._replace(addresses=(LINK_LOCAL,))), []),
        (only(HEALTHY, UNHEARD._replace(addresses=(LINK_LOCAL,))), ["broadcasts_lost"]),
        (only(HEALTHY, UNHEARD._replace(addresses=(LINK_LOCAL,)))._replace(ways=[MULTICAST, LOOPBACK]), ["broadcasts_lost"]),
        (only(HEALTHY, UNHEARD._replace(addresses=(LINK_LOCAL,), heard=frozenset({2, 40}))), ["answers_lost"]),
        (only(HEALTHY, UNHEARD._replace(addresses=(LINK_LOCAL,)))._replace(names_server=True), []),
        (only(HEALTHY, UNHEARD._replace(addresses=(LINK_LOCAL,)))._replace(ways=[SUBNET, LOOPBACK]), []),
        (only(HEALTHY, UNHEARD._replace(addresses=(("2001:db8::9", 6683, 0, 0),))), []),
        (SILENT._replace(expected=Expected("kitchen", LINK_LOCAL, False, None, None)), ["host_silent"]),
        (SILENT._replace(expected=Expected("kitchen", LINK_LOCAL, False, None, True)), ["server_does_not_answer"]),
        (SILENT._replace(found=[FOUND._replace(address="192.168.1.9", port=6683)]), ["another_notebook_there"]),
        (SILENT._replace(expected=Expected("kitchen", ("2001:db8::9", 6683, 0, 0), False, None, None)), ["server_far"]),
        (only(HEALTHY, SERVER._replace(clock_ahead=-121_000_000)), ["clock_off"]),
        (only(HEALTHY, SERVER._replace(clock_ahead=120_000_000)), []),
        (only(HEALTHY, HERE._replace(unsent=4)), ["answers_refused"]),
        (only(HEALTHY, HERE._replace(heard=frozenset({3}))), ["server_input_firewall"]),
        (only(HEALTHY, HERE._replace(heard=frozenset({3})))._replace(port_users=[PortUser("192.168.1.6", 6683, "lin")]), []),
        (only(HEALTHY, HERE._replace(heard=frozenset({3})))._replace(interfaces=[UNPLUGGED]), []),
        (HEALTHY._replace(echoes=[DEAF], interfaces=[UNPLUGGED], servers=[], found=[]), ["nothing_answers"]),
        (only(HEALTHY, HERE)._replace(port_users=[PortUser("127.0.0.1", 6683, "lin")]), ["server_on_loopback"]),
        (
            only(HEALTHY, HERE)._replace(port_users=[PortUser("::1", 6683, "lin"), PortUser(DISCOVERY_GROUP, 6683, "lin")]),
            ["server_on_loopback"],
        ),
        (only(HEALTHY, HERE)._replace(port_users=[PortUser("0.0.0.0", 6683, "lin"), PortUser("127.0.0.1", 9, "lin")]), []),
        (HEALTHY._replace(found=[FOUND, FOUND._replace(notebook_id="ff" * 16)]), ["same_name"]),
        (HEALTHY._replace(found=[FOUND, FOUND._replace(notebook_id="ff" * 16)], is_notebook_decided=True), []),
        (HEALTHY._replace(found=[FOUND, FOUND._replace(other_server="192.168.1.8:6683")]), ["served_by_two"]),
        (HEALTHY._replace(servers=[], found=[]), ["nothing_answers"]),
        (HEALTHY._replace(failure=UNKNOWN_HOST, servers=[], found=[]), ["host_unknown"]),
        (silent("192.168.1.9", SendError(errno.ECONNREFUSED, True), True), ["no_program_there"]),
        (silent("192.168.1.9", None, True), ["server_does_not_answer"]),
        (silent("192.168.1.9")._replace(errors=REFUSED_HERE), ["direct_refused"]),
        (rejected_elsewhere(errno.EACCES), ["rejected_elsewhere"]),
        (rejected_elsewhere(errno.ENETUNREACH), ["rejected_elsewhere"]),
        (silent("192.168.1.9", SendError(errno.EHOSTUNREACH, True, True), True), ["rejected_elsewhere"]),
        (silent("192.168.1.9", SendError(errno.EHOSTUNREACH, True), False), ["host_silent"]),
        (only(HEALTHY, SERVER._replace(longest=0))._replace(errors=REFUSED_HERE), ["direct_refused"]),
        (silent("192.0.2.9", SendError(errno.ENETUNREACH, False)), ["no_route"]),
        (silent("192.168.1.5"), ["no_program_there"]),
        (silent("127.0.0.1")._replace(port_users=USED), ["program_here_silent"]),
        (silent("fe80::5%eth0")._replace(port_users=USED), ["program_here_silent"]),
        (HEALTHY._replace(servers=[], found=[], port_users=USED), ["program_here_silent"]),
        (silent("192.168.1.9", None, False), ["host_silent"]),
        (silent("192.0.2.9"), ["server_far"]),
    ],
)  # fmt: skip
def test_each_cause_is_the_only_trouble_named(facts: NetworkFacts, expected: list[str]) -> None:
    assert troubles(facts) == expected
    for each in findings(facts):
        assert str(each.notice) and (each.command is not None) == (each.verdict is Verdict.TROUBLE)


@pytest.mark.parametrize(
    ("address", "key_id", "interface", "mtu"),
    [
        (("192.168.1.9", 6683), None, "eth0", 700 + 4 + 8 + 20), (("10.9.9.9", 6683), b"k" * 16, "tun0", 700 + 40 + 8 + 20),
        (("fe80::9%docker0", 6683, 0, 4), None, "docker0", 700 + 4 + 8 + 40),
    ],
)  # fmt: skip
def test_long_datagrams_are_shortened_at_the_interface_by_which_they_leave(
    address: Address, key_id: bytes | None, interface: str, mtu: int
) -> None:
    facts = only(HEALTHY, SERVER._replace(addresses=(address,), key_id=key_id, longest=700))
    [command] = [each.command for each in findings(facts) if each.notice.kind == "long_datagrams_lost"]
    assert command == f"sudo ip link set dev {interface} mtu {mtu}"


@pytest.mark.parametrize(("host", "kind"), [("2001:db8::9", "port_used"), ("2001:db8::8", "port_user_silent")])
def test_a_program_at_the_address_of_a_server_that_has_answered_is_that_server(host: str, kind: str) -> None:
    server = SERVER._replace(addresses=(("2001:db8::9", 6683, 0, 0),))
    found = findings(only(HEALTHY, server)._replace(port_users=[PortUser(host, 6683, "lin")]))
    assert [each.notice.kind for each in found if each.check == "port"] == [kind]


def test_the_command_that_pings_a_link_local_address_names_its_interface() -> None:
    facts = SILENT._replace(expected=Expected("kitchen", ("fe80::9", 6683, 0, 1), False, None, False))
    [command] = [each.command for each in findings(facts) if each.notice.kind == "host_silent"]
    assert command == "ping -c 3 fe80::9%lo"


def test_a_failure_that_a_trouble_of_this_host_explains_is_not_reported() -> None:
    for facts in (SILENT, HEALTHY._replace(servers=[], found=[]), only(HEALTHY, SERVER._replace(longest=0))):
        assert troubles(facts, "network_in_tunnel") == []
        assert troubles(facts, "disk_pretends") != []
    assert troubles(HEALTHY._replace(failure=UNKNOWN_HOST, servers=[], found=[]), "no_lan_interface") == []


def test_the_hosts_that_a_server_here_has_heard_are_named_with_their_networks() -> None:
    [heard] = [each.notice for each in findings(only(HEALTHY, HERE)) if each.check == "server here"]
    assert str(heard) == (
        "the server here has heard 192.168.1.7 (192.168.1.5/24 on eth0, 3 s ago), 10.1.1.1 (another network, 8 s ago), "
        "fe80::7 (IPv6 on eth0, 5 s ago)"
    )


def test_whom_a_server_has_heard_is_not_checked_if_it_does_not_listen_at_loopback() -> None:
    bound = HERE._replace(answered=frozenset({0}), addresses=(("192.168.1.5", 6683),), heard_hosts=())
    [heard] = [each for each in findings(only(HEALTHY, bound)) if each.check == "server here"]
    assert (heard.verdict, heard.notice.kind) == (Verdict.NOT_CHECKED, "server_asked_elsewhere")


@pytest.mark.parametrize(
    ("port", "asked", "names_server", "expected"),
    [
        (6683, PORTS, False, "udpnote serve"), (6686, PORTS, False, "udpnote serve"),
        (7777, PORTS, False, "udpnote serve --port 7777"), (6686, [6686], False, "udpnote serve --port 6686"),
        (6683, PORTS, True, "udpnote serve"), (6686, PORTS, True, "udpnote serve --port 6686"),
    ],
)  # fmt: skip
def test_the_command_that_starts_a_server_names_its_port_only_if_clients_look_nowhere_else(
    port: int, asked: Sequence[int], names_server: bool, expected: str
) -> None:
    address = Expected("kitchen", ("192.168.1.9", port), False, SendError(errno.ECONNREFUSED, True), True)
    facts = SILENT._replace(expected=address, names_server=names_server, ports=asked)
    assert [each.command for each in findings(facts) if each.verdict is Verdict.TROUBLE] == [expected]


def test_the_command_for_a_firewall_is_that_of_the_active_one() -> None:
    commands = {}
    for name in ("nft", "ufw", "firewalld"):
        facts = HEALTHY._replace(echoes=[DEAF], servers=[], found=[], firewall=name)
        [commands[name]] = [each.command or "" for each in findings(facts) if each.verdict is Verdict.TROUBLE]
    assert [command.split()[1] for command in commands.values()] == ["nft", "ufw", "firewall-cmd"]


@pytest.mark.parametrize(("port", "first", "last"), [(6684, 6683, 6686), (7777, 7777, 7777)])
def test_the_command_that_mends_a_firewall_opens_the_port_of_the_server_or_those_where_discovery_asks(
    port: int, first: int, last: int
) -> None:
    address, refusal = ("192.168.1.9", port), SendError(errno.EPERM, came_by_icmp=False)
    server = HERE._replace(heard=frozenset({3}), unsent=4, addresses=(address,))
    facts = only(HEALTHY, server)._replace(ports=[port])
    unanswered = SILENT._replace(expected=Expected("kitchen", address, False, None, None), errors={address: refusal})
    unasked = facts._replace(servers=[], ways=[EVERYBODY._replace(errors=REFUSED)])
    unheard = facts._replace(servers=[], echoes=[DEAF])
    for firewall, sign in (("nft", "-"), ("ufw", ":"), ("firewalld", "-")):
        found = [each for one in (facts, unanswered, unasked, unheard) for each in findings(one._replace(firewall=firewall))]
        commands = {each.notice.kind: each.command or "" for each in found if "firewall" in each.notice.values}
        assert len(commands) == 5
        shown = str(port) if first == last else f"{first}{sign}{last}"
        assert [each for each in commands.values() if not re.search(rf"\b{shown}\b", each) or f"{first}-{first}" in each] == []

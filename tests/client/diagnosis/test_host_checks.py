"""The checks of one host: which facts are a trouble, and the command that mends each trouble."""

import pytest

from udpnote.client.diagnosis.findings import Finding, Verdict
from udpnote.client.diagnosis.host_checks import HOST_CHECKS, HostFacts
from udpnote.errors import Notice
from udpnote.lan.host_network import Detour, HostInterface, InterfaceKind, Routes
from udpnote.settings import Source

ETHERNET = HostInterface("eth0", 2, InterfaceKind.ETHERNET, ("192.168.1.5/24",), ("192.168.1.255",), ("fe80::5",), 1500)
UNPLUGGED = ETHERNET._replace(is_connected=False)
WIFI = HostInterface("wlan0", 3, InterfaceKind.WIFI, ("192.168.1.6/24",), ("192.168.1.255",), (), 1500)
DOCKER = HostInterface("docker0", 4, InterfaceKind.CONTAINER, ("172.17.0.1/16",), ("192.168.1.255",), (), 1500)
TUNNEL = HostInterface("tun0", 5, InterfaceKind.TUNNEL, ("10.8.0.2/32",), ("192.168.1.255",), (), 1420)
HEALTHY = HostFacts(
    [ETHERNET, DOCKER], Routes((), "eth0", ()), [], 4 << 20, 4 << 20, "/home/lin", 0.004, "/home/lin/outbox", None,
    [], "/home/lin/notebook.key", None,
)  # fmt: skip
PROBLEM = Notice("author_blank")


def findings(facts: HostFacts) -> list[Finding]:
    return [finding for check in HOST_CHECKS for finding in check(facts)]


def detour(by: HostInterface, *, is_in_main: bool = False, is_strict: bool = False) -> Routes:
    return Routes((Detour("eth0", "192.168.1.0/24", by.name, by.kind, is_in_main, is_strict),), "eth0", ())


def test_a_healthy_host_has_no_trouble_even_if_facts_are_unknown() -> None:
    for facts in (
        HEALTHY,
        HEALTHY._replace(interfaces=[UNPLUGGED, WIFI]),
        HEALTHY._replace(interfaces=[ETHERNET, TUNNEL], routes=Routes((), "tun0", (5210,))),
        HEALTHY._replace(interfaces=[ETHERNET, WIFI], routes=detour(WIFI, is_strict=True)),
        HEALTHY._replace(routes=None, firewalls=["ufw"], buffer_bytes=100 << 10),
    ):
        found = findings(facts)
        assert Verdict.TROUBLE not in {each.verdict for each in found}
        assert {each.command for each in found} == {None} and all(str(each.notice) for each in found)
    assert str(found[1].notice).startswith("eth0 (Ethernet, 192.168.1.5/24, broadcast 192.168.1.255, IPv6), docker0 (")
    assert [each.check for each in found if each.verdict is Verdict.NOT_CHECKED] == ["routes", "firewall rules"]


def test_routes_are_not_called_direct_if_datagrams_for_one_lan_leave_by_an_interface_to_perhaps_another_lan() -> None:
    [found] = [each for each in findings(HEALTHY._replace(routes=detour(WIFI))) if each.check == "routes"]
    expected = Notice("interfaces_alike", interface="eth0", network="192.168.1.0/24", by=WIFI.name)
    assert (found.verdict, found.notice) == (Verdict.NOT_CHECKED, expected)


@pytest.mark.parametrize(
    ("facts", "kind", "command"),
    [
        (HEALTHY._replace(interfaces=[DOCKER, TUNNEL]), "no_lan_interface", "ip -br address"),
        (HEALTHY._replace(interfaces=[UNPLUGGED, DOCKER]), "no_carrier", "ip -br link"),
        (HEALTHY._replace(interfaces=[UNPLUGGED._replace(is_up=False)]), "interface_off", "link set dev eth0 up"),
        (
            HEALTHY._replace(routes=Routes((), None, (), (("eth0", "192.168.1.0/24"),))),
            "network_forbidden",
            "to 192.168.1.0/24",
        ),
        (HEALTHY._replace(routes=detour(DOCKER, is_strict=True)), "bridge_takes_network", "sudo ip link set docker0 down"),
        (HEALTHY._replace(routes=detour(TUNNEL)), "network_in_tunnel", "to 192.168.1.0/24 lookup main"),
        (
            HEALTHY._replace(routes=detour(TUNNEL, is_in_main=True, is_strict=True)),
            "lan_routed_into_tunnel",
            "sudo ip route add 192.168.1.0/24 dev eth0 table",
        ),
        (HEALTHY._replace(routes=detour(TUNNEL, is_strict=True)), "answers_filtered", "to 192.168.1.0/24 lookup main"),
        (HEALTHY._replace(buffer_bytes=9 << 10), "buffers_small", "net.core.rmem_max=4194304"),
        (HEALTHY._replace(fsync_seconds=0.000_000_6), "disk_pretends", "export UDPNOTE_HOME="),
        (HEALTHY._replace(outbox="/a b", outbox_problem=PROBLEM), "outbox_unusable", "mv '/a b' '/a b'.aside"),
        (HEALTHY._replace(outbox_problem=Notice("outbox_log_damaged")), "outbox_needs_its_log", "udpnote outbox"),
        (HEALTHY._replace(outbox_problem=Notice("outbox_log_gone")), "outbox_needs_its_log", "udpnote outbox"),
        (
            HEALTHY._replace(wrong_settings=[(PROBLEM, Source("environment", "UDPNOTE_PORT"))]),
            "variable_wrong",
            "unset UDPNOTE_PORT",
        ),
        (
            HEALTHY._replace(wrong_settings=[(PROBLEM, Source("settings file", "/a b"))]),
            "settings_file_wrong",
            "${EDITOR:-vi} '/a b'",
        ),
        (HEALTHY._replace(own_key_problem=PROBLEM), "own_key_file_wrong", "mv /home/lin/notebook.key "),
        (HEALTHY._replace(fsync_seconds=Notice("disk_read_only", path="/a")), "folder_read_only", "-T /home/lin"),
        (HEALTHY._replace(fsync_seconds=Notice("quota_reached", path="/a")), "folder_full", "df -h /home/lin"),
        (
            HEALTHY._replace(fsync_seconds=Notice("path_unusable", path="/a", problem="Permission denied")),
            "folder_not_writable",
            "export UDPNOTE_HOME=",
        ),
    ],
)
def test_a_trouble_has_a_command_with_its_own_values(facts: HostFacts, kind: str, command: str) -> None:
    [found] = [each for each in findings(facts) if each.verdict is Verdict.TROUBLE]
    assert found.notice.kind == kind
    assert found.command is not None and command in found.command

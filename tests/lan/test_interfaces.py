"""Interfaces: where a broadcast goes, whatever the system says of an address."""

from ipaddress import IPv4Address

import pytest

from udpnote.lan.interfaces import broadcast_address, lan_interfaces, no_interfaces


def address(addr: str, netmask: str | None = "255.255.255.0", broadcast: str | None = None) -> dict[str, str]:
    """What the system says of an address; what is None it does not say."""
    said = {"addr": addr, "netmask": netmask, "broadcast": broadcast}
    return {key: value for key, value in said.items() if value is not None}


def test_a_broadcast_address_that_is_given_is_taken() -> None:
    assert broadcast_address(address("192.0.2.7", broadcast="192.0.2.127")) == "192.0.2.127"
    assert broadcast_address(address("192.0.2.7", broadcast="255.255.255.255")) == "255.255.255.255"


@pytest.mark.parametrize(
    ("addr", "netmask", "expected"),
    [
        ("192.0.2.7", "255.255.255.0", "192.0.2.255"),
        ("172.20.1.2", "255.240.0.0", "172.31.255.255"),
        ("10.1.2.3", "255.255.254.0", "10.1.3.255"),
        ("192.0.2.9", "255.255.255.252", "192.0.2.11"),
        ("192.0.2.7", "24", "192.0.2.255"),
    ],
)
def test_one_that_is_not_given_is_the_address_or_the_inverted_netmask(addr: str, netmask: str, expected: str) -> None:
    assert broadcast_address(address(addr, netmask)) == expected
    assert broadcast_address(address(addr, netmask, broadcast="")) == expected


def test_the_own_address_as_broadcast_is_passed_over_for_the_computed_one() -> None:
    assert broadcast_address(address("192.0.2.7", broadcast="192.0.2.7")) == "192.0.2.255"


@pytest.mark.parametrize("netmask", ["255.255.255.254", "255.255.255.255", "31", "32", None])
@pytest.mark.parametrize("broadcast", ["192.0.2.8", None])
def test_a_network_for_one_or_two_has_no_broadcast(netmask: str | None, broadcast: str | None) -> None:
    assert broadcast_address(address("192.0.2.8", netmask, broadcast)) is None


@pytest.mark.parametrize("addr", ["127.0.0.1", "127.9.9.9"])
def test_loopback_has_no_broadcast(addr: str) -> None:
    assert broadcast_address(address(addr, "255.0.0.0", "127.255.255.255")) is None


@pytest.mark.parametrize(
    "garbage",
    [
        {},
        {"netmask": "255.255.255.0"},
        address(""),
        address("pi.local"),
        address("192.0.2"),
        address("fe80::1"),
        address("192.0.2.7", ""),
        address("192.0.2.7", "255.0.255.0"),
        address("192.0.2.7", "24/24"),
        address("192.0.2.7", broadcast="everybody"),
        address("192.0.2.7", broadcast="192.0.2.256"),
        address("192.0.2.7", broadcast="ff02::1"),
    ],
    ids=str,
)
def test_garbage_has_no_broadcast_and_does_not_raise(garbage: dict[str, str]) -> None:
    assert broadcast_address(garbage) is None


def test_the_interfaces_of_this_machine_can_be_read_at_every_call() -> None:
    for _ in range(2):
        for interface in lan_interfaces():
            assert interface.name and interface.scope > 0
            assert interface.broadcasts or interface.has_ipv6
            for own, broadcast in interface.broadcasts:
                assert not IPv4Address(own).is_loopback
                assert own != broadcast and IPv4Address(broadcast)


def test_nobody_else_is_no_interface() -> None:
    assert no_interfaces() == []

"""The network interfaces: to which address a broadcast goes, also if the system says something strange about it."""

from ipaddress import IPv4Address

from udpnote.lan.interfaces import LIMITED_BROADCAST, broadcast_address, lan_interfaces


def address(addr: str, netmask: str | None = "255.255.255.0", broadcast: str | None = None) -> dict[str, str]:
    """What netifaces says about an address, without the facts that are None."""
    said = {"addr": addr, "netmask": netmask, "broadcast": broadcast}
    return {key: value for key, value in said.items() if value is not None}


def test_a_usable_broadcast_address_is_taken_or_computed_but_not_of_loopback_and_garbage() -> None:
    for given, expected in (("192.0.2.127", "192.0.2.127"), ("255.255.255.255", "255.255.255.255")):
        assert broadcast_address(address("192.0.2.7", broadcast=given)) == expected
    for given in ("192.0.2.7", "0.0.0.0", ""):
        assert broadcast_address(address("192.0.2.7", broadcast=given)) == "192.0.2.255"
    assert broadcast_address(address("172.20.1.2", "255.240.0.0")) == "172.31.255.255"
    assert broadcast_address(address("192.0.2.9", "255.255.255.252")) == "192.0.2.11"
    assert broadcast_address(address("192.0.2.7", "24")) == "192.0.2.255"
    for tiny in ("255.255.255.254", "255.255.255.255", "31", None):
        assert broadcast_address(address("192.0.2.8", tiny, "192.0.2.8")) == LIMITED_BROADCAST
        assert broadcast_address(address("192.0.2.8", tiny)) == LIMITED_BROADCAST
    for useless in (
        address("127.9.9.9", "255.0.0.0", "127.255.255.255"),
        *({}, {"netmask": "255.255.255.0"}, address("pi.local"), address("fe80::1")),
        *(address("192.0.2.7", netmask) for netmask in ("", "255.0.255.0", "24/24")),
        *(address("192.0.2.7", broadcast=given) for given in ("everybody", "ff02::1")),
    ):
        assert broadcast_address(useless) is None, useless


def test_the_interfaces_of_this_machine_can_be_read_at_every_call() -> None:
    for _ in range(2):
        for interface in lan_interfaces():
            assert interface.name and interface.scope > 0
            assert interface.broadcasts or interface.has_ipv6
            for own, broadcast in interface.broadcasts:
                assert not IPv4Address(own).is_loopback
                assert own != broadcast and IPv4Address(broadcast)

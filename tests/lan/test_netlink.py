"""What the kernel says by rtnetlink about this machine."""

import pytest

from udpnote.lan import netlink

try:
    LINKS = netlink.links()
except OSError as error:
    pytest.skip(f"this system has no rtnetlink: {error}", allow_module_level=True)


def test_the_loopback_interface_is_listed_and_is_the_way_to_this_machine() -> None:
    [loopback] = [each for each in LINKS.values() if each.name == "lo"]
    assert (loopback.hardware, loopback.kind, loopback.master) == (772, "", 0) and loopback.mtu >= 1500
    route = netlink.route_to("127.0.0.1")
    tables = {netlink.MAIN_TABLE, 255}  # the kernel keeps main and local (255) in one table until a rule tells them apart
    assert route is not None and route[:2] == (loopback.number, "127.0.0.1") and route.table in tables


def test_the_standard_rules_are_left_out() -> None:
    assert not netlink.STANDARD_RULES & set(netlink.policy_rules())

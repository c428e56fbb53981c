"""Own broadcasts, on the loopback interface, which they do not leave."""

from udpnote.lan.echo import Echo, listen_for_echoes
from udpnote.lan.interfaces import Interface


def test_a_host_hears_its_own_broadcast_and_an_address_that_is_not_its_own_hears_nothing() -> None:
    loopback = Interface("lo", 1, (("127.0.0.1", "127.255.255.255"),), has_ipv6=False)
    assert listen_for_echoes([loopback], bytes(16), 0) == [Echo("lo", "127.0.0.1", True, True, None)]
    assert listen_for_echoes([], bytes(16), 0) == []

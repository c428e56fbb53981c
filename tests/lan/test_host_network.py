"""Facts about this host's network that are the same on every machine; tests/system/test_doctor.py tests the others."""

import os
import pwd
import socket
from contextlib import closing

import pytest

from udpnote.lan.host_network import InterfaceKind, granted_buffer_bytes, host_interfaces, neighbour_answers, port_users, routes
from udpnote.lan.udp_socket import BUFFER_BYTES


def test_the_sockets_at_a_port_are_listed_with_their_addresses_and_owner() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
        users = port_users([port])
        if users is None:
            pytest.skip("this system does not say who uses a port")
        assert [tuple(each) for each in users] == [("127.0.0.1", port, pwd.getpwuid(os.geteuid()).pw_name)]
    assert port_users([port]) == []


def test_facts_about_interfaces_routes_buffers_and_neighbours_can_be_read_by_every_user() -> None:
    interfaces = host_interfaces()
    assert "lo" not in {each.name for each in interfaces}
    known = routes(interfaces)
    assert known is None or all(detour.network for detour in known.detours)
    assert 0 < granted_buffer_bytes() <= BUFFER_BYTES
    for stranger in (("198.51.100.7", 6683), ("2001:db8::7", 6683, 0, 0)):
        assert neighbour_answers(stranger, seconds_max=0.0) is None
    assert [kind for kind in InterfaceKind if not kind.is_lan] == [InterfaceKind.CONTAINER, InterfaceKind.TUNNEL]

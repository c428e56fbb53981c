"""Addresses of servers as people write them."""

import pytest

from udpnote.errors import InvalidSetting
from udpnote.model.address import parse_server


def test_a_server_is_a_host_and_an_optional_port_and_is_refused_by_name() -> None:
    for host, written in (("pi.local", "pi.local"), ("2001:db8::1", "[2001:db8::1]"), ("fe80::1%eth0", "[fe80::1%eth0]")):
        assert parse_server(host, 6683) == parse_server(written, 6683) == (host, 6683)
        assert parse_server(f"{written}:7000", 6683) == (host, 7000)
    assert parse_server("pi.local:", 6683) == ("pi.local", 6683)
    assert parse_server("192.0.2.7:65535", 6683) == ("192.0.2.7", 65535)
    assert parse_server("::1", 6683) == ("::1", 6683)
    hosts = ("", ":7000", "[]:7000", "[]", "[::1", "[::1]7000", "[::1]x:7000")
    ports = ("pi:0", "pi:65536", "pi:notes", "pi:-1", "[::1]:0", "[::1]:x", "pi:7.0")
    for server in (*hosts, *ports):
        with pytest.raises(InvalidSetting) as error:
            parse_server(server, 6683)
        assert repr(server) in str(error.value)

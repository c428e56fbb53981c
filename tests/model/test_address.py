"""Addresses of servers as people write them."""

import pytest

from udpnote.errors import InvalidSetting
from udpnote.model.address import parse_server


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("pi.local", ("pi.local", 6683)),
        ("pi.local:7000", ("pi.local", 7000)),
        ("pi.local:", ("pi.local", 6683)),
        ("192.0.2.7:65535", ("192.0.2.7", 65535)),
        ("[2001:db8::1]:7000", ("2001:db8::1", 7000)),
        ("[2001:db8::1]", ("2001:db8::1", 6683)),
        ("[fe80::1%eth0]:7000", ("fe80::1%eth0", 7000)),
        ("fe80::1%eth0", ("fe80::1%eth0", 6683)),
        ("::1", ("::1", 6683)),
    ],
)
def test_a_server_is_a_host_and_an_optional_port(server: str, expected: tuple[str, int]) -> None:
    assert parse_server(server, 6683) == expected


@pytest.mark.parametrize(
    "server",
    [
        *("", ":7000", "[]:7000", "[]", "[::1", "[::1]7000", "[::1]x:7000"),
        *("pi:0", "pi:65536", "pi:notes", "pi:-1", "[::1]:0", "[::1]:x", "pi:7.0"),
    ],
)
def test_a_server_without_a_host_or_with_a_bad_port_is_refused_by_name(server: str) -> None:
    with pytest.raises(InvalidSetting) as error:
        parse_server(server, 6683)
    assert repr(server) in str(error.value)

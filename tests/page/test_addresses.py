"""The names of this host, as certificates have them, and the addresses at which a page listens."""

import pytest

from udpnote.page.addresses import dns_name, is_for_this_machine, listened_addresses, own_names, page_addresses


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Notes.Example.org.", "notes.example.org"),
        ("刘的电脑", "xn--2brx96fy2az6x"),
        ("my_pc", "my_pc"),
        ("10.1.2.3", None),
        ("fd12::7", None),
        ("two words", None),
        ("-pc", None),
        ("a..b", None),
        ("x" * 64, None),
        (".".join(["x" * 60] * 5), None),
        ("", None),
    ],
)
def test_a_name_is_written_as_browsers_write_it_and_other_texts_give_none(name: str, expected: str | None) -> None:
    assert dns_name(name) == expected


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("pc", ["localhost", "pc.local"]),
        ("pc.example.com", ["localhost", "pc.local", "pc.example.com"]),
        ("刘的电脑", ["localhost", "xn--2brx96fy2az6x.local"]),
        ("localhost", ["localhost"]),
        ("not a name", ["localhost"]),
    ],
)
def test_a_host_has_a_name_below_local_and_its_name_with_a_domain(host: str, names: list[str]) -> None:
    assert own_names(host) == names


OWN = ["127.0.0.1", "192.168.0.7", "203.0.113.9", "::1", "fd12::7", "fe80::7"]


@pytest.mark.parametrize(
    ("bind", "addresses", "hosts"),
    [
        (None, OWN, ["192.168.0.7", "203.0.113.9"]),
        ("0.0.0.0", OWN[:3], ["192.168.0.7", "203.0.113.9"]),
        ("::", OWN[3:], ["[fd12::7]"]),
        ("192.168.0.7", ["192.168.0.7"], ["192.168.0.7"]),
        ("127.0.0.9", ["127.0.0.9"], ["127.0.0.9"]),
        ("fd12::7%2", ["fd12::7"], ["[fd12::7]"]),
        ("pi.local", OWN, ["pi.local"]),
    ],
)
def test_a_page_has_the_addresses_at_which_it_listens(bind: str | None, addresses: list[str], hosts: list[str]) -> None:
    assert listened_addresses(bind, OWN) == addresses
    assert page_addresses(bind, 6680, OWN) == [f"http://{host}:6680" for host in hosts]
    assert is_for_this_machine(bind, OWN) == (bind == "127.0.0.9")

"""The names of this host, as certificates have them."""

import pytest

from udpnote.page.addresses import dns_name, own_names


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

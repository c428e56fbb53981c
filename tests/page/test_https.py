"""Names and addresses of the page over HTTPS: what the certificate has, and what people are told of the rest."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from udpnote.errors import Notice
from udpnote.machine.clock import wall_microseconds
from udpnote.page.https import AUTHORITY_FILE, Https


def https(folder: Path, *allowed: str, host: str = "pc", addresses: Sequence[str] = ("127.0.0.1", "192.168.0.7")) -> Https:
    return Https(str(folder), host=host, allowed=allowed, own_addresses=lambda: addresses, now=wall_microseconds)


@pytest.mark.parametrize(
    ("allowed", "notices"),
    [
        ((), []),
        (("Notes.Example.org", "192.168.0.99", "记事.example.org"), []),
        (("notes", "pc"), [Notice("names_without_dot", names=("notes", "pc"), other="pc.local")]),
        (("203.0.113.9", "2606:4700::1"), [Notice("addresses_not_private", addresses=("203.0.113.9", "2606:4700::1"))]),
    ],
)
def test_names_and_addresses_that_no_certificate_can_have_are_reported(
    tmp_path: Path, allowed: tuple[str, ...], notices: list[Notice]
) -> None:
    assert https(tmp_path, *allowed).notices() == notices


def test_a_public_address_of_this_host_is_reported_if_it_is_not_ipv6(tmp_path: Path) -> None:
    served = https(tmp_path, addresses=["203.0.113.9", "10.0.0.3", "2606:4700::1"])
    assert served.notices() == [Notice("addresses_not_private", addresses=("203.0.113.9",))]


def test_names_that_are_newer_than_the_authority_need_another_one(tmp_path: Path) -> None:
    first = https(tmp_path, "notes.example.org")
    later = https(tmp_path, "notes.example.org", "other.example.org", host="laptop")
    assert later.authority == first.authority._replace(key=later.authority.key)
    path = str(tmp_path / AUTHORITY_FILE)
    assert later.notices() == [Notice("names_not_covered", names=("laptop.local", "other.example.org"), path=path)]
    (tmp_path / AUTHORITY_FILE).unlink()
    assert https(tmp_path, "other.example.org", host="laptop").notices() == []


def test_an_authority_that_others_could_read_is_closed_to_them_and_reported(tmp_path: Path) -> None:
    file = tmp_path / AUTHORITY_FILE
    https(tmp_path)
    file.chmod(0o644)
    assert https(tmp_path).notices() == [Notice("closed_to_others", paths=(str(file),), can_read=True, can_change=False)]
    assert (file.stat().st_mode & 0o777, https(tmp_path).notices()) == (0o600, [])

"""Finding a notebook on a LAN, with no address given to anybody."""

import json

import pytest

from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Result, Server, assert_once


def found_by(host: Host, *arguments: str) -> list[dict[str, object]]:
    """The notebooks that `udpnote find` lists on `host`."""
    result = host.run("find", "--json", "--timeout", "0.8", *arguments)
    assert result.code == 0, result.errors
    return list(json.loads(result.output))


def assert_stored(result: Result) -> None:
    assert result.code == 0, f"exit code {result.code}: {result.errors}"


@pytest.mark.parametrize("family", [4, 6], ids=["IPv4 alone", "IPv6 alone"])
def test_every_host_finds_the_server_by_itself_and_its_entries_are_stored(lab: Lab, family: int) -> None:
    lan = lab.switch()
    names = ("kitchen", "laptop", "phone")
    kitchen, laptop, phone = (lab.host(name, lan, ipv4=family == 4, ipv6=family == 6) for name in names)
    server = kitchen.serve("--name", "kitchen")
    for host in (laptop, phone):
        [found] = found_by(host)
        assert found["name"] == "kitchen"
        expected = kitchen.address(lan) if family == 4 else "fe80:"
        assert str(found["address"]).startswith(expected)
        assert_stored(host.run("send", f"来自 {host.name}"))
    assert server.texts() == ["来自 laptop", "来自 phone"]


HINDRANCES = {
    "none": [],
    "down": [("link", "set", "eth0", "down")],
    "without an address": [("addr", "flush", "dev", "eth0")],
    "without a route": [("route", "flush", "dev", "eth0")],
    "with the default route": [("route", "add", "default", "via", "10.77.1.254")],
}


@pytest.mark.parametrize("hindrance", HINDRANCES.values(), ids=HINDRANCES.keys())
def test_a_server_behind_the_second_interface_is_found_whatever_the_first_is_like(
    lab: Lab, hindrance: list[tuple[str, ...]]
) -> None:
    office, home = lab.switch(), lab.switch()
    kitchen, laptop = lab.host("kitchen", home), lab.host("laptop", office, home)
    server = kitchen.serve()
    for command in hindrance:
        laptop.ip(*command)
    assert_stored(laptop.run("send", "through the second interface"))
    assert server.texts() == ["through the second interface"]


def test_an_interface_whose_cable_is_cut_does_not_matter(lab: Lab) -> None:
    office, home = lab.switch(), lab.switch()
    kitchen, laptop = lab.host("kitchen", home), lab.host("laptop", office, home)
    server = kitchen.serve()
    lab.cut_cable(laptop, office)
    assert_stored(laptop.run("send", "through the other cable"))
    assert server.texts() == ["through the other cable"]


def test_a_host_with_several_addresses_is_one_notebook(lab: Lab) -> None:
    one, other = lab.switch(), lab.switch()
    kitchen, laptop = lab.host("kitchen", one, other), lab.host("laptop", one, other)
    server = kitchen.serve()
    assert len(found_by(laptop)) == 1
    assert_stored(laptop.run("send", "once"))
    assert server.texts() == ["once"]


@pytest.fixture
def two_notebooks(lab: Lab, pair: Pair) -> tuple[Server, Server]:
    kitchen = pair.kitchen.serve("--name", "kitchen")
    return kitchen, lab.host("cellar", pair.lan).serve("--name", "cellar")


def test_of_two_notebooks_none_is_guessed_and_the_chosen_one_gets_what_was_queued(
    pair: Pair, two_notebooks: tuple[Server, Server]
) -> None:
    kitchen, cellar = two_notebooks
    queued = pair.laptop.run("send", "for which one?")
    assert queued.code == 75
    assert "kitchen" in queued.errors and "cellar" in queued.errors and "udpnote use" in queued.errors
    chosen = pair.laptop.run("use", "cellar")
    assert chosen.code == 0 and "cellar" in chosen.output
    assert_stored(pair.laptop.run("send", "for the cellar"))
    assert_stored(pair.laptop.run("outbox", "--send"))
    assert_once(cellar.texts(), ["for which one?", "for the cellar"])
    assert kitchen.texts() == []


def test_one_command_can_name_the_notebook_it_is_for(pair: Pair, two_notebooks: tuple[Server, Server]) -> None:
    kitchen, cellar = two_notebooks
    assert_stored(pair.laptop.run("send", "--notebook-id", "cellar", "for the cellar"))
    assert_stored(pair.laptop.run("send", "--notebook-id", "kitchen", "for the kitchen"))
    unknown = pair.laptop.run("send", "--wait", "1", "--notebook-id", "attic", "for the attic")
    assert unknown.code == 75 and "attic" in unknown.errors
    assert kitchen.texts() == ["for the kitchen"]
    assert cellar.texts() == ["for the cellar"]


def test_without_a_server_find_names_the_interfaces_it_has_tried(pair: Pair) -> None:
    result = pair.laptop.run("find", "--timeout", "0.5")
    assert result.code == 69 and result.output == ""
    tried = [line.split()[:2] for line in result.errors.splitlines() if line.startswith("  eth0")]
    assert {"10.77.1.255", "255.255.255.255"} <= {destination for _, destination in tried}
    assert any(":" in destination for _, destination in tried), "IPv6 multicast is not among what was tried"


def link_local_address(host: Host) -> str:
    listed = host.ip("-6", "-o", "addr", "show", "dev", "eth0", "scope", "link")
    return f"{listed.split()[3].partition('/')[0]}%eth0"


@pytest.mark.parametrize("kind", ["IPv4", "IPv6", "link-local IPv6"])
def test_a_server_bound_to_one_address_is_found_as_well(pair: Pair, kind: str) -> None:
    addresses = {
        "IPv4": pair.kitchen.address(pair.lan),
        "IPv6": pair.kitchen.address(pair.lan, 6),
        "link-local IPv6": link_local_address(pair.kitchen),
    }
    server = pair.kitchen.serve("--bind", addresses[kind])
    assert_stored(pair.laptop.run("send", "to the bound one"))
    assert server.texts() == ["to the bound one"]


def test_a_named_server_is_reached_without_a_search(pair: Pair) -> None:
    server = pair.kitchen.serve("--port", "7000")
    ipv4, ipv6 = pair.kitchen.address(pair.lan), pair.kitchen.address(pair.lan, 6)
    for named in (f"{ipv4}:7000", f"[{ipv6}]:7000"):
        assert_stored(pair.laptop.run("send", "--server", named, named))
    for named in (ipv4, ipv6):
        assert_stored(pair.laptop.run("send", "--server", named, "--port", "7000", named))
    assert_stored(pair.kitchen.run("send", "--server", "localhost:7000", "from here"))
    wrong_port = pair.laptop.run("send", "--server", ipv4, "--wait", "1", "to the usual port")
    assert wrong_port.code == 75 and "6683" in wrong_port.errors
    assert_once(server.texts(), [f"{ipv4}:7000", f"[{ipv6}]:7000", ipv4, ipv6, "from here"])

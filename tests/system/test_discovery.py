"""Finding a notebook on a LAN without being given an address."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.processes import Result
from tests.system.conftest import Pair, pair_in
from tests.system.lab import Host, Lab, assert_once, at_once
from tests.system.network import firewall


def found_by(host: Host, *arguments: str) -> list[dict[str, object]]:
    """The notebooks that `udpnote find` lists on `host`."""
    return [json.loads(line) for line in host.succeed("find", "--json", "--timeout", "0.5", *arguments).lines]


FAMILIES = {"IPv4": [4], "IPv6": [6], "both": [4, 6]}


def test_every_host_finds_the_server_once_and_its_entries_are_stored(new_lab: Callable[[str], Lab]) -> None:
    def find_and_send(name: str) -> None:
        lab, families = new_lab(name), FAMILIES[name]
        lan = lab.switch()
        kitchen, laptop = (lab.host(name, lan, ipv4=4 in families, ipv6=6 in families) for name in ("kitchen", "laptop"))
        server = kitchen.serve("--name", "kitchen")
        [found] = found_by(laptop)
        assert found["name"] == "kitchen"
        addresses = {4: kitchen.address(lan), 6: "fe80:"}
        assert str(found["address"]).startswith(tuple(addresses[family] for family in families))
        laptop.succeed("send", "here")
        assert server.texts() == ["here"]

    at_once(find_and_send, FAMILIES)


def test_several_servers_of_one_host_take_different_ports_and_all_are_found(pair: Pair, tmp_path: Path) -> None:
    names = ["home", "lab", "工作"]
    servers = [pair.kitchen.serve("--name", name, notebook=tmp_path / name) for name in names]
    assert "port 6683 is taken, so this server listens at port 6684" in servers[1].process.errors
    assert {each["name"]: each["port"] for each in found_by(pair.laptop)} == dict(zip(names, (6683, 6684, 6685), strict=True))
    assert [each["name"] for each in found_by(pair.laptop, "--port", "6684")] == ["lab"]
    pair.laptop.succeed("use", "工作")
    pair.laptop.succeed("send", "to the chosen one")
    pair.laptop.succeed("send", "--notebook", "lab", "to the named one")
    assert [server.texts() for server in servers] == [[], ["to the named one"], ["to the chosen one"]]


def test_a_machine_on_no_network_is_told_so_and_queues_its_entry_without_a_doubt_whether_it_was_sent(pair: Pair) -> None:
    pair.kitchen.serve("--name", "kitchen")
    pair.laptop.succeed("send", "here")
    pair.laptop.ip("address", "flush", "dev", "eth0")
    found = pair.laptop.run("find", "--timeout", "0.5")
    assert (found.code, "no usable network interface" in found.err, "firewall" in found.err) == (69, True, False)
    queued = pair.laptop.run("send", "on the train")
    facts = ("kitchen", "Network is unreachable", "was not sent")
    assert (queued.code, [fact for fact in facts if fact not in queued.err]) == (75, [])
    assert "udpnote doctor" not in queued.err and queued.err.count("\n") == 1


def test_a_demonstration_without_a_loopback_interface_says_what_to_check(pair: Pair) -> None:
    pair.laptop.ip("link", "set", "lo", "down")
    result = pair.laptop.run("demo")
    assert (result.code, result.err.count("\n"), "lo" in result.err) == (69, 1, True), result


def test_a_demonstration_says_that_an_entry_whose_datagrams_are_all_lost_is_not_stored(pair: Pair) -> None:
    firewall(pair.laptop, leaving="udp length > 1000 drop")  # the datagrams of the long entry
    result = pair.laptop.run("demo")
    assert (result.code, result.err.count("\n"), "firewall" in result.err, "None" in result.out) == (1, 1, True, False), result


def test_hosts_whose_addresses_have_no_network_find_each_other(new_lab: Callable[[str], Lab]) -> None:
    def send(name: str) -> None:
        lab = new_lab(name)
        lan = lab.switch()
        hosts = [lab.host(name, lan, ipv6=False) for name in ("kitchen", "laptop")]
        for host in hosts:
            host.ip("addr", "flush", "dev", "eth0")
            host.ip("addr", "add", f"{host.address(lan)}/32", "dev", "eth0")
            host.ip("route", "add", "10.77.0.0/16", "dev", "eth0")
        kitchen, laptop = hosts
        server = kitchen.serve(*(["--bind", kitchen.address(lan)] if name == "bound" else []))
        laptop.succeed("send", "by 255.255.255.255")
        assert server.texts() == ["by 255.255.255.255"]

    at_once(send, ["everywhere", "bound"])


def test_a_server_that_was_started_before_its_link_was_up_is_found(lab: Lab) -> None:
    lan = lab.switch()
    kitchen, laptop = (lab.host(name, lan, ipv4=False) for name in ("kitchen", "laptop"))
    kitchen.ip("link", "set", "eth0", "down")
    server = kitchen.serve()
    kitchen.ip("link", "set", "eth0", "up")
    laptop.succeed("send", "by the multicast group")
    assert server.texts() == ["by the multicast group"]


FIRST_INTERFACES: dict[str, list[tuple[str, ...]]] = {
    "is up": [],
    "is down": [("link", "set", "eth0", "down")],
    "has no address": [("addr", "flush", "dev", "eth0")],
    "has no route": [("route", "flush", "dev", "eth0")],
    "has the default route": [("route", "add", "default", "via", "10.77.1.254")],
    "has its cable cut": [],
}


def test_a_server_behind_the_second_interface_is_found_whatever_the_state_of_the_first(lab: Lab) -> None:
    office, home = lab.switch(), lab.switch()
    server = lab.host("kitchen", home).serve("--quiet")
    laptops = {state: lab.host(f"laptop{number}", office, home) for number, state in enumerate(FIRST_INTERFACES)}
    for state, laptop in laptops.items():
        for command in FIRST_INTERFACES[state]:
            laptop.ip(*command)
    lab.cut_cable(laptops["has its cable cut"], office)
    for state, sending in [(state, laptop.start("send", state)) for state, laptop in laptops.items()]:
        result = sending.wait()
        assert result.code == 0, f"the first interface {state}: {result.err}"
    assert_once(server.texts(), list(FIRST_INTERFACES))


def link_local_address(host: Host) -> str:
    listed = host.ip("-6", "-o", "addr", "show", "dev", "eth0", "scope", "link")
    return f"{listed.split()[3].partition('/')[0]}%eth0"


def test_a_server_bound_to_one_address_is_found(new_lab: Callable[[str], Lab]) -> None:
    def send(kind: str) -> None:
        pair = pair_in(new_lab(kind))
        address = pair.kitchen.address(pair.lan) if kind == "IPv4" else link_local_address(pair.kitchen)
        server = pair.kitchen.serve("--bind", address)
        pair.laptop.succeed("send", "to the bound one")
        assert server.texts() == ["to the bound one"]

    at_once(send, ["IPv4", "link-local"])


def test_a_server_whose_host_name_no_longer_resolves_is_found_in_time(pair: Pair, tmp_path: Path) -> None:
    kitchen, laptop = pair.kitchen, pair.laptop
    files = {name: tmp_path / name for name in ("hosts", "resolv.conf")}
    mounts = "; ".join(f"mount --bind {file} /etc/{name}" for name, file in files.items())
    under = ("unshare", "-m", "sh", "-c", f'{mounts}; exec "$@"', "sh")

    def send(text: str, server: str = "pi.lan", wait: str = "5") -> Result:
        return laptop.start("send", "--server", server, "--wait", wait, text, under=under).wait()

    firewall(kitchen, arriving="udp dport 53 drop")
    files["resolv.conf"].write_text(f"nameserver {kitchen.address(pair.lan)}\n")
    files["hosts"].write_text(f"{kitchen.address(pair.lan)} pi.lan\n")
    server = kitchen.serve()
    assert send("by its name").code == 0
    files["hosts"].write_text("")
    assert send("by its last address").code == 0
    server.stop()
    kitchen.set_address("10.77.1.200")
    server = kitchen.serve()
    assert send("on the LAN").code == 0
    unknown = send("nowhere", server="other.lan", wait="1")
    assert (unknown.code, "other.lan" in unknown.err) == (75, True)
    assert unknown.seconds < 8, "the command waited for the name server, which takes 10 s to give up"
    assert server.texts() == ["by its name", "by its last address", "on the LAN"]

"""A network that loses, duplicates and reorders datagrams, and servers that turn up elsewhere."""

import json
import subprocess

import pytest

from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, assert_once, require_tool, wait_until
from tests.system.network import be_perfect, double, met

LOSS = """
table inet loss {
    chain out { type filter hook output priority 0; numgen random mod 100 < 30 counter drop; }
    chain in { type filter hook input priority 0; numgen random mod 100 < 30 counter drop; }
}
"""

LINES = [f"第 {number} 行" for number in range(100)]


def test_a_long_file_is_stored_line_by_line(pair: Pair) -> None:
    lines = [f"line {number}" for number in range(20_000)]
    server = pair.kitchen.serve("--quiet")
    result = pair.laptop.run("send", lines=lines)
    assert result.code == 0, result.errors
    assert_once(server.texts(), lines)


@pytest.fixture
def lossy(pair: Pair) -> Pair:
    require_tool("nft")
    pair.laptop.shell("nft", "-f", "-", text=LOSS)
    return pair


def test_with_thirty_percent_loss_each_way_every_line_is_stored_once(lossy: Pair) -> None:
    server = lossy.kitchen.serve()
    result = lossy.laptop.run("send", "--wait", "30", "-", lines=LINES)
    assert result.code == 0, result.errors
    assert_once(server.texts(), LINES)
    assert all(met(lossy.laptop.shell("nft", "list", "ruleset"))), "the network has lost nothing"


def test_with_thirty_percent_loss_each_way_single_entries_arrive_too(lossy: Pair) -> None:
    server = lossy.kitchen.serve()
    for number in range(8):
        result = lossy.laptop.run("send", "--wait", "30", f"entry {number}")
        assert result.code == 0, result.errors
    assert_once(server.texts(), [f"entry {number}" for number in range(8)])


def test_what_the_network_duplicates_is_stored_once(pair: Pair) -> None:
    double(pair.lan, pair.kitchen, pair.laptop, percent=50)
    server = pair.kitchen.serve()
    for _ in range(3):
        assert pair.laptop.run("send", lines=LINES).code == 0
    assert_once(server.texts(), LINES * 3)
    be_perfect(pair.lan)


def test_what_the_network_delays_and_reorders_is_stored_once(pair: Pair) -> None:
    netem = ["tc", "-n", pair.laptop.namespace, "qdisc", "add", "dev", "eth0", "root", "netem"]
    netem += ["duplicate", "50%", "delay", "20ms", "20ms"]
    if subprocess.run(netem, capture_output=True, check=False).returncode:
        pytest.skip("the kernel has no netem (module sch_netem)")
    server = pair.kitchen.serve()
    for _ in range(3):
        assert pair.laptop.run("send", "--wait", "30", lines=LINES).code == 0
    assert_once(server.texts(), LINES * 3)


def remembered_address(host: Host) -> str:
    return str(json.loads(host.run("use", "--json").output)["address"])


@pytest.mark.parametrize("is_taken_over", [False, True], ids=["nobody there now", "another notebook there now"])
def test_a_server_whose_address_has_changed_is_found_again(lab: Lab, is_taken_over: bool) -> None:
    lan = lab.switch()
    kitchen, laptop = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "laptop"))
    server = kitchen.serve("--name", "kitchen")
    assert laptop.run("send", "before").code == 0
    old = kitchen.address(lan)
    assert remembered_address(laptop) == old
    kitchen.ip("addr", "del", f"{old}/24", "dev", "eth0")
    kitchen.ip("addr", "add", "10.77.1.99/24", "brd", "+", "dev", "eth0")
    other = None
    if is_taken_over:
        cellar = lab.host("cellar", lan, ipv6=False)
        cellar.ip("addr", "add", f"{old}/24", "brd", "+", "dev", "eth0")
        laptop.ip("neigh", "flush", "all")
        other = cellar.serve("--name", "cellar")
    moved = laptop.run("send", "after")
    assert moved.code == 0, moved.errors
    assert "10.77.1.99" in moved.errors, "the user is not told where the server is now"
    assert remembered_address(laptop) == "10.77.1.99"
    assert_once(server.texts(), ["before", "after"])
    assert other is None or other.texts() == []


def test_a_server_that_moves_while_a_client_streams_loses_nothing(lab: Lab) -> None:
    lan = lab.switch()
    kitchen, laptop = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "laptop"))
    server = kitchen.serve()
    client = laptop.start("send", "--wait", "60", stdin=subprocess.PIPE)
    client.feed("before\n")
    wait_until(lambda: "before" in client.output, "the first line is stored")
    kitchen.ip("addr", "del", f"{kitchen.address(lan)}/24", "dev", "eth0")
    kitchen.ip("addr", "add", "10.77.1.99/24", "brd", "+", "dev", "eth0")
    client.feed("".join(f"{line}\n" for line in LINES))
    client.end_input()
    result = client.wait()
    assert result.code == 0, result.errors
    assert_once(server.texts(), ["before", *LINES])

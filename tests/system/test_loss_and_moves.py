"""A network that loses, duplicates and reorders datagrams, and a server that turns up at another address."""

import json
import subprocess

import pytest

from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, Host, Lab, assert_once
from tests.system.network import duplicate, end_trouble, lose

LINES = [f"第 {number} 行" for number in range(100)]
NEW_ADDRESS = "10.77.1.99"


def test_with_thirty_percent_loss_each_way_lines_and_single_entries_are_stored_once(pair: Pair) -> None:
    lose(pair.lan, percent=30)
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "--wait", "30", lines=LINES)
    for text in ("one", "two"):
        pair.laptop.succeed("send", "--wait", "30", text)
    end_trouble(pair.lan)
    assert_once(server.texts(), [*LINES, "one", "two"])


def test_what_the_network_duplicates_is_stored_once(pair: Pair) -> None:
    duplicate(pair.lan, pair.kitchen, pair.laptop, percent=50)
    server = pair.kitchen.serve("--quiet")
    for _ in range(2):
        pair.laptop.succeed("send", lines=LINES)
    end_trouble(pair.lan)
    assert_once(server.texts(), LINES * 2)


def test_what_the_network_delays_and_reorders_is_stored_once(pair: Pair) -> None:
    netem = ["tc", "-n", pair.laptop.namespace, "qdisc", "add", "dev", "eth0", "root", "netem"]
    netem += ["duplicate", "50%", "delay", "20ms", "20ms"]
    if subprocess.run(netem, capture_output=True, check=False).returncode:
        pytest.skip("the kernel has no netem (module sch_netem)")
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "--wait", "30", lines=LINES)
    assert_once(server.texts(), LINES)


def remembered_address(host: Host) -> str:
    return str(json.loads(host.succeed("use", "--json").out)["address"])


def test_a_server_that_has_moved_is_found_though_another_notebook_has_its_old_address(lab: Lab) -> None:
    lan = lab.switch()
    kitchen, laptop, cellar = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "laptop", "cellar"))
    server = kitchen.serve("--name", "kitchen")
    laptop.succeed("send", "before")
    old = kitchen.address(lan)
    assert remembered_address(laptop) == old
    kitchen.set_address(NEW_ADDRESS)
    cellar.set_address(old)
    laptop.ip("neigh", "flush", "all")
    other = cellar.serve("--name", "cellar")
    moved = laptop.succeed("send", "after")
    assert NEW_ADDRESS in moved.err, "the user is not told where the server is now"
    assert remembered_address(laptop) == NEW_ADDRESS
    assert_once(server.texts(), ["before", "after"])
    assert other.texts() == []


def test_a_server_that_moves_while_a_client_streams_loses_nothing(lab: Lab) -> None:
    lan = lab.switch()
    kitchen, laptop = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "laptop"))
    server = kitchen.serve("--quiet")
    client = laptop.start_sending()
    client.type("before\n")
    client.expect("before")
    kitchen.set_address(NEW_ADDRESS)
    client.type("".join(f"{line}\n" for line in LINES))
    client.end_input()
    result = client.wait(SECONDS_MAX)
    assert result.code == 0, result.err
    assert_once(server.texts(), ["before", *LINES])

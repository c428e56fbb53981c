"""A network that loses and duplicates datagrams, and a server that turns up at another address."""

import json

from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, assert_once
from tests.system.network import duplicate, end_trouble, lose

LINES = [f"第 {number} 行" for number in range(100)]
NEW_ADDRESS = "10.77.1.99"


def test_what_the_network_loses_and_duplicates_is_stored_once(pair: Pair) -> None:
    lose(pair.lan, percent=30)
    duplicate(pair.lan, pair.kitchen, pair.laptop, percent=50)
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "--wait", "30", lines=LINES)
    for text in ("one", "two"):
        pair.laptop.succeed("send", "--wait", "30", text)
    end_trouble(pair.lan)
    assert_once(server.texts(), [*LINES, "one", "two"])


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

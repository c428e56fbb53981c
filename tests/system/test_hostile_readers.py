"""Readers that lie about who they are, and that ask for too much, while others write and follow."""

import json
import re

import pytest

from tests.system import impostor
from tests.system.attacker import STOCK
from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Process, Server, require_tool, wait_until
from tests.system.measures import append_amid_slow_queries, figures
from tests.system.stock import fill_notebook

MEMORY_BYTES_MAX = 64 << 20
SEED = 6683
LONG_TEXT = "so much that it fills a page " * 35
HEADERS_BYTES = 28
"""Of IPv4 and UDP, in each packet that nftables counts."""

WATCH = """
table inet watch {
    chain arriving { type filter hook input priority 0; udp sport 6683 counter; }
}
"""


def arrived(host: Host) -> int:
    """The bytes of UDP payload that the server has sent to `host` since it watches."""
    counted = re.search(r"counter packets (\d+) bytes (\d+)", host.shell("nft", "list", "ruleset"))
    assert counted is not None
    return int(counted[2]) - HEADERS_BYTES * int(counted[1])


@pytest.mark.parametrize("manner", impostor.MANNERS)
def test_a_victim_gets_no_more_than_was_asked_in_its_name(lab: Lab, pair: Pair, manner: str) -> None:
    require_tool("nft")
    notebook = pair.kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, STOCK, with_index=True)
    server = pair.kitchen.serve("--quiet", notebook=notebook)
    victim, mallory = lab.host("victim", pair.lan), lab.host("mallory", pair.lan)
    victim.shell("nft", "-f", "-", text=WATCH)
    addresses = (victim.address(pair.lan), pair.kitchen.address(pair.lan))
    result = mallory.start_module("tests.system.impostor", "reads", manner, *addresses, str(SEED)).wait()
    assert result.code == 0, result.errors
    for number in range(2):  # what the waiting READs wait for, and the time in which an answer is repeated
        assert pair.laptop.run("send", "--wait", "30", f"{number} {LONG_TEXT}").code == 0
    told = json.loads(result.output)
    if manner == "short":
        assert arrived(victim) == 0
    else:
        assert 0 < arrived(victim) <= told["bytes"], f"{told} with seed {SEED}"
    assert server.memory_bytes("VmHWM") < MEMORY_BYTES_MAX


def wait_for_text(follower: Process, text: str) -> None:
    wait_until(lambda: text in follower.output or not follower.is_running, f"{text!r} is printed", 30)
    assert follower.is_running, follower.errors


def printed(follower: Process) -> list[tuple[int, str]]:
    objects = map(json.loads, follower.output.splitlines())
    return [(each["number"], each["text"]) for each in objects]


def stored(server: Server) -> list[tuple[int, str]]:
    return [(each.number, each.entry.text) for each in server.stored()]


def test_whoever_follows_is_served_beside_thousands_of_readers_that_wait(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    followers = [lab.host("early", pair.lan).start("follow", "--json")]
    assert pair.laptop.run("send", "before the crowd").code == 0
    wait_for_text(followers[0], "before the crowd")
    mallory = lab.host("mallory", pair.lan)
    attacking = mallory.start_module("tests.system.crowd", "waiting", pair.kitchen.address(pair.lan))
    followers.append(lab.host("late", pair.lan).start("follow", "--json", "--wait", "30"))
    wait_for_text(followers[1], "before the crowd")
    for number in range(3):
        assert pair.laptop.run("send", "--wait", "30", f"amid the crowd {number}").code == 0
        for follower in followers:
            wait_for_text(follower, f"amid the crowd {number}")
    assert attacking.is_running, attacking.errors
    attacking.kill()
    assert server.memory_bytes("VmHWM") < MEMORY_BYTES_MAX
    assert [printed(follower) for follower in followers] == [stored(server)] * 2


def test_slow_queries_hold_up_no_acknowledgement_for_long(lab: Lab) -> None:
    alone, amid, memory_bytes = append_amid_slow_queries(lab, stock=20_000, entries=100)
    print(f"acknowledged alone: {figures(alone)}; amid slow queries: {figures(amid)}")
    assert figures(amid).median < 1, "whoever writes waits for whoever reads"
    assert memory_bytes < MEMORY_BYTES_MAX


def ports_of(host: Host) -> set[int]:
    """The UDP ports over IPv4 that something on `host` is bound to."""
    lines = host.shell("cat", "/proc/net/udp").splitlines()[1:]
    return {int(line.split()[1].partition(":")[2], 16) for line in lines}


def test_a_follower_believes_no_page_that_it_has_not_asked_for(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    reader, mallory = lab.host("reader", pair.lan), lab.host("mallory", pair.lan)
    assert pair.laptop.run("send", "before the attack").code == 0
    follower = reader.start("follow", "--json")
    wait_for_text(follower, "before the attack")
    [port] = ports_of(reader)
    addresses = (pair.kitchen.address(pair.lan), reader.address(pair.lan))
    attacking = mallory.start_module("tests.system.impostor", "pages", *addresses, str(port), str(SEED))
    for number in range(5):
        assert pair.laptop.run("send", f"under attack {number}").code == 0
        wait_for_text(follower, f"under attack {number}")
    result = attacking.wait()
    assert result.code == 0, result.errors
    assert json.loads(result.output)["count"] == 10_000
    assert pair.laptop.run("send", "after the attack").code == 0
    wait_for_text(follower, "after the attack")
    assert follower.errors == ""
    assert printed(follower) == stored(server)

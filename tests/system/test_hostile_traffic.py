"""Hostile hosts: the server keeps serving, stays small, and sends nobody more than came in that address's name."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.processes import Process
from tests.system.conftest import Pair
from tests.system.hostile_datagrams import ENTRIES
from tests.system.hostile_host import HEADERS_BYTES, SERVER_PORT
from tests.system.lab import SECONDS_MAX, Host, Lab, Server, Switch
from tests.system.large_notebook import fill_notebook
from tests.system.measures import append_amid_slow_queries, figures, flood

MEMORY_BYTES_MAX = 64 << 20
LONG_TEXT = "enough to fill a page " * 50
SEND = ("send", "--wait", "30")

ATTACKS = {
    "malformed": 3000,
    "noise": 6000,
    "unfinished entries": 3000,
    "any reads": 3000,
    "short reads": 2000,
    "reads of the whole log": 2000,
}
"""What is sent, and how many datagrams of it."""

SPOOFED_READS = {"waiting reads": 900, "short reads": 500, "reads of the whole log": 1000, "any reads": 1000}
"""READs in the name of a victim, and how many; no more waiting ones than the server keeps."""

WATCH = """
table inet watch {
    chain arriving { type filter hook input priority 0; udp sport 6683 counter; }
}
"""


class Target(NamedTuple):
    """A server with some entries, a host that writes, a hostile one, and what the first has written so far."""

    lan: Switch
    kitchen: Host
    server: Server
    laptop: Host
    mallory: Host
    written: list[str]

    def write(self, text: str) -> None:
        self.laptop.succeed(*SEND, text)
        self.written.append(text)

    def start_hostile(self, *arguments: str) -> Process:
        return self.mallory.start_module("tests.system.hostile_host", *arguments)


@pytest.fixture(scope="module")
def target(laboratory: type[Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One for all tests here; at the end, its notebook holds what was written, and nothing else."""
    lab = laboratory(tmp_path_factory.mktemp("target"))
    try:
        lan = lab.switch()
        kitchen, laptop, mallory = (lab.host(name, lan) for name in ("kitchen", "laptop", "mallory"))
        notebook = kitchen.home / "notebook.sqlite3"
        fill_notebook(notebook, ENTRIES)
        made = Target(lan, kitchen, kitchen.serve("--quiet", notebook=notebook), laptop, mallory, [])
        yield made
        assert made.server.texts()[ENTRIES:] == made.written
    finally:
        lab.close()


def output_of(process: Process) -> dict[str, int]:
    """What a hostile host has printed, once it has ended."""
    result = process.wait(SECONDS_MAX)
    assert result.code == 0, result.err
    return dict(json.loads(result.out))


def bytes_arrived(host: Host) -> int:
    """The bytes of UDP payload that servers have sent to `host` since it counts them."""
    counted = re.search(r"counter packets (\d+) bytes (\d+)", host.shell("nft", "list", "ruleset"))
    assert counted is not None
    return int(counted[2]) - HEADERS_BYTES * int(counted[1])


def test_victims_get_no_more_bytes_than_were_sent_in_their_names(lab: Lab, pair: Pair) -> None:
    notebook = pair.kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, ENTRIES)
    server = pair.kitchen.serve("--quiet", notebook=notebook)
    kitchen, mallory = pair.kitchen.address(pair.lan), lab.host("mallory", pair.lan)
    victims, sent = {}, {}
    for number, (kind, count) in enumerate(SPOOFED_READS.items()):
        victims[kind] = victim = lab.host(f"victim{number}", pair.lan)
        victim.shell("nft", "-f", "-", text=WATCH)
        addresses = (kitchen, victim.address(pair.lan), kitchen, str(SERVER_PORT))
        spoofing = mallory.start_module("tests.system.hostile_host", "spoof", kind, str(count), *addresses)
        sent[kind] = output_of(spoofing)["sent"]
    for _ in range(2):  # the waiting READs wait for these, and repeated answers come meanwhile
        pair.laptop.succeed(*SEND, LONG_TEXT)
    arrived = {kind: bytes_arrived(victim) for kind, victim in victims.items()}
    assert arrived.pop("short reads") == 0
    for kind in arrived:
        assert 0 < arrived[kind] <= sent[kind], f"{kind}: {arrived[kind]} bytes for {sent[kind]}"
    assert server.memory_bytes_max() < MEMORY_BYTES_MAX


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_server_keeps_serving_stays_small_and_answers_with_no_more_than_it_gets(target: Target, attack: str) -> None:
    attacking = target.start_hostile("send", attack, str(ATTACKS[attack]), target.kitchen.address(target.lan))
    target.write(f"amid {attack}")
    counted = output_of(attacking)
    target.write(f"after {attack}")
    assert 0 < counted["sent"] >= counted["received"], counted
    assert target.server.memory_bytes_max() < MEMORY_BYTES_MAX


def follow(host: Host) -> Process:
    return host.start("follow", "-n", "1", "--json", "--wait", "30")


def printed_by(follower: Process) -> list[str]:
    return [json.loads(line)["text"] for line in follower.output.splitlines()]


def test_followers_are_served_beside_thousands_of_waiting_readers(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "before the crowd")
    followers = [follow(lab.host("early", pair.lan))]
    followers[0].expect("before the crowd")
    with flood(lab.host("mallory", pair.lan), "crowd of waiting reads", 1024, pair.kitchen, pair.lan):
        followers.append(follow(lab.host("late", pair.lan)))
        followers[1].expect("before the crowd", 30)
        pair.laptop.succeed(*SEND, "amid the crowd")
        for follower in followers:
            follower.expect("amid the crowd", 30)
    assert server.memory_bytes_max() < MEMORY_BYTES_MAX
    assert [printed_by(follower) for follower in followers] == [["before the crowd", "amid the crowd"]] * 2


def test_slow_queries_hold_up_no_acknowledgement_for_long(lab: Lab) -> None:
    alone, amid, memory_bytes = append_amid_slow_queries(lab, stored=5_000, entries=20)
    print(f"acknowledged alone: {figures(alone)}; amid slow queries: {figures(amid)}")
    assert figures(amid).median < 1, "writers wait for readers"
    assert memory_bytes < MEMORY_BYTES_MAX


def ports_of(host: Host) -> set[int]:
    """The UDP ports over IPv4 that programs on `host` are bound to."""
    lines = host.shell("cat", "/proc/net/udp").splitlines()[1:]
    return {int(line.split()[1].partition(":")[2], 16) for line in lines}


def test_a_follower_ignores_every_page_that_it_has_not_asked_for(target: Target) -> None:
    target.write("before the forged pages")
    follower = follow(target.laptop)
    follower.expect("before the forged pages")
    [port] = ports_of(target.laptop)
    server, client = target.kitchen.address(target.lan), target.laptop.address(target.lan)
    attacking = target.start_hostile("spoof", "forged pages", "4000", server, server, client, str(port))
    target.write("amid the forged pages")
    follower.expect("amid the forged pages")
    output_of(attacking)
    target.write("after the forged pages")
    follower.expect("after the forged pages")
    assert follower.errors == ""
    assert printed_by(follower) == [f"{when} the forged pages" for when in ("before", "amid", "after")]

"""Hostile hosts: another host is served, and the server stays small, and sends nobody more than came from that address."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from random import Random

import pytest

from tests.support.processes import memory_bytes_max
from tests.system import hostile_host
from tests.system.flooded import TEXT, Flooded
from tests.system.floods import FLOODS, STORED_LONG_ENTRIES
from tests.system.hostile_datagrams import ENTRIES, malformed, reads_of_the_whole_log
from tests.system.lab import Lab

SEED = 6683
MEMORY_BYTES_MAX = 64 << 20
SEND = ("send", "--wait", "30")
REQUESTS = 6
MILLISECONDS_MAX = 300
"""Half of the requests are answered within this time, on any machine; `python -m tests.endurance` measures the slowest ones."""

HONEST = {TEXT, "amid the attack", "after the attack", "before the crowd", "amid the crowd"}


@pytest.fixture(scope="module")
def flooded(laboratory: type[Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flooded]:
    """One server for all tests here. Each attack comes from another host. At the end, only honest notes must be stored."""
    with closing(laboratory(tmp_path_factory.mktemp("flooded"))) as lab:
        yield (flooded := Flooded.made(lab))
        assert set(flooded.server.texts()[STORED_LONG_ENTRIES + ENTRIES :]) <= HONEST


@pytest.mark.parametrize("name", FLOODS)
def test_during_a_flood_another_host_is_served_and_the_server_stays_small(flooded: Flooded, name: str) -> None:
    with flooded.flood(name):
        taken = flooded.milliseconds(FLOODS[name].troubles, REQUESTS)
    assert taken[-1] < float("inf"), "no request fails"
    assert taken[REQUESTS // 2 - 1] < MILLISECONDS_MAX
    assert memory_bytes_max(flooded.server.process.pid) < MEMORY_BYTES_MAX


def test_a_flood_by_ipv4_does_not_keep_out_requests_by_ipv6(flooded: Flooded) -> None:
    with flooded.flood("notes for another notebook"):
        taken = flooded.milliseconds("send", 4, family=6)
    assert taken[-1] < float("inf"), "no request fails"


def test_clients_find_a_server_bound_to_one_address_during_a_flood_there(lab: Lab) -> None:
    flooded = Flooded.made(lab, is_bound=True)
    with flooded.flood("notes for another notebook"):
        taken = flooded.milliseconds("find", 4)
    assert taken[-1] < float("inf"), "no request fails"


@pytest.mark.parametrize("attack", [malformed, reads_of_the_whole_log])
def test_the_server_keeps_serving_stays_small_and_answers_with_no_more_than_it_gets(
    flooded: Flooded, attack: Callable[[Random, bytes], Iterator[bytes]]
) -> None:
    writing = flooded.laptop.start(*SEND, "amid the attack")
    mallory = flooded.lab.host(f"mallory-{attack.__name__}", flooded.lan).socket(flooded.kitchen.address(flooded.lan))
    sent, received = hostile_host.send(mallory, islice(attack(Random(SEED), flooded.notebook_id), 3000))
    assert writing.wait().code == 0
    flooded.laptop.succeed(*SEND, "after the attack")
    assert sent >= received > 0
    assert memory_bytes_max(flooded.server.process.pid) < MEMORY_BYTES_MAX


def test_a_follower_is_served_beside_thousands_of_waiting_readers(flooded: Flooded) -> None:
    flooded.laptop.succeed(*SEND, "before the crowd")
    with flooded.flood("reads that wait"):
        follower = flooded.lab.host("reader", flooded.lan).start("follow", "-n", "1", "--json", "--wait", "30")
        follower.expect("before the crowd", 30)
        flooded.laptop.succeed(*SEND, "amid the crowd")
        follower.expect("amid the crowd", 30)
    assert [json.loads(line)["text"] for line in follower.output.splitlines()] == ["before the crowd", "amid the crowd"]

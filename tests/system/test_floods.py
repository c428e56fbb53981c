"""Floods from one host at rates that could stop a server: another host is served, and the server stays small."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.processes import memory_bytes_max
from tests.system.flooded import Flooded
from tests.system.floods import FLOODS
from tests.system.lab import Lab

MEMORY_BYTES_MAX = 64 << 20
REQUESTS = 6
MILLISECONDS_MAX = 300
"""Half of the requests are answered within this time, on any machine; `python -m tests.endurance` measures the slowest ones."""


@pytest.fixture(scope="module")
def flooded(laboratory: type[Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flooded]:
    """One server for all tests here. Each flood comes from another host."""
    with closing(laboratory(tmp_path_factory.mktemp("flooded"))) as lab:
        yield Flooded.made(lab)


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

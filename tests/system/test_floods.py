"""Floods from one host at rates that could stop a server: another host is served, and the server stays small."""

import pytest

from tests.support.processes import memory_bytes_max
from tests.system.flooded import Flooded
from tests.system.floods import FLOODS
from tests.system.lab import Lab

MEMORY_BYTES_MAX = 64 << 20
REQUESTS = 12
MILLISECONDS_MAX = 300
"""Half of the requests are answered within this time, on any machine; `python -m tests.endurance` measures the slowest ones."""


@pytest.mark.parametrize("name", FLOODS)
def test_beside_a_flood_from_one_host_another_host_is_served_and_the_server_stays_small(lab: Lab, name: str) -> None:
    flooded = Flooded.made(lab)
    with flooded.flood(name):
        taken = flooded.milliseconds(FLOODS[name].troubles, REQUESTS)
    assert taken[-1] < float("inf"), "no request fails"
    assert taken[REQUESTS // 2] < MILLISECONDS_MAX
    assert memory_bytes_max(flooded.server.process.pid) < MEMORY_BYTES_MAX


@pytest.mark.parametrize("request_kind", ["send by IPv6", "find a server that is bound to the flooded address"])
def test_a_flood_at_one_socket_does_not_keep_out_what_arrives_at_another(lab: Lab, request_kind: str) -> None:
    is_bound = "bound" in request_kind
    flooded = Flooded.made(lab, family=4 if is_bound else 6, is_bound=is_bound)
    with flooded.flood("notes for another notebook"):
        taken = flooded.milliseconds("find" if is_bound else "send", 4)
    assert taken[-1] < float("inf"), "no request fails"

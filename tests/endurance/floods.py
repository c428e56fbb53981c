"""Floods: what a flood from one host does to an honest client's requests, and to the server's memory."""

import time
from collections.abc import Iterator
from math import isfinite

from tests.endurance.table import Row
from tests.support.processes import memory_bytes_max
from tests.system.flooded import TEXT, Flooded
from tests.system.floods import FLOODS
from tests.system.lab import Lab

REQUESTS = 10


def flood(lab: Lab, _seed: int, *, name: str, seconds: float) -> Iterator[Row]:
    """Let the flood `name` go on for so long, and measure what it troubles."""
    flooded = Flooded.made(lab)
    taken: list[float] = []
    ends_at = time.monotonic() + seconds
    with flooded.flood(name):
        while time.monotonic() < ends_at or not taken:
            taken += flooded.milliseconds(FLOODS[name].troubles, REQUESTS)
    memory_bytes = memory_bytes_max(flooded.server.process.pid)
    row = Row(f"{name}: `{FLOODS[name].troubles}`", 1, milliseconds=taken, is_flood=True, memory_bytes=memory_bytes)
    if FLOODS[name].troubles == "send":
        acknowledged, stored = sum(map(isfinite, taken)), flooded.server.texts().count(TEXT)
        row.entries, row.lost, row.doubled = len(taken), max(0, acknowledged - stored), max(0, stored - len(taken))
    yield row

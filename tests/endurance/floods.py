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
    """Let the flood `name` go on for so long, and measure what it troubles; the row counts its datagrams."""
    flooded = Flooded.made(lab)
    taken: list[float] = []
    started_at = time.monotonic()
    with flooded.flood(name) as flooding:
        while time.monotonic() < started_at + seconds or not taken:
            taken += flooded.milliseconds(FLOODS[name].troubles, REQUESTS)
    datagrams = round(int(flooding.output.split()[-1]) * (time.monotonic() - started_at))
    memory_bytes = memory_bytes_max(flooded.server.process.pid)
    row = Row(f"{name}: `{FLOODS[name].troubles}`", datagrams, milliseconds=taken, is_flood=True, memory_bytes=memory_bytes)
    if FLOODS[name].troubles == "send":
        acknowledged, stored = sum(map(isfinite, taken)), flooded.server.texts().count(TEXT)
        row.entries, row.lost, row.doubled = len(taken), max(0, acknowledged - stored), max(0, stored - len(taken))
    yield row

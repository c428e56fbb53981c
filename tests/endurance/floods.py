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
    """Let the flood `name` go on for `seconds`, and measure the requests of an honest client that it could hold up.

    The row for the flood counts its datagrams. An earlier row has some requests without a flood: it shows how busy the machine
    is with other things.
    """
    flooded = Flooded.made(lab)
    before, taken = flooded.milliseconds("send", REQUESTS), list[float]()
    yield Row("no flood: `send`", REQUESTS, milliseconds=before)
    started_at = time.monotonic()
    with flooded.flood(name) as flooding:
        while time.monotonic() < started_at + seconds or not taken:
            taken += flooded.milliseconds(FLOODS[name].troubles, REQUESTS)
    datagrams = round(int(flooding.output.split()[-1]) * (time.monotonic() - started_at))
    memory_bytes = memory_bytes_max(flooded.server.process.pid)
    sent = before + (taken if FLOODS[name].troubles == "send" else [])
    acknowledged, stored = sum(map(isfinite, sent)), flooded.server.texts().count(TEXT)
    lost, doubled = max(0, acknowledged - stored), max(0, stored - len(sent))
    what = f"{name}: `{FLOODS[name].troubles}`"
    yield Row(what, datagrams, len(sent), lost, doubled, taken, is_flood=True, memory_bytes=memory_bytes)

"""A host that asks too much of a server: run as a program, `waiting SERVER` or `slow SERVER`, until it is ended.

`waiting` leaves thousands of READs with the server, of many ports and of ever new streams, that wait for what never comes;
`slow` asks, as fast as the server can take it, for what takes long to find out that it is not there.
"""

import socket
import sys
import time
from collections.abc import Iterator
from itertools import count, cycle
from random import Random

from tests.system.attacker import ask_notebook_id
from tests.system.stock import REVERSED_WORDS
from udpnote.model.query import FIRST, LAST, Cursor, Query, View
from udpnote.protocol.codec import encode
from udpnote.protocol.messages import Read

PORTS, STREAMS = 64, 64
ROUND_SECONDS = 1.0
"""How often all the waiting READs are left anew, of other streams."""

RATE = 4000
"""Slow queries a second: many times what a server gets done."""

RUN_SECONDS_MAX = 120.0

FAR_NUMBERS = tuple(range(2**62, 2**62 + 100))
"""As many as a READ has room for, which makes it large, and none of them there."""

ENDLESS = [
    Query(words=REVERSED_WORDS),
    Query(words=REVERSED_WORDS, newest_first=True),
    Query(View.LOG, author="nobody"),
    Query(View.LOG, tags=("nowhere",), newest_first=True),
    Query(View.LOG, numbers=tuple(range(19_900, 20_000))),
    Query(words=REVERSED_WORDS[:1], author="somebody", until=0),
]
"""Queries that look at everything and find nothing, or hardly anything."""


def read(random: Random, notebook_id: bytes, query: Query, *, wait_milliseconds: int) -> bytes:
    start: Cursor = LAST if query.newest_first else FIRST
    return encode(Read(notebook_id, random.randbytes(8), 1, start, 0, wait_milliseconds, query))


def wait_in_numbers(server: str) -> None:
    target, random = (server, 6683), Random(1)
    notebook_id = ask_notebook_id(target)
    ours = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(PORTS)]
    for number in _until_the_end(ROUND_SECONDS / (PORTS * STREAMS)):
        query = Query(View.LOG, author="nobody") if number % 2 else Query(View.LOG, numbers=FAR_NUMBERS)
        ours[number % PORTS].sendto(read(random, notebook_id, query, wait_milliseconds=60_000), target)


def ask_slow_questions(server: str) -> None:
    target, random = (server, 6683), Random(1)
    notebook_id = ask_notebook_id(target)
    questions = cycle(ENDLESS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        for _ in _until_the_end(1 / RATE):
            ours.sendto(read(random, notebook_id, next(questions), wait_milliseconds=0), target)


def _until_the_end(pause_seconds: float) -> Iterator[int]:
    """Numbers, one for each pause that has passed."""
    print("here we are", flush=True)
    started_at = time.monotonic()
    for number in count():
        due_in = started_at + number * pause_seconds - time.monotonic()
        if due_in > 0:
            time.sleep(due_in)
        if number * pause_seconds > RUN_SECONDS_MAX:
            return
        yield number


if __name__ == "__main__":
    {"waiting": wait_in_numbers, "slow": ask_slow_questions}[sys.argv[1]](sys.argv[2])

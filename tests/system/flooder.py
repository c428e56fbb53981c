"""A program that floods: `flooder NAME NOTEBOOK_ID SERVER PORT` sends a flood of `tests.system.floods` to a server.

It ends when its input ends, and prints how many datagrams a second it has sent: fewer than it should if the machine is slow.
"""

import socket
import sys
import time
from collections.abc import Iterator
from random import Random
from select import select

from tests.system.floods import FLOODS

SEED = 6683
SECONDS_MAX = 3600.0
PAUSE_SECONDS = 0.001


def flood(datagrams: Iterator[bytes], rate: int, ours: list[socket.socket]) -> float:
    """Send `rate` datagrams a second until the input ends. Return how many a second were sent."""
    started_at = time.monotonic()
    sent = 0
    while (elapsed := time.monotonic() - started_at) < SECONDS_MAX and not select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        due = min(int(rate * elapsed), sent + rate // 10 + 1)
        for number in range(sent, due):
            ours[number % len(ours)].send(next(datagrams))
        sent = due
    return sent / elapsed


if __name__ == "__main__":
    name, notebook_id, server, port = sys.argv[1:]
    one = FLOODS[name]
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(one.ports)]
    for each in sockets:
        each.connect((server, int(port)))
    print("flooding", flush=True)
    print(round(flood(one.make(Random(SEED), bytes.fromhex(notebook_id)), one.per_second, sockets)))

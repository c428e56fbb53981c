"""A hostile host: it sends datagrams, and receives what the server answers."""

import socket
from collections.abc import Iterable

BURST_DATAGRAMS = 100
"""Sent between two looks at the answers."""

QUIET_SECONDS = 0.5
"""After this long without an answer, none is expected any more."""


def send(ours: socket.socket, datagrams: Iterable[bytes]) -> tuple[int, int]:
    """Send all `datagrams`. Return the number of bytes sent and received."""
    sent = received = 0
    for number, data in enumerate(datagrams):
        sent += ours.send(data)
        if number % BURST_DATAGRAMS == 0:
            received += sum(map(len, answers(ours, quiet_seconds=0.0)))
    return sent, received + sum(map(len, answers(ours)))


def answers(ours: socket.socket, *, quiet_seconds: float = QUIET_SECONDS) -> list[bytes]:
    """The answers that have come, until none comes for `quiet_seconds`."""
    found: list[bytes] = []
    ours.settimeout(quiet_seconds)
    while True:
        try:
            found.append(ours.recv(1 << 16))
        except (BlockingIOError, TimeoutError):
            return found


def answers_at_each(sockets: list[socket.socket]) -> list[list[bytes]]:
    """The answers that have come at each socket, until none comes at the last one."""
    last = answers(sockets[-1])
    return [*(answers(ours, quiet_seconds=0.0) for ours in sockets[:-1]), last]

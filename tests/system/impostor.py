"""A host that speaks in the name of others; run as a program, which prints, as JSON, what it has sent.

`reads MANNER VICTIM SERVER SEED` sends READs that claim to be the victim's, `pages SERVER FOLLOWER PORT SEED` sends PAGEs to
the follower that claim to be the server's.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from struct import Struct

from tests.system.attacker import ask_notebook_id, messages, reads, short_reads, waiting_reads, whole_log
from udpnote.model.entry import Entry, Kind, StoredEntry
from udpnote.model.query import Cursor, Tally
from udpnote.protocol.codec import encode
from udpnote.protocol.messages import Page, PageState

SERVER_PORT = 6683
BURST = 20
"""Datagrams that are sent at once, and then none for `PAUSE_SECONDS`: as many as a server can take."""

PAUSE_SECONDS = 0.002

_IP = Struct(">BBHHHBBH4s4s")
_UDP = Struct(">HHHH")
HEADERS_BYTES = _IP.size + _UDP.size


MANNERS: dict[str, tuple[Callable[[Random, bytes], Iterator[bytes]], int]] = {
    "short": (short_reads, 2000),
    "whole log": (whole_log, 2000),
    "waiting": (waiting_reads, 900),
    "any": (reads, 3000),
}
"""Each with how many READs it has; of the waiting ones, fewer than a server keeps."""


def in_the_name_of(source: tuple[str, int], target: tuple[str, int], data: bytes) -> bytes:
    """An IPv4 packet that claims to come from `source`; the kernel puts in what is left 0."""
    size = HEADERS_BYTES + len(data)
    addresses = socket.inet_aton(source[0]), socket.inet_aton(target[0])
    head = _IP.pack(0x45, 0, size, 0, 0, 64, socket.IPPROTO_UDP, 0, *addresses)
    return head + _UDP.pack(source[1], target[1], _UDP.size + len(data), 0) + data


def send(packets: Iterator[tuple[bytes, tuple[str, int]]]) -> dict[str, int]:
    """Send them all; gives how many, and the bytes of their UDP payload."""
    count = sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for packet, target in packets:
            sent += raw.sendto(packet, target) - HEADERS_BYTES
            count += 1
            if count % BURST == 0:
                time.sleep(PAUSE_SECONDS)
    return {"count": count, "bytes": sent}


def read_as(manner: str, victim: str, server: str, seed: int) -> dict[str, int]:
    random, target = Random(seed), (server, SERVER_PORT)
    make, count = MANNERS[manner]
    datagrams = islice(make(random, ask_notebook_id(target)), count)
    return send((in_the_name_of((victim, random.randrange(1024, 1100)), target, data), target) for data in datagrams)


def pages(random: Random) -> Iterator[Page]:
    """Pages that are well-formed, of streams that are guessed."""
    while True:
        number = random.randrange(1, 20)
        start, following = Cursor(number, 0), Cursor(number + 1, 0)
        entry = Entry(random.randbytes(16), 1, Kind.NOTE, 0, 0, "mallory", "a forged entry")
        items = random.choice(((), (StoredEntry(number, 0, entry, number),), (Tally(1, "forged", 1),)))
        stream_id, turn = random.choice((bytes(8), random.randbytes(8))), random.randrange(10)
        yield Page(stream_id, turn, random.choice(list(PageState)), start, following, following, number, number, items)


def untrue(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """What a follower should not believe: pages and other messages, whole, altered and cut off."""
    others = messages(random, notebook_id)
    for page in pages(random):
        whole = encode(page)
        at = random.randrange(len(whole))
        yield whole
        yield whole[:at] + random.randbytes(1) + whole[at + 1 :]
        yield whole[:at]
        yield encode(next(others))


def page_as(server: str, follower: str, port: int, seed: int) -> dict[str, int]:
    random, source, target = Random(seed), (server, SERVER_PORT), (follower, port)
    datagrams = islice(untrue(random, ask_notebook_id(source)), 10_000)
    return send((in_the_name_of(source, target, data), target) for data in datagrams)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["reads", manner, victim, server, seed]:
            print(json.dumps(read_as(manner, victim, server, int(seed))))
        case ["pages", server, follower, port, seed]:
            print(json.dumps(page_as(server, follower, int(port), int(seed))))

"""A host that sends a server everything but what it should; run as a program: ATTACK ADDRESS SEED.

It prints, as JSON, how many bytes of UDP payload it has sent and how many came back.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from random import Random
from zlib import crc32

from udpnote.model.entry import SEQUENCE_MAX, Kind, Part
from udpnote.model.query import Cursor, Query, View
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import ANY_NOTEBOOK, Append, Discover, Message, Offer, Read, Reason, Refuse

STOCK = 300
"""How many entries there are in the notebook that is attacked."""

BURST = 100
"""Datagrams between two looks at what has come back."""

QUIET_SECONDS = 1.0
"""After this long without an answer there are no more."""


def attack(address: tuple[str, int], datagrams: Iterator[bytes]) -> tuple[int, int]:
    """Send them all; gives the bytes sent and received."""
    sent = received = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        for number, data in enumerate(datagrams):
            sent += ours.sendto(data, address)
            if number % BURST == 0:
                received += answers(ours, within=0.0)
        received += answers(ours, within=QUIET_SECONDS)
    return sent, received


def answers(ours: socket.socket, *, within: float) -> int:
    """The bytes that have come back, until none does for `within` seconds."""
    received = 0
    ours.settimeout(within)
    while True:
        try:
            received += len(ours.recv(1 << 16))
        except (BlockingIOError, TimeoutError):
            return received


def part(random: Random, *, total_bytes: int, data: bytes) -> Part:
    """One part of an entry of somebody new."""
    client_id, sequence = random.randbytes(16), random.randrange(1, 2**63)
    return Part(client_id, sequence, Kind.NOTE, 0, 0, "somebody", total_bytes, 0, data)


def messages(random: Random, notebook_id: bytes) -> Iterator[Message]:
    """Messages that are well-formed and unwelcome."""
    while True:
        yield Discover(random.randbytes(8), random.choice((ANY_NOTEBOOK, notebook_id, random.randbytes(16))))
        yield Append(random.randbytes(16), 1, part(random, total_bytes=4, data=b"text"))
        yield Append(notebook_id, 1, part(random, total_bytes=2, data=b"\xff\xfe"))
        yield Append(notebook_id, 1, part(random, total_bytes=2**32 - 1, data=b"too large"))
        yield Offer(random.randbytes(8), notebook_id, "another one", 1, "0", 0)
        yield Refuse(Reason.WRONG_NOTEBOOK, random.randbytes(16), 1, 0, 1)


def broken(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """Datagrams that are random, truncated, altered or too long, and messages nobody asked for."""
    for message in messages(random, notebook_id):
        whole = encode(message)
        at = random.randrange(len(whole))
        yield whole
        yield whole[:at]
        yield whole[:at] + random.randbytes(1) + whole[at + 1 :]
        yield whole + bytes(random.randrange(1, 1200))
        yield whole[:3] + random.randbytes(random.randrange(60))
        yield random.randbytes(random.randrange(1, 1500))
        yield random.randbytes(random.randrange(60_000, 65_000)) if at == 0 else b""


def junk(random: Random, _notebook_id: bytes) -> Iterator[bytes]:
    """A flood without a meaning."""
    noise = random.randbytes(4096)
    while True:
        at = random.randrange(2048)
        yield (b"UN\x01\x03" if at % 2 else b"") + noise[at : at + random.randrange(1, 1200)]


def unfinished(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """First parts of large entries whose other parts never come."""
    while True:
        size = random.choice((1, 1000))
        yield encode(Append(notebook_id, 1, part(random, total_bytes=1 << 20, data=b"x" * size)))


def query(random: Random) -> Query:
    """Something to ask: in words that are everywhere or nowhere, by authors and tags that nobody has, or for nothing at all."""
    words = ("under", "attack", "nowhere", "b a")
    return Query(
        view=random.choice(list(View)),
        newest_first=random.random() < 0.5,
        since=random.choice((None, 0, 2**62)),
        until=random.choice((None, 0, 2**62)),
        author=random.choice(("", "somebody", "nobody")),
        tags=tuple(f"tag{number}" for number in range(random.choice((0, 0, 2, 20)))),
        words=tuple(random.choices(words, k=random.choice((0, 0, 1, 5, 30)))),
        numbers=tuple(range(1, random.choice((1, 1, 2, 60)))),
    )


def reads(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """READs of all kinds: many of one turn, ones that wait, for another notebook, from anywhere."""
    while True:
        cursor = Cursor(random.choice((0, 1, 2, SEQUENCE_MAX)), random.choice((0, 0, 1, 1 << 20)))
        asked = random.choice((notebook_id, notebook_id, notebook_id, random.randbytes(16)))
        wait, limit = random.choice((0, 1, 60_000)), random.choice((0, 1, 2**32 - 1))
        read = encode(Read(asked, random.randbytes(8), random.randrange(2**32), cursor, limit, wait, query(random)))
        yield from [read] * random.choice((1, 1, 3, 100))


def whole_log(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """READs whose PAGEs are as full as they can be; most of them in turns of two."""
    while True:
        read = encode(Read(notebook_id, random.randbytes(8), 1, Cursor(1, 0), 0, 0, Query(View.LOG)))
        yield from [read] * random.choice((1, 2, 2))


def short_reads(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """READs that are shorter than they must be, for as much."""
    for read in whole_log(random, notebook_id):
        yield sealed(read[:-4].rstrip(b"\0"))
        yield sealed(read[: random.randrange(100, len(read) - 4)])


def waiting_reads(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """READs that wait for the next entry."""
    while True:
        yield encode(Read(notebook_id, random.randbytes(8), 1, Cursor(STOCK + 1, 0), 0, 60_000, Query(View.LOG)))


def sealed(body: bytes) -> bytes:
    """A datagram whose check holds, whatever is in it."""
    return body + crc32(body).to_bytes(4)


ATTACKS: dict[str, tuple[Callable[[Random, bytes], Iterator[bytes]], int]] = {
    "broken": (broken, 7_000),
    "junk": (junk, 20_000),
    "unfinished": (unfinished, 10_000),
    "reads": (reads, 10_000),
    "short reads": (short_reads, 5_000),
    "the whole log": (whole_log, 5_000),
}
"""Each with how many datagrams it has."""


def ask_notebook_id(address: tuple[str, int]) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(5)
        ours.sendto(encode(Discover(bytes(8), ANY_NOTEBOOK)), address)
        offer = decode(ours.recv(1 << 16))
    assert isinstance(offer, Offer)
    return offer.notebook_id


def main(name: str, host: str, seed: int) -> None:
    address = (host, 6683)
    make, count = ATTACKS[name]
    datagrams = make(Random(seed), ask_notebook_id(address))
    started_at = time.monotonic()
    sent, received = attack(address, (next(datagrams) for _ in range(count)))
    print(json.dumps({"sent": sent, "received": received, "seconds": time.monotonic() - started_at}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

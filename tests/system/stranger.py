"""A host that has not joined, and says to a sealed server whatever it can; run as a program: MANNER ADDRESS HEARD SEED.

HEARD is a file of what it has overheard, as JSON: the notebook's id, and the datagrams of clients (`requests`) and of the
server (`answers`), in hexadecimal. `scan` says everything but an authentic request, and prints, as JSON, how many bytes it
has sent and how many came back; `replay` repeats each request, and prints what came back to each, in hexadecimal.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.support.golden import GOLDEN
from tests.system.attacker import attack, broken, junk, reads, sealed
from udpnote.model.join_code import new_key
from udpnote.protocol.codec import encode
from udpnote.protocol.envelope import OPEN, SEALED_HEADER, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, Append, Discover, Message, Read
from udpnote.protocol.sealed_envelope import client_envelope, server_envelope

SERVER_PORT = 6683
OF_EACH = 300
"""How many datagrams of each kind of nonsense."""

ANSWER_SECONDS = 2.0
"""A server that has not answered by then will not."""


class Heard(NamedTuple):
    """What a stranger has overheard."""

    notebook_id: bytes
    requests: list[bytes]
    answers: list[bytes]


def write_heard(path: Path, heard: Heard) -> None:
    texts = [[data.hex() for data in each] for each in (heard.requests, heard.answers)]
    path.write_text(json.dumps([heard.notebook_id.hex(), *texts]))


def read_heard(path: Path) -> Heard:
    notebook_id, requests, answers = json.loads(path.read_text())
    return Heard(bytes.fromhex(notebook_id), list(map(bytes.fromhex, requests)), list(map(bytes.fromhex, answers)))


def messages(notebook_id: bytes) -> Iterator[Message]:
    """One of each shape, as far as possible for this notebook."""
    for message, _ in GOLDEN.values():
        yield message._replace(notebook_id=notebook_id) if isinstance(message, Append | Read) else message
    yield Discover(bytes(8), notebook_id)
    yield Discover(bytes(8), ANY_NOTEBOOK)


def in_other_envelopes(heard: Heard) -> Iterator[bytes]:
    """Every message in the open, and sealed under keys that are not the notebook's."""
    envelopes: list[Envelope] = [OPEN]
    for key in (new_key(os.urandom), bytes(16)):
        envelopes += [client_envelope(key, os.urandom), server_envelope(key, os.urandom)]
    for message in messages(heard.notebook_id):
        yield from (encode(message, envelope) for envelope in envelopes)


def spoilt(heard: Heard, random: Random) -> Iterator[bytes]:
    """What was overheard: cut off, longer, with one bit turned, put together anew, in another envelope; and the answers."""
    for data in heard.requests + heard.answers:
        yield from (data[:size] for size in random.sample(range(len(data)), 20))
        yield from (data + bytes(size) for size in (1, 4, 1200 - len(data)) if size > 0)
        for at in random.sample(range(8 * len(data)), 20):
            yield (int.from_bytes(data) ^ 1 << at).to_bytes(len(data))
        other = random.choice([each for each in heard.requests if each != data])
        yield data[:24] + other[24:]
        yield data[:4] + random.randbytes(16) + data[20:]
        yield sealed(data)
        yield sealed(b"UN\x01\x03" + data[4:])
        yield SEALED_HEADER + data
    yield from heard.answers


def scan(heard: Heard, random: Random) -> Iterator[bytes]:
    yield from in_other_envelopes(heard)
    yield from spoilt(heard, random)
    for make in (broken, junk, reads):
        yield from islice(make(random, heard.notebook_id), OF_EACH)


def replay(address: tuple[str, int], requests: list[bytes]) -> Iterator[list[str]]:
    """Each request, and the answers to it."""
    for data in requests:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.sendto(data, address)
            ours.settimeout(ANSWER_SECONDS)
            answers = [ours.recv(1 << 16)]
            ours.settimeout(0.05)
            try:
                while True:
                    answers.append(ours.recv(1 << 16))
            except TimeoutError:
                yield [data.hex(), *(answer.hex() for answer in answers)]


def main(manner: str, host: str, path: str, seed: int) -> None:
    address, heard = (host, SERVER_PORT), read_heard(Path(path))
    if manner == "scan":
        sent, received = attack(address, scan(heard, Random(seed)))
        print(json.dumps({"sent": sent, "received": received}))
    else:
        print(json.dumps(list(replay(address, heard.requests))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))

"""A program for a hostile host: it sends `hostile_datagrams`, and prints what it did as JSON.

send KIND COUNT SERVER               from its own address; prints the bytes sent and received
flood KIND RATE SERVER               from many ports, RATE datagrams a second, until it is killed
scan OVERHEARD SERVER                what a stranger can say to a sealed server; prints the bytes sent and received
replay OVERHEARD SERVER              each overheard request once more; prints them and the answers in hexadecimal
"""

import json
import pickle
import socket
import sys
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from random import Random

from tests.system.hostile_datagrams import KINDS, Overheard, of_strangers
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import ANY_NOTEBOOK, Discover, Offer

SEED = 6683
SERVER_PORT = 6683
BURST_DATAGRAMS = 100
"""Sent between two looks at the answers."""

QUIET_SECONDS = 0.5
"""After this long without an answer, none is expected any more."""

ANSWER_SECONDS = 2.0
"""How long a server may take to answer a replayed request."""

FLOOD_PORTS, FLOOD_SECONDS_MAX = 64, 120.0


def ask_notebook_id(server: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(5)
        ours.sendto(encode(Discover(bytes(8), ANY_NOTEBOOK)), (server, SERVER_PORT))
        offer = decode(ours.recv(1 << 16))
    assert isinstance(offer, Offer)
    return offer.notebook_id


def send(datagrams: Iterator[bytes], server: str) -> dict[str, int]:
    sent = received = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        for number, data in enumerate(datagrams):
            sent += ours.sendto(data, (server, SERVER_PORT))
            if number % BURST_DATAGRAMS == 0:
                received += sum(map(len, _answers(ours, quiet_seconds=0.0)))
        received += sum(map(len, _answers(ours, quiet_seconds=QUIET_SECONDS)))
    return {"sent": sent, "received": received}


def _answers(ours: socket.socket, *, quiet_seconds: float) -> list[bytes]:
    """What has come back, until nothing does for `quiet_seconds`."""
    answers: list[bytes] = []
    ours.settimeout(quiet_seconds)
    while True:
        try:
            answers.append(ours.recv(1 << 16))
        except (BlockingIOError, TimeoutError):
            return answers


def flood(datagrams: Iterator[bytes], rate: int, server: str) -> None:
    """Send `rate` datagrams a second, each from the next of many ports, until the program is killed."""
    ours = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(FLOOD_PORTS)]
    print("flooding", flush=True)
    started_at = time.monotonic()
    for number in count():
        due_seconds = number / rate - (time.monotonic() - started_at)
        if due_seconds > 0:
            time.sleep(due_seconds)
        if number > rate * FLOOD_SECONDS_MAX:
            return
        ours[number % FLOOD_PORTS].sendto(next(datagrams), (server, SERVER_PORT))


def replay(requests: list[bytes], server: str) -> Iterator[list[str]]:
    """Send each request from a new socket; gives the request and its answers."""
    for data in requests:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.sendto(data, (server, SERVER_PORT))
            ours.settimeout(ANSWER_SECONDS)
            answers = [ours.recv(1 << 16), *_answers(ours, quiet_seconds=0.05)]
            yield [data.hex(), *(answer.hex() for answer in answers)]


def main(arguments: list[str]) -> object:
    """Do what the command line says; gives what is to be printed."""
    random = Random(SEED)
    match arguments:
        case ["send", kind, number, server]:
            return send(islice(KINDS[kind](random, ask_notebook_id(server)), int(number)), server)
        case ["flood", kind, rate, server]:
            flood(KINDS[kind](random, ask_notebook_id(server)), int(rate), server)
            return None
        case ["scan" | "replay" as what, path, server]:
            overheard: Overheard = pickle.loads(Path(path).read_bytes())
            return send(of_strangers(overheard, random), server) if what == "scan" else list(replay(overheard.requests, server))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))

"""Measurements of a notebook that grows: the server's memory, and its speed before and after."""

import socket
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.benchmarks.measures import ENTRY, Row, ServerProcess, at_least, at_most, server_process
from tests.benchmarks.references import new_file
from udpnote.model.entry import Kind, Part
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import TOKEN_BYTES, Ack, Append

FLOOD_CLIENTS, FLOOD_WINDOW = 1000, 512


def million(folder: Path) -> Iterator[Row]:
    """A million entries from a thousand clients: the server's memory, and its speed before and after."""
    total, sample = 1_000_000, 50_000
    with server_process(folder) as server:
        with server.client(new_file(folder, "outbox")) as client:
            notebook_id = bytes.fromhex(next(client.find()).notebook_id)
        first_rate, _, last_rate = [
            _flood_rate(server, notebook_id, indexes)
            for indexes in (range(sample), range(sample, total - sample), range(total - sample, total))
        ]
        yield at_most("server memory after a million entries: MiB", [server.memory_mebibytes_max], 64, "peak")
        yield at_least("appends to a million entries / to none", [last_rate / first_rate], 0.7, f"{last_rate:,.0f} entries/s")


def _flood_rate(server: ServerProcess, notebook_id: bytes, indexes: range) -> float:
    """Entries a second of a thousand clients behind one socket, which send as fast as the server acknowledges."""
    waiting: dict[tuple[bytes, int], bytes] = {}
    unsent = iter(indexes)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        ours.settimeout(0.2)
        ours.connect(("127.0.0.1", server.port))
        started = time.perf_counter()
        while True:
            for index in islice(unsent, FLOOD_WINDOW - len(waiting)):
                key, datagram = _append(notebook_id, index)
                waiting[key] = datagram
                ours.send(datagram)
            if not waiting:
                return len(indexes) / (time.perf_counter() - started)
            _receive(ours, waiting)


def _append(notebook_id: bytes, index: int) -> tuple[tuple[bytes, int], bytes]:
    client_id, sequence = (index % FLOOD_CLIENTS + 1).to_bytes(16), index // FLOOD_CLIENTS + 1
    text = ENTRY(index).encode()
    part = Part(client_id, sequence, Kind.NOTE, index, 0, "flood@bench", len(text), 0, text)
    return (client_id, sequence), encode(Append(notebook_id, bytes(TOKEN_BYTES), 1, part))


def _receive(ours: socket.socket, waiting: dict[tuple[bytes, int], bytes]) -> None:
    try:
        ack = decode(ours.recv(2048))
    except TimeoutError:
        for datagram in waiting.values():
            ours.send(datagram)
        return
    assert isinstance(ack, Ack)
    for part_ack in ack.parts:
        waiting.pop((ack.client_id, part_ack.sequence), None)

"""Measurements of a large notebook: the server's memory, and its speed compared with that for a small notebook."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from threading import Semaphore

from tests.benchmarks.filled_notebooks import LARGE, MATCHES, SMALL, copied, filled_notebook
from tests.benchmarks.measures import (
    ENTRY,
    ROUNDS,
    Row,
    ServerProcess,
    alternate,
    at_least,
    at_most,
    percentile_99,
    rate_ratio,
    server_process,
    show_progress,
    shown_percentile,
    shown_rate,
)
from tests.benchmarks.references import new_file
from tests.benchmarks.workers import process
from tests.benchmarks.writing import append_rates, send_one_by_one
from udpnote.client.reading.through_server import ReadSession
from udpnote.client.session import Peer
from udpnote.model.address import Address
from udpnote.model.entry import Kind, Part
from udpnote.model.notebook import KnownNotebook
from udpnote.model.query import Query, Selection
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import TOKEN_BYTES, Ack, Append
from udpnote.server.request_handler import RequestHandler
from udpnote.storage.index.search_worker import SearchThread
from udpnote.storage.notebook.notebook import Notebook

QUERIES = {"list -n 20": Query(newest_first=True), "search": Query(newest_first=True, words=("needle",))}
COMMANDS = 300
"""How often a command is run for its 99th percentile."""

READER: Address = ("10.0.0.1", 5000)

DEPTH = 1024

Measure = Callable[[ServerProcess], list[float]]
"""Measures a server: the entries a second of each client, or the seconds of each command."""

MEMORY_MEBIBYTES_MAX = 64
FLOOD_CLIENTS, FLOOD_WINDOW = 1000, 512
FLOOD_ENTRIES, SAMPLE_ENTRIES = 1_000_000, 25_000
"""How many entries the thousand clients send, and for how many at a time their rate is measured. The first and the last rates
are compared."""


def growth(folder: Path, entries: int = LARGE) -> Iterator[Row]:
    """Compare the server's time to list, search and append in a notebook of `entries` entries and in one of a thousand."""
    yield from _reads(folder, entries)
    with server_process(folder, str(copied(folder, entries))) as server:
        yield from _appends(folder, entries, server)
        with server.client(new_file(folder, "outbox")) as client:
            for _ in range(COMMANDS):
                assert len(list(client.search("needle"))) == MATCHES, "the search has not found everything"
                assert len(list(client.entries(newest_first=True, limit=MATCHES))) == MATCHES
        what = f"server memory with {entries:,} entries: MiB"
        yield at_most(what, [server.memory_mebibytes_max], MEMORY_MEBIBYTES_MAX, "peak")


def growth_to_ten_million(folder: Path) -> Iterator[Row]:
    """Do the same as `growth` with ten million entries. It takes about half an hour, and 8 GB of the disk."""
    yield from growth(folder, 10_000_000)


def _reads(folder: Path, entries: int) -> Iterator[Row]:
    with (
        closing(_Searcher()) as searcher,
        closing(filled_notebook(folder, SMALL)) as small,
        closing(filled_notebook(folder, entries)) as large,
    ):
        for what, query in QUERIES.items():
            seconds = alternate(
                f"{what}, 99th percentile",
                {
                    f"{entries:,} entries": partial(_server_seconds, large, query, searcher),
                    f"{SMALL:,} entries": partial(_server_seconds, small, query, searcher),
                },
                shown_percentile,
            )
            in_large, in_small = seconds.values()
            what += f" in {entries:,} entries"
            detail = f"median {1000 * median(map(median, in_large)):.2f}"
            yield at_most(f"{what}: server ms, 99th percentile", [1000 * percentile_99(each) for each in in_large], 5.0, detail)
            pairs = list(zip(in_large, in_small, strict=True))
            ratios = [percentile_99(ours) / percentile_99(reference) for ours, reference in pairs]
            yield at_most(f"{what} / in {SMALL:,}, 99th percentile", ratios, 2.0, "server time")
            ratios = [sum(reference) / sum(ours) for ours, reference in pairs]
            yield at_least(f"{what} / in {SMALL:,}, rate", ratios, 0.5, "server time")


def _appends(folder: Path, entries: int, server: ServerProcess) -> Iterator[Row]:
    what = f"appends to {entries:,} entries / to {SMALL:,}"

    def compared(measure: Measure, shown: Callable[[list[float]], str]) -> list[list[list[float]]]:
        sides = {f"{entries:,} entries": partial(measure, server), f"{SMALL:,} entries": partial(_in_small, folder, measure)}
        return list(alternate("appends", sides, shown).values())

    in_large, in_small = compared(partial(_seconds_one_by_one, folder), shown_percentile)
    ratios = [percentile_99(ours) / percentile_99(reference) for ours, reference in zip(in_large, in_small, strict=True)]
    detail = f"{1000 * median(map(percentile_99, in_large)):.2f} ms"
    yield at_most(f"{what}, 99th percentile one by one", ratios, 2.0, detail)
    in_large, in_small = compared(partial(append_rates, folder, depth=DEPTH), shown_rate)
    yield rate_ratio(f"{what}, rate", in_large, in_small, 0.7)


def _in_small(folder: Path, measure: Measure) -> list[float]:
    """Return what `measure` gives for the server of a new notebook of a thousand entries."""
    with server_process(folder, str(copied(folder, SMALL))) as server:
        return measure(server)


def _seconds_one_by_one(folder: Path, server: ServerProcess) -> list[float]:
    with process(partial(send_one_by_one, server, new_file(folder, "outbox"), COMMANDS)) as seconds:
        return list(seconds)


class _Searcher(SearchThread):
    """A search thread that releases the semaphore `done` after each search, so that a caller can wait for it."""

    def __init__(self) -> None:
        self.done = Semaphore(0)
        super().__init__(self.done.release)


def _server_seconds(notebook: Notebook, query: Query, searcher: _Searcher) -> list[float]:
    """Run a command that reads 20 entries many times, and return how long the server worked on each run, in seconds."""
    handler = RequestHandler(notebook, executor=searcher)
    known = KnownNotebook(notebook.notebook_id, "benchmark", "10.0.0.2", 6683, 0)
    seconds = []
    for seed in range(COMMANDS):
        reader = ReadSession(Peer(known, OPEN, Random(seed), None), Selection(query, MATCHES), time.monotonic())
        spent, entries = 0.0, 0
        while not reader.is_ended:
            batch = [(data, READER) for data, _ in reader.datagrams_to_send()]
            started = time.perf_counter()
            answers = handler.handle(batch, 0)
            while handler.has_readers or not answers:
                if not handler.has_readers:
                    searcher.done.acquire()
                answers += handler.serve_readers(time.monotonic(), lambda: False)
            spent += time.perf_counter() - started
            reader.receive_datagrams([(data, known[2:4]) for data, _ in answers], time.monotonic())
            entries += len(reader.items())
        assert entries == MATCHES, f"{entries} entries were found"
        seconds.append(spent)
    return seconds


def million(folder: Path) -> Iterator[Row]:
    """Let a thousand clients send a million entries. Measure the server's memory, and its speed at the beginning and end."""
    rates = []
    with server_process(folder) as server:
        with server.client(new_file(folder, "outbox")) as client:
            notebook_id = bytes.fromhex(next(client.find()).notebook_id)
        for first in range(0, FLOOD_ENTRIES, SAMPLE_ENTRIES):
            rates.append(_flood_rate(server, notebook_id, range(first, first + SAMPLE_ENTRIES)))
            show_progress(f"{first + SAMPLE_ENTRIES:,} of {FLOOD_ENTRIES:,} entries are stored: {rates[-1]:,.0f}/s")
        yield at_most("server memory after a million entries: MiB", [server.memory_mebibytes_max], MEMORY_MEBIBYTES_MAX, "peak")
    ratios = [last / first for first, last in zip(rates[:ROUNDS], rates[-ROUNDS:], strict=True)]
    yield at_least("appends to a million entries / to none", ratios, 0.7, f"{median(rates[-ROUNDS:]):,.0f} entries/s")


def _flood_rate(server: ServerProcess, notebook_id: bytes, indexes: range) -> float:
    """Let a thousand clients with one socket send as fast as the server acknowledges. Return the entries a second."""
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

"""Measurements of writing. Each gives rows: what was measured, the figure, and the target."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

from tests.benchmarks.references import commit_rate, echo_rate, new_file, process, wall_seconds
from tests.support.processes import COMMAND, memory_bytes_max
from udpnote.cli.commands.demo import LossyEndpoint
from udpnote.client.client import Client
from udpnote.client.results import State
from udpnote.lan.interfaces import no_interfaces
from udpnote.model.entry import Kind, Part
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import TOKEN_BYTES, Ack, Append
from udpnote.server.server import Server

ENTRY = "{:0100}".format
"""An entry of 100 bytes."""

FLOOD_CLIENTS, FLOOD_WINDOW = 1000, 512

ROUNDS = 5
"""Each ratio is the median of this many rounds, in which both sides are measured one after the other."""


class Row(NamedTuple):
    """One result: what was measured, the figure, the target, and whether the target is met."""

    what: str
    figure: str
    target: str
    is_met: bool


def at_least(what: str, ratios: list[float], target: float, detail: str) -> Row:
    """A row for a ratio that should be at least `target`."""
    ratio = median(ratios)
    return Row(what, f"{ratio:.2f} ({min(ratios):.2f} … {max(ratios):.2f}; {detail})", f"≥ {target}", ratio >= target)


def at_most(what: str, figures: list[float], target: float, detail: str) -> Row:
    """A row for a figure that should be at most `target`."""
    figure = median(figures)
    return Row(what, f"{figure:.2f} ({min(figures):.2f} … {max(figures):.2f}; {detail})", f"≤ {target}", figure <= target)


class ServerProcess(NamedTuple):
    """A server in a process of its own; `code` is the join code of its notebook, if that is sealed."""

    port: int
    pid: int
    path: str
    code: str | None

    def client(self, outbox: Path, **options: Any) -> Client:
        return Client(server=f"127.0.0.1:{self.port}", outbox=str(outbox), **options)

    @property
    def memory_mebibytes_max(self) -> float:
        return memory_bytes_max(self.pid) / (1 << 20)


@contextmanager
def server_process(folder: Path, path: str = "", *, is_sealed: bool = False) -> Iterator[ServerProcess]:
    """A server on loopback with the notebook at `path` (default: a new one); it ends with the context."""
    path = path or str(new_file(folder, "notebook"))
    with process(partial(_serve, path, is_sealed)) as server:
        yield server


def _serve(path: str, is_sealed: bool, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - a process like the command's, which collects garbage less often

    server = Server(path, bind="127.0.0.1", port=0, sealed=is_sealed)
    report.send(ServerProcess(server.port, os.getpid(), path, server.join_code))
    server.serve_forever()


def compared(what: str, ours: Callable[[], float], reference: Callable[[], float], target: float) -> Row:
    """A row for the ratio of our rate of entries a second to that of a reference."""
    ratios, rates = [], []
    for _ in range(ROUNDS):
        expected = reference()
        rates.append(ours())
        ratios.append(rates[-1] / expected)
    return at_least(what, ratios, target, f"{median(rates):,.0f} entries/s")


def sustained(folder: Path) -> Iterator[Row]:
    """Acknowledged, fsynced entries a second of one client, against a bare echo with the same window."""
    for window in (256, 1024):
        echo = partial(echo_rate, window=window, datagram_bytes=180, count=100_000)
        ours = partial(entry_rate, folder, window=window, count=100_000)
        yield compared(f"sustained entries / echo, window {window}", ours, echo, 0.5)


def lock_step(folder: Path) -> Iterator[Row]:
    """One entry at a time, against a plain loop of one-row commits."""
    for journal_mode in ("DELETE", "WAL"):
        commits = partial(commit_rate, folder, journal_mode=journal_mode, count=2000)
        ours = partial(entry_rate, folder, window=1, count=2000)
        yield compared(f"lock-step entries / one-row commits, {journal_mode} journal", ours, commits, 0.8)


def entry_rate(folder: Path, *, window: int, count: int, is_sealed: bool = False) -> float:
    """Entries a second from one client to a new server, with at most `window` datagrams on their way."""
    with (
        server_process(folder, is_sealed=is_sealed) as server,
        process(partial(_send_many, server, new_file(folder, "outbox"), window, count)) as rate,
    ):
        return float(rate)


def _send_many(server: ServerProcess, outbox: Path, window: int, count: int, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - as above
    from udpnote.protocol import delivery

    delivery.WINDOW_MAX = window  # type: ignore[attr-defined]  # in this process; users have no reason to set it

    texts = [ENTRY(number) for number in range(count)]
    with server.client(outbox, key=server.code) as client:
        client.send("the first one finds the server")
        started = time.perf_counter()
        stored = sum(sent.state is State.STORED for sent in client.send_many(texts))
        elapsed = time.perf_counter() - started
    assert stored == count, f"only {stored} of {count} entries were stored"
    report.send(count / elapsed)


def losses(folder: Path) -> Iterator[Row]:
    """200 entries while a fifth of all datagrams is lost in each direction."""
    seconds = []
    for seed in range(ROUNDS):
        endpoint = LossyEndpoint.client(list_interfaces=no_interfaces)
        with server_process(folder) as server, server.client(new_file(folder, "outbox"), endpoint=endpoint) as client:
            endpoint.lose(0.2, Random(seed))
            started = time.perf_counter()
            numbers = {sent.number for sent in client.send_many([ENTRY(number) for number in range(200)])}
            seconds.append(time.perf_counter() - started)
        assert numbers == set(range(1, 201)), f"seed {seed}: not every entry was stored once"
    yield at_most("200 entries, 20 % lost each way: seconds", seconds, 5.0, f"seeds 0 … {ROUNDS - 1}")


def one_shot(folder: Path) -> Iterator[Row]:
    """`udpnote send "text"` to a remembered notebook, against `python -c "import typer"`."""
    home, ratios, times = folder / "home-of-one-shot", [], []
    with server_process(folder) as server:
        home.mkdir()
        with server.client(home / "outbox.sqlite3") as client:
            client.send("the first one is remembered")
        for _ in range(4 * ROUNDS):
            times.append(wall_seconds([COMMAND, "send", "some text"], UDPNOTE_HOME=str(home), UDPNOTE_PORT=str(server.port)))
            ratios.append(times[-1] / wall_seconds([sys.executable, "-c", "import typer"]))
    yield at_most("one-shot send / import typer", ratios, 1.5, f"{median(times) * 1000:.0f} ms")


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

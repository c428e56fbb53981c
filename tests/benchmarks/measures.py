"""Measurements of writing. Each gives rows: what was measured, the figure, and the target."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from tests.benchmarks.references import SPAWN, commit_rate, echo_rate, from_process, import_seconds, wall_seconds
from udpnote.cli.commands.demo import LossyEndpoint
from udpnote.client.client import Client
from udpnote.client.results import State
from udpnote.lan.interfaces import no_interfaces
from udpnote.model.entry import Kind, Part
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.congestion import WINDOW_MAX
from udpnote.protocol.messages import Ack, Append
from udpnote.server.server import Server

ENTRY = "{:0100}".format
"""An entry of 100 bytes."""

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

    @property
    def resident_mebibytes(self) -> float:
        """The most memory that it has used."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def server_process(folder: Path, path: str = "", *, is_sealed: bool = False) -> Iterator[ServerProcess]:
    """A server on loopback with the notebook at `path` (default: a new one); it ends with the context."""
    path = path or str(folder / f"notebook-{time.monotonic_ns()}.sqlite3")
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_serve, args=(path, is_sealed, theirs), daemon=True)
    process.start()
    port, code = ours.recv()
    assert process.pid is not None
    try:
        yield ServerProcess(port, process.pid, path, code)
    finally:
        process.terminate()
        process.join()


def _serve(path: str, is_sealed: bool, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - a process like the command's, which collects garbage less often

    server = Server(path, bind="127.0.0.1", port=0, sealed=is_sealed)
    report.send((server.port, server.join_code))
    server.run()


def sustained(folder: Path) -> Iterator[Row]:
    """Acknowledged, fsynced entries a second of one client, against a bare echo with the same window."""
    for window in (256, 1024):
        ratios, rates = [], []
        for _ in range(ROUNDS):
            echo = echo_rate(window=window, datagram_bytes=180, count=100_000)
            rates.append(entry_rate(folder, window=window, count=100_000))
            ratios.append(rates[-1] / echo)
        detail = f"{median(rates):,.0f} entries/s"
        yield at_least(f"sustained entries / echo, window {window}", ratios, 0.5, detail)


def lock_step(folder: Path) -> Iterator[Row]:
    """One entry at a time, against a plain loop of one-row commits."""
    for journal_mode in ("DELETE", "WAL"):
        ratios, rates = [], []
        for _ in range(ROUNDS):
            commits = commit_rate(folder, journal_mode=journal_mode, count=2000)
            rates.append(entry_rate(folder, window=1, count=2000))
            ratios.append(rates[-1] / commits)
        detail = f"{median(rates):,.0f} entries/s"
        yield at_least(f"lock-step entries / one-row commits, {journal_mode} journal", ratios, 0.8, detail)


def entry_rate(folder: Path, *, window: int, count: int, is_sealed: bool = False) -> float:
    """Entries a second from one client to a new server, with at most `window` datagrams on their way."""
    with server_process(folder, is_sealed=is_sealed) as server:
        return append_rate(folder, server, count=count, window=window)


def append_rate(folder: Path, server: ServerProcess, *, count: int, window: int = WINDOW_MAX) -> float:
    """Entries a second from one client in a process of its own."""
    outbox = str(folder / f"outbox-{time.monotonic_ns()}.sqlite3")
    rate: float = from_process(partial(_send_many, server, outbox, window, count))
    return rate


def _send_many(server: ServerProcess, outbox: str, window: int, count: int, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - as above
    from udpnote.protocol import delivery

    delivery.WINDOW_MAX = window  # type: ignore[attr-defined]  # in this process; users have no reason to set it

    texts = [ENTRY(number) for number in range(count)]
    with Client(server=f"127.0.0.1:{server.port}", key=server.code, outbox=outbox) as client:
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
        with server_process(folder) as server:
            endpoint = LossyEndpoint.client(list_interfaces=no_interfaces)
            outbox = str(folder / f"outbox-{time.monotonic_ns()}.sqlite3")
            with Client(server=f"127.0.0.1:{server.port}", outbox=outbox, endpoint=endpoint) as client:
                endpoint.lose(0.2, Random(seed))
                started = time.perf_counter()
                numbers = {sent.number for sent in client.send_many([ENTRY(number) for number in range(200)])}
                seconds.append(time.perf_counter() - started)
        assert numbers == set(range(1, 201)), f"seed {seed}: not every entry was stored once"
    yield at_most("200 entries, 20 % lost each way: seconds", seconds, 5.0, f"seeds 0 … {ROUNDS - 1}")


def one_shot(folder: Path) -> Iterator[Row]:
    """`udpnote send "text"` to a remembered notebook, against `python -c "import typer"`."""
    command = [str(Path(sys.executable).with_name("udpnote")), "send", "some text"]
    with server_process(folder) as server:
        environment = {**os.environ, "UDPNOTE_HOME": str(folder / "one-shot"), "UDPNOTE_PORT": str(server.port)}
        with Client(server=f"127.0.0.1:{server.port}", outbox=str(folder / "one-shot" / "outbox.sqlite3")) as client:
            client.send("the first one is remembered")
        ratios, times = [], []
        for _ in range(4 * ROUNDS):
            imported = import_seconds()
            times.append(wall_seconds(command, environment))
            ratios.append(times[-1] / imported)
    yield at_most("one-shot send / import typer", ratios, 1.5, f"{median(times) * 1000:.0f} ms")


def million(folder: Path) -> Iterator[Row]:
    """A million entries from a thousand clients: the server's memory, and its speed before and after."""
    total, sample = 1_000_000, 50_000
    with server_process(folder) as server, _Flood(server) as flood:
        first_rate = flood.rate(sample)
        flood.rate(total - 2 * sample)
        last_rate = flood.rate(sample)
        yield at_most("server memory after a million entries: MiB", [server.resident_mebibytes], 64, "peak")
        yield at_least("appends to a million entries / to none", [last_rate / first_rate], 0.7, f"{last_rate:,.0f} entries/s")


class _Flood:
    """A thousand clients behind one socket, which send as fast as the server acknowledges."""

    CLIENTS = 1000
    WINDOW = 512

    def __init__(self, server: ServerProcess) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.settimeout(0.2)
        self._socket.connect(("127.0.0.1", server.port))
        with Client(server=f"127.0.0.1:{server.port}", outbox=f"{server.path}.outbox") as client:
            self._notebook_id = bytes.fromhex(next(client.find()).notebook_id)
        self._clients = [number.to_bytes(16) for number in range(1, self.CLIENTS + 1)]
        self._next = 0

    def __enter__(self) -> "_Flood":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def rate(self, count: int) -> float:
        """Send the next `count` entries; gives how many were acknowledged a second."""
        waiting: dict[tuple[bytes, int], bytes] = {}
        end = self._next + count
        started = time.perf_counter()
        while self._next < end or waiting:
            while self._next < end and len(waiting) < self.WINDOW:
                key, datagram = self._append(self._next)
                self._next += 1
                waiting[key] = datagram
                self._socket.send(datagram)
            self._receive(waiting)
        return count / (time.perf_counter() - started)

    def _append(self, index: int) -> tuple[tuple[bytes, int], bytes]:
        client_id, sequence = self._clients[index % self.CLIENTS], index // self.CLIENTS + 1
        text = ENTRY(index).encode()
        part = Part(client_id, sequence, Kind.NOTE, index, 0, "flood@bench", len(text), 0, text)
        return (client_id, sequence), encode(Append(self._notebook_id, 1, part))

    def _receive(self, waiting: dict[tuple[bytes, int], bytes]) -> None:
        try:
            ack = decode(self._socket.recv(2048))
        except TimeoutError:
            for datagram in waiting.values():
                self._socket.send(datagram)
            return
        assert isinstance(ack, Ack)
        for part_ack in ack.parts:
            waiting.pop((ack.client_id, part_ack.sequence), None)


MEASURES: dict[str, Callable[[Path], Iterator[Row]]] = {
    "sustained": sustained,
    "lock-step": lock_step,
    "losses": losses,
    "one-shot": one_shot,
    "million": million,
}

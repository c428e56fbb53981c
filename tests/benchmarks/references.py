"""The references that udpnote is measured against (bare loops of sockets and SQLite, the import of Typer), and processes."""

import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import run
from typing import Any

SPAWN = get_context("spawn")
"""Starts each process of a measurement afresh, without the memory and the locks of this one."""


def echo_rate(*, window: int, datagram_bytes: int, count: int) -> float:
    """Datagrams a second that a bare recvfrom/sendto echo on loopback gives back, `window` of them under way."""
    ours, theirs = SPAWN.Pipe()
    server = SPAWN.Process(target=_echo, args=(theirs,), daemon=True)
    server.start()
    address = ("127.0.0.1", ours.recv())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        data = bytes(datagram_bytes)
        for _ in range(window):
            client.sendto(data, address)
        started = time.perf_counter()
        for _ in range(count):
            client.recvfrom(2048)
            client.sendto(data, address)
        elapsed = time.perf_counter() - started
    server.terminate()
    server.join()
    return count / elapsed


def _echo(report: Connection) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        report.send(server.getsockname()[1])
        while True:
            data, source = server.recvfrom(2048)
            server.sendto(data, source)


def commit_rate(folder: Path, *, journal_mode: str, count: int) -> float:
    """One-row commits a second of a plain SQLite loop with `synchronous=FULL`."""
    connection = sqlite3.connect(folder / f"commits-{journal_mode}-{time.monotonic_ns()}.sqlite3", isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    started = time.perf_counter()
    for number in range(count):
        connection.execute("INSERT INTO entries (text) VALUES (?)", (f"{number:0100}",))
    elapsed = time.perf_counter() - started
    connection.close()
    return count / elapsed


def import_seconds() -> float:
    """Wall time of `python -c "import typer"`."""
    return wall_seconds([sys.executable, "-c", "import typer"], {})


def wall_seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one run of `command`, which must succeed."""
    started = time.perf_counter()
    run(command, env=environment or None, check=True, capture_output=True)
    return time.perf_counter() - started


@contextmanager
def processes(works: list[Callable[[Connection], None]]) -> Iterator[None]:
    """Processes that work; the context begins when all of them have reported that they do."""
    with ExitStack() as ending:
        for work in works:
            ours, theirs = SPAWN.Pipe()
            process = SPAWN.Process(target=work, args=(theirs,), daemon=True)
            process.start()
            ending.callback(process.join)
            ending.callback(process.terminate)
            ours.recv()
        yield


def from_process(work: Callable[[Connection], None]) -> Any:
    """The report of a process that does `work`."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=work, args=(theirs,), daemon=True)
    process.start()
    result = ours.recv()
    process.join()
    return result

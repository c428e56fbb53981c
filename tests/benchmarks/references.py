"""The references that udpnote is measured against (bare loops of sockets and SQLite, and commands), and processes."""

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import DEVNULL, run
from typing import Any

SPAWN = get_context("spawn")
"""Starts each process of a measurement afresh, without the memory and the locks of this one."""


def echo_rate(*, window: int, datagram_bytes: int, count: int) -> float:
    """Datagrams a second that a bare recvfrom/sendto echo on loopback gives back, `window` of them under way."""
    with process(_echo) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        address = ("127.0.0.1", port)
        client.settimeout(10)
        data = bytes(datagram_bytes)
        for _ in range(window):
            client.sendto(data, address)
        started = time.perf_counter()
        for _ in range(count):
            client.recvfrom(2048)
            client.sendto(data, address)
        return count / (time.perf_counter() - started)


def _echo(report: Connection) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        report.send(server.getsockname()[1])
        while True:
            data, source = server.recvfrom(2048)
            server.sendto(data, source)


def commit_rate(folder: Path, *, journal_mode: str, count: int) -> float:
    """One-row commits a second of a plain SQLite loop with `synchronous=FULL`."""
    connection = sqlite3.connect(new_file(folder, "commits"), isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    started = time.perf_counter()
    for number in range(count):
        connection.execute("INSERT INTO entries (text) VALUES (?)", (f"{number:0100}",))
    elapsed = time.perf_counter() - started
    connection.close()
    return count / elapsed


def new_file(folder: Path, name: str) -> Path:
    """A path where no file is yet."""
    return folder / f"{name}-{time.monotonic_ns()}.sqlite3"


def wall_seconds(command: list[str], *, stdout: int = DEVNULL, **environ: str) -> float:
    """Wall time of one run of `command`, which must succeed, with `environ` added to the environment."""
    started = time.perf_counter()
    run(command, env={**os.environ, **environ}, check=True, stdout=stdout, stderr=DEVNULL)
    return time.perf_counter() - started


@contextmanager
def process(work: Callable[[Connection], None]) -> Iterator[Any]:
    """A process that does `work`. The context begins with the first report of the process, and ends the process."""
    ours, theirs = SPAWN.Pipe()
    working = SPAWN.Process(target=work, args=(theirs,), daemon=True)
    working.start()
    try:
        yield ours.recv()
    finally:
        working.terminate()
        working.join()


@contextmanager
def processes(works: Iterable[Callable[[Connection], None]]) -> Iterator[None]:
    """Processes that work; the context begins when all of them have reported that they do."""
    with ExitStack() as ending:
        for work in works:
            ending.enter_context(process(work))
        yield

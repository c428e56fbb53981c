"""The references that udpnote is measured against: Redis, bare loops of sockets and SQLite, and commands."""

import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from select import select
from subprocess import DEVNULL, CalledProcessError, Popen
from tempfile import TemporaryDirectory
from threading import Timer
from typing import NamedTuple

from tests.benchmarks.workers import process, results_together, wait_for_start
from tests.support.processes import memory_bytes_max

REDIS = shutil.which("redis-server")
"""The path of the program, or None if it is not installed."""

REDIS_START_SECONDS_MAX = 20.0
RUN_SECONDS_MAX = 600.0
MEMORY_INTERVAL_SECONDS = 0.1

ECHO_BUFFER_BYTES = 4 << 20
"""A socket buffer with room for all datagrams in flight, if the system allows one so large."""

_RECORD = b"x" * 100
_APPEND = b"*3\r\n$5\r\nRPUSH\r\n$5\r\nnotes\r\n$%d\r\n%b\r\n" % (len(_RECORD), _RECORD)
"""The command that appends a record to a list; its answer is one line."""


class Sent(NamedTuple):
    """The rate at which one client has sent, in notes a second, and the processor time for each note, in seconds.

    The processor time is given for the client and for the server.
    """

    rate: float
    client_seconds: float
    server_seconds: float


def redis_rates(folder: Path, *, clients: int, depth: int, seconds: float) -> list[float]:
    """Let several clients append records of 100 bytes to a new Redis, which fsyncs before it answers.

    Returns the records a second of each client. Each has `depth` records in flight: it sends as many as answers have arrived.
    """
    with _redis(folder) as port:
        return results_together([partial(_append_to_redis, port, depth, seconds)] * clients)


@contextmanager
def _redis(folder: Path) -> Iterator[int]:
    """Start a Redis on loopback, with its files in a new folder in `folder`, and give the block its port.

    Redis ends with the block.
    """
    assert REDIS is not None, "redis-server is not installed"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with TemporaryDirectory(prefix="redis-", dir=folder) as own:
        options = {
            "bind": "127.0.0.1", "port": str(port), "dir": own, "save": "", "appendonly": "yes", "appendfsync": "always",
            "auto-aof-rewrite-percentage": "0", "daemonize": "no",
        }  # fmt: skip
        command = [REDIS, *(word for name, value in options.items() for word in (f"--{name}", value))]
        with Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL) as server:
            try:
                _wait_for_redis(server, port)
                yield port
            finally:
                server.kill()  # its files are removed, so it need not finish them


def _wait_for_redis(server: "Popen[bytes]", port: int) -> None:
    until = time.monotonic() + REDIS_START_SECONDS_MAX
    while server.poll() is None and time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
                client.sendall(b"PING\r\n")
                if client.recv(100).startswith(b"+PONG"):
                    return
        except OSError:  # it does not listen yet
            pass
        time.sleep(0.02)
    raise RuntimeError("redis-server does not answer")


def _append_to_redis(port: int, depth: int, seconds: float, report: Connection) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        commands = memoryview(_APPEND * depth)
        wait_for_start(report)
        started = time.perf_counter()
        until = started + seconds
        client.sendall(commands)
        stored = 0
        while (now := time.perf_counter()) < until:
            answers = client.recv(1 << 16)
            assert answers and b"-" not in answers, f"Redis has failed: {answers[-100:]!r}"
            stored += (lines := answers.count(b"\n"))
            client.sendall(commands[: lines * len(_APPEND)])
        report.send(stored / (now - started))


def echo_rate(*, window: int, datagram_bytes: int, count: int) -> float:
    """Return how many datagrams a second a bare recvfrom/sendto echo on loopback returns, with `window` of them in flight."""
    with process(_echo) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        address = ("127.0.0.1", port)
        client.settimeout(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ECHO_BUFFER_BYTES)
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
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ECHO_BUFFER_BYTES)
        server.bind(("127.0.0.1", 0))
        report.send(server.getsockname()[1])
        while True:
            data, source = server.recvfrom(2048)
            server.sendto(data, source)


def commit_rate(folder: Path, *, journal_mode: str, count: int) -> float:
    """Return how many one-row commits a second a plain SQLite loop with `synchronous=FULL` does."""
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
    """Return a path in `folder` where no file is yet."""
    return folder / f"{name}-{time.monotonic_ns()}.sqlite3"


def wall_seconds(command: list[str], *, stdout: int = DEVNULL, **environ: str) -> float:
    """Run `command`, which must succeed, with `environ` added to the environment. Return the wall time in seconds."""
    return measured_run(command, environ, stdout=stdout).seconds


class Run(NamedTuple):
    """The cost of one run of a command: the wall time, the most memory, and the processor time, also inside system calls.

    The memory is 0 if the run took less than `MEMORY_INTERVAL_SECONDS`.
    """

    seconds: float
    memory_mebibytes: float
    processor_seconds: float


def measured_run(command: list[str], environ: dict[str, str], *, stdin: int = DEVNULL, stdout: int = DEVNULL) -> Run:
    """Run `command` as `wall_seconds` does, and return all figures. Raises `CalledProcessError` if it does not succeed."""
    started = time.perf_counter()
    with Popen(command, env={**os.environ, **environ}, stdin=stdin, stdout=stdout, stderr=DEVNULL) as running:
        killing = Timer(RUN_SECONDS_MAX, running.kill)
        killing.start()
        try:
            memory = _memory_until_end(running.pid)
            _, status, usage = os.wait4(running.pid, 0)
        finally:
            killing.cancel()
        running.returncode = os.waitstatus_to_exitcode(status)
    elapsed = time.perf_counter() - started
    if running.returncode:
        raise CalledProcessError(running.returncode, command)
    return Run(elapsed, memory / (1 << 20), usage.ru_utime + usage.ru_stime)


def _memory_until_end(pid: int) -> int:
    """Wait until the child process `pid` ends, and return the most memory that it used, in bytes.

    Linux counts the memory of the process that starts a command as that of the command, too, in `ru_maxrss`. So this looks at
    the memory of `pid` every `MEMORY_INTERVAL_SECONDS`.
    """
    memory, descriptor = 0, os.pidfd_open(pid)
    try:
        while not select([descriptor], [], [], MEMORY_INTERVAL_SECONDS)[0]:
            with suppress(IndexError):  # it has just ended
                memory = memory_bytes_max(pid)
    finally:
        os.close(descriptor)
    return memory

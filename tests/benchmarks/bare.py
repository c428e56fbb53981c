"""The least program in Python with SQLite that keeps udpnote's two durable promises: what any such design could reach at best.

The client adds notes to a durable outbox, then sends them, as many in each datagram as fit. The server stores each of them
once, in a table with udpnote's columns and unique index, fsyncs, and acknowledges them. There is nothing else: no loss, no
options, no checks, no other clients, no readers.
"""

import os
import socket
import sqlite3
import time
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import accumulate, count, pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from struct import Struct
from zlib import crc32

from tests.benchmarks.references import ECHO_BUFFER_BYTES, Sent, new_file
from tests.benchmarks.workers import process, results_together, wait_for_start
from tests.support.processes import processor_seconds

RUN_NOTES = 10
"""How many notes of 100 bytes go into a datagram, which then has some 1,100 bytes."""

CALL_RUNS = 50
"""How many datagrams one system call sends: together they have less than 64 KiB."""

ADDED_MIN, ADDED_MAX = 128, 511
"""How many notes the client adds to its outbox at a time, as udpnote does."""

ROWS_AT_ONCE = 128
LOG_BYTES = 16 << 20

_RUN = Struct(">IQqH")
"""The client's integer key, the sequence of the first note, the time of writing, and the length of the author's name."""

_ACKNOWLEDGEMENT = Struct(">Q")
"""The first sequence that is not stored."""

_RECORD = Struct(">QQII")
"""The first sequence, the first one that was not acknowledged before, the length of the runs, and their checksum."""

_AUTHOR = b"an author"
_UDP_SEGMENT, _UDP_GRO = 103, 104  # <linux/udp.h>


class SqliteOutbox:
    """An outbox with one row for each run."""

    def __init__(self, path: Path) -> None:
        self._connection = _connect(path)
        self._connection.execute("CREATE TABLE runs (sequence INTEGER PRIMARY KEY, run BLOB NOT NULL)")
        self._removed = 0

    def add(self, first: int, runs: Sequence[bytes], acknowledged: int) -> None:
        """Add `runs`, the first of which begins with the sequence `first`, and remove those before `acknowledged`."""
        self._connection.execute("BEGIN IMMEDIATE")
        if acknowledged - self._removed >= 1000:
            self._connection.execute("DELETE FROM runs WHERE sequence < ?", (acknowledged,))
            self._removed = acknowledged
        self._connection.executemany("INSERT INTO runs VALUES (?, ?)", zip(count(first, RUN_NOTES), runs, strict=False))
        self._connection.execute("COMMIT")


class FileOutbox:
    """An outbox that is a file of records, written round and round. Each record also says what needs no other any more."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(self._file, bytes(LOG_BYTES), 0)  # so that no later fsync waits for the file system's journal
        os.fsync(self._file)
        self._end = 0

    def add(self, first: int, runs: Sequence[bytes], acknowledged: int) -> None:
        """As `SqliteOutbox.add`."""
        content = b"".join(runs)
        record = _RECORD.pack(first, acknowledged, len(content), crc32(content)) + content
        if self._end + len(record) > LOG_BYTES:
            self._end = 0
        os.pwrite(self._file, record, self._end)
        os.fdatasync(self._file)
        self._end += len(record)


Outbox = type[SqliteOutbox] | type[FileOutbox]


def bare_sent(folder: Path, outbox: Outbox, *, depth: int, seconds: float) -> Sent:
    """What one client with at most `depth` notes in flight sends in `seconds` to a new server."""
    with process(partial(_serve, new_file(folder, "bare"))) as (port, server):
        sending = partial(_send, port, server, outbox, new_file(folder, "bare-outbox"), depth, seconds)
        [sent] = results_together([sending])
    assert isinstance(sent, Sent)
    return sent


def _send(port: int, server: int, outbox: Outbox, path: Path, depth: int, seconds: float, report: Connection) -> None:
    texts = [f"{number:0100}" for number in range(16 * 1024)]
    waiting = outbox(path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ECHO_BUFFER_BYTES)
        client.connect(("127.0.0.1", port))
        wait_for_start(report)
        stored, sequence = 1, 1
        own, others, started = time.process_time(), processor_seconds(server), time.perf_counter()
        until = started + seconds
        while (now := time.perf_counter()) < until:
            free = min(depth - (sequence - stored), ADDED_MAX)
            if free < ADDED_MIN:
                (stored,) = _ACKNOWLEDGEMENT.unpack(client.recv(_ACKNOWLEDGEMENT.size))
                continue
            place = sequence % (len(texts) - ADDED_MAX)
            runs = _packed(texts[place : place + free], sequence)
            waiting.add(sequence, runs, stored)
            for start in range(0, len(runs), CALL_RUNS):
                segment = len(runs[0]).to_bytes(2, "little")
                client.sendmsg(runs[start : start + CALL_RUNS], [(socket.IPPROTO_UDP, _UDP_SEGMENT, segment)])
            sequence += free
        own, others = time.process_time() - own, processor_seconds(server) - others
        stored -= 1
        report.send(Sent(stored / (now - started), own / stored, others / stored))


def _packed(texts: list[str], sequence: int) -> list[bytes]:
    """The datagrams for `texts`, of which the first one gets `sequence`."""
    now, runs = time.time_ns() // 1000, []
    for start in range(0, len(texts), RUN_NOTES):
        some = [text.encode() for text in texts[start : start + RUN_NOTES]]
        head = _RUN.pack(1, sequence + start, now, len(_AUTHOR)) + _AUTHOR + bytes([len(some)])
        runs.append(head + _lengths(len(some)).pack(*map(len, some)) + b"".join(some))
    return runs


def _serve(path: Path, report: Connection) -> None:
    connection = _connect(path)
    connection.execute(
        "CREATE TABLE entries (number INTEGER PRIMARY KEY, client INTEGER NOT NULL, sequence INTEGER NOT NULL,"
        " kind INTEGER NOT NULL, written_at INTEGER NOT NULL, utc_offset INTEGER NOT NULL, author TEXT NOT NULL,"
        " text TEXT NOT NULL, stored_at INTEGER NOT NULL, UNIQUE (client, sequence))"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ECHO_BUFFER_BYTES)
        server.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
        server.bind(("127.0.0.1", 0))
        report.send((server.getsockname()[1], os.getpid()))
        buffer = bytearray(1 << 16)
        while True:
            runs, source = _received(server, buffer)
            server.sendto(_ACKNOWLEDGEMENT.pack(_store(connection, runs)), source)


def _received(server: socket.socket, buffer: bytearray) -> tuple[list[bytes], tuple[str, int]]:
    """Wait for datagrams, and return all that have arrived, with the address of their sender."""
    runs: list[bytes] = []
    server.setblocking(True)
    try:
        while True:
            size, control, _, source = server.recvmsg_into([buffer], 64)
            segment = int.from_bytes(control[0][2], "little") if control else size
            data = bytes(memoryview(buffer)[:size])
            runs += [data[start : start + segment] for start in range(0, size, segment)]
            server.setblocking(False)
    except BlockingIOError:
        return runs, source


def _store(connection: sqlite3.Connection, runs: list[bytes]) -> int:
    """Store the notes of `runs`, which follow each other, durably, and return the first sequence after them."""
    client, first, written_at, _ = _RUN.unpack_from(runs[0])
    texts: list[str] = []
    for run in runs:
        *_, author_bytes = _RUN.unpack_from(run)
        author_end = _RUN.size + author_bytes
        author = run[_RUN.size : author_end].decode()
        lengths = _lengths(run[author_end])
        ends = accumulate(lengths.unpack_from(run, author_end + 1), initial=author_end + 1 + lengths.size)
        texts += [run[start:end].decode() for start, end in pairwise(ends)]
    now, changes = time.time_ns() // 1000, connection.total_changes
    connection.execute("BEGIN IMMEDIATE")
    for start in range(0, len(texts), ROWS_AT_ONCE):
        rows = texts[start : start + ROWS_AT_ONCE]
        connection.execute(_insertion(len(rows)), (client, first + start, written_at, author, now, *rows))
    assert connection.total_changes - changes == len(texts), "a note was stored before"
    connection.execute("COMMIT")
    return int(first) + len(texts)


def _connect(path: Path) -> sqlite3.Connection:
    """A new database, whose commits are durable, and whose log has its full length already."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // 4096}")
    connection.execute("PRAGMA cache_size = 10")  # pages: so SQLite writes the next transaction to the log before it ends
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE padding (bytes BLOB)")
    connection.execute("INSERT INTO padding VALUES (zeroblob(?))", (LOG_BYTES,))
    connection.execute("ROLLBACK")
    connection.execute("PRAGMA cache_size = -8192")
    return connection


@lru_cache(maxsize=ROWS_AT_ONCE)
def _insertion(count: int) -> str:
    rows = ", ".join(f"(?1, ?2 + {place}, 1, ?3, 0, ?4, ?{6 + place}, ?5)" for place in range(count))
    return (
        "INSERT INTO entries (client, sequence, kind, written_at, utc_offset, author, text, stored_at)"
        f" VALUES {rows} ON CONFLICT (client, sequence) DO NOTHING"
    )


@lru_cache(maxsize=256)
def _lengths(count: int) -> Struct:
    return Struct(f">{count}H")

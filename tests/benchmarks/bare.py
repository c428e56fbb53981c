"""The least programs in Python with SQLite that keep two promises of udpnote: they show how fast such a design can be.

The promises are that a note is durable in the outbox before it is sent, and in the notebook before it is acknowledged. The
client adds notes to its outbox, then sends them, as many in each datagram as fit. The server stores each of them once, in a
table with udpnote's columns and unique index, fsyncs, and acknowledges them. There is nothing else: no loss, no
options, no other clients, no readers. A program `with_interface` also has what the users of udpnote see: the client takes and
checks one text after the other, and yields a `SentEntry` for each. Its notebook has udpnote's page size and its index of times.
"""

import os
import socket
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import accumulate, count, pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from tests.benchmarks.measures import HeldNotes
from tests.benchmarks.references import ECHO_BUFFER_BYTES, Sent, new_file
from tests.benchmarks.workers import process, results_together, wait_for_start
from tests.support.processes import processor_seconds
from udpnote.client.sending.results import SentEntry, State
from udpnote.model.entry import Entry, Kind, check_text
from udpnote.storage.notebook.tables import NOTED_AT, SCHEMA

RUN_NOTES = 10
"""How many notes of 100 bytes go into a datagram, which then has some 1,100 bytes."""

CALL_RUNS = 50
"""How many datagrams one system call sends: together they have less than 64 KiB."""

ADDED_MIN, ADDED_MAX = 128, 511
"""How many notes the client adds to its outbox at a time, as udpnote does."""

ROWS_AT_ONCE = 128
LOG_BYTES = 16 << 20
PAGE_BYTES = 4096

_RUN = Struct(">IQqH")
"""The client's integer key, the sequence of the first note, the time of writing, and the length of the author's name."""

_ACKNOWLEDGEMENT = Struct(">Q")
"""The datagram with which the server answers: the first sequence that is not stored."""

_RECORD = Struct(">QQII")
"""The head of a record of `FileOutbox`: its first sequence, the first one that is not acknowledged yet, and the length and
checksum of its runs."""

_AUTHOR, _ID = b"an author", bytes(16)
_END = object()
_new = tuple.__new__
_UDP_SEGMENT, _UDP_GRO = 103, 104  # <linux/udp.h>


class SqliteOutbox:
    """An outbox with one row for each run: a datagram with several notes."""

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
    """An outbox that is a file of records. At the end of the file, it begins to overwrite the oldest ones.

    Each record also says which notes are acknowledged, so their records may be overwritten.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(self._file, bytes(LOG_BYTES), 0)  # so that no later fsync waits for the file system's journal
        os.fsync(self._file)
        self._end = 0

    def add(self, first: int, runs: Sequence[bytes], acknowledged: int) -> None:
        """Do what `SqliteOutbox.add` does."""
        content = b"".join(runs)
        record = _RECORD.pack(first, acknowledged, len(content), crc32(content)) + content
        if self._end + len(record) > LOG_BYTES:
            self._end = 0
        os.pwrite(self._file, record, self._end)
        os.fdatasync(self._file)
        self._end += len(record)


class Program(NamedTuple):
    """One of the programs: its kind of outbox, and whether it has udpnote's interface (see the top of this file)."""

    outbox: type[SqliteOutbox] | type[FileOutbox]
    with_interface: bool = False


class Client:
    """A client with an empty outbox. `sequence` is that of the next note, and `stored` the first that is not acknowledged."""

    def __init__(self, port: int, outbox: SqliteOutbox | FileOutbox) -> None:
        self.sequence, self.stored = 1, 1
        self._outbox = outbox
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ECHO_BUFFER_BYTES)
        self._socket.connect(("127.0.0.1", port))

    @property
    def in_flight(self) -> int:
        """How many notes are sent and not acknowledged."""
        return self.sequence - self.stored

    def send(self, texts: Sequence[str], now: int) -> None:
        """Add `texts` to the outbox, as written at `now`, in microseconds since 1970 UTC, and send them."""
        runs = _packed(texts, self.sequence, now)
        self._outbox.add(self.sequence, runs, self.stored)
        for start in range(0, len(runs), CALL_RUNS):
            segment = len(runs[0]).to_bytes(2, "little")
            self._socket.sendmsg(runs[start : start + CALL_RUNS], [(socket.IPPROTO_UDP, _UDP_SEGMENT, segment)])
        self.sequence += len(texts)

    def wait(self) -> None:
        """Wait for the next acknowledgement."""
        (self.stored,) = _ACKNOWLEDGEMENT.unpack(self._socket.recv(_ACKNOWLEDGEMENT.size))

    def send_many(self, source: Iterable[str | None]) -> Iterator[SentEntry]:
        """Send the texts of `source`, and yield the outcome of each, as `udpnote.Client.send_many` does."""
        texts, pending, is_exhausted = iter(source), deque[Entry](), False
        while pending or not is_exhausted:
            wanted = max(self.in_flight, ADDED_MIN) if self.in_flight <= ADDED_MAX and not is_exhausted else 0
            chunk: list[str] = []
            while len(chunk) < wanted:
                text = next(texts, _END)
                if not isinstance(text, str):
                    is_exhausted = text is _END
                    break
                check_text(text)
                chunk.append(text)
            if chunk:
                now = time.time_ns() // 1000
                fields = Kind.NOTE, now, 0, _AUTHOR.decode()
                pending += [_new(Entry, (_ID, each, *fields, text, 0, None)) for each, text in enumerate(chunk, self.sequence)]
                self.send(chunk, now)
            if pending and (not wanted or len(chunk) < wanted):
                first = self.stored
                self.wait()
                for number in range(first, self.stored):
                    yield _new(SentEntry, (pending.popleft(), State.STORED, number, None))


def bare_sent(folder: Path, program: Program, *, depth: int, seconds: float) -> Sent:
    """Measure what one client with at most `depth` notes in flight sends in `seconds` to a new server."""
    with process(partial(_serve, new_file(folder, "bare"), program.with_interface)) as (port, server):
        sending = partial(_send, port, server, program, new_file(folder, "bare-outbox"), depth, seconds)
        [sent] = results_together([sending])
    assert isinstance(sent, Sent)
    return sent


def _send(port: int, server: int, program: Program, path: Path, depth: int, seconds: float, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - a process like the command's, which collects garbage less often

    client = Client(port, program.outbox(path))
    notes = HeldNotes(depth, seconds)
    wait_for_start(report)
    own, others = time.process_time(), processor_seconds(server)
    if program.with_interface:
        for sent in client.send_many(notes):
            assert sent.state is State.STORED, "an entry was not stored"
            notes.settled += 1
    else:
        notes.settled, notes.rate = _send_slices(client, notes.texts, depth, seconds)
    own, others = time.process_time() - own, processor_seconds(server) - others
    report.send(Sent(notes.rate, own / notes.settled, others / notes.settled))


def _send_slices(client: Client, texts: list[str], depth: int, seconds: float) -> tuple[int, float]:
    """Send slices of `texts`, again and again, for `seconds`. Returns how many notes were stored, and how many a second."""
    started = time.perf_counter()
    while (now := time.perf_counter()) < started + seconds:
        free = min(depth - client.in_flight, ADDED_MAX)
        if free < min(depth, ADDED_MIN):
            client.wait()
        else:
            place = client.sequence % (len(texts) - ADDED_MAX)
            client.send(texts[place : place + free], time.time_ns() // 1000)
    return client.stored - 1, (client.stored - 1) / (now - started)


def _packed(texts: Sequence[str], sequence: int, now: int) -> list[bytes]:
    """Make the datagrams for `texts`, which were written at `now`. The first text gets the sequence `sequence`."""
    runs = []
    for start in range(0, len(texts), RUN_NOTES):
        some = [text.encode() for text in texts[start : start + RUN_NOTES]]
        head = _RUN.pack(1, sequence + start, now, len(_AUTHOR)) + _AUTHOR + bytes([len(some)])
        runs.append(head + _lengths(len(some)).pack(*map(len, some)) + b"".join(some))
    return runs


def _serve(path: Path, with_interface: bool, report: Connection) -> None:
    connection = _connect(path, page_bytes=SCHEMA.page_bytes if with_interface else PAGE_BYTES)
    connection.execute(
        "CREATE TABLE entries (number INTEGER PRIMARY KEY, client INTEGER NOT NULL, sequence INTEGER NOT NULL,"
        " kind INTEGER NOT NULL, written_at INTEGER NOT NULL, utc_offset INTEGER NOT NULL, author TEXT NOT NULL,"
        " text TEXT NOT NULL, stored_at INTEGER NOT NULL, UNIQUE (client, sequence))"
    )
    if with_interface:
        connection.execute(f"CREATE INDEX notes_by_time ON entries ({NOTED_AT}) WHERE kind = {Kind.NOTE:d}")
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
    """Store the notes of `runs` durably, and return the first sequence after them. Their sequences must be consecutive."""
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


def _connect(path: Path, *, page_bytes: int = PAGE_BYTES) -> sqlite3.Connection:
    """Make a database whose commits are durable, and whose write-ahead log has its full length already."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {page_bytes}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // page_bytes}")
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

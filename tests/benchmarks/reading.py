"""Measurements of reading, in a notebook of a million entries of 100 bytes, a third of them Chinese."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median, quantiles
from threading import Semaphore

from tests.benchmarks.measures import ENTRY, ROUNDS, Row, ServerProcess, append_rate, at_least, at_most, server_process
from tests.benchmarks.references import from_process, processes
from udpnote.client.client import Client
from udpnote.client.reading import ReadSession
from udpnote.model.address import Address
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, Part, split
from udpnote.model.notebook import KnownNotebook
from udpnote.model.query import Query
from udpnote.protocol.reading import Selection
from udpnote.server.request_handler import RequestHandler
from udpnote.storage.index.search_worker import SearchThread
from udpnote.storage.notebook.notebook import Notebook

SMALL, LARGE = 1_000, 1_000_000
MATCHES = 20
COMMANDS = 300
"""How often a command is run for its 99th percentile."""

READER: Address = ("10.0.0.1", 5000)
FOLLOWERS = 10
FIRST_WRITTEN_AT = 1_557_391_028_000_000

COMMON_PHRASE = "the of and the of and the of and the of and"
HOSTILE_TEXT = "a b "
HOSTILE_PHRASE = "a b " * 11 + "b b"
"""A phrase of which `HOSTILE_TEXT` has nearly all words at every place, and which it does not have."""

REVISED = 10
"""How many old notes are revised to hostile texts of 1 MiB; all of them are in one shard of the search index."""

LETTERS = "a b c d e f g h i j k l m n o p q r s t u v w"
ALIKE_WORDS = (*LETTERS.split(), "b a")[1:]
ALIKE = 100_000
"""How many short notes have all of these words, but not the phrase at the end."""

_HAN = [chr(0x4E00 + number) for number in range(3000)]
_LATIN = ["the", "of", "and", "meeting", "milk"] * 200 + [f"word{number}" for number in range(20_000)]
_SAME_ROWS = (
    "SELECT number, kind, coalesce(revises, 0), text, written_at, utc_offset, stored_at, author, hex(client_id), sequence"
    " FROM entries JOIN clients USING (client) LEFT JOIN revisions USING (number) ORDER BY number"
)


def reading(folder: Path) -> Iterator[Row]:
    """The server's time for `list -n 20` and for a search that finds 20 entries."""
    list_20, search_20 = Query(newest_first=True), Query(newest_first=True, words=("needle",))
    with (
        closing(_Searcher()) as searcher,
        closing(_notebook(folder, SMALL)) as small,
        closing(_notebook(folder, LARGE)) as large,
    ):
        for what, query in (("list -n 20", list_20), ("search", search_20)):
            seconds = _server_seconds(large, query, searcher)
            yield at_most(f"{what} in a million entries: server ms, 99th percentile", [1000 * _percentile_99(seconds)], 5.0,
                          f"median {1000 * median(seconds):.2f}")  # fmt: skip
            ratios = [
                median(_server_seconds(large, query, searcher)) / median(_server_seconds(small, query, searcher))
                for _ in range(ROUNDS)
            ]
            yield at_most(f"{what} in a million entries / in a thousand", ratios, 2.0, "server time")


def export(folder: Path) -> Iterator[Row]:
    """`udpnote export` of a million entries over loopback, against the JSON output of `sqlite3`."""
    sqlite = shutil.which("sqlite3")
    if sqlite is None:
        raise SystemExit("the export is measured against the sqlite3 command: install it")
    _notebook(folder, LARGE).close()
    with server_process(folder, _path(folder, LARGE)) as server:
        command = [str(Path(sys.executable).with_name("udpnote")), "export", "--server", f"127.0.0.1:{server.port}"]
        ratios, rates = [], []
        for _ in range(3):
            with (folder / "reference.json").open("wb") as output:
                reference = _wall_seconds([sqlite, "-json", server.path, _SAME_ROWS], folder, stdout=output.fileno())
            seconds = _wall_seconds([*command, "-o", str(folder / "export.jsonl")], folder)
            ratios.append(reference / seconds)
            rates.append(LARGE / seconds)
        assert sum(1 for _ in (folder / "export.jsonl").open()) == LARGE, "the export is not complete"
        yield at_least("export of a million entries / sqlite3's JSON", ratios, 0.25, f"{median(rates):,.0f} entries/s")
        yield at_most("memory of the server while exporting: MiB", [server.resident_mebibytes], 64, "peak")
    yield at_most("memory of the export: MiB", [getrusage(RUSAGE_CHILDREN).ru_maxrss / 1024], 64, "peak")


def appends_while_read(folder: Path) -> Iterator[Row]:
    """Appends to a million entries while one reader exports and ten follow, against appends while nobody reads."""
    _notebook(folder, LARGE).close()
    with server_process(folder, _path(folder, LARGE)) as server:
        ratios, rates = [], []
        for _ in range(ROUNDS):
            alone = append_rate(folder, server, count=100_000)
            with _readers(folder, server):
                rates.append(append_rate(folder, server, count=100_000))
            ratios.append(rates[-1] / alone)
    yield at_least("appends while 1 exports and 10 follow / alone", ratios, 0.8, f"{median(rates):,.0f} entries/s")


def held_up(folder: Path) -> Iterator[Row]:
    """How long an acknowledgement takes while other clients keep the server as busy as they can."""
    _notebook(folder, LARGE).close()
    with server_process(folder, _path(folder, LARGE)) as server:
        outbox = str(folder / "held-up.sqlite3")
        alone, _ = from_process(partial(_send_one_by_one, server.port, outbox))
        for what, works in (
            ("slow searches", [partial(_search_slowly, server.port, words=(COMMON_PHRASE,))] * 4),
            ("entries of 1 MiB are indexed", [partial(_write_long, server.port)]),
            ("revisions to 1 MiB are indexed", [partial(_revise_long, server.port)]),
            ("hostile phrases are searched", [partial(_search_slowly, server.port, words=(HOSTILE_PHRASE,))] * 4),
            ("many words of alike notes are searched", [partial(_search_alike, server.port)] * 4),
        ):
            outboxes = [str(folder / f"slow-{time.monotonic_ns()}-{number}.sqlite3") for number in range(len(works))]
            with processes([partial(work, each) for work, each in zip(works, outboxes, strict=True)]):
                seconds, worst = from_process(partial(_send_one_by_one, server.port, outbox))
            detail = f"{1000 * worst:.2f} at worst; {1000 * alone:.2f} while nobody does"
            yield at_most(f"acknowledgement while {what}: ms, 99th percentile", [1000 * seconds], 20.0, detail)


READING_MEASURES: dict[str, Callable[[Path], Iterator[Row]]] = {
    "reading": reading,
    "export": export,
    "appends-while-read": appends_while_read,
    "held-up": held_up,
}


def _path(folder: Path, entries: int) -> str:
    return str(folder / f"notebook-of-{entries}.sqlite3")


def _notebook(folder: Path, entries: int) -> Notebook:
    """A notebook of so many entries with its index; it is made the first time."""
    notebook = Notebook(_path(folder, entries))
    if not notebook.last_number:
        notebook.rename("benchmark")
        random = Random(1)
        for first in range(0, entries, 1000):
            parts = [_part(random, number, entries) for number in range(first, min(first + 1000, entries))]
            notebook.store(parts, FIRST_WRITTEN_AT + first)
    while not notebook.lookup.index.catch_up(lambda: False):
        time.sleep(0.01)
    return notebook


def _part(random: Random, number: int, entries: int) -> Part:
    """An entry of about 100 bytes; `MATCHES` of them hold a needle."""
    text = "".join(random.choices(_HAN, k=33)) if number % 3 == 0 else " ".join(random.choices(_LATIN, k=15))
    if number % (entries // MATCHES) == 7:
        text += " needle"
    written_at = FIRST_WRITTEN_AT + number * 60_000_000
    client_id = (number % 10).to_bytes(16)
    entry = Entry(client_id, number // 10 + 1, Kind.NOTE, written_at, 480, f"amy@host{number % 10}", text)
    return split(entry, 1 << 20)[0]


class _Searcher(SearchThread):
    """A search thread whose searches can be waited for."""

    def __init__(self) -> None:
        self.done = Semaphore(0)
        super().__init__(self.done.release)


def _server_seconds(notebook: Notebook, query: Query, searcher: _Searcher) -> list[float]:
    """How long the server works on a command that reads 20 entries, for each of many runs."""
    handler = RequestHandler(notebook, executor=searcher)
    known = KnownNotebook(notebook.notebook_id, "benchmark", "10.0.0.2", 6683, 0)
    seconds = []
    for seed in range(COMMANDS):
        reader = ReadSession(known, Selection(query, MATCHES), random=Random(seed), now=time.monotonic())
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
            for data, _ in answers:
                reader.receive_datagram(data, known[2:4], time.monotonic())
            entries += len(reader.items())
        assert entries == MATCHES, f"{entries} entries were found"
        seconds.append(spent)
    return seconds


def _percentile_99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[98]


def _wall_seconds(command: list[str], folder: Path, *, stdout: int = subprocess.DEVNULL) -> float:
    environment = {**os.environ, "UDPNOTE_HOME": str(folder / "home")}
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=stdout, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def _readers(folder: Path, server: ServerProcess) -> AbstractContextManager[None]:
    """One process that exports again and again, and ten that follow; the context begins when all of them have begun."""
    outboxes = [str(folder / f"reader-{number}.sqlite3") for number in range(FOLLOWERS + 1)]
    return processes([partial(_read, server.port, outbox, outbox is outboxes[0]) for outbox in outboxes])


def _read(port: int, outbox: str, exports: bool, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - as above

    with Client(server=f"127.0.0.1:{port}", outbox=outbox, wait=60) as client:
        client.last_number()
        report.send(True)
        while True:
            for _ in client.log() if exports else client.follow(last=1):
                pass


def _search_slowly(port: int, outbox: str, report: Connection, *, words: tuple[str, ...]) -> None:
    with Client(server=f"127.0.0.1:{port}", outbox=outbox, wait=60) as client:
        client.last_number()
        report.send(True)
        while True:
            list(client.search(*words))


def _search_alike(port: int, outbox: str, report: Connection) -> None:
    """Write a quarter of the alike notes, and search for a phrase that none of them has."""
    with Client(server=f"127.0.0.1:{port}", outbox=outbox, wait=60) as client:
        for _ in client.send_many([LETTERS] * (ALIKE // 4)):
            pass
        with suppress(StopIteration):
            next(client.search("needle"))  # this waits until all of them are indexed
    _search_slowly(port, outbox, report, words=ALIKE_WORDS)


def _revise_long(port: int, outbox: str, report: Connection) -> None:
    """Revise old notes to texts for which a search takes longest, and then one of them again and again."""
    text = HOSTILE_TEXT * (TEXT_BYTES_MAX // len(HOSTILE_TEXT))
    with Client(server=f"127.0.0.1:{port}", outbox=outbox, wait=60) as client:
        for number in range(1, REVISED + 1):
            client.revise(number, text)
        report.send(True)
        while True:
            with suppress(StopIteration):
                next(client.search("needle"))  # this waits until it is indexed
            client.revise(1, text)


def _write_long(port: int, outbox: str, report: Connection) -> None:
    """Write entries of 1 MiB for which the index takes longest, again and again."""
    text = HOSTILE_TEXT * (TEXT_BYTES_MAX // len(HOSTILE_TEXT))
    with Client(server=f"127.0.0.1:{port}", outbox=outbox, wait=60) as client:
        client.send(text)
        report.send(True)
        while True:
            client.send(text)
            with suppress(StopIteration):
                next(client.search("needle"))  # this waits until the entry is indexed


def _send_one_by_one(port: int, outbox: str, report: Connection) -> None:
    seconds = []
    with Client(server=f"127.0.0.1:{port}", outbox=outbox) as client:
        client.send("the first one finds the server")
        for number in range(1000):
            started = time.perf_counter()
            client.send(ENTRY(number))
            seconds.append(time.perf_counter() - started)
    report.send((_percentile_99(seconds), max(seconds)))

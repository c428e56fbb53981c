"""Measurements of reading, in a notebook of a million entries of 100 bytes, a third of them Chinese."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median, quantiles
from threading import Semaphore

from tests.benchmarks.measures import ENTRY, ROUNDS, Row, ServerProcess, at_least, at_most, server_process
from tests.benchmarks.references import new_file, wall_seconds
from tests.benchmarks.workers import process, processes
from tests.support.processes import COMMAND
from udpnote.client.client import Client
from udpnote.client.reading import ReadSession
from udpnote.model.address import Address
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, Part, split
from udpnote.model.notebook import KnownNotebook
from udpnote.model.query import Query, Selection
from udpnote.server.request_handler import RequestHandler
from udpnote.storage.index.search_worker import SearchThread
from udpnote.storage.notebook.notebook import Notebook

SMALL, LARGE = 1_000, 1_000_000
MATCHES = 20
COMMANDS = 300
"""How often a command is run for its 99th percentile."""

READER: Address = ("10.0.0.1", 5000)


FIRST_WRITTEN_AT = 1_557_391_028_000_000

COMMON_PHRASE = "the of and the of and the of and the of and"
HOSTILE_TEXT = "a b " * (TEXT_BYTES_MAX // 4)
HOSTILE_PHRASE = "a b " * 11 + "b b"
"""A phrase of which `HOSTILE_TEXT` has nearly all words at every place, and which it does not have."""

REVISED = 10
"""How many old notes are revised to hostile texts of 1 MiB; all of them are in one shard of the search index."""


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
        command = [COMMAND, "export", "--server", f"127.0.0.1:{server.port}"]
        ratios, rates = [], []
        for _ in range(3):
            with (folder / "reference.json").open("wb") as output:
                reference = wall_seconds([sqlite, "-json", server.path, _SAME_ROWS], stdout=output.fileno())
            seconds = wall_seconds([*command, "-o", str(folder / "export.jsonl")], UDPNOTE_HOME=str(folder / "home"))
            ratios.append(reference / seconds)
            rates.append(LARGE / seconds)
        assert sum(1 for _ in (folder / "export.jsonl").open()) == LARGE, "the export is not complete"
        yield at_least("export of a million entries / sqlite3's JSON", ratios, 0.25, f"{median(rates):,.0f} entries/s")
        yield at_most("memory of the server while exporting: MiB", [server.memory_mebibytes_max], 64, "peak")
    yield at_most("memory of the export: MiB", [getrusage(RUSAGE_CHILDREN).ru_maxrss / 1024], 64, "peak")


def held_up(folder: Path) -> Iterator[Row]:
    """How long an acknowledgement takes while other clients keep the server as busy as they can."""
    _notebook(folder, LARGE).close()
    with server_process(folder, _path(folder, LARGE)) as server:
        sending = partial(_send_one_by_one, server, folder / "held-up.sqlite3")
        with process(sending) as (alone, _):
            pass
        for what, clients, work in (
            ("slow searches", 4, partial(_search_slowly, words=[COMMON_PHRASE])),
            ("revisions to 1 MiB are indexed", 1, _revise_long),
            ("hostile phrases are searched", 4, partial(_search_slowly, words=[HOSTILE_PHRASE])),
        ):
            works = [partial(work, server, new_file(folder, "slow")) for _ in range(clients)]
            with processes(works), process(sending) as (seconds, worst):
                pass
            detail = f"{1000 * worst:.2f} at worst; {1000 * alone:.2f} while nobody does"
            yield at_most(f"acknowledgement while {what}: ms, 99th percentile", [1000 * seconds], 20.0, detail)


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


def _search_slowly(server: ServerProcess, outbox: Path, report: Connection, *, words: Sequence[str]) -> None:
    with server.client(outbox, wait=60) as client:
        client.last_number()
        report.send(True)
        while True:
            list(client.search(*words))


def _revise_long(server: ServerProcess, outbox: Path, report: Connection) -> None:
    """Revise old notes to texts for which a search takes longest, and then one of them again and again."""
    with server.client(outbox, wait=60) as client:
        for number in range(1, REVISED + 1):
            client.revise(number, HOSTILE_TEXT)
        report.send(True)
        while True:
            _wait_for_index(client)
            client.revise(1, HOSTILE_TEXT)


def _wait_for_index(client: Client) -> None:
    """Search for something that is there, which is answered when all entries are indexed."""
    next(client.search("needle"))


def _send_one_by_one(server: ServerProcess, outbox: Path, report: Connection) -> None:
    seconds = []
    with server.client(outbox) as client:
        client.send("the first one finds the server")
        for number in range(1000):
            started = time.perf_counter()
            client.send(ENTRY(number))
            seconds.append(time.perf_counter() - started)
    report.send((_percentile_99(seconds), max(seconds)))

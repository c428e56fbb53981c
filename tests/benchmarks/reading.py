"""Measurements of reading, in a notebook of a million entries of 100 bytes, a third of them Chinese."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from tests.benchmarks.filled_notebooks import LARGE, copied, filled_notebook, filled_path
from tests.benchmarks.measures import (
    Row,
    ServerProcess,
    alternate,
    at_most,
    percentile_99,
    rate_ratio,
    server_process,
    shown_percentile,
)
from tests.benchmarks.references import measured_run, new_file, wall_seconds
from tests.benchmarks.workers import process, processes
from tests.benchmarks.writing import send_one_by_one
from tests.support.processes import COMMAND
from udpnote.client.client import Client
from udpnote.model.entry import TEXT_BYTES_MAX

COMMON_PHRASE = "the of and the of and the of and the of and"
HOSTILE_TEXT = "a b " * (TEXT_BYTES_MAX // 4)
HOSTILE_PHRASE = "a b " * 11 + "b b"
"""A phrase that is not in `HOSTILE_TEXT`. At every place of that text, nearly all of its words match."""

SENDS = 1000
"""How many sends are timed in a round."""

REVISED = 10
"""How many old notes are revised to `HOSTILE_TEXT`, of 1 MiB. All of them are in one shard of the search index."""


_SAME_ROWS = (
    "SELECT number, kind, coalesce(revises, 0), text, written_at, utc_offset, stored_at, author, hex(client_id), sequence"
    " FROM entries JOIN clients USING (client) LEFT JOIN revisions USING (number) ORDER BY number"
)


def export(folder: Path) -> Iterator[Row]:
    """Measure `udpnote export` of a million entries over loopback, against the JSON output of `sqlite3`."""
    what = "export of a million entries / sqlite3's JSON"
    sqlite = shutil.which("sqlite3")
    if sqlite is None:
        yield Row(what, "not measured: sqlite3 is not installed", "≥ 0.25", None)
        return
    filled_notebook(folder, LARGE).close()
    target, mebibytes = folder / "export.jsonl", []
    with server_process(folder, str(filled_path(folder, LARGE))) as server:

        def ours() -> list[float]:
            command = [COMMAND, "export", "--server", f"127.0.0.1:{server.port}", "-o", str(target)]
            run = measured_run(command, {"UDPNOTE_HOME": str(folder / "home")})
            mebibytes.append(run.memory_mebibytes)
            return [LARGE / run.seconds]

        def reference() -> list[float]:
            with (folder / "reference.json").open("wb") as output:
                return [LARGE / wall_seconds([sqlite, "-json", server.path, _SAME_ROWS], stdout=output.fileno())]

        rates = alternate("export of a million entries", {"udpnote": ours, "sqlite3": reference})
        assert sum(1 for _ in target.open()) == LARGE, "the export is not complete"
        yield rate_ratio(what, rates["udpnote"], rates["sqlite3"], 0.25)
        yield at_most("memory of the server while exporting: MiB", [server.memory_mebibytes_max], 64, "peak")
    yield at_most("memory of the export: MiB", mebibytes, 64, "peak")


def held_up(folder: Path) -> Iterator[Row]:
    """Measure how long an acknowledgement takes while other clients keep the server as busy as they can."""
    with server_process(folder, str(copied(folder, LARGE))) as server:
        works: dict[str, list[Callable[..., None]]] = {
            "nobody reads": [],
            "slow searches": [partial(_search_slowly, server, words=[COMMON_PHRASE])] * 4,
            "revisions to 1 MiB are indexed": [partial(_revise_long, server)],
            "hostile phrases are searched": [partial(_search_slowly, server, words=[HOSTILE_PHRASE])] * 4,
        }
        sides = {what: partial(_seconds_beside, folder, server, beside) for what, beside in works.items()}
        seconds = alternate("acknowledgements, 99th percentile", sides, shown_percentile)
        percentiles = {what: [1000 * percentile_99(each) for each in of_rounds] for what, of_rounds in seconds.items()}
        alone = median(percentiles.pop("nobody reads"))
        for what, figures in percentiles.items():
            detail = f"{1000 * max(map(max, seconds[what])):.2f} at worst; {alone:.2f} while nobody reads"
            yield at_most(f"acknowledgement while {what}: ms, 99th percentile", figures, 20.0, detail)


def _seconds_beside(folder: Path, server: ServerProcess, works: list[Callable[..., None]]) -> list[float]:
    """Send one note after the other while processes do `works`. Return the seconds of each send."""
    outbox = partial(new_file, folder, "outbox")
    with (
        processes([partial(work, outbox()) for work in works]),
        process(partial(send_one_by_one, server, outbox(), SENDS)) as seconds,
    ):
        return list(seconds)


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
    """Search for a word that some notes have. The server answers only when all entries are in the index."""
    next(client.search("needle"))

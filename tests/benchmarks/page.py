"""Measurements of the page: how long writes take while many browsers read live, its memory, and the time of the first view."""

import http.client
import json
import secrets
import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from tests.benchmarks.measures import ENTRY, ROUNDS, Row, alternate, at_most, percentile_99, shown_percentile
from tests.benchmarks.references import new_file
from tests.benchmarks.workers import process, received, worker
from tests.support.browser import CHROMIUM, Chromium
from tests.support.page_site import ProcessSite
from tests.support.processes import memory_bytes_max
from udpnote.client.client import Client

STREAMS, WRITERS, WRITES_PER_SECOND, SECONDS = 50, 10, 100, 5

VIEWED_NOTES = 1000

PAINTED = """new Promise((resolve) => {
    const painted = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
    const look = () => document.querySelector("#days article") ? painted() : setTimeout(look, 1)
    look()
})"""


def page(folder: Path) -> Iterator[Row]:
    """Measure a hundred writes a second by browsers while fifty read live, against the library; then the first view."""
    memory: list[float] = []
    what = f"page: {WRITES_PER_SECOND} writes/s beside {STREAMS} streams"
    seconds = alternate(
        f"{what}, 99th percentile",
        {"browsers": partial(_browsers, folder, memory), "library": partial(_library, folder)},
        shown_percentile,
    )
    theirs = [percentile_99(each) for each in seconds["library"]]
    ratios = [percentile_99(each) / other for each, other in zip(seconds["browsers"], theirs, strict=True)]
    yield at_most(f"{what}: 99th percentile / Client.send", ratios, 3.0, f"Client.send {1000 * median(theirs):.2f} ms")
    yield at_most(f"{what}: memory in MiB", memory, 128.0, "the page's process")
    if Path(CHROMIUM).exists():
        views = _first_views(folder)
        yield at_most(f"page: first view with {VIEWED_NOTES:,} notes, in ms", views, 300.0, "a new profile each")


def _site(folder: Path) -> ProcessSite:
    return ProcessSite(new_file(folder, "site"))


def _browsers(folder: Path, memory: list[float]) -> list[float]:
    """Return the seconds of each write by browsers, while others read live."""
    site = _site(folder).start()
    try:
        with worker(partial(_read_live, site.page_port)) as streams:
            assert received(streams) == "ready"
            with ThreadPoolExecutor(WRITERS) as writers:
                seconds = [each for part in writers.map(partial(_write, site.page_port), range(WRITERS)) for each in part]
            assert received(streams) == STREAMS * len(seconds), "a stream has lost or doubled entries"
        assert len(site.texts()) == len(seconds) == WRITES_PER_SECOND * SECONDS
        memory.append(memory_bytes_max(site.page.pid) / (1 << 20))
    finally:
        site.close()
    return seconds


def _write(port: int, number: int) -> list[float]:
    """Do one browser's share of the writes, at fixed times. Return the seconds of each write."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"}
    client, seconds = secrets.token_hex(16), []
    due = time.perf_counter() + number / WRITES_PER_SECOND
    for sequence in range(1, WRITES_PER_SECOND * SECONDS // WRITERS + 1):
        time.sleep(max(0.0, due - time.perf_counter()))
        entry = {"sequence": sequence, "kind": "note", "text": ENTRY(sequence), "author": "amy", "written_at": 10**15}
        body = json.dumps({"client": client, "entries": [entry | {"utc_offset": 0, "revises": 0, "seen": None}]})
        started = time.perf_counter()
        connection.request("POST", "/api/entries", body, headers)
        (outcome,) = json.load(connection.getresponse())["outcomes"]
        seconds.append(time.perf_counter() - started)
        assert outcome["state"] == "stored", outcome
        due += WRITERS / WRITES_PER_SECOND
    connection.close()
    return seconds


def _read_live(port: int, report: Connection) -> None:
    """Read all streams. Report "ready" when all have begun, and later how many entries have come, when all should have."""
    selector = selectors.DefaultSelector()
    begun, entries = 0, 0
    for _ in range(STREAMS):
        stream = socket.create_connection(("127.0.0.1", port))
        stream.sendall(f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        selector.register(stream, selectors.EVENT_READ)
    while entries < STREAMS * WRITES_PER_SECOND * SECONDS:
        ready = selector.select(timeout=20)
        assert ready, "the streams are silent"
        for key, _ in ready:
            data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
            entries += data.count(b'"kind":"note"')
            if begun < STREAMS:
                begun += data.count(b"event: ready")
                if begun == STREAMS:
                    report.send("ready")
    report.send(entries)


def _library(folder: Path) -> list[float]:
    """Return the seconds of each `Client.send` at the same rate, with a server that nobody else uses."""
    site = _site(folder)
    try:
        site.serve()
        with process(partial(_send, site.port, new_file(folder, "outbox"))) as seconds:
            return list(seconds)
    finally:
        site.close()


def _send(port: int, outbox: Path, report: Connection) -> None:
    seconds = []
    with Client(server=f"127.0.0.1:{port}", outbox=str(outbox)) as client:
        due = time.perf_counter()
        for number in range(WRITES_PER_SECOND * SECONDS):
            time.sleep(max(0.0, due - time.perf_counter()))
            started = time.perf_counter()
            client.send(ENTRY(number))
            seconds.append(time.perf_counter() - started)
            due += 1 / WRITES_PER_SECOND
    report.send(seconds)


def _first_views(folder: Path) -> list[float]:
    """Return how many milliseconds after the request a real browser has painted the latest notes, for several new profiles."""
    site, chromium = _site(folder).start(), Chromium()
    try:
        site.run("send", "--server", f"127.0.0.1:{site.port}", lines=map(ENTRY, range(VIEWED_NOTES)))
        figures = []
        for _ in range(ROUNDS + 1):  # the first one warms up the browser
            profile = chromium.profile()
            tab = profile.new_page()
            tab.goto(site.address, wait_until="commit")
            figures.append(tab.evaluate(PAINTED))
            profile.close()
        return figures[1:]
    finally:
        chromium.close()
        site.close()

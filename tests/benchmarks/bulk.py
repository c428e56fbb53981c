"""Measurements while one client sends a million lines: how long another client's send takes, and how fast the command is."""

import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import median
from subprocess import PIPE, Popen

from tests.benchmarks.measures import (
    ENTRY,
    Row,
    ServerProcess,
    alternate,
    at_most,
    percentile_99,
    rate_ratio,
    server_process,
    shown_percentile,
)
from tests.benchmarks.references import measured_run, new_file
from tests.benchmarks.workers import process, received, results_together, wait_for_start, worker
from tests.support.processes import COMMAND

LINES = 1_000_000

SENDS, PAUSE_SECONDS = 300, 0.015
"""How often the interactive client sends in one round, and its mean pause before that."""

BULK_LINES_MAX = 10 * LINES
BULK_REPORT_LINES = 10_000
"""After how many stored lines the bulk client reports the time. The interactive client begins after the first report."""


def interactive(folder: Path) -> Iterator[Row]:
    """Measure how long `Client.send` takes while another client sends a million lines and more, without a pause."""
    bulk_rates: list[float] = []
    seconds = alternate(
        "interactive sends beside a bulk one, 99th percentile",
        {"beside it": partial(_seconds_beside_bulk, folder, bulk_rates), "alone": partial(_seconds_alone, folder)},
        shown_percentile,
    )
    beside = [1000 * percentile_99(each) for each in seconds["beside it"]]
    alone = 1000 * median(map(percentile_99, seconds["alone"]))
    detail = f"{alone:.2f} alone; the other client {median(bulk_rates):,.0f} entries/s"
    yield at_most("interactive send beside a bulk one: ms, 99th percentile", beside, 25.0, detail)


def _seconds_alone(folder: Path) -> list[float]:
    with server_process(folder) as server:
        return _interactive_seconds(folder, server)


def _seconds_beside_bulk(folder: Path, bulk_rates: list[float]) -> list[float]:
    with server_process(folder) as server, worker(partial(_send_bulk, server, new_file(folder, "bulk"))) as bulk:
        times = [received(bulk)]
        seconds = _interactive_seconds(folder, server)
        while bulk.poll():
            times.append(bulk.recv())
        assert times[-1] is not None, "the other client had sent everything before"
        bulk_rates.append(BULK_REPORT_LINES * (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0)
    return seconds


def _interactive_seconds(folder: Path, server: ServerProcess) -> list[float]:
    with process(partial(_send_now_and_then, server, new_file(folder, "outbox"))) as seconds:
        return list(seconds)


def _send_bulk(server: ServerProcess, outbox: Path, report: Connection) -> None:
    """Send many lines. Report the time after each `BULK_REPORT_LINES` of them, and None at the end."""
    import udpnote.cli  # noqa: F401 - a process like the command's, which collects garbage less often

    with server.client(outbox) as client:
        for stored, _ in enumerate(client.send_many(map(ENTRY, range(BULK_LINES_MAX))), 1):
            if stored % BULK_REPORT_LINES == 0:
                report.send(time.perf_counter())
    report.send(None)


def _send_now_and_then(server: ServerProcess, outbox: Path, report: Connection) -> None:
    random, seconds = Random(1), []
    with server.client(outbox) as client:
        client.send("the first one finds the server")
        for number in range(SENDS):
            time.sleep(random.expovariate(1 / PAUSE_SECONDS))
            started = time.perf_counter()
            client.send(ENTRY(number))
            seconds.append(time.perf_counter() - started)
    report.send(seconds)


def pipe(folder: Path) -> Iterator[Row]:
    """Measure a million lines from a pipe to `udpnote send`, from its start to its end, against `Client.send_many`."""
    lines = folder / "lines.txt"
    with lines.open("w") as file:
        file.writelines(f"{ENTRY(number)}\n" for number in range(LINES))
    rates = alternate(
        f"{LINES:,} lines", {"command": partial(_command_rate, folder, lines), "library": partial(_library_rate, folder)}
    )
    yield rate_ratio(f"{LINES:,} lines from a pipe / from the library", rates["command"], rates["library"], 0.6)


def _command_rate(folder: Path, lines: Path) -> list[float]:
    home = new_file(folder, "home").with_suffix("")
    with server_process(folder) as server, Popen(["cat", str(lines)], stdout=PIPE) as cat:
        assert cat.stdout is not None
        environ = {"UDPNOTE_HOME": str(home), "UDPNOTE_SERVER": f"127.0.0.1:{server.port}"}
        seconds = measured_run([COMMAND, "send"], environ, stdin=cat.stdout.fileno()).seconds
        with server.client(new_file(folder, "outbox")) as client:
            assert client.last_number() == LINES, "the command has not stored every line once"
    return [LINES / seconds]


def _library_rate(folder: Path) -> list[float]:
    with server_process(folder) as server:
        return results_together([partial(_send_all, server, new_file(folder, "outbox"))])


def _send_all(server: ServerProcess, outbox: Path, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - as above

    with server.client(outbox) as client:
        client.send("the first one finds the server")
        wait_for_start(report)
        started = time.perf_counter()
        stored = sum(sent.number is not None for sent in client.send_many(map(ENTRY, range(LINES))))
        assert stored == LINES, f"only {stored} of {LINES} lines were stored"
        report.send(LINES / (time.perf_counter() - started))

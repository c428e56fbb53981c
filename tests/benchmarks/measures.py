"""Shared by all measurements: rows of results, rounds, and servers in processes of their own."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from tests.benchmarks.references import new_file
from tests.benchmarks.workers import process
from tests.support.processes import memory_bytes_max
from udpnote.client.client import Client
from udpnote.server.server import Server

ENTRY = "{:0100}".format
"""An entry of 100 bytes."""

ROUNDS = 5
"""How many rounds there are. In each round, all sides are measured, one after the other; each ratio is the median of all."""


class HeldNotes:
    """Texts for `Client.send_many`, for `seconds`. At any time, at most `depth` of them have no outcome.

    The consumer adds 1 to `settled` for each outcome. While `depth` texts have no outcome, the iterator yields None, so that
    `send_many` waits for outcomes. When the time is up, `rate` becomes the number of outcomes a second until then.
    """

    def __init__(self, depth: int, seconds: float) -> None:
        self._depth = depth
        self._seconds = seconds
        self.texts = [ENTRY(number) for number in range(16 * 1024)]
        self.settled = 0
        self.rate = 0.0

    def __iter__(self) -> Iterator[str | None]:
        depth = self._depth
        started = time.perf_counter()
        until = started + self._seconds
        for taken, text in enumerate(cycle(self.texts)):
            while (now := time.perf_counter()) < until and taken - self.settled >= depth:
                yield None
            if now >= until:
                self.rate = self.settled / (now - started)
                return
            yield text


Side = Callable[[], list[float]]
"""One of the sides that are compared. Returns the entries a second of each of its clients, or the seconds of each command."""


class Row(NamedTuple):
    """One result: what was measured, the figure, the target, and whether it is met. None: not measured, or no target."""

    what: str
    figure: str
    target: str
    is_met: bool | None


def at_least(what: str, ratios: list[float], target: float, detail: str) -> Row:
    """Make a row for the median of `ratios`, which should be at least `target`."""
    ratio = median(ratios)
    return Row(what, f"{ratio:.2f} ({min(ratios):.2f} … {max(ratios):.2f}; {detail})", f"≥ {target}", ratio >= target)


def at_most(what: str, figures: list[float], target: float, detail: str) -> Row:
    """Make a row for the median of `figures`, which should be at most `target`."""
    figure = median(figures)
    return Row(what, f"{figure:.2f} ({min(figures):.2f} … {max(figures):.2f}; {detail})", f"≤ {target}", figure <= target)


def show_progress(line: str) -> None:
    """Print on standard error how far a measurement is."""
    print(f"        {line}", file=sys.stderr, flush=True)


def percentile_99(figures: list[float]) -> float:
    """Return the 99th percentile of `figures`."""
    return quantiles(figures, n=100)[98]


def shown_rate(rates: list[float]) -> str:
    """Return the entries a second of all clients together, as a text for the progress."""
    return f"{sum(rates):,.0f}/s"


def shown_percentile(seconds: list[float]) -> str:
    """Return the 99th percentile in milliseconds, as a text for the progress."""
    return f"{1000 * percentile_99(seconds):.2f} ms"


def alternate(
    what: str, sides: Mapping[str, Side], shown: Callable[[list[float]], str] = shown_rate
) -> dict[str, list[list[float]]]:
    """Measure each of `sides` in `ROUNDS` rounds. Return, for each side, what it has measured in each round.

    The order of the sides is reversed in every second round. Each round prints a line on standard error.
    """
    figures: dict[str, list[list[float]]] = {side: [] for side in sides}
    for number in range(1, ROUNDS + 1):
        for side in sides if number % 2 else reversed(list(sides)):
            figures[side].append(sides[side]())
        line = ", ".join(f"{side} {shown(of_rounds[-1])}" for side, of_rounds in figures.items())
        show_progress(f"{what}, round {number} of {ROUNDS}: {line}")
    return figures


def rate_ratio(what: str, ours: list[list[float]], reference: list[list[float]], target: float) -> Row:
    """Make a row for the ratio of our rate to that of the reference in each round. A rate is the sum of all clients."""
    ratios = [sum(rates) / sum(references) for rates, references in zip(ours, reference, strict=True)]
    return at_least(what, ratios, target, f"{median(map(sum, ours)):,.0f} entries/s")


class ServerProcess(NamedTuple):
    """A server in a process of its own. `code` is the join code of its notebook, or None if the notebook is open."""

    port: int
    pid: int
    path: str
    code: str | None

    def client(self, outbox: Path, **options: Any) -> Client:
        return Client(server=f"127.0.0.1:{self.port}", outbox=str(outbox), **options)

    @property
    def memory_mebibytes_max(self) -> float:
        return memory_bytes_max(self.pid) / (1 << 20)


@contextmanager
def server_process(folder: Path, path: str = "", *, is_sealed: bool = False) -> Iterator[ServerProcess]:
    """Start a server on loopback with the notebook at `path`, by default a new one. The server ends with the block."""
    path = path or str(new_file(folder, "notebook"))
    with process(partial(_serve, path, is_sealed)) as server:
        yield server


def _serve(path: str, is_sealed: bool, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - a process like the command's, which collects garbage less often

    server = Server(path, bind="127.0.0.1", port=0, sealed=is_sealed)
    report.send(ServerProcess(server.port, os.getpid(), path, server.join_code))
    server.serve_forever()

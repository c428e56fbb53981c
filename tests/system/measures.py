"""What takes how long on a LAN: the tests use what comes out, and `python -m tests.system` holds it against the promises."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import NamedTuple

from tests.system.lab import Host, Lab, Process, Switch, wait_until
from tests.system.stock import fill_notebook

FOLLOWERS = 3
PATIENCE_SECONDS = 60.0


class Figures(NamedTuple):
    """What there is to say about many durations; all in seconds."""

    median: float
    percentile_99: float
    worst: float

    def __str__(self) -> str:
        median, percentile_99, worst = (1000 * seconds for seconds in self)
        return f"median {median:.1f} ms, 99th percentile {percentile_99:.1f} ms, worst {worst:.1f} ms"


def figures(durations: list[float]) -> Figures:
    return Figures(median(durations), quantiles(durations, n=100)[98], max(durations))


class Followed(NamedTuple):
    """Entries by number: when each was acknowledged to its writer, and, in order, what each follower has printed when."""

    acknowledged: dict[int, float]
    printed: list[list[tuple[int, float]]]

    @property
    def delays(self) -> list[float]:
        """From an acknowledgement to each line; 0 where the line was there first."""
        all_printed = [each for printed in self.printed for each in printed if each[0] in self.acknowledged]
        return [max(0.0, at - self.acknowledged[number]) for number, at in all_printed]


def follow_writer(lab: Lab, *, entries: int, pause_seconds: float) -> Followed:
    """Have one host write, one entry at a time, and three others follow."""
    lan = lab.switch()
    kitchen, laptop, *readers = (lab.host(name, lan) for name in ("kitchen", "laptop", "r0", "r1", "r2"))
    kitchen.serve("--quiet")
    assert laptop.run("send", "before").code == 0
    following = [reader.start_module("tests.system.stamping", "follow") for reader in readers]
    wait_until(lambda: all(each.has_printed() for each in following), "they follow", PATIENCE_SECONDS)
    acknowledged = {int(each["number"]): each["acknowledged_at"] for each in _write(laptop, entries, pause_seconds)}
    for each in following:
        _wait_for_lines(each, entries + 2)
    return Followed(acknowledged, [_printed(each) for each in following])


class Appends(NamedTuple):
    """How long a writer has waited for each acknowledgement, in seconds, while nobody read and while a crowd did; and the most
    memory that the server has had."""

    alone: list[float]
    amid_slow_queries: list[float]
    memory_bytes: int


def append_amid_slow_queries(lab: Lab, *, stock: int, entries: int) -> Appends:
    """Have a host write into a notebook of `stock` entries while another one asks for what is not there."""
    lan = lab.switch()
    kitchen, laptop, mallory = (lab.host(name, lan) for name in ("kitchen", "laptop", "mallory"))
    notebook = kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, stock, with_index=True)
    server = kitchen.serve("--quiet", notebook=notebook)
    alone = _waits(laptop, entries)
    with _crowd(mallory, "slow", kitchen, lan):
        amid = _waits(laptop, entries)
    return Appends(alone, amid, server.memory_bytes("VmHWM"))


@contextmanager
def _crowd(mallory: Host, what: str, kitchen: Host, lan: Switch) -> Iterator[None]:
    attacking = mallory.start_module("tests.system.crowd", what, kitchen.address(lan))
    wait_until(lambda: attacking.has_printed() or not attacking.is_running, "the crowd asks", PATIENCE_SECONDS)
    yield
    assert attacking.is_running, attacking.errors
    attacking.kill()


def _waits(laptop: Host, entries: int) -> list[float]:
    return [each["acknowledged_at"] - each["sent_at"] for each in _write(laptop, entries, 0.01)]


def _write(laptop: Host, entries: int, pause_seconds: float) -> list[dict[str, float]]:
    writing = laptop.start_module("tests.system.stamping", "write", str(entries), str(pause_seconds))
    result = writing.wait(2 * PATIENCE_SECONDS)
    assert result.code == 0, result.errors
    return _objects(writing)


def _wait_for_lines(process: Process, lines: int) -> None:
    wait_until(lambda: process.output.count("\n") >= lines, f"{lines} lines are printed", PATIENCE_SECONDS)


def _printed(process: Process) -> list[tuple[int, float]]:
    return [(int(line["number"]), line["printed_at"]) for line in _objects(process)]


def _objects(process: Process) -> list[dict[str, float]]:
    return [json.loads(line) for line in process.output.splitlines()]

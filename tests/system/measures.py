"""How long things take on a LAN. The tests use the results, and `python -m tests.system` compares them with the promises.

Run as a program on a host, `write COUNT PAUSE_SECONDS` or `follow`, it prints when entries are acknowledged or printed:
one JSON object a line, with the entry's number and times of the monotonic clock, which all namespaces share.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import NamedTuple

from tests.support.processes import COMMAND, Process, eventually
from tests.system.lab import SECONDS_MAX, Host, Lab, Switch
from tests.system.large_notebook import fill_notebook
from udpnote.client.client import Client

FOLLOWERS = ("r0", "r1", "r2")
SLOW_READS_PER_SECOND = 4000
"""Many times as many as a server can answer."""


class Figures(NamedTuple):
    """A summary of many durations in seconds."""

    median: float
    percentile_99: float
    worst: float

    def __str__(self) -> str:
        median, percentile_99, worst = (1000 * seconds for seconds in self)
        return f"median {median:.1f} ms, 99th percentile {percentile_99:.1f} ms, worst {worst:.1f} ms"


def figures(durations: list[float]) -> Figures:
    """The summary of `durations`."""
    return Figures(median(durations), quantiles(durations, n=100)[98], max(durations))


def seconds_until_followers_print(lab: Lab, *, entries: int, pause_seconds: float) -> list[float]:
    """Have one host write entries one by one and three others follow; from each acknowledgement to each printed line."""
    lan = lab.switch()
    kitchen, laptop, *readers = (lab.host(name, lan) for name in ("kitchen", "laptop", *FOLLOWERS))
    kitchen.serve("--quiet")
    laptop.succeed("send", "before")
    following = [reader.start_module("tests.system.measures", "follow") for reader in readers]
    for each in following:
        each.expect("\n", SECONDS_MAX)
    acknowledged = {int(each["number"]): each["acknowledged_at"] for each in _write(laptop, entries, pause_seconds)}
    delays = []
    for each in following:
        eventually(lambda each=each: each.output.count("\n") >= entries + 2, "all is printed", SECONDS_MAX)  # type: ignore[misc]
        printed = ((int(line["number"]), line["printed_at"]) for line in _objects(each.output))
        delays += [max(0.0, at - acknowledged[number]) for number, at in printed if number in acknowledged]
    return delays


class AppendSeconds(NamedTuple):
    """How long a writer waited for each acknowledgement, while nobody read and amid slow queries; and the server's memory."""

    alone: list[float]
    amid_slow_queries: list[float]
    memory_bytes_max: int


def append_amid_slow_queries(lab: Lab, *, stored: int, entries: int) -> AppendSeconds:
    """Have a host write into a notebook of `stored` entries while another one sends slow queries."""
    lan = lab.switch()
    kitchen, laptop, mallory = (lab.host(name, lan) for name in ("kitchen", "laptop", "mallory"))
    notebook = kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, stored)
    server = kitchen.serve("--quiet", notebook=notebook)
    alone = _acknowledgement_seconds(laptop, entries)
    with flood(mallory, "slow reads", SLOW_READS_PER_SECOND, kitchen, lan):
        amid = _acknowledgement_seconds(laptop, entries)
    return AppendSeconds(alone, amid, server.memory_bytes_max())


@contextmanager
def flood(mallory: Host, kind: str, rate: int, kitchen: Host, lan: Switch) -> Iterator[None]:
    """Have `mallory` send `rate` datagrams a second to the server in the kitchen."""
    flooding = mallory.start_module("tests.system.hostile_host", "flood", kind, str(rate), kitchen.address(lan))
    flooding.expect("flooding")
    yield
    assert flooding.is_running, flooding.errors
    flooding.kill()


def _acknowledgement_seconds(laptop: Host, entries: int) -> list[float]:
    return [each["acknowledged_at"] - each["sent_at"] for each in _write(laptop, entries, 0.01)]


def _write(laptop: Host, entries: int, pause_seconds: float) -> list[dict[str, float]]:
    writing: Process = laptop.start_module("tests.system.measures", "write", str(entries), str(pause_seconds))
    result = writing.wait(2 * SECONDS_MAX)
    assert result.code == 0, result.err
    return _objects(result.out)


def _objects(output: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in output.splitlines()]


def write_with_times(count: int, pause_seconds: float) -> None:
    """Send entries one by one, each this long after the acknowledgement of the one before it, and print the times."""
    with Client(wait=60) as client:
        client.send("the first one finds the server")
        for number in range(count):
            time.sleep(pause_seconds)
            sent_at = time.monotonic()
            sent = client.send(f"第 {number} 条")
            line = {"number": sent.number, "sent_at": sent_at, "acknowledged_at": time.monotonic()}
            print(json.dumps(line), flush=True)


def follow_with_times() -> None:
    """Follow with the command `udpnote follow`, and print when each line came."""
    with subprocess.Popen([COMMAND, "follow", "--json"], stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        for line in following.stdout:
            print(json.dumps({"printed_at": time.monotonic(), "number": json.loads(line)["number"]}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write_with_times(int(sys.argv[2]), float(sys.argv[3]))
    else:
        follow_with_times()

"""Measurements of writing: how many entries a second the notebook acknowledges, from clients with a durable outbox."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import median

from tests.benchmarks.bare import FileOutbox, Program, SqliteOutbox, bare_sent
from tests.benchmarks.measures import (
    ENTRY,
    ROUNDS,
    HeldNotes,
    Row,
    ServerProcess,
    Side,
    alternate,
    at_least,
    at_most,
    rate_ratio,
    server_process,
)
from tests.benchmarks.references import REDIS, Sent, commit_rate, echo_rate, new_file, redis_rates
from tests.benchmarks.workers import results_together, wait_for_start
from tests.support.processes import processor_seconds
from udpnote.cli.commands.demo import LossyEndpoint
from udpnote.client.sending.results import State
from udpnote.lan.interfaces import no_interfaces

SECONDS = 2.0
"""How long the clients of one side send in one round."""

ECHO_DATAGRAMS = 100_000
COMMITS = 2000

CLIENTS, CLIENTS_DEPTH = 8, 256
"""How many clients send at once, and how many notes each of them has in flight."""


def sustained(folder: Path) -> Iterator[Row]:
    """Measure one client with 256 and 1,024 notes in flight, against Redis with as many records, and against a bare echo."""
    for depth, echo_target in ((256, 0.5), (1024, 1.2)):
        what = f"sustained entries, {depth:,} in flight"
        rates = alternate(
            what,
            {
                "udpnote": partial(entry_rates, folder, depth=depth),
                "echo": partial(_echo_rates, depth),
                **_redis(folder, depth=depth),
            },
        )
        yield _against_redis(what, rates, 1.0)
        yield rate_ratio(f"{what} / echo", rates["udpnote"], rates["echo"], echo_target)


def crowd(folder: Path) -> Iterator[Row]:
    """Measure eight clients at once, against as many of Redis and against one alone.

    Also measure how much the slowest client gets of its fair share, an eighth.
    """
    what = f"entries of {CLIENTS} clients, {CLIENTS_DEPTH} in flight each"
    rates = alternate(
        what,
        {
            "udpnote": partial(entry_rates, folder, clients=CLIENTS, depth=CLIENTS_DEPTH),
            "one client": partial(entry_rates, folder, depth=CLIENTS_DEPTH),
            **_redis(folder, clients=CLIENTS, depth=CLIENTS_DEPTH),
        },
    )
    yield _against_redis(what, rates, 1.0)
    yield rate_ratio(f"{what} / one client", rates["udpnote"], rates["one client"], 1.0)
    shares = [CLIENTS * min(each) / sum(each) for each in rates["udpnote"]]
    yield at_least(f"slowest of {CLIENTS} clients / its share", shares, 0.5, f"{CLIENTS_DEPTH} in flight each")


def ceiling(folder: Path) -> Iterator[Row]:
    """Measure udpnote, and the least programs that keep its promises (`bare`), against Redis.

    The figures are notes a second, and the processor time for a note. They have no targets.
    """
    programs = {
        "bare, outbox a file": Program(FileOutbox),
        "bare, outbox of rows": Program(SqliteOutbox),
        "bare, with the interface": Program(SqliteOutbox, with_interface=True),
    }
    for depth in (1, 256, 1024):
        sides = {
            "udpnote": partial(_sent_by_udpnote, folder, depth),
            **{name: partial(bare_sent, folder, each, depth=depth, seconds=SECONDS) for name, each in programs.items()},
        }
        sent: dict[str, list[Sent]] = {name: [] for name in sides}
        noting = {name: partial(_noted, side, sent[name]) for name, side in sides.items()}
        rates = alternate(f"{depth:,} in flight", {**noting, **_redis(folder, depth=depth)})
        for name, of_rounds in sent.items():
            what = f"{name}, {depth:,} in flight"
            if REDIS:
                ratio = rate_ratio(f"{what} / Redis that fsyncs", rates[name], rates["Redis"], 0.0)
                yield ratio._replace(target="", is_met=None)
            client = 1e6 * median(each.client_seconds for each in of_rounds)
            server = 1e6 * median(each.server_seconds for each in of_rounds)
            yield Row(f"{what}: µs of a processor", f"client {client:.1f}, server {server:.1f}", "", None)


def _sent_by_udpnote(folder: Path, depth: int) -> Sent:
    with server_process(folder) as server:
        sending = partial(_send_held, server, new_file(folder, "outbox"), depth, SECONDS)
        [sent] = results_together([sending])
    assert isinstance(sent, Sent)
    return sent


def _noted(side: Callable[[], Sent], sent: list[Sent]) -> list[float]:
    """Measure `side` once, add the result to `sent`, and return its rate."""
    sent.append(side())
    return [sent[-1].rate]


def lock_step(folder: Path) -> Iterator[Row]:
    """Measure `Client.send`, one entry after the other, against Redis and against a plain loop of one-row commits.

    An entry needs two fsyncs in a row, in the outbox and in the notebook. A record of Redis, and a row, need only one.
    """
    what = "lock-step entries"
    rates = alternate(
        what,
        {
            "udpnote": partial(_lock_step_rates, folder),
            "DELETE journal": partial(_commit_rates, folder, "DELETE"),
            "WAL journal": partial(_commit_rates, folder, "WAL"),
            **_redis(folder, depth=1),
        },
    )
    yield _against_redis(what, rates, 0.5)
    yield rate_ratio(f"{what} / one-row commits, DELETE journal", rates["udpnote"], rates["DELETE journal"], 0.8)
    yield rate_ratio(f"{what} / one-row commits, WAL journal", rates["udpnote"], rates["WAL journal"], 0.5)


def _redis(folder: Path, *, clients: int = 1, depth: int) -> dict[str, Side]:
    """Return the side of Redis by its name, or nothing if Redis is not installed."""
    return {"Redis": partial(redis_rates, folder, clients=clients, depth=depth, seconds=SECONDS)} if REDIS else {}


def _against_redis(what: str, rates: dict[str, list[list[float]]], target: float) -> Row:
    what += " / Redis that fsyncs"
    if "Redis" not in rates:
        return Row(what, "not measured: redis-server is not installed", f"≥ {target}", None)
    return rate_ratio(what, rates["udpnote"], rates["Redis"], target)


def _echo_rates(depth: int) -> list[float]:
    return [echo_rate(window=depth, datagram_bytes=180, count=ECHO_DATAGRAMS)]


def _commit_rates(folder: Path, journal_mode: str) -> list[float]:
    return [commit_rate(folder, journal_mode=journal_mode, count=COMMITS)]


def entry_rates(folder: Path, *, clients: int = 1, depth: int, is_sealed: bool = False) -> list[float]:
    """Return the entries a second of each of several clients of a new server, each with at most `depth` notes in flight."""
    with server_process(folder, is_sealed=is_sealed) as server:
        return append_rates(folder, server, clients=clients, depth=depth)


def append_rates(folder: Path, server: ServerProcess, *, clients: int = 1, depth: int) -> list[float]:
    """Let several clients of `server` send for `SECONDS` at the same time. Return the entries a second of each."""
    outboxes = [new_file(folder, f"outbox-{number}") for number in range(clients)]
    sending = results_together([partial(_send_held, server, outbox, depth, SECONDS) for outbox in outboxes])
    return [sent.rate for sent in sending]


def _send_held(server: ServerProcess, outbox: Path, depth: int, seconds: float, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - a process like the command's, which collects garbage less often

    notes = HeldNotes(depth, seconds)
    with server.client(outbox, key=server.code) as client:
        client.send("the first one finds the server")
        wait_for_start(report)
        own, others = time.process_time(), processor_seconds(server.pid)
        for sent in client.send_many(notes):
            assert sent.state is State.STORED, f"an entry was not stored: {sent.reason}"
            notes.settled += 1
        own, others = time.process_time() - own, processor_seconds(server.pid) - others
        report.send(Sent(notes.rate, own / notes.settled, others / notes.settled))


def _lock_step_rates(folder: Path) -> list[float]:
    with server_process(folder) as server:
        return results_together([partial(_send_in_lock_step, server, new_file(folder, "outbox"), SECONDS)])


def _send_in_lock_step(server: ServerProcess, outbox: Path, seconds: float, report: Connection) -> None:
    import udpnote.cli  # noqa: F401 - as above

    with server.client(outbox) as client:
        client.send("the first one finds the server")
        wait_for_start(report)
        started, stored = time.perf_counter(), 0
        while (now := time.perf_counter()) < started + seconds:
            client.send(ENTRY(stored))
            stored += 1
        report.send(stored / (now - started))


def send_one_by_one(server: ServerProcess, outbox: Path, sends: int, report: Connection) -> None:
    """Report the seconds that each of `sends` calls of `Client.send` took."""
    seconds = []
    with server.client(outbox) as client:
        client.send("the first one finds the server")
        for number in range(sends):
            started = time.perf_counter()
            client.send(ENTRY(number))
            seconds.append(time.perf_counter() - started)
    report.send(seconds)


def losses(folder: Path) -> Iterator[Row]:
    """Measure how long 200 entries take while a fifth of all datagrams is lost in each direction."""
    seconds = []
    for seed in range(ROUNDS):
        endpoint = LossyEndpoint(list_interfaces=no_interfaces)
        with server_process(folder) as server, server.client(new_file(folder, "outbox"), endpoint=endpoint) as client:
            endpoint.lose(0.2, Random(seed))
            started = time.perf_counter()
            numbers = {sent.number for sent in client.send_many([ENTRY(number) for number in range(200)])}
            seconds.append(time.perf_counter() - started)
        assert numbers == set(range(1, 201)), f"seed {seed}: not every entry was stored once"
    yield at_most("200 entries, 20 % lost each way: seconds", seconds, 5.0, f"seeds 0 … {ROUNDS - 1}")

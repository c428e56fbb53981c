"""Hostile hosts: the server keeps serving, stays small, and sends nobody more than came from that address."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from random import Random
from typing import NamedTuple

import pytest

from tests.support.processes import memory_bytes_max
from tests.system import hostile_host
from tests.system.hostile_datagrams import ENTRIES, fill_notebook, malformed, reads_of_the_whole_log, slow_reads, waiting_reads
from tests.system.lab import NEW_PROCESS, Host, Lab, Server

SEED = 6683
MEMORY_BYTES_MAX = 64 << 20
FLOOD_PORTS = 64
SEND = ("send", "--wait", "30")
Attack = Callable[[Random, bytes], Iterator[bytes]]


class Target(NamedTuple):
    """A server with some entries, hosts that write and read, and a hostile one. The laptop has written the texts `written`."""

    server: Server
    address: str
    notebook_id: bytes
    laptop: Host
    reader: Host
    mallory: Host
    written: list[str]

    def write(self, text: str) -> None:
        self.laptop.succeed(*SEND, text)
        self.written.append(text)

    def flood(self, attack: Attack, rate: int) -> AbstractContextManager[None]:
        """A flood from many ports."""
        ours = [self.mallory.socket(self.address) for _ in range(FLOOD_PORTS)]
        return hostile_host.flood(ours, attack(Random(SEED), self.notebook_id), rate=rate)


@pytest.fixture(scope="module")
def target(laboratory: type[Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One target for all tests here. At the end, its notebook must have what the laptop has written, and nothing else."""
    lab = laboratory(tmp_path_factory.mktemp("target"))
    try:
        lan = lab.switch()
        kitchen, laptop, reader, mallory = (lab.host(name, lan) for name in ("kitchen", "laptop", "reader", "mallory"))
        notebook = kitchen.home / "notebook.sqlite3"
        notebook_id = fill_notebook(notebook)
        server = kitchen.serve("--quiet", notebook=notebook, under=NEW_PROCESS)
        made = Target(server, kitchen.address(lan), notebook_id, laptop, reader, mallory, [])
        yield made
        assert memory_bytes_max(server.process.pid) < MEMORY_BYTES_MAX
        assert server.texts()[ENTRIES:] == made.written
    finally:
        lab.close()


@pytest.mark.parametrize("attack", [malformed, reads_of_the_whole_log])
def test_the_server_keeps_serving_stays_small_and_answers_with_no_more_than_it_gets(target: Target, attack: Attack) -> None:
    writing = target.laptop.start(*SEND, "amid the attack")
    datagrams = islice(attack(Random(SEED), target.notebook_id), 3000)
    sent, received = hostile_host.send(target.mallory.socket(target.address), datagrams)
    assert writing.wait().code == 0
    target.written.append("amid the attack")
    target.write("after the attack")
    assert sent >= received > 0
    assert memory_bytes_max(target.server.process.pid) < MEMORY_BYTES_MAX


def test_a_follower_is_served_beside_thousands_of_waiting_readers(target: Target) -> None:
    target.write("before the crowd")
    with target.flood(waiting_reads, 1024):
        follower = target.reader.start("follow", "-n", "1", "--json", "--wait", "30")
        follower.expect("before the crowd", 30)
        target.write("amid the crowd")
        follower.expect("amid the crowd", 30)
    printed = [json.loads(line)["text"] for line in follower.output.splitlines()]
    assert printed == ["before the crowd", "amid the crowd"]


def test_slow_queries_hold_up_no_acknowledgement_for_long(target: Target) -> None:
    writing = target.laptop.start_sending()
    lines = [f"amid slow queries {number}" for number in range(20)]
    with target.flood(slow_reads, 4000):
        started_at = time.monotonic()
        for line in lines:
            writing.type(f"{line}\n")
            writing.expect(line)
        assert time.monotonic() - started_at < len(lines), "writers wait for readers"
    assert writing.end().code == 0
    target.written.extend(lines)

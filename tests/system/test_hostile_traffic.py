"""Hostile hosts: the server keeps serving, stays small, and sends nobody more than came from that address."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.support.processes import Process
from tests.system.hostile_datagrams import ENTRIES, fill_notebook
from tests.system.lab import SECONDS_MAX, Host, Lab, Server

MEMORY_BYTES_MAX = 64 << 20
SEND = ("send", "--wait", "30")

ATTACKS = {
    "malformed": 5000,
    "unfinished entries": 3000,
    "any reads": 3000,
    "short reads": 2000,
    "reads of the whole log": 2000,
    "waiting reads": 900,
}
"""What is sent, and how many datagrams of it; no more waiting READs than the server keeps."""


class Target(NamedTuple):
    """A server with some entries, hosts that write and read, a hostile one, and what the first has written so far."""

    server: Server
    address: str
    laptop: Host
    reader: Host
    mallory: Host
    written: list[str]

    def write(self, text: str) -> None:
        self.laptop.succeed(*SEND, text)
        self.written.append(text)

    def start_hostile(self, *arguments: str) -> Process:
        return self.mallory.start_module("tests.system.hostile_host", *arguments, self.address)

    @contextmanager
    def flood(self, kind: str, datagrams_per_second: int) -> Iterator[None]:
        flooding = self.start_hostile("flood", kind, str(datagrams_per_second))
        flooding.expect("flooding")
        yield
        assert flooding.is_running, flooding.errors
        flooding.kill()


@pytest.fixture(scope="module")
def target(laboratory: type[Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One for all tests here; at the end, its notebook holds what was written, and nothing else."""
    lab = laboratory(tmp_path_factory.mktemp("target"))
    try:
        lan = lab.switch()
        kitchen, laptop, reader, mallory = (lab.host(name, lan) for name in ("kitchen", "laptop", "reader", "mallory"))
        notebook = kitchen.home / "notebook.sqlite3"
        fill_notebook(notebook)
        server = kitchen.serve("--quiet", notebook=notebook)
        made = Target(server, kitchen.address(lan), laptop, reader, mallory, [])
        yield made
        assert server.memory_bytes_max() < MEMORY_BYTES_MAX
        assert server.texts()[ENTRIES:] == made.written
    finally:
        lab.close()


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_server_keeps_serving_stays_small_and_answers_with_no_more_than_it_gets(target: Target, attack: str) -> None:
    attacking = target.start_hostile("send", attack, str(ATTACKS[attack]))
    target.write(f"amid {attack}")
    result = attacking.wait(SECONDS_MAX)
    assert result.code == 0, result.err
    counted = json.loads(result.out)
    target.write(f"after {attack}")
    assert 0 < counted["sent"] >= counted["received"], counted
    assert (counted["received"] == 0) == (attack == "short reads")
    assert target.server.memory_bytes_max() < MEMORY_BYTES_MAX


def test_a_follower_is_served_beside_thousands_of_waiting_readers(target: Target) -> None:
    target.write("before the crowd")
    with target.flood("crowd of waiting reads", 1024):
        follower = target.reader.start("follow", "-n", "1", "--json", "--wait", "30")
        follower.expect("before the crowd", 30)
        target.write("amid the crowd")
        follower.expect("amid the crowd", 30)
    printed = [json.loads(line)["text"] for line in follower.output.splitlines()]
    assert printed == ["before the crowd", "amid the crowd"]


def test_slow_queries_hold_up_no_acknowledgement_for_long(target: Target) -> None:
    writing = target.laptop.start_sending()
    lines = [f"amid slow queries {number}" for number in range(20)]
    with target.flood("slow reads", 4000):
        started_at = time.monotonic()
        for line in lines:
            writing.type(f"{line}\n")
            writing.expect(line)
        assert time.monotonic() - started_at < len(lines), "writers wait for readers"
    assert writing.end().code == 0
    target.written.extend(lines)

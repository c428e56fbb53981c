"""Processes that are killed, stopped, started at the same time or cloned."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from random import Random

from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, Lab, assert_once, lines_of, wait_at_random


def test_a_server_killed_and_stopped_under_load_has_every_line_once(pair: Pair) -> None:
    source = Random(6683)
    lines = lines_of("line", 10_000)
    server = pair.kitchen.serve()
    client = pair.laptop.start("send", "--wait", "60", lines=lines)
    server.process.expect("\n")
    for _ in range(2):
        wait_at_random(source, seconds_max=0.25)
        server.restart()
    server.process.expect("\n")
    stopped_at = time.monotonic()
    server.stop()
    assert time.monotonic() - stopped_at < 3
    assert client.is_running, "the load was over before the server was"
    server.start()
    result = client.wait(SECONDS_MAX)
    assert result.code == 0, result.err
    assert_once(server.texts(), lines)


def entries_taken(outbox: Path) -> int:
    with closing(sqlite3.connect(outbox)) as connection:
        return int(connection.execute("SELECT next_sequence FROM sequences").fetchone()[0]) - 1


def test_a_client_killed_again_and_again_loses_nothing_that_its_outbox_took(pair: Pair) -> None:
    source = Random(75)
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "the first")
    outbox = pair.laptop.home / "outbox.sqlite3"
    taken, expected = entries_taken(outbox), ["the first"]
    for kill in range(2):
        lines = lines_of(f"kill {kill}, line", 5_000)
        client = pair.laptop.start("send", lines=lines)
        client.expect("\n")
        wait_at_random(source, seconds_max=0.2)
        client.kill()
        taken, before = entries_taken(outbox), taken
        expected += lines[: taken - before]
    pair.laptop.succeed("outbox", "--send")
    stored = server.stored()
    assert_once((each.entry.text for each in stored), expected)
    assert sorted(each.entry.sequence for each in stored) == list(range(1, taken + 1))


def test_a_cloned_client_takes_an_identity_of_its_own_and_says_so_once(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "before the clone")
    desk = lab.host("desk", pair.lan)
    shutil.copytree(pair.laptop.home, desk.home, dirs_exist_ok=True)
    told = [host.succeed("send", f"{host.name} {number}").err for number, host in enumerate((pair.laptop, desk) * 2)]
    assert [bool(errors) for errors in told] == [False, True, False, False]
    stored = server.stored()
    assert_once((each.entry.text for each in stored), ["before the clone", "laptop 0", "desk 1", "laptop 2", "desk 3"])
    assert len({each.entry.client_id for each in stored}) == 2

"""Processes that are killed, interrupted, started at once or cloned, and servers that are not there."""

import random
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from tests.system.conftest import Pair
from tests.system.lab import Lab, Server, assert_once, wait_until
from udpnote.model.entry import StoredEntry


def lines_of(name: str, count: int) -> list[str]:
    return [f"{name} {number}：写下来就不会丢" for number in range(count)]


def seconds_of(source: random.Random, *, at_most: float) -> None:
    """Let a moment pass: chance decides when the blow falls, and nothing is right or wrong because of it."""
    time.sleep(source.uniform(0, at_most))


def test_a_server_killed_again_and_again_under_load_has_every_line_once(pair: Pair) -> None:
    source = random.Random(6683)
    lines = lines_of("line", 6000)
    server = pair.kitchen.serve()
    client = pair.laptop.start("send", "--wait", "60", stdin=subprocess.PIPE)
    for start in range(0, len(lines), 1000):
        client.feed("".join(f"{line}\n" for line in lines[start : start + 1000]))
        seconds_of(source, at_most=0.25)
        server.process.kill()
        server.start()
    client.end_input()
    result = client.wait()
    assert result.code == 0, result.errors
    assert_once(server.texts(), lines)


def allotted(outbox: Path) -> int:
    """How many entries an outbox has ever taken."""
    with closing(sqlite3.connect(outbox)) as connection:
        return int(connection.execute("SELECT next_sequence FROM sequences").fetchone()[0]) - 1


def test_a_client_killed_again_and_again_loses_nothing_that_its_outbox_took(pair: Pair) -> None:
    source = random.Random(75)
    server = pair.kitchen.serve("--quiet")
    assert pair.laptop.run("send", "the first").code == 0
    outbox = pair.laptop.home / "outbox.sqlite3"
    taken, expected = allotted(outbox), ["the first"]
    for kill in range(8):
        lines = lines_of(f"kill {kill}, line", 20_000)
        with pair.laptop.file_of(lines) as file:
            client = pair.laptop.start("send", stdin=file)
        wait_until(client.has_printed, "the client has begun")
        seconds_of(source, at_most=0.3)
        client.kill()
        taken, before = allotted(outbox), taken
        expected += lines[: taken - before]
    rest = pair.laptop.run("outbox", "--send")
    assert rest.code == 0, rest.errors
    stored = server.stored()
    assert_once((each.entry.text for each in stored), expected)
    assert sorted(each.entry.sequence for each in stored) == list(range(1, taken + 1))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_under_load_ends_at_once_and_loses_nothing(pair: Pair, number: signal.Signals) -> None:
    lines = lines_of("line", 50_000)
    server = pair.kitchen.serve()
    with pair.laptop.file_of(lines) as file:
        client = pair.laptop.start("send", "--wait", "60", stdin=file)
    wait_until(server.process.has_printed, "entries arrive")
    told_at = time.monotonic()
    server.end(number)
    assert time.monotonic() - told_at < 3
    assert client.is_running, "the load was over before the server was"
    server.start()
    result = client.wait()
    assert result.code == 0, result.errors
    assert_once(server.texts(), lines)


def test_an_interrupted_client_says_what_it_leaves_and_a_later_command_delivers_it(pair: Pair) -> None:
    server = pair.kitchen.serve()
    client = pair.laptop.start("send", stdin=subprocess.PIPE)
    client.feed("one\ntwo\n")
    wait_until(lambda: "two" in client.output, "the lines are stored")
    server.process.kill()
    client.feed("three\n")
    outbox = pair.laptop.home / "outbox.sqlite3"
    wait_until(lambda: allotted(outbox) == 3, "the outbox has the third line")
    client.signal(signal.SIGINT)
    result = client.wait(5)
    assert result.code == 130
    assert "Traceback" not in result.errors and "queued" in result.errors
    server.start()
    assert pair.laptop.run("outbox", "--send").code == 0
    assert server.texts() == ["one", "two", "three"]


def test_twenty_sends_at_once_from_a_new_installation_are_twenty_entries(pair: Pair) -> None:
    server = pair.kitchen.serve()
    texts = [f"entry {number}" for number in range(20)]
    clients = [pair.laptop.start("send", "--wait", "30", text) for text in texts]
    for result in [client.wait() for client in clients]:
        assert result.code == 0, result.errors
    stored = server.stored()
    assert_once((each.entry.text for each in stored), texts)
    assert sorted(each.entry.sequence for each in stored) == list(range(1, 21))
    assert len({each.entry.client_id for each in stored}) == 1


def written_at(stored: StoredEntry) -> datetime:
    return datetime.fromtimestamp(stored.entry.written_at / 1e6).astimezone()


def test_what_is_written_without_a_server_is_delivered_later_with_the_time_of_writing(pair: Pair) -> None:
    before = datetime.now().astimezone()
    queued = pair.laptop.run("send", "written offline")
    after = datetime.now().astimezone()
    assert queued.code == 75 and "queued" in queued.errors
    assert queued.seconds < 10
    server = pair.kitchen.serve()
    assert pair.laptop.run("send", "written online").code == 0
    assert pair.laptop.run("outbox", "--send").code == 0
    stored = {each.entry.text: each for each in server.stored()}
    assert stored.keys() == {"written offline", "written online"}
    assert before <= written_at(stored["written offline"]) <= after < written_at(stored["written online"])
    assert stored["written offline"].stored_at > after.timestamp() * 1e6


def clone(lab: Lab, pair: Pair) -> tuple[Server, list[str]]:
    """A laptop with a history, and its clone's answers: what the user is told, and the server."""
    server = pair.kitchen.serve()
    assert pair.laptop.run("send", "before the clone").code == 0
    desk = lab.host("desk", pair.lan)
    shutil.copytree(pair.laptop.home, desk.home, dirs_exist_ok=True)
    told: list[str] = []
    for host in (pair.laptop, desk, pair.laptop, desk):
        result = host.run("send", f"{host.name} {len(told)}")
        assert result.code == 0, result.errors
        told.append(result.errors)
    return server, told


def test_a_cloned_client_takes_an_identity_of_its_own_and_says_so(lab: Lab, pair: Pair) -> None:
    server, told = clone(lab, pair)
    assert "new identity" in told[1]
    assert not any("identity" in errors for errors in (told[0], told[2], told[3])), "once it is cured, it is cured"
    stored = server.stored()
    assert_once((each.entry.text for each in stored), ["before the clone", "laptop 0", "desk 1", "laptop 2", "desk 3"])
    assert len({each.entry.client_id for each in stored}) == 2

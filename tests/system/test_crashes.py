"""Processes that are killed, interrupted, started at the same time or cloned, and servers that are not there."""

import json
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from random import Random

from tests.support.processes import eventually
from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, Lab, assert_once, lines_of, wait_at_random
from tests.system.sealing import waiting_texts


def test_a_server_killed_again_and_again_under_load_has_every_line_once(pair: Pair) -> None:
    source = Random(6683)
    lines = lines_of("line", 1500)
    server = pair.kitchen.serve("--quiet")
    client = pair.laptop.start_sending()
    for start in range(0, len(lines), 500):
        client.type("".join(f"{line}\n" for line in lines[start : start + 500]))
        wait_at_random(source, seconds_max=0.25)
        server.restart()
    client.end_input()
    result = client.wait(SECONDS_MAX)
    assert result.code == 0, result.err
    assert_once(server.texts(), lines)


def entries_taken(outbox: Path) -> int:
    """How many entries an outbox has ever held."""
    with closing(sqlite3.connect(outbox)) as connection:
        return int(connection.execute("SELECT next_sequence FROM sequences").fetchone()[0]) - 1


def test_a_client_killed_again_and_again_loses_nothing_that_its_outbox_took(pair: Pair) -> None:
    source = Random(75)
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "the first")
    outbox = pair.laptop.home / "outbox.sqlite3"
    taken, expected = entries_taken(outbox), ["the first"]
    for kill in range(3):
        lines = lines_of(f"kill {kill}, line", 5_000)
        with pair.laptop.file_of(lines) as file:
            client = pair.laptop.start("send", stdin=file)
        client.expect("\n")
        wait_at_random(source, seconds_max=0.2)
        client.kill()
        taken, before = entries_taken(outbox), taken
        expected += lines[: taken - before]
    pair.laptop.succeed("outbox", "--send")
    stored = server.stored()
    assert_once((each.entry.text for each in stored), expected)
    assert sorted(each.entry.sequence for each in stored) == list(range(1, taken + 1))


def test_a_server_that_is_stopped_under_load_ends_at_once_and_loses_nothing(pair: Pair) -> None:
    lines = lines_of("line", 20_000)
    server = pair.kitchen.serve()
    with pair.laptop.file_of(lines) as file:
        client = pair.laptop.start("send", "--wait", "60", stdin=file)
    server.process.expect("\n")
    stopped_at = time.monotonic()
    server.stop()
    assert time.monotonic() - stopped_at < 3
    assert client.is_running, "the load was over before the server was"
    server.start()
    result = client.wait(SECONDS_MAX)
    assert result.code == 0, result.err
    assert_once(server.texts(), lines)


def test_an_interrupted_client_leaves_its_entries_in_the_outbox_and_a_later_command_delivers_them(pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    client = pair.laptop.start_sending()
    client.type("one\ntwo\n")
    client.expect("two")
    server.process.kill()
    client.type("three\n")
    outbox = pair.laptop.home / "outbox.sqlite3"
    eventually(lambda: entries_taken(outbox) == 3, "the outbox has the third line")
    assert client.end(signal.SIGINT).code == 130
    assert waiting_texts(pair.laptop) == ["three"]
    server.start()
    pair.laptop.succeed("outbox", "--send")
    assert server.texts() == ["one", "two", "three"]


def test_ten_sends_at_once_from_a_new_installation_are_ten_entries_of_one_client(pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    texts = [f"entry {number}" for number in range(10)]
    for result in [client.wait(SECONDS_MAX) for client in [pair.laptop.start("send", "--wait", "30", text) for text in texts]]:
        assert result.code == 0, result.err
    stored = server.stored()
    assert_once((each.entry.text for each in stored), texts)
    assert sorted(each.entry.sequence for each in stored) == list(range(1, 11))
    assert len({each.entry.client_id for each in stored}) == 1


def test_what_is_written_without_a_server_is_delivered_later_with_the_time_of_writing(pair: Pair) -> None:
    before = datetime.now().timestamp() * 1e6
    queued = pair.laptop.run("send", "--wait", "0.5", "written offline")
    after = datetime.now().timestamp() * 1e6
    assert queued.code == 75 and queued.seconds < 10
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "written online")
    pair.laptop.succeed("outbox", "--send")
    stored = {each.entry.text: each for each in server.stored()}
    assert stored.keys() == {"written offline", "written online"}
    assert before <= stored["written offline"].entry.written_at <= after < stored["written online"].entry.written_at
    assert stored["written offline"].stored_at > after


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


def test_of_two_notebooks_neither_is_guessed_and_the_chosen_one_gets_what_was_queued(lab: Lab, pair: Pair) -> None:
    kitchen = pair.kitchen.serve("--quiet", "--name", "kitchen")
    cellar = lab.host("cellar", pair.lan).serve("--quiet", "--name", "cellar")
    queued = pair.laptop.run("send", "for which one?")
    assert queued.code == 75 and "kitchen" in queued.err and "cellar" in queued.err
    assert json.loads(pair.laptop.succeed("use", "cellar", "--json").out)["name"] == "cellar"
    pair.laptop.succeed("send", "for the cellar")
    pair.laptop.succeed("outbox", "--send")
    assert_once(cellar.texts(), ["for which one?", "for the cellar"])
    assert kitchen.texts() == []

"""A notebook's files beside its server: read directly, indexed, and written as text, while processes are killed."""

import json
import os
import signal
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random

from tests.support.processes import Process, eventually
from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, Host, Lab, lines_of, wait_at_random
from tests.system.large_notebook import fill_notebook, text_of

ENTRIES = 10_000


def start_writing(host: Host, count: int) -> Process:
    """Begin to send so many lines."""
    with host.file_of(lines_of(host.name, count)) as file:
        return host.start("send", "--wait", "60", stdin=file)


def numbered_texts(output: str) -> list[tuple[int, str]]:
    return [(each["number"], each["text"]) for each in map(json.loads, output.splitlines())]


def test_who_reads_the_file_beside_its_server_sees_a_beginning_of_the_notebook(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    file = str(server.notebook)
    following = pair.kitchen.start("follow", "-n", "100000", "--json", "--notebook", file)
    writing = [start_writing(host, 1500) for host in (pair.laptop, lab.host("desk", pair.lan))]
    seen = []
    while any(process.is_running for process in writing):
        seen.append(numbered_texts(pair.kitchen.succeed("list", "--all", "--json", "--notebook", file).out))
    assert all(process.wait().code == 0 for process in writing)
    eventually(lambda: following.output.count("\n") == 3000, "all that is stored is printed")
    followed = following.end(signal.SIGINT)
    there = server.numbered_texts()
    assert numbered_texts(followed.out) == there
    assert all(texts == there[: len(texts)] for texts in seen)
    assert all(len(earlier) <= len(later) for earlier, later in pairwise(seen)), "what was there is gone"


def test_a_reader_of_the_file_that_is_killed_leaves_no_lock_behind(pair: Pair) -> None:
    source = Random(7)
    notebook = pair.kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, ENTRIES)
    server = pair.kitchen.serve("--quiet", notebook=notebook)
    writing = start_writing(pair.laptop, 1000)
    for command in (["list", "--all"], ["search", "alpha", "--all"]):
        reading = pair.kitchen.start(*command, "--notebook", str(notebook))
        reading.expect("\n")
        wait_at_random(source, seconds_max=0.05)
        reading.kill()
    assert writing.wait(SECONDS_MAX).code == 0
    server.stop()
    server.start()
    pair.laptop.succeed("send", "the last one")
    assert len(server.stored()) == ENTRIES + 1001


def indexed(notebook: Path) -> int:
    """The last entry that a notebook's search index has."""
    try:
        with closing(sqlite3.connect(f"file:{notebook}.index?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT indexed FROM state").fetchone()[0])
    except (sqlite3.OperationalError, TypeError):  # it is just being made
        return 0


def test_after_a_server_was_killed_while_it_indexed_everything_is_found(pair: Pair) -> None:
    notebook = pair.kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, ENTRIES, with_index=False)
    server = pair.kitchen.serve("--quiet", notebook=notebook)
    reached = 0
    for part in (1, 2):
        eventually(lambda part=part: indexed(notebook) >= part * ENTRIES // 8, "the index has come so far")  # type: ignore[misc]
        server.process.kill()
        before, reached = reached, indexed(notebook)
        assert before <= reached < ENTRIES, "the index began anew, or the server was not killed while it indexed"
        server.start()
    found = pair.laptop.succeed("search", "beta gamma", "条", "--all", "--json", "--wait", "30")
    assert numbered_texts(found.out) == [(number, text_of(number)) for number in range(1, ENTRIES + 1)]


def test_the_text_file_is_the_notebook_as_text_though_its_server_is_killed(lab: Lab, pair: Pair) -> None:
    source = Random(8)
    text_file = pair.kitchen.home / "notes.txt"
    server = pair.kitchen.serve("--quiet", "--text-file", str(text_file))
    desk = lab.host("desk", pair.lan)
    desk.succeed("send", lines=lines_of("desk", 20))
    writing = pair.laptop.start_sending()
    for act in range(2):
        if act == 0:  # later on, nothing has the whole text written anew
            desk.succeed("edit", "1", "改过的", "--wait", "30")
            desk.succeed("delete", "10", "--wait", "30")
        writing.type("".join(f"{line}\n" for line in lines_of(f"act {act}", 300)))
        wait_at_random(source, seconds_max=0.2)
        server.process.kill()
        os.truncate(text_file, max(0, text_file.stat().st_size - 10))  # as if the machine had crashed, too
        server.start()
    writing.end_input()
    assert writing.wait(SECONDS_MAX).code == 0
    exported = pair.laptop.succeed("export", "--format", "text")
    assert exported.out.count("\n") == 3 * (20 + 2 * 300 - 1)
    eventually(lambda: text_file.read_bytes() == exported.out.encode(), "the text file is the notebook as text", SECONDS_MAX)
    assert not list(text_file.parent.glob("*.old")), "the server took its own text for somebody else's"

"""A notebook's file beside its server: read directly, indexed, and kept as text, whatever is killed meanwhile."""

import json
import os
import random
import signal
import sqlite3
import subprocess
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Process, Server, wait_until
from tests.system.stock import fill_notebook, text_of
from tests.system.test_crashes import lines_of, seconds_of

STOCK = 30_000


def write_on(host: Host, count: int) -> Process:
    """Begin to send so many lines."""
    with host.file_of(lines_of(host.name, count)) as file:
        return host.start("send", "--wait", "60", stdin=file)


def numbered_texts(output: str) -> list[tuple[int, str]]:
    return [(each["number"], each["text"]) for each in map(json.loads, output.splitlines())]


def stored(server: Server) -> list[tuple[int, str]]:
    return [(each.number, each.entry.text) for each in server.stored()]


def test_who_reads_the_file_beside_its_server_sees_a_beginning_of_the_notebook(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    file = str(server.notebook)
    following = pair.kitchen.start("follow", "-n", "100000", "--json", "--notebook", file)
    writing = [write_on(host, 4000) for host in (pair.laptop, lab.host("desk", pair.lan))]
    seen = []
    while any(process.is_running for process in writing):
        listed = pair.kitchen.run("list", "--all", "--json", "--notebook", file)
        assert listed.code == 0, listed.errors
        seen.append(numbered_texts(listed.output))
    assert all(process.wait().code == 0 for process in writing)
    wait_until(lambda: following.output.count("\n") == 8000, "all that is stored is printed")
    following.signal(signal.SIGINT)
    assert following.wait(5).code == 0
    there = stored(server)
    assert numbered_texts(following.output) == there
    assert all(texts == there[: len(texts)] for texts in seen)
    assert all(len(earlier) <= len(later) for earlier, later in pairwise(seen)), "what was there is gone"


def test_a_reader_of_the_file_that_is_killed_leaves_no_lock_behind(pair: Pair) -> None:
    source = random.Random(7)
    notebook = pair.kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, STOCK, with_index=True)
    server = pair.kitchen.serve("--quiet", notebook=notebook)
    writing = write_on(pair.laptop, 4000)
    for command in (["list", "--all"], ["search", "alpha", "--all"], ["follow", "-n", "100000"]):
        reading = pair.kitchen.start(*command, "--notebook", str(notebook))
        wait_until(reading.has_printed, "it reads")
        seconds_of(source, at_most=0.1)
        reading.kill()
    result = writing.wait()
    assert result.code == 0, result.errors
    assert server.end().errors.count("udpnote: ") == 1, "the server has more to say than that it has ended"
    server.start()
    assert pair.laptop.run("send", "the last one").code == 0
    assert len(server.stored()) == STOCK + 4001


def indexed(notebook: Path) -> int:
    """Up to which number a notebook's search index has come."""
    try:
        with closing(sqlite3.connect(f"file:{notebook}.index?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT indexed FROM state").fetchone()[0])
    except (sqlite3.OperationalError, TypeError):  # it is being made
        return 0


def wait_for_index(notebook: Path, number: int) -> None:
    wait_until(lambda: indexed(notebook) >= number, f"the index has come to #{number}")


def test_after_a_server_was_killed_while_it_indexed_everything_is_found(pair: Pair) -> None:
    notebook = pair.kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, STOCK, with_index=False)
    server = pair.kitchen.serve("--quiet", notebook=notebook)
    came_to = []
    for part in range(6):
        wait_for_index(notebook, part * STOCK // 8)
        server.process.kill()
        came_to.append(indexed(notebook))
        server.start()
        assert indexed(notebook) >= came_to[-1], "the index is made anew"
    assert came_to[-1] < STOCK, "no server was killed while it indexed"
    found = pair.laptop.run("search", "beta gamma", "条", "--all", "--json", "--wait", "30")
    assert found.code == 0, found.errors
    assert numbered_texts(found.output) == [(number, text_of(number)) for number in range(1, STOCK + 1)]
    assert numbered_texts(pair.laptop.run("search", f"n{STOCK}", "--json").output) == [(STOCK, text_of(STOCK))]


def test_the_text_file_is_the_notebook_as_text_though_its_server_crashes(lab: Lab, pair: Pair) -> None:
    source = random.Random(8)
    text_file = pair.kitchen.home / "notes.txt"
    server = pair.kitchen.serve("--quiet", "--text-file", str(text_file))
    desk = lab.host("desk", pair.lan)
    assert desk.run("send", lines=lines_of("desk", 20)).code == 0
    writing = pair.laptop.start("send", "--wait", "60", stdin=subprocess.PIPE)
    for act in range(4):
        if act < 2:  # later on, nothing has the text written anew
            assert desk.run("edit", str(act + 1), f"改过的，第 {act} 幕", "--wait", "30").code == 0
            assert desk.run("delete", str(act + 10), "--wait", "30").code == 0
        writing.feed("".join(f"{line}\n" for line in lines_of(f"act {act}", 500)))
        seconds_of(source, at_most=0.2)
        server.process.kill()
        os.truncate(text_file, max(0, text_file.stat().st_size - 10))  # as if the machine had crashed, too
        server.start()
    writing.end_input()
    assert writing.wait().code == 0
    exported = pair.laptop.run("export", "--format", "text")
    assert exported.code == 0, exported.errors
    assert exported.output.count("\n") == 3 * (20 + 4 * 500 - 2)
    wait_until(lambda: text_file.read_bytes() == exported.output.encode(), "the text file is the notebook as text", 60)
    assert not list(text_file.parent.glob("*.old")), "the server took its own text for somebody else's"

"""Moving a notebook over a bad network, from one server to another one: what is exported again is the same, byte by byte."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Process, Server, wait_until
from tests.system.network import be_perfect, lose

LINES = [f"第 {number} 行，从这里到那里" for number in range(80)]
LETTER = "很长的信。" * 500
ENTRIES = len(LINES) + 6


class Move(NamedTuple):
    """A notebook that was exported to a file, and where it is to go: its server, and a host that has heard of neither."""

    file: Path
    target: Server
    phone: Host


@pytest.fixture
def move(lab: Lab, pair: Pair) -> Iterator[Move]:
    """The export of a notebook of two writers with a history, and another server on a LAN that now loses 20 % each way."""
    source, file = pair.kitchen.serve("--quiet"), lab.folder / "notes.jsonl"
    desk = lab.host("desk", pair.lan)
    for command in (
        pair.laptop.run("send", lines=LINES),
        desk.run("send", "--whole", lines=[LETTER]),
        desk.run("edit", "7", "改过的"),
        pair.laptop.run("edit", "7", "又改过的"),
        desk.run("delete", "9", "11"),
        pair.laptop.run("edit", "9", "回来了"),
        desk.run("export", "-o", str(file)),
    ):
        assert command.code == 0, command.errors
    source.end()
    target = lab.host("cellar", pair.lan).serve("--name", "cellar")
    lose(pair.lan, percent=20)
    yield Move(file, target, lab.host("phone", pair.lan))
    be_perfect(pair.lan)


def assert_moved(move: Move) -> None:
    """All of the file is in the notebook now, as it was, and nothing else."""
    again = move.file.with_name("again.jsonl")
    exported = move.phone.run("export", "-o", str(again), "--wait", "30")
    assert exported.code == 0, exported.errors
    assert again.read_bytes() == move.file.read_bytes()
    assert again.read_bytes().count(b"\n") == ENTRIES


def begin(move: Move) -> Process:
    return move.phone.start("import", str(move.file), "--json", "--wait", "30")


def test_what_is_imported_over_a_bad_network_is_exported_the_same(move: Move) -> None:
    result = begin(move).wait()
    assert result.code == 0, result.errors
    assert json.loads(result.output)["imported"] == ENTRIES
    assert_moved(move)


def test_an_import_that_is_cut_short_again_and_again_is_complete_in_the_end_and_nothing_is_there_twice(move: Move) -> None:
    def wait_for_entries(count: int) -> None:
        wait_until(lambda: move.target.process.output.count("\n") >= count, f"{count} entries are there", 120)

    for count in (10, 25):
        importing = begin(move)
        wait_for_entries(count)
        importing.kill()
    importing = begin(move)
    wait_for_entries(40)
    importing.signal(signal.SIGINT)
    interrupted = importing.wait(10)
    assert interrupted.code == 130 and "import the same file again" in interrupted.errors
    importing = begin(move)
    wait_for_entries(55)
    move.target.process.kill()
    move.target.start()
    result = importing.wait()
    assert result.code == 0, result.errors
    told = json.loads(result.output)
    assert told["imported"] + told["there_already"] == ENTRIES and told["there_already"] >= 40
    assert_moved(move)

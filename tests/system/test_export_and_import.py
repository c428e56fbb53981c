"""Moving a notebook to another server over a bad network: exporting it there gives the same file, byte for byte."""

import json
import signal

from tests.support.processes import Process, eventually
from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, Lab, Server
from tests.system.network import end_trouble, lose

LINES = [f"第 {number} 行，从这里到那里" for number in range(20)]
LETTER = "很长的信。" * 500
ENTRIES = len(LINES) + 6


def fill(lab: Lab, pair: Pair) -> None:
    """Have two writers make a notebook with a history."""
    desk = lab.host("desk", pair.lan)
    pair.laptop.succeed("send", lines=LINES)
    desk.succeed("send", "--whole", lines=[LETTER])
    desk.succeed("edit", "7", "改过的")
    pair.laptop.succeed("edit", "7", "又改过的")
    desk.succeed("delete", "9", "11")
    pair.laptop.succeed("edit", "9", "回来了")


def wait_for_entries(server: Server, count: int) -> None:
    eventually(lambda: server.process.output.count("\n") >= count, f"{count} entries are imported", SECONDS_MAX)


def test_an_import_that_is_cut_short_again_and_again_is_complete_in_the_end_and_has_nothing_twice(lab: Lab, pair: Pair) -> None:
    source, file, again = pair.kitchen.serve("--quiet"), lab.folder / "notes.jsonl", lab.folder / "again.jsonl"
    fill(lab, pair)
    pair.laptop.succeed("export", "-o", str(file))
    source.stop()
    target, phone = lab.host("cellar", pair.lan).serve("--name", "cellar"), lab.host("phone", pair.lan)

    def begin() -> Process:
        return phone.start("import", str(file), "--json", "--wait", "30")

    lose(pair.lan, percent=20)
    importing = begin()
    wait_for_entries(target, 5)
    importing.kill()
    importing = begin()
    wait_for_entries(target, 10)
    assert importing.end(signal.SIGINT).code == 130
    importing = begin()
    wait_for_entries(target, 16)
    target.restart()
    result = importing.wait(SECONDS_MAX)
    assert result.code == 0, result.err
    counts = json.loads(result.out)
    assert counts["imported"] + counts["there_already"] == ENTRIES and counts["there_already"] >= 10
    phone.succeed("export", "-o", str(again), "--wait", "30")
    end_trouble(pair.lan)
    assert again.read_bytes() == file.read_bytes()
    assert again.read_bytes().count(b"\n") == ENTRIES

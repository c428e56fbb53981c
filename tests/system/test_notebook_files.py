"""A notebook's file beside its server: read directly while hosts write and readers are killed, and restored after a crash."""

import json
import re
import signal
import sqlite3
from contextlib import closing

from tests.support.processes import eventually
from tests.system.conftest import Pair
from tests.system.lab import Lab, lines_of

LINES = 6_000


def numbered_texts(output: str) -> list[tuple[int, str]]:
    return [(each["number"], each["text"]) for each in map(json.loads, output.splitlines())]


def test_readers_of_a_served_file_see_all_acknowledged_entries_and_a_killed_one_leaves_no_lock(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    beside = ("--json", "--file", str(server.notebook))
    following = pair.kitchen.start("follow", "-n", "100000", *beside)
    writers = (pair.laptop, lab.host("desk", pair.lan))
    writing = [host.start("send", "--wait", "60", lines=lines_of(host.name, LINES)) for host in writers]
    following.expect("\n")
    killed = pair.kitchen.start("list", "--all", *beside)
    killed.expect("\n")
    killed.kill()
    seen = []
    while any(process.is_running for process in writing):
        before = {int(number) for process in writing for number in re.findall(r"^#(\d+) .*\n", process.output, re.M)}
        seen.append((before, numbered_texts(pair.kitchen.succeed("list", "--all", *beside).out)))
    assert all(process.wait().code == 0 for process in writing)
    eventually(lambda: following.output.count("\n") == 2 * LINES, "all that is stored is printed")
    followed = following.end(signal.SIGINT)
    server.stop()
    server.start()
    there = server.numbered_texts()
    assert numbered_texts(followed.out) == there
    for before, listed in seen:
        assert sorted(set(listed)) == sorted(listed), "each entry is listed once"
        assert before <= {number for number, _ in listed}, "all acknowledged entries are listed"
        assert set(listed) <= set(there), "nothing else is listed"
    assert seen[-1][0]


def test_a_backup_beside_an_old_log_is_refused_until_the_log_is_moved_away(pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    backup = pair.kitchen.home / "backup"
    pair.laptop.succeed("send", "one")
    with closing(sqlite3.connect(server.notebook)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    pair.laptop.succeed("send", "two")
    server.process.kill()
    pair.kitchen.shell("cp", str(backup), str(server.notebook))
    log = f"{server.notebook}-wal"
    for command in ("serve", "list"):
        refused = pair.kitchen.run(command, "--file", str(server.notebook))
        assert (refused.code, f"mv {log} {log}.1.old" in refused.err) == (1, True)
    pair.kitchen.shell("mv", log, f"{log}.1.old")
    server.start()
    assert server.texts() == ["one"]


def test_key_rotate_says_that_the_key_is_not_in_force_if_the_server_hangs(lab: Lab) -> None:
    kitchen = lab.host("kitchen", lab.switch())
    server = kitchen.serve("--sealed", "--quiet")
    server.process.signal(signal.SIGSTOP)
    told = kitchen.run("key", "rotate")
    assert (told.code, "NOT in force" in told.err, told.out) == (1, True, kitchen.succeed("key", "show").out)
    server.process.signal(signal.SIGCONT)
    assert json.loads(kitchen.succeed("key", "rotate", "--json").out)["in_force"]

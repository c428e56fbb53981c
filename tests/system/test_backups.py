"""Backups: made while hosts write, and served on another host."""

import json

from tests.system.conftest import Pair
from tests.system.lab import Lab, lines_of

LINES = 3000


def test_a_backup_that_is_made_while_two_hosts_write_goes_on_as_the_notebook_on_another_host(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet", "--sealed")
    writers = (pair.laptop, lab.host("desk", pair.lan))
    for host in writers:
        host.succeed("join", pair.kitchen.succeed("key", "show").out.strip())
    pair.laptop.succeed("send", "before")
    writing = [host.start("send", "--wait", "60", lines=lines_of(host.name, LINES)) for host in writers]
    backup, made = pair.kitchen.home / "backup", []
    while any(process.is_running for process in writing):
        made.append(json.loads(pair.kitchen.succeed("backup", "--with-key", "--force", "--json", str(backup)).out)["entries"])
    assert all(process.wait().code == 0 for process in writing)
    there = server.numbered_texts()
    assert 1 <= made[0] <= made[-1] <= len(there)
    spare = lab.host("spare", pair.lan)
    spare.succeed("restore", str(backup))
    restored = spare.serve("--quiet", "--sealed")
    pair.laptop.succeed("send", "after")
    assert restored.numbered_texts() == [*there[: made[-1]], (made[-1] + 1, "after")]

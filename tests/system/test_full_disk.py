"""A disk without space: entries wait where they were written, and the server goes on."""

from pathlib import Path

from tests.support.disks import fill
from tests.system.conftest import Pair
from tests.system.lab import Lab, assert_once, shell

LINES = [f"{number} {'很长的一行' * 60}" for number in range(3_000)]
LETTER = "长信" * 100_000


def test_entries_that_do_not_fit_wait_in_the_outbox_until_there_is_space(lab: Lab, pair: Pair) -> None:
    disk = lab.small_disk(kibibytes=3 * 1024)
    server = pair.kitchen.serve("--quiet", notebook=disk / "notebook.sqlite3")
    pair.laptop.succeed("send", "there is space")
    fill(disk)
    refused = pair.laptop.run("send", lines=LINES)
    assert refused.code == 75
    assert len(refused.err) < 2000, "the same reason is printed again and again"
    assert pair.laptop.run("send", "--whole", lines=[LETTER]).code == 75
    assert server.process.is_running, server.process.errors
    pair.laptop.succeed("find", "--timeout", "0.5")  # the server still answers
    shell("mount", "-o", "remount,size=64m", str(disk))
    pair.laptop.succeed("outbox", "--send")
    assert_once(server.texts(), ["there is space", *LINES, LETTER])


def assert_refused_in_one_line(code: int, errors: str, disk: Path) -> None:
    [line] = errors.splitlines()
    assert code == 1 and str(disk) in line


def test_a_full_disk_under_a_new_notebook_or_outbox_is_reported_in_one_line(lab: Lab, pair: Pair) -> None:
    disk = lab.small_disk(kibibytes=64)
    fill(disk)
    served = pair.kitchen.run("serve", "--notebook", str(disk / "notebook.sqlite3"))
    assert_refused_in_one_line(served.code, served.err, disk)
    pair.laptop.home = disk
    sent = pair.laptop.run("send", "there is no space to keep it")
    assert_refused_in_one_line(sent.code, sent.err, disk)

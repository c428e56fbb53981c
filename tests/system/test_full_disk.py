"""A disk without space: entries wait where they were written, and the server goes on."""

from pathlib import Path

from tests.support.disks import fill, mounted
from tests.system.conftest import Pair
from tests.system.lab import assert_once, shell

LINES = [f"{number} {'很长的一行' * 60}" for number in range(3_000)]
LETTER = "长信" * 100_000


def test_entries_that_do_not_fit_wait_in_the_outbox_until_there_is_space(pair: Pair, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", megabytes=3) as disk:
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

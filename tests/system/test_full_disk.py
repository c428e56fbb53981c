"""A disk without room: entries wait where they were written, and the server goes on."""

from pathlib import Path

import pytest

from tests.system.conftest import Pair
from tests.system.lab import Lab, assert_once

BLOCK = bytes(4096)


def fill(folder: Path) -> None:
    """Use up all the room there is."""
    with open(folder / "ballast", "ab", buffering=0) as file:
        try:
            while True:
                file.write(BLOCK)
        except OSError:
            return


@pytest.mark.parametrize("mebibytes", [3, 12], ids=["a small disk", "a larger disk"])
def test_entries_that_do_not_fit_wait_in_the_outbox_until_there_is_space(lab: Lab, pair: Pair, mebibytes: int) -> None:
    disk = lab.small_disk(kibibytes=mebibytes * 1024)
    server = pair.kitchen.serve("--quiet", notebook=disk / "notebook.sqlite3")
    assert pair.laptop.run("send", "there is room").code == 0
    fill(disk)
    lines = [f"{number} {'很长的一行' * 60}" for number in range(14_000)]
    refused = pair.laptop.run("send", lines=lines)
    assert refused.code == 75
    assert "disk is full" in refused.errors and "outbox" in refused.errors
    assert len(refused.errors) < 2000, "every refusal is told apart"
    letter = "长信" * 100_000
    assert pair.laptop.run("send", "--whole", lines=[letter]).code == 75
    assert server.process.is_running, server.process.errors
    assert pair.laptop.run("find", "--timeout", "0.5").code == 0, "a server with a full disk does not answer"
    lab.enlarge(disk, kibibytes=64 * 1024)
    delivered = pair.laptop.run("outbox", "--send")
    assert delivered.code == 0, delivered.errors
    assert_once(server.texts(), ["there is room", *lines, letter])


def test_a_disk_that_is_full_from_the_start_is_one_clear_line(lab: Lab, pair: Pair) -> None:
    disk = lab.small_disk(kibibytes=64)
    fill(disk)
    result = pair.kitchen.run("serve", "--notebook", str(disk / "notebook.sqlite3"))
    assert result.code == 1
    [line] = result.errors.splitlines()
    assert "disk is full" in line and str(disk) in line


def test_a_full_disk_under_the_outbox_is_one_clear_line_too(lab: Lab, pair: Pair) -> None:
    disk = lab.small_disk(kibibytes=64)
    pair.laptop.home = disk
    fill(disk)
    result = pair.laptop.run("send", "nowhere to keep it")
    assert result.code == 1
    [line] = result.errors.splitlines()
    assert "disk is full" in line and str(disk) in line

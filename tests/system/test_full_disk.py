"""A disk without space, or one that fails: entries wait where they were written, and the server goes on and says why."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT

from tests.support.disks import fill, shorten, small_blocks
from tests.support.processes import Process, eventually
from tests.support.requirements import require_tool
from tests.system.conftest import Pair


def test_a_full_disk_with_small_blocks_kills_no_command(pair: Pair, tmp_path: Path) -> None:
    with small_blocks(tmp_path / "disk", megabytes=8) as disk:
        pair.laptop.home = disk / "home"
        pair.laptop.home.mkdir(0o700)
        assert pair.laptop.run("send", "--wait", "0.1", "waits").code == 75
        filler = fill(disk)
        for _ in range(20):
            listed = pair.laptop.succeed("outbox")
            assert "waits" in listed.out and listed.out.count("\n") == 2, listed
            for command in ("send --wait 0.1 milk", "undo"):
                result = pair.laptop.run(*command.split())
                assert (result.code, "the disk is full" in result.err) == (1, True), result
            shorten(filler, 3 << 10)
        filler.unlink()
        pair.laptop.succeed("undo")


@contextmanager
def failing_disk(process: Process, *calls: str, error: str = "EIO") -> Iterator[None]:
    """During the block, let these system calls of a process fail with `error`, by default an I/O error."""
    require_tool("strace")
    names = ",".join(calls)
    options = ["-e", f"trace={names}", "-e", f"inject={names}:error={error}", "-o", "/dev/null"]
    with subprocess.Popen(["strace", "-f", "-qq", "-p", str(process.pid), *options]) as strace:
        status = Path(f"/proc/{process.pid}/status")
        eventually(lambda: f"TracerPid:\t{strace.pid}\n" in status.read_text(), "strace is attached")
        try:
            yield
        finally:
            strace.send_signal(SIGINT)


def test_writers_and_readers_are_told_that_the_disk_of_the_notebook_fails(pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "one")
    with failing_disk(server.process, "pread64", "pwrite64", "fdatasync"):
        for command, code, told in (("send two", 75, "cannot write the notebook"), ("list", 1, "cannot read the notebook")):
            result = pair.laptop.run(*command.split())
            # Lines about a silent server may stand before: strace can hold it longer than a command waits for an answer.
            assert (result.code, result.err.count(told)) == (code, 1) and told in result.err.splitlines()[-1], result.err
    errors = server.process.errors
    assert "disk I/O error" in errors or ".recover" in errors, "SQLite takes some failed reads for damage"
    pair.laptop.succeed("outbox", "--send")
    assert server.texts() == ["one", "two"]


def test_writers_are_told_that_there_is_no_space_when_a_quota_is_reached(pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "one")
    with failing_disk(server.process, "pwrite64", "fallocate", error="EDQUOT"):
        result = pair.laptop.run("send", "two")
        assert result.code == 75 and "has no disk space left" in result.err, result.err
    pair.laptop.succeed("outbox", "--send")
    assert server.texts() == ["one", "two"]

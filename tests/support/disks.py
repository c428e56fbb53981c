"""Small disks that fill up, for tests that run as root on Linux, and files that are damaged."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

SEED = 20190509


@contextmanager
def mounted(disk: Path, *, megabytes: int = 40) -> Iterator[Path]:
    """A small disk at `disk`; skips where that cannot be."""
    disk.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill up")
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a small disk to fill up")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all that is left of the disk."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return filler


def shorten(filler: Path, size: int) -> None:
    """Make room of `size` bytes beside the file that has filled a disk up."""
    os.truncate(filler, filler.stat().st_size - size)


def overwritten(start: int, data: bytes | None = None) -> Callable[[str], None]:
    """What replaces all bytes of a file from `start` on by `data`, or else by noise."""

    def overwrite(path: str) -> None:
        content = Path(path).read_bytes()
        end = data if data is not None else Random(SEED).randbytes(len(content) - start)
        Path(path).write_bytes(content[:start] + end)

    return overwrite


def make_unwritable(folder: Path, trouble: str) -> None:
    """Fill the disk that is mounted at `folder` if `trouble` is "full", or mount it read-only if it is "read-only"."""
    if trouble == "full":
        fill(folder)
    else:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)

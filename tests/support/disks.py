"""Makes small disks that can be filled up, for which tests must run as root on Linux, and damages files."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

SEED = 20190509


@contextmanager
def mounted(disk: Path, *, megabytes: int = 40) -> Iterator[Path]:
    """Mount a small disk at `disk` for the block. Skip the test if this machine does not allow that.

    The disk can hold 1,000 files and folders, of which its root is one.
    """
    disk.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill up")
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,nr_inodes=1000", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a small disk to fill up")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@contextmanager
def small_blocks(disk: Path, *, megabytes: int) -> Iterator[Path]:
    """Mount an ext4 disk with blocks of 1 KiB at `disk` for the block. Skip the test if this machine does not allow that."""
    disk.mkdir()
    image = disk.with_name(f"{disk.name}.ext4")
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    commands = (["mkfs.ext4", "-q", "-F", "-b", "1024", "-m", "0", str(image)], ["mount", "-o", "loop", str(image), str(disk)])
    try:
        if any(subprocess.run(command, capture_output=True, check=False).returncode for command in commands):
            pytest.skip("only root can mount an ext4 disk, where there are loop devices")
    except FileNotFoundError:
        pytest.skip("this machine cannot make an ext4 disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@contextmanager
def bindfs(folder: Path, options: str) -> Iterator[Path]:
    """Show an empty folder in `folder` also as a file system of bindfs with the mount `options`, for the block, and give that.

    Skip the test if this machine does not have bindfs, or does not allow it.
    """
    original, shown = folder / "original", folder / "shown"
    original.mkdir()
    shown.mkdir()
    try:
        if subprocess.run(["bindfs", "-o", options, str(original), str(shown)], capture_output=True, check=False).returncode:
            pytest.skip("this machine does not allow bindfs")
    except FileNotFoundError:
        pytest.skip("bindfs is not installed")
    try:
        yield shown
    finally:
        subprocess.run(["umount", "--lazy", str(shown)], check=True)


def fill(disk: Path) -> Path:
    """Write a file that takes all free space of `disk`, and return its path."""
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
    """Make room for `size` bytes on a full disk, by cutting them off `filler`, the file that `fill` has written."""
    os.truncate(filler, filler.stat().st_size - size)


def overwritten(start: int, data: bytes | None = None) -> Callable[[str], None]:
    """Return a function that replaces, in the file at a path, all bytes from `start` on by `data`.

    If `data` is None, it replaces them by as many random bytes.
    """

    def overwrite(path: str) -> None:
        content = Path(path).read_bytes()
        end = data if data is not None else Random(SEED).randbytes(len(content) - start)
        Path(path).write_bytes(content[:start] + end)

    return overwrite


def make_unwritable(folder: Path, trouble: str) -> None:
    """Make the disk that is mounted at `folder` unwritable.

    If `trouble` is "full", fill it; if "no inode", make files until it can hold no more; if "read-only", mount it read-only.
    """
    if trouble == "full":
        fill(folder)
    elif trouble == "no inode":
        with suppress(OSError):
            for number in range(2000):
                (folder / f"file{number}").touch()
    else:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


def make_writable(folder: Path) -> None:
    """Let the disk that is mounted at `folder`, and was made "read-only" by `make_unwritable`, be written again."""
    subprocess.run(["mount", "-o", "remount,rw", folder], check=True)

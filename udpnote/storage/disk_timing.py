"""Measures how long an fsync takes in the folder of a file."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from udpnote.model.durations import Durations
from udpnote.storage.database import storage_errors
from udpnote.storage.log_sync import sync

SUSPICIOUS_FSYNC_SECONDS = 20e-6
"""An fsync that takes less time than this has most likely not waited for a disk. Even the fastest drives that survive a power
failure need about 10 µs for a write, and the file system needs some more for an fsync."""

WRITE_BYTES = 4096
"""How much is written before each fsync: one page, about what SQLite writes for a short entry."""


def existing_folder(path: str) -> str:
    """Return the folder of the file `path` or, if that folder is missing, the nearest folder above it that exists.

    If `path` is a symbolic link, the folder is that of the file to which it leads.
    """
    folder = os.path.dirname(os.path.realpath(path))
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


@contextmanager
def temporary_folder(folder: str) -> Iterator[str]:
    """Make a new folder inside of `folder`, and give the block its path. Only this user can read the new folder.

    At the end of the block the new folder is removed, with everything in it. Raises `StorageError` if it cannot be made.
    """
    with storage_errors(folder):
        path = tempfile.mkdtemp(prefix="udpnote-bench-", dir=folder)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)  # another process may have removed it already


def fsync_durations(
    folder: str, *, seconds_max: float, count_max: int, on_progress: Callable[[int], None] = lambda _: None
) -> Durations:
    """Measure how long an fsync takes in `folder`: the duration of each of up to `count_max` fsyncs.

    Before each fsync, this appends `WRITE_BYTES` to a file, which it removes at the end. After each fsync, it calls
    `on_progress` with the number of fsyncs so far. When `seconds_max` have passed, it begins no further fsync, but it always
    does one. Raises `StorageError`.
    """
    path = os.path.join(folder, "fsync")
    seconds: list[float] = []
    with storage_errors(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            until = time.perf_counter() + seconds_max
            while not seconds or (len(seconds) < count_max and time.perf_counter() < until):
                os.write(descriptor, os.urandom(WRITE_BYTES))
                before = time.perf_counter()
                sync(descriptor)
                seconds.append(time.perf_counter() - before)
                on_progress(len(seconds))
        finally:
            os.close(descriptor)
            os.remove(path)
    return Durations(seconds)

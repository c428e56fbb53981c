"""Finds out whether a disk keeps what is written: how long an fsync takes, and which file system holds a file."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from udpnote.model.durations import Durations
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.outbox.log_sync import sync

SUSPICIOUS_FSYNC_SECONDS = 20e-6
"""An fsync that takes less time than this has most likely not waited for a disk. Even the fastest drives that survive a power
failure need about 10 µs for a write, and the file system needs some more for an fsync."""

WRITE_BYTES = 4096
"""How much is written before each fsync: one page, about what SQLite writes for a short entry."""


@contextmanager
def temporary_folder(folder: str) -> Iterator[str]:
    """Make a new folder inside of `folder`, and give the block its path. Only this user can read the new folder.

    At the end of the block the new folder is removed, with everything in it. Raises `StorageError` if it cannot be made.
    """
    from tempfile import mkdtemp  # here, because a server needs only `mount_at`

    with storage_errors(folder):
        path = mkdtemp(prefix="udpnote-bench-", dir=folder)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)  # another process may have removed it already


def fsync_durations(
    folder: str, *, seconds_max: float, count_max: int, on_progress: Callable[[int], None] = lambda _: None
) -> Durations:
    """Measure how long an fsync takes in `folder`: the duration of each of up to `count_max` fsyncs.

    Before each fsync, this appends `WRITE_BYTES` to a file, which it removes at the end. After each fsync, it calls
    `on_progress` with the number of fsyncs so far. When `seconds_max` have passed, it begins no further fsync, but it
    always does at least one. Raises `StorageError`.
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


MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs", "devtmpfs"})
"""The file systems that keep files in memory only."""

OPTIONS_WITHOUT_SYNC = frozenset({"nobarrier", "barrier=0", "volatile", "fsync=volatile"})
"""Mount options with which an fsync returns before the drive has written its cache or, on overlayfs, does nothing at all."""

_MOUNTS = "/proc/self/mountinfo"


class Mount(NamedTuple):
    """A mounted file system, as the system describes it: its type such as ext4, its device, and its mount options."""

    file_system: str
    device: str
    options: frozenset[str]

    @property
    def is_memory(self) -> bool:
        """Whether this file system keeps its files in memory only, so that they are lost when the machine stops."""
        return self.file_system in MEMORY_FILE_SYSTEMS

    @property
    def option_without_sync(self) -> str | None:
        """A mount option with which an fsync may return too early; None if there is none."""
        return next(iter(sorted(self.options & OPTIONS_WITHOUT_SYNC)), None)


def mount_at(path: str) -> Mount | None:
    """The file system that holds the existing file or folder `path`; None if the system does not say which one it is."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            return find_mount(file.read(), os.path.realpath(path))
    except OSError:  # not Linux, or no /proc
        return None


def find_mount(table: str, path: str) -> Mount | None:
    """The file system that holds the absolute `path`, found in `table`; None if `table` has none that holds it.

    `table` is a text in the form of `/proc/self/mountinfo`, whose fields proc_pid_mountinfo(5) describes.
    """
    found, found_at = None, ""
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields, about = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(about) < 3:
            continue
        place = _without_escapes(fields[4])
        is_above = path == place or path.startswith(place.rstrip("/") + "/")
        if is_above and len(place) >= len(found_at):  # of several file systems at one place, the last one covers the others
            options = frozenset(fields[5].split(",")) | frozenset(about[2].split(","))
            found, found_at = Mount(about[0], _without_escapes(about[1]), options), place
    return found


def _without_escapes(field: str) -> str:
    """Return `field`, a field of a line of `/proc/self/mountinfo`, with its escapes replaced, such as `\\040` by a space."""
    for character in " \t\n\\":
        field = field.replace(f"\\{ord(character):03o}", character)
    return field

"""Which file system holds a file, and whether it keeps files when the machine stops."""

import os
from typing import NamedTuple

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
        """A mount option because of which an fsync may return too early; None if there is none."""
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
    """`field` of the table with its escapes replaced, such as `\\040` by a space."""
    for character in " \t\n\\":
        field = field.replace(f"\\{ord(character):03o}", character)
    return field

"""What people do to the files of a database while a program has it open."""

import os
from collections.abc import Callable
from pathlib import Path


def log_of(path: Path) -> Path:
    """The write-ahead log of the database at `path`."""
    return path.with_name(f"{path.name}-wal")


def leave_link(path: Path) -> None:
    """Move the file, and leave a symbolic link to it in its place."""
    path.symlink_to(path.rename(path.with_name("moved")))


def replace(path: Path) -> None:
    """Put another file in the place of the file at `path`."""
    other = path.with_name("other")
    other.write_bytes(b"of another program")
    other.replace(path)


LOSSES: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (os.unlink, "gone"),
    "moved, and a link left": (leave_link, "gone"),
    "replaced": (replace, "replaced"),
}
"""Things that people do to the file of a database, or to its log: the function that does it, and the reported loss."""

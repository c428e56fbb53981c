"""Writes files as a whole or not at all: under another name first, then renames them into their place."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from udpnote.errors import StorageError
from udpnote.storage.database import is_database, storage_errors

BUFFER_BYTES = 1 << 20
"""Bytes per write: so many that the time of the system calls does not matter."""


@contextmanager
def whole_file(path: str, *, before_placing: Callable[[], None] | None = None, is_secret: bool = False) -> Iterator[BinaryIO]:
    """A new file, open for writing, that replaces `path` at the end of the block, after an fsync.

    If the block or `before_placing` raises, the file is removed and `path` stays as it was. Only its owner may read the new
    file, or, unless it `is_secret`, the users that could read the replaced one. A pipe or a device at `path` is written
    to directly, but never with a secret. A database is not replaced. Raises `StorageError`, also for an `OSError` of the block.
    """
    with storage_errors(path):
        mode = _mode_of(path)
        if mode is not None and not stat.S_ISREG(mode):
            if is_secret:
                raise StorageError("secret_needs_a_file", path=path)
            with open(path, "wb") as file:
                yield file
            return
        if mode is not None and is_database(path):
            raise StorageError("is_a_database", path=path)
        with _replacing(os.path.realpath(path), before_placing) as file:
            if mode is not None and not is_secret:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            yield file


@contextmanager
def _replacing(path: str, before_placing: Callable[[], None] | None) -> Iterator[BinaryIO]:
    """A draft of the file `path`, which only its owner may read; at the end of the block it replaces `path`."""
    from tempfile import mkstemp  # here, because it is slow to import and most commands write no such file

    folder, name = os.path.split(path)
    descriptor, draft = mkstemp(prefix=f"{name}.", suffix=".new", dir=folder)
    try:
        with open(descriptor, "wb", buffering=BUFFER_BYTES) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if before_placing is not None:
            before_placing()
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):  # its folder may be gone
            os.unlink(draft)
        raise
    _sync_folder(folder)


def _mode_of(path: str) -> int | None:
    """The type and permissions of `path`; None if there is nothing there. Raises `StorageError` for a folder."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise StorageError("is_a_folder", path=path)
    return mode


def _sync_folder(folder: str) -> None:
    """Write the folder's list of files to the disk, so that the new file is in it after a power failure."""
    with suppress(OSError):  # some file systems cannot sync a folder; the file itself is on the disk
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

"""Writes a file as a whole or not at all: first under a temporary name, then renames it to its own name."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from udpnote.errors import StorageError
from udpnote.storage.database import is_database, storage_errors

BUFFER_BYTES = 1 << 20
"""Size of the buffer for writing: so large that the time of the system calls does not matter."""


@contextmanager
def whole_file(path: str, *, before_placing: Callable[[], None] | None = None, is_secret: bool = False) -> Iterator[BinaryIO]:
    """A new file, open for writing. At the end of the block it is fsynced and then takes the place of `path`.

    `before_placing` is called between the two. If it or the block raises, the new file is removed and `path` stays as it was.
    The new file has the permissions of the file that it replaces; if it `is_secret` or replaces nothing, only its owner can
    read it. A pipe or a device at `path` is written to directly. Raises `StorageError` if `path` is a folder or a database, if
    the file `is_secret` and `path` is a pipe or a device, and for any `OSError`, also one from the block.
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
    """A temporary file beside `path`, which only its owner can read; at the end of the block it replaces `path`."""
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
    """The type and permissions (`st_mode`) of `path`; None if nothing is there. Raises `StorageError` for a folder."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise StorageError("is_a_folder", path=path)
    return mode


def _sync_folder(folder: str) -> None:
    """Fsync the folder, so that the renamed file is in it even after a power failure."""
    with suppress(OSError):  # some file systems cannot fsync a folder; the file itself is on the disk
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

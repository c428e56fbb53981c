"""Files that are whole or not there: written under another name, and put in their place at the end."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from udpnote.errors import StorageError
from udpnote.storage.database import is_database, storage_errors

BUFFER_BYTES = 1 << 20
"""What is written at a time: system calls cost nothing then."""


def nothing() -> None:
    """What is done by default before a file is put in its place."""


@contextmanager
def whole_file(path: str, *, before_placing: Callable[[], None] = nothing, is_secret: bool = False) -> Iterator[BinaryIO]:
    """A new file, open to be written, that takes the place of `path` when the block has ended and it is on the disk.

    If the block raises, nothing is left of it. It is for its owner only, or, unless it `is_secret`, for whom the file was that
    it replaces. What is there and is no file, such as a pipe, is written to as it is, but no secret; a database stays. Raises
    `StorageError`, also for an `OSError` of the block.
    """
    with storage_errors(path):
        mode = _mode_of(path)
        if mode is not None and not stat.S_ISREG(mode):
            if is_secret:
                raise StorageError(f"{path} is no file, and what is secret belongs into one: name another one")
            with open(path, "wb") as file:
                yield file
            return
        if mode is not None and is_database(path):
            raise StorageError(f"{path} is a database, perhaps a notebook: name another file")
        path = os.path.realpath(path)
        draft = f"{path}.{os.getpid()}.{time.monotonic_ns()}.new"
        try:
            with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb", buffering=BUFFER_BYTES) as file:
                if mode is not None and not is_secret:
                    os.fchmod(file.fileno(), stat.S_IMODE(mode))
                yield file
                file.flush()
                os.fsync(file.fileno())
            before_placing()
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):  # it may not be there at all
                os.unlink(draft)
            raise
        _sync_folder(os.path.dirname(path))


def _mode_of(path: str) -> int | None:
    """What kind of file `path` is, and its permissions; None if there is none."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise StorageError(f"{path} is a folder: name a file")
    return mode


def _sync_folder(folder: str) -> None:
    """Have a folder know its new file after a power failure, too."""
    with suppress(OSError):  # where a folder cannot be opened or synced: the file itself is on the disk
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

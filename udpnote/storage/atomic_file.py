"""Writes a file as a whole or not at all: writes a draft in the same folder, and then gives the draft the file's name."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from udpnote.errors import StorageError
from udpnote.storage.database import check_belongs_to_none, is_database
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.new_files import draft_of, own_like, sync_folder

BUFFER_BYTES = 1 << 20
"""The size of the buffer for writing. With this size, the system calls take hardly any time."""

SECRET_MODE_MAX = 0o660
"""The most permissions that a file with a secret gets: its owner and its group may read and write it, nobody else."""


@contextmanager
def whole_file(path: str, *, before_placing: Callable[[], None] | None = None) -> Iterator[BinaryIO]:
    """Open a new file for writing. At the end of the block, fsync it and put it in the place of `path`.

    `before_placing` is called after the fsync. If `before_placing` or the block raises, the new file is removed and `path`
    stays as it was. The new file has the owner, the group and the permissions of the file that it replaces; if it replaces
    nothing, only its owner can read it. If `path` is a link, the link's target is replaced. A pipe or a device at `path` is
    written to directly, and `before_placing` is not called. Raises `StorageError` if `path` is a folder, a database or a file
    that belongs to a database, and for any `OSError`, also one from the block.
    """
    with storage_errors(path):
        mode = _mode_of(path)
        if mode is not None and not stat.S_ISREG(mode):
            with open(path, "wb") as file:
                yield file
            return
        if mode is not None and is_database(path):
            raise StorageError("is_a_database", path=path)
        check_belongs_to_none(path)
        target = os.path.realpath(path)
        with _replacing(target, target if mode is not None else None, before_placing=before_placing) as file:
            yield file


@contextmanager
def secret_file(path: str, *, beside: str) -> Iterator[BinaryIO]:
    """Open a new file for a secret for writing. At the end of the block, fsync it and put it in the place of `path`.

    If the block raises, the new file is removed and `path` stays as it was. The new file has the owner, the group and the
    permissions of the file `beside`, but users outside that group get no permission. If there is no file `beside`, only its
    owner can read the new file. If `path` is a link, the link itself is replaced. Raises `StorageError` if `path` is a folder,
    a pipe or a device, and for any `OSError`, also one from the block.
    """
    with storage_errors(path):
        mode = _mode_of(path)
        if mode is not None and not stat.S_ISREG(mode):
            raise StorageError("secret_needs_a_file", path=path)
        like = beside if os.path.exists(beside) else os.path.dirname(path) or "."
        with _replacing(path, like, mode_max=SECRET_MODE_MAX) as file:
            yield file


@contextmanager
def _replacing(
    path: str, like: str | None, *, mode_max: int = 0o777, before_placing: Callable[[], None] | None = None
) -> Iterator[BinaryIO]:
    """Open a draft of `path` for writing. At the end of the block, fsync it and call `before_placing`.

    After that, the draft replaces `path`. The draft has the owner and the permissions of `like`, up to `mode_max` (see
    `own_like`). If `like` is None, only this user can read the draft. Raises `OSError`.
    """
    with draft_of(path) as (descriptor, draft):
        if like is not None:
            own_like(descriptor, like, mode_max=mode_max)
        with open(descriptor, "wb", buffering=BUFFER_BYTES, closefd=False) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        if before_placing is not None:
            before_placing()
        os.replace(draft, path)
    sync_folder(os.path.dirname(path))


def _mode_of(path: str) -> int | None:
    """The type and the permissions (`st_mode`) of the file `path`; None if nothing is there.

    Raises `StorageError` if `path` is a folder, or is missing and ends with `/`, as only the path of a folder may.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if path.endswith("/"):
            raise StorageError("is_a_folder", path=path) from None
        return None
    if stat.S_ISDIR(mode):
        raise StorageError("is_a_folder", path=path)
    return mode

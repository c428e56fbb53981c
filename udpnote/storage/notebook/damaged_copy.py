"""Copies what can be read of a notebook whose log is damaged or missing, and leaves the notebook's files as they are.

SQLite must not open such a notebook, because it would make its index of the log anew, and perhaps only the old index shows
that the log is damaged (see `log_file`). So the file and the log are copied as they are, and SQLite opens the copies: it
applies the whole transactions at the beginning of the log.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

from udpnote.errors import StorageError
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.new_files import aside_name
from udpnote.storage.notebook.log_check import has_own_log


@contextmanager
def damaged_copy(
    notebook: str, draft: str, *, step_bytes: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[sqlite3.Connection]:
    """Copy the notebook in the file `notebook` into the empty file `draft`, and open `draft` for the block.

    `on_progress` is called after each `step_bytes` with two numbers of bytes: copied so far, and all. At the end of the block,
    everything is in `draft`, and nothing beside it. The caller fsyncs. Raises `StorageError` if the log belongs to another
    file, or if a program changes the notebook meanwhile; `sqlite3.Error` and `OSError`.
    """
    log = f"{draft}-wal"
    try:
        before = _state_of(notebook)
        _copy(notebook, draft, step_bytes, on_progress)
        if _state_of(notebook) != before:
            raise StorageError("database_busy", path=notebook)
        with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            copy.execute("PRAGMA locking_mode = EXCLUSIVE")  # SQLite then makes no index of the log (-shm)
            copy.execute("PRAGMA synchronous = OFF")
            with storage_errors(notebook):
                copy.execute("PRAGMA schema_version").fetchone()  # now SQLite reads the log
            if not has_own_log(copy, draft):
                raise StorageError(
                    "log_of_another_file", path=notebook, log=f"{notebook}-wal", aside=aside_name(f"{notebook}-wal")
                )
            yield copy
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        with suppress(FileNotFoundError):
            os.unlink(log)


def _copy(notebook: str, draft: str, step_bytes: int, on_progress: Callable[[int, int], None] | None) -> None:
    """Copy the file `notebook`, and its log if it has one, to `draft` and its log."""
    with ExitStack() as stack:
        pairs = []
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                source = stack.enter_context(open(f"{notebook}{suffix}", "rb"))
                descriptor = os.open(f"{draft}{suffix}", os.O_CREAT | os.O_WRONLY, 0o600)
                pairs.append((source, stack.enter_context(open(descriptor, "wb"))))
        total = sum(os.fstat(source.fileno()).st_size for source, _ in pairs)
        copied = 0
        for source, copy in pairs:
            while step := source.read(step_bytes):
                copied += copy.write(step)
                if on_progress is not None:
                    on_progress(copied, total)


def _state_of(notebook: str) -> list[tuple[int, int, int, int] | None]:
    """The device, inode, length and modification time of the file `notebook` and of its log; None for a missing one.

    The values of a file change if a program changes or replaces the file.
    """
    found: list[tuple[int, int, int, int] | None] = []
    for path in (notebook, f"{notebook}-wal"):
        try:
            status = os.stat(path)
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    return found

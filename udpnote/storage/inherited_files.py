"""Keeps a process that was made by `os.fork` from the databases that its parent had open at the fork.

Such a child process has copies of what SQLite remembers of the parent's files: which locks the parent has, and where the index
of each log is in memory. The locks themselves stay with the parent. Two things would lose entries without a word (see SQLite's
"How To Corrupt An SQLite Database File", section 2.6):

* SQLite opens such a file again in the child. It takes no lock on the file, and uses the copied index even if the file has a
new log by then. So `refuse_inherited` refuses these files.
* Python closes the parent's connection in the child, at the latest when the child ends. If no other process has the file open,
SQLite removes the log at its path, even if that is a newer one, with entries of a command that was killed. So after a fork, the
child replaces its descriptors of these files by read-only ones of /dev/null. SQLite cannot get the lock that it needs then.

A child that replaces its descriptors also gives back its part in the lock of `notebook.file_guard`. If the system does not list
the descriptors, the child cannot replace them. Then `refuse_inherited` refuses all files that the parent has ever had open.
"""

import os
from contextlib import suppress

from udpnote.errors import StorageError
from udpnote.storage.file_status import identity_of

_DESCRIPTORS = "/dev/fd"
"""The folder with an entry for each open file of this process."""

SQLITE_HEADER = b"SQLite format 3\x00"
"""The first bytes of each database."""

_opened: set[tuple[int, int]] = set()
"""Device and inode of each database that this process has opened. Once a database was closed and deleted, another file may have
the same ones."""

_inherited: set[tuple[int, int]] = set()
"""Device and inode of each database that was open at a fork which led to this process."""


def record_opened(path: str) -> None:
    """Record that this process has opened the database at `path`. Raises `OSError`."""
    _opened.add(identity_of(path))


def refuse_inherited(path: str) -> None:
    """Raise `StorageError` if the file `path` was open when this process was forked. Raises `OSError` if it cannot be read."""
    if _inherited:
        with suppress(FileNotFoundError):
            if identity_of(path) in _inherited:
                raise StorageError("file_open_at_fork", path=path)


def _disable_inherited() -> None:
    if not _opened:
        return
    try:
        substitute = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for descriptor in map(int, os.listdir(_DESCRIPTORS)):
                _replace_if_database(descriptor, substitute)
        finally:
            os.close(substitute)
    except OSError:  # there is no such folder, as in some containers, or this process can open no further file
        _inherited.update(_opened)


def _replace_if_database(descriptor: int, substitute: int) -> None:
    """If `descriptor` is that of a database that the parent has opened, make it the same file as `substitute`."""
    with suppress(OSError):  # that of the folder of descriptors is closed by now, and some files cannot be read
        identity = identity_of(descriptor)
        if identity in _opened and os.pread(descriptor, len(SQLITE_HEADER), 0) == SQLITE_HEADER:
            _inherited.add(identity)
            os.dup2(substitute, descriptor, inheritable=False)


os.register_at_fork(after_in_child=_disable_inherited)

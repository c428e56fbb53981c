"""Keeps a process that was made by `os.fork` from the databases that its parent had open at the fork.

Such a child process has copies of what SQLite remembers of the parent's files: which locks the parent has, and where the index
of each log is in memory. The locks themselves stay with the parent. Two things would lose entries without a word (see SQLite's
"How To Corrupt An SQLite Database File", section 2.6):

* SQLite opens such a file again in the child. It takes no lock on the file, and uses the copied index even if the file has a
new log by then. So `refuse_inherited` refuses these files.
* Python closes the parent's connection in the child, at the latest when the child ends. If no other process has the file open,
SQLite removes the log at its path, even if that is a newer one, with entries of a command that was killed. So after a fork, the
child replaces its descriptors of these files by read-only ones of /dev/null. SQLite cannot get the lock that it needs then.

The second also gives back the child's part in the lock of `notebook.file_guard`.
"""

import os
from contextlib import suppress

from udpnote.errors import StorageError
from udpnote.storage.file_status import identity_of

_DESCRIPTORS = "/dev/fd"
"""The folder with an entry for each open file of this process."""

_opened: set[tuple[int, int]] = set()
"""Device and inode of each database that this process has opened."""

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
    with suppress(OSError):  # there is no such folder, as in some containers
        substitute = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        for descriptor in map(int, os.listdir(_DESCRIPTORS)):
            with suppress(OSError):  # the descriptor of the folder itself is closed by now
                if (identity := identity_of(descriptor)) in _opened:
                    _inherited.add(identity)
                    os.dup2(substitute, descriptor, inheritable=False)
        os.close(substitute)
    _opened.clear()


os.register_at_fork(after_in_child=_disable_inherited)

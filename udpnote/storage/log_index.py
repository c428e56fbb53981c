"""Finds out whether another process has a database open, by the locks on SQLite's index of the database's write-ahead log.

The index is the file that ends with `-shm`. The first connection to the database makes it anew. Each connection holds a lock on
it until it is closed.
"""

import fcntl
import os
import struct
import sys

_LOCKED_BYTE = 128
"""The byte of the index that each connection locks while it has the database open: `UNIX_SHM_DMS` in SQLite's `os_unix.c`."""

_IS_LINUX = sys.platform == "linux"
_FLOCK = struct.Struct("hhqqi0q" if _IS_LINUX else "qqihh")
"""C's `struct flock`: type of a lock, what its start counts from, start, length, process. Elsewhere the first two are last."""

_TYPE = struct.Struct("h" if _IS_LINUX else "20xh")
"""The first of these fields."""


def is_open_elsewhere(path: str) -> bool:
    """Whether another process has the database at `path` open.

    Returns True if that cannot be found out: then SQLite cannot open the database, either, and says why.

    The calling process must not have the database open in SQLite: this function opens and closes the index, and the process
    would lose SQLite's locks on it.
    """
    try:
        descriptor = os.open(f"{path}-shm", os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:  # it is another user's
        return True
    kind, place = (fcntl.F_WRLCK, os.SEEK_SET), (_LOCKED_BYTE, 1, 0)
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_GETLK, _FLOCK.pack(*kind, *place) if _IS_LINUX else _FLOCK.pack(*place, *kind))
    except OSError:  # a file system without locks
        return True
    finally:
        os.close(descriptor)
    return _TYPE.unpack_from(found) != (fcntl.F_UNLCK,)

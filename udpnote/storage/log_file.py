"""Looks into the files of SQLite's write-ahead log: whether the log was overwritten, cut or damaged, and whether it is in use.

SQLite trusts the log while it has the database open: a checkpoint would copy whatever stands there into the database. After a
crash, SQLite reads the log up to the first frame whose checksum is wrong. It takes what follows for the rest of a transaction
that a power failure has interrupted, and drops it without a word.

The log, in a file that ends with `-wal`, has a header and frames, one for each page that was written. Each frame repeats two
numbers of the header, the salts, which SQLite changes whenever it begins the log again. The checksums of a frame continue those
of the frame before. While SQLite uses the log, it keeps an index of it, in a file that ends with `-shm`. The first connection
to a database makes the index anew. While there are connections, each holds a lock on the index.

See https://www.sqlite.org/fileformat2.html#walformat and https://www.sqlite.org/walformat.html
"""

import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO

from udpnote.storage.database import LOG_HEADER_BYTES

_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""How a log begins. The second one says that the checksums are of numbers whose most significant byte is first."""

_HEADER = struct.Struct(">8xI4x8s8s")
"""The header: the size of a page in bytes, two salts, two checksums."""

_FRAME_HEADER = struct.Struct(">4xI8s8s")
"""The header of a frame: the pages that the database has if the frame ends a transaction (else 0), two salts, two checksums."""

_CHECKED_BYTES = 8
"""How many bytes at the beginning of a frame's header its checksums cover, besides the page."""

_FRAMES_AT_ONCE = 1024
"""How many frames are read at once: about 1 MiB, because a server needs little memory."""

_INDEX_HEADER = struct.Struct("=I8xB3xI12x8s8x")
"""The header of the index, which is there twice: version, whether it is valid, number of frames, two salts."""

_COPIED = struct.Struct("=I")
"""What follows the two headers: how many frames were copied into the database."""

_INDEX_VERSION = 3007000


def is_log(path: str) -> bool:
    """Whether the file `path` begins with the magic number of a log. It may have no frames.

    Returns False if there is no such file. Raises `OSError` if the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(len(_MAGIC[0])) in _MAGIC
    except FileNotFoundError:
        return False


def has_frames_up_to(path: str, page_bytes: int, content: bytes) -> bool:
    """Whether the log `path` contains the bytes `content`, and no frame before them was overwritten.

    A frame was overwritten if it has other salts than the log's header. The pages are not checked: a program that overwrites at
    least one page's length of the log also overwrites the header of a frame. `page_bytes` is the size of a page. Raises
    `OSError`.
    """
    frame_bytes = _FRAME_HEADER.size + page_bytes
    frame = struct.Struct(f">8x8s8x{page_bytes}x")
    with open(path, "rb") as file:
        header = file.read(LOG_HEADER_BYTES)
        if len(header) < LOG_HEADER_BYTES:
            return False
        _, salts, _ = _HEADER.unpack(header)
        while frames := file.read(_FRAMES_AT_ONCE * frame_bytes):
            whole = len(frames) - len(frames) % frame_bytes
            headers = enumerate(frame.iter_unpack(frames[:whole]))
            end = next((place * frame_bytes for place, (each,) in headers if each != salts), whole)
            if frames.find(content, 0, end) >= 0:
                return True
            if end < len(frames):
                return False
    return False


def is_begun_again(header: bytes, before: bytes) -> bool:
    """Whether SQLite has written `header` into a log that had the header `before`, because it began the log again.

    False if `header` is not whole, or comes from an older log: each time, SQLite adds 1 to the first salt.
    """
    if len(header) < LOG_HEADER_BYTES or not header.startswith(_MAGIC):
        return False
    _, salts, checksums = _HEADER.unpack(header)
    order = "<" if header.startswith(_MAGIC[0]) else ">"
    if _continued(bytes(8), header[: -len(checksums)], order) != checksums:
        return False
    times = int.from_bytes(salts[:4]) - int.from_bytes(_HEADER.unpack(before)[1][:4])
    return 0 < times % (1 << 32) < 1 << 31


def is_damaged(database: str) -> bool:
    """Whether the log of the file `database` is damaged in a durable transaction, which SQLite would drop without a word.

    Call this after a crash, before any program opens the database: opening it makes the index of the log anew, and this
    function needs the old one. Raises `OSError`.

    A transaction that a power failure has interrupted also leaves a bad frame, but it was never durable, so it is no damage.
    Two signs show that a transaction with a bad frame was durable. The index counts it: SQLite adds a transaction to the index
    only when it is durable. Or a good frame of a later transaction follows: SQLite fsyncs a transaction before the next one.
    """
    with open(f"{database}-wal", "rb") as file:
        header = file.read(LOG_HEADER_BYTES)
        if len(header) < LOG_HEADER_BYTES:  # no log, or another program has just copied it into the file
            return False
        page_bytes, salts, checksums = _HEADER.unpack(header)
        order = "<" if header.startswith(_MAGIC[0]) else ">"
        if _continued(bytes(8), header[: -len(checksums)], order) != checksums:
            return True
        whole = 0  # how many frames belong to whole transactions
        is_good, previous = True, checksums  # whether all frames so far are good; the checksums of the frame before
        for place, (length, frame_salts, checksums, checked) in enumerate(_frames(file, page_bytes, salts), 1):
            is_own = frame_salts == salts  # if not, the frame is older than the log's beginning, or was overwritten
            follows = is_own and bool(previous) and _continued(previous, checked, order) == checksums
            if follows and not is_good:
                return True
            is_good = is_good and follows
            whole = place if is_good and length else whole
            # after a bad frame, a frame that ends a transaction counts as right: the next transaction continues its checksums
            previous = checksums if is_good or (is_own and length) else b""
    return whole < _indexed(database, salts)


def _frames(file: BinaryIO, page_bytes: int, salts: bytes) -> Iterator[tuple[int, bytes, bytes, bytes]]:
    """Yield for each frame that follows in `file` the fields of its `_FRAME_HEADER`, and the bytes that its checksums cover.

    Each frame has a page of `page_bytes`. This reads `_FRAMES_AT_ONCE` frames at a time. If none of these has the `salts`, it
    yields a single bad frame in place of them, which saves time: a log may end with many zeros.
    """
    frame_bytes = _FRAME_HEADER.size + page_bytes
    while frames := file.read(_FRAMES_AT_ONCE * frame_bytes):
        if salts not in frames:
            yield 0, b"", b"", b""
            continue
        for start in range(0, len(frames) - frame_bytes + 1, frame_bytes):
            page = start + _FRAME_HEADER.size
            checked = frames[start : start + _CHECKED_BYTES] + frames[page : page + page_bytes]
            yield *_FRAME_HEADER.unpack_from(frames, start), checked


def index_counts_uncopied(database: str) -> bool:
    """Whether the index of the log of `database` counts frames that were not copied into the database yet.

    Call this when a killed program has left the index. Returns False without a valid index. Raises `OSError`.
    """
    frames, _, copied = _index(database)
    return frames > copied


def _indexed(database: str, salts: bytes) -> int:
    """How many frames the log of `database` has, according to its index; 0 if the index is not valid or has other `salts`."""
    frames, own_salts, _ = _index(database)
    return frames if own_salts == salts else 0


def _index(database: str) -> tuple[int, bytes, int]:
    """Return what the index of the log of `database` says: (frames in the log, its salts, frames copied into the database).

    Without a valid index, returns (0, b"", 0).
    """
    try:
        with open(f"{database}-shm", "rb") as file:
            header, again = file.read(_INDEX_HEADER.size), file.read(_INDEX_HEADER.size)
            copied = file.read(_COPIED.size)
    except FileNotFoundError:
        return 0, b"", 0
    if header != again or len(copied) < _COPIED.size:
        return 0, b"", 0
    version, is_valid, frames, salts = _INDEX_HEADER.unpack(header)
    return (frames, salts, *_COPIED.unpack(copied)) if version == _INDEX_VERSION and is_valid else (0, b"", 0)


def _continued(checksums: bytes, data: bytes, order: str) -> bytes:
    """Return the checksums after `data` in a log, given the `checksums` before `data`.

    `order` is the order of the bytes in the numbers of `data`: `<` or `>`, as in the module `struct`.
    """
    first, second = struct.unpack(">2I", checksums)
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for even, odd in zip(words, words, strict=True):
        first = first + even + second & 0xFFFFFFFF
        second = second + odd + first & 0xFFFFFFFF
    return struct.pack(">2I", first, second)


_LOCKED_BYTE = 128
"""The byte of the index that each connection locks while it has the database open: `UNIX_SHM_DMS` in SQLite's `os_unix.c`."""

_IS_LINUX = sys.platform == "linux"
_FLOCK = struct.Struct("hhqqi0q" if _IS_LINUX else "qqihh")
"""C's `struct flock` on Linux: type of a lock, what its start counts from, start, length, process. On macOS, the first two
come last."""

_TYPE = struct.Struct("h" if _IS_LINUX else "20xh")
"""The type of a lock, in such a structure."""


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

"""Looks into the file of a write-ahead log, to find out whether another program has overwritten it.

SQLite trusts the log while it has the notebook open: a checkpoint would copy whatever stands there into the notebook. The log
has a header and frames, one for each page that was written. Each frame repeats two numbers of the header, the salts, which
SQLite changes whenever it begins the log again (https://www.sqlite.org/fileformat2.html#walformat).
"""

import struct

from udpnote.storage.database import LOG_HEADER_BYTES

_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""How a log begins. The last bit says in which order the bytes of its checksums are."""

_SALTS = slice(16, 24)
"""Where the two salts are in the header."""

_FRAME_HEADER = struct.Struct(">8x8s8x")
"""The header of a frame: page number and length of the database, the two salts, two checksums."""

_FRAMES_AT_ONCE = 1024
"""How many frames are read at once: about 1 MiB, because a server needs little memory."""


def is_log(path: str) -> bool:
    """Whether the file `path` is there and begins as a log, perhaps without frames. Raises `OSError` if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_MAGIC[0])) in _MAGIC
    except FileNotFoundError:
        return False


def has_frames_up_to(path: str, page_bytes: int, content: bytes) -> bool:
    """Whether the log `path` has a page with `content`, and no frame before it was overwritten.

    `page_bytes` is the size of a page. The pages themselves are not checked, only the salts of their frames: who overwrites a
    part of a file hits a frame's header, unless that part is shorter than a page. Raises `OSError`.
    """
    frame_bytes = _FRAME_HEADER.size + page_bytes
    frame = struct.Struct(f"{_FRAME_HEADER.format}{page_bytes}x")
    with open(path, "rb") as file:
        salts = file.read(LOG_HEADER_BYTES)[_SALTS]
        while frames := file.read(_FRAMES_AT_ONCE * frame_bytes):
            whole = len(frames) - len(frames) % frame_bytes
            headers = enumerate(frame.iter_unpack(frames[:whole]))
            end = next((place * frame_bytes for place, (each,) in headers if each != salts), whole)
            if frames.find(content, 0, end) >= 0:
                return True
            if end < len(frames):
                return False
    return False

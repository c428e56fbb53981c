"""What the codecs of several messages share: headers, a `SeenEntry` (a field of APPENDs, READs and PAGEs), and padding."""

from functools import lru_cache
from struct import Struct

from udpnote.errors import BadDatagram
from udpnote.model.entry import CLIENT_ID_BYTES, NOTHING_SEEN, SEQUENCE_MAX, SeenEntry
from udpnote.protocol.envelope import MAGIC, VERSION

DISCOVER, OFFER, APPEND, ACK, READ, PAGE, REFUSE, RESTORE, RUN, EXAMINE, REPORT, BUNDLE = range(1, 13)
"""The types of messages: the numbers in the headers of their bodies."""

HEADERS = {kind: MAGIC + bytes((VERSION, kind)) for kind in range(DISCOVER, BUNDLE + 1)}
"""The header of a body, by the message's type."""

SEEN = Struct(f">Q{CLIENT_ID_BYTES}sQ")
"""The layout of a `SeenEntry` as bytes."""


def parse_seen(data: bytes, start: int) -> SeenEntry:
    """The `SeenEntry` whose fields begin at the index `start` in `data`. Raises the errors of `checked_seen`."""
    return checked_seen(*SEEN.unpack_from(data, start))


@lru_cache(maxsize=64)
def checked_seen(number: int, client_id: bytes, sequence: int) -> SeenEntry:
    """The `SeenEntry` with these fields. Raises `BadDatagram` unless it identifies an entry or is `NOTHING_SEEN`.

    Cached, because all READs and PAGEs of a burst (see `reading_messages`) have the same one.
    """
    seen = SeenEntry(number, client_id, sequence)
    if not (0 < number <= SEQUENCE_MAX and 0 < sequence <= SEQUENCE_MAX) and seen != NOTHING_SEEN:
        raise BadDatagram("malformed")
    return seen


def check_padding(body: bytes, start: int) -> None:
    """Raise `BadDatagram` if `body` is shorter than `start` bytes, or if any byte from `start` on is not zero.

    Padding must not carry hidden data.
    """
    if start > len(body) or body[start:].strip(b"\0"):
        raise BadDatagram("malformed")

"""The messages of the protocol, as immutable values; `codec` bursts them into bytes and back."""

from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from udpnote.model.entry import Part, Status, StoredEntry
from udpnote.model.query import Cursor, Query, Tally

NOTEBOOK_ID_BYTES = 16
"""128 random bits, as for clients: two notebooks do not get the same id by chance."""

ANY_NOTEBOOK = bytes(NOTEBOOK_ID_BYTES)
"""In a DISCOVER: every notebook may answer."""

PROBE_ID_BYTES = 8
"""64 random bits: an attacker that does not see the DISCOVER cannot guess them (RFC 8085 §5.1 asks for that)."""

NAME_BYTES_MAX = 128
"""Room for a name of some forty Chinese characters."""

VERSION_BYTES_MAX = 32
"""Room for any version of PEP 440 that a person would assign to a release."""

STREAM_ID_BYTES = 8
"""64 random bits: they identify the pages of one reading, as the probe id identifies the answers to one DISCOVER."""


class Reason(IntEnum):
    """Why a server refuses a request."""

    WRONG_NOTEBOOK = 1

    KEY_CHANGED = 2
    """The request was sealed with an earlier key of the notebook, and this answer is sealed with the same key."""


KEY_CHANGED = 1
"""A flag of an OFFER, with the same meaning."""


class Discover(NamedTuple):
    """Asks servers to answer with an OFFER; `notebook_id` is the notebook to look for, or `ANY_NOTEBOOK`."""

    probe_id: bytes
    notebook_id: bytes


class Offer(NamedTuple):
    """A server's answer to a DISCOVER; the server's address is the datagram's source. `flags` may contain `KEY_CHANGED`."""

    probe_id: bytes
    notebook_id: bytes
    name: str
    entries: int
    version: str
    flags: int


class Append(NamedTuple):
    """Asks to store a part of an entry in the notebook `notebook_id`; `attempt` counts from 1, and the ACK repeats it.

    An imported part travels as a RESTORE: an APPEND with the fields of `Restored`.
    """

    notebook_id: bytes
    attempt: int
    part: Part


class PartAck(NamedTuple):
    """The verdict on the part at `offset` of the entry `sequence`; `number` is the entry's, or 0 if it is not stored.

    `check` is the part's `content_check`: it shows that the sender of the ACK has seen the part.
    """

    sequence: int
    offset: int
    attempt: int
    status: Status
    number: int
    check: int


def content_check(part: Part) -> int:
    """CRC-32 of the part's bytes, with the low 32 bits of the entry's time as the initial value (the argument of zlib's crc32).

    An ACK with another check answers another text, for example one from a copied outbox. Or it is forged: an attacker that
    knows the client's id, but has not seen the datagram, cannot guess the microsecond at which the entry was written.
    """
    return crc32(part.data, part.written_at & 0xFFFFFFFF)


class Ack(NamedTuple):
    """The verdicts on parts of one client's entries."""

    client_id: bytes
    parts: tuple[PartAck, ...]


class Refuse(NamedTuple):
    """The server does not accept the part that an APPEND carried, for `reason`."""

    reason: Reason
    client_id: bytes
    sequence: int
    offset: int
    attempt: int


class PageState(IntEnum):
    """Whether more pages follow a page, or why it has no items."""

    MORE = 1
    """There may be more after this page."""

    END = 2
    """There is nothing more yet."""

    WAITING = 3
    """There is nothing more yet; the server keeps the READ, and answers it when something is stored."""

    INDEXING = 4
    """The search index has the entries only up to the number `indexed`: ask again later."""

    WRONG_NOTEBOOK = 5
    """The server has another notebook."""

    BAD_QUERY = 6
    """The server cannot answer the query."""

    KEY_CHANGED = 7
    """The READ was sealed with an earlier key of the notebook, and this answer is sealed with the same key."""


class Read(NamedTuple):
    """Asks for one page of what `query` finds in the notebook, from `cursor` on.

    `stream_id` identifies the reading, that is, all requests for the results of one query. A burst is a number of identical
    READs, which ask for as many consecutive pages; `burst` numbers the bursts of a reading from 1. The server sends at most
    `limit` entries (0: no limit). If there are none yet, it may wait up to `wait_milliseconds` for one before it answers.
    """

    notebook_id: bytes
    stream_id: bytes
    burst: int
    cursor: Cursor
    limit: int
    wait_milliseconds: int
    query: Query


class StoredPart(NamedTuple):
    """A part of an entry that does not fit a page: `data` is the bytes of its text from `offset` on, of `total_bytes`.

    The text in `stored` is empty.
    """

    stored: StoredEntry
    total_bytes: int
    offset: int
    data: bytes

    def rest(self, offset: int) -> "StoredPart":
        """The same part without the bytes before `offset`, which must not be less than its own."""
        return self._replace(offset=offset, data=self.data[offset - self.offset :])


PageItem = StoredEntry | StoredPart | Tally


class Page(NamedTuple):
    """The results from the cursor `start` up to the cursor `next`.

    `burst_end` is the cursor where the last page of the same burst ends. `last` is the highest number in the notebook.
    `indexed` is the highest number in its search index; it is 0 unless the state is `INDEXING`.
    """

    stream_id: bytes
    burst: int
    state: PageState
    start: Cursor
    next: Cursor
    burst_end: Cursor
    last: int
    indexed: int
    items: tuple[PageItem, ...]


Message = Discover | Offer | Append | Ack | Read | Page | Refuse

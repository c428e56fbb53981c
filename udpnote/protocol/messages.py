"""The messages of the protocol as immutable values; `codec` converts them to bytes and back."""

from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from udpnote.model.entry import NOTHING_SEEN, Part, SeenEntry, Status, StoredEntry
from udpnote.model.query import Cursor, Query, Tally

NOTEBOOK_ID_BYTES = 16
"""128 random bits, as in a client id: two notebooks do not get the same id by chance."""

ANY_NOTEBOOK = bytes(NOTEBOOK_ID_BYTES)
"""In a DISCOVER: every notebook may answer."""

PROBE_ID_BYTES = 8
"""64 random bits: an attacker that does not see the DISCOVER cannot guess them (RFC 8085 §5.1 asks for that)."""

NAME_BYTES_MAX = 128
"""Room for a name of some forty Chinese characters."""

VERSION_BYTES_MAX = 32
"""Room for any version of PEP 440 that a person would assign to a release."""

STREAM_ID_BYTES = 8
"""64 random bits: a reader recognizes the pages for it by them, as a prober recognizes OFFERs by the probe id."""

TOKEN_BYTES = 8
"""64 random bits: a sender recognizes the answers to its APPENDs by them (RFC 7252 §5.3.1 calls that a token)."""


class Reason(IntEnum):
    """Why a server refuses a request."""

    WRONG_NOTEBOOK = 1
    """The server has another notebook than the one in the request."""

    KEY_CHANGED = 2
    """The request is sealed with an earlier key, which the server no longer accepts. The answer is sealed with it, too."""


KEY_CHANGED = 1
"""A flag of an OFFER: the DISCOVER was sealed with an earlier key, which the server does not accept any more."""


class Discover(NamedTuple):
    """Asks servers to answer with an OFFER. `notebook_id` is the notebook that the client looks for, or `ANY_NOTEBOOK`."""

    probe_id: bytes
    notebook_id: bytes


class Offer(NamedTuple):
    """A server's answer to a DISCOVER. It repeats the `probe_id` of the DISCOVER, and says which notebook the server has.

    `entries` is the number of entries in the notebook, `version` that of the server's udpnote; `flags` may contain
    `KEY_CHANGED`. The server's address is not in it, because it is the source address of the datagram.
    """

    probe_id: bytes
    notebook_id: bytes
    name: str
    entries: int
    version: str
    flags: int


class Append(NamedTuple):
    """Asks to store a part of an entry in the notebook `notebook_id`.

    All APPENDs of a `Delivery` have the same random `token`. Its server repeats it in each answer, and nobody can guess it.
    `attempt` is 1 when the part is sent for the first time, and one more each time it is sent again; the ACK repeats it. A part
    of an imported entry travels as a RESTORE, which is an APPEND with the fields of `Restored` in addition.
    """

    notebook_id: bytes
    token: bytes
    attempt: int
    part: Part


class PartAck(NamedTuple):
    """The server's verdict on the part at `offset` of the client's entry `sequence`.

    `attempt` is that of the APPEND. `number` is the entry's number in the notebook, or 0 if the entry is not stored. `check` is
    the part's `content_check`.
    """

    sequence: int
    offset: int
    attempt: int
    status: Status
    number: int
    check: int


def content_check(part: Part) -> int:
    """CRC-32 of the part's bytes; the start value is the low 32 bits of `written_at`, in microseconds.

    A client ignores a verdict with another check, because it is about another text. A machine that was copied while a command
    was sending has the same client id, sequences and token. The check is no secret: what nobody can guess is the token.
    """
    return crc32(part.data, part.written_at & 0xFFFFFFFF)


class Ack(NamedTuple):
    """A server's answer to one or several APPENDs with one `token`: the verdicts on parts of one client's entries."""

    token: bytes
    client_id: bytes
    parts: tuple[PartAck, ...]


class Refuse(NamedTuple):
    """A server's answer to an APPEND that it does not accept, for `reason`. The other fields are those of the APPEND."""

    token: bytes
    reason: Reason
    client_id: bytes
    sequence: int
    offset: int
    attempt: int


class PageState(IntEnum):
    """Whether more results follow a page, or why a page has no items."""

    MORE = 1
    """There may be more results after this page."""

    END = 2
    """There are no more results yet."""

    WAITING = 3
    """There are no more results yet. The server keeps the READ, and answers it again when there is one."""

    INDEXING = 4
    """The search index has only the entries up to the number `indexed`: the reader shall ask again later."""

    WRONG_NOTEBOOK = 5
    """The server has another notebook."""

    BAD_QUERY = 6
    """The server cannot answer the query."""

    OLDER_COPY = 8
    """The notebook does not have the entry that the READ names as seen: it was restored from an older copy."""

    KEY_CHANGED = 7
    """The READ is sealed with an earlier key, which the server no longer accepts. The answer is sealed with it, too."""


class Read(NamedTuple):
    """Asks for one page of what `query` finds in the notebook, from `cursor` on.

    `stream_id` identifies the reading, that is, all requests for the results of one query. A burst is a number of identical
    READs, which ask for as many consecutive pages; `burst` numbers the bursts of a reading from 1. The server sends at most
    `limit` entries (0: no limit). If there are none yet, it may wait up to `wait_milliseconds` for one before it answers.
    `seen` is the last entry before the cursor that a follower has read: the notebook must have it.
    """

    notebook_id: bytes
    stream_id: bytes
    burst: int
    cursor: Cursor
    limit: int
    wait_milliseconds: int
    query: Query
    seen: SeenEntry = NOTHING_SEEN


class StoredPart(NamedTuple):
    """A part of an entry that is too long for one page: `data` is the piece of its text from `offset` on, in UTF-8.

    The whole text has `total_bytes` bytes. `stored` has the other fields of the entry, and an empty text.
    """

    stored: StoredEntry
    total_bytes: int
    offset: int
    data: bytes

    def rest(self, offset: int) -> "StoredPart":
        """The same part without the bytes before `offset`, which must not be less than the part's own offset."""
        return self._replace(offset=offset, data=self.data[offset - self.offset :])


PageItem = StoredEntry | StoredPart | Tally


class Page(NamedTuple):
    """A server's answer to a READ: the results from the cursor `start` up to the cursor `next`.

    `burst_end` is the cursor where the last page of the same burst ends. `newest` is the entry with the highest number.
    `indexed` is the highest number in its search index; it is 0 unless the state is `INDEXING`.
    """

    stream_id: bytes
    burst: int
    state: PageState
    start: Cursor
    next: Cursor
    burst_end: Cursor
    newest: SeenEntry
    indexed: int
    items: tuple[PageItem, ...]

    @property
    def last(self) -> int:
        """The highest number in the notebook."""
        return self.newest.number


Message = Discover | Offer | Append | Ack | Read | Page | Refuse

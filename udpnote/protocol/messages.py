"""The messages of the protocol: immutable values, without a thought of how they travel."""

from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from udpnote.model.entry import Part, Status, StoredEntry
from udpnote.model.query import Cursor, Query, Tally

NOTEBOOK_ID_BYTES = 16
"""128 random bits, as for clients: two notebooks do not meet by chance."""

ANY_NOTEBOOK = bytes(NOTEBOOK_ID_BYTES)
"""In a DISCOVER: every notebook may answer."""

PROBE_ID_BYTES = 8
"""Enough that nobody off the path guesses one (RFC 8085 §5.1 asks for an unpredictable token)."""

NAME_BYTES_MAX = 128
"""A notebook's name: some forty Chinese characters."""

VERSION_BYTES_MAX = 32
"""A server's version: any release of PEP 440 that a person would number."""


STREAM_ID_BYTES = 8
"""Tells the pages of one reading from all others, as a probe id tells offers."""


class Reason(IntEnum):
    """Why a server refuses a request."""

    WRONG_NOTEBOOK = 1

    KEY_CHANGED = 2
    """The request was sealed with a key that the notebook had once, and so is this."""


KEY_CHANGED = 1
"""A flag of an OFFER: the same."""


class Discover(NamedTuple):
    """Who is there? `notebook_id` is the notebook that is wanted, or `ANY_NOTEBOOK`."""

    probe_id: bytes
    notebook_id: bytes


class Offer(NamedTuple):
    """I am: the answer to a DISCOVER. The server's address is the datagram's source; `flags` may hold `KEY_CHANGED`."""

    probe_id: bytes
    notebook_id: bytes
    name: str
    entries: int
    version: str
    flags: int


class Append(NamedTuple):
    """Keep this part of an entry in the notebook `notebook_id`; `attempt` counts from 1 and comes back in the ACK.

    A restored part travels as a RESTORE, which is an APPEND and what is said in `Restored`.
    """

    notebook_id: bytes
    attempt: int
    part: Part


class PartAck(NamedTuple):
    """The verdict on the part at `offset` of the entry `sequence`; `number` is 0 where there is none.

    `check` is the part's `content_check`: it shows that whoever answers has seen what it answers.
    """

    sequence: int
    offset: int
    attempt: int
    status: Status
    number: int
    check: int


def content_check(part: Part) -> int:
    """CRC-32 of the part's bytes, begun (as zlib's crc32 takes it) with the low 32 bits of when the entry was written.

    An answer with another one is to another content, of a copied outbox, or a forgery by somebody who knows the client's id
    but has not seen the datagram: the microsecond at which somebody else pressed Enter cannot be guessed.
    """
    return crc32(part.data, part.written_at & 0xFFFFFFFF)


class Ack(NamedTuple):
    """The verdicts on parts of one client's entries."""

    client_id: bytes
    parts: tuple[PartAck, ...]


class Refuse(NamedTuple):
    """This server will not take the part that an APPEND carried, for `reason`."""

    reason: Reason
    client_id: bytes
    sequence: int
    offset: int
    attempt: int


class PageState(IntEnum):
    """What follows a page."""

    MORE = 1
    """There may be more from the next cursor on."""

    END = 2
    """There is nothing more yet."""

    WAITING = 3
    """There is nothing more yet; the READ is kept, and answered once there is."""

    INDEXING = 4
    """The search index has come as far as `indexed`, which is not far enough: ask again in a while."""

    WRONG_NOTEBOOK = 5
    """Another notebook is kept here."""

    BAD_QUERY = 6
    """The query is not one that this server can answer."""

    KEY_CHANGED = 7
    """The READ was sealed with a key that the notebook had once, and so is this."""


class Read(NamedTuple):
    """One page, please, of what `query` finds in the notebook from `cursor` on.

    `stream_id` stands for the whole reading, and `turn` counts what is asked in it: READs of the same turn are asked for as
    many consecutive pages. At most `limit` entries are wanted (0: any number), and if there are none, an answer within
    `wait_milliseconds` will do.
    """

    notebook_id: bytes
    stream_id: bytes
    turn: int
    cursor: Cursor
    limit: int
    wait_milliseconds: int
    query: Query


class StoredPart(NamedTuple):
    """A part of an entry that does not fit a page: the bytes of its text from `offset` on, of `total_bytes`.

    The text of `stored` is empty here.
    """

    stored: StoredEntry
    total_bytes: int
    offset: int
    data: bytes

    def rest(self, offset: int) -> "StoredPart":
        """What is left of it from this offset on, which is not before its own."""
        return self._replace(offset=offset, data=self.data[offset - self.offset :])


PageItem = StoredEntry | StoredPart | Tally


class Page(NamedTuple):
    """What is there from the cursor `start` up to the cursor `next`.

    `ahead` is where the last page of the same turn ends. `last` is the highest number in the notebook, `indexed` how far
    its search index has come.
    """

    stream_id: bytes
    turn: int
    state: PageState
    start: Cursor
    next: Cursor
    ahead: Cursor
    last: int
    indexed: int
    items: tuple[PageItem, ...]


Message = Discover | Offer | Append | Ack | Read | Page | Refuse

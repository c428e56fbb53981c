"""The messages of the protocol as immutable values; `codec` converts them to bytes and back."""

from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from udpnote.model.entry import NOTHING_SEEN, Bundle, NoteRun, Part, SeenEntry, Status, StoredEntry
from udpnote.model.query import Cursor, Query, Tally

NOTEBOOK_ID_BYTES = 16
"""128 random bits, as in a client id: two notebooks do not get the same id by chance."""

ANY_NOTEBOOK = bytes(NOTEBOOK_ID_BYTES)
"""In a DISCOVER: the server of any notebook shall answer."""

PROBE_ID_BYTES = 8
"""64 random bits: a client recognizes the OFFERs that answer its DISCOVER by them. An attacker who does not see the DISCOVER
cannot guess them (RFC 8085 §5.1 asks for that)."""

SERVER_ID_BYTES = 8
"""64 random bits, new for each start of a server: if two servers have copies of one notebook, these tell them apart."""

NAME_BYTES_MAX = 128
"""The most bytes of a notebook's name: room for some forty Chinese characters."""

VERSION_BYTES_MAX = 32
"""The most bytes of the version of udpnote in an OFFER: room for any version of PEP 440 that a person would choose."""

STREAM_ID_BYTES = 8
"""64 random bits: a reader recognizes the PAGEs that answer its READs by them."""

TOKEN_BYTES = 8
"""64 random bits: a sender recognizes the ACKs and REFUSEs that answer its APPENDs by them (the token of RFC 7252 §5.3.1)."""


WAY_MAX = 63
"""The highest number of a way: the ways that have arrived are bits of a number with 64 bits."""


class Reason(IntEnum):
    """Why a server answers an APPEND with a REFUSE."""

    WRONG_NOTEBOOK = 1
    """The server has another notebook than the one that the APPEND names."""

    KEY_CHANGED = 2
    """The APPEND is sealed with an earlier key, which the server no longer accepts. The REFUSE is sealed with the same key."""


KEY_CHANGED = 1
"""A flag of an OFFER: the DISCOVER and the OFFER are sealed with an earlier key, which the server no longer accepts."""


class Discover(NamedTuple):
    """Asks servers to answer with an OFFER.

    `notebook_id` names the notebook that the client looks for, or is `ANY_NOTEBOOK`.
    """

    probe_id: bytes
    notebook_id: bytes


class Offer(NamedTuple):
    """A server's answer to a DISCOVER. It repeats the `probe_id` of the DISCOVER, and says which notebook the server has.

    `name` is the notebook's name, and `entries` is how many entries the notebook has. `version` is the version of the server's
    udpnote. `flags` is 0 or `KEY_CHANGED`; receivers ignore other bits. `server_id` is a random id that the server has from its
    start to its end. An OFFER does not contain the server's address, because that is the source address of the datagram.
    """

    probe_id: bytes
    notebook_id: bytes
    name: str
    entries: int
    version: str
    flags: int
    server_id: bytes


class Append(NamedTuple):
    """Asks a server to store a part of an entry in the notebook `notebook_id`.

    All APPENDs of a `Delivery` have the same random `token`. The server repeats the token in each answer, so that only somebody
    who has seen an APPEND can answer it. `attempt` is 1 when the part is sent for the first time, and one more each time that
    the part is sent again; the answer repeats it, too. A part of an imported entry travels as a RESTORE, which is an APPEND
    with the fields of `Restored` in addition.
    """

    notebook_id: bytes
    token: bytes
    attempt: int
    part: Part


class Run(NamedTuple):
    """Asks a server to store several short notes, all in one datagram, in the notebook `notebook_id`.

    `token` and `attempt` are as in an `Append`. `check` is the `run_check` of the bytes that the notes have in the datagram. A
    `Bundle` travels as a BUNDLE, which has another layout than a RUN, and is answered like one.
    """

    notebook_id: bytes
    token: bytes
    attempt: int
    notes: NoteRun | Bundle
    check: int


class PartAck(NamedTuple):
    """The server's verdict on the part at the byte `offset` of the text of the entry `sequence`; the `Ack` names the client.

    `attempt` is that of the APPEND that the server answers. `status` is what the server did with the part. `number` is the
    entry's number in the notebook; 0: the entry is not stored. `check` is the part's `content_check`.

    A verdict on a run or bundle has the sequence and the number of the first note, the offset 0, and the check of the `Run`.
    """

    sequence: int
    offset: int
    attempt: int
    status: Status
    number: int
    check: int


def content_check(part: Part) -> int:
    """The CRC-32 of the part's bytes of text; its start value is the low 32 bits of `written_at` (in microseconds).

    A client ignores a verdict whose check is not that of its own part: such a verdict is about another text. That can happen
    if a virtual machine is copied while it is sending, because both copies then use one client id, token and sequences. The
    check protects against mistakes, not against attackers; the token, which nobody can guess, protects against those.
    """
    return crc32(part.data, part.written_at & 0xFFFFFFFF)


def run_check(content: bytes) -> int:
    """The CRC-32 of the bytes that the notes of a run or bundle have in its datagram; it has the purpose of `content_check`."""
    return crc32(content)


class Ack(NamedTuple):
    """A server's answer to APPENDs, RUNs and BUNDLEs with one `token` and `client_id`: `parts` has a verdict for each."""

    token: bytes
    client_id: bytes
    parts: tuple[PartAck, ...]


class Refuse(NamedTuple):
    """A server's answer to an APPEND, RUN or BUNDLE that it does not accept, with the `reason`.

    The other fields are copied from it; to a RUN or BUNDLE, `sequence` is that of its first note, and `offset` is 0.
    """

    token: bytes
    reason: Reason
    client_id: bytes
    sequence: int
    offset: int
    attempt: int


class PageState(IntEnum):
    """Whether more results follow a page, or why the server has sent a page without items."""

    MORE = 1
    """There may be more results after this page: the reader shall ask again from the page's `next` on."""

    END = 2
    """The notebook has no more results at present."""

    WAITING = 3
    """The notebook has no more results at present. The server keeps the READ, and sends another page when there is a result."""

    INDEXING = 4
    """The search index has only the entries up to the number in the page's `indexed`: the reader shall ask again later.

    The server also sends this state to end the wait of a READ that needs a search; the reader then asks again without waiting.
    """

    WRONG_NOTEBOOK = 5
    """The server has another notebook than the one that the READ names."""

    BAD_QUERY = 6
    """The server cannot answer the query, because it is invalid."""

    OLDER_COPY = 8
    """The notebook does not have the entry that the READ names in `seen`, so it was restored from an older copy."""

    KEY_CHANGED = 7
    """The READ is sealed with an earlier key, which the server no longer accepts. The PAGE is sealed with the same key."""

    NOT_READABLE = 9
    """The server cannot read the notebook now, because its disk fails."""


class Read(NamedTuple):
    """Asks for one page of what `query` finds in the notebook, from `cursor` on.

    `stream_id` identifies the reading: it is the same in all READs for the results of one query. A burst is a number of
    identical READs, which ask for as many consecutive pages; `burst` numbers the bursts of a reading from 1. The server sends
    at most `limit` entries in answer to one burst (0: no limit). If there is no result yet, the server may keep the READ for up
    to `wait_milliseconds` until there is one. `seen` is the latest entry before the cursor that a follower has read; if the
    notebook does not have that entry, the server answers `OLDER_COPY`. `NOTHING_SEEN`: the server need not check that.
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
    """A part of an entry that is too long for one page.

    `data` is the piece of the text's UTF-8 that starts at the byte `offset`. The whole text has `total_bytes` bytes of UTF-8.
    `stored` has the other fields of the entry, and an empty text.
    """

    stored: StoredEntry
    total_bytes: int
    offset: int
    data: bytes

    def rest(self, offset: int) -> "StoredPart":
        """The same part without the bytes of the text before `offset`. The part must not begin after `offset`."""
        return self._replace(offset=offset, data=self.data[offset - self.offset :])


PageItem = StoredEntry | StoredPart | Tally


class Page(NamedTuple):
    """A server's answer to a READ: the results from the cursor `start` up to the cursor `next`.

    `stream_id` and `burst` are those of the READ. `burst_end` is the cursor where the last page of the same burst ends.
    `newest` is the entry with the highest number in the notebook (`NOTHING_SEEN`: unknown, or there are no entries). `indexed`
    is the highest number of an entry that the server's search index has; it is 0 unless the state is `INDEXING`.
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
        """The highest number of an entry in the notebook; 0 if the page does not say it, or there are no entries."""
        return self.newest.number


class Examine(NamedTuple):
    """Asks a server which datagrams of one examination of the network have reached it. `udpnote doctor` sends it.

    All EXAMINEs of an examination have the same random `token`. `way` is a number from 0 to `WAY_MAX`, by which the examiner
    remembers how it has sent this one: from which interface, to which address, how long. `body_bytes` is the length of the
    body, which is padded with zeros to that length: the REPORT is as long.
    """

    token: bytes
    way: int
    body_bytes: int


class Prospector(NamedTuple):
    """A host from which a server has received DISCOVERs or EXAMINEs lately.

    `host` is its IP address. `scope` is the scope id of a link-local IPv6 address at the server, 0 for other addresses. The
    latest of its `datagrams` came `seconds_ago`.
    """

    host: str
    scope: int
    seconds_ago: int
    datagrams: int


class Report(NamedTuple):
    """A server's answer to an EXAMINE. It repeats the `token`, the `way` and the length of the EXAMINE.

    `heard` is the bit mask of the ways by which EXAMINEs with this token have arrived: bit 0 for way 0, and so on. `source`
    and `source_port` are the address from which the server received the EXAMINE that it answers. `notebook_id` and `server_id`
    are as in an OFFER. `clock` is the server's time in microseconds since 1970 UTC. `unsent` is how many of its answers the
    server's system has refused to send, as a firewall can make it do; 0 if it has refused none in the last
    minute. `prospectors` are the hosts that the server has heard lately, the latest first; only an examiner on the server's own
    host gets them, others get none.
    """

    token: bytes
    way: int
    heard: int
    notebook_id: bytes
    server_id: bytes
    clock: int
    source: str
    source_port: int
    unsent: int
    prospectors: tuple[Prospector, ...]
    body_bytes: int


Message = Discover | Offer | Append | Run | Ack | Read | Page | Refuse | Examine | Report

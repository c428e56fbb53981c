"""The messages of discovery and of sending, as immutable values; `codec` converts them to bytes and back.

On the wire, each message is a datagram of the type with its name in capitals: `Append` is an APPEND, `Ack` an ACK. Only a `Run`
has two types: RUN for a `NoteRun`, and BUNDLE for a `Bundle` (see `model.entry`).
The other messages are in `reading_messages` and `examination_messages`, because a one-shot send needs none of them.
"""

from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from udpnote.model.entry import Bundle, NoteRun, Part, Status

NOTEBOOK_ID_BYTES = 16
"""The length of a notebook's id. With 128 random bits, two notebooks never get the same id by chance."""

ANY_NOTEBOOK = bytes(NOTEBOOK_ID_BYTES)
"""The notebook id in a DISCOVER that all servers shall answer, whichever notebook they have."""

PROBE_ID_BYTES = 8
"""The length of a probe id. An OFFER repeats the probe id of the DISCOVER that it answers, so the client recognizes the OFFER.
An attacker who does not see the DISCOVER cannot guess 64 random bits (RFC 8085 §5.1)."""

SERVER_ID_BYTES = 8
"""The length of a server id: 64 random bits, new for each start of a server. If two servers have copies of one notebook, these
ids tell the servers apart."""

NAME_BYTES_MAX = 128
"""The longest name of a notebook, in bytes of UTF-8: room for 42 Chinese characters."""

VERSION_BYTES_MAX = 32
"""The longest version of udpnote in an OFFER, in bytes: room for any usual version by PEP 440."""

TOKEN_BYTES = 8
"""The length of a token: 64 random bits. ACKs and REFUSEs repeat the token of the APPENDs that they answer, so the sender
recognizes them (like the token of RFC 7252 §5.3.1)."""


class Reason(IntEnum):
    """Why a server answers an APPEND, RUN or BUNDLE with a REFUSE."""

    WRONG_NOTEBOOK = 1
    """The server has another notebook than the one that the request names."""

    KEY_CHANGED = 2
    """The request is sealed with an earlier key, which the server no longer accepts. The REFUSE is sealed with that key,
    too, so that the client can open it."""


KEY_CHANGED = 1
"""A flag of an OFFER: the DISCOVER is sealed with an earlier key, which the server no longer accepts. The OFFER is sealed with
that key, too, so that the client can open it."""


class Discover(NamedTuple):
    """Asks servers to answer with an OFFER.

    `probe_id` is random, and new for each DISCOVER. `notebook_id` is the id of the notebook that the client looks for, or
    `ANY_NOTEBOOK`.
    """

    probe_id: bytes
    notebook_id: bytes


class Offer(NamedTuple):
    """A server's answer to a DISCOVER. It repeats the `probe_id` of the DISCOVER, and says which notebook the server has.

    `name` is the notebook's name, and `entries` is how many entries it has, erased ones included. `version` is the version of
    the server's udpnote. `flags` is 0 or `KEY_CHANGED`; receivers ignore other bits. `server_id` is a random id that the server
    keeps until it stops. An OFFER does not contain the server's address: it is the source address of the datagram.
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

    All APPENDs of a `Delivery` have the same random `token`. The server repeats the token in each answer, so only somebody who
    has seen an APPEND can answer it. `attempt` is 1 when the part is sent for the first time, and is one higher each time that
    the part is sent again. The answer repeats `attempt`, too. A part of an imported entry travels as a RESTORE, which is an
    APPEND with the additional fields of `Restored`.
    """

    notebook_id: bytes
    token: bytes
    attempt: int
    part: Part


class Run(NamedTuple):
    """Asks a server to store several short notes, all in one datagram, in the notebook `notebook_id`.

    `token` and `attempt` have the same meaning as in an `Append`. `check` is the `run_check` of the notes' bytes in the
    datagram. A `NoteRun` travels as a RUN. A `Bundle` travels as a BUNDLE, which has another layout, but is answered in the
    same way.
    """

    notebook_id: bytes
    token: bytes
    attempt: int
    notes: NoteRun | Bundle
    check: int


class PartAck(NamedTuple):
    """The server's verdict on one part: the part of the entry `sequence` that begins at the byte `offset` of the text.

    The `Ack` names the client that wrote the entry. `attempt` is copied from the APPEND. `status` is what the server did with
    the part. `number` is the entry's number in the notebook, or 0 if the entry is not stored. `check` is the part's
    `content_check`.

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

    A client ignores a verdict whose check differs from the check of its own part, because such a verdict is about another text.
    That happens if a virtual machine is copied while it is sending: both copies then use the same client id, token and sequence
    numbers. The check protects against mistakes. The token protects against attackers, because nobody can guess it.
    """
    return crc32(part.data, part.written_at & 0xFFFFFFFF)


def run_check(content: bytes) -> int:
    """The CRC-32 of `content`, the bytes of all notes in a RUN or BUNDLE. It has the same purpose as `content_check`."""
    return crc32(content)


class Ack(NamedTuple):
    """A server's answer to APPENDs, RUNs and BUNDLEs with one `token` and `client_id`: `parts` has a verdict for each."""

    token: bytes
    client_id: bytes
    parts: tuple[PartAck, ...]


class Refuse(NamedTuple):
    """A server's answer to an APPEND, RUN or BUNDLE that it does not accept, with the `reason`.

    The other fields are copied from the request. For a RUN or BUNDLE, `sequence` is the sequence number of the first note, and
    `offset` is 0.
    """

    token: bytes
    reason: Reason
    client_id: bytes
    sequence: int
    offset: int
    attempt: int

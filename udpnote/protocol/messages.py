"""The messages of discovery and of sending, as immutable values; `codec` converts them to bytes and back.

The other messages are in `reading_messages` and `examination_messages`, because a one-shot send needs none of them.
"""

from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from udpnote.model.entry import Bundle, NoteRun, Part, Status

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

TOKEN_BYTES = 8
"""64 random bits: a sender recognizes the ACKs and REFUSEs that answer its APPENDs by them (the token of RFC 7252 §5.3.1)."""


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

"""An envelope is how a datagram carries the body of a message, so that the receiver notices damage or forgery.

A body begins with a header: the magic `UN`, the protocol's version, the message's type. There are two kinds of envelopes. The
open one, in this module, is the body and a checksum, which detects damage by the network. The sealed one, in `sealed_envelope`,
encrypts and authenticates the body with the notebook's key. The rest of the protocol is the same with either kind.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol
from zlib import crc32

from udpnote.errors import BadDatagram
from udpnote.model.address import Address

MAGIC = b"UN"
VERSION = 1

BODY_BYTES_MAX = 1160
"""The longest body: it fits into a datagram of `DATAGRAM_BYTES_MAX` even in the sealed envelope."""

HEADER_BYTES = 4
SEALED_TYPE = ord("S")
"""The type in the unencrypted header of a sealed datagram; the type of the message in it is encrypted."""

SEALED_HEADER = MAGIC + bytes((VERSION, SEALED_TYPE))
_CHECK_BYTES = 4


class Envelope(Protocol):
    """Makes datagrams from the bodies of messages, and takes the bodies out of datagrams again."""

    @property
    def key_id(self) -> bytes | None:
        """The id of the notebook key with which this envelope encrypts; None: this is the open envelope."""

    @property
    def overhead_bytes(self) -> int:
        """How many bytes a datagram in this envelope is longer than its body."""

    def wrap(self, body: bytes) -> bytes:
        """The datagram in this envelope that carries `body`, which must have at most `BODY_BYTES_MAX` bytes."""

    def unwrap(self, data: bytes) -> bytes:
        """The body in the datagram `data`. Raises `BadDatagram` if `data` is not in this envelope, or is damaged or forged."""


class OpenEnvelope:
    """The envelope of an open notebook: the body, then its CRC-32 (ISO-HDLC, as in zlib and Ethernet)."""

    key_id = None
    overhead_bytes = _CHECK_BYTES

    def wrap(self, body: bytes) -> bytes:
        """The datagram that carries `body`, which must have at most `BODY_BYTES_MAX` bytes: `body` and its checksum."""
        assert len(body) <= BODY_BYTES_MAX, "a datagram that a router may fragment"
        return body + crc32(body).to_bytes(_CHECK_BYTES)

    def unwrap(self, data: bytes) -> bytes:
        """The body in the datagram `data`. Raises `BadDatagram` if its length, magic, version or checksum is wrong."""
        end = len(data) - _CHECK_BYTES
        if end < HEADER_BYTES:
            raise BadDatagram("truncated")
        if end > BODY_BYTES_MAX:
            raise BadDatagram("oversized")
        if data[:2] != MAGIC:
            raise BadDatagram("foreign")
        if data[2] != VERSION:
            raise BadDatagram("version")
        body = data[:end]
        if crc32(body) != int.from_bytes(data[end:]):
            raise BadDatagram("corrupted")
        return body


OPEN = OpenEnvelope()
"""The envelope of all open notebooks, which everybody may read and write."""


class Requester(NamedTuple):
    """The sender of a request: its address, and the envelope in which the request came and the answer travels."""

    address: Address
    envelope: Envelope


def unwrap_any(data: bytes, envelopes: Iterable[Envelope]) -> tuple[bytes, Envelope]:
    """The body in the datagram `data`, and that one of `envelopes` in which `data` is.

    Raises `BadDatagram` if `data` is in none of them, with the reason for which the last one refused `data`.
    """
    reason = "strange"
    for envelope in envelopes:
        try:
            return envelope.unwrap(data), envelope
        except BadDatagram as bad:  # keep only the reason: the traceback refers to this frame, which makes a cycle
            reason = bad.reason
    raise BadDatagram(reason)

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
"""The longest body. Even in the sealed envelope, it fits into a datagram of `DATAGRAM_BYTES_MAX`."""

HEADER_BYTES = 4
SEALED_TYPE = ord("S")
"""The type in the unencrypted header of a sealed datagram. The type of the message inside is encrypted."""

SEALED_HEADER = MAGIC + bytes((VERSION, SEALED_TYPE))
_CHECK_BYTES = 4


class Envelope(Protocol):
    """Makes datagrams from the bodies of messages, and takes the bodies out of datagrams again."""

    @property
    def key_id(self) -> bytes | None:
        """The id of the notebook key with which this envelope encrypts; None for the open envelope."""

    @property
    def overhead_bytes(self) -> int:
        """How many bytes a datagram in this envelope has in addition to its body."""

    def wrap(self, body: bytes) -> bytes:
        """Put `body` into this envelope and return the datagram. `body` must have at most `BODY_BYTES_MAX` bytes."""

    def unwrap(self, data: bytes) -> bytes:
        """Return the body in the datagram `data`. Raises `BadDatagram` if `data` is damaged, forged or not in this envelope."""


class OpenEnvelope:
    """The envelope of an open notebook: the body, then its CRC-32 (ISO-HDLC, as in zlib and Ethernet)."""

    key_id = None
    overhead_bytes = _CHECK_BYTES

    def wrap(self, body: bytes) -> bytes:
        """Return the datagram, which is `body` and its checksum. `body` must have at most `BODY_BYTES_MAX` bytes."""
        assert len(body) <= BODY_BYTES_MAX, "a datagram that a router may fragment"
        return body + crc32(body).to_bytes(_CHECK_BYTES)

    def unwrap(self, data: bytes) -> bytes:
        """Return the body in the datagram `data`. Raises `BadDatagram` if its length, magic, version or checksum is wrong.

        A datagram in a sealed envelope has no such checksum. The error then has the reason "sealed" instead of "corrupted".
        """
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
            raise BadDatagram("sealed" if data[3] == SEALED_TYPE else "corrupted")
        return body


OPEN = OpenEnvelope()
"""The envelope of all open notebooks, which everybody may read and write."""


class Requester(NamedTuple):
    """The sender of a request. Its `address` gets the answer, in the same `envelope` as the request."""

    address: Address
    envelope: Envelope


def unwrap_any(data: bytes, envelopes: Iterable[Envelope]) -> tuple[bytes, Envelope]:
    """Try `envelopes` in order. Return the body in the datagram `data`, and the envelope that `data` came in.

    If `data` is in none of them, raises `BadDatagram` with the reason that the last one gave.
    """
    reason = "strange"
    for envelope in envelopes:
        try:
            return envelope.unwrap(data), envelope
        except BadDatagram as bad:  # keep only the reason: the traceback refers to this frame, which makes a cycle
            reason = bad.reason
    raise BadDatagram(reason)

"""An envelope carries the body of a message in a datagram, and detects on arrival whether the datagram was damaged or forged.

A body begins with a header: the magic `UN`, the protocol's version, the message's type. There are two kinds of envelopes. The
open one, in this module, appends a checksum, which detects damage by the network. The sealed one, in `sealed_envelope`,
encrypts and authenticates the body. The rest of the protocol works the same with either kind.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar
from zlib import crc32

from udpnote.errors import BadDatagram

MAGIC = b"UN"
VERSION = 1

DATAGRAM_BYTES_MAX = 1200
"""A UDP payload of this size fits every IPv6 path, whose MTU is at least 1,280 bytes (RFC 8200 §5), even in a tunnel."""

BODY_BYTES_MAX = 1160
"""The longest body that fits a datagram even when it is sealed."""

HEADER_BYTES = 4
SEALED_TYPE = ord("S")
"""In the header of a sealed datagram, this replaces the message's type."""

SEALED_HEADER = MAGIC + bytes((VERSION, SEALED_TYPE))
_CHECK_BYTES = 4


class Envelope(Protocol):
    """Puts bodies into datagrams and takes them out again. `key_id` identifies its key; it is None for the open envelope."""

    @property
    def key_id(self) -> bytes | None:
        """The id of the key that opens it; None: no key is needed."""

    @property
    def overhead_bytes(self) -> int:
        """How many bytes longer a datagram is than its body."""

    def wrap(self, body: bytes) -> bytes:
        """The datagram that carries `body`, which has at most `BODY_BYTES_MAX` bytes."""

    def unwrap(self, data: bytes) -> bytes:
        """The body in the datagram `data`; raises `BadDatagram` if that is damaged, or not in this envelope."""


class OpenEnvelope:
    """A body and its CRC-32 (ISO-HDLC, as in zlib and Ethernet)."""

    key_id = None
    overhead_bytes = _CHECK_BYTES

    def wrap(self, body: bytes) -> bytes:
        """The datagram that carries `body`."""
        assert len(body) <= BODY_BYTES_MAX, "a datagram that a router may fragment"
        return body + crc32(body).to_bytes(_CHECK_BYTES)

    def unwrap(self, data: bytes) -> bytes:
        """The body in the datagram `data`; raises `BadDatagram` if the checksum does not match."""
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
"""The envelope of notebooks that everybody may read and write."""

Source = TypeVar("Source")


class Requester(NamedTuple, Generic[Source]):
    """The sender of a request: its address, and the envelope of the request, in which the answer travels."""

    address: Source
    envelope: Envelope


def unwrap_any(data: bytes, envelopes: Iterable[Envelope]) -> tuple[bytes, Envelope]:
    """The body in the datagram `data`, and which of `envelopes` it came in; raises `BadDatagram` if it came in none of them."""
    bad = BadDatagram("strange")
    for envelope in envelopes:
        try:
            return envelope.unwrap(data), envelope
        except BadDatagram as reason:
            bad = reason
    raise bad

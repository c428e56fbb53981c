"""What keeps a datagram whole on its way: the envelope in which the bytes of a message travel.

A message's bytes, its body, begin with a header: the magic `UN`, the protocol's version, the message's type. There are two
envelopes. The open one, here, appends a checksum, which finds what the network has damaged. The sealed one (see `sealing`)
encrypts and authenticates. Nobody else knows which of them a datagram has.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar
from zlib import crc32

from udpnote.errors import BadDatagram

MAGIC = b"UN"
VERSION = 1

DATAGRAM_BYTES_MAX = 1200
"""UDP payload that fits every IPv6 path (1,280 bytes of link MTU less headers and a tunnel): nobody fragments it."""

BODY_BYTES_MAX = 1160
"""The longest body: a sealed one fits its datagram, and an open one of the same length is a little shorter."""

HEADER_BYTES = 4
SEALED_TYPE = ord("S")
"""What stands in a datagram's header where the type of an open message would: a sealed envelope."""

SEALED_HEADER = MAGIC + bytes((VERSION, SEALED_TYPE))
_CHECK_BYTES = 4


class Envelope(Protocol):
    """Puts bodies into datagrams, and takes them out again; `key_id` tells sealed ones apart, and is None for the open one."""

    @property
    def key_id(self) -> bytes | None:
        """Which key it takes to open it."""

    @property
    def overhead_bytes(self) -> int:
        """How much longer a datagram is than its body."""

    def seal(self, body: bytes) -> bytes:
        """The datagram that carries `body`, which has at most `BODY_BYTES_MAX` bytes."""

    def unseal(self, data: bytes) -> bytes:
        """The body in a datagram that is whole and in this envelope; raises `BadDatagram` for anything else."""


class OpenEnvelope:
    """A body and its CRC-32 (ISO-HDLC, as in zlib and Ethernet)."""

    key_id = None
    overhead_bytes = _CHECK_BYTES

    def seal(self, body: bytes) -> bytes:
        """The datagram that carries `body`."""
        assert len(body) <= BODY_BYTES_MAX, "a datagram that a router may fragment"
        return body + crc32(body).to_bytes(_CHECK_BYTES)

    def unseal(self, data: bytes) -> bytes:
        """The body in `data`, whose check holds; raises `BadDatagram`."""
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
"""The envelope of notebooks that anybody may read and write."""

Source = TypeVar("Source")


class Requester(NamedTuple, Generic[Source]):
    """Who is to be answered: at which address, and in which envelope, which is that of the question."""

    address: Source
    envelope: Envelope


def unseal_any(data: bytes, envelopes: Iterable[Envelope]) -> tuple[bytes, Envelope]:
    """The body in `data`, and in which of `envelopes` it came; raises `BadDatagram` if in none of them."""
    bad = BadDatagram("strange")
    for envelope in envelopes:
        try:
            return envelope.unseal(data), envelope
        except BadDatagram as reason:
            bad = reason
    raise bad

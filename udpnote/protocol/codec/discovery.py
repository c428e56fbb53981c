"""Converts DISCOVERs and OFFERs to bytes and back.

A short text is one byte with the length of its UTF-8, then the UTF-8.
"""

from struct import Struct

from udpnote.errors import BadDatagram
from udpnote.protocol.codec.fields import DISCOVER, HEADERS, OFFER, check_padding
from udpnote.protocol.messages import (
    NAME_BYTES_MAX,
    NOTEBOOK_ID_BYTES,
    PROBE_ID_BYTES,
    SERVER_ID_BYTES,
    VERSION_BYTES_MAX,
    Discover,
    Offer,
)

_DISCOVER = Struct(f">4s{PROBE_ID_BYTES}s{NOTEBOOK_ID_BYTES}s")
_OFFER = Struct(f">4s{PROBE_ID_BYTES}s{NOTEBOOK_ID_BYTES}s{SERVER_ID_BYTES}sQH")

DISCOVER_BYTES = _OFFER.size + 1 + NAME_BYTES_MAX + 1 + VERSION_BYTES_MAX
"""The length of a DISCOVER's body, which is padded to the length of the longest OFFER. So a server never sends more bytes than
it has received, and nobody can use it to amplify traffic to a forged address."""


def discover_body(discover: Discover) -> bytes:
    """The body of a DISCOVER: a header, the fields of `discover`, and padding up to `DISCOVER_BYTES`."""
    return _DISCOVER.pack(HEADERS[DISCOVER], *discover).ljust(DISCOVER_BYTES, b"\0")


def parse_discover(body: bytes) -> Discover:
    """The DISCOVER in `body`.

    Raises `BadDatagram` or `struct.error` if `body` breaks a rule of the protocol.
    """
    _, probe_id, notebook_id = _DISCOVER.unpack_from(body)
    if len(body) != DISCOVER_BYTES:
        raise BadDatagram("malformed")
    check_padding(body, _DISCOVER.size)
    return Discover(probe_id, notebook_id)


def offer_body(offer: Offer) -> bytes:
    """The body of an OFFER: a header, and the fields of `offer`. It has no padding."""
    body = _OFFER.pack(HEADERS[OFFER], offer.probe_id, offer.notebook_id, offer.server_id, offer.entries, offer.flags)
    return body + _short_text(offer.name, NAME_BYTES_MAX) + _short_text(offer.version, VERSION_BYTES_MAX)


def parse_offer(body: bytes) -> Offer:
    """The OFFER in `body`.

    Raises `BadDatagram`, `struct.error`, `IndexError` or `UnicodeDecodeError` if `body` breaks a rule of the protocol.
    """
    _, probe_id, notebook_id, server_id, entries, flags = _OFFER.unpack_from(body)
    name, name_end = _read_short_text(body, _OFFER.size, bytes_max=NAME_BYTES_MAX)
    version, version_end = _read_short_text(body, name_end, bytes_max=VERSION_BYTES_MAX)
    if version_end != len(body):
        raise BadDatagram("malformed")
    return Offer(probe_id, notebook_id, name, entries, version, flags, server_id)


def _short_text(text: str, bytes_max: int) -> bytes:
    data = text.encode()
    assert len(data) <= bytes_max, "a text that does not fit its field"
    return bytes((len(data),)) + data


def _read_short_text(body: bytes, start: int, *, bytes_max: int) -> tuple[str, int]:
    """The short text that begins at the index `start` in `body`, and the index where it ends.

    Raises `BadDatagram` if the text has more than `bytes_max` bytes.
    """
    size = body[start]
    if size > bytes_max:
        raise BadDatagram("malformed")
    return body[start + 1 : start + 1 + size].decode(), start + 1 + size

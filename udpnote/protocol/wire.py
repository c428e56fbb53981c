"""Messages to bytes and back, and the integrity check of every datagram.

A datagram is a header (the magic `UN`, the protocol's version, the message's type), a body, and a seal: the CRC-32
(ISO-HDLC, as in zlib and Ethernet) of all before it. Integers are big-endian; a short text is its length in one byte and
its UTF-8. `_seal` and `_unsealed` are the only places that know of the check, so that an authenticated one can take
its place. `decode` accepts exactly what `encode` could have made: anything else is a `BadDatagram`.
"""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct, error
from zlib import crc32

from udpnote.entry import (
    AUTHOR_BYTES_MAX,
    CLIENT_ID_BYTES,
    NO_PREDECESSOR,
    SEQUENCE_MAX,
    UTC_OFFSET_MINUTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Kind,
    Part,
    Restored,
    Status,
)
from udpnote.errors import BadDatagram
from udpnote.protocol.messages import (
    NAME_BYTES_MAX,
    NOTEBOOK_ID_BYTES,
    PROBE_ID_BYTES,
    VERSION_BYTES_MAX,
    Ack,
    Append,
    Discover,
    Message,
    Offer,
    Page,
    PartAck,
    Read,
    Reason,
    Refuse,
)
from udpnote.protocol.wire_reading import page_body, page_body_of, parse_page, parse_read, read_body

VERSION = 1
DATAGRAM_BYTES_MAX = 1200
"""UDP payload that fits every IPv6 path (1,280 bytes of link MTU less headers and a tunnel): nobody fragments it."""

DISCOVER, OFFER, APPEND, ACK, READ, PAGE, REFUSE, RESTORE = range(1, 9)
"""Message types."""

_MAGIC = b"UN"
_HEADER_BYTES = 4
_SEAL = Struct(">I")
_APPEND = Struct(f">4s{NOTEBOOK_ID_BYTES}s{CLIENT_ID_BYTES}sQHBQqhIIHB")
_RESTORED = Struct(f">q{CLIENT_ID_BYTES}sQ")
_ACK = Struct(f">4s{CLIENT_ID_BYTES}sH")
_PART_ACK = Struct(">QIHBQI")
_DISCOVER = Struct(f">4s{PROBE_ID_BYTES}s{NOTEBOOK_ID_BYTES}s")
_OFFER = Struct(f">4s{PROBE_ID_BYTES}s{NOTEBOOK_ID_BYTES}sQH")
_REFUSE = Struct(f">4sB{CLIENT_ID_BYTES}sQIH")

OFFER_BYTES_MAX = _OFFER.size + 1 + NAME_BYTES_MAX + 1 + VERSION_BYTES_MAX + _SEAL.size
DISCOVER_BYTES = OFFER_BYTES_MAX
"""A DISCOVER is padded to the longest OFFER, so that no server sends more than it was sent."""

READ_BYTES = DATAGRAM_BYTES_MAX
"""A READ is padded to the longest PAGE, for the same reason."""

PAGE_BODY_BYTES_MAX = DATAGRAM_BYTES_MAX - _HEADER_BYTES - _SEAL.size
"""What a PAGE can carry."""

APPEND_BYTES_MIN = _APPEND.size + _SEAL.size
"""An APPEND without its author and text."""

PART_ACKS_MAX = (DATAGRAM_BYTES_MAX - _ACK.size - _SEAL.size) // _PART_ACK.size
"""How many verdicts fit into one ACK."""

_new = tuple.__new__
"""Makes a NamedTuple in half the time of its class, which counts a hundred thousand times a second."""

assert _ACK.size + _PART_ACK.size + _SEAL.size < APPEND_BYTES_MIN, "an ACK longer than its APPEND would amplify"
assert _REFUSE.size + _SEAL.size < APPEND_BYTES_MIN, "a REFUSE longer than its APPEND would amplify"

_HEADERS = {kind: _MAGIC + bytes((VERSION, kind)) for kind in range(DISCOVER, RESTORE + 1)}
_APPEND_HEADER = _HEADERS[APPEND]
_KINDS = {int(kind): kind for kind in Kind}
_STATUSES = {int(status): status for status in Status}
_REASONS = {int(reason): reason for reason in Reason}
_SETTLED = (Status.STORED, Status.STORED_ALREADY)


@lru_cache(maxsize=64)
def part_bytes_max(author: str) -> int:
    """How many bytes of text one APPEND or RESTORE by this author can carry."""
    return DATAGRAM_BYTES_MAX - APPEND_BYTES_MIN - _RESTORED.size - len(author.encode())


def encode(message: Message) -> bytes:
    """The datagram of `message`, whose values must be within their limits."""
    match message:
        case Append():
            return encode_append(message)
        case Ack():
            return _encode_ack(message)
        case Discover(probe_id, notebook_id):
            return _seal(_DISCOVER.pack(_HEADERS[DISCOVER], probe_id, notebook_id), DISCOVER_BYTES)
        case Offer(probe_id, notebook_id, name, entries, version, flags):
            body = _OFFER.pack(_HEADERS[OFFER], probe_id, notebook_id, entries, flags)
            return _seal(body + _short_text(name, NAME_BYTES_MAX) + _short_text(version, VERSION_BYTES_MAX))
        case Read():
            return _seal(_HEADERS[READ] + read_body(message), READ_BYTES)
        case Page():
            return _seal(_HEADERS[PAGE] + page_body(message))
        case Refuse(reason, client_id, sequence, offset, attempt):  # pragma: no branch - mypy proves that none is left
            return _seal(_REFUSE.pack(_HEADERS[REFUSE], reason, client_id, sequence, offset, attempt))


def encode_append(append: Append, padded_bytes: int = 0) -> bytes:
    """The datagram of `append`, zero-padded to `padded_bytes` where it is shorter."""
    notebook_id, attempt, part = append
    client_id, sequence, kind, written_at, utc_offset, author_text, total_bytes, offset, data, revises, restored = part
    author = author_text.encode()
    assert 0 < len(author) <= AUTHOR_BYTES_MAX, "an author no server would take"
    header = _APPEND_HEADER if restored is None else _HEADERS[RESTORE]
    body = _APPEND.pack(
        header, notebook_id, client_id, sequence, attempt, kind, revises, written_at, utc_offset, total_bytes, offset,
        len(data), len(author),
    )  # fmt: skip
    if restored is not None:
        body += _RESTORED.pack(*restored)
    return _seal(body + author + data, padded_bytes)


def encode_page(page: Page, packed: list[bytes], *, are_tallies: bool, padded_bytes: int = 0) -> bytes:
    """The datagram of `page`, whose items are packed already (see `wire_reading`), zero-padded like an APPEND."""
    return _seal(_HEADERS[PAGE] + page_body_of(page, packed, are_tallies=are_tallies), padded_bytes)


def _encode_ack(ack: Ack) -> bytes:
    assert 0 < len(ack.parts) <= PART_ACKS_MAX, "an ACK that does not fit its datagram"
    pack = _PART_ACK.pack
    body = _ACK.pack(_HEADERS[ACK], ack.client_id, len(ack.parts))
    return _seal(body + b"".join([pack(*part) for part in ack.parts]))


def _short_text(text: str, bytes_max: int) -> bytes:
    data = text.encode()
    assert len(data) <= bytes_max, "a text that does not fit its field"
    return bytes((len(data),)) + data


def _seal(body: bytes, padded_bytes: int = 0) -> bytes:
    """The datagram: `body`, which begins with its header, padded, and the check at its end."""
    if padded_bytes:
        body = body.ljust(padded_bytes - _SEAL.size, b"\0")
    assert len(body) + _SEAL.size <= DATAGRAM_BYTES_MAX, "a datagram that a router may fragment"
    return body + _SEAL.pack(crc32(body))


def decode(data: bytes) -> Message:
    """The message in `data`; raises `BadDatagram` for anything that `encode` does not make."""
    decoder = _unsealed(data)
    try:
        return decoder(data, len(data) - _SEAL.size)
    except (error, KeyError, IndexError, UnicodeDecodeError):
        raise BadDatagram("malformed") from None


def _unsealed(data: bytes) -> Callable[[bytes, int], Message]:
    """The decoder for `data`, whose check holds; raises `BadDatagram`."""
    end = len(data) - _SEAL.size
    if end < _HEADER_BYTES:
        raise BadDatagram("truncated")
    if end > DATAGRAM_BYTES_MAX - _SEAL.size:
        raise BadDatagram("oversized")
    if data[:2] != _MAGIC:
        raise BadDatagram("foreign")
    if data[2] != VERSION:
        raise BadDatagram("version")
    if crc32(data[:end]) != int.from_bytes(data[end:]):
        raise BadDatagram("corrupted")
    decoder = _DECODERS.get(data[3])
    if decoder is None:
        raise BadDatagram("type")
    return decoder


def _decode_append(data: bytes, end: int, restored: Restored | None = None) -> Append:
    (
        _, notebook_id, client_id, sequence, attempt, kind, revises, written_at, utc_offset, total_bytes, offset, part_bytes,
        author_bytes,
    ) = _APPEND.unpack_from(data)  # fmt: skip
    author_at = _APPEND.size if restored is None else _APPEND.size + _RESTORED.size
    text_at = author_at + author_bytes
    text_end = text_at + part_bytes
    if not (
        0 < sequence <= SEQUENCE_MAX
        and attempt
        and (part_bytes or (kind == Kind.DELETION and not total_bytes))
        and (0 < revises <= SEQUENCE_MAX if kind != Kind.NOTE else not revises)
        and offset + part_bytes <= total_bytes
        and 0 < author_bytes <= AUTHOR_BYTES_MAX
        and -UTC_OFFSET_MINUTES_MAX <= utc_offset <= UTC_OFFSET_MINUTES_MAX
        and WRITTEN_AT_MIN <= written_at <= WRITTEN_AT_MAX
    ):
        raise BadDatagram("malformed")
    if text_end != end:
        _check_padding(data, text_end, end)
    author = data[author_at:text_at].decode()
    text = data[text_at:text_end]
    fields = (
        client_id, sequence, _KINDS[kind], written_at, utc_offset, author, total_bytes, offset, text, revises, restored
    )  # fmt: skip
    return _new(Append, (notebook_id, attempt, _new(Part, fields)))


def _decode_restore(data: bytes, end: int) -> Append:
    restored = Restored(*_RESTORED.unpack_from(data, _APPEND.size))
    has_predecessor = 0 < restored.after_sequence <= SEQUENCE_MAX
    if not WRITTEN_AT_MIN <= restored.stored_at <= WRITTEN_AT_MAX or not (has_predecessor or restored[1:] == NO_PREDECESSOR):
        raise BadDatagram("malformed")
    return _decode_append(data, end, restored)


def _decode_read(data: bytes, end: int) -> Read:
    if len(data) != READ_BYTES:
        raise BadDatagram("malformed")
    read, read_end = parse_read(data, _HEADER_BYTES)
    _check_padding(data, read_end, end)
    return read


def _decode_page(data: bytes, end: int) -> Page:
    page, page_end = parse_page(data, _HEADER_BYTES)
    _check_padding(data, page_end, end)
    return page


def _decode_ack(data: bytes, end: int) -> Ack:
    _, client_id, count = _ACK.unpack_from(data)
    if not count or _ACK.size + count * _PART_ACK.size != end:
        raise BadDatagram("malformed")
    parts = []
    for sequence, offset, attempt, code, number, check in _PART_ACK.iter_unpack(data[_ACK.size : end]):
        status = _STATUSES[code]
        if not 0 < sequence <= SEQUENCE_MAX or not attempt or (number > 0) != (status in _SETTLED):
            raise BadDatagram("malformed")
        parts.append(_new(PartAck, (sequence, offset, attempt, status, number, check)))
    return Ack(client_id, tuple(parts))


def _decode_discover(data: bytes, end: int) -> Discover:
    _, probe_id, notebook_id = _DISCOVER.unpack_from(data)
    if end + _SEAL.size != DISCOVER_BYTES:
        raise BadDatagram("malformed")
    _check_padding(data, _DISCOVER.size, end)
    return Discover(probe_id, notebook_id)


def _decode_offer(data: bytes, end: int) -> Offer:
    _, probe_id, notebook_id, entries, flags = _OFFER.unpack_from(data)
    name, name_end = _read_short_text(data, _OFFER.size, bytes_max=NAME_BYTES_MAX)
    version, version_end = _read_short_text(data, name_end, bytes_max=VERSION_BYTES_MAX)
    if version_end != end:
        raise BadDatagram("malformed")
    return Offer(probe_id, notebook_id, name, entries, version, flags)


def _decode_refuse(data: bytes, end: int) -> Refuse:
    _, reason, client_id, sequence, offset, attempt = _REFUSE.unpack_from(data)
    if end != _REFUSE.size or not 0 < sequence <= SEQUENCE_MAX or not attempt:
        raise BadDatagram("malformed")
    return Refuse(_REASONS[reason], client_id, sequence, offset, attempt)


def _read_short_text(data: bytes, start: int, *, bytes_max: int) -> tuple[str, int]:
    size = data[start]
    if size > bytes_max:
        raise BadDatagram("malformed")
    return data[start + 1 : start + 1 + size].decode(), start + 1 + size


def _check_padding(data: bytes, start: int, end: int) -> None:
    """Padding is zeros: what is not said must not be carried."""
    if start > end or (start < end and data[start:end].strip(b"\0")):
        raise BadDatagram("malformed")


_DECODERS: dict[int, Callable[[bytes, int], Message]] = {
    DISCOVER: _decode_discover,
    OFFER: _decode_offer,
    APPEND: _decode_append,
    ACK: _decode_ack,
    READ: _decode_read,
    PAGE: _decode_page,
    RESTORE: _decode_restore,
    REFUSE: _decode_refuse,
}

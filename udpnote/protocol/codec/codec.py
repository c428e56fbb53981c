"""The codec converts messages to bytes and back.

The body of a message is a header (the magic `UN`, the protocol's version, the message's type) and the message's fields. A body
travels in an envelope, which detects damage (see `envelope`). Integers are big-endian. Some messages may be padded with zeros
at the end. Apart from this padding, `decode` accepts only bytes that `encode` makes. It raises `BadDatagram` for all others,
because they break a rule of the protocol.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from struct import Struct
from struct import error as struct_error
from typing import TYPE_CHECKING, TypeAlias

from udpnote.errors import BadDatagram
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    CLIENT_ID_BYTES,
    NO_PREDECESSOR,
    NOTHING_SEEN,
    SEQUENCE_MAX,
    UTC_OFFSET_MINUTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Bundle,
    Kind,
    Part,
    Restored,
    Status,
    new_tuple,
)
from udpnote.protocol.codec.bundles import pack_bundle, parse_bundle
from udpnote.protocol.codec.fields import (
    ACK,
    APPEND,
    BUNDLE,
    DISCOVER,
    EXAMINE,
    HEADERS,
    OFFER,
    PAGE,
    READ,
    REFUSE,
    REPORT,
    RESTORE,
    RUN,
    SEEN,
    check_padding,
    parse_seen,
)
from udpnote.protocol.codec.runs import RUN_NOTES_MAX, notes_body, pack_notes, parse_run
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN, Envelope
from udpnote.protocol.messages import (
    NOTEBOOK_ID_BYTES,
    TOKEN_BYTES,
    Ack,
    Append,
    Discover,
    Offer,
    PartAck,
    Reason,
    Refuse,
    Run,
)

if TYPE_CHECKING:
    from udpnote.protocol.examination_messages import Examine, Report
    from udpnote.protocol.reading_messages import Page, Read

Message: TypeAlias = "Discover | Offer | Append | Run | Ack | Read | Page | Refuse | Examine | Report"
"""Any message of the protocol."""

# The layouts of bodies and of parts of them. docs/protocol.md names the fields, in this order. `4s` is the header.
_APPEND = Struct(f">4s{NOTEBOOK_ID_BYTES}s{TOKEN_BYTES}s{CLIENT_ID_BYTES}sQHBQqhIIHB")
_RESTORED = Struct(f">q{CLIENT_ID_BYTES}sQ")
_ACK = Struct(f">4s{TOKEN_BYTES}s{CLIENT_ID_BYTES}sH")
_PART_ACK = Struct(">QIHBQI")
_REFUSE = Struct(f">4s{TOKEN_BYTES}sB{CLIENT_ID_BYTES}sQIH")

APPEND_BYTES_MIN = _APPEND.size
"""The length of an APPEND's body without its author, its text, and the fields that only some APPENDs have."""

PART_ACKS_MAX = (BODY_BYTES_MAX - _ACK.size) // _PART_ACK.size
"""How many `PartAck`s fit into one ACK."""

ACK_NUMBER_MAX = SEQUENCE_MAX - RUN_NOTES_MAX
"""The highest number in an ACK: an outbox must be able to save the numbers of all notes of a RUN or BUNDLE."""


assert _ACK.size + _PART_ACK.size < APPEND_BYTES_MIN, "an ACK longer than its APPEND would amplify"
assert _REFUSE.size < APPEND_BYTES_MIN, "a REFUSE longer than its APPEND would amplify"

_KINDS = {int(kind): kind for kind in Kind if kind is not Kind.ERASED}
"""The kinds of entries that an APPEND may carry, by their numbers in the datagram."""
_STATUSES = {int(status): status for status in Status}
_REASONS = {int(reason): reason for reason in Reason}
_STORED_STATUSES = (Status.STORED, Status.STORED_ALREADY)


@lru_cache(maxsize=64)
def part_bytes_max(author: str) -> int:
    """The most bytes of text in one APPEND or RESTORE of this author. A longer author leaves less room.

    Every client cuts a longer text into parts of this length. Only the last part may be shorter.
    """
    return _part_bytes_max(len(author.encode()))


def _part_bytes_max(author_bytes: int) -> int:
    """The result of `part_bytes_max` for an author of `author_bytes` bytes of UTF-8.

    It leaves room for the fields that only some APPENDs have. So all texts of one author are cut in the same places.
    """
    return BODY_BYTES_MAX - APPEND_BYTES_MIN - _RESTORED.size - SEEN.size - author_bytes


def encode(message: Message, envelope: Envelope = OPEN) -> bytes:
    """The datagram that carries `message` in `envelope`.

    The caller keeps all fields within their limits. A field beyond its limit may raise `AssertionError` or `struct.error`.
    """
    return envelope.wrap(_body(message))


def decode(data: bytes, envelope: Envelope = OPEN) -> Message:
    """The message in the datagram `data`. Raises `BadDatagram` if `data` is not in `envelope`, or is not a valid message."""
    return parse(envelope.unwrap(data))


def parse(body: bytes) -> Message:
    """The message whose body is `body`, a result of `Envelope.unwrap`. Raises `BadDatagram` if `body` is no valid message."""
    decoder = _DECODERS.get(body[3])  # the type of the message: the last byte of the header
    if decoder is None:
        raise BadDatagram("type")
    try:
        return decoder(body)
    except (struct_error, KeyError, IndexError, UnicodeDecodeError):
        raise BadDatagram("malformed") from None


def append_body(append: Append) -> bytes:
    """The body that carries `append`: a RESTORE if the entry is imported (the part has `restored`), else an APPEND.

    The caller may append zeros to the body as padding.
    """
    notebook_id, token, attempt, part = append
    client_id, sequence, kind, written_at, utc_offset, author_text, total_bytes, offset, data, revises, seen, restored = part
    author = author_text.encode()
    assert 0 < len(author) <= AUTHOR_BYTES_MAX, "a server would drop an APPEND with this author"
    header = HEADERS[APPEND if restored is None else RESTORE]
    body = _APPEND.pack(
        header, notebook_id, token, client_id, sequence, attempt, kind, revises, written_at, utc_offset, total_bytes, offset,
        len(data), len(author),
    )  # fmt: skip
    if restored is not None:
        body += _RESTORED.pack(*restored)
    if revises:
        body += SEEN.pack(*seen)
    return body + author + data


def _body(message: Message) -> bytes:
    match message:
        case Append():
            return append_body(message)
        case Run(notebook_id, token, attempt, notes):
            if isinstance(notes, Bundle):
                content = pack_bundle(notes, [note.text.encode() for note in notes.notes])
                return notes_body(BUNDLE, notebook_id, token, attempt, content)
            return notes_body(RUN, notebook_id, token, attempt, pack_notes(notes, [text.encode() for text in notes.texts]))
        case Ack():
            return _ack_body(message)
        case Refuse(token, reason, client_id, sequence, offset, attempt):
            return _REFUSE.pack(HEADERS[REFUSE], token, reason, client_id, sequence, offset, attempt)
        case _:
            return _body_of_other(message)


def _body_of_other(message: "Discover | Offer | Read | Page | Examine | Report") -> bytes:
    """The body of `message`, of a type that a one-shot send to a known server does not need.

    Each codec is imported when it is needed, so that such a send starts faster.
    """
    from udpnote.protocol.codec.discovery import discover_body, offer_body

    match message:
        case Discover():
            return discover_body(message)
        case Offer():
            return offer_body(message)
    from udpnote.protocol.codec.reading import page_body, read_body
    from udpnote.protocol.reading_messages import Page, Read

    match message:
        case Read():
            return read_body(message)
        case Page():
            return page_body(message)
    from udpnote.protocol.codec.examination import examine_body, report_body
    from udpnote.protocol.examination_messages import Examine, Report

    match message:
        case Examine():
            return examine_body(message)
        case Report():  # pragma: no branch - mypy proves that none is left
            return report_body(message)


def _ack_body(ack: Ack) -> bytes:
    assert 0 < len(ack.parts) <= PART_ACKS_MAX, "an ACK that does not fit its datagram"
    pack = _PART_ACK.pack
    return _ACK.pack(HEADERS[ACK], ack.token, ack.client_id, len(ack.parts)) + b"".join([pack(*part) for part in ack.parts])


def _decode_append(body: bytes, restored: Restored | None = None) -> Append:
    """The APPEND with this `body`. For the `body` of a RESTORE, `restored` has the fields that an APPEND does not have."""
    (
        _, notebook_id, token, client_id, sequence, attempt, kind, revises, written_at, utc_offset, total_bytes, offset,
        part_bytes, author_bytes,
    ) = _APPEND.unpack_from(body)  # fmt: skip
    author_at = _APPEND.size if restored is None else _APPEND.size + _RESTORED.size
    seen = NOTHING_SEEN
    if revises:
        seen = parse_seen(body, author_at)
        author_at += SEEN.size
    text_at = author_at + author_bytes
    text_end = text_at + part_bytes
    if not (
        0 < sequence <= SEQUENCE_MAX
        and attempt
        and (part_bytes or kind == Kind.DELETION)
        and (0 < revises <= SEQUENCE_MAX if kind != Kind.NOTE else not revises)
        and 0 < author_bytes <= AUTHOR_BYTES_MAX
        and -UTC_OFFSET_MINUTES_MAX <= utc_offset <= UTC_OFFSET_MINUTES_MAX
        and WRITTEN_AT_MIN <= written_at <= WRITTEN_AT_MAX
    ):
        raise BadDatagram("malformed")
    bytes_max = _part_bytes_max(author_bytes)
    has_whole_text = not offset and part_bytes == total_bytes <= bytes_max
    if not has_whole_text:
        _check_cut(total_bytes, offset, part_bytes, bytes_max=bytes_max)
    if text_end != len(body):
        check_padding(body, text_end)
    author = body[author_at:text_at].decode()
    text = body[text_at:text_end]
    fields = (
        client_id, sequence, _KINDS[kind], written_at, utc_offset, author, total_bytes, offset, text, revises, seen, restored
    )  # fmt: skip
    return new_tuple(Append, (notebook_id, token, attempt, new_tuple(Part, fields)))


def _check_cut(total_bytes: int, offset: int, part_bytes: int, *, bytes_max: int) -> None:
    """Raise `BadDatagram` unless the part begins at a multiple of `bytes_max`, and has `bytes_max` bytes or ends the text.

    The part has `part_bytes` bytes. It begins at the byte `offset` of a text of `total_bytes` bytes.

    If clients could cut texts in other ways, parts of one text could overlap, and a server would have to merge them.
    """
    if offset % bytes_max or offset >= total_bytes or part_bytes != min(bytes_max, total_bytes - offset):
        raise BadDatagram("malformed")


def _decode_restore(body: bytes) -> Append:
    restored = Restored(*_RESTORED.unpack_from(body, _APPEND.size))
    has_predecessor = 0 < restored.after_sequence <= SEQUENCE_MAX
    if not WRITTEN_AT_MIN <= restored.stored_at <= WRITTEN_AT_MAX or not (has_predecessor or restored[1:] == NO_PREDECESSOR):
        raise BadDatagram("malformed")
    return _decode_append(body, restored)


def _decode_read(body: bytes) -> "Read":
    from udpnote.protocol.codec.reading import parse_read

    return parse_read(body)


def _decode_page(body: bytes) -> "Page":
    return _page_parser()(body)


@cache
def _page_parser() -> "Callable[[bytes], Page]":
    """Return `reading.parse_page`.

    Cached, because an import statement for each page takes longer than parsing its fields.
    """
    from udpnote.protocol.codec.reading import parse_page

    return parse_page


def _decode_ack(body: bytes) -> Ack:
    _, token, client_id, count = _ACK.unpack_from(body)
    if not count or _ACK.size + count * _PART_ACK.size != len(body):
        raise BadDatagram("malformed")
    parts = []
    for sequence, offset, attempt, code, number, check in _PART_ACK.iter_unpack(body[_ACK.size :]):
        status = _STATUSES[code]
        if not 0 < sequence <= SEQUENCE_MAX or not attempt or number > ACK_NUMBER_MAX:
            raise BadDatagram("malformed")
        if (number > 0) != (status in _STORED_STATUSES):
            raise BadDatagram("malformed")
        parts.append(new_tuple(PartAck, (sequence, offset, attempt, status, number, check)))
    return Ack(token, client_id, tuple(parts))


def _decode_discover(body: bytes) -> Discover:
    from udpnote.protocol.codec.discovery import parse_discover

    return parse_discover(body)


def _decode_offer(body: bytes) -> Offer:
    from udpnote.protocol.codec.discovery import parse_offer

    return parse_offer(body)


def _decode_refuse(body: bytes) -> Refuse:
    _, token, reason, client_id, sequence, offset, attempt = _REFUSE.unpack_from(body)
    if len(body) != _REFUSE.size or not 0 < sequence <= SEQUENCE_MAX or not attempt:
        raise BadDatagram("malformed")
    return Refuse(token, _REASONS[reason], client_id, sequence, offset, attempt)


def _decode_examine(body: bytes) -> "Examine":
    from udpnote.protocol.codec.examination import parse_examine

    return parse_examine(body)


def _decode_report(body: bytes) -> "Report":
    from udpnote.protocol.codec.examination import parse_report

    return parse_report(body)


_DECODERS: dict[int, Callable[[bytes], Message]] = {
    DISCOVER: _decode_discover,
    OFFER: _decode_offer,
    APPEND: _decode_append,
    ACK: _decode_ack,
    READ: _decode_read,
    PAGE: _decode_page,
    RESTORE: _decode_restore,
    RUN: parse_run,
    BUNDLE: parse_bundle,
    REFUSE: _decode_refuse,
    EXAMINE: _decode_examine,
    REPORT: _decode_report,
}

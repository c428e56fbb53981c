"""The codec: each message has exactly one datagram (except for the padding of an APPEND or a PAGE), and nothing else is one."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import CLIENT_ID, GOLDEN, NOISE, NOTEBOOK_ID, PROBE_ID, WRITTEN_AT, golden, sealed
from tests.support.wire import NUMBERED, appends, changed, check_limits, is_refused, messages, patched, refusal
from udpnote.errors import BadDatagram
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    NO_PREDECESSOR,
    SEQUENCE_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Kind,
    Part,
    Restored,
    Status,
)
from udpnote.protocol.codec import (
    APPEND_BYTES_MIN,
    DISCOVER_BYTES,
    PART_ACKS_MAX,
    READ_BYTES,
    append_body,
    decode,
    encode,
    part_bytes_max,
)
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.messages import Ack, Append, Message, Offer, PartAck, Read

NAMES = list(GOLDEN)
MAY_BE_PADDED = ("APPEND", "RESTORE", "READ", "PAGE")
PADDING_BYTES = {"APPEND padded to 128 bytes": 36}


def padded(message: Append, body_bytes: int) -> bytes:
    return OPEN.seal(append_body(message).ljust(body_bytes, b"\0"))


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_message_and_its_golden_datagram_are_encoded_to_and_decoded_from_each_other(name: str) -> None:
    message, datagram = GOLDEN[name][0], golden(name)
    assert decode(datagram) == message
    if name in PADDING_BYTES:
        assert isinstance(message, Append)
        assert padded(message, 124) == datagram
    else:
        assert encode(message) == datagram


def test_the_check_is_the_crc_32_that_everybody_publishes() -> None:
    assert sealed(b"123456789") == b"123456789\xcb\xf4\x39\x26"


@given(messages)
@settings(deadline=None)
def test_any_message_survives_the_wire_within_its_datagram(message: Message) -> None:
    datagram = encode(message)
    assert decode(datagram) == message
    assert len(datagram) <= BODY_BYTES_MAX + OPEN.overhead_bytes
    assert not isinstance(message, Read) or len(datagram) == READ_BYTES + OPEN.overhead_bytes


@given(appends, st.integers(0, BODY_BYTES_MAX))
@settings(deadline=None)
def test_an_append_is_the_same_under_any_padding(message: Append, padded_bytes: int) -> None:
    assert decode(padded(message, padded_bytes)) == message


@given(NOISE)
@settings(deadline=None, max_examples=500)
def test_any_bytes_are_refused_or_are_a_message_that_can_be_encoded_again(data: bytes) -> None:
    try:
        message = decode(data)
    except BadDatagram:
        return
    assert decode(encode(message)) == message


@pytest.mark.parametrize("name", NAMES)
def test_a_datagram_that_was_damaged_or_cut_short_is_refused(name: str) -> None:
    datagram = golden(name)
    for bit in range(8 * min(len(datagram), 160)):
        flipped = bytearray(datagram)
        flipped[bit // 8] ^= 1 << bit % 8
        assert refusal(bytes(flipped)) in ("foreign", "version", "corrupted")
    for size in range(len(datagram)):
        assert refusal(datagram[:size]) == ("truncated" if size < 8 else "corrupted")


@pytest.mark.parametrize("name", NAMES)
def test_a_body_cut_short_is_refused_although_its_check_is_right(name: str) -> None:
    body = golden(name)[:-4]
    shortest = len(body) - PADDING_BYTES.get(name, 0)
    assert {refusal(sealed(body[:size])) for size in range(4, shortest)} == {"malformed"}


@pytest.mark.parametrize("name", NAMES)
def test_only_zeros_are_padding_and_only_of_an_append_a_restore_or_a_page(name: str) -> None:
    body, kind = golden(name)[:-4], name.split()[0]
    for padding in {1, 20, BODY_BYTES_MAX - len(body)} - {0}:
        datagram = sealed(body + bytes(padding))
        is_padding = kind in MAY_BE_PADDED and kind != "READ"
        assert decode(datagram) == GOLDEN[name][0] if is_padding else refusal(datagram) in ("malformed", "oversized")
        assert refusal(sealed(body + bytes(padding - 1) + b"\1")) in ("malformed", "oversized")
    if name in PADDING_BYTES or kind in ("DISCOVER", "READ"):
        assert refusal(sealed(body[:-1] + b"\1")) == refusal(sealed(body[:-36] + b"\1" + body[-35:])) == "malformed"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (sealed(b"UN\1"), "truncated"),
        (sealed(b"UN\1\3" + bytes(1157)), "oversized"),
        (sealed(b"NU\1\3" + bytes(100)), "foreign"),
        *((sealed(b"UN" + bytes((version, 3)) + bytes(100)), "version") for version in (0, 2)),
        *((sealed(b"UN\1" + bytes((kind,)) + bytes(100)), "type") for kind in (0, 9, 255)),
    ],
)
def test_bytes_of_no_message_are_refused_for_their_reason(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


# APPEND and RESTORE

NOTE, REVISION, DELETION = "APPEND in Chinese", "APPEND a revision", "APPEND a deletion"
RESTORE = "RESTORE after another entry"
OUT_OF_NUMBERS, OUT_OF_TIMES = (0, 2**63, 2**64 - 1), (WRITTEN_AT_MIN - 1, WRITTEN_AT_MAX + 1)
PART_BYTES_AT, AUTHOR_BYTES_AT, AUTHOR_AT = 73, 75, 76


@pytest.mark.parametrize("name", [NOTE, RESTORE])
@pytest.mark.parametrize(
    ("path", "accepted", "refused"),
    [
        ("part.sequence", (1, SEQUENCE_MAX), OUT_OF_NUMBERS),
        ("attempt", (65535,), (0,)),
        ("part.kind", (), (0, 2, 3, 4)),
        ("part.revises", (), (1, SEQUENCE_MAX)),
        ("part.written_at", (WRITTEN_AT_MIN, WRITTEN_AT_MAX), OUT_OF_TIMES),
        ("part.utc_offset", (1080, -1080), (1081, -1081)),
        ("part.total_bytes", (2**32 - 1,), (5, 0)),
        ("part.offset", (), (1, 2**32 - 1)),
        ("part.data", (), (b"",)),
        ("part.author", ("x", "x" * AUTHOR_BYTES_MAX), ()),
    ],
)
def test_an_append_is_accepted_exactly_if_its_values_are_within_their_limits(
    name: str, path: str, accepted: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    check_limits(name, path, accepted, refused)


@pytest.mark.parametrize("name", [REVISION, DELETION])
def test_revisions_and_deletions_revise_an_entry(name: str) -> None:
    check_limits(name, "part.revises", (1, SEQUENCE_MAX), OUT_OF_NUMBERS)


def test_only_a_deletion_may_be_without_a_text_and_then_its_whole_text_is_empty() -> None:
    check_limits(REVISION, "part.data", (), (b"",))
    check_limits(DELETION, "part.total_bytes", (0,), (1,))
    check_limits(DELETION, "part.kind", (Kind.DELETION,), (Kind.REVISION, 4))


@pytest.mark.parametrize(
    ("stored_at", "after_client", "after_sequence", "is_accepted"),
    [
        *((0, CLIENT_ID, number, True) for number in (1, SEQUENCE_MAX)),
        *((0, CLIENT_ID, number, False) for number in OUT_OF_NUMBERS),
        *((0, bytes(16), number, number < 2) for number in (0, 1, 2**64 - 1)),
        *((time, CLIENT_ID, 1, True) for time in (WRITTEN_AT_MIN, WRITTEN_AT_MAX)),
        *((time, *NO_PREDECESSOR, False) for time in OUT_OF_TIMES),
    ],
)
def test_a_restore_names_a_time_and_a_predecessor_or_none(
    stored_at: int, after_client: bytes, after_sequence: int, is_accepted: bool
) -> None:
    restored = Restored(stored_at, after_client, after_sequence)
    assert is_refused(changed(RESTORE, "part.restored", restored)) != is_accepted


@pytest.mark.parametrize(
    ("at", "data"),
    [
        *((PART_BYTES_AT, size.to_bytes(2)) for size in (0, 17, 19, 65535)),
        *((AUTHOR_BYTES_AT, bytes((size,))) for size in (0, 129, 255)),
        (AUTHOR_AT, b"\xff" * 6),
    ],
)
def test_an_append_whose_lengths_are_wrong_or_whose_author_is_not_utf_8_is_refused(at: int, data: bytes) -> None:
    assert refusal(patched(NOTE, at, data)) == "malformed"


def test_an_author_of_129_bytes_is_refused() -> None:
    body = append_body(Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 0, "x" * 128, 1, 0, b"y")))
    assert decode(sealed(body))
    assert is_refused(sealed(body[:AUTHOR_BYTES_AT] + bytes((129,)) + b"x" + body[AUTHOR_AT:]))


# ACK, REFUSE and OFFER

ACK, REFUSE, OFFER = "ACK stored, conflict, part kept", "REFUSE wrong notebook", "OFFER"


@pytest.mark.parametrize(
    ("name", "path", "accepted", "refused"),
    [
        (ACK, "parts.0.sequence", (1, SEQUENCE_MAX), (0, 2**63)),
        (ACK, "parts.0.attempt", (65535,), (0,)),
        (ACK, "parts.0.number", (2**64 - 1,), (0,)),
        (ACK, "parts.0.status", NUMBERED, (0, 8, *(status for status in Status if status not in NUMBERED))),
        (ACK, "parts.1.status", (status for status in Status if status not in NUMBERED), (0, 8, *NUMBERED)),
        (REFUSE, "reason", (1, 2), (0, 3)),
        (REFUSE, "sequence", (1, SEQUENCE_MAX), (0, 2**63)),
        (REFUSE, "attempt", (65535,), (0,)),
    ],
)
def test_an_answer_is_accepted_exactly_if_its_values_are_within_their_limits(
    name: str, path: str, accepted: Iterable[object], refused: Iterable[object]
) -> None:
    check_limits(name, path, accepted, refused)


@pytest.mark.parametrize("count", [0, 2, 4, 65535])
def test_an_acknowledgement_whose_count_is_wrong_is_refused(count: int) -> None:
    assert refusal(patched(ACK, 20, count.to_bytes(2))) == "malformed"
    assert refusal(sealed(golden(ACK)[:20] + bytes(2))) == "malformed"


@pytest.mark.parametrize("tail", [b"\x81" + b"x" * 129 + b"\0", b"\0\x21" + b"x" * 33, b"\0\x0610.00", b"\1\xff\0", b"\x0a"])
def test_an_offer_whose_texts_do_not_fit_is_refused(tail: bytes) -> None:
    assert refusal(sealed(golden(OFFER)[:38] + tail)) == "malformed"


# Lengths


def test_no_answer_is_longer_than_its_request() -> None:
    offer = encode(Offer(PROBE_ID, NOTEBOOK_ID, "x" * 128, 2**64 - 1, "9" * 32, 0))
    assert len(offer) <= DISCOVER_BYTES + OPEN.overhead_bytes == len(golden("DISCOVER any notebook")) <= 512
    shortest = len(encode(Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 0, "x", 1, 0, b"y"))))
    assert shortest == APPEND_BYTES_MIN + 2 + OPEN.overhead_bytes
    assert len(encode(Ack(CLIENT_ID, (PartAck(1, 0, 1, Status.STORED, 1, 0),)))) < shortest
    assert len(golden("REFUSE wrong notebook")) < shortest


@pytest.mark.parametrize("author", ["x", "中" * 42])
def test_a_part_of_the_largest_size_fills_its_datagram_when_it_is_restored(author: str) -> None:
    data = b"x" * part_bytes_max(author)
    part = Part(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 0, author, len(data), 0, data)
    assert len(encode(Append(NOTEBOOK_ID, 1, part))) == BODY_BYTES_MAX + OPEN.overhead_bytes - 32
    restored = part._replace(restored=Restored(0, *NO_PREDECESSOR))
    assert len(encode(Append(NOTEBOOK_ID, 1, restored))) == BODY_BYTES_MAX + OPEN.overhead_bytes


@pytest.mark.parametrize(
    "message",
    [
        Ack(CLIENT_ID, ()),
        Ack(CLIENT_ID, (PartAck(1, 0, 1, Status.PART_KEPT, 0, 0),) * (PART_ACKS_MAX + 1)),
        Offer(PROBE_ID, NOTEBOOK_ID, "x" * 129, 0, "", 0),
        Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 1, Kind.NOTE, 0, 0, "", 1, 0, b"x")),
        Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 1, Kind.NOTE, 0, 0, "x", 1200, 0, b"x" * 1200)),
    ],
)
def test_a_message_beyond_its_limits_is_a_mistake_of_the_caller(message: Message) -> None:
    with pytest.raises(AssertionError):
        encode(message)

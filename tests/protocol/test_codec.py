"""The codec: each message has exactly one datagram (except for the padding of an APPEND or a PAGE), and nothing else is one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.fields import FIELDS, Field, append, header, packed, part_ack, short, with_field
from tests.support.golden import CLIENT_ID, GOLDEN, NOISE, NOTEBOOK_ID, PROBE_ID, WRITTEN_AT, golden, sealed
from tests.support.wire import NUMBERED, appends, is_refused, messages, refusal
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
TIMES = [(WRITTEN_AT_MIN, True), (WRITTEN_AT_MAX, True), (WRITTEN_AT_MIN - 1, False), (WRITTEN_AT_MAX + 1, False)]
NUMBERS = [(1, True), (SEQUENCE_MAX, True), (0, False), (2**63, False), (2**64 - 1, False)]


def padded(message: Append, body_bytes: int) -> bytes:
    return OPEN.seal(append_body(message).ljust(body_bytes, b"\0"))


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_message_and_its_golden_datagram_are_encoded_to_and_decoded_from_each_other(name: str) -> None:
    message, datagram = GOLDEN[name][0], golden(name)
    assert datagram == packed(FIELDS[name])
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

APPEND_FIELDS = {
    "sequence": 5, "attempt": 6, "kind": 7, "revises": 8, "written_at": 9, "utc_offset": 10, "total": 11, "offset": 12,
    "part bytes": 13, "author bytes": 14,
}  # fmt: skip


@pytest.mark.parametrize("name", ["APPEND in Chinese", "RESTORE after another entry"])
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("sequence", NUMBERS),
        ("attempt", [(65535, True), (0, False)]),
        ("kind", [(0, False), (4, False)]),
        ("written_at", TIMES),
        ("utc_offset", [(1080, True), (-1080, True), (1081, False), (-1081, False)]),
        ("total", [(2**32 - 1, True), (5, False), (0, False)]),
        ("offset", [(1, False), (2**32 - 1, False)]),
        ("part bytes", [(0, False), (5, False), (7, False), (65535, False)]),
        ("author bytes", [(0, False), (255, False)]),
    ],
)
def test_an_append_is_accepted_exactly_if_its_values_are_within_their_limits(
    name: str, field: str, values: list[tuple[int, bool]]
) -> None:
    for value, is_accepted in values:
        assert is_refused(with_field(name, APPEND_FIELDS[field], value)) != is_accepted, value


@pytest.mark.parametrize(
    ("kind", "accepted", "refused"),
    [
        (1, [0], [1, SEQUENCE_MAX]),
        (2, [1, SEQUENCE_MAX], [0, 2**63, 2**64 - 1]),
        (3, [1, SEQUENCE_MAX], [0, 2**63]),
        (0, [], [0, 1]),
        (4, [], [0, 1]),
    ],
)
def test_a_note_revises_nothing_and_revisions_and_deletions_revise_an_entry(
    kind: int, accepted: list[int], refused: list[int]
) -> None:
    for revises in (*accepted, *refused):
        fields = append(1, 1, WRITTEN_AT, 0, "x", 1, 0, "y", kind=kind, revises=revises)
        assert is_refused(packed(fields)) == (revises in refused)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("total_bytes", [0, 1])
def test_only_a_deletion_may_be_without_a_text_and_then_its_whole_text_is_empty(kind: Kind, total_bytes: int) -> None:
    fields = append(1, 1, WRITTEN_AT, 0, "x", total_bytes, 0, "", kind=kind, revises=int(kind is not Kind.NOTE))
    assert is_refused(packed(fields)) == (kind is not Kind.DELETION or total_bytes == 1)


@pytest.mark.parametrize(
    ("stored_at", "after_client", "after_sequence", "is_accepted"),
    [
        *((0, CLIENT_ID, number, is_accepted) for number, is_accepted in NUMBERS),
        (0, bytes(16), 1, True), (0, bytes(16), 0, True), (0, bytes(16), 2**64 - 1, False),
        *((time, CLIENT_ID, 1, is_accepted) for time, is_accepted in TIMES), (WRITTEN_AT_MAX + 1, bytes(16), 0, False),
    ],
)  # fmt: skip
def test_a_restore_names_a_time_and_a_predecessor_or_none(
    stored_at: int, after_client: bytes, after_sequence: int, is_accepted: bool
) -> None:
    fields = list(FIELDS["RESTORE after another entry"])
    fields[15:18] = [("q", stored_at), ("16s", after_client), ("Q", after_sequence)]
    assert is_refused(packed(fields)) != is_accepted


@pytest.mark.parametrize(
    ("author", "text", "is_accepted"),
    [("", "y", False), ("x", "", False), ("x" * AUTHOR_BYTES_MAX, "y", True), ("x" * (AUTHOR_BYTES_MAX + 1), "y", False)],
)
def test_an_append_has_an_author_of_up_to_128_bytes_and_a_text(author: str, text: str, is_accepted: bool) -> None:
    assert is_refused(packed(append(1, 1, WRITTEN_AT, 0, author, 1, 0, text))) != is_accepted


def test_an_author_must_be_utf_8() -> None:
    assert refusal(with_field("APPEND in Chinese", 15, b"\xff" * 6)) == "malformed"


# ACK, REFUSE and OFFER


@pytest.mark.parametrize("status", Status)
def test_an_acknowledgement_has_a_number_exactly_if_the_entry_is_stored(status: Status) -> None:
    for number in (0, 1):
        datagram = packed([*header(4), ("16s", CLIENT_ID), ("H", 1), *part_ack(1, 0, 1, status, number)])
        assert is_refused(datagram) == (bool(number) != (status in NUMBERED))


@pytest.mark.parametrize(
    "fields",
    [
        [("H", 0)],
        [("H", 0), *part_ack(1, 0, 1, 3, 0)],
        [("H", 2), *part_ack(1, 0, 1, 3, 0)],
        *([("H", 1), *part_ack(sequence, 0, 1, 3, 0)] for sequence in (0, 2**63)),
        [("H", 1), *part_ack(1, 0, 0, 3, 0)],
        *([("H", 1), *part_ack(1, 0, 1, status, 0)] for status in (0, 8)),
    ],
)
def test_an_acknowledgement_with_an_impossible_count_or_value_is_refused(fields: list[Field]) -> None:
    assert refusal(packed([*header(4), ("16s", CLIENT_ID), *fields])) == "malformed"


@pytest.mark.parametrize(("index", "value"), [(3, 0), (3, 3), (5, 0), (5, 2**63), (7, 0)])
def test_a_refusal_with_an_impossible_value_is_refused(index: int, value: int) -> None:
    assert refusal(with_field("REFUSE wrong notebook", index, value)) == "malformed"


@pytest.mark.parametrize(
    "texts",
    [
        [*short("x" * 129), *short("")],
        [*short(""), *short("x" * 33)],
        [*short("实验室"), ("B", 6), ("5s", b"0.1.0")],
        [("B", 4), ("4s", b"\xff\xfe\xfd\xfc"), *short("")],
        [("B", 10)],
    ],
)
def test_an_offer_whose_texts_do_not_fit_is_refused(texts: list[Field]) -> None:
    assert refusal(packed([*header(2), ("8s", PROBE_ID), ("16s", NOTEBOOK_ID), ("Q", 42), ("H", 0), *texts])) == "malformed"


# Lengths


def test_no_answer_is_longer_than_its_request() -> None:
    offer = encode(Offer(PROBE_ID, NOTEBOOK_ID, "x" * 128, 2**64 - 1, "9" * 32, 0))
    assert len(offer) <= DISCOVER_BYTES + OPEN.overhead_bytes == len(golden("DISCOVER any notebook")) <= 512
    shortest = len(packed(append(1, 1, WRITTEN_AT, 0, "x", 1, 0, "y")))
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

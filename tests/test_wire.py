"""The wire: each message has exactly one datagram (but for an APPEND's padding), and nothing else is one."""

from struct import pack
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden import CLIENT_ID, GOLDEN, NOISE, NOTEBOOK_ID, PROBE_ID, WRITTEN_AT, golden, sealed
from udpnote.entry import AUTHOR_BYTES_MAX, SEQUENCE_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN, Kind, Part, Status
from udpnote.errors import BadDatagram
from udpnote.protocol.messages import Ack, Append, Discover, Message, Offer, PartAck, Reason, Refuse
from udpnote.protocol.wire import (
    APPEND_BYTES_MIN,
    DATAGRAM_BYTES_MAX,
    DISCOVER_BYTES,
    PART_ACKS_MAX,
    decode,
    encode,
    encode_append,
    part_bytes_max,
)

NAMES = list(GOLDEN)
NUMBERED = (Status.STORED, Status.STORED_ALREADY)
Field = tuple[str, int | bytes]


def header(kind: int) -> list[Field]:
    return [("2s", b"UN"), ("B", 1), ("B", kind)]


def short(text: str) -> list[Field]:
    return [("B", len(text.encode())), (f"{len(text.encode())}s", text.encode())]


def part_ack(sequence: int, offset: int, attempt: int, status: int, number: int, check: int = 0) -> list[Field]:
    return [("Q", sequence), ("I", offset), ("H", attempt), ("B", status), ("Q", number), ("I", check)]


def append(
    sequence: int, attempt: int, written_at: int, utc_offset: int, author: str, total_bytes: int, offset: int, text: str
) -> list[Field]:
    data = text.encode()
    return [
        *header(3), ("16s", NOTEBOOK_ID), ("16s", CLIENT_ID), ("Q", sequence), ("H", attempt), ("B", 1),
        ("q", written_at), ("h", utc_offset), ("I", total_bytes), ("I", offset), ("H", len(data)),
        ("B", len(author.encode())), (f"{len(author.encode())}s", author.encode()), (f"{len(data)}s", data),
    ]  # fmt: skip


# The field table of each golden datagram, packed below without any of the code that it checks.
FIELDS: dict[str, list[Field]] = {
    "DISCOVER any notebook": [*header(1), ("8s", PROBE_ID), ("16s", bytes(16)), ("172s", b"")],
    "DISCOVER one notebook": [*header(1), ("8s", PROBE_ID), ("16s", NOTEBOOK_ID), ("172s", b"")],
    "OFFER": [
        *header(2), ("8s", PROBE_ID), ("16s", NOTEBOOK_ID), ("Q", 42), ("H", 0), *short("实验室"), *short("0.1.0"),
    ],
    "APPEND in Chinese": append(7, 1, WRITTEN_AT, 480, "小明", 18, 0, "我是一个中文"),
    "APPEND padded to 128 bytes": [*append(8, 2, WRITTEN_AT + 1, -210, "ann@lab", 5, 0, "hello"), ("44s", b"")],
    "APPEND the second part of two": append(9, 1, WRITTEN_AT + 2, 0, "ann@lab", 1125, 1121, "end."),
    "ACK stored, conflict, part kept": [
        *header(4), ("16s", CLIENT_ID), ("H", 3),
        *part_ack(7, 0, 1, 1, 42, 0x01020304), *part_ack(8, 0, 2, 4, 0, 0xF1F2F3F4), *part_ack(9, 1121, 1, 3, 0, 0xFFFFFFFF),
    ],
    "REFUSE wrong notebook": [*header(7), ("B", 1), ("16s", CLIENT_ID), ("Q", 7), ("I", 0), ("H", 1)],
}  # fmt: skip


def packed(fields: list[Field]) -> bytes:
    body = b"".join(pack(">" + form, value) for form, value in fields)
    return body + pack(">I", crc32(body))


def with_field(name: str, index: int, value: int | bytes) -> bytes:
    fields = list(FIELDS[name])
    fields[index] = (fields[index][0], value)
    return packed(fields)


def refusal(data: bytes) -> str:
    with pytest.raises(BadDatagram) as caught:
        decode(data)
    return caught.value.reason


def short_texts(bytes_max: int) -> st.SearchStrategy[str]:
    return st.text(max_size=bytes_max).filter(lambda text: len(text.encode()) <= bytes_max)


ids = st.binary(min_size=16, max_size=16)
probe_ids = st.binary(min_size=8, max_size=8)
sequences = st.integers(1, SEQUENCE_MAX)
words = st.integers(0, 2**32 - 1)
attempts = st.integers(1, 2**16 - 1)
statuses = st.one_of(
    st.tuples(st.sampled_from(NUMBERED), st.integers(1, 2**64 - 1)),
    st.tuples(st.sampled_from([status for status in Status if status not in NUMBERED]), st.just(0)),
)
part_acks = st.builds(
    lambda s, o, a, verdict, check: PartAck(s, o, a, verdict[0], verdict[1], check), sequences, words, attempts, statuses, words
)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    author = draw(short_texts(AUTHOR_BYTES_MAX).filter(bool))
    data = draw(st.binary(min_size=1, max_size=part_bytes_max(author)))
    total_bytes = draw(st.integers(len(data), 2**32 - 1))
    offset = draw(st.integers(0, total_bytes - len(data)))
    written_at, utc_offset = draw(st.integers(WRITTEN_AT_MIN, WRITTEN_AT_MAX)), draw(st.integers(-1080, 1080))
    kind = draw(st.sampled_from(Kind))
    return Part(draw(ids), draw(sequences), kind, written_at, utc_offset, author, total_bytes, offset, data)


appends = st.builds(Append, ids, attempts, parts())
messages: st.SearchStrategy[Message] = st.one_of(
    appends,
    st.builds(Ack, ids, st.lists(part_acks, min_size=1, max_size=PART_ACKS_MAX).map(tuple)),
    st.builds(Discover, probe_ids, ids),
    st.builds(Offer, probe_ids, ids, short_texts(128), st.integers(0, 2**64 - 1), short_texts(32), st.integers(0, 2**16 - 1)),
    st.builds(Refuse, st.sampled_from(Reason), ids, sequences, words, attempts),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_datagram_is_its_fields_and_a_crc_32(name: str) -> None:
    assert golden(name) == packed(FIELDS[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_message_is_encoded_to_its_golden_datagram(name: str) -> None:
    message, datagram = GOLDEN[name][0], golden(name)
    if name == "APPEND padded to 128 bytes":
        assert isinstance(message, Append)
        assert encode_append(message, padded_bytes=128) == datagram
    else:
        assert encode(message) == datagram


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_datagram_is_decoded_to_its_golden_message(name: str) -> None:
    assert decode(golden(name)) == GOLDEN[name][0]


def test_the_check_is_the_crc_32_that_everybody_publishes() -> None:
    assert sealed(b"123456789") == b"123456789\xcb\xf4\x39\x26"


@given(messages)
@settings(deadline=None)
def test_any_message_survives_the_wire_within_1200_bytes(message: Message) -> None:
    datagram = encode(message)
    assert decode(datagram) == message
    assert len(datagram) <= DATAGRAM_BYTES_MAX


@given(appends, st.integers(0, DATAGRAM_BYTES_MAX))
@settings(deadline=None)
def test_an_append_is_the_same_under_any_padding(message: Append, padded_bytes: int) -> None:
    datagram = encode_append(message, padded_bytes=padded_bytes)
    assert decode(datagram) == message
    assert len(datagram) == max(padded_bytes, len(encode(message)))


@given(NOISE)
@settings(deadline=None, max_examples=500)
def test_any_bytes_are_refused_or_are_a_message_that_can_be_encoded_again(data: bytes) -> None:
    try:
        message = decode(data)
    except BadDatagram:
        return
    assert decode(encode(message)) == message


@pytest.mark.parametrize("name", NAMES)
def test_a_datagram_with_any_bit_flipped_is_refused(name: str) -> None:
    datagram = golden(name)
    for bit in range(8 * len(datagram)):
        flipped = bytearray(datagram)
        flipped[bit // 8] ^= 1 << bit % 8
        assert refusal(bytes(flipped)) in ("foreign", "version", "corrupted")


@pytest.mark.parametrize("name", NAMES)
def test_a_datagram_cut_short_is_refused(name: str) -> None:
    datagram = golden(name)
    for size in range(len(datagram)):
        assert refusal(datagram[:size]) == ("truncated" if size < 8 else "corrupted")


@pytest.mark.parametrize("name", NAMES)
def test_a_body_cut_short_is_refused_although_its_check_is_right(name: str) -> None:
    body = packed(FIELDS[name])[:-4]
    shortest = len(body) - 44 if "padded" in name else len(body)
    assert {refusal(sealed(body[:size])) for size in range(4, shortest)} == {"malformed"}


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("APPEND")])
def test_only_an_append_may_be_padded_as_it_likes(name: str) -> None:
    assert refusal(sealed(golden(name)[:-4] + b"\0")) == "malformed"


@pytest.mark.parametrize("name", ["DISCOVER one notebook", "APPEND padded to 128 bytes"])
def test_padding_that_carries_anything_is_refused(name: str) -> None:
    body = golden(name)[:-4]
    assert refusal(sealed(body[:-1] + b"\1")) == "malformed"
    assert refusal(sealed(body[:-44] + b"\1" + body[-43:])) == "malformed"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (sealed(b"UN\1"), "truncated"),
        (sealed(b"UN\1\3" + bytes(1193)), "oversized"),
        (sealed(b"NU\1\3" + bytes(100)), "foreign"),
        (sealed(b"UN\2\3" + bytes(100)), "version"),
        (sealed(b"UN\0\3" + bytes(100)), "version"),
        *((sealed(b"UN\1" + bytes((kind,)) + bytes(100)), "type") for kind in (0, 5, 6, 8, 255)),
    ],
)
def test_what_is_not_of_this_protocol_is_refused_for_its_reason(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


APPEND_FIELDS = {"sequence": 5, "attempt": 6, "kind": 7, "written_at": 8, "utc_offset": 9, "total": 10, "offset": 11}
PART_BYTES, AUTHOR_BYTES, AUTHOR = 12, 13, 14


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", 0), ("sequence", 2**63), ("sequence", 2**64 - 1), ("attempt", 0), ("kind", 0), ("kind", 4),
        ("written_at", WRITTEN_AT_MIN - 1), ("written_at", WRITTEN_AT_MAX + 1), ("utc_offset", 1081), ("utc_offset", -1081),
        ("total", 17), ("total", 0), ("offset", 1), ("offset", 2**32 - 1),
    ],
)  # fmt: skip
def test_an_append_with_a_value_out_of_its_limits_is_refused(field: str, value: int) -> None:
    assert refusal(with_field("APPEND in Chinese", APPEND_FIELDS[field], value)) == "malformed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", 1), ("sequence", SEQUENCE_MAX), ("attempt", 65535), ("kind", 2), ("kind", 3),
        ("written_at", WRITTEN_AT_MIN), ("written_at", WRITTEN_AT_MAX),
        ("utc_offset", 1080), ("utc_offset", -1080), ("total", 2**32 - 1),
    ],
)  # fmt: skip
def test_an_append_with_a_value_at_its_limits_is_taken(field: str, value: int) -> None:
    assert isinstance(decode(with_field("APPEND in Chinese", APPEND_FIELDS[field], value)), Append)


@pytest.mark.parametrize(
    ("index", "value"),
    [(PART_BYTES, 0), (PART_BYTES, 19), (PART_BYTES, 17), (AUTHOR_BYTES, 0), (AUTHOR_BYTES, 255), (AUTHOR, b"\xff" * 6)],
)
def test_an_append_whose_lengths_or_author_do_not_hold_is_refused(index: int, value: int | bytes) -> None:
    assert refusal(with_field("APPEND in Chinese", index, value)) == "malformed"


@pytest.mark.parametrize(("author", "text"), [("", "y"), ("x", "")])
def test_an_append_without_an_author_or_a_text_is_refused(author: str, text: str) -> None:
    assert refusal(packed(append(1, 1, WRITTEN_AT, 0, author, 1, 0, text))) == "malformed"


def test_an_author_of_128_bytes_is_taken_and_one_more_is_refused() -> None:
    for author_bytes in (AUTHOR_BYTES_MAX, AUTHOR_BYTES_MAX + 1):
        datagram = packed(append(1, 1, WRITTEN_AT, 0, "x" * author_bytes, 1, 0, "y"))
        assert (author_bytes > AUTHOR_BYTES_MAX) == _is_refused(datagram)


@pytest.mark.parametrize("status", Status)
def test_an_acknowledgement_has_a_number_exactly_where_the_entry_is_stored(status: Status) -> None:
    for number in (0, 1):
        datagram = packed([*header(4), ("16s", CLIENT_ID), ("H", 1), *part_ack(1, 0, 1, status, number)])
        assert _is_refused(datagram) == (bool(number) != (status in NUMBERED))


@pytest.mark.parametrize(
    "fields",
    [
        [("H", 0)],
        [("H", 0), *part_ack(1, 0, 1, 3, 0)],
        [("H", 2), *part_ack(1, 0, 1, 3, 0)],
        [("H", 1), *part_ack(0, 0, 1, 3, 0)],
        [("H", 1), *part_ack(2**63, 0, 1, 3, 0)],
        [("H", 1), *part_ack(1, 0, 0, 3, 0)],
        [("H", 1), *part_ack(1, 0, 1, 0, 0)],
        [("H", 1), *part_ack(1, 0, 1, 8, 0)],
    ],
)
def test_an_acknowledgement_that_counts_or_says_something_impossible_is_refused(fields: list[Field]) -> None:
    assert refusal(packed([*header(4), ("16s", CLIENT_ID), *fields])) == "malformed"


@pytest.mark.parametrize(("index", "value"), [(3, 0), (3, 2), (5, 0), (5, 2**63), (7, 0)])
def test_a_refusal_of_something_impossible_is_refused(index: int, value: int) -> None:
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


def test_the_longest_offer_is_no_longer_than_a_discover() -> None:
    offer = encode(Offer(PROBE_ID, NOTEBOOK_ID, "x" * 128, 2**64 - 1, "9" * 32, 0))
    assert len(offer) <= DISCOVER_BYTES == len(golden("DISCOVER any notebook")) <= 512


def test_an_answer_is_shorter_than_the_shortest_append() -> None:
    shortest = len(packed(append(1, 1, WRITTEN_AT, 0, "x", 1, 0, "y")))
    assert shortest == APPEND_BYTES_MIN + 2
    assert len(encode(Ack(CLIENT_ID, (PartAck(1, 0, 1, Status.STORED, 1, 0),)))) < shortest
    assert len(golden("REFUSE wrong notebook")) < shortest


@pytest.mark.parametrize("author", ["x", "中" * 42])
def test_a_part_of_the_largest_size_fills_its_datagram(author: str) -> None:
    data = b"x" * part_bytes_max(author)
    part = Part(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 0, author, len(data), 0, data)
    assert len(encode(Append(NOTEBOOK_ID, 1, part))) == DATAGRAM_BYTES_MAX


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


def _is_refused(datagram: bytes) -> bool:
    try:
        decode(datagram)
    except BadDatagram:
        return True
    return False

"""The wire: each message has exactly one datagram (but for the padding of an APPEND or a PAGE), and nothing else is one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.fields import FIELDS, Field, append, header, packed, part_ack, short, with_field
from tests.support.golden import CLIENT_ID, GOLDEN, NOISE, NOTEBOOK_ID, PROBE_ID, WRITTEN_AT, golden, sealed
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
from udpnote.protocol.codec import APPEND_BYTES_MIN, DISCOVER_BYTES, PART_ACKS_MAX, append_body, decode, encode, part_bytes_max
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.messages import Ack, Append, Discover, Message, Offer, PartAck, Reason, Refuse

NAMES = list(GOLDEN)
PADDED = [name for name in NAMES if name.split()[0] in ("APPEND", "RESTORE", "READ", "PAGE")]
NUMBERED = (Status.STORED, Status.STORED_ALREADY)
PADDING_BYTES = {"APPEND padded to 128 bytes": 36}


def refusal(data: bytes) -> str:
    with pytest.raises(BadDatagram) as caught:
        decode(data)
    return caught.value.reason


def padded(message: Append, body_bytes: int) -> bytes:
    return OPEN.seal(append_body(message).ljust(body_bytes, b"\0"))


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


times = st.integers(WRITTEN_AT_MIN, WRITTEN_AT_MAX)
restorations = st.one_of(
    st.none(), st.builds(Restored, times, ids, sequences), times.map(lambda stored_at: Restored(stored_at, *NO_PREDECESSOR))
)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    author, kind = draw(short_texts(AUTHOR_BYTES_MAX).filter(bool)), draw(st.sampled_from(Kind))
    data = draw(st.binary(min_size=1, max_size=part_bytes_max(author))) if kind is not Kind.DELETION else b""
    total_bytes = draw(st.integers(len(data), 2**32 - 1)) if data else 0
    offset = draw(st.integers(0, total_bytes - len(data)))
    revises = draw(sequences) if kind is not Kind.NOTE else 0
    header = (draw(ids), draw(sequences), kind, draw(times), draw(st.integers(-1080, 1080)), author)
    return Part(*header, total_bytes, offset, data, revises, draw(restorations))


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
        assert padded(message, 124) == datagram
    else:
        assert encode(message) == datagram


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_datagram_is_decoded_to_its_golden_message(name: str) -> None:
    assert decode(golden(name)) == GOLDEN[name][0]


def test_the_check_is_the_crc_32_that_everybody_publishes() -> None:
    assert sealed(b"123456789") == b"123456789\xcb\xf4\x39\x26"


@given(messages)
@settings(deadline=None)
def test_any_message_survives_the_wire_within_its_datagram(message: Message) -> None:
    datagram = encode(message)
    assert decode(datagram) == message
    assert len(datagram) <= BODY_BYTES_MAX + OPEN.overhead_bytes


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
    shortest = len(body) - PADDING_BYTES.get(name, 0)
    assert {refusal(sealed(body[:size])) for size in range(4, shortest)} == {"malformed"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PADDED])
def test_only_an_append_a_restore_or_a_page_may_be_padded_as_it_likes(name: str) -> None:
    assert refusal(sealed(golden(name)[:-4] + b"\0")) == "malformed"


@pytest.mark.parametrize("name", ["DISCOVER one notebook", "APPEND padded to 128 bytes", "READ a search", "READ that waits"])
def test_padding_that_carries_anything_is_refused(name: str) -> None:
    body = golden(name)[:-4]
    assert refusal(sealed(body[:-1] + b"\1")) == "malformed"
    assert refusal(sealed(body[:-36] + b"\1" + body[-35:])) == "malformed"


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("PAGE")])
def test_a_page_is_the_same_under_padding_of_zeros_and_refused_under_any_other(name: str) -> None:
    body = golden(name)[:-4]
    for padding in (1, 20, BODY_BYTES_MAX - len(body)):
        assert decode(sealed(body + bytes(padding))) == GOLDEN[name][0]
        assert refusal(sealed(body + bytes(padding - 1) + b"\1")) == "malformed"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (sealed(b"UN\1"), "truncated"),
        (sealed(b"UN\1\3" + bytes(1157)), "oversized"),
        (sealed(b"NU\1\3" + bytes(100)), "foreign"),
        (sealed(b"UN\2\3" + bytes(100)), "version"),
        (sealed(b"UN\0\3" + bytes(100)), "version"),
        *((sealed(b"UN\1" + bytes((kind,)) + bytes(100)), "type") for kind in (0, 9, 255)),
    ],
)
def test_what_is_not_of_this_protocol_is_refused_for_its_reason(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


APPEND_FIELDS = {
    "sequence": 5, "attempt": 6, "kind": 7, "revises": 8, "written_at": 9, "utc_offset": 10, "total": 11, "offset": 12,
}  # fmt: skip
PART_BYTES, AUTHOR_BYTES, AUTHOR = 13, 14, 15
STORED_AT, AFTER_CLIENT, AFTER_SEQUENCE = 15, 16, 17
BOTH = pytest.mark.parametrize("name", ["APPEND in Chinese", "RESTORE after another entry"])


@BOTH
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", 0), ("sequence", 2**63), ("sequence", 2**64 - 1), ("attempt", 0), ("kind", 0), ("kind", 4),
        ("written_at", WRITTEN_AT_MIN - 1), ("written_at", WRITTEN_AT_MAX + 1), ("utc_offset", 1081), ("utc_offset", -1081),
        ("total", 5), ("total", 0), ("offset", 1), ("offset", 2**32 - 1),
    ],
)  # fmt: skip
def test_an_append_with_a_value_out_of_its_limits_is_refused(name: str, field: str, value: int) -> None:
    assert refusal(with_field(name, APPEND_FIELDS[field], value)) == "malformed"


@BOTH
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", 1), ("sequence", SEQUENCE_MAX), ("attempt", 65535),
        ("written_at", WRITTEN_AT_MIN), ("written_at", WRITTEN_AT_MAX),
        ("utc_offset", 1080), ("utc_offset", -1080), ("total", 2**32 - 1),
    ],
)  # fmt: skip
def test_an_append_with_a_value_at_its_limits_is_taken(name: str, field: str, value: int) -> None:
    assert isinstance(decode(with_field(name, APPEND_FIELDS[field], value)), Append)


@pytest.mark.parametrize(
    ("kind", "revises", "is_taken"),
    [
        (1, 0, True), (1, 1, False), (1, SEQUENCE_MAX, False),
        (2, 0, False), (2, 1, True), (2, SEQUENCE_MAX, True), (2, 2**63, False), (2, 2**64 - 1, False),
        (3, 0, False), (3, 1, True), (3, SEQUENCE_MAX, True), (3, 2**63, False),
        (0, 0, False), (0, 1, False), (4, 0, False), (4, 1, False),
    ],
)  # fmt: skip
def test_a_note_revises_nothing_and_all_else_revises_an_entry(kind: int, revises: int, is_taken: bool) -> None:
    fields = append(1, 1, WRITTEN_AT, 0, "x", 1, 0, "y", kind=kind, revises=revises)
    assert _is_refused(packed(fields)) != is_taken


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("total_bytes", [0, 1])
def test_only_a_deletion_may_be_without_a_text_and_then_all_of_it_is(kind: Kind, total_bytes: int) -> None:
    fields = append(1, 1, WRITTEN_AT, 0, "x", total_bytes, 0, "", kind=kind, revises=int(kind is not Kind.NOTE))
    assert _is_refused(packed(fields)) == (kind is not Kind.DELETION or total_bytes == 1)


@pytest.mark.parametrize(
    ("stored_at", "after_client", "after_sequence", "is_taken"),
    [
        (0, CLIENT_ID, 1, True), (0, CLIENT_ID, SEQUENCE_MAX, True), (0, bytes(16), 1, True), (0, bytes(16), 0, True),
        (0, CLIENT_ID, 0, False), (0, CLIENT_ID, 2**63, False), (0, bytes(16), 2**64 - 1, False),
        (WRITTEN_AT_MIN, CLIENT_ID, 1, True), (WRITTEN_AT_MAX, CLIENT_ID, 1, True),
        (WRITTEN_AT_MIN - 1, CLIENT_ID, 1, False), (WRITTEN_AT_MAX + 1, bytes(16), 0, False),
    ],
)  # fmt: skip
def test_a_restore_names_a_time_and_a_predecessor_or_none(
    stored_at: int, after_client: bytes, after_sequence: int, is_taken: bool
) -> None:
    fields = list(FIELDS["RESTORE after another entry"])
    fields[STORED_AT : AFTER_SEQUENCE + 1] = [("q", stored_at), ("16s", after_client), ("Q", after_sequence)]
    assert _is_refused(packed(fields)) != is_taken


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


@pytest.mark.parametrize(("index", "value"), [(3, 0), (3, 3), (5, 0), (5, 2**63), (7, 0)])
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
    assert len(offer) <= DISCOVER_BYTES + OPEN.overhead_bytes == len(golden("DISCOVER any notebook")) <= 512


def test_an_answer_is_shorter_than_the_shortest_append() -> None:
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


def _is_refused(datagram: bytes) -> bool:
    try:
        decode(datagram)
    except BadDatagram:
        return True
    return False

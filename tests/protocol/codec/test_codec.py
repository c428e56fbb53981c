"""The codec: each message has exactly one datagram (apart from the padding of an APPEND or a PAGE); all others are refused."""

from collections.abc import Iterable

import pytest

from tests.support.golden import CLIENT_ID, GOLDEN, NOTEBOOK_ID, PROBE_ID, TOKEN, WRITTEN_AT, golden, with_check
from tests.support.wire import NUMBERED, NUMBERS, OUT_OF_NUMBERS, OUT_OF_TIMES, TIMES, check_limits, patched, refusal
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    NO_PREDECESSOR,
    NOTHING_SEEN,
    SEQUENCE_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Bundle,
    Entry,
    Kind,
    NoteRun,
    Part,
    Restored,
    SeenEntry,
    Status,
)
from udpnote.protocol.codec.codec import APPEND_BYTES_MIN, PART_ACKS_MAX, Message, append_body, decode, encode, part_bytes_max
from udpnote.protocol.codec.discovery import DISCOVER_BYTES
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.examination_messages import WAY_MAX, Examine, Report
from udpnote.protocol.messages import Ack, Append, Offer, PartAck, Run

PADDING_BYTES = {"APPEND padded to 136 bytes": 36}
X_AND_Y = Part(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 0, "x", 1, 0, b"y")
"""The shortest part: its author is x, and its text is y."""


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_message_has_its_golden_datagram_and_only_zeros_may_follow_it(name: str) -> None:
    message, datagram, kind = GOLDEN[name], golden(name), name.split()[0]
    body, padding_bytes = datagram[:-4], PADDING_BYTES.get(name, 0)
    may_be_padded = kind in ("APPEND", "RESTORE", "RUN", "BUNDLE", "PAGE")
    assert decode(datagram) == message
    assert encode(message) == with_check(body[: len(body) - padding_bytes])
    assert {refusal(with_check(body[:size])) for size in range(4, len(body) - padding_bytes)} == {"malformed"}
    for padding in {1, 20, BODY_BYTES_MAX - len(body)} - {0}:
        padded = with_check(body + bytes(padding))
        if isinstance(message, Examine | Report):
            assert decode(padded) == message._replace(body_bytes=len(body) + padding)
        else:
            assert decode(padded) == message if may_be_padded else is_never_sent(padded)
        assert is_never_sent(with_check(body + bytes(padding - 1) + b"\1"))
    if name in PADDING_BYTES or kind in ("DISCOVER", "READ"):
        assert refusal(with_check(body[:-1] + b"\1")) == refusal(with_check(body[:-36] + b"\1" + body[-35:])) == "malformed"


def is_never_sent(data: bytes) -> bool:
    return refusal(data) in ("malformed", "oversized")


@pytest.mark.parametrize("name", GOLDEN)
def test_a_datagram_that_was_damaged_or_cut_short_is_refused(name: str) -> None:
    datagram = golden(name)
    for bit in range(8 * min(len(datagram), 160)):
        flipped = bytearray(datagram)
        flipped[bit // 8] ^= 1 << bit % 8
        assert refusal(bytes(flipped)) in ("foreign", "version", "corrupted")
    for size in range(len(datagram)):
        assert refusal(datagram[:size]) == ("truncated" if size < 8 else "corrupted")


def test_bytes_of_no_message_are_refused() -> None:
    assert refusal(b"") == refusal(with_check(b"UN\1")) == "truncated"
    assert refusal(with_check(b"UN\1\3" + bytes(1157))) == "oversized"
    assert refusal(with_check(b"NU\1\3" + bytes(100))) == "foreign"
    assert {refusal(with_check(b"UN" + bytes((version, 3)) + bytes(100))) for version in (0, 2)} == {"version"}
    assert {refusal(with_check(b"UN\1" + bytes((kind,)) + bytes(100))) for kind in (0, 13, 255)} == {"type"}
    assert with_check(b"123456789") == b"123456789\xcb\xf4\x39\x26", "the check is the CRC-32 that everybody publishes"


def test_wrong_lengths_counts_and_texts_are_refused() -> None:
    part_bytes = [(NOTE, PART_BYTES_AT, size.to_bytes(2)) for size in (0, 17, 19, 65535)]
    author_bytes = [(NOTE, AUTHOR_BYTES_AT, bytes((size,))) for size in (0, 129, 255)]
    counts = [(ACK, 28, count.to_bytes(2)) for count in (0, 2, 4, 65535)]
    for name, at, data in (*part_bytes, *author_bytes, *counts, (NOTE, AUTHOR_AT, b"\xff" * 6)):
        assert refusal(patched(name, at, data)) == "malformed"
    assert refusal(with_check(golden(ACK)[:28] + bytes(2))) == "malformed"
    for tail in (b"\x81" + b"x" * 129 + b"\0", b"\0\x21" + b"x" * 33, b"\0\x0610.00", b"\1\xff\0", b"\x0a"):
        assert refusal(with_check(golden(OFFER)[:38] + tail)) == "malformed"


def test_wrong_fields_of_a_run_or_a_bundle_are_refused() -> None:
    run = [(RUN, COUNT_AT, bytes((count,))) for count in (0, 1, 2, 4, 255)]
    run += [(RUN, NUMBERS_AT, b"\0\0\0\1"), (RUN, NUMBERS_AT + 12, b"\0\0"), (RUN, NUMBERS_AT + 17, b"\3"), (RUN, -4, b"\xff")]
    run += [(BUNDLE, 54, bytes((count,))) for count in (0, 1, 2, 4, 255)]
    run += [(BUNDLE, 55, bytes((count,))) for count in (0, 1, 3, 255)]  # the writers; then each breaks one rule of theirs
    run += [(BUNDLE, 56 + 18, b"\0"), (BUNDLE, 56 + 16, b"\4\x39"), (BUNDLE, 56 + 19, b"\xff")]
    run += [(BUNDLE, -23, b"\0\1\2"), (BUNDLE, -23, b"\1\0\1"), (BUNDLE, -23, b"\0\0\0"), (BUNDLE, -1, b"\xff")]
    for name, at, data in run:
        assert refusal(patched(name, at, data)) == "malformed"
    body = golden(BUNDLE)[:-4]
    assert refusal(with_check(body[:81] + body[56:81] + body[107:])) == "malformed", "two writers are alike"


def test_an_author_of_129_bytes_is_refused() -> None:
    body = append_body(Append(NOTEBOOK_ID, TOKEN, 1, X_AND_Y._replace(author="x" * 128)))
    assert decode(with_check(body))
    assert refusal(with_check(body[:AUTHOR_BYTES_AT] + bytes((129,)) + b"x" + body[AUTHOR_AT:])) == "malformed"


NOTE, REVISION, DELETION = "APPEND in Chinese", "APPEND a revision", "APPEND a deletion"
RUN, BUNDLE = "RUN of three notes", "BUNDLE of three imported notes"
RESTORE, ACK, REFUSE, OFFER = "RESTORE after another entry", "ACK stored, conflict, part kept", "REFUSE wrong notebook", "OFFER"
COUNT_AT, NUMBERS_AT = 64, 72
PART_BYTES_AT, AUTHOR_BYTES_AT, AUTHOR_AT = 81, 83, 84
APPEND_LIMITS: list[tuple[str, tuple[object, ...], tuple[object, ...]]] = [
    ("part.sequence", NUMBERS, OUT_OF_NUMBERS), ("attempt", (65535,), (0,)), ("part.kind", (), (0, 2, 3, 4)),
    ("part.revises", (), NUMBERS), ("part.written_at", TIMES, OUT_OF_TIMES),
    ("part.utc_offset", (1080, -1080), (1081, -1081)), ("part.total_bytes", (), (5, 0, 19, 2**32 - 1)),
    ("part.offset", (), (1, 2**32 - 1)), ("part.data", (), (b"",)), ("part.author", ("x", "x" * AUTHOR_BYTES_MAX), ()),
]  # fmt: skip
OTHERS = [status for status in Status if status not in NUMBERED]


@pytest.mark.parametrize(
    ("name", "path", "accepted", "refused"),
    [
        *((name, *limits) for name in (NOTE, RESTORE) for limits in APPEND_LIMITS),
        *((name, "part.revises", NUMBERS, OUT_OF_NUMBERS) for name in (REVISION, DELETION)),
        (REVISION, "part.seen", (NOTHING_SEEN,), (SeenEntry(0, CLIENT_ID, 0), SeenEntry(0, CLIENT_ID, 1))),
        (REVISION, "part.seen.number", NUMBERS, OUT_OF_NUMBERS), (DELETION, "part.seen.sequence", (), (1,)),
        (REVISION, "part.data", (), (b"",)), (DELETION, "part.total_bytes", (0,), (1,)),
        (DELETION, "part.kind", (Kind.DELETION,), (Kind.REVISION, 4)),
        (RESTORE, "part.restored.stored_at", TIMES, OUT_OF_TIMES),
        (RESTORE, "part.restored", (Restored(0, CLIENT_ID, 1), Restored(0, CLIENT_ID, SEQUENCE_MAX)), ()),
        (RESTORE, "part.restored", (), (Restored(0, CLIENT_ID, number) for number in OUT_OF_NUMBERS)),
        (RESTORE, "part.restored", (Restored(0, *NO_PREDECESSOR),), (Restored(0, bytes(16), 2**64 - 1),)),
        (RESTORE, "part.restored", (), (Restored(time, *NO_PREDECESSOR) for time in OUT_OF_TIMES)),
        (RUN, "attempt", (65535,), (0,)), (RUN, "notes.sequence", (1, SEQUENCE_MAX - 2), (0, SEQUENCE_MAX - 1, 2**63)),
        (RUN, "notes.utc_offset", (1080, -1080), (1081, -1081)), (RUN, "notes.author", ("x", "x" * AUTHOR_BYTES_MAX), ("",)),
        (RUN, "notes.written_at", ((WRITTEN_AT_MIN,) * 3, (WRITTEN_AT_MAX,) * 3), ((WRITTEN_AT_MIN - 1,) * 3,)),
        (RUN, "notes.written_at", (), ((*(WRITTEN_AT_MAX,) * 2, WRITTEN_AT_MAX + 1),)),
        (RUN, "notes.texts", (("a", "b", "c" * 900),), (("a", "", "b"),)),
        (BUNDLE, "attempt", (65535,), (0,)), (BUNDLE, "notes.notes.1.sequence", NUMBERS, OUT_OF_NUMBERS),
        (BUNDLE, "notes.notes.2.written_at", TIMES, OUT_OF_TIMES), (BUNDLE, "notes.stored_at.0", TIMES, OUT_OF_TIMES),
        (BUNDLE, "notes.notes.0.utc_offset", (1080, -1080), (1081, -1081)), (BUNDLE, "notes.notes.0.text", ("c" * 800,), ("",)),
        (BUNDLE, "notes.notes.1.author", ("x", "x" * AUTHOR_BYTES_MAX), ("", "x" * (AUTHOR_BYTES_MAX + 1))),
        (BUNDLE, "notes.after_sequence", NUMBERS, OUT_OF_NUMBERS), (BUNDLE, "notes.after_client", (bytes(16),), ()),
        (ACK, "parts.0.sequence", NUMBERS, (0, 2**63)), (ACK, "parts.0.attempt", (65535,), (0,)),
        (ACK, "parts.0.number", (2**63 - 256,), (0, 2**63 - 255)), (ACK, "parts.0.status", NUMBERED, (0, 12, *OTHERS)),
        (ACK, "parts.1.status", OTHERS, (0, 12, *NUMBERED)), (REFUSE, "reason", (1, 2), (0, 3)),
        (REFUSE, "sequence", NUMBERS, (0, 2**63)), (REFUSE, "attempt", (65535,), (0,)),
        *((name, "way", (WAY_MAX,), (WAY_MAX + 1,)) for name in ("EXAMINE", "REPORT to an examiner on the server's host")),
    ],
)  # fmt: skip
def test_a_message_is_accepted_exactly_if_its_values_are_within_their_limits(
    name: str, path: str, accepted: Iterable[object], refused: Iterable[object]
) -> None:
    check_limits(name, path, accepted, refused)


def test_no_answer_is_longer_than_its_request() -> None:
    offer = encode(Offer(PROBE_ID, NOTEBOOK_ID, "x" * 128, 2**64 - 1, "9" * 32, 0, bytes(8)))
    assert len(offer) <= DISCOVER_BYTES + OPEN.overhead_bytes == len(golden("DISCOVER any notebook")) <= 512
    shortest = len(encode(Append(NOTEBOOK_ID, TOKEN, 1, X_AND_Y)))
    assert shortest == APPEND_BYTES_MIN + 2 + OPEN.overhead_bytes
    assert len(encode(Ack(TOKEN, CLIENT_ID, (PartAck(1, 0, 1, Status.STORED, 1, 0),)))) < shortest
    assert len(golden(REFUSE)) < shortest
    note = Entry(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 0, "x", "a")
    run = NoteRun(CLIENT_ID, 1, 0, "x", (WRITTEN_AT, WRITTEN_AT), ("a", "b"))
    for together in (run, Bundle((note, note), (0, 0), *NO_PREDECESSOR)):
        request = encode(Run(NOTEBOOK_ID, TOKEN, 1, together, 0))
        assert len(encode(Ack(TOKEN, CLIENT_ID, (PartAck(1, 0, 1, Status.STORED, 1, 0),)))) < len(request)
        assert len(golden(REFUSE)) < len(request)


def test_no_message_is_made_beyond_its_limits() -> None:
    beyond: tuple[Message, ...] = (
        Ack(TOKEN, CLIENT_ID, ()),
        Ack(TOKEN, CLIENT_ID, (PartAck(1, 0, 1, Status.PART_KEPT, 0, 0),) * (PART_ACKS_MAX + 1)),
        Offer(PROBE_ID, NOTEBOOK_ID, "x" * 129, 0, "", 0, bytes(8)),
        Append(NOTEBOOK_ID, TOKEN, 1, X_AND_Y._replace(author="")),
        Append(NOTEBOOK_ID, TOKEN, 1, X_AND_Y._replace(total_bytes=1200, data=b"x" * 1200)),
    )
    for message in beyond:
        with pytest.raises(AssertionError):
            encode(message)


@pytest.mark.parametrize("author", ["x", "中" * 42])
def test_a_part_of_the_largest_size_fills_its_datagram_when_it_is_a_restored_revision(author: str) -> None:
    data = b"x" * part_bytes_max(author)
    part = X_AND_Y._replace(author=author, total_bytes=len(data), data=data)
    assert len(encode(Append(NOTEBOOK_ID, TOKEN, 1, part))) == BODY_BYTES_MAX + OPEN.overhead_bytes - 64
    restored = part._replace(kind=Kind.REVISION, revises=1, restored=Restored(0, *NO_PREDECESSOR))
    assert len(encode(Append(NOTEBOOK_ID, TOKEN, 1, restored))) == BODY_BYTES_MAX + OPEN.overhead_bytes


LIMIT = part_bytes_max("x")


@pytest.mark.parametrize("restored", [None, Restored(0, *NO_PREDECESSOR)], ids=["APPEND", "RESTORE"])
@pytest.mark.parametrize(
    ("total_bytes", "offset", "part_bytes", "is_accepted"),
    [
        (LIMIT, 0, LIMIT, True), (LIMIT + 1, 0, LIMIT, True), (LIMIT + 1, LIMIT, 1, True), (2 * LIMIT, LIMIT, LIMIT, True),
        (LIMIT + 1, 0, LIMIT - 1, False), (LIMIT + 1, 1, LIMIT, False), (LIMIT + 2, LIMIT, 1, False), (5, LIMIT, 5, False),
        (LIMIT + 2, LIMIT, 3, False), (LIMIT, LIMIT, 0, False), (2 * LIMIT, 2 * LIMIT, 1, False), (10, 0, 5, False),
    ],
)  # fmt: skip
def test_a_text_must_be_cut_where_every_client_cuts_it(
    restored: Restored | None, total_bytes: int, offset: int, part_bytes: int, is_accepted: bool
) -> None:
    part = X_AND_Y._replace(total_bytes=total_bytes, offset=offset, data=b"x" * part_bytes, author="x", restored=restored)
    append = Append(NOTEBOOK_ID, TOKEN, 1, part)
    data = with_check(append_body(append))
    assert (decode(data) == append) if is_accepted else (refusal(data) == "malformed")


def test_a_part_that_is_longer_than_a_restored_one_could_be_is_refused() -> None:
    longer = X_AND_Y._replace(total_bytes=LIMIT + 1, data=b"x" * (LIMIT + 1), author="x")
    assert refusal(with_check(append_body(Append(NOTEBOOK_ID, TOKEN, 1, longer)))) == "malformed"

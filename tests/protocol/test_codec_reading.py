"""The codec of reading: queries and pages are accepted exactly if each value is within its limits."""

import pytest

from tests.protocol.fields import (
    FIELDS,
    Field,
    header,
    packed,
    padded,
    page,
    query,
    read,
    stored_part,
    tally,
    texts,
    unsealed,
    with_field,
)
from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, STREAM_ID, golden, sealed
from tests.support.wire import ITEMS_ROOM, is_refused, refusal
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    SEQUENCE_MAX,
    TEXT_BYTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Entry,
    Kind,
    StoredEntry,
)
from udpnote.model.query import FIRST, Query
from udpnote.protocol.codec import READ_BYTES, decode, encode
from udpnote.protocol.codec_reading import LABEL_BYTES_MAX, QUERY_BYTES_MAX, entry_overhead_bytes, query_bytes
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import Page, PageState, Read, StoredPart

SEARCH, LONG, TALLIES = "READ a search", "PAGE with the end of a long entry and a revised one", "PAGE with tallies"


def check_limits(name: str, index: int, accepted: list[int | bytes], refused: list[int | bytes]) -> None:
    """The golden datagram is accepted with each of these values in the field `index`, and refused with each of those."""
    for value in accepted:
        assert not is_refused(with_field(name, index, value)), value
    for value in refused:
        assert is_refused(with_field(name, index, value)), value


# READ


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *((sealed(golden("READ that waits")[: size - 4]), "malformed") for size in (READ_BYTES - 1, 200, 62)),
        (sealed(golden("READ that waits")[:-4] + b"\0"), "oversized"),
        (sealed(b"UN\1\5" + bytes(58)), "malformed"),
        (packed(header(6)), "malformed"),
    ],
)
def test_a_read_of_another_length_and_a_page_without_fields_are_refused(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


@pytest.mark.parametrize(
    ("index", "accepted", "refused"),
    [
        (6, [0, SEQUENCE_MAX], [2**63, 2**64 - 1]),
        (7, [TEXT_BYTES_MAX], [TEXT_BYTES_MAX + 1, 2**32 - 1]),
        (10, [1, 2, 3, 4, 5, 6], [0, 7, 255]),
        (11, [6], [8, 15, 255, 3, 5, 0]),
        (12, [0, -(2**63)], []),
        (13, [0, 2**63 - 1], []),
        (14, [], [65535, 1137]),
        (15, [], [b"\xff" * 6]),
        (16, [], [65535]),
        (17, [], [65535]),
        (19, [], [65535, 1]),
        (22, [], [65535, 12]),
        (23, [], [b"\xe5" * 13]),
        (24, [], [1, 200, 65535]),
    ],
    ids=[
        "number", "offset", "view", "flags", "since", "until", "author bytes", "author", "tags", "tag bytes", "words",
        "word bytes", "word", "numbers",
    ],
)  # fmt: skip
def test_a_read_is_accepted_exactly_if_its_values_are_within_their_limits(
    index: int, accepted: list[int | bytes], refused: list[int | bytes]
) -> None:
    check_limits(SEARCH, index, accepted, refused)


@pytest.mark.parametrize(("since", "until", "flags"), [(1, 0, 0), (1, 0, 4), (0, 1, 2), (-1, 0, 1), (0, -1, 0)])
def test_a_limit_of_time_that_the_flags_do_not_announce_is_refused(since: int, until: int, flags: int) -> None:
    fields = read(1, (1, 0), 0, 0, query(1, flags, since, until, "", texts(), texts(), []))
    assert refusal(packed(padded(fields))) == "malformed"


@pytest.mark.parametrize(("number", "is_accepted"), [(0, False), (1, True), (SEQUENCE_MAX, True), (2**63, False)])
def test_a_query_names_only_numbers_that_entries_can_have(number: int, is_accepted: bool) -> None:
    fields = read(1, (1, 0), 0, 0, query(1, 0, 0, 0, "", texts(), texts(), [5, number]))
    assert is_refused(packed(padded(fields))) != is_accepted


@pytest.mark.parametrize(("surplus", "is_accepted"), [(0, True), (1, False), (110, False)])
def test_a_query_of_1000_bytes_is_accepted_and_a_longer_one_is_refused(surplus: int, is_accepted: bool) -> None:
    word = "x" * (QUERY_BYTES_MAX - len(query_bytes(Query(words=("",)))) + surplus)
    message = Read(NOTEBOOK_ID, STREAM_ID, 1, FIRST, 0, 0, Query(words=(word,)))
    assert len(query_bytes(message.query)) == QUERY_BYTES_MAX + surplus
    assert is_refused(encode(message)) != is_accepted


# PAGE


def only(*item: Field) -> bytes:
    return packed(page(1, 1, ((1, 0),) * 3, 9, 0, 0, list(item)))


@pytest.mark.parametrize(
    ("index", "accepted", "refused"),
    [
        (5, [1, 2, 3, 4, 5, 6, 7], [0, 8, 255]),
        *((number, [0, SEQUENCE_MAX], [2**63]) for number in (6, 8, 10)),
        *((offset, [TEXT_BYTES_MAX], [TEXT_BYTES_MAX + 1]) for offset in (7, 9, 11)),
        (16, [42, SEQUENCE_MAX], [0, 41, 2**63]),
        (17, [WRITTEN_AT_MIN, WRITTEN_AT_MAX], [WRITTEN_AT_MIN - 1, WRITTEN_AT_MAX + 1]),
        (18, [SEQUENCE_MAX], [0, 2**63]),
        (20, [SEQUENCE_MAX], [0, 2**63]),
        (21, [3], [0, 1, 4]),
        (22, [1], [0, 42, SEQUENCE_MAX]),
        (23, [WRITTEN_AT_MIN, WRITTEN_AT_MAX], [WRITTEN_AT_MIN - 1, WRITTEN_AT_MAX + 1]),
        (24, [1080, -1080], [1081, -1081]),
        (25, [TEXT_BYTES_MAX], [1050, TEXT_BYTES_MAX + 1]),
        (26, [0], [1040, 2**32 - 1]),
        (27, [], [0, 11, 65535]),
        (28, [], [0, 129, 255]),
        (29, [], [b"\xffnn@lab"]),
        (30, [b"\xff" * 12], []),
    ],
    ids=[
        "state", "start", "next", "ahead", "start offset", "next offset", "ahead offset", "number", "stored_at", "version",
        "sequence", "kind", "revises", "written_at", "utc_offset", "total", "offset", "part bytes", "author bytes", "author",
        "data",
    ],
)  # fmt: skip
def test_a_page_is_accepted_exactly_if_its_values_are_within_their_limits(
    index: int, accepted: list[int | bytes], refused: list[int | bytes]
) -> None:
    check_limits(LONG, index, accepted, refused)


def test_a_full_page_is_as_long_as_a_read_and_one_byte_more_is_a_mistake_of_the_caller() -> None:
    for surplus in (0, 1):
        empty = StoredEntry(1, 0, Entry(CLIENT_ID, 1, Kind.NOTE, 0, 0, "x", ""), 1)
        text = "x" * (ITEMS_ROOM - entry_overhead_bytes(empty) + surplus)
        item = empty._replace(entry=empty.entry._replace(text=text))
        message = Page(STREAM_ID, 1, PageState.MORE, FIRST, FIRST, FIRST, 1, 0, (item,))
        if surplus:
            with pytest.raises(AssertionError, match="fragment"):
                encode(message)
        else:
            assert len(encode(message)) == READ_BYTES + OPEN.overhead_bytes


def test_an_author_of_128_bytes_on_a_page_is_accepted_and_one_more_is_refused() -> None:
    for author_bytes in (AUTHOR_BYTES_MAX, AUTHOR_BYTES_MAX + 1):
        datagram = only(*stored_part(5, 5, 1, "x" * author_bytes, 1, 0, b"y"))
        assert is_refused(datagram) == (author_bytes > AUTHOR_BYTES_MAX)


@pytest.mark.parametrize(
    ("kind", "revises", "is_accepted"), [(1, 0, True), (1, 1, False), (2, 0, False), (2, 4, True), (2, 5, False), (3, 4, True)]
)
def test_on_a_page_too_a_note_revises_nothing_and_others_revise_an_earlier_entry(
    kind: int, revises: int, is_accepted: bool
) -> None:
    data = b"" if kind == Kind.DELETION else b"y"
    assert is_refused(only(*stored_part(5, 5, 1, "x", len(data), 0, data, kind=kind, revises=revises))) != is_accepted


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("total_bytes", [0, 1])
def test_on_a_page_too_only_a_deletion_may_be_without_a_text(kind: Kind, total_bytes: int) -> None:
    revises = int(kind is not Kind.NOTE)
    datagram = only(*stored_part(5, 5, 1, "x", total_bytes, 0, b"", kind=kind, revises=revises))
    assert is_refused(datagram) == (kind is not Kind.DELETION or total_bytes == 1)


def test_the_text_of_a_whole_entry_must_be_utf_8_and_a_part_may_begin_and_end_inside_a_character() -> None:
    data = "中文".encode()[1:-1]
    assert is_refused(only(*stored_part(5, 5, 1, "x", 4, 0, data)))
    message = decode(only(*stored_part(5, 5, 1, "x", 6, 1, data)))
    assert isinstance(message, Page)
    assert [item.data for item in message.items if isinstance(item, StoredPart)] == [data]


@pytest.mark.parametrize(("content", "count"), [(0, 1), (0, 3), (0, 65535), (1, 2), (2, 2), (255, 2)])
def test_a_page_whose_items_are_not_those_that_it_announces_is_refused(content: int, count: int) -> None:
    fields = list(FIELDS[LONG])
    fields[14:16] = [("B", content), ("H", count)]
    assert refusal(packed(fields)) == "malformed"


def test_a_page_whose_last_item_ends_beyond_it_is_refused() -> None:
    body = unsealed(page(1, 1, ((1, 0),) * 3, 9, 0, 0, stored_part(5, 5, 1, "x", 9, 0, b"123456789")))
    assert {refusal(sealed(body[:-missing])) for missing in range(1, 10)} == {"malformed"}


@pytest.mark.parametrize("content", [0, 1])
def test_tallies_are_announced_exactly_if_there_are_any(content: int) -> None:
    empty = packed(page(1, 2, ((1, 0),) * 3, 9, 0, content))
    assert is_refused(empty) == (content == 1)
    assert is_refused(packed(page(1, 2, ((1, 0),) * 3, 9, 0, content, tally(1, 1, "x")))) == (content == 0)


def test_a_tally_has_a_label_of_up_to_512_bytes_that_fits_its_count() -> None:
    check_limits(TALLIES, 15, [], [0, 1, 3, 65535])
    check_limits(TALLIES, 18, [], [0, 5, 65535])
    check_limits(TALLIES, 19, [], [b"\xff" * 6])
    for label_bytes in (0, LABEL_BYTES_MAX, LABEL_BYTES_MAX + 1):
        datagram = packed(page(1, 2, ((1, 0),) * 3, 9, 0, 1, tally(-(2**63), 2**63 - 1, "x" * label_bytes)))
        assert is_refused(datagram) == (label_bytes > LABEL_BYTES_MAX)

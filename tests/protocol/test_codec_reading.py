"""The codec of reading: queries and pages are accepted exactly if each value is within its limits."""

import pytest

from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, STREAM_ID, golden, sealed
from tests.support.wire import ITEMS_ROOM, changed, check_limits, is_refused, patched, refusal
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    SEQUENCE_MAX,
    TEXT_BYTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Entry,
    StoredEntry,
)
from udpnote.model.query import FIRST, Query, Tally
from udpnote.protocol.codec import READ_BYTES, decode, encode
from udpnote.protocol.codec_reading import LABEL_BYTES_MAX, QUERY_BYTES_MAX, entry_overhead_bytes, query_bytes
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import Page, PageItem, PageState, Read, StoredPart

SEARCH, LONG, TALLIES = "READ a search", "PAGE with the end of a long entry and a revised one", "PAGE with tallies"
TIMES, OUT_OF_TIMES = (WRITTEN_AT_MIN, WRITTEN_AT_MAX), (WRITTEN_AT_MIN - 1, WRITTEN_AT_MAX + 1)


def page(*items: PageItem) -> bytes:
    return encode(Page(STREAM_ID, 1, PageState.MORE, FIRST, FIRST, FIRST, 9, 0, items))


def entry(kind: int = 1, revises: int = 0, text: str = "y", author: str = "x") -> StoredEntry:
    return StoredEntry(5, 5, Entry(CLIENT_ID, 1, kind, 0, 0, author, text, revises), 5)  # type: ignore[arg-type]


# READ


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *((sealed(golden("READ that waits")[: size - 4]), "malformed") for size in (READ_BYTES - 1, 200, 62)),
        (sealed(golden("READ that waits")[:-4] + b"\0"), "oversized"),
        (sealed(b"UN\1\5" + bytes(58)), "malformed"),
        (sealed(b"UN\1\6"), "malformed"),
    ],
)
def test_a_read_of_another_length_and_a_page_without_fields_are_refused(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


@pytest.mark.parametrize(
    ("path", "accepted", "refused"),
    [
        ("cursor.number", (0, SEQUENCE_MAX), (2**63, 2**64 - 1)),
        ("cursor.offset", (TEXT_BYTES_MAX,), (TEXT_BYTES_MAX + 1, 2**32 - 1)),
        ("query.view", (1, 2, 3, 4, 5, 6), (0, 7, 255)),
        ("query.since", (None, 0, -(2**63)), ()),
        ("query.until", (None, 0, 2**63 - 1), ()),
        ("query.numbers", ((1, SEQUENCE_MAX),), ((5, 0), (2**63,))),
    ],
)
def test_a_read_is_accepted_exactly_if_its_values_are_within_their_limits(
    path: str, accepted: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    check_limits(SEARCH, path, accepted, refused)


FLAGS_AT, AUTHOR_BYTES_AT, AUTHOR_AT, TAGS_AT, TAG_BYTES_AT, WORDS_AT, WORD_BYTES_AT, WORD_AT, NUMBERS_AT = (
    51, 68, 70, 76, 78, 86, 96, 98, 111,
)  # fmt: skip


@pytest.mark.parametrize(
    ("at", "data"),
    [
        *((FLAGS_AT, bytes((flags,))) for flags in (0, 3, 5, 8, 15, 255)),
        *((AUTHOR_BYTES_AT, size.to_bytes(2)) for size in (1137, 65535)),
        *((at, b"\xff\xff") for at in (TAGS_AT, TAG_BYTES_AT, WORDS_AT, WORD_BYTES_AT, NUMBERS_AT)),
        *((WORDS_AT, b"\0\1"), (WORD_BYTES_AT, b"\0\x0c"), (NUMBERS_AT, b"\0\1"), (NUMBERS_AT, b"\0\xc8")),
        *((AUTHOR_AT, b"\xff" * 6), (WORD_AT, b"\xe5" * 13)),
    ],
)
def test_a_query_whose_flags_lengths_counts_or_texts_are_wrong_is_refused(at: int, data: bytes) -> None:
    assert refusal(patched(SEARCH, at, data)) == "malformed"


@pytest.mark.parametrize(("surplus", "is_accepted"), [(0, True), (1, False), (110, False)])
def test_a_query_of_1000_bytes_is_accepted_and_a_longer_one_is_refused(surplus: int, is_accepted: bool) -> None:
    word = "x" * (QUERY_BYTES_MAX - len(query_bytes(Query(words=("",)))) + surplus)
    message = Read(NOTEBOOK_ID, STREAM_ID, 1, FIRST, 0, 0, Query(words=(word,)))
    assert len(query_bytes(message.query)) == QUERY_BYTES_MAX + surplus
    assert is_refused(encode(message)) != is_accepted


# PAGE


@pytest.mark.parametrize(
    ("path", "accepted", "refused"),
    [
        ("state", (1, 2, 3, 4, 5, 6, 7), (0, 8, 255)),
        *((f"{cursor}.number", (0, SEQUENCE_MAX), (2**63,)) for cursor in ("start", "next", "ahead")),
        *((f"{cursor}.offset", (TEXT_BYTES_MAX,), (TEXT_BYTES_MAX + 1,)) for cursor in ("start", "next", "ahead")),
        ("items.0.stored.number", (42, SEQUENCE_MAX), (0, 41, 2**63)),
        ("items.0.stored.stored_at", TIMES, OUT_OF_TIMES),
        ("items.0.stored.version", (SEQUENCE_MAX,), (0, 2**63)),
        ("items.0.stored.entry.sequence", (SEQUENCE_MAX,), (0, 2**63)),
        ("items.0.stored.entry.kind", (3,), (0, 1, 4)),
        ("items.0.stored.entry.revises", (1,), (0, 42, SEQUENCE_MAX)),
        ("items.0.stored.entry.written_at", TIMES, OUT_OF_TIMES),
        ("items.0.stored.entry.utc_offset", (1080, -1080), (1081, -1081)),
        ("items.0.stored.entry.author", ("x" * AUTHOR_BYTES_MAX,), ("", "x" * (AUTHOR_BYTES_MAX + 1))),
        ("items.0.total_bytes", (TEXT_BYTES_MAX,), (1050, TEXT_BYTES_MAX + 1)),
        ("items.0.offset", (0,), (1040, 2**32 - 1)),
        ("items.0.data", (b"\xff" * 12,), (b"",)),
    ],
)
def test_a_page_is_accepted_exactly_if_its_values_are_within_their_limits(
    path: str, accepted: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    check_limits(LONG, path, accepted, refused)


CONTENT_AT, PART_BYTES_AT, ENTRY_AUTHOR_BYTES_AT, ENTRY_AUTHOR_AT = 69, 147, 149, 150


@pytest.mark.parametrize(
    ("at", "data"),
    [
        *((CONTENT_AT, bytes((content, 0, count))) for content, count in ((0, 1), (0, 3), (0, 255), (1, 2), (2, 2), (255, 2))),
        *((PART_BYTES_AT, size.to_bytes(2)) for size in (0, 11, 65535)),
        *((ENTRY_AUTHOR_BYTES_AT, bytes((size,))) for size in (0, 129, 255)),
        (ENTRY_AUTHOR_AT, b"\xffnn@lab"),
    ],
)
def test_a_page_whose_items_are_not_as_announced_is_refused(at: int, data: bytes) -> None:
    assert refusal(patched(LONG, at, data)) == "malformed"


def test_a_full_page_is_as_long_as_a_read_and_one_byte_more_is_a_mistake_of_the_caller() -> None:
    text = "x" * (ITEMS_ROOM - entry_overhead_bytes(entry()))
    assert len(page(entry(text=text))) == READ_BYTES + OPEN.overhead_bytes
    with pytest.raises(AssertionError, match="fragment"):
        page(entry(text=text + "x"))


@pytest.mark.parametrize(
    ("kind", "revises", "text", "is_accepted"),
    [
        *((1, 0, "y", True), (1, 1, "y", False), (1, 0, "", False)),
        *((2, 4, "y", True), (2, 0, "y", False), (2, 5, "y", False), (2, 4, "", False)),
        *((3, 4, "", True), (3, 0, "", False), (3, 5, "", False)),
    ],
)
def test_on_a_page_too_only_a_note_revises_nothing_and_only_a_deletion_has_no_text(
    kind: int, revises: int, text: str, is_accepted: bool
) -> None:
    assert is_refused(page(entry(kind, revises, text))) != is_accepted


def test_the_text_of_a_whole_entry_must_be_utf_8_and_a_part_may_begin_and_end_inside_a_character() -> None:
    data = "中文".encode()[1:-1]
    assert is_refused(page(StoredPart(entry(text=""), 4, 0, data)))
    message = decode(page(StoredPart(entry(text=""), 6, 1, data)))
    assert isinstance(message, Page)
    assert [item.data for item in message.items if isinstance(item, StoredPart)] == [data]


def test_a_page_whose_last_item_ends_beyond_it_is_refused() -> None:
    body = page(entry(text="123456789"))[:-4]
    assert {refusal(sealed(body[:-missing])) for missing in range(1, 10)} == {"malformed"}


def test_tallies_are_announced_exactly_if_there_are_any_and_their_labels_have_up_to_512_bytes() -> None:
    assert is_refused(patched("PAGE that says that it waits", CONTENT_AT, b"\1"))
    assert is_refused(patched(TALLIES, CONTENT_AT, b"\0"))
    for count in (0, 1, 3, 255):
        assert is_refused(patched(TALLIES, CONTENT_AT, bytes((1, 0, count))))
    for label_bytes in (0, 5, 65535):
        assert is_refused(patched(TALLIES, 88, label_bytes.to_bytes(2)))
    assert is_refused(patched(TALLIES, 90, b"\xff" * 6))
    check_limits(TALLIES, "items.1.label", ("", "x" * LABEL_BYTES_MAX), ("x" * (LABEL_BYTES_MAX + 1),))
    assert decode(changed(TALLIES, "items", (Tally(-(2**63), "x", 2**63 - 1),)))

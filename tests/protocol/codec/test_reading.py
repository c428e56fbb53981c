"""The codec of reading: queries and pages are accepted exactly if each value is within its limits."""

import pytest

from tests.support.golden import CLIENT_ID, NEWEST, NOTEBOOK_ID, STREAM_ID, golden, with_check
from tests.support.wire import ITEMS_ROOM, OUT_OF_TIMES, TIMES, changed, check_limits, patched, refusal
from udpnote.model.entry import AUTHOR_BYTES_MAX, NOTHING_SEEN, SEQUENCE_MAX, TEXT_BYTES_MAX, Entry, SeenEntry, StoredEntry
from udpnote.model.query import FIRST, Query, Tally
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.codec.reading import (
    LABEL_BYTES_MAX,
    QUERY_BYTES_MAX,
    READ_BYTES,
    entry_overhead_bytes,
    is_too_long,
    query_bytes,
)
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.reading_messages import Page, PageItem, PageState, Read, StoredPart

SEARCH, LONG, TALLIES = "READ a search", "PAGE with the end of a long entry and a revised one", "PAGE with tallies"


def page(*items: PageItem) -> bytes:
    return encode(Page(STREAM_ID, 1, PageState.MORE, FIRST, FIRST, FIRST, NEWEST, 0, items))


def entry(kind: int = 1, revises: int = 0, text: str = "y", author: str = "x") -> StoredEntry:
    return StoredEntry(5, 5, Entry(CLIENT_ID, 1, kind, 0, 0, author, text, revises), 5)  # type: ignore[arg-type]


def test_a_query_with_a_text_or_with_texts_that_no_datagram_can_hold_is_too_long() -> None:
    for much in (
        Query(author="家" * 22_000),
        Query(tags=("x" * 70_000,)),
        Query(words=("x", *[""] * 70_000)),
        Query(any_of=(("x" * 999, "y"),)),
        Query(without=("x" * 999,)),
    ):
        assert is_too_long(much)


def test_a_read_has_one_length_and_a_query_of_at_most_1000_bytes() -> None:
    data = golden("READ that waits")
    assert {refusal(with_check(data[: size - 4])) for size in (READ_BYTES - 1, 200, 62)} == {"malformed"}
    assert refusal(with_check(data[:-4] + b"\0")) == "oversized"
    assert refusal(with_check(b"UN\1\5" + bytes(58))) == refusal(with_check(b"UN\1\6")) == "malformed"
    for surplus in (0, 1, 69):
        word = "x" * (QUERY_BYTES_MAX - len(query_bytes(Query(words=("",)))) + surplus)
        message = Read(NOTEBOOK_ID, STREAM_ID, 1, FIRST, 0, 0, Query(words=(word,)))
        assert len(query_bytes(message.query)) == QUERY_BYTES_MAX + surplus
        assert is_too_long(message.query) == (surplus > 0)
        assert refusal(encode(message)) == "malformed" if surplus else decode(encode(message)) == message


@pytest.mark.parametrize(
    ("name", "path", "accepted", "refused"),
    [
        (SEARCH, "cursor.number", (0, SEQUENCE_MAX), (2**63, 2**64 - 1)),
        (SEARCH, "cursor.offset", (TEXT_BYTES_MAX,), (TEXT_BYTES_MAX + 1, 2**32 - 1)),
        (SEARCH, "cursor.time", TIMES, OUT_OF_TIMES),
        (SEARCH, "query.by_time", (0, 1), ()),
        (SEARCH, "query.view", (1, 2, 3, 4, 5, 6), (0, 7, 255)),
        (SEARCH, "query.since", (None, 0, -(2**63)), ()),
        (SEARCH, "query.until", (None, 0, 2**63 - 1), ()),
        (SEARCH, "query.any_of", ((), (("a", ""), ("b", "c", "奶")), (("",) * 200,)), ((("a",),), ((),))),
        (SEARCH, "query.without", ((), ("x", "")), ()),
        (SEARCH, "query.numbers", ((1, SEQUENCE_MAX),), ((5, 0), (2**63,))),
        (SEARCH, "seen", (NOTHING_SEEN, SeenEntry(SEQUENCE_MAX, CLIENT_ID, SEQUENCE_MAX)), (SeenEntry(0, CLIENT_ID, 1),)),
        (SEARCH, "pages", (0, 255), ()),
        (LONG, "newest", (NOTHING_SEEN,), (SeenEntry(1, CLIENT_ID, 0), SeenEntry(2**63, CLIENT_ID, 1))),
        (LONG, "state", (1, 2, 3, 4, 5, 6, 7, 8, 9), (0, 10, 255)),
        *((LONG, f"{cursor}.number", (0, SEQUENCE_MAX), (2**63,)) for cursor in ("start", "next", "burst_end")),
        *((LONG, f"{cursor}.time", TIMES, OUT_OF_TIMES) for cursor in ("start", "next", "burst_end")),
        *((LONG, f"{cursor}.offset", (TEXT_BYTES_MAX,), (TEXT_BYTES_MAX + 1,)) for cursor in ("start", "next", "burst_end")),
        (LONG, "items.0.stored.number", (42, SEQUENCE_MAX), (0, 41, 2**63)),
        (LONG, "items.0.stored.stored_at", TIMES, OUT_OF_TIMES),
        (LONG, "items.0.stored.version", (SEQUENCE_MAX,), (0, 2**63)),
        (LONG, "items.0.stored.entry.sequence", (SEQUENCE_MAX,), (0, 2**63)),
        (LONG, "items.0.stored.entry.kind", (3,), (0, 1, 4)),
        (LONG, "items.0.stored.entry.revises", (1,), (0, 42, SEQUENCE_MAX)),
        (LONG, "items.0.stored.entry.written_at", TIMES, OUT_OF_TIMES),
        (LONG, "items.0.stored.entry.utc_offset", (1080, -1080), (1081, -1081)),
        (LONG, "items.0.stored.entry.author", ("x" * AUTHOR_BYTES_MAX,), ("", "x" * (AUTHOR_BYTES_MAX + 1))),
        (LONG, "items.0.total_bytes", (TEXT_BYTES_MAX,), (1050, TEXT_BYTES_MAX + 1)),
        (LONG, "items.0.offset", (0,), (1040, 2**32 - 1)),
        (LONG, "items.0.data", (b"\xff" * 12,), (b"",)),
    ],
)
def test_a_read_and_a_page_are_accepted_exactly_if_their_values_are_within_their_limits(
    name: str, path: str, accepted: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    check_limits(name, path, accepted, refused)


FLAGS_AT, AUTHOR_BYTES_AT, AUTHOR_AT, TAGS_AT, TAG_BYTES_AT, WORDS_AT, WORD_BYTES_AT = 92, 109, 111, 117, 119, 127, 137
WORD_AT, ANY_OF_AT, GROUP_AT, WITHOUT_AT, NUMBERS_AT = 139, 152, 154, 166, 176
CONTENT_AT, PART_BYTES_AT, ENTRY_AUTHOR_BYTES_AT, ENTRY_AUTHOR_AT = 117, 195, 197, 198


def test_a_query_or_a_page_whose_flags_lengths_counts_or_texts_are_wrong_is_refused() -> None:
    contents = ((0, 1), (0, 3), (0, 255), (1, 2), (2, 2), (255, 2))
    for name, at, data in (
        *((SEARCH, FLAGS_AT, bytes((flags,))) for flags in (0, 3, 5, 8, 11, 13, 16, 31, 255)),
        *((SEARCH, AUTHOR_BYTES_AT, size.to_bytes(2)) for size in (1105, 65535)),
        *(
            (SEARCH, at, b"\xff\xff")
            for at in (TAGS_AT, TAG_BYTES_AT, WORDS_AT, WORD_BYTES_AT, ANY_OF_AT, GROUP_AT, WITHOUT_AT)
        ),
        (SEARCH, NUMBERS_AT, b"\xff\xff"),
        *((SEARCH, GROUP_AT, count.to_bytes(2)) for count in (0, 1, 3)),
        *((SEARCH, WORDS_AT, b"\0\1"), (SEARCH, WORD_BYTES_AT, b"\0\x0c")),
        *((SEARCH, NUMBERS_AT, b"\0\1"), (SEARCH, NUMBERS_AT, b"\0\xc8")),
        *((SEARCH, AUTHOR_AT, b"\xff" * 6), (SEARCH, WORD_AT, b"\xe5" * 13)),
        *((LONG, CONTENT_AT, bytes((content, 0, count))) for content, count in contents),
        *((LONG, PART_BYTES_AT, size.to_bytes(2)) for size in (0, 11, 65535)),
        *((LONG, ENTRY_AUTHOR_BYTES_AT, bytes((size,))) for size in (0, 129, 255)),
        (LONG, ENTRY_AUTHOR_AT, b"\xffnn@lab"),
    ):
        assert refusal(patched(name, at, data)) == "malformed", (name, at, data)


def test_a_full_page_is_as_long_as_a_read_and_one_byte_more_is_a_mistake_of_the_caller() -> None:
    text = "x" * (ITEMS_ROOM - entry_overhead_bytes(entry()))
    assert len(page(entry(text=text))) == READ_BYTES + OPEN.overhead_bytes
    with pytest.raises(AssertionError, match="fragment"):
        page(entry(text=text + "x"))
    body = page(entry(text="123456789"))[:-4]
    assert {refusal(with_check(body[:-missing])) for missing in range(1, 10)} == {"malformed"}


def test_an_entry_on_a_page_has_the_fields_of_its_kind_and_a_whole_text_is_utf_8() -> None:
    for kind, revises, text in ((1, 0, "y"), (2, 4, "y"), (3, 4, "")):
        assert decode(page(entry(kind, revises, text)))
    for revises in (0, 4):
        assert decode(page(entry(4, revises, "", "")))
    for revises, text, author in ((5, "", ""), (0, "y", ""), (0, "", "x")):
        assert refusal(page(entry(4, revises, text, author))) == "malformed"
    for kind, revises, text in ((1, 1, "y"), (1, 0, ""), (2, 0, "y"), (2, 5, "y"), (2, 4, ""), (3, 0, ""), (3, 5, "")):
        assert refusal(page(entry(kind, revises, text))) == "malformed"
    data = "中文".encode()[1:-1]
    assert refusal(page(StoredPart(entry(text=""), 4, 0, data))) == "malformed"
    message = decode(page(StoredPart(entry(text=""), 6, 1, data)))
    assert isinstance(message, Page)
    assert [item.data for item in message.items if isinstance(item, StoredPart)] == [data]


def test_tallies_are_announced_exactly_if_there_are_any_and_their_labels_have_up_to_512_bytes() -> None:
    assert refusal(patched("PAGE that says that it waits", CONTENT_AT, b"\1")) == "malformed"
    assert refusal(patched(TALLIES, CONTENT_AT, b"\0")) == "malformed"
    for count in (0, 1, 3, 255):
        assert refusal(patched(TALLIES, CONTENT_AT, bytes((1, 0, count)))) == "malformed"
    for label_bytes in (0, 5, 65535):
        assert refusal(patched(TALLIES, 136, label_bytes.to_bytes(2))) == "malformed"
    assert refusal(patched(TALLIES, 138, b"\xff" * 6)) == "malformed"
    check_limits(TALLIES, "items.1.label", ("", "x" * LABEL_BYTES_MAX), ("x" * (LABEL_BYTES_MAX + 1),))
    assert decode(changed(TALLIES, "items", (Tally(-(2**63), "x", 2**63 - 1),)))

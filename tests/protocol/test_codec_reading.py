"""The wire of reading: queries and pages, each value within its limits, and no PAGE longer than its READ."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from udpnote.errors import BadDatagram
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
from udpnote.model.query import FIRST, Cursor, Query, Tally, View
from udpnote.protocol.codec import PAGE_BODY_BYTES_MAX, READ_BYTES, decode, encode
from udpnote.protocol.codec_reading import (
    LABEL_BYTES_MAX,
    PAGE_OVERHEAD_BYTES,
    QUERY_BYTES_MAX,
    entry_overhead_bytes,
    pack_tally,
    query_bytes,
)
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import Page, PageItem, PageState, Read, StoredPart

SEARCH, LONG, TALLIES = "READ a search", "PAGE with the end of a long entry and a revised one", "PAGE with tallies"
ITEMS_ROOM = PAGE_BODY_BYTES_MAX - PAGE_OVERHEAD_BYTES


def refusal(data: bytes) -> str:
    with pytest.raises(BadDatagram) as caught:
        decode(data)
    return caught.value.reason


def is_refused(data: bytes) -> bool:
    try:
        decode(data)
    except BadDatagram as bad:
        return bad.reason == "malformed"
    return False


def short_texts(bytes_max: int) -> st.SearchStrategy[str]:
    return st.text(max_size=bytes_max).filter(lambda text: len(text.encode()) <= bytes_max)


ids = st.binary(min_size=16, max_size=16)
stream_ids = st.binary(min_size=8, max_size=8)
numbers = st.integers(1, SEQUENCE_MAX)
counts = st.integers(0, 2**64 - 1)
turns = st.integers(0, 2**32 - 1)
signed = st.integers(-(2**63), 2**63 - 1)
times = st.integers(WRITTEN_AT_MIN, WRITTEN_AT_MAX)
cursors = st.builds(Cursor, st.integers(0, SEQUENCE_MAX), st.integers(0, TEXT_BYTES_MAX))
some_texts = st.lists(short_texts(100), max_size=8).map(tuple)
queries = st.builds(
    Query,
    st.sampled_from(View),
    st.booleans(),
    st.none() | signed,
    st.none() | signed,
    short_texts(100),
    some_texts,
    some_texts,
    st.lists(numbers, max_size=100).map(tuple),
).filter(lambda each: len(query_bytes(each)) <= QUERY_BYTES_MAX)
reads = st.builds(Read, ids, stream_ids, turns, cursors, turns, st.integers(0, 2**16 - 1), queries)
tallies = st.builds(Tally, signed, short_texts(LABEL_BYTES_MAX), signed)


@st.composite
def stored_entries(draw: st.DrawFn) -> StoredEntry:
    kind, number = draw(st.sampled_from(Kind)), draw(st.integers(2, SEQUENCE_MAX))
    text = draw(short_texts(ITEMS_ROOM).filter(bool)) if kind is not Kind.DELETION else ""
    revises = draw(st.integers(1, number - 1)) if kind is not Kind.NOTE else 0
    author, utc_offset = draw(short_texts(AUTHOR_BYTES_MAX).filter(bool)), draw(st.integers(-1080, 1080))
    entry = Entry(draw(ids), draw(numbers), kind, draw(times), utc_offset, author, text, revises)
    return StoredEntry(number, draw(times), entry, draw(numbers))


@st.composite
def stored_parts(draw: st.DrawFn) -> StoredPart:
    stored = draw(stored_entries().filter(lambda stored: stored.entry.kind is not Kind.DELETION))
    data = draw(st.binary(min_size=1, max_size=ITEMS_ROOM))
    total_bytes = draw(st.integers(len(data) + 1, TEXT_BYTES_MAX))
    offset = draw(st.integers(0, total_bytes - len(data)))
    return StoredPart(stored._replace(entry=stored.entry._replace(text="")), total_bytes, offset, data)


def item_bytes(item: PageItem) -> int:
    match item:
        case StoredEntry():
            return entry_overhead_bytes(item) + len(item.entry.text.encode())
        case StoredPart():
            return entry_overhead_bytes(item.stored) + len(item.data)
        case Tally():
            return len(pack_tally(item))


def that_fit(items: list[PageItem]) -> tuple[PageItem, ...]:
    while sum(map(item_bytes, items)) > ITEMS_ROOM:
        items = items[:-1]
    return tuple(items)


contents: st.SearchStrategy[list[PageItem]] = st.one_of(
    st.lists(st.one_of(stored_entries(), stored_parts()), max_size=6), st.lists(tallies, max_size=6)
)
pages = st.builds(
    Page, stream_ids, turns, st.sampled_from(PageState), cursors, cursors, cursors, counts, counts, contents.map(that_fit)
)


@given(reads)
@settings(deadline=None)
def test_any_read_survives_the_wire_and_fills_its_datagram(message: Read) -> None:
    datagram = encode(message)
    assert len(datagram) == READ_BYTES + OPEN.overhead_bytes
    assert decode(datagram) == message


@given(pages)
@settings(deadline=None)
def test_any_page_survives_the_wire_and_is_no_longer_than_a_read(message: Page) -> None:
    datagram = encode(message)
    assert len(datagram) <= READ_BYTES + OPEN.overhead_bytes
    assert decode(datagram) == message


def test_a_page_that_is_full_is_as_long_as_a_read_and_one_byte_more_is_a_mistake_of_the_caller() -> None:
    for surplus in (0, 1):
        stored = StoredEntry(1, 0, Entry(CLIENT_ID, 1, Kind.NOTE, 0, 0, "x", ""), 1)
        text = "x" * (ITEMS_ROOM - entry_overhead_bytes(stored) + surplus)
        message = full_page(stored._replace(entry=stored.entry._replace(text=text)))
        if surplus:
            with pytest.raises(AssertionError, match="fragment"):
                encode(message)
        else:
            assert len(encode(message)) == READ_BYTES + OPEN.overhead_bytes


def full_page(item: PageItem) -> Page:
    return Page(STREAM_ID, 1, PageState.MORE, FIRST, FIRST, FIRST, 1, 0, (item,))


# READ.


@pytest.mark.parametrize("size", [READ_BYTES - 1, 200, 62])
def test_a_read_that_is_too_short_for_its_page_is_refused(size: int) -> None:
    assert refusal(sealed(golden("READ that waits")[: size - 4])) == "malformed"


def test_a_read_that_is_too_long_is_refused() -> None:
    assert refusal(sealed(golden("READ that waits")[:-4] + b"\0")) == "oversized"


READ_FIELDS = {"number": 6, "offset": 7, "view": 10, "flags": 11, "since": 12, "until": 13}


@pytest.mark.parametrize(
    ("field", "value", "is_taken"),
    [
        ("number", 0, True), ("number", SEQUENCE_MAX, True), ("number", 2**63, False), ("number", 2**64 - 1, False),
        ("offset", TEXT_BYTES_MAX, True), ("offset", TEXT_BYTES_MAX + 1, False), ("offset", 2**32 - 1, False),
        *(("view", view, True) for view in range(1, 7)), ("view", 0, False), ("view", 7, False), ("view", 255, False),
        ("flags", 6, True), ("flags", 8, False), ("flags", 15, False), ("flags", 255, False),
        ("flags", 3, False), ("flags", 5, False), ("flags", 0, False),
        ("since", 0, True), ("since", -(2**63), True), ("until", 0, True), ("until", 2**63 - 1, True),
    ],
)  # fmt: skip
def test_a_read_is_taken_exactly_if_its_values_are_within_their_limits(field: str, value: int, is_taken: bool) -> None:
    assert is_refused(with_field(SEARCH, READ_FIELDS[field], value)) != is_taken


@pytest.mark.parametrize(("since", "until", "flags"), [(1, 0, 0), (1, 0, 4), (0, 1, 2), (-1, 0, 1), (0, -1, 0)])
def test_a_limit_of_time_that_is_not_announced_is_refused(since: int, until: int, flags: int) -> None:
    assert (
        refusal(packed(padded(read(1, (1, 0), 0, 0, query(1, flags, since, until, "", texts(), texts(), []))))) == "malformed"
    )


AUTHOR_BYTES, AUTHOR, TAGS, TAG_BYTES, WORDS, WORD_BYTES, WORD, NUMBERS = 14, 15, 16, 17, 19, 22, 23, 24


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (AUTHOR_BYTES, 65535), (AUTHOR_BYTES, 1137), (AUTHOR, b"\xff" * 6), (TAGS, 65535), (TAG_BYTES, 65535), (WORDS, 65535),
        (WORDS, 1), (WORD_BYTES, 65535), (WORD_BYTES, 12), (WORD, b"\xe5" * 13), (NUMBERS, 1), (NUMBERS, 200),
        (NUMBERS, 65535),
    ],
)  # fmt: skip
def test_a_query_whose_texts_or_counts_do_not_hold_is_refused(index: int, value: int | bytes) -> None:
    assert refusal(with_field(SEARCH, index, value)) == "malformed"


@pytest.mark.parametrize(("number", "is_taken"), [(0, False), (1, True), (SEQUENCE_MAX, True), (2**63, False)])
def test_a_query_names_only_numbers_that_entries_can_have(number: int, is_taken: bool) -> None:
    fields = read(1, (1, 0), 0, 0, query(1, 0, 0, 0, "", texts(), texts(), [5, number]))
    assert is_refused(packed(padded(fields))) != is_taken


@pytest.mark.parametrize(("surplus", "is_taken"), [(0, True), (1, False), (110, False)])
def test_a_query_of_1000_bytes_is_taken_and_a_longer_one_is_refused(surplus: int, is_taken: bool) -> None:
    word = "x" * (QUERY_BYTES_MAX - len(query_bytes(Query(words=("",)))) + surplus)
    message = Read(NOTEBOOK_ID, STREAM_ID, 1, FIRST, 0, 0, Query(words=(word,)))
    assert len(query_bytes(message.query)) == QUERY_BYTES_MAX + surplus
    assert is_refused(encode(message)) != is_taken


def test_a_query_that_no_read_can_carry_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(AssertionError):
        encode(Read(NOTEBOOK_ID, STREAM_ID, 1, FIRST, 0, 0, Query(words=("x" * 1200,))))


# PAGE.

PAGE_FIELDS = {"state": 5, "start": 6, "start offset": 7, "next": 8, "next offset": 9, "ahead": 10, "ahead offset": 11}


@pytest.mark.parametrize(
    ("field", "value", "is_taken"),
    [
        *(("state", state, True) for state in range(1, 8)), ("state", 0, False), ("state", 8, False), ("state", 255, False),
        *((name, 0, True) for name in ("start", "next", "ahead")),
        *((name, SEQUENCE_MAX, True) for name in ("start", "next", "ahead")),
        *((name, 2**63, False) for name in ("start", "next", "ahead")),
        *((name + " offset", TEXT_BYTES_MAX, True) for name in ("start", "next", "ahead")),
        *((name + " offset", TEXT_BYTES_MAX + 1, False) for name in ("start", "next", "ahead")),
    ],
)  # fmt: skip
def test_a_page_is_taken_exactly_if_its_state_and_cursors_are_within_their_limits(
    field: str, value: int, is_taken: bool
) -> None:
    assert is_refused(with_field(LONG, PAGE_FIELDS[field], value)) != is_taken


PART_FIELDS = {
    "number": 16, "stored_at": 17, "version": 18, "sequence": 20, "kind": 21, "revises": 22, "written_at": 23,
    "utc_offset": 24, "total": 25, "offset": 26, "part bytes": 27, "author bytes": 28, "author": 29, "data": 30,
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "is_taken"),
    [
        ("number", 0, False), ("number", 41, False), ("number", 42, True), ("number", SEQUENCE_MAX, True),
        ("number", 2**63, False),
        *((name, limit, True) for name in ("stored_at", "written_at") for limit in (WRITTEN_AT_MIN, WRITTEN_AT_MAX)),
        *((name, limit, False) for name in ("stored_at", "written_at") for limit in (WRITTEN_AT_MIN - 1, WRITTEN_AT_MAX + 1)),
        *((name, 0, False) for name in ("version", "sequence")),
        *((name, SEQUENCE_MAX, True) for name in ("version", "sequence")),
        *((name, 2**63, False) for name in ("version", "sequence")),
        ("kind", 0, False), ("kind", 1, False), ("kind", 3, True), ("kind", 4, False),
        ("revises", 0, False), ("revises", 1, True), ("revises", 42, False), ("revises", SEQUENCE_MAX, False),
        ("utc_offset", 1080, True), ("utc_offset", 1081, False), ("utc_offset", -1080, True), ("utc_offset", -1081, False),
        ("total", 1050, False), ("total", TEXT_BYTES_MAX, True), ("total", TEXT_BYTES_MAX + 1, False),
        ("offset", 0, True), ("offset", 1040, False), ("offset", 2**32 - 1, False),
        ("part bytes", 0, False), ("part bytes", 11, False), ("part bytes", 65535, False),
        ("author bytes", 0, False), ("author bytes", 129, False), ("author bytes", 255, False),
        ("author", b"\xffnn@lab", False), ("data", b"\xff" * 12, True),
    ],
)  # fmt: skip
def test_an_entry_on_a_page_is_taken_exactly_if_its_values_are_within_their_limits(
    field: str, value: int | bytes, is_taken: bool
) -> None:
    assert is_refused(with_field(LONG, PART_FIELDS[field], value)) != is_taken


def only(*item: Field) -> bytes:
    return packed(page(1, 1, ((1, 0),) * 3, 9, 0, 0, list(item)))


def test_an_author_of_128_bytes_on_a_page_is_taken_and_one_more_is_refused() -> None:
    for author_bytes in (AUTHOR_BYTES_MAX, AUTHOR_BYTES_MAX + 1):
        datagram = only(*stored_part(5, 5, 1, "x" * author_bytes, 1, 0, b"y"))
        assert is_refused(datagram) == (author_bytes > AUTHOR_BYTES_MAX)


@pytest.mark.parametrize(
    ("kind", "revises", "is_taken"), [(1, 0, True), (1, 1, False), (2, 0, False), (2, 4, True), (2, 5, False), (3, 4, True)]
)
def test_on_a_page_too_a_note_revises_nothing_and_all_else_revises_an_earlier_entry(
    kind: int, revises: int, is_taken: bool
) -> None:
    data = b"" if kind == Kind.DELETION else b"y"
    assert is_refused(only(*stored_part(5, 5, 1, "x", len(data), 0, data, kind=kind, revises=revises))) != is_taken


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("total_bytes", [0, 1])
def test_on_a_page_too_only_a_deletion_may_be_without_a_text_and_then_all_of_it_is(kind: Kind, total_bytes: int) -> None:
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
def test_tallies_are_announced_as_such_and_not_without_any(content: int) -> None:
    empty = packed(page(1, 2, ((1, 0),) * 3, 9, 0, content))
    assert is_refused(empty) == (content == 1)
    assert is_refused(packed(page(1, 2, ((1, 0),) * 3, 9, 0, content, tally(1, 1, "x")))) == (content == 0)


@pytest.mark.parametrize(
    ("index", "value"), [(15, 0), (15, 1), (15, 3), (15, 65535), (18, 0), (18, 5), (18, 65535), (19, b"\xff" * 6)]
)
def test_a_tally_whose_label_or_count_does_not_hold_is_refused(index: int, value: int | bytes) -> None:
    assert refusal(with_field(TALLIES, index, value)) == "malformed"


@pytest.mark.parametrize(("label_bytes", "is_taken"), [(0, True), (LABEL_BYTES_MAX, True), (LABEL_BYTES_MAX + 1, False)])
def test_a_label_of_512_bytes_is_taken_and_a_longer_one_is_refused(label_bytes: int, is_taken: bool) -> None:
    datagram = packed(page(1, 2, ((1, 0),) * 3, 9, 0, 1, tally(-(2**63), 2**63 - 1, "x" * label_bytes)))
    assert is_refused(datagram) != is_taken


def test_a_read_or_page_without_a_body_is_refused() -> None:
    assert refusal(sealed(b"UN\1\5" + bytes(58))) == "malformed"
    assert refusal(packed(header(6))) == "malformed"

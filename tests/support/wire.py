"""Golden messages with one value changed, whether bytes are refused, and messages of every kind for property tests."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.support.golden import GOLDEN, golden, sealed
from tests.support.texts import moments, offsets
from udpnote.errors import BadDatagram
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    NO_PREDECESSOR,
    SEQUENCE_MAX,
    TEXT_BYTES_MAX,
    Entry,
    Kind,
    Part,
    Restored,
    Status,
    StoredEntry,
)
from udpnote.model.query import Cursor, Query, Tally, View
from udpnote.protocol.codec import PAGE_BODY_BYTES_MAX, PART_ACKS_MAX, decode, encode, part_bytes_max
from udpnote.protocol.codec_reading import (
    LABEL_BYTES_MAX,
    PAGE_OVERHEAD_BYTES,
    QUERY_BYTES_MAX,
    entry_overhead_bytes,
    pack_tally,
    query_bytes,
)
from udpnote.protocol.messages import (
    Ack,
    Append,
    Discover,
    Message,
    Offer,
    Page,
    PageItem,
    PageState,
    PartAck,
    Read,
    Reason,
    Refuse,
    StoredPart,
)

NUMBERED = (Status.STORED, Status.STORED_ALREADY)
ITEMS_ROOM = PAGE_BODY_BYTES_MAX - PAGE_OVERHEAD_BYTES


def refusal(data: bytes) -> str:
    """Why `data` is refused, which it must be."""
    with pytest.raises(BadDatagram) as caught:
        decode(data)
    return caught.value.reason


def is_refused(data: bytes) -> bool:
    """Whether `data` is refused as malformed."""
    try:
        decode(data)
    except BadDatagram as bad:
        return bad.reason == "malformed"
    return False


def changed(name: str, path: str, value: object) -> bytes:
    """The datagram of a golden message in which one field is changed: the encoder checks no limits. An index is a number."""
    return encode(_with(GOLDEN[name][0], path.split("."), value))


def _with(record: Any, path: list[str], value: object) -> Any:
    head, *rest = path
    old = record[int(head)] if head.isdigit() else getattr(record, head)
    new = _with(old, rest, value) if rest else value
    return (*record[: int(head)], new, *record[int(head) + 1 :]) if head.isdigit() else record._replace(**{head: new})


def patched(name: str, at: int, data: bytes) -> bytes:
    """A golden datagram in which the bytes from `at` on are replaced by `data`, with the right check."""
    body = golden(name)[:-4]
    return sealed(body[:at] + data + body[at + len(data) :])


def check_limits(name: str, path: str, accepted: Iterable[object], refused: Iterable[object]) -> None:
    """The golden message is accepted with each of these values in a field, and refused as malformed with each of those."""
    for value in accepted:
        assert not is_refused(changed(name, path, value)), value
    for value in refused:
        assert is_refused(changed(name, path, value)), value


def short_texts(bytes_max: int, min_size: int = 0) -> st.SearchStrategy[str]:
    return st.text(min_size=min_size, max_size=bytes_max).filter(lambda text: len(text.encode()) <= bytes_max)


def tuples(elements: st.SearchStrategy[Any], max_size: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(elements, max_size=max_size).map(tuple)


ids, short_ids = st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8)
numbers = st.integers(1, SEQUENCE_MAX)
uint16, uint32, uint64 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 64))
int64 = st.integers(-(2**63), 2**63 - 1)
attempts = st.integers(1, 2**16 - 1)
authors = short_texts(AUTHOR_BYTES_MAX, min_size=1)
cursors = st.builds(Cursor, st.integers(0, SEQUENCE_MAX), st.integers(0, TEXT_BYTES_MAX))
verdicts = st.one_of(
    st.tuples(st.sampled_from(NUMBERED), st.integers(1, 2**64 - 1)),
    st.tuples(st.sampled_from([status for status in Status if status not in NUMBERED]), st.just(0)),
)
part_acks = st.builds(
    lambda sequence, offset, attempt, verdict, check: PartAck(sequence, offset, attempt, verdict[0], verdict[1], check),
    numbers, uint32, attempts, verdicts, uint32,
)  # fmt: skip
restorations = st.one_of(
    st.none(), st.builds(Restored, moments, ids, numbers), moments.map(lambda at: Restored(at, *NO_PREDECESSOR))
)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    author, kind = draw(authors), draw(st.sampled_from(Kind))
    data = draw(st.binary(min_size=1, max_size=part_bytes_max(author))) if kind is not Kind.DELETION else b""
    total_bytes = draw(st.integers(len(data), 2**32 - 1)) if data else 0
    offset = draw(st.integers(0, total_bytes - len(data)))
    revises = draw(numbers) if kind is not Kind.NOTE else 0
    header = (draw(ids), draw(numbers), kind, draw(moments), draw(offsets), author)
    return Part(*header, total_bytes, offset, data, revises, draw(restorations))


queries = st.builds(
    Query, st.sampled_from(View), st.booleans(), st.none() | int64, st.none() | int64, short_texts(100),
    tuples(short_texts(100), 8), tuples(short_texts(100), 8), tuples(numbers, 100),
).filter(lambda query: len(query_bytes(query)) <= QUERY_BYTES_MAX)  # fmt: skip


@st.composite
def stored_entries(draw: st.DrawFn) -> StoredEntry:
    kind, number = draw(st.sampled_from(Kind)), draw(st.integers(2, SEQUENCE_MAX))
    text = draw(short_texts(ITEMS_ROOM, min_size=1)) if kind is not Kind.DELETION else ""
    revises = draw(st.integers(1, number - 1)) if kind is not Kind.NOTE else 0
    entry = Entry(draw(ids), draw(numbers), kind, draw(moments), draw(offsets), draw(authors), text, revises)
    return StoredEntry(number, draw(moments), entry, draw(numbers))


@st.composite
def stored_parts(draw: st.DrawFn) -> StoredPart:
    stored = draw(stored_entries().filter(lambda stored: stored.entry.kind is not Kind.DELETION))
    data = draw(st.binary(min_size=1, max_size=ITEMS_ROOM))
    total_bytes = draw(st.integers(len(data) + 1, TEXT_BYTES_MAX))
    offset = draw(st.integers(0, total_bytes - len(data)))
    return StoredPart(stored._replace(entry=stored.entry._replace(text="")), total_bytes, offset, data)


def _item_bytes(item: PageItem) -> int:
    match item:
        case StoredEntry():
            return entry_overhead_bytes(item) + len(item.entry.text.encode())
        case StoredPart():
            return entry_overhead_bytes(item.stored) + len(item.data)
        case Tally():
            return len(pack_tally(item))


def _that_fit(items: list[PageItem]) -> tuple[PageItem, ...]:
    while sum(map(_item_bytes, items)) > ITEMS_ROOM:
        items = items[:-1]
    return tuple(items)


tallies = st.builds(Tally, int64, short_texts(LABEL_BYTES_MAX), int64)
contents: st.SearchStrategy[list[PageItem]] = st.one_of(
    st.lists(st.one_of(stored_entries(), stored_parts()), max_size=6), st.lists(tallies, max_size=6)
)
appends = st.builds(Append, ids, attempts, parts())
messages: st.SearchStrategy[Message] = st.one_of(
    appends,
    st.builds(Ack, ids, st.lists(part_acks, min_size=1, max_size=PART_ACKS_MAX).map(tuple)),
    st.builds(Discover, short_ids, ids),
    st.builds(Offer, short_ids, ids, short_texts(128), uint64, short_texts(32), uint16),
    st.builds(Refuse, st.sampled_from(Reason), ids, numbers, uint32, attempts),
    st.builds(Read, ids, short_ids, uint32, cursors, uint32, uint16, queries),
    st.builds(
        Page, short_ids, uint32, st.sampled_from(PageState), cursors, cursors, cursors, uint64, uint64, contents.map(_that_fit)
    ),
)

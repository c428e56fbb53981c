"""Converts READs and PAGEs to bytes and back, with their queries, cursors, stored entries and tallies.

A text is two bytes with the length of its UTF-8, then the UTF-8. For malformed bytes, the functions `parse_...` raise
`BadDatagram`, `struct.error`, `IndexError`, `KeyError` or `UnicodeDecodeError`; `codec` turns all these errors into
`BadDatagram`.
"""

from functools import lru_cache
from itertools import chain
from struct import Struct

from udpnote.errors import BadDatagram
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    CLIENT_ID_BYTES,
    NOTHING_SEEN,
    SEQUENCE_MAX,
    TEXT_BYTES_MAX,
    UTC_OFFSET_MINUTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Entry,
    Kind,
    StoredEntry,
    new_tuple,
)
from udpnote.model.query import Cursor, Query, Tally, View
from udpnote.protocol.codec.fields import HEADERS, PAGE, READ, check_padding, checked_seen
from udpnote.protocol.envelope import BODY_BYTES_MAX
from udpnote.protocol.messages import NOTEBOOK_ID_BYTES
from udpnote.protocol.reading_messages import STREAM_ID_BYTES, Page, PageItem, PageState, Read, StoredPart

_READ = Struct(f">4s{NOTEBOOK_ID_BYTES}s{STREAM_ID_BYTES}sIQIqIHQ{CLIENT_ID_BYTES}sQB")
_QUERY = Struct(">BBqq")
_COUNT = Struct(">H")
_NUMBER = Struct(">Q")
_PAGE = Struct(f">4s{STREAM_ID_BYTES}sIBQIqQIqQIqQ{CLIENT_ID_BYTES}sQQBH")
_STORED_PART = Struct(f">QqQ{CLIENT_ID_BYTES}sQBQqhIIHB")
_ARRIVED_PART = Struct(_STORED_PART.format.replace("Q", "q"))
"""`_STORED_PART` with signed numbers: a number above `SEQUENCE_MAX` is then negative, and a single comparison finds it."""

_TALLY = Struct(">qqH")

READ_BYTES = BODY_BYTES_MAX
"""The length of a READ's body, which is padded to the length of the longest PAGE. So a PAGE is never longer than its READ, and
nobody can use a server to amplify traffic."""

PAGE_OVERHEAD_BYTES = _PAGE.size
"""The length of the body of a PAGE without items."""

QUERY_BYTES_MAX = 1000
"""The longest query in a READ, in bytes. It has room for a few lines of words, or for a hundred numbers."""

LABEL_BYTES_MAX = 512
"""The longest label of a tally, in bytes. It has room for a tag of 64 characters, or for an author."""

_NEWEST_FIRST, _HAS_SINCE, _HAS_UNTIL, _BY_TIME = 1, 2, 4, 8
_PARTS, _TALLIES = 0, 1
_VIEWS = {int(view): view for view in View}
_STATES = {int(state): state for state in PageState}
_KINDS = {int(kind): kind for kind in Kind}


def read_body(read: Read) -> bytes:
    """The body of a READ: a header, the fields of `read`, and padding up to `READ_BYTES`."""
    notebook_id, stream_id, burst, cursor, limit, wait_milliseconds, query, seen, pages = read
    head = _READ.pack(HEADERS[READ], notebook_id, stream_id, burst, *cursor, limit, wait_milliseconds, *seen, pages)
    return (head + query_bytes(query)).ljust(READ_BYTES, b"\0")


def query_bytes(query: Query) -> bytes:
    """Convert `query` to the bytes of its fields in a READ. The caller must have checked with `is_too_long` that they fit."""
    flags = _NEWEST_FIRST * query.newest_first | _BY_TIME * query.by_time
    flags |= _HAS_SINCE * (query.since is not None) | _HAS_UNTIL * (query.until is not None)
    packed = _QUERY.pack(query.view, flags, query.since or 0, query.until or 0) + _pack_text(query.author)
    for texts in (query.tags, query.words):
        packed += _COUNT.pack(len(texts)) + b"".join(map(_pack_text, texts))
    packed += _COUNT.pack(len(query.any_of))
    for texts in (*query.any_of, query.without):
        packed += _COUNT.pack(len(texts)) + b"".join(map(_pack_text, texts))
    return packed + _COUNT.pack(len(query.numbers)) + b"".join(map(_NUMBER.pack, query.numbers))


def is_too_long(query: Query) -> bool:
    """Whether `query` takes more than `QUERY_BYTES_MAX` bytes. A server drops a READ with such a query."""
    texts = (query.author, *query.tags, *query.words, *chain.from_iterable(query.any_of), *query.without)
    bytes_min = sum(map(len, texts)) + len(texts)  # a much longer text would raise an error in `query_bytes`
    return bytes_min > QUERY_BYTES_MAX or len(query_bytes(query)) > QUERY_BYTES_MAX


def page_body(page: Page) -> bytes:
    """The body of a PAGE: a header, and the fields and items of `page`. It has no padding."""
    are_tallies = bool(page.items) and isinstance(page.items[0], Tally)
    return page_body_of(page, list(map(_pack_item, page.items)), are_tallies=are_tallies)


def page_body_of(page: Page, packed: list[bytes], *, are_tallies: bool, padded_bytes: int = 0) -> bytes:
    """Like `page_body`, but with the items in `packed` instead of `page.items`. Zeros pad the body to `padded_bytes`.

    Each element of `packed` is one item as bytes: a tally if `are_tallies` is true, else a stored entry or a part of one.
    """
    stream_id, burst, state, start, following, burst_end, newest, indexed, _ = page
    content = _TALLIES if are_tallies else _PARTS
    head = _PAGE.pack(
        HEADERS[PAGE], stream_id, burst, state, *start, *following, *burst_end, *newest, indexed, content, len(packed)
    )
    return (head + b"".join(packed)).ljust(padded_bytes, b"\0")


def pack_part(stored: StoredEntry, total_bytes: int, offset: int, data: bytes) -> bytes:
    """Convert a part of an entry to the bytes of an item of a PAGE.

    `data` is the piece of the text that starts at the byte `offset`; the whole text has `total_bytes` bytes. All other fields
    come from `stored`, whose text is not used.
    """
    number, stored_at, (client_id, sequence, kind, written_at, utc_offset, author_text, _, revises, _), version = stored
    author = _author_bytes(author_text)
    head = _STORED_PART.pack(
        number, stored_at, version, client_id, sequence, kind, revises, written_at, utc_offset, total_bytes, offset,
        len(data), len(author),
    )  # fmt: skip
    return head + author + data


def pack_whole(stored: StoredEntry) -> bytes:
    """Convert the entry `stored` with its whole text to the bytes of an item of a PAGE.

    For speed, this repeats the code of `pack_part`.
    """
    number, stored_at, (client_id, sequence, kind, written_at, utc_offset, author_text, text, revises, _), version = stored
    author, data = _author_bytes(author_text), text.encode()
    size = len(data)
    head = _STORED_PART.pack(
        number, stored_at, version, client_id, sequence, kind, revises, written_at, utc_offset, size, 0, size, len(author)
    )
    return head + author + data


def entry_overhead_bytes(stored: StoredEntry) -> int:
    """How many bytes the entry `stored`, or a part of it, takes on a page in addition to the bytes of its text."""
    return _STORED_PART.size + len(_author_bytes(stored.entry.author))


def pack_tally(tally: Tally) -> bytes:
    """Convert a tally to the bytes of an item of a PAGE."""
    label = tally.label.encode()
    return _TALLY.pack(tally.key, tally.amount, len(label)) + label


def parse_read(body: bytes) -> Read:
    """The READ with this `body`."""
    _, notebook_id, stream_id, burst, number, offset, time, limit, wait_milliseconds, *seen, pages = _READ.unpack_from(body)
    query, end = _parse_query(body, _READ.size)
    if len(body) != READ_BYTES or end - _READ.size > QUERY_BYTES_MAX:
        raise BadDatagram("malformed")
    check_padding(body, end)
    cursor = _cursor(number, offset, time)
    return Read(notebook_id, stream_id, burst, cursor, limit, wait_milliseconds, query, checked_seen(*seen), pages)


def parse_page(body: bytes) -> Page:
    """The PAGE with this `body`."""
    (
        _, stream_id, burst, state, number, offset, time, next_number, next_offset, next_time, burst_end_number,
        burst_end_offset, burst_end_time, last, client_id, sequence, indexed, content, count,
    ) = _PAGE.unpack_from(body)  # fmt: skip
    first, following = _cursor(number, offset, time), _cursor(next_number, next_offset, next_time)
    burst_end = _cursor(burst_end_number, burst_end_offset, burst_end_time)
    if content not in (_PARTS, _TALLIES) or (content == _TALLIES and not count):
        raise BadDatagram("malformed")
    parse = _parse_parts if content == _PARTS else _parse_tallies
    items, end = parse(body, _PAGE.size, count)
    check_padding(body, end)
    newest = checked_seen(last, client_id, sequence)
    fields = (stream_id, burst, _STATES[state], first, following, burst_end, newest, indexed, tuple(items))
    return new_tuple(Page, fields)


def _pack_text(text: str) -> bytes:
    data = text.encode()
    return _COUNT.pack(len(data)) + data


def _pack_item(item: PageItem) -> bytes:
    match item:
        case StoredEntry():
            return pack_whole(item)
        case StoredPart(stored, total_bytes, offset, data):
            return pack_part(stored, total_bytes, offset, data)
        case Tally():  # pragma: no branch - mypy proves that none is left
            return pack_tally(item)


@lru_cache(maxsize=256)
def _author_bytes(author: str) -> bytes:
    return author.encode()


@lru_cache(maxsize=256)
def _cursor(number: int, offset: int, time: int) -> Cursor:
    """The `Cursor` with these fields. Raises `BadDatagram` if one of them is out of range.

    Cached, because a page begins where the page before it ends, and the pages of a burst (see `reading_messages`) name one end.
    """
    if number > SEQUENCE_MAX or offset > TEXT_BYTES_MAX or not WRITTEN_AT_MIN <= time <= WRITTEN_AT_MAX:
        raise BadDatagram("malformed")
    return new_tuple(Cursor, (number, offset, time))


def _parse_query(data: bytes, start: int) -> tuple[Query, int]:
    """The query that begins at `start` in `data`, and the index where it ends."""
    view, flags, since, until = _QUERY.unpack_from(data, start)
    has_since, has_until = bool(flags & _HAS_SINCE), bool(flags & _HAS_UNTIL)
    if flags > _NEWEST_FIRST | _HAS_SINCE | _HAS_UNTIL | _BY_TIME or (since and not has_since) or (until and not has_until):
        raise BadDatagram("malformed")
    author, end = _parse_text(data, start + _QUERY.size)
    tags, end = _parse_texts(data, end)
    words, end = _parse_texts(data, end)
    any_of, end = _parse_groups(data, end)
    without, end = _parse_texts(data, end)
    (count,) = _COUNT.unpack_from(data, end)
    end += _COUNT.size
    numbers = tuple(_NUMBER.unpack_from(data, end + _NUMBER.size * each)[0] for each in range(count))
    if not all(0 < number <= SEQUENCE_MAX for number in numbers):
        raise BadDatagram("malformed")
    times = since if has_since else None, until if has_until else None
    newest_first, by_time = bool(flags & _NEWEST_FIRST), bool(flags & _BY_TIME)
    query = Query(_VIEWS[view], newest_first, *times, author, tags, words, numbers, by_time, any_of, without)
    return query, end + _NUMBER.size * count


def _parse_text(data: bytes, start: int) -> tuple[str, int]:
    """The text that begins at `start` in `data` with its length, and the index where the text ends."""
    (size,) = _COUNT.unpack_from(data, start)
    begin = start + _COUNT.size
    if begin + size > len(data):
        raise BadDatagram("malformed")
    return data[begin : begin + size].decode(), begin + size


def _parse_texts(data: bytes, start: int) -> tuple[tuple[str, ...], int]:
    """The list of texts that begins at `start` in `data` with the number of its texts, and the index where the list ends."""
    (count,) = _COUNT.unpack_from(data, start)
    texts, end = [], start + _COUNT.size
    for _ in range(count):
        text, end = _parse_text(data, end)
        texts.append(text)
    return tuple(texts), end


def _parse_groups(data: bytes, start: int) -> tuple[tuple[tuple[str, ...], ...], int]:
    """The field `any_of` of a query: the groups of texts that begin at `start` in `data`, and the index where they end.

    Raises `BadDatagram` for a group with fewer than two texts, because a single text belongs in the query's `words`.
    """
    (count,) = _COUNT.unpack_from(data, start)
    groups, end = [], start + _COUNT.size
    for _ in range(count):
        group, end = _parse_texts(data, end)
        if len(group) < 2:
            raise BadDatagram("malformed")
        groups.append(group)
    return tuple(groups), end


def _parse_parts(data: bytes, start: int, count: int) -> tuple[list[PageItem], int]:
    """The `count` entries, or parts of entries, that begin at `start` in `data`, and the index where they end.

    For speed, kinds are compared as numbers: 1 is a note, 2 a revision, 3 a deletion, 4 an erased entry (see `Kind`).
    """
    parts: list[PageItem] = []
    unpack, head_bytes, kinds = _ARRIVED_PART.unpack_from, _ARRIVED_PART.size, _KINDS
    for _ in range(count):
        (
            number, stored_at, version, client_id, sequence, kind, revises, written_at, utc_offset, total_bytes, offset,
            part_bytes, author_bytes,
        ) = unpack(data, start)  # fmt: skip
        author_at = start + head_bytes
        text_at = author_at + author_bytes
        start = text_at + part_bytes
        if not (
            number > 0
            and sequence > 0
            and version > 0
            # a note revises no entry, a revision or deletion an earlier one, and an erased entry may have been any of these
            and (not revises if kind == 1 else 0 < revises < number or (kind == 4 and not revises))
            and (part_bytes or (kind >= 3 and not total_bytes))  # only deletions and erased entries have no text
            and offset + part_bytes <= total_bytes <= TEXT_BYTES_MAX
            and (0 < author_bytes <= AUTHOR_BYTES_MAX if kind != 4 else not author_bytes + total_bytes)
            and -UTC_OFFSET_MINUTES_MAX <= utc_offset <= UTC_OFFSET_MINUTES_MAX
            and WRITTEN_AT_MIN <= written_at <= WRITTEN_AT_MAX
            and WRITTEN_AT_MIN <= stored_at <= WRITTEN_AT_MAX
        ):
            raise BadDatagram("malformed")
        is_whole = part_bytes == total_bytes
        text = data[text_at:start].decode() if is_whole else ""  # a part may end within a character
        author = data[author_at:text_at].decode()
        entry = new_tuple(
            Entry, (client_id, sequence, kinds[kind], written_at, utc_offset, author, text, revises, NOTHING_SEEN)
        )
        stored = new_tuple(StoredEntry, (number, stored_at, entry, version))
        parts.append(stored if is_whole else StoredPart(stored, total_bytes, offset, data[text_at:start]))
    if start > len(data):  # the last part is cut off; slicing it raised no error
        raise BadDatagram("malformed")
    return parts, start


def _parse_tallies(data: bytes, start: int, count: int) -> tuple[list[PageItem], int]:
    """The `count` tallies that begin at `start` in `data`, and the index where they end."""
    tallies: list[PageItem] = []
    for _ in range(count):
        key, amount, label_bytes = _TALLY.unpack_from(data, start)
        label_at = start + _TALLY.size
        start = label_at + label_bytes
        if label_bytes > LABEL_BYTES_MAX or start > len(data):
            raise BadDatagram("malformed")
        tallies.append(Tally(key, data[label_at:start].decode(), amount))
    return tallies, start

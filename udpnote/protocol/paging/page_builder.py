"""Builds the pages that answer a READ: packs the results of a lookup into as many pages as the reader has asked for.

An entry that does not fit into the rest of a page goes onto the next page. An entry that is longer than a page is split into
parts that fill pages. The cursor between two such pages names the byte of the text at which the next part begins.
"""

from collections.abc import Callable
from typing import NamedTuple

from udpnote.errors import InvalidQuery
from udpnote.model.entry import StoredEntry, new_tuple
from udpnote.model.query import Cursor, IndexBehind, Lookup, LookupStep, PausePoint, SearchRunning, Tally, cursor_after
from udpnote.protocol.codec.reading import PAGE_OVERHEAD_BYTES, entry_overhead_bytes, pack_part, pack_tally, pack_whole
from udpnote.protocol.envelope import BODY_BYTES_MAX
from udpnote.protocol.reading_messages import PageState, Read


class BuiltPage(NamedTuple):
    """What a `PageBuilder` has built for one page.

    Each element of `items` is one item as bytes: a tally if `are_tallies` is true, else an entry or a part of one. `next`,
    `state` and `indexed` become the fields of the same names in the `Page` (see `reading_messages`).
    """

    items: list[bytes]
    next: Cursor
    state: PageState
    indexed: int = 0
    are_tallies: bool = False


class PageBuilder:
    """Builds the pages that answer `read` from the results that `lookup` finds.

    The body of a page has at most `body_bytes_max` bytes.
    """

    def __init__(self, read: Read, lookup: Lookup, *, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._cursor = read.cursor
        self._steps = lookup(read.query, read.cursor)
        self._packer = _PagePacker(read, room_max=body_bytes_max - PAGE_OVERHEAD_BYTES)
        self._awaited: SearchRunning | None = None

    @property
    def is_ready(self) -> bool:
        """Whether `build` can continue now. It cannot while a worker thread searches for the next results."""
        return self._awaited is None or self._awaited.is_over()

    def build(self, *, pages_max: int, is_time_up: Callable[[], bool]) -> list[BuiltPage] | None:
        """Build up to `pages_max` pages and return them in order. There is at least one page, which may be empty.

        Returns None if a search is running. The caller then calls `build` again when `is_ready` is true, and gets the pages
        built so far, too. When `is_time_up()` is true, this stops at the end of a page or where the lookup may be paused, and
        returns the pages built so far. If the query is invalid, the only page has the state `BAD_QUERY`. Raises `StorageError`
        if the lookup cannot read the notebook.
        """
        packer = self._packer
        packer.pages_max = pages_max
        try:
            for item in self._steps:
                if packer.take(item) and (packer.is_full or packer.awaited or is_time_up()):
                    break
            else:
                packer.end_page(PageState.END)
        except InvalidQuery:
            return [BuiltPage([], self._cursor, PageState.BAD_QUERY)]
        self._awaited, packer.awaited = packer.awaited, None
        if self._awaited is not None:
            return None
        return packer.finish()


class _PagePacker:
    """Packs the results of the lookup for `read` into pages. The items of a page take at most `room_max` bytes.

    `is_full` becomes true when there are `pages_max` pages, when the limit of the READ is reached, or when the search index
    lacks entries. `awaited` is the search that must end before the lookup can continue; None if there is none.
    """

    def __init__(self, read: Read, *, room_max: int) -> None:
        self._start = read.cursor
        self._begun = read.cursor.number if read.cursor.offset else 0
        """The number of the entry inside whose text the READ begins; 0 if it begins between two entries."""
        self._query = read.query
        self._step = -1 if read.query.newest_first else 1
        self._limit = read.limit or float("inf")
        self._room_max = self._room = room_max
        self._pages: list[BuiltPage] = []
        self._items: list[bytes] = []
        self._are_tallies = False
        self._position = read.cursor
        self._latest: StoredEntry | None = None
        """The entry that was taken last if `_position` is still before it, else None. `_reached` moves `_position` past it."""
        self.pages_max = 1
        self.is_full = False
        self.awaited: SearchRunning | None = None

    def take(self, item: LookupStep) -> bool:
        """Take one step of the lookup: a result, which may fill several pages, or one of the signals that a lookup yields.

        Returns whether the builder may stop after this step: a page has ended, or the lookup pauses or waits.
        """
        if isinstance(item, StoredEntry):  # nearly all items are whole short entries: they take the fastest path
            # By index, because names take longer: `item[0]` is the entry's number, and `item[2][6]` is its text. `packed` stays
            # empty if the entry is sent in parts: it is too long for a page, or the READ begins inside it.
            packed = pack_whole(item) if item[0] != self._begun and len(item[2][6]) <= self._room_max else b""
            size = len(packed)
            if 0 < size < self._room and self._limit > 1:
                self._items.append(packed)
                self._room -= size
                self._limit -= 1
                self._latest = item
                return False
        pages = len(self._pages)
        match item:
            case StoredEntry() if 0 < size <= self._room_max:
                self._take_whole(packed, item)
            case StoredEntry():
                self._take_in_parts(item)
            case Tally():
                self._take_tally(item)
            case PausePoint(number, time):
                self._position, self._latest = Cursor(number, 0, time), None
                return True
            case IndexBehind(indexed):
                self.end_page(PageState.INDEXING, indexed)
                self.is_full = True
            case SearchRunning():  # pragma: no branch - mypy proves that none is left
                self.awaited = item
                return True
        return len(self._pages) > pages

    def end_page(self, state: PageState, indexed: int = 0) -> None:
        """End the current page, and begin the next one. `state` and `indexed` are fields of the ended page (see `Page`)."""
        self._pages.append(new_tuple(BuiltPage, (self._items, self._reached(), state, indexed, self._are_tallies)))
        self._items, self._room, self._are_tallies = [], self._room_max, False
        self.is_full = self.is_full or len(self._pages) >= self.pages_max

    def finish(self) -> list[BuiltPage]:
        """Return all pages.

        The current page is left out if it has no items and does not move the cursor, unless it is the only one.
        """
        if not self._pages or (not self.is_full and self._pages[-1].next != self._reached()):
            self.end_page(PageState.MORE)
        return self._pages

    def _take_whole(self, packed: bytes, stored: StoredEntry) -> None:
        """Put the entry `stored`, as the bytes `packed`, onto the current page, or onto the next one if it does not fit."""
        if len(packed) > self._room:
            self.end_page(PageState.MORE)
        if not self.is_full:
            self._add_entry(packed, stored)

    def _take_in_parts(self, stored: StoredEntry) -> None:
        """Put the long entry `stored`, in parts, onto the current page and the next ones, until its end or until `is_full`.

        The entry is longer than a page, or the READ begins inside it. In the second case, the first part begins at the `offset`
        of the READ's cursor.
        """
        data = stored.entry.text.encode()
        size, overhead = len(data), entry_overhead_bytes(stored)
        offset = 0
        if stored.number == self._begun:  # if the text is shorter now, send its last byte: the part tells the new length
            offset = min(self._start.offset, max(size - 1, 0))
        if self._items and overhead + size - offset > self._room:
            self.end_page(PageState.MORE)
        while not self.is_full and overhead + size - offset > self._room:
            piece = data[offset : offset + self._room - overhead]
            self._add(
                pack_part(stored, size, offset, piece),
                self._after(stored)._replace(number=stored.number, offset=offset + len(piece)),
            )
            self.end_page(PageState.MORE)
            offset += len(piece)
        if not self.is_full:
            self._add_entry(pack_part(stored, size, offset, data[offset:]), stored)

    def _reached(self) -> Cursor:
        """Move `_position` past all that was taken, and return it. To save time, this is not done for each entry."""
        if self._latest is not None:
            self._position, self._latest = self._after(self._latest), None
        return self._position

    def _after(self, stored: StoredEntry) -> Cursor:
        """Where the reader continues after the entry `stored`: the result of `cursor_after`.

        If results come in the order of their numbers, this method computes it without that function, which is slower.
        """
        if self._query.by_time:
            return cursor_after(stored, self._query)
        return new_tuple(Cursor, (stored[0] + self._step, 0, 0))

    def _add_entry(self, packed: bytes, stored: StoredEntry) -> None:
        """Put the entry `stored`, or its last part, onto the current page, and count it for the READ's limit.

        `packed` has the bytes of the entry or part.
        """
        self._items.append(packed)
        self._room -= len(packed)
        self._latest = stored
        self._limit -= 1
        if not self._limit:
            self.end_page(PageState.MORE)
            self.is_full = True

    def _take_tally(self, tally: Tally) -> None:
        """Put a tally onto the current page or, if it does not fit there, onto the next page."""
        packed = pack_tally(tally)
        if len(packed) > self._room:
            self.end_page(PageState.MORE)
        if not self.is_full:
            self._are_tallies = True
            self._add(packed, Cursor(tally.key + 1, 0))

    def _add(self, packed: bytes, position: Cursor) -> None:
        self._items.append(packed)
        self._room -= len(packed)
        self._position, self._latest = position, None

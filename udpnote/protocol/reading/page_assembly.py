"""Puts the pages that a reader has received in order, and delivers their items: it gives each item to the reader once.

A cursor is a place in the results (see `Cursor` in `model.query`). Each page says at which cursors it begins and ends. Pages
that arrive out of order are kept until the missing pages have arrived. An entry that is longer than a page comes in parts,
which this module joins. If somebody revises the entry before all parts were sent, the later parts belong to another text. The
reader then asks for the entry again from its beginning.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import lt

from udpnote.errors import BadDatagram
from udpnote.model.entry import StoredEntry
from udpnote.model.query import Cursor, Item, Query, beginning_of, cursor_after
from udpnote.protocol.codec.codec import decode
from udpnote.protocol.envelope import Envelope
from udpnote.protocol.reading_messages import Page, PageItem, PageState, StoredPart

EARLY_PAGES_MAX = 256
"""The most pages that are kept because earlier pages are missing: more than two bursts ask for."""

RESTARTS_MAX = 100
"""How often the reader begins one long entry again because it was revised. After that it gives up, because the server must be
faulty."""


def pages_in(datagrams: Iterable[bytes], envelope: Envelope) -> Iterator[Page]:
    """Yield the pages that `datagrams` carry in `envelope`. Datagrams with other messages or without a message are left out."""
    for data in datagrams:
        try:
            message = decode(data, envelope)
        except BadDatagram:
            continue
        if isinstance(message, Page):
            yield message


class EntryAssembly:
    """Joins the parts of long entries. It has the parts of one entry at a time, in order."""

    def __init__(self) -> None:
        self._version: object = None
        self._data = bytearray()

    def is_same_version(self, part: StoredPart) -> bool:
        """Whether `part` belongs to the same version of the same entry as the parts taken so far; False if none was taken."""
        return self._version == _version_of(part.stored)

    def fits(self, part: StoredPart) -> bool:
        """Whether `take` may take `part` next.

        It may if `part` is the first part of an entry. It also may if `part` continues the text of the parts that were taken,
        and belongs to the same version of the same entry.
        """
        return not part.offset or (self.is_same_version(part) and part.offset == len(self._data))

    def take(self, part: StoredPart) -> StoredEntry | None:
        """Add a part, for which `fits` must be true. If the entry is now complete, return it with its whole text, else None.

        The first part of an entry replaces all parts taken before. Raises `UnicodeDecodeError` if the whole text is not UTF-8.
        """
        stored = part.stored
        if not part.offset:
            self._version, self._data = _version_of(stored), bytearray()
        self._data += part.data
        if len(self._data) < part.total_bytes:
            return None
        text = self._data.decode()
        self._version, self._data = None, bytearray()
        return stored._replace(entry=stored.entry._replace(text=text))


def _version_of(stored: StoredEntry) -> object:
    """What identifies the text of `stored`: the entry's number, client id and sequence number, and the number of the revision.

    The numbers alone are not enough, because they may belong to other entries after a notebook was restored.
    """
    return stored.as_seen, stored.version


class EarlyPages:
    """The pages of a reading that cannot be delivered yet, because earlier pages are missing.

    `step` is -1 if the reading goes from the newest entry to the oldest, else 1. The parameter `position` of the methods is the
    cursor up to which all items were delivered.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._pages: dict[Cursor, Page] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no page is kept."""
        return not self._pages

    def order(self, cursor: Cursor) -> tuple[int, int, int]:
        """The sort key of `cursor`. The earlier the reading comes to a cursor, the smaller is its sort key."""
        return self._step * cursor.time, self._step * cursor.number, cursor.offset

    def keep(self, page: Page, position: Cursor) -> None:
        """Keep `page` until `take` returns it.

        Do nothing if `page` ends before `position`, or if a page with the same start is kept already. Also do nothing if `page`
        starts after `position` and `EARLY_PAGES_MAX` pages are kept already.
        """
        if page.start == position:  # nearly always; such a page does not end before `position`
            self._pages.setdefault(position, page)
            return
        start, here = self.order(page.start), self.order(position)
        if self.order(page.next) >= max(start, here) and (start <= here or len(self._pages) < EARLY_PAGES_MAX):
            self._pages.setdefault(page.start, page)

    def take(self, position: Cursor) -> Page | None:
        """Remove and return a page that starts at `position`, or starts before it and ends after it; None if none is kept.

        While this looks for a page that starts before `position`, it removes those that end there or earlier: all of their
        items were delivered.
        """
        page = self._pages.pop(position, None)
        if page is not None or not self._pages:
            return page
        here = self.order(position)
        for start, page in list(self._pages.items()):
            if self.order(start) < here:
                del self._pages[start]
                if self.order(page.next) > here:
                    return page
        return None

    def gaps(self, position: Cursor) -> Iterator[Cursor]:
        """Yield the start of each gap between the pages, then the end of the last page. A gap may begin at `position`.

        If no page is kept, the only cursor is `position`.
        """
        for start in sorted(self._pages, key=self.order):
            if self.order(start) > self.order(position):
                yield position
            position = max(position, self._pages[start].next, key=self.order)
        yield position

    def clear(self) -> None:
        """Remove all pages."""
        self._pages.clear()


class PageAssembly:
    """Delivers the items of one reading of `query` in order. `early` has the pages that have arrived too early.

    At most `limit` items are delivered (0: all), beginning at the entry number or tally key `start` (None: at the first item).
    `position` is the cursor up to which items were delivered. `remaining` is how many items may still be delivered (None for no
    limit). `pages_taken` is how many pages were delivered.
    """

    def __init__(self, query: Query, *, limit: int, start: int | None) -> None:
        self._query = query
        self._step = -1 if query.newest_first else 1
        self._entry = EntryAssembly()
        self._delivered_to: tuple[float, int] = (float("-inf"), 0)
        """The time (0 unless the query is `by_time`) and the number of the item that was delivered last, each times `_step`."""
        self._restarts = 0
        self._items: list[Item] = []
        self.early = EarlyPages(self._step)
        self.order = self.early.order
        self.position = Cursor(start, 0) if start is not None else beginning_of(query)
        self.remaining = limit or None
        self.pages_taken = 0
        self.is_at_end = False
        """Whether the latest page that was delivered says that there are no more results."""
        self.has_invalid_pages = False
        """Whether the server breaks the protocol: it has sent a text that is not UTF-8, or parts of `RESTARTS_MAX` versions of
        an entry."""

    def are_cursors_valid(self, page: Page) -> bool:
        """Whether the cursors of `page` make sense.

        The end of a page must not be before its start. If the page says that more results follow, its end must be after its
        start, because the reader asks for the next page there, and would get the same page for ever. Cursors may have times
        only if the query is `by_time`.
        """
        first, following = page.start, page.next
        start, end = self.order(first), self.order(following)
        has_times = bool(first.time or following.time)
        return end >= start and (page.state is not PageState.MORE or end > start) and (self._query.by_time or not has_times)

    def joined(self, pages: Iterable[Page]) -> Iterator[tuple[Page, int]]:
        """Join pages that continue each other. Yield pairs, in order: a page, and how many of `pages` were joined to make it.

        For a page that was not joined, this number is 1. The reader handles a joined page in hardly more time than a single
        one. Pages are joined only if the first of them begins at `position`, so the caller must deliver the page of each pair
        before it takes the next pair. If the reading has a limit, no pages are joined, because `pages_taken` must count each.
        """
        series: list[Page] = []
        for page in pages:
            if series and not self._continues(series[-1], page):
                yield from self._as_one(series)
                series = []
            series.append(page)
        yield from self._as_one(series)

    def _continues(self, before: Page, page: Page) -> bool:
        """Whether `page` may be joined to the page `before` it.

        It may if `page` begins where `before` ends, and ends after its own beginning. Also, both must be pages of one burst,
        say that further results follow, and have the same `newest`.
        """
        start, following = page.start, page.next
        return (
            start == before.next
            and page.state is before.state is PageState.MORE
            and page.burst == before.burst
            and page.burst_end == before.burst_end
            and page.newest == before.newest
            and page.stream_id == before.stream_id
            and (self.order(following) > self.order(start) if self._query.by_time or self._step < 0 else following > start)
            and (self._query.by_time or not following.time)
        )

    def _as_one(self, series: Sequence[Page]) -> Iterator[tuple[Page, int]]:
        """Join the pages of `series`, which continue each other, into one, or leave them as they are if `joined` says that they
        must not be joined. Yield pairs, as `joined` does.
        """
        is_long = len(series) > 1 and self.remaining is None
        if is_long and series[0].start == self.position and self.are_cursors_valid(series[0]):
            items = tuple(chain.from_iterable(page.items for page in series))
            yield series[0]._replace(next=series[-1].next, items=items), len(series)
        else:
            yield from ((page, 1) for page in series)

    def items(self) -> list[Item]:
        """Return and remove the items that `deliver` has delivered since the last call of `items`, in order."""
        items, self._items = self._items, []
        return items

    def deliver(self, page: Page) -> bool:
        """Deliver the items of `page` that were not delivered before, and move `position` to the page's end.

        The page must start at or before `position`. Returns False if a long entry was revised between its parts. In that case,
        `position` goes back to the beginning of that entry, and all early pages are removed.
        """
        whole = [item for item in page.items if not isinstance(item, StoredPart)]
        if len(whole) == len(page.items):  # nearly always
            self._deliver_items(whole)
        elif not self._deliver_parts(page.items):
            return False
        self.pages_taken += 1
        self.position = page.next
        self.is_at_end = page.state is PageState.END
        return True

    def _deliver_parts(self, items: Sequence[PageItem]) -> bool:
        """Deliver items, some of which are parts of entries.

        Returns False if an entry was revised between its parts; `position` has then gone back to the beginning of that entry.
        """
        for item in items:
            if not isinstance(item, StoredPart):
                self._deliver_items([item])
            elif not self._take_part(item):
                self._go_back_to(self._cursor_in(item))
                return False
        return True

    def _take_part(self, part: StoredPart) -> bool:
        """Take those bytes of `part` that were not taken before, and deliver the entry if it is complete.

        Returns False if these bytes do not continue the text of the parts taken before. If the complete text is not UTF-8, this
        sets `has_invalid_pages`.
        """
        if self.order(self._cursor_in(part)) < self.order(self.position):
            if part.stored.number != self.position.number:  # of an entry that was delivered before
                return True
            if not self._entry.is_same_version(part):
                return False
            part = part.rest(self.position.offset)
            if not part.data:  # all of it was taken before
                return True
        if not self._entry.fits(part):
            return False
        try:
            entry = self._entry.take(part)
        except UnicodeDecodeError:
            self.has_invalid_pages = True
            return True
        if entry is not None:
            self._restarts = 0
            self._deliver_items([entry])
        return True

    def _deliver_items(self, items: Sequence[Item]) -> None:
        """Deliver whole items, but at most `remaining` of them. Items that were delivered before are left out."""
        by_time, step, delivered_to, remaining = self._query.by_time, self._step, self._delivered_to, self.remaining
        keys = [item[0] for item in items]
        is_plain = step > 0 and not by_time and remaining is None
        if is_plain and keys and (0, keys[0]) > delivered_to and all(map(lt, keys, keys[1:])):  # nearly always in long readings
            self._items += items
            self._delivered_to = (0, keys[-1])
            return
        for item in items:
            time = item.noted_at if by_time and isinstance(item, StoredEntry) else 0
            order = step * time, step * item[0]  # an entry's number, or the key of a tally
            if order > delivered_to and remaining != 0:
                delivered_to = order
                self._items.append(item)
                if remaining is not None:
                    remaining -= 1
        self._delivered_to, self.remaining = delivered_to, remaining

    def _cursor_in(self, part: StoredPart) -> Cursor:
        """The cursor at which `part` begins."""
        return cursor_after(part.stored, self._query)._replace(number=part.stored.number, offset=part.offset)

    def _go_back_to(self, cursor: Cursor) -> None:
        """Move `position` back to the start of the entry at `cursor`, which was revised, and remove all early pages."""
        self._restarts += 1
        self.has_invalid_pages = self._restarts >= RESTARTS_MAX
        self.position = cursor._replace(offset=0)
        self.early.clear()

"""Puts the pages that a reader has received in order, and delivers their items to the reader's caller, each once.

Pages that arrive out of order are kept until the missing pages have arrived. An entry that is longer than a page comes in
parts, which this module joins. If somebody revises the entry meanwhile, the later parts belong to another text; then the reader
asks for the entry again from its beginning.
"""

from collections.abc import Iterator, Sequence

from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query
from udpnote.protocol.messages import Page, PageItem, PageState, StoredPart

EARLY_PAGES_MAX = 256
"""The most pages that wait for missing ones: more than the two bursts that may be in flight ask for."""

RESTARTS_MAX = 100
"""How often the reader begins a long entry again because it was revised. Then it gives up: the server must be faulty."""


class EntryAssembly:
    """Joins the parts of long entries, one entry at a time."""

    def __init__(self) -> None:
        self._version: object = None
        self._data = bytearray()

    def is_same_version(self, part: StoredPart) -> bool:
        """Whether this part belongs to the same entry, and the same revision of its text, as the parts taken before."""
        return self._version == _version_of(part.stored)

    def fits(self, part: StoredPart) -> bool:
        """Whether `take` may take this part: it begins an entry, or continues exactly where the parts taken before end."""
        return not part.offset or (self.is_same_version(part) and part.offset == len(self._data))

    def take(self, part: StoredPart) -> StoredEntry | None:
        """Take a part that `fits`; returns the entry if it is complete, else None.

        Raises `UnicodeDecodeError` if the complete text is not UTF-8.
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
    """What identifies the text of an entry, even if its number names another entry of a restored notebook meanwhile."""
    return stored.as_seen, stored.version


class EarlyPages:
    """The pages of a reading that cannot be delivered yet, because earlier ones are missing.

    `step` is -1 if the newest entries come first, else 1.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._pages: dict[Cursor, Page] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no page is kept."""
        return not self._pages

    def order(self, cursor: Cursor) -> tuple[int, int]:
        """The sort key of `cursor` in the order of the reading."""
        return self._step * cursor.number, cursor.offset

    def keep(self, page: Page, position: Cursor) -> None:
        """Keep a page, unless it ends before `position`, or too many later pages are kept already."""
        if page.start == position:  # nearly always, and then it ends after `position`
            self._pages.setdefault(position, page)
            return
        start, here = self.order(page.start), self.order(position)
        if self.order(page.next) >= max(start, here) and (start <= here or len(self._pages) < EARLY_PAGES_MAX):
            self._pages.setdefault(page.start, page)

    def take(self, position: Cursor) -> Page | None:
        """Remove and return a page with results from `position` on, or None. Also remove pages that end before `position`."""
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
        """Where pages are missing: the cursor at each gap from `position` on, and finally the end of the last page kept."""
        for start in sorted(self._pages, key=self.order):
            if self.order(start) > self.order(position):
                yield position
            position = max(position, self._pages[start].next, key=self.order)
        yield position

    def clear(self) -> None:
        """Remove all pages."""
        self._pages.clear()


class PageAssembly:
    """Delivers the items of one reading in order, and keeps the pages that have arrived too early in `early`.

    `position` is the cursor up to which items were delivered. At most `limit` items are delivered (0: all), from the number
    `start` on (None: from the first). `remaining` is how many may still be delivered (None: no limit).
    """

    def __init__(self, query: Query, *, limit: int, start: int | None) -> None:
        self._step = -1 if query.newest_first else 1
        self._entry = EntryAssembly()
        self._delivered_to = float("-inf")
        self._restarts = 0
        self._items: list[Item] = []
        self.early = EarlyPages(self._step)
        self.order = self.early.order
        self.position = Cursor(start, 0) if start is not None else (LAST if query.newest_first else FIRST)
        self.remaining = limit or None
        self.pages_taken = 0
        self.is_at_end = False
        """Whether the latest delivered page says that there are no more results."""
        self.has_invalid_pages = False
        """Whether the server has broken the protocol: a text that is not UTF-8, or too many restarts of one entry."""

    def items(self) -> list[Item]:
        """Return and remove the items that were delivered since the last call, in order."""
        items, self._items = self._items, []
        return items

    def deliver(self, page: Page) -> bool:
        """Deliver the items of a page with results from `position` on, and move `position` to its end.

        Returns False if the entry at `position` was revised meanwhile: then `position` is the beginning of that entry again.
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
        """Deliver items that include parts; returns False if `position` has gone back to the beginning of an entry."""
        for item in items:
            if not isinstance(item, StoredPart):
                self._deliver_items([item])
            elif not self._take_part(item):
                self._go_back_to(item.stored.number)
                return False
        return True

    def _take_part(self, part: StoredPart) -> bool:
        """Take the bytes of a part that were not taken before; returns False if they belong to another text than those."""
        number = part.stored.number
        if self.order(Cursor(number, part.offset)) < self.order(self.position):
            if number != self.position.number:
                return True
            if not self._entry.is_same_version(part):
                return False
            part = part.rest(self.position.offset)
            if not part.data:
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
        """Deliver items, but none that was delivered before, and at most `remaining`."""
        for item in items:
            order = self._step * item[0]  # an entry's number, or the key of a tally
            if order > self._delivered_to and self.remaining != 0:
                self._delivered_to = order
                self._items.append(item)
                if self.remaining is not None:
                    self.remaining -= 1

    def _go_back_to(self, number: int) -> None:
        """Move `position` back to the beginning of the entry `number`, which was revised while its parts were on their way."""
        self._restarts += 1
        self.has_invalid_pages = self._restarts >= RESTARTS_MAX
        self.position = Cursor(number, 0)
        self.early.clear()

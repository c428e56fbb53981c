"""Puts the pages that a reader has received in order, and gives their items, each once.

Pages that arrive out of order wait until the gap before them is closed. An entry that does not fit a page comes in parts, which
this module joins. If the entry is revised while its parts are on their way, the parts belong to different texts, and the reader
goes back to the beginning of the entry.
"""

from collections.abc import Iterator, Sequence

from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query
from udpnote.protocol.messages import Page, PageItem, PageState, StoredPart

EARLY_PAGES_MAX = 256
"""Pages that wait for earlier ones: more than two bursts of a reading bring."""

RESTARTS_MAX = 100
"""How often one long entry may be revised while it is read. More often is nonsense, and ends the reading."""


class EntryAssembly:
    """Joins the parts of an entry, one entry at a time."""

    def __init__(self) -> None:
        self._number = 0
        self._version = 0
        self._data = bytearray()

    def is_same_version(self, part: StoredPart) -> bool:
        """Whether this is a part of the same version of the same entry as the parts taken before."""
        return (self._number, self._version) == (part.stored.number, part.stored.version)

    def fits(self, part: StoredPart) -> bool:
        """Whether this part begins an entry, or continues the parts taken before."""
        return not part.offset or (self.is_same_version(part) and part.offset == len(self._data))

    def take(self, part: StoredPart) -> StoredEntry | None:
        """Take a part that fits; returns the entry if it is complete. Raises `UnicodeDecodeError` if it is not UTF-8."""
        stored = part.stored
        if not part.offset:
            self._number, self._version, self._data = stored.number, stored.version, bytearray()
        self._data += part.data
        if len(self._data) < part.total_bytes:
            return None
        text = self._data.decode()
        self._number, self._data = 0, bytearray()
        return stored._replace(entry=stored.entry._replace(text=text))


class EarlyPages:
    """The pages of a reading that cannot be delivered yet; `step` is -1 if the newest entries come first, else 1."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._pages: dict[Cursor, Page] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no page waits."""
        return not self._pages

    def order(self, cursor: Cursor) -> tuple[int, int]:
        """The key that sorts cursors in the order of the reading."""
        return self._step * cursor.number, cursor.offset

    def keep(self, page: Page, position: Cursor) -> None:
        """Keep a page if it ends after `position`; there is always room for one that can be delivered at once."""
        if page.start == position:  # nearly always, and then it ends after `position`
            self._pages.setdefault(position, page)
            return
        start, here = self.order(page.start), self.order(position)
        if self.order(page.next) >= max(start, here) and (start <= here or len(self._pages) < EARLY_PAGES_MAX):
            self._pages.setdefault(page.start, page)

    def take(self, position: Cursor) -> Page | None:
        """Remove and return the page that continues at `position`; forget pages that end before it."""
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
        """The cursors from `position` on at which pages are missing; the last is the end of the last page that is kept."""
        for start in sorted(self._pages, key=self.order):
            if self.order(start) > self.order(position):
                yield position
            position = max(position, self._pages[start].next, key=self.order)
        yield position

    def clear(self) -> None:
        """Forget all pages."""
        self._pages.clear()


class PageAssembly:
    """The items of one reading, delivered up to the cursor `position`, and the pages beyond it.

    At most `limit` items are delivered (0: all), from the number `start` on; `remaining` counts down (None: no limit).
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
        """Whether the latest delivered page says that nothing more is stored."""
        self.has_invalid_pages = False
        """Whether the server sent something that no server of this protocol sends."""

    def items(self) -> list[Item]:
        """Drain the items that were delivered since the last call, in order."""
        items, self._items = self._items, []
        return items

    def deliver(self, page: Page) -> bool:
        """Deliver a page that continues at `position`; returns False if reading goes back to the beginning of an entry."""
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
        """Deliver items that include parts; returns False if reading goes back to the beginning of an entry."""
        for item in items:
            if not isinstance(item, StoredPart):
                self._deliver_items([item])
            elif not self._take_part(item):
                self._go_back_to(item.stored.number)
                return False
        return True

    def _take_part(self, part: StoredPart) -> bool:
        """Take the bytes of a part that were not taken before; returns False if they do not fit the bytes taken before."""
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
        """Deliver items, except those that were delivered before, and not more than `remaining`."""
        for item in items:
            order = self._step * item[0]  # an entry's number, or the key of a tally
            if order > self._delivered_to and self.remaining != 0:
                self._delivered_to = order
                self._items.append(item)
                if self.remaining is not None:
                    self.remaining -= 1

    def _go_back_to(self, number: int) -> None:
        """Read the entry `number` again from its beginning: it was revised while its parts were on their way."""
        self._restarts += 1
        self.has_invalid_pages = self._restarts >= RESTARTS_MAX
        self.position = Cursor(number, 0)
        self.early.clear()

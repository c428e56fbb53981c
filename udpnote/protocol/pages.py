"""Pages that have come out of order, until the gap before them is closed."""

from collections.abc import Iterator

from udpnote.model.query import Cursor
from udpnote.protocol.messages import Page

PAGES_KEPT_MAX = 256
"""Pages that wait: more than two turns of a reading bring."""


class Pages:
    """The pages of a reading that are not delivered yet; `step` is -1 if the newest come first, else 1."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._pages: dict[Cursor, Page] = {}

    @property
    def is_empty(self) -> bool:
        """Whether none waits."""
        return not self._pages

    def order(self, cursor: Cursor) -> tuple[int, int]:
        """What sorts cursors in the order of the reading."""
        return self._step * cursor.number, cursor.offset

    def keep(self, page: Page, position: Cursor) -> None:
        """Keep a page that leads on from `position`; there is always room for one that can be delivered at once."""
        if page.start == position:  # nearly always, and then it leads on
            self._pages.setdefault(position, page)
            return
        start, here = self.order(page.start), self.order(position)
        if self.order(page.next) >= max(start, here) and (start <= here or len(self._pages) < PAGES_KEPT_MAX):
            self._pages.setdefault(page.start, page)

    def take(self, position: Cursor) -> Page | None:
        """The page that goes on from `position`, once; pages that are behind it are forgotten."""
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
        """Where pages are missing from `position` on, the last time behind all that are there."""
        for start in sorted(self._pages, key=self.order):
            if self.order(start) > self.order(position):
                yield position
            position = max(position, self._pages[start].next, key=self.order)
        yield position

    def clear(self) -> None:
        """Forget all of them."""
        self._pages.clear()

"""What a reading has gathered: pages that have no gap before them become items, in order, each thing once."""

from collections.abc import Sequence

from udpnote.model.query import FIRST, LAST, Cursor, Item, Query
from udpnote.protocol.assembly import Assembly
from udpnote.protocol.messages import Page, PageItem, PageState, StoredPart
from udpnote.protocol.pages import Pages

RESTARTS_MAX = 100
"""How often one long entry may be revised while it is read: whoever sees that does not see an entry."""


class Gathering:
    """The items of one reading, up to `position`, and the `pages` that wait for what comes before them.

    At most `limit` items are handed out (0: all), from the number `start` on; `remaining` of them are still wanted (None: all).
    """

    def __init__(self, query: Query, *, limit: int, start: int | None) -> None:
        self._step = -1 if query.newest_first else 1
        self._assembly = Assembly()
        self._delivered = float("-inf")
        self._restarts = 0
        self._items: list[Item] = []
        self.pages = Pages(self._step)
        self.position = Cursor(start, 0) if start is not None else (LAST if query.newest_first else FIRST)
        self.remaining = limit or None
        self.pages_taken = 0
        self.is_at_end = False
        self.is_nonsense = False

    def items(self) -> list[Item]:
        """Drain what has been handed out since the last call, in order."""
        items, self._items = self._items, []
        return items

    def deliver(self, page: Page) -> bool:
        """Hand out what is on a page that goes on from `position`; False if reading goes back to the beginning of an entry."""
        whole = [item for item in page.items if not isinstance(item, StoredPart)]
        if len(whole) == len(page.items):  # nearly always
            self._emit(whole)
        elif not self._deliver_parts(page.items):
            return False
        self.pages_taken += 1
        self.position = page.next
        self.is_at_end = page.state is PageState.END
        return True

    def _deliver_parts(self, items: Sequence[PageItem]) -> bool:
        """Deliver items with parts among them; False if reading goes back to the beginning of one."""
        for item in items:
            if not isinstance(item, StoredPart):
                self._emit([item])
            elif not self._take(item):  # the entry was revised while its parts were on their way
                self._restart(item.stored.number)
                return False
        return True

    def _take(self, part: StoredPart) -> bool:
        """Take of a part what is not here already; gives whether it agrees with what is here of its entry."""
        number = part.stored.number
        if self.pages.order(Cursor(number, part.offset)) < self.pages.order(self.position):
            if number != self.position.number:
                return True
            if not self._assembly.agrees(part):
                return False
            part = part.rest(self.position.offset)
            if not part.data:
                return True
        if not self._assembly.fits(part):
            return False
        try:
            entry = self._assembly.take(part)
        except UnicodeDecodeError:
            self.is_nonsense = True
            return True
        if entry is not None:
            self._restarts = 0
            self._emit([entry])
        return True

    def _emit(self, items: Sequence[Item]) -> None:
        """Hand out items, but those that were handed out before, and no more than are wanted."""
        for item in items:
            order = self._step * item[0]  # an entry's number, or the key of a tally
            if order > self._delivered and self.remaining != 0:
                self._delivered = order
                self._items.append(item)
                if self.remaining is not None:
                    self.remaining -= 1

    def _restart(self, number: int) -> None:
        """Go back to the beginning of the entry `number`."""
        self._restarts += 1
        self.is_nonsense = self._restarts >= RESTARTS_MAX
        self.position = Cursor(number, 0)
        self.pages.clear()

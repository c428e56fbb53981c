"""Gives READs to a `Pager` with a notebook in memory, and decodes the pages that it sends."""

from collections.abc import Callable
from itertools import pairwise

from tests.support.golden import NOTEBOOK_ID
from tests.support.readings import Book, number_of
from tests.support.wire import decoded
from udpnote.model.query import Item
from udpnote.protocol.codec.reading import READ_BYTES
from udpnote.protocol.envelope import OPEN, Requester
from udpnote.protocol.paging.paging import Pager
from udpnote.protocol.reading.page_assembly import EntryAssembly
from udpnote.protocol.reading_messages import Page, PageState, Read, StoredPart


class PagedBook:
    """A `Pager`, and the notebook in memory that it serves."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.pager = Pager(NOTEBOOK_ID)

    @property
    def is_searching(self) -> bool:
        """Whether a burst waits for a search."""
        return bool(self.pager._searching)

    def receive(self, *reads: Read, source: str = "here") -> None:
        for each in reads:
            self.pager.receive_read(each, Requester((source, 1), OPEN))

    def serve(self, now: float = 0.0, *, is_time_up: Callable[[], bool] = lambda: False) -> list[Page]:
        """Serve the READs that have arrived, and return the pages that are sent."""
        self.pager.serve(self.book.context(now, is_time_up))
        return self.pages()

    def answer(self, *reads: Read, now: float = 0.0, source: str = "here") -> list[Page]:
        """Let `reads` arrive from `source`, serve them, and return the pages that are sent."""
        self.receive(*reads, source=source)
        return self.serve(now)

    def store(self, *items: Item) -> None:
        self.book.add(*items)
        self.pager.notice_stored(self.book.last)

    def pages(self) -> list[Page]:
        return [page for _, page in self.addressed_pages()]

    def addressed_pages(self) -> list[tuple[str, Page]]:
        """Return the pages that are due, each after the host to which it goes."""
        datagrams = self.pager.datagrams_to_send()
        assert all(len(data) <= READ_BYTES + OPEN.overhead_bytes for data, _ in datagrams)
        return [(source[0], decoded(Page, [data])[0]) for data, source in datagrams]


def answered(book: Book, *reads: Read) -> list[Page]:
    """Return the pages with which a new pager answers `reads`."""
    return PagedBook(book).answer(*reads)


def states(pages: list[Page]) -> list[PageState]:
    return [page.state for page in pages]


def numbers(pages: list[Page]) -> list[list[int]]:
    """Return the numbers of the items on each page. A part of a long entry has the number of its entry."""
    return [[number_of(item.stored if isinstance(item, StoredPart) else item) for item in page.items] for page in pages]


def assembled(pages: list[Page], step: int = 1) -> list[Item]:
    """Return the items on `pages`, with the parts of long entries put together.

    Each page must begin where the one before it ended, and end later, in the direction of `step` (1 or -1).
    """
    entry, items = EntryAssembly(), list[Item]()
    assert all(earlier.next == later.start for earlier, later in pairwise(pages))
    for page in pages:
        assert (step * page.start.number, page.start.offset) <= (step * page.next.number, page.next.offset)
        for item in page.items:
            if isinstance(item, StoredPart):
                assert entry.fits(item)
            whole = entry.take(item) if isinstance(item, StoredPart) else item
            items += [whole] if whole is not None else []
    return items

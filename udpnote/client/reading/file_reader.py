"""Reads a notebook's file directly, on the notebook's host, whether its server runs or not."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from enum import Enum, auto
from types import TracebackType
from typing import Self

from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import ClientClosed, Notice, StorageError
from udpnote.machine.clock import wall_microseconds
from udpnote.model.entry import StoredEntry
from udpnote.model.query import (
    Cursor,
    IndexBehind,
    Item,
    PausePoint,
    Query,
    SearchRunning,
    Selection,
    beginning_of,
    cursor_after,
)
from udpnote.protocol.reading.shown_entries import ShownEntries
from udpnote.settings import absolute_path, find_places
from udpnote.storage.notebook.read_only import ReadOnlyNotebook
from udpnote.storage.permissions import too_open, untold

INDEXING_STEP_SECONDS = 0.2
"""While a search waits for the search index, `on_indexing` is called at this interval."""

FIRST_PAGE_ITEMS = 32
PAGE_ITEMS_MAX = 4096
PAGE_CHARACTERS_MAX = 1 << 20
"""Results are read in pages. The first has `FIRST_PAGE_ITEMS` results, because many commands need no more. Each next one has
twice as many, up to `PAGE_ITEMS_MAX`, because a search begins anew for each page. No page has many more characters than
`PAGE_CHARACTERS_MAX`, so that it needs little memory."""

POLL_SECONDS = 0.02
"""A notebook that is followed is read again after this time. A person does not notice such a delay."""


class FileReader(NotebookReader):
    """Reads the notebook in the file `path`, and never changes it. A server may have the file open at the same time.

    Raises `StorageError` if there is no such notebook, or if it cannot be read (see `ReadingConnection`). A search first brings
    the search index up to date, because there may be no server that does so. Meanwhile `on_indexing` is called with two
    numbers: that of the last entry in the index, and that of the last entry in the notebook.

    If other users of this machine have access to the file, `on_notice` is called before the constructor returns, but only once
    for each file. It is also called if a notebook that is followed was restored from an older copy. Tests give their own
    `sleep`, whose argument is in seconds.

    Several threads may use one reader. After `close`, and in a child process that `os.fork` has made, it raises `ClientClosed`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        on_indexing: Callable[[int, int], None] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        path = absolute_path(path, "path")
        notices = [] if on_notice is None else too_open([path], [])  # SQLite makes and removes log files from the next line on
        self._file = ReadOnlyNotebook(path)
        self._lock = threading.RLock()  # held while a thread uses `_file`: two at once would crash Python
        self._is_closed = False
        self._process = os.getpid()
        self._on_notice = on_notice
        if notices:
            for notice in untold(notices, find_places(os.environ).told):
                self._notify(notice)
        self._on_indexing = on_indexing
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. A second call does nothing, and neither does one in a child process."""
        with suppress(ClientClosed), self._opened() as file:
            self._is_closed = True
            file.close()

    @property
    def name(self) -> str:
        """The notebook's name."""
        with self._opened() as file:
            return file.name

    def _now(self) -> int:
        return wall_microseconds()

    def _read(self, selection: Selection) -> Iterator[list[Item]]:
        """Yield the results of `selection`, in order, in lists of those that are found together.

        If the selection follows the notebook, this goes on with each new result, without end.
        """
        query, limit, start, follows, seen, seen_until = selection
        place = _Place(query, Cursor(start, 0) if start is not None else beginning_of(query))
        if follows:
            yield from self._follow(query, place, ShownEntries(seen, stored_until=seen_until))
        else:
            for page in self._found(query, place):
                if limit and len(page) >= limit:
                    yield page[:limit]
                    return
                yield page
                limit -= len(page) if limit else 0

    def _follow(self, query: Query, place: "_Place", shown: ShownEntries) -> Iterator[list[Item]]:
        """Yield the results of `query` from `place` on, and then each new result, without end.

        `shown` remembers which entries were yielded. If the notebook was restored from an older copy, this gives a notice, and
        goes on with the entries that are new in that copy.
        """
        while True:
            for page in self._found(query, place):
                yield [item for item in page if not isinstance(item, StoredEntry) or shown.remember(item)]
            with self._opened() as file:
                shown.add(file.seen_at(place.cursor.number - 1))  # perhaps an entry that the query leaves out
            self._sleep(POLL_SECONDS)
            self._open_restored_copy()
            with self._opened() as file:
                while file.seen_at(shown.latest.number) != shown.latest:
                    shown.go_back()
            if shown.is_going_back:
                shown.confirm()
                place.cursor = Cursor(shown.latest.number + 1, 0)
                self._notify(Notice("notebook_restored", number=place.cursor.number))

    def _open_restored_copy(self) -> None:
        """If the file at the path was replaced by a copy of the same notebook, read that copy from now on."""
        with self._opened() as file:
            if not file.is_replaced:
                return
            try:
                copy = ReadOnlyNotebook(file.path)
            except StorageError:  # perhaps it is usable later
                return
            if copy.notebook_id == file.notebook_id:
                copy, self._file = file, copy
            copy.close()

    def _found(self, query: Query, place: "_Place") -> Iterator[list[Item]]:
        """Yield the results of `query` that the file has now, from `place` on, in pages.

        Before this yields a page, it moves `place` to the end of the page, and ends its transaction: while a transaction lasts,
        the notebook's log grows with each entry, and the caller may take hours. At the end, `place` is also after the entries
        that were read and are no results. If the query needs the search index, this first brings the index up to date, which
        may take minutes.
        """
        items_max = FIRST_PAGE_ITEMS
        while True:
            page, end = self._page(query, place, items_max)
            if page:
                yield page
            match end:
                case _PageEnd.ALL_READ:
                    return
                case _PageEnd.FULL:
                    items_max = min(2 * items_max, PAGE_ITEMS_MAX)
                case IndexBehind(indexed):
                    if self._on_indexing is not None:
                        with self._opened() as file:
                            last_number = file.last_number()
                        self._on_indexing(indexed, last_number)

    def _page(self, query: Query, place: "_Place", items_max: int) -> "tuple[list[Item], _PageEnd | IndexBehind]":
        """Read at most `items_max` results of `query` from `place` on. Return them, and why the page ends after them.

        Moves `place` after all that was read. A page is also full when its texts have `PAGE_CHARACTERS_MAX` characters. The
        second value is an `IndexBehind` if the search index is damaged, or not up to date after `INDEXING_STEP_SECONDS`. Then
        the first value has the results so far, and the caller calls again, which goes on with the indexing.
        """
        page: list[Item] = []
        characters = 0
        with (
            self._opened() as file,
            closing(file.lookup.answer(query, place.cursor, _timer(INDEXING_STEP_SECONDS))) as steps,
        ):
            for found in steps:
                match found:
                    case IndexBehind():
                        return page, found
                    case PausePoint(number, time_there):
                        place.cursor = Cursor(number, 0, time_there)
                    case SearchRunning(is_over):
                        assert is_over(), "the search would never end: this index searches in no other thread"
                    case _:
                        page.append(found)
                        place.move_after(found)
                        if isinstance(found, StoredEntry):
                            characters += len(found.entry.text)
                        if len(page) >= items_max or characters >= PAGE_CHARACTERS_MAX:
                            return page, _PageEnd.FULL
        return page, _PageEnd.ALL_READ

    @contextmanager
    def _opened(self) -> Iterator[ReadOnlyNotebook]:
        """A context manager: in its block, only this thread uses the file, which the block gets. Raises `ClientClosed`."""
        if os.getpid() != self._process:
            raise ClientClosed("client_of_another_process")
        with self._lock:
            if self._is_closed:
                raise ClientClosed("reader_closed")
            yield self._file

    def _notify(self, notice: Notice) -> None:
        if self._on_notice is not None:
            self._on_notice(notice)


def _timer(seconds: float) -> Callable[[], bool]:
    """Return a function that returns whether `seconds` have passed since now."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


class _PageEnd(Enum):
    """Why a page has no more results. FULL: further results go into the next page. ALL_READ: the file has none now."""

    FULL = auto()
    ALL_READ = auto()


class _Place:
    """Where in the results of `query` reading goes on: at `cursor`."""

    def __init__(self, query: Query, cursor: Cursor) -> None:
        self._query = query
        self.cursor = cursor

    def move_after(self, item: Item) -> None:
        """Move `cursor` to just after `item`, in the order of the query."""
        self.cursor = cursor_after(item, self._query) if isinstance(item, StoredEntry) else Cursor(item.key + 1, 0)

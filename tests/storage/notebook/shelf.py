"""A notebook with notes that lookups find: what the tests of lookups share."""

from collections.abc import Callable
from typing import Any

from tests.storage.notebook.conftest import part, stored
from tests.support.later_searcher import LaterSearcher
from udpnote.model.entry import Kind, StoredEntry
from udpnote.model.query import Cursor, LookupStep, PausePoint, Query, Tally, View, beginning_of
from udpnote.storage.notebook.notebook import Notebook

DAY = 86_400_000_000
NOW = 20_000 * DAY
"""When the notes are written, if a test does not say otherwise."""
STORED = NOW + 100 * DAY
"""When they are stored."""

MEETING = Query(words=("开会",))


class Shelf:
    """A notebook, and short names for writing to it and looking things up in it."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.searcher = LaterSearcher()
        notebook.lookup.index.use_executor(self.searcher)

    def note(self, text: str, *, author: str = "amy@pi", written_at: int = NOW, stored_at: int = STORED) -> None:
        self._store(text, stored_at=stored_at, author=author, written_at=written_at)

    def revise(self, number: int, text: str, kind: Kind = Kind.REVISION) -> None:
        self._store(text, author="bob@desk", kind=kind, revises=number)

    def delete(self, number: int) -> None:
        self.revise(number, "", Kind.DELETION)

    def fill(self, count: int) -> None:
        self._store("x", count, written_at=NOW)

    def find(
        self, query: Query, start: int | Cursor | None = None, is_time_up: Callable[[], bool] = lambda: False
    ) -> list[LookupStep]:
        """Return all steps of a lookup, from the number or cursor `start` on."""
        first = Cursor(start, 0) if isinstance(start, int) else start or beginning_of(query)
        return self.searcher.drain(self.notebook.lookup.answer(query, first, is_time_up))

    def stored(self, query: Query, start: int | Cursor | None = None) -> list[StoredEntry]:
        return [found for found in self.find(query, start) if isinstance(found, StoredEntry)]

    def numbers(self, query: Query, start: int | None = None) -> list[int]:
        return [found.number for found in self.stored(query, start)]

    def pauses(self, query: Query) -> list[int]:
        """Return the numbers at which a lookup pauses."""
        return [found.number for found in self.find(query) if isinstance(found, PausePoint)]

    def instructions_until_first(self, query: Query) -> int:
        """How many instructions SQLite executes until the first result is there."""
        executed = [0]

        def count() -> None:
            executed[0] += 1

        connection = self.notebook.lookup._connection
        connection.set_progress_handler(count, 1)
        next(self.notebook.lookup.answer(query, beginning_of(query), lambda: False))
        connection.set_progress_handler(None, 1)
        return executed[0]

    def texts(self, query: Query) -> list[str]:
        return [found.entry.text for found in self.find(query) if isinstance(found, StoredEntry)]

    def tallies(self, view: View, start: int = 0) -> list[Tally]:
        return [found for found in self.find(Query(view), start) if isinstance(found, Tally)]

    def _store(self, text: str, count: int = 1, stored_at: int = STORED, **fields: Any) -> None:
        numbers = range(self.notebook.last_number + 1, self.notebook.last_number + 1 + count)
        parts = [part(number, text)._replace(**fields) for number in numbers]
        assert self.notebook.store(parts, stored_at) == [*map(stored, numbers)]

"""Queries, which ask a notebook for entries or for tallies (counts by tag, author or day), and what a lookup yields for them.

A lookup is an iterator over the results of one query. It also yields `PausePoint`s, at which its caller may pause, so that a
long query does not delay the server's other work.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from udpnote.model.entry import SEQUENCE_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN, SeenEntry, StoredEntry


class View(IntEnum):
    """The kind of results that a query asks for."""

    NOTES = 1
    """Each note that is not deleted, with its latest text."""

    LOG = 2
    """Every entry with the text that it had when it was stored: notes (deleted ones, too), revisions and deletions.

    An entry that was erased (`Kind.ERASED`) is a result only if the query names numbers.
    """

    SUMMARY = 3
    """Figures about the whole notebook, as tallies with the labels in `SUMMARY_LABELS`."""

    TAGS = 4
    """A tally for each tag: the number of notes with this tag in their latest text. Deleted notes do not count."""

    AUTHORS = 5
    """A tally for each author: the number of notes that the author wrote. Deleted notes do not count."""

    DAYS = 6
    """A tally for each day: the number of notes that were written on it, by the writers' time zones. Deleted notes do not
    count.

    The label is the ISO 8601 date.
    """


SUMMARY_LABELS = ("notes", "entries", "authors", "clients", "days", "bytes", "first", "last")
"""The labels of the tallies of a SUMMARY.

`notes` counts the notes that are not deleted. `authors` and `days` count the different authors and days of these notes.
`entries` counts all entries, including revisions, deletions and erased ones. `clients` counts the different client ids.
`bytes` is the size of the notebook's file. `first` and `last` are the `noted_at` of the earliest and the latest note, deleted
ones included, in microseconds since 1970 UTC.
"""


class Query(NamedTuple):
    """What to find in a notebook. `view` says which kind of results; the filters select notes.

    A filter with its default value excludes nothing. `since` (inclusive) and `until` (exclusive) limit the note's `noted_at`
    (see `StoredEntry`), in microseconds since 1970 UTC. `author` is compared without case, and may omit the part from the `@`
    on. The note must have all of `tags`. Its text must contain all of `words`, at least one word of each group in `any_of`, and
    none of `without`. In these three, a string with spaces is a phrase. `numbers` selects the notes with these numbers, and the
    notes whose revisions or deletions have these numbers. In `View.LOG`, the results are the selected notes with all of their
    revisions and deletions.

    The results come in the order of their numbers. If `by_time` is true, which is allowed for notes only, they come in the
    order of their `noted_at`; notes with equal times come in the order of their numbers. `newest_first` reverses the order.
    """

    view: View = View.NOTES
    newest_first: bool = False
    since: int | None = None
    until: int | None = None
    author: str = ""
    tags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    by_time: bool = False
    any_of: tuple[tuple[str, ...], ...] = ()
    without: tuple[str, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether the query selects notes by their text, with `words`, `any_of` or `without`."""
        return bool(self.words or self.any_of or self.without)


class Selection(NamedTuple):
    """What to read: at most `limit` results of `query` (0: all), beginning at the number `start` (None: at the first result).

    If `follows` is true, reading does not end at the last result, but waits for results that are stored later. In this case,
    `seen` may have entries that the caller has read before. They show from where on to read again if the notebook is restored
    from an older copy (see `protocol.reading.shown_entries`). The latest of them was stored at `seen_until`, in microseconds
    since 1970 UTC.
    """

    query: Query
    limit: int = 0
    start: int | None = None
    follows: bool = False
    seen: tuple[SeenEntry, ...] = ()
    seen_until: int = 0


class Cursor(NamedTuple):
    """Where reading continues in the results of a query: at the entry `number` or, if it is no result, at the next result.

    `offset` is the number of bytes of that entry's text that were read already. `time` is the entry's `noted_at`, in
    microseconds since 1970 UTC, if the query is ordered `by_time`, and 0 if it is not. In the results of a query for tallies,
    `number` is the `key` of a `Tally`.
    """

    number: int
    offset: int
    time: int = 0


FIRST = Cursor(1, 0)
LAST = Cursor(SEQUENCE_MAX, 0)
"""Where reading in the order of the numbers begins: at `FIRST`, or at `LAST` if the newest results come first."""


def beginning_of(query: Query) -> Cursor:
    """Return the cursor at which reading all results of `query` begins."""
    cursor = LAST if query.newest_first else FIRST
    if query.by_time:
        return cursor._replace(time=WRITTEN_AT_MAX if query.newest_first else WRITTEN_AT_MIN)
    return cursor


def cursor_after(stored: StoredEntry, query: Query) -> Cursor:
    """Return the cursor at which reading the results of `query` continues after the entry `stored`."""
    number = stored.number - 1 if query.newest_first else stored.number + 1
    return Cursor(number, 0, stored.noted_at if query.by_time else 0)


class Tally(NamedTuple):
    """One count in the result of a query. `label` names what is counted (a tag, for example), and `amount` is the count.

    The tallies of a view come in the order of `key`, a positive integer that is different for each tally.
    """

    key: int
    label: str
    amount: int


class PausePoint(NamedTuple):
    """The caller may pause the lookup here. All results before the `Cursor` with this `number` and `time` were yielded."""

    number: int
    time: int = 0


class IndexBehind(NamedTuple):
    """The lookup ends here: it needs the search index, and the index has only the entries up to the number `indexed` so far."""

    indexed: int


class SearchRunning(NamedTuple):
    """A worker thread is still searching for the next results. Continue the lookup when `is_over()` returns True."""

    is_over: Callable[[], bool]


Item = StoredEntry | Tally
LookupStep = Item | PausePoint | IndexBehind | SearchRunning
Lookup = Callable[[Query, Cursor], Iterator[LookupStep]]
"""A function that finds the results of a query in a notebook.

Its arguments are the query and the cursor of the first result to yield; the `offset` of the cursor is ignored. It yields the
results in order, and looks for the next one only when the caller asks for it.
"""

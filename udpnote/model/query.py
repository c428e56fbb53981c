"""Queries, which ask a notebook for entries or for tallies (counts by tag, author or day), and what a lookup yields for them.

A lookup is an iterator over the results of one query. It also yields `PausePoint`s, at which its caller may pause, so that a
long query does not hold up the server.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from udpnote.model.entry import SEQUENCE_MAX, SeenEntry, StoredEntry


class View(IntEnum):
    """The kind of results that a query asks for."""

    NOTES = 1
    """Each note that is not deleted, with its latest text."""

    LOG = 2
    """Every entry with the text with which it was stored: notes, also deleted ones, revisions and deletions."""

    SUMMARY = 3
    """Numbers about the whole notebook, as tallies with the labels `SUMMARY_LABELS`."""

    TAGS = 4
    """A tally for each tag: how many notes that are not deleted have it in their latest text."""

    AUTHORS = 5
    """A tally for each author: how many notes that are not deleted the author wrote."""

    DAYS = 6
    """A tally for each day, in the writers' time zones: how many notes that are not deleted were written on it.

    The label is the ISO 8601 date.
    """


SUMMARY_LABELS = ("notes", "entries", "authors", "clients", "days", "bytes", "first", "last")
"""The labels of the tallies of a SUMMARY.

`notes` counts the notes that are not deleted; `authors` and `days` count their different authors and days. `entries` counts all
entries, also revisions and deletions, `clients` the different client ids. `bytes` is the size of the notebook's file. `first`
and `last` are when the earliest and the latest note was written, also a deleted one, in microseconds since 1970 UTC.
"""


class Query(NamedTuple):
    """What to find in a notebook. `view` says which kind of results; the filters select notes.

    A filter with its default value excludes nothing. `since` (inclusive) and `until` (exclusive) limit when the note was
    written, in microseconds since 1970 UTC. `author` is compared without case, and may omit the part from the `@` on. The note
    must have all of `tags` and contain all of `words`; an item of `words` that contains spaces is a phrase. `numbers` selects
    the notes that have one of these numbers, or a revision or deletion with one of them. In `View.LOG`, the filters apply to
    the note, and select its revisions and deletions with it. `newest_first` puts the entries with higher numbers first.
    """

    view: View = View.NOTES
    newest_first: bool = False
    since: int | None = None
    until: int | None = None
    author: str = ""
    tags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


class Selection(NamedTuple):
    """What to read: the results of `query` from the number `start` on (None: from the first), at most `limit` of them (0: all).

    If `follows` is true, the reading does not end at the last result, but waits for results that are stored later. `seen` is
    for such a reading only: entries that its caller knows from before. The latest of them was stored at `seen_until`, in
    microseconds since 1970 UTC.
    """

    query: Query
    limit: int = 0
    start: int | None = None
    follows: bool = False
    seen: tuple[SeenEntry, ...] = ()
    seen_until: int = 0


class Cursor(NamedTuple):
    """Where reading continues in the results of a query: at the entry `number` or, if it is no result, at the next result.

    If the text of the entry was read in part, `offset` is the number of its bytes that were read; otherwise 0. For tallies,
    `number` is a key.
    """

    number: int
    offset: int


FIRST = Cursor(1, 0)
LAST = Cursor(SEQUENCE_MAX, 0)
"""Where reading begins: at `FIRST` or, if the newest results come first, at `LAST`."""


class Tally(NamedTuple):
    """One count in the result of a query: `label` names what is counted (a tag, for example), and `amount` is the count.

    The tallies of a view come in the order of `key`, a positive integer that is different for each tally.
    """

    key: int
    label: str
    amount: int


class PausePoint(NamedTuple):
    """The caller may pause the lookup here. It has yielded all results that come before `number`, in the order of the query."""

    number: int


class IndexBehind(NamedTuple):
    """The lookup ends here, because the search index, which it needs, holds only the entries up to the number `indexed`."""

    indexed: int


class SearchRunning(NamedTuple):
    """A worker thread is still searching for the next results. Continue the lookup when `is_over()` returns True."""

    is_over: Callable[[], bool]


Item = StoredEntry | Tally
LookupStep = Item | PausePoint | IndexBehind | SearchRunning
Lookup = Callable[[Query, int], Iterator[LookupStep]]
"""A function that finds the results of a query in a notebook.

It takes the query and the number to start from (inclusive), and yields the results in order, as the caller asks for them.
"""

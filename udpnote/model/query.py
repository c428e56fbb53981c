"""Queries, which ask a notebook for entries or for tallies (counts by tag, author or day), and what a lookup yields for them.

A lookup is an iterator over the results of one query. It also yields places at which its caller may pause, so that a long query
does not hold up the server.
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
    """Every entry as it was stored: notes, revisions and deletions."""

    SUMMARY = 3
    """Numbers about the whole notebook, as tallies with the labels `SUMMARY_LABELS`."""

    TAGS = 4
    """For each tag, how many notes have it."""

    AUTHORS = 5
    """For each author, how many notes they wrote."""

    DAYS = 6
    """For each day, how many notes were written on it, in their writers' time zones; the label is the ISO 8601 date."""


SUMMARY_LABELS = ("notes", "entries", "authors", "clients", "days", "bytes", "first", "last")
"""The labels of the tallies of a SUMMARY.

`entries` includes revisions and deletions; `bytes` is the size of the file; `first` and `last` are when the earliest and the
latest note was written, in microseconds since 1970 UTC.
"""


class Query(NamedTuple):
    """Which entries of the notebook to find, as `view` shows them. A filter with its default value excludes nothing.

    `since` (inclusive) and `until` (exclusive) limit when the note was written, in microseconds since 1970 UTC. `author` is
    compared without case, and may omit the part from the `@` on. The note must have all of `tags` and contain all of `words`;
    an item of `words` that contains spaces is a phrase. `numbers` selects the notes that have one of these numbers, or a
    revision with one of them. In `View.LOG`, the filters apply to the note, and select its revisions and deletions with it.
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
    """What to read: the results of `query`, from the number `start` on (None: from the first), at most `limit` items (0: all).

    If it `follows`, the reading does not end at the last result: it waits for results that are stored later. Then `seen` are
    entries that the follower has shown before it began.
    """

    query: Query
    limit: int = 0
    start: int | None = None
    follows: bool = False
    seen: tuple[SeenEntry, ...] = ()


class Cursor(NamedTuple):
    """Where reading continues: at the byte `offset` of the text of entry `number`, or at the next result after that number.

    For tallies, `number` is a key.
    """

    number: int
    offset: int


FIRST = Cursor(1, 0)
LAST = Cursor(SEQUENCE_MAX, 0)
"""Where reading begins: at `FIRST`, or at `LAST` if the newest entries come first."""


class Tally(NamedTuple):
    """One count: `amount` belongs to `label` (a tag, for example). The tallies of a view are ordered by `key`."""

    key: int
    label: str
    amount: int


class PausePoint(NamedTuple):
    """The caller may pause the lookup here: in the order of the query, all results before `number` (exclusive) were yielded."""

    number: int


class IndexBehind(NamedTuple):
    """The lookup cannot go on, because the search index so far holds only the entries up to the number `indexed`."""

    indexed: int


class SearchRunning(NamedTuple):
    """A worker thread is still searching for the next results: continue the lookup once `is_over()`."""

    is_over: Callable[[], bool]


Item = StoredEntry | Tally
LookupStep = Item | PausePoint | IndexBehind | SearchRunning
Lookup = Callable[[Query, int], Iterator[LookupStep]]
"""A function that finds the results of a query in a notebook.

It takes the query and the number to start from (inclusive), and yields the results in order, as the caller asks for them.
"""

"""Queries, with which a reader asks for entries or tallies of a notebook, and the values that a lookup yields."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from udpnote.model.entry import SEQUENCE_MAX, StoredEntry


class View(IntEnum):
    """The kind of results that a query asks for."""

    NOTES = 1
    """Each note that is not deleted, with its latest text."""

    LOG = 2
    """Every entry as it was stored: notes, revisions and deletions."""

    SUMMARY = 3
    """Totals of the whole notebook, as tallies; see `SUMMARY_LABELS`."""

    TAGS = 4
    """How many notes carry each tag."""

    AUTHORS = 5
    """How many notes each author wrote."""

    DAYS = 6
    """How many notes were written on each day, by their writers' clocks; the label is the ISO 8601 date."""


SUMMARY_LABELS = ("notes", "entries", "authors", "clients", "days", "bytes", "first", "last")
"""The tallies of a SUMMARY: `entries` includes revisions and deletions; `bytes` is the size of the file; `first` and `last` are
when the earliest and the latest note was written, in microseconds since 1970 UTC."""


class Query(NamedTuple):
    """Which entries of one `view` to find; a filter that is left empty excludes nothing.

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


class Cursor(NamedTuple):
    """Where reading continues: at the byte `offset` of the entry `number`, or of the next entry that there is."""

    number: int
    offset: int


FIRST = Cursor(1, 0)
LAST = Cursor(SEQUENCE_MAX, 0)
"""Where reading begins: at the first entry, or at the last if the newest come first."""


class Tally(NamedTuple):
    """How often `label` occurs; the tallies of a view are ordered by `key`."""

    key: int
    label: str
    amount: int


class PausePoint(NamedTuple):
    """The lookup has yielded everything before `number` (exclusive, in its order): the caller may pause here."""

    number: int


class IndexBehind(NamedTuple):
    """The lookup needs the search index, which holds only the entries up to the number `indexed` so far."""

    indexed: int


class SearchRunning(NamedTuple):
    """A worker thread is still searching for the next results: continue the lookup once `is_over()`."""

    is_over: Callable[[], bool]


Item = StoredEntry | Tally
LookupStep = Item | PausePoint | IndexBehind | SearchRunning
Lookup = Callable[[Query, int], Iterator[LookupStep]]
"""Finds things in a notebook: takes a query and the number to start from (inclusive); yields the results in order, lazily."""

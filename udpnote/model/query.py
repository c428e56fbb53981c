"""What a reader may ask of a notebook, and what comes back beside entries."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from udpnote.model.entry import SEQUENCE_MAX, StoredEntry


class View(IntEnum):
    """What is looked at."""

    NOTES = 1
    """Each note that is not deleted, with its latest text."""

    LOG = 2
    """Every entry as it was kept: notes, revisions and deletions."""

    SUMMARY = 3
    """What the notebook holds, as tallies by name; see `SUMMARY_LABELS`."""

    TAGS = 4
    """How many notes carry each tag."""

    AUTHORS = 5
    """How many notes each author wrote."""

    DAYS = 6
    """How many notes were written on each day, as their writers' clocks showed it; the label is its ISO 8601 date."""


SUMMARY_LABELS = ("notes", "entries", "authors", "clients", "days", "bytes", "first", "last")
"""Of a SUMMARY: `entries` counts revisions and deletions, too; `bytes` is the file's size; `first` and `last` are when the
earliest and the latest note was written, in microseconds since 1970 UTC."""


class Query(NamedTuple):
    """Which entries are wanted, of one `view`; what is left empty does not matter.

    `since` (included) and `until` (excluded) limit when the note was written, in microseconds since 1970 UTC. `author` is
    compared without case, and may leave out what follows the `@`. All of `tags` and all of `words` must be in the note;
    one of `words` that is more than a word is a phrase. Of `numbers`, any may be a note's or that of one of its revisions;
    all of the note is wanted then. In the LOG, what is said of a note goes for its revisions and deletions.
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
    """Where reading goes on: at the byte `offset` of the entry `number`, or of the next one there is."""

    number: int
    offset: int


FIRST = Cursor(1, 0)
LAST = Cursor(SEQUENCE_MAX, 0)
"""Where reading begins: at the first entry, or, if the newest come first, at the last."""


class Tally(NamedTuple):
    """How often `label` occurs; `key` orders the tallies of a view."""

    key: int
    label: str
    amount: int


class PausePoint(NamedTuple):
    """Whatever there is before `number` (that one not included) in the order of the lookup was given: a place to pause."""

    number: int


class IndexBehind(NamedTuple):
    """A lookup needs the search index, which has only come as far as the entry `indexed`."""

    indexed: int


class SearchRunning(NamedTuple):
    """What comes next is being searched for elsewhere: ask the lookup again when that `is_over`."""

    is_over: Callable[[], bool]


Item = StoredEntry | Tally
LookupStep = Item | PausePoint | IndexBehind | SearchRunning
Lookup = Callable[[Query, int], Iterator[LookupStep]]
"""What finds things in a notebook: for a query, from a number on (that one included), in order, lazily."""

"""Keeps the history of the notebook's log. Checks with it what readers got: all that they must get, and nothing else."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tests.support.matching import is_match
from udpnote.model.entry import Kind, StoredEntry
from udpnote.model.query import Query, Tally, View
from udpnote.text import search_terms
from udpnote.text.search_terms import parse_tag


class Violation(AssertionError):
    """Raised when udpnote breaks one of its promises."""


class Asked(NamedTuple):
    """What a reader asked for. There were `began` entries when it asked. A `limit` of 0 stands for none."""

    query: Query
    began: int
    limit: int = 0
    start: int | None = None


class History:
    """The log of the notebook, and the numbers of entries that it had after each commit.

    Such a number is called a moment: readers see the notebook only as it was at a moment, and never inside a commit.
    """

    def __init__(self) -> None:
        self._log: list[StoredEntry] = []
        self._versions: dict[int, list[int]] = {}
        self._roots: list[int] = []
        self._moments = [0]

    @property
    def last(self) -> int:
        return len(self._log)

    @property
    def log(self) -> list[StoredEntry]:
        return list(self._log)

    def entry(self, number: int) -> StoredEntry | None:
        return self._log[number - 1] if 0 < number <= len(self._log) else None

    def root_of(self, number: int) -> int:
        """Return the number of the note that the entry `number` is, or that it changes."""
        return self._roots[number - 1]

    def long_notes(self, characters: int) -> list[int]:
        """Return the numbers of the notes whose latest text has at least this many characters."""
        return [root for root, versions in self._versions.items() if len(self._log[versions[-1] - 1].entry.text) >= characters]

    def add(self, stored: StoredEntry) -> None:
        entry = stored.entry
        root = stored.number if entry.kind is Kind.NOTE else self._roots[entry.revises - 1]
        self._log.append(stored)
        self._roots.append(root)
        self._versions.setdefault(root, []).append(stored.number)

    def commit(self) -> None:
        """Commit the entries that were added: readers see all of them from now on."""
        if self._moments[-1] != self.last:
            self._moments.append(self.last)

    def outcomes(self, query: Query, number: int, first: int, last: int) -> list[StoredEntry | None]:
        """Return what `query` found for the entry `number` at the moments from `first` to `last`, without repetitions.

        None stands for nothing: the query did not find this entry.
        """
        root = self._roots[number - 1]
        if query.numbers and root not in [self._roots[each - 1] for each in query.numbers]:
            return [None]
        shown = self._shown(root, max(first, number), last)
        if query.view is View.LOG:
            return [self._log[number - 1] if _is_wanted(note or self._log[root - 1], query) else None for note in shown]
        if root != number:
            return [None]
        return [note if note is not None and _is_wanted(note, query) else None for note in shown]

    def tallies(self, view: View, first: int, last: int) -> list[Counter[str]]:
        """Return the result of AUTHORS or TAGS at each moment from `first` to `last`."""
        moments = self._moments[bisect_left(self._moments, first) : bisect_right(self._moments, last)]
        return [self._tallied(view, moment) for moment in moments]

    def _shown(self, root: int, first: int, last: int) -> list[StoredEntry | None]:
        """Return the note `root` as it was at the moments from `first` to `last`; None for a moment when it was deleted."""
        versions = self._versions[root]
        begin = bisect_right(versions, self._moments[bisect_left(self._moments, first)]) - 1
        shown = []
        for place in range(begin, bisect_right(versions, last)):
            following = versions[place + 1] if place + 1 < len(versions) else last + 1
            if self._moments[bisect_left(self._moments, versions[place])] < following:  # else no reader ever saw it
                shown.append(self._version(root, versions[place]))
        return shown

    def _version(self, root: int, number: int) -> StoredEntry | None:
        note, version = self._log[root - 1], self._log[number - 1]
        if version.entry.kind is Kind.DELETION:
            return None
        return note._replace(entry=note.entry._replace(text=version.entry.text), version=number)

    def _tallied(self, view: View, moment: int) -> Counter[str]:
        tallied: Counter[str] = Counter()
        for root in self._versions:
            note = self._shown(root, moment, moment)[-1] if root <= moment else None
            if note is not None:
                tallied.update([note.entry.author] if view is View.AUTHORS else tags(note.entry.text))
        return tallied


def check_entries(history: History, asked: Asked, items: Sequence[StoredEntry], *, is_complete: bool) -> None:
    """Check the entries that a reader has got so far or, if `is_complete` is true, in all. Raises `Violation`.

    They must be what the query finds: each entry once, in order, as it was at some moment of the reading. Up to the last item,
    no entry may be left out that the query would have found at every moment since the reading began, or since it was stored.
    """
    numbers = [item.number for item in items]
    places = [_place(item, asked.query) for item in items]
    if any(place >= following for place, following in pairwise(places)):
        raise Violation(f"a reader got things out of order, or twice: {numbers}")
    if asked.limit and len(items) > asked.limit:
        raise Violation(f"a reader got {len(items)} things, and wanted {asked.limit}")
    found = {item.number: item for item in items}
    is_to_the_end = is_complete and not (asked.limit and len(items) == asked.limit)
    highest = max(numbers, default=0)
    for number in range(1, history.last + 1):
        item = found.pop(number, None)
        stored = history.entry(number)
        is_passed = is_to_the_end or (bool(items) and stored is not None and _place(stored, asked.query) < places[-1])
        must_be_there = is_passed and (number <= asked.began or (number < highest and not asked.query.by_time))
        _check_outcome(history, asked, number, item, must_be_there=must_be_there)
    if found:
        raise Violation(f"a reader got what is not in the notebook: #{min(found)}")


def _place(stored: StoredEntry, query: Query) -> tuple[int, int]:
    """Return the key that sorts the results of `query`."""
    step = -1 if query.newest_first else 1
    return step * stored.noted_at if query.by_time else 0, step * stored.number


def check_tallies(history: History, asked: Asked, tallies: Sequence[Tally]) -> None:
    """Check that a reader of AUTHORS or TAGS has got the result of some moment of its reading. Raises `Violation`."""
    counted = {tally.label: tally.amount for tally in tallies}
    if len(counted) != len(tallies):
        raise Violation(f"a reader got a tally twice: {tallies}")
    possible = history.tallies(asked.query.view, asked.began, history.last)
    if counted not in possible:
        raise Violation(f"a reader got {counted}, which was never so: from {possible[0]} to {possible[-1]}")


def _check_outcome(history: History, asked: Asked, number: int, item: StoredEntry | None, *, must_be_there: bool) -> None:
    """Check `item`, which a reader has got for the entry `number`; None if it has got nothing. Raises `Violation`.

    None is allowed if the query did not find the entry at some moment of the reading, or if `must_be_there` is false.
    """
    step = -1 if asked.query.newest_first else 1
    is_before_start = asked.start is not None and step * number < step * asked.start
    outcomes = [None] if is_before_start else history.outcomes(asked.query, number, asked.began, history.last)
    if item is None and must_be_there and None not in outcomes:
        raise Violation(f"a reader of {asked} was not given #{number}")
    if item is not None and item not in outcomes:
        raise Violation(f"a reader of {asked} was given what #{number} never was: {item}")


@lru_cache(maxsize=4096)
def tags(text: str) -> frozenset[str]:
    """Return the tags of `text`. The cache helps because the checks ask about the same texts often."""
    return frozenset(search_terms.tags(text))


fold = lru_cache(maxsize=4096)(search_terms.fold)  # for authors, of whom there are few


_is_match = lru_cache(maxsize=4096)(is_match)


def _is_wanted(note: StoredEntry, query: Query) -> bool:
    """Whether `query` finds this note."""
    entry = note.entry
    author = fold(entry.author)
    return (
        (query.since is None or note.noted_at >= query.since)
        and (query.until is None or note.noted_at < query.until)
        and (not query.author or fold(query.author) in (author, author.partition("@")[0]))
        and set(map(parse_tag, query.tags)) <= tags(entry.text)
        and (not query.words or _is_match(entry.text, query.words))
        and all(any(_is_match(entry.text, (word,)) for word in group) for group in query.any_of)
        and not any(_is_match(entry.text, (word,)) for word in query.without)
    )

"""Reading a notebook, the same way whether its server is asked or its file."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from udpnote.errors import BadAnswer, InvalidQuery
from udpnote.model.entry import Kind, StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Item, Query, Tally, View

if TYPE_CHECKING:
    from datetime import date

NONSENSE = "the server's answer makes no sense: is it a udpnote server, and is its udpnote as new as this one?"
"""What is said of a server that answers with something else."""

NUMBERS_PER_QUERY = 100
"""Entries that one query names; more are asked for in turns."""


class Filters(TypedDict, total=False):
    """Which notes are meant: written at or after `since` and before `until` (microseconds since 1970 UTC), by `author` (the
    part before an `@` will do), with all of `tags`."""

    since: int | None
    until: int | None
    author: str | None
    tags: Sequence[str]


class Stats(NamedTuple):
    """What a notebook holds: `entries` counts revisions and deletions, too; the times are microseconds since 1970 UTC."""

    notes: int
    entries: int
    authors: int
    clients: int
    days: int
    bytes: int
    first: int | None
    last: int | None


class Reads(ABC):
    """What can be read. Every method that gives an iterator pulls as it goes.

    All raise `InvalidQuery` for what no notebook can answer, and what is needed to reach it: a client `ServerNotFound`,
    `SeveralNotebooks` or `WrongNotebook`, a file `StorageError`.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call the notebook."""

    @abstractmethod
    def _read(self, query: Query, *, limit: int = 0, follows: bool = False, start: int | None = None) -> Iterator[Item]:
        """What `query` finds, from the number `start` on, at most `limit` items (0: all); with `follows`, for ever."""

    def entries(
        self,
        *,
        words: Sequence[str] = (),
        numbers: Sequence[int] = (),
        newest_first: bool = False,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[StoredEntry]:
        """Notes with their latest text, in the order of their numbers; those that are deleted are left out.

        All of `words` must be in the text: each is a word, or a phrase. `numbers` names notes, or revisions of them.
        """
        query = _query(View.NOTES, words, newest_first, filters)
        for some in _portions(numbers):
            yield from self._entries(query._replace(numbers=some), limit)

    def search(
        self, *words: str, newest_first: bool = False, limit: int | None = None, **filters: Unpack[Filters]
    ) -> Iterator[StoredEntry]:
        """The notes in which all of `words` occur: each is a word, or a phrase."""
        from udpnote.text.search_terms import check_words  # here, because a one-shot send searches nothing

        check_words(words)
        return self.entries(words=words, newest_first=newest_first, limit=limit, **filters)

    def log(
        self,
        *,
        numbers: Sequence[int] = (),
        newest_first: bool = False,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[StoredEntry]:
        """Entries as they were kept: notes, revisions and deletions.

        `numbers` names notes, or versions of them: all versions of each are given.
        """
        query = _query(View.LOG, (), newest_first, filters)
        for some in _portions(numbers):
            yield from self._entries(query._replace(numbers=some), limit)

    def follow(self, *, last: int = 10, **filters: Unpack[Filters]) -> Iterator[StoredEntry]:
        """The `last` entries as they were kept, and then each new one as it is stored, for ever."""
        query = _query(View.LOG, (), False, filters)
        latest = list(self._entries(query._replace(newest_first=True), max(last, 1)))
        start = latest[0].number + 1 if latest else 1
        yield from reversed(latest[:last])
        yield from self._entries(query, None, follows=True, start=start)

    def tags(self) -> list[Tally]:
        """The tags, with how many notes carry each; the most frequent come first."""
        return _most_frequent_first(self._tallies(View.TAGS))

    def authors(self) -> list[Tally]:
        """Who wrote, with how many notes; the most diligent come first."""
        return _most_frequent_first(self._tallies(View.AUTHORS))

    def days(self) -> "list[tuple[date, int]]":
        """The days on which something was written, as the writers' clocks showed it, with how many notes."""
        from datetime import date  # here, because it is slow to import, and a one-shot send needs none

        return [(date.fromordinal(tally.key), tally.amount) for tally in self._tallies(View.DAYS)]

    def stats(self) -> Stats:
        """What the notebook holds."""
        amounts = {tally.label: tally.amount for tally in self._tallies(View.SUMMARY) if tally.label in SUMMARY_LABELS}
        if not amounts.keys() >= set(SUMMARY_LABELS[:-2]):
            raise BadAnswer(NONSENSE)
        return Stats(**{"first": None, "last": None, **amounts})  # type: ignore[arg-type]

    def last_number(self) -> int:
        """The highest number in the notebook; 0 if it is empty."""
        return next((stored.number for stored in self.log(newest_first=True, limit=1)), 0)

    def _entries(
        self, query: Query, limit: int | None, *, follows: bool = False, start: int | None = None
    ) -> Iterator[StoredEntry]:
        if limit is not None and limit < 1:
            return
        for item in self._read(query, limit=limit or 0, follows=follows, start=start):
            if not isinstance(item, StoredEntry):
                raise BadAnswer(NONSENSE)
            yield item

    def _tallies(self, view: View) -> Iterator[Tally]:
        for item in self._read(Query(view)):
            if isinstance(item, Tally):
                yield item


def overtaken(history: Sequence[StoredEntry], number: int) -> StoredEntry | None:
    """The version that came after the version `number` without its writer's having seen that one, if there is one.

    `history` is all of a note's versions, in order.
    """
    following = next((version for version in history if version.number > number), None)
    if following is None or following.entry.revises >= number:
        return None
    [own] = [version for version in history if version.number == number]
    return None if following.entry.client_id == own.entry.client_id else following  # nobody overtakes themselves unseen


def histories(log: Sequence[StoredEntry]) -> dict[int, list[StoredEntry]]:
    """The versions of each note, in order, by the note's number; `log` is in order, and holds whole histories."""
    roots: dict[int, int] = {}
    found: dict[int, list[StoredEntry]] = {}
    for stored in log:
        is_note = stored.entry.kind is Kind.NOTE
        root = stored.number if is_note else roots.get(stored.entry.revises, stored.entry.revises)
        roots[stored.number] = root
        found.setdefault(root, []).append(stored)
    return found


def _query(view: View, words: Sequence[str], newest_first: bool, filters: Filters) -> Query:
    return Query(
        view,
        newest_first=newest_first,
        since=filters.get("since"),
        until=filters.get("until"),
        author=filters.get("author") or "",
        tags=tuple(filters.get("tags") or ()),
        words=tuple(words),
    )


def _portions(numbers: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """As many numbers at a time as one query names; one empty portion if there are none."""
    for number in numbers:
        if number < 1:
            raise InvalidQuery(f"entries are numbered from 1 on: there is no #{number}")
    for start in range(0, max(len(numbers), 1), NUMBERS_PER_QUERY):
        yield tuple(numbers[start : start + NUMBERS_PER_QUERY])


def _most_frequent_first(tallies: Iterator[Tally]) -> list[Tally]:
    return sorted(tallies, key=lambda tally: (-tally.amount, tally.label))

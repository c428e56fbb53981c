"""The methods that read a notebook: the same through its server (`Client`) and from its file (`FileReader`)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from udpnote.errors import BadAnswer, InvalidQuery
from udpnote.model.entry import Kind, StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Item, Query, Tally, View

if TYPE_CHECKING:
    from datetime import date

NUMBERS_PER_QUERY = 100
"""How many entries one query may name; to read more entries takes several queries."""


class Filters(TypedDict, total=False):
    """Which notes to read: written at or after `since` and before `until` (microseconds since 1970 UTC), by `author` (a
    whole author, or the part before its `@`), with all of `tags`."""

    since: int | None
    until: int | None
    author: str | None
    tags: Sequence[str]


class Stats(NamedTuple):
    """A notebook in numbers: `entries` counts revisions and deletions, too; the times are microseconds since 1970 UTC."""

    notes: int
    entries: int
    authors: int
    clients: int
    days: int
    bytes: int
    first: int | None
    last: int | None


class NotebookReader(ABC):
    """A notebook that can be read. A method that returns an iterator reads while it is iterated.

    All methods raise `InvalidQuery` for a query that no notebook can answer. A client also raises `ServerNotFound`,
    `SeveralNotebooks` or `WrongNotebook` if it cannot reach the notebook, a file `StorageError`.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The notebook's name."""

    @abstractmethod
    def _read(self, query: Query, *, limit: int = 0, follows: bool = False, start: int | None = None) -> Iterator[Item]:
        """The results of `query`, from the number `start` on, at most `limit` items (0: all); with `follows`, for ever."""

    def entries(
        self,
        *,
        words: Sequence[str] = (),
        numbers: Sequence[int] = (),
        newest_first: bool = False,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[StoredEntry]:
        """Notes with their latest text, in the order of their numbers; deleted notes are left out.

        All of `words` must be in the text: each is a word, or a phrase. `numbers` names notes, or revisions of them. At most
        the first `limit` notes are read (None: all).
        """
        return self._named(_query(View.NOTES, words, newest_first, filters), numbers, limit)

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
        """Entries as they were stored: notes, revisions and deletions.

        `numbers` names notes, or versions of them: all versions of each are read, at most `limit` in all.
        """
        return self._named(_query(View.LOG, (), newest_first, filters), numbers, limit)

    def follow(self, *, last: int = 10, **filters: Unpack[Filters]) -> Iterator[StoredEntry]:
        """The `last` entries as they were stored, and then each new one when it is stored, for ever."""
        query = _query(View.LOG, (), False, filters)
        latest = list(self._entries(query._replace(newest_first=True), max(last, 1)))
        start = latest[0].number + 1 if latest else 1
        yield from reversed(latest[:last])
        yield from self._entries(query, None, follows=True, start=start)

    def tags(self) -> list[Tally]:
        """The tags, with how many notes carry each; the most frequent come first."""
        return _most_frequent_first(self._tallies(View.TAGS))

    def authors(self) -> list[Tally]:
        """The authors, with how many notes each has written; the most frequent come first."""
        return _most_frequent_first(self._tallies(View.AUTHORS))

    def days(self) -> "list[tuple[date, int]]":
        """The days on which notes were written, by the local time of their writers, with how many notes."""
        from datetime import date  # here, because it is slow to import, and a one-shot send needs none

        return [(date.fromordinal(tally.key), tally.amount) for tally in self._tallies(View.DAYS)]

    def stats(self) -> Stats:
        """The notebook in numbers."""
        amounts = {tally.label: tally.amount for tally in self._tallies(View.SUMMARY) if tally.label in SUMMARY_LABELS}
        if not amounts.keys() >= set(SUMMARY_LABELS[:-2]):
            raise BadAnswer("answer_invalid")
        return Stats(**{"first": None, "last": None, **amounts})  # type: ignore[arg-type]

    def last_number(self) -> int:
        """The highest number in the notebook; 0 if it is empty."""
        return next((stored.number for stored in self.log(newest_first=True, limit=1)), 0)

    def _named(self, query: Query, numbers: Sequence[int], limit: int | None) -> Iterator[StoredEntry]:
        """The results of `query` among the entries with these `numbers` (none: among all), in its order, at most `limit`."""
        for number in numbers:
            if number < 1:
                raise InvalidQuery("number_below_one", number=number)
        if len(numbers) <= NUMBERS_PER_QUERY:
            yield from self._entries(query._replace(numbers=tuple(numbers)), limit)
            return
        found: dict[int, StoredEntry] = {}  # a note that several of its numbers name is found several times
        for start in range(0, len(numbers), NUMBERS_PER_QUERY):
            some = tuple(numbers[start : start + NUMBERS_PER_QUERY])
            found.update((stored.number, stored) for stored in self._entries(query._replace(numbers=some), limit))
        for number in sorted(found, reverse=query.newest_first)[:limit]:
            yield found[number]

    def _entries(
        self, query: Query, limit: int | None, *, follows: bool = False, start: int | None = None
    ) -> Iterator[StoredEntry]:
        if limit is not None and limit < 1:
            return
        for item in self._read(query, limit=limit or 0, follows=follows, start=start):
            if not isinstance(item, StoredEntry):
                raise BadAnswer("answer_invalid")
            yield item

    def _tallies(self, view: View) -> Iterator[Tally]:
        for item in self._read(Query(view)):
            if isinstance(item, Tally):
                yield item


def overtaken(history: Sequence[StoredEntry], number: int) -> StoredEntry | None:
    """The version that replaced the version `number` without its writer having seen `number`; None if there is none.

    `history` is all versions of a note, in order.
    """
    following = next((version for version in history if version.number > number), None)
    if following is None or following.entry.revises >= number:
        return None
    [own] = [version for version in history if version.number == number]
    return None if following.entry.client_id == own.entry.client_id else following  # a writer has seen their own version


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


def _most_frequent_first(tallies: Iterator[Tally]) -> list[Tally]:
    return sorted(tallies, key=lambda tally: (-tally.amount, tally.label))

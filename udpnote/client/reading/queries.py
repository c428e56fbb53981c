"""Makes queries for the methods of `NotebookReader`, and checks the types of the results."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from udpnote.client.reading.filters import Filters, query_of
from udpnote.errors import BadAnswer
from udpnote.model.entry import StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Item, Query, Selection, Tally, View

LANDMARK_DISTANCE_MIN = 16
"""Landmarks are entries from before the point where `follow` begins; see `_landmarks`. The nearest one is this many numbers
before that point, and each further one is twice as far. So a notebook with a million entries has 16 landmarks."""

NUMBERS_PER_QUERY = 100
"""How many numbers of entries one query may name. For more numbers, the reader sends several queries."""


class Queries:
    """Reads the results of queries for a `NotebookReader`: `read` is its method `_read`, and `now` its method `_now`.

    Each method takes the arguments of the method of `NotebookReader` that calls it, which has checked them. All methods raise
    `InvalidQuery` for filters or words that no query can have.
    """

    def __init__(self, read: Callable[[Selection], Iterator[list[Item]]], now: Callable[[], int]) -> None:
        self._read, self._now = read, now

    def notes(
        self,
        filters: Filters,
        *,
        words: str | Sequence[str],
        numbers: Sequence[int],
        newest_first: bool,
        by_number: bool,
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        """Yield the notes that match the arguments, each with its latest text. See `NotebookReader.entries`."""
        query = query_of(View.NOTES, filters, self._now, words=words, newest_first=newest_first)
        return self._named(query._replace(by_time=not by_number), numbers, limit)

    def notes_from(self, first: int, limit: int | None) -> Iterator[StoredEntry]:
        """Yield the notes from the number `first` on, each with its latest text, without deleted notes, ordered by number.

        At most `limit` notes are read (None for all).
        """
        return self._entries(Query(View.NOTES), limit, start=first)

    def log(
        self, filters: Filters, *, numbers: Sequence[int], newest_first: bool, limit: int | None, start: int | None
    ) -> Iterator[StoredEntry]:
        """Yield the entries that match the arguments, with revisions and deletions. See `NotebookReader.log`."""
        query = query_of(View.LOG, filters, self._now, newest_first=newest_first)
        return self._named(query, numbers, limit, start)

    def note_portions(self, filters: Filters) -> Iterator[list[StoredEntry]]:
        """Yield the notes that match `filters`, in the order of writing. See `NotebookReader.note_portions`."""
        return self._portions(Selection(query_of(View.NOTES, filters, self._now)._replace(by_time=True)))

    def log_portions(self, filters: Filters) -> Iterator[list[StoredEntry]]:
        """Yield the entries that match `filters`. See `NotebookReader.log_portions`."""
        return self._portions(Selection(query_of(View.LOG, filters, self._now)))

    def follow(self, filters: Filters, last: int) -> Iterator[StoredEntry]:
        """Yield the latest `last` entries that match `filters`, oldest first, then each new one as soon as it is stored."""
        return self._follow_query(query_of(View.LOG, filters, self._now), last)

    def tags(self) -> list[Tally]:
        """The result of `NotebookReader.tags`: a tally for each tag, the most frequent first."""
        return _most_frequent_first(self._tallies(View.TAGS))

    def authors(self) -> list[Tally]:
        """The result of `NotebookReader.authors`: a tally for each author, the most frequent first."""
        return _most_frequent_first(self._tallies(View.AUTHORS))

    def days(self) -> Iterator[Tally]:
        """Yield a tally for each day on which notes were written. `Tally.key` is the day's ordinal, as in `date.toordinal`."""
        return self._tallies(View.DAYS)

    def summary(self) -> dict[str, int]:
        """The fields of `Stats` by their names. `first` and `last` are missing if no note was ever stored.

        Raises `BadAnswer` if the server's answer lacks another field.
        """
        amounts = {tally.label: tally.amount for tally in self._tallies(View.SUMMARY) if tally.label in SUMMARY_LABELS}
        if not amounts.keys() >= set(SUMMARY_LABELS[:-2]):
            raise BadAnswer("answer_invalid")
        return amounts

    def _follow_query(self, query: Query, last: int) -> Iterator[StoredEntry]:
        """Do the work of `follow` with `query`.

        `Selection.seen` gets entries that are older than those still to be read. From these the reader can tell whether the
        notebook was restored from an older copy.
        """
        latest = list(self._entries(query._replace(newest_first=True), max(last, 1)))  # one at least, because `start` needs it
        start = latest[0].number + 1 if latest else 1
        yield from reversed(latest[:last])
        known = [*latest, *self._landmarks(start)]
        seen, seen_until = tuple(each.as_seen for each in known), max((each.stored_at for each in known), default=0)
        yield from self._stored(Selection(query, start=start, follows=True, seen=seen, seen_until=seen_until))

    def _landmarks(self, before: int) -> Iterator[StoredEntry]:
        """Yield the entries whose numbers are 16, 32, 64 and so on lower than the number `before`.

        If the notebook is restored from an older copy while `follow` reads it, the reader compares these entries with those of
        the copy. So it finds about where the two begin to differ, without reading from the start.
        """
        distance = LANDMARK_DISTANCE_MIN
        while distance < before:
            yield from self._stored(Selection(Query(View.LOG), 1, before - distance))
            distance *= 2

    def _named(
        self, query: Query, numbers: Sequence[int], limit: int | None, start: int | None = None
    ) -> Iterator[StoredEntry]:
        """Yield at most `limit` results of `query` that belong to the notes with one of these `numbers` (empty: to any note).

        The number of a revision or deletion stands for its note. Reading begins with the number `start` or, if that is None,
        with the first result in the order of the query.
        """
        if len(numbers) <= NUMBERS_PER_QUERY:
            return self._entries(query._replace(numbers=tuple(numbers)), limit, start=start)
        return self._of_many_numbers(query, numbers, limit, start)

    def _of_many_numbers(
        self, query: Query, numbers: Sequence[int], limit: int | None, start: int | None
    ) -> Iterator[StoredEntry]:
        """Do the work of `_named` for more `numbers` than fit into one query."""
        found: dict[int, StoredEntry] = {}  # by number, because a note is found several times if several numbers name it
        for first in range(0, len(numbers), NUMBERS_PER_QUERY):
            some = query._replace(numbers=tuple(numbers[first : first + NUMBERS_PER_QUERY]))
            found.update((stored.number, stored) for stored in self._entries(some, limit, start=start))
        yield from sorted(found.values(), key=lambda stored: _order(stored, query), reverse=query.newest_first)[:limit]

    def _entries(self, query: Query, limit: int | None, *, start: int | None = None) -> Iterator[StoredEntry]:
        """Yield at most `limit` results of `query` (None: all), from the number `start` on (None: from the first)."""
        return self._stored(Selection(query, limit or 0, start)) if limit is None or limit > 0 else iter(())  # 0: all

    def _stored(self, selection: Selection) -> Iterator[StoredEntry]:
        for portion in self._portions(selection):
            yield from portion

    def _portions(self, selection: Selection) -> Iterator[list[StoredEntry]]:
        for items in self._read(selection):
            entries = [item for item in items if isinstance(item, StoredEntry)]
            if len(entries) < len(items):
                raise BadAnswer("answer_invalid")
            if entries:
                yield entries

    def _tallies(self, view: View) -> Iterator[Tally]:
        for item in chain.from_iterable(self._read(Selection(Query(view)))):
            if isinstance(item, Tally):
                yield item


def _order(stored: StoredEntry, query: Query) -> tuple[int, int]:
    """The key for `sorted` that brings the results of `query` in order. If the query has `newest_first`, sort in reverse."""
    return stored.noted_at if query.by_time else 0, stored.number


def _most_frequent_first(tallies: Iterator[Tally]) -> list[Tally]:
    """Sort `tallies`. A label that lost all its notes during the reading and then got new ones comes twice: keep the later."""
    latest = {tally.label: tally for tally in tallies}
    return sorted(latest.values(), key=lambda tally: (-tally.amount, tally.label))

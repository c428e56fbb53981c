"""The methods that read a notebook: the same through its server (in `Client`) and from its file (in `FileReader`)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Unpack

from udpnote.client.entry_numbers import check_number, check_selection
from udpnote.errors import BadAnswer
from udpnote.model.argument_types import check_type
from udpnote.model.entry import StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Item, Query, Selection, Tally, View

if TYPE_CHECKING:
    from datetime import date

    from udpnote.client.filters import Filters

LANDMARK_DISTANCE_MIN = 16
"""A follower's nearest landmark is this many entries before the first entry that the follower shows. Each further landmark is
twice as far, so a notebook with a million entries has 16 of them."""

NUMBERS_PER_QUERY = 100
"""How many numbers of entries one query may name. For more numbers, the reader sends several queries."""


class Stats(NamedTuple):
    """Numbers about a whole notebook. `entries` counts notes, revisions and deletions; `notes` does not count deleted notes.

    `authors` counts those who wrote these notes, `days` the days on which they were written, `clients` the clients that have
    sent entries. `bytes` is the size of the notebook's file. `first` and `last` are the `noted_at` of the earliest and the
    latest note, deleted notes included, in microseconds since 1970 UTC; None if no note was ever stored.
    """

    notes: int
    entries: int
    authors: int
    clients: int
    days: int
    bytes: int
    first: int | None
    last: int | None


class NoteState(NamedTuple):
    """A note and the latest of its versions.

    `latest` is a revision, a deletion, or `note` itself if the note has no other version. `latest` is as it was stored. `note`
    may have the text of its latest revision instead of its own.
    """

    note: StoredEntry
    latest: StoredEntry


class NotebookReader(ABC):
    """A notebook that can be read. A method that returns an iterator reads while the caller iterates.

    All methods raise `InvalidQuery` for a query that no notebook can answer, and `TypeError` for a value of a wrong type. A
    `Client` also raises `ServerNotFound`, `SeveralNotebooks` or `WrongNotebook` if it cannot reach the notebook, and for a
    sealed notebook `KeyMissing`, `OldKey` or `NotSealed`. A `FileReader` raises `StorageError`.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The notebook's name."""

    @abstractmethod
    def _read(self, selection: Selection) -> Iterator[Item]:
        """Yield the results of `selection`, in order. The iterator never ends if the selection follows the notebook."""

    @abstractmethod
    def _now(self) -> int:
        """The present time in microseconds since 1970 UTC, from which filters such as `yesterday` are counted."""

    def entries(
        self,
        *,
        words: str | Sequence[str] = (),
        numbers: Sequence[int] = (),
        newest_first: bool = False,
        by_number: bool = False,
        limit: int | None = None,
        **filters: "Unpack[Filters]",
    ) -> Iterator[StoredEntry]:
        """Yield notes with their latest text, without deleted notes, the earliest first.

        The order is that of `StoredEntry.noted_at`: of when a note was written or, if that is earlier, stored; notes with the
        same time come in the order of their numbers. With `by_number` the order is that of the numbers, in which the notes were
        stored. With `newest_first` the order is reversed. The text of each note has all of `words`, with the signs in them:
        each is a word, or a phrase if it contains spaces. A word that ends with `*` also finds longer words. If `numbers` are
        given, only the notes with these numbers are read; the number of a revision or deletion stands for its note. At most the
        first `limit` notes are read (None: all).
        """
        check_selection(numbers, limit)
        check_type("by_number", by_number, bool)
        query = self._query(View.NOTES, filters, words=words, newest_first=newest_first)
        return self._named(query._replace(by_time=not by_number), numbers, limit)

    def search(
        self, *words: str, newest_first: bool = False, limit: int | None = None, **filters: "Unpack[Filters]"
    ) -> Iterator[StoredEntry]:
        """Yield the notes whose text has all of `words`, as `entries` does. Each is a word, or a phrase if it contains spaces.

        Raises `InvalidQuery` at the call if no word has a letter, digit or symbol, or if the words are too many.
        """
        from udpnote.text.search_terms import check_words  # here, because a one-shot send searches nothing

        found = self.entries(words=words, newest_first=newest_first, limit=limit, **filters)
        check_words(words)
        return found

    def log(
        self,
        *,
        numbers: Sequence[int] = (),
        newest_first: bool = False,
        limit: int | None = None,
        start: int | None = None,
        **filters: "Unpack[Filters]",
    ) -> Iterator[StoredEntry]:
        """Yield entries as they were stored: notes, revisions and deletions, in the order of their numbers.

        With `newest_first` the order is reversed. If `numbers` are given, only the versions of the notes with these numbers are
        read; the number of a revision or deletion stands for its note. At most the first `limit` entries are read (None: all),
        from the number `start` on (None: from the first entry; with `newest_first`, from the last).
        """
        check_selection(numbers, limit, start)
        return self._named(self._query(View.LOG, filters, newest_first=newest_first), numbers, limit, start)

    def note_states(self, numbers: Sequence[int]) -> dict[int, NoteState]:
        """For each of `numbers`, the `NoteState` of its note, deleted or not.

        Numbers that are not in the notebook are left out. The number of a revision or deletion stands for its note. However
        many versions a note has, only the first and the latest one are read.
        """
        notes = {note.number: note for note in self.entries(numbers=numbers)}
        states = {number: self._state(number, notes.get(number)) for number in numbers}
        return {number: state for number, state in states.items() if state is not None}

    def follow(self, *, last: int = 10, **filters: "Unpack[Filters]") -> Iterator[StoredEntry]:
        """Yield the `last` newest entries as they were stored, oldest first, and then each new entry as soon as it is stored.

        The iterator never ends. If the notebook is restored from an older copy meanwhile, the reader's `on_notice` is called,
        and the iterator goes on with the entries that are new in the restored notebook (see `protocol.shown_entries`).
        """
        check_number("last", last, least=0)
        return self._follow_query(self._query(View.LOG, filters), last)

    def _follow_query(self, query: Query, last: int) -> Iterator[StoredEntry]:
        latest = list(self._entries(query._replace(newest_first=True), max(last, 1)))
        start = latest[0].number + 1 if latest else 1
        yield from reversed(latest[:last])
        known = [*latest, *self._landmarks(start)]
        seen, seen_until = tuple(each.as_seen for each in known), max((each.stored_at for each in known), default=0)
        yield from self._stored(Selection(query, start=start, follows=True, seen=seen, seen_until=seen_until))

    def _landmarks(self, before: int) -> Iterator[StoredEntry]:
        """Yield the entries whose numbers are 16, 32, 64 and so on less than the number `before`.

        With these a follower of a restored notebook finds the place from which the notebook differs, without reading from the
        start.
        """
        distance = LANDMARK_DISTANCE_MIN
        while distance < before:
            yield from self._stored(Selection(Query(View.LOG), 1, before - distance))
            distance *= 2

    def tags(self) -> list[Tally]:
        """For each tag, the number of notes that have it (`amount`). The most frequent tags come first."""
        return _most_frequent_first(self._tallies(View.TAGS))

    def authors(self) -> list[Tally]:
        """For each author, the number of notes that they wrote (`amount`). Those who wrote the most come first."""
        return _most_frequent_first(self._tallies(View.AUTHORS))

    def days(self) -> "list[tuple[date, int]]":
        """For each day on which notes were written, a pair: the day, and the number of these notes. The earliest day is first.

        A day is one of the local time of the note's writer.
        """
        from datetime import date  # here, because it is slow to import, and a one-shot send needs none

        return [(date.fromordinal(tally.key), tally.amount) for tally in self._tallies(View.DAYS)]

    def stats(self) -> Stats:
        """How many notes, authors and so on the notebook has.

        Raises `BadAnswer` if the server leaves some of the numbers out.
        """
        amounts = {tally.label: tally.amount for tally in self._tallies(View.SUMMARY) if tally.label in SUMMARY_LABELS}
        if not amounts.keys() >= set(SUMMARY_LABELS[:-2]):
            raise BadAnswer("answer_invalid")
        return Stats(**{"first": None, "last": None, **amounts})  # type: ignore[arg-type]

    def last_number(self) -> int:
        """The highest number of an entry in the notebook; 0 if it is empty."""
        return next((stored.number for stored in self.log(newest_first=True, limit=1)), 0)

    def _state(self, number: int, note: StoredEntry | None) -> NoteState | None:
        """The state of the note that `number` stands for; None if the number is not in the notebook.

        `note` is that note if it was read already, else None.
        """
        note = note or next(self.entries(numbers=[number]), None)
        if note is not None and note.version == note.number:
            return NoteState(note, note)
        latest = next(self.log(numbers=[number], newest_first=True, limit=1), None)
        note = note or next(self.log(numbers=[number], limit=1), None)  # not in `entries`, because the note was deleted
        return NoteState(note, latest) if note is not None and latest is not None else None

    def _query(self, view: View, filters: "Filters", *, words: Sequence[str] = (), newest_first: bool = False) -> Query:
        """The query for the notes that meet `filters` and have all of `words`: see `query_of`."""
        from udpnote.client.filters import query_of  # here, because a one-shot send reads nothing

        return query_of(view, filters, self._now, words=words, newest_first=newest_first)

    def _named(
        self, query: Query, numbers: Sequence[int], limit: int | None, start: int | None = None
    ) -> Iterator[StoredEntry]:
        """Yield at most `limit` results of `query` that belong to the notes with one of these `numbers` (empty: to any note).

        The number of a revision or deletion stands for its note. `start` is the number to read from (None: from the first
        result in the query's order).
        """
        if len(numbers) <= NUMBERS_PER_QUERY:
            yield from self._entries(query._replace(numbers=tuple(numbers)), limit, start=start)
            return
        found: dict[int, StoredEntry] = {}  # by number, because a note is found several times if several numbers name it
        for first in range(0, len(numbers), NUMBERS_PER_QUERY):
            some = query._replace(numbers=tuple(numbers[first : first + NUMBERS_PER_QUERY]))
            found.update((stored.number, stored) for stored in self._entries(some, limit, start=start))
        yield from sorted(found.values(), key=lambda stored: _order(stored, query), reverse=query.newest_first)[:limit]

    def _entries(self, query: Query, limit: int | None, *, start: int | None = None) -> Iterator[StoredEntry]:
        if limit is None or limit > 0:
            yield from self._stored(Selection(query, limit or 0, start))

    def _stored(self, selection: Selection) -> Iterator[StoredEntry]:
        for item in self._read(selection):
            if not isinstance(item, StoredEntry):
                raise BadAnswer("answer_invalid")
            yield item

    def _tallies(self, view: View) -> Iterator[Tally]:
        for item in self._read(Selection(Query(view))):
            if isinstance(item, Tally):
                yield item


def is_overtaken(version: StoredEntry, following: StoredEntry) -> bool:
    """Whether another client made `following`, the next version of the same note, without having seen `version`."""
    return following.entry.revises < version.number and following.entry.client_id != version.entry.client_id


def _order(stored: StoredEntry, query: Query) -> tuple[int, int]:
    """The sort key of an entry among the results of `query`, if `newest_first` is not set."""
    return stored.noted_at if query.by_time else 0, stored.number


def _most_frequent_first(tallies: Iterator[Tally]) -> list[Tally]:
    return sorted(tallies, key=lambda tally: (-tally.amount, tally.label))

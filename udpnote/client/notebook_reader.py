"""The methods that read a notebook: the same through its server (in `Client`) and from its file (in `FileReader`)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from udpnote.errors import BadAnswer, InvalidQuery
from udpnote.model.entry import StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Item, Query, Selection, Tally, View

if TYPE_CHECKING:
    from datetime import date

LANDMARK_DISTANCE_MIN = 16
"""How far the nearest landmark of a follower is. Each further one is twice as far, so a million entries have 16 of them."""

NUMBERS_PER_QUERY = 100
"""How many entries one query may name; to read more entries takes several queries."""


class Filters(TypedDict, total=False):
    """Which notes to read.

    They were written at or after `since` and before `until` (microseconds since 1970 UTC), by `author` (such as `lin@desk`, or
    only the part before the `@`), and have all of `tags`.
    """

    since: int | None
    until: int | None
    author: str | None
    tags: Sequence[str]


class Stats(NamedTuple):
    """How much a notebook has of everything; `entries` counts revisions and deletions, too.

    `bytes` is the size of its file. `first` and `last` are when the first and the last note were written, in microseconds
    since 1970 UTC; None if there are no notes.
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
    """What has become of a note: the `note`, and the `latest` of its versions, which is `note` itself if there is no other.

    Both are as they were stored, but the text of a note that was revised may be the latest one.
    """

    note: StoredEntry
    latest: StoredEntry


class NotebookReader(ABC):
    """A notebook that can be read. A method that returns an iterator reads while it is iterated.

    All methods raise `InvalidQuery` for a query that no notebook can answer. A `Client` also raises `ServerNotFound`,
    `SeveralNotebooks` or `WrongNotebook` if it cannot reach the notebook; a `FileReader` raises `StorageError`.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The notebook's name."""

    @abstractmethod
    def _read(self, selection: Selection) -> Iterator[Item]:
        """Yield the results of `selection`, without end if it follows the notebook."""

    def entries(
        self,
        *,
        words: Sequence[str] = (),
        numbers: Sequence[int] = (),
        newest_first: bool = False,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[StoredEntry]:
        """Notes with their latest text, without deleted notes, in the order of their numbers (reversed if `newest_first`).

        All of `words` must be in the text: each is a word, or a phrase. If `numbers` are given, only the notes with these
        numbers are read; the number of a revision or deletion stands for its note. At most the first `limit` notes are read
        (None: all).
        """
        return self._named(_query(View.NOTES, words, newest_first, filters), numbers, limit)

    def search(
        self, *words: str, newest_first: bool = False, limit: int | None = None, **filters: Unpack[Filters]
    ) -> Iterator[StoredEntry]:
        """The notes in which all of `words` occur: each is a word, or a phrase. Otherwise as `entries`."""
        from udpnote.text.search_terms import check_words  # here, because a one-shot send searches nothing

        check_words(words)
        return self.entries(words=words, newest_first=newest_first, limit=limit, **filters)

    def log(
        self,
        *,
        numbers: Sequence[int] = (),
        newest_first: bool = False,
        limit: int | None = None,
        start: int | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[StoredEntry]:
        """Entries as they were stored: notes, revisions and deletions.

        If `numbers` are given, only all versions of the notes with these numbers are read; the number of a revision or deletion
        stands for its note. At most the first `limit` entries are read (None: all), from the number `start` on (None: from the
        first entry; with `newest_first`, from the last).
        """
        return self._named(_query(View.LOG, (), newest_first, filters), numbers, limit, start)

    def note_states(self, numbers: Sequence[int]) -> dict[int, NoteState]:
        """For each of `numbers` the state of its note, deleted or not. Numbers that are not in the notebook are left out.

        The number of a revision or deletion stands for its note. However many versions a note has, only the first and the
        latest one are read.
        """
        notes = {note.number: note for note in self.entries(numbers=numbers)}
        states = {number: self._state(number, notes.get(number)) for number in numbers}
        return {number: state for number, state in states.items() if state is not None}

    def follow(self, *, last: int = 10, **filters: Unpack[Filters]) -> Iterator[StoredEntry]:
        """Yield the `last` entries as they were stored, oldest first, and then without end each new one when it is stored.

        If the notebook is restored from an older copy meanwhile, `on_notice` is called, and it goes on with the entries that
        are new there.
        """
        query = _query(View.LOG, (), False, filters)
        latest = list(self._entries(query._replace(newest_first=True), max(last, 1)))
        start = latest[0].number + 1 if latest else 1
        yield from reversed(latest[:last])
        seen = tuple(each.as_seen for each in (*latest, *self._landmarks(start)))
        yield from self._stored(Selection(query, start=start, follows=True, seen=seen))

    def _landmarks(self, before: int) -> Iterator[StoredEntry]:
        """Entries ever further `before` a number, so that a follower need not begin at the first one in a restored notebook."""
        distance = LANDMARK_DISTANCE_MIN
        while distance < before:
            yield from self._stored(Selection(Query(View.LOG), 1, before - distance))
            distance *= 2

    def tags(self) -> list[Tally]:
        """The tags, with how many notes carry each; the most frequent come first."""
        return _most_frequent_first(self._tallies(View.TAGS))

    def authors(self) -> list[Tally]:
        """The authors, with how many notes each has written; the most frequent come first."""
        return _most_frequent_first(self._tallies(View.AUTHORS))

    def days(self) -> "list[tuple[date, int]]":
        """The days on which notes were written, in the local time of their writers, and how many notes each has."""
        from datetime import date  # here, because it is slow to import, and a one-shot send needs none

        return [(date.fromordinal(tally.key), tally.amount) for tally in self._tallies(View.DAYS)]

    def stats(self) -> Stats:
        """How many notes, authors and so on the notebook has. Raises `BadAnswer` if the server leaves some of them out."""
        amounts = {tally.label: tally.amount for tally in self._tallies(View.SUMMARY) if tally.label in SUMMARY_LABELS}
        if not amounts.keys() >= set(SUMMARY_LABELS[:-2]):
            raise BadAnswer("answer_invalid")
        return Stats(**{"first": None, "last": None, **amounts})  # type: ignore[arg-type]

    def last_number(self) -> int:
        """The highest number in the notebook; 0 if it is empty."""
        return next((stored.number for stored in self.log(newest_first=True, limit=1)), 0)

    def _state(self, number: int, note: StoredEntry | None) -> NoteState | None:
        """The state of the note that `number` stands for: of `note`, if that was read already."""
        note = note or next(self.entries(numbers=[number]), None)
        if note is not None and note.version == note.number:
            return NoteState(note, note)
        latest = next(self.log(numbers=[number], newest_first=True, limit=1), None)
        note = note or next(self.log(numbers=[number], limit=1), None)  # it was deleted
        return NoteState(note, latest) if note is not None and latest is not None else None

    def _named(
        self, query: Query, numbers: Sequence[int], limit: int | None, start: int | None = None
    ) -> Iterator[StoredEntry]:
        """The results of `query`, at most `limit`, that are among the entries with these `numbers` (empty: among all)."""
        for number in numbers:
            if number < 1:
                raise InvalidQuery("number_below_one", number=number)
        if len(numbers) <= NUMBERS_PER_QUERY:
            yield from self._entries(query._replace(numbers=tuple(numbers)), limit, start=start)
            return
        found: dict[int, StoredEntry] = {}  # by number, because a note is found several times if several numbers name it
        for first in range(0, len(numbers), NUMBERS_PER_QUERY):
            some = query._replace(numbers=tuple(numbers[first : first + NUMBERS_PER_QUERY]))
            found.update((stored.number, stored) for stored in self._entries(some, limit, start=start))
        for number in sorted(found, reverse=query.newest_first)[:limit]:
            yield found[number]

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
    """Whether `following`, the next version of the same note, was made by somebody else who had not seen `version`."""
    return following.entry.revises < version.number and following.entry.client_id != version.entry.client_id


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

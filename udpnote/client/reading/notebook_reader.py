"""The methods that read a notebook: the same through its server (in `Client`) and from its file (in `FileReader`)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Unpack

from udpnote.client.entry_arguments import check_number, check_selection
from udpnote.model.argument_types import check_type
from udpnote.model.entry import StoredEntry

if TYPE_CHECKING:
    from datetime import date

    from udpnote.client.reading.filters import Filters
    from udpnote.client.reading.queries import Queries
    from udpnote.model.query import Item, Selection, Tally

SMALL_RANGE_NOTES_MAX = 1000
"""If the range of `states_between` has at most this many numbers, the query asks for at most as many notes as the range has
numbers. For a longer range it has no limit: then the server may send a few pages of notes beyond the range, which are not
used."""


class Stats(NamedTuple):
    """Numbers about a whole notebook.

    `entries` counts notes, revisions, deletions and erased entries; `notes` does not count deleted notes. `authors` is the
    number of different authors of the counted notes, `days` the number of days on which these were written, and `clients` the
    number of clients that have sent entries. `bytes` is the size of the notebook's file. `first` and `last` are the `noted_at`
    of the earliest and the latest note, deleted notes included, in microseconds since 1970 UTC; None if no note was ever
    stored.
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

    `note` has the text of the latest revision, as in `NotebookReader.entries`. If the note was deleted, it has its first text.
    `latest` is the latest version, as it was stored: a revision or a deletion. If the note was never changed, it is the same as
    `note`.
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
        """The notebook's name. A client may have to look for the notebook: then it raises the errors of `Client.deliver`."""

    @abstractmethod
    def _read(self, selection: "Selection") -> "Iterator[list[Item]]":
        """Yield the results of `selection`, in order, in lists of those that have arrived together. A list may be empty.

        The iterator never ends if the selection follows the notebook.
        """

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

        The order is that of `StoredEntry.noted_at`: the time when the note was written or, if that is earlier, stored. Notes
        with the same time come in the order of their numbers. With `by_number` the order is that of the numbers, in which the
        notes were stored. With `newest_first` the order is reversed.

        `words` are searched for as `udpnote search` does (docs/search.md): each is a word, or a phrase if it contains spaces. A
        word that ends with `*` also finds longer words. `OR` joins the words on both sides of it. A note that contains the word
        after a `-`, as in `-draft`, is left out. If `numbers` are given, only the notes with these numbers are read; the number
        of a revision or deletion stands for its note. At most the first `limit` notes are read (None for all).
        """
        check_selection(numbers, limit)
        check_type("by_number", by_number, bool)
        return self._queries.notes(
            filters, words=words, numbers=numbers, newest_first=newest_first, by_number=by_number, limit=limit
        )

    def search(
        self, *words: str, newest_first: bool = False, limit: int | None = None, **filters: "Unpack[Filters]"
    ) -> Iterator[StoredEntry]:
        """Yield the notes that `words` find, in the order and with the filters of `entries`.

        Raises `InvalidQuery` at the call if no word has a letter, digit or symbol, if the words are too many, or if an `OR`
        does not stand between two words.
        """
        return self.entries(words=words, newest_first=newest_first, limit=limit, **filters)

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

        With `newest_first` the order is reversed. At most the first `limit` entries are read (None for all). Reading begins
        with the number `start` or, if that is None, with the first entry of the order.

        If `numbers` are given, only the notes with these numbers are read, each with its revisions and deletions; the number of
        a revision or deletion stands for its note. In this case the iterator also yields erased entries, with the kind ERASED,
        and without text and author.
        """
        check_selection(numbers, limit, start)
        return self._queries.log(filters, numbers=numbers, newest_first=newest_first, limit=limit, start=start)

    def note_portions(self, **filters: "Unpack[Filters]") -> Iterator[list[StoredEntry]]:
        """Yield what `entries` yields, in lists of notes that have arrived together. No list is empty or long.

        For many notes, this is faster than `entries`.
        """
        return self._queries.note_portions(filters)

    def log_portions(self, **filters: "Unpack[Filters]") -> Iterator[list[StoredEntry]]:
        """Yield what `log` yields, in lists of entries that have arrived together. No list is empty or long."""
        return self._queries.log_portions(filters)

    def note_states(self, numbers: Sequence[int]) -> dict[int, NoteState]:
        """Read and return, for each of `numbers`, the `NoteState` of its note, which may be deleted or erased.

        If the note was erased, `latest` has the kind ERASED. Numbers that are not in the notebook are left out. The number of a
        revision or deletion stands for its note. However many versions a note has, only the first and the latest one are read.
        """
        notes = {note.number: note for note in self.entries(numbers=numbers)}
        states = {number: self._state(number, notes.get(number)) for number in numbers}
        return {number: state for number, state in states.items() if state is not None}

    def states_between(self, first: int, last: int) -> Iterator[NoteState]:
        """Yield the `NoteState` of each note with a number from `first` to `last`, both included, in the order of the numbers.

        Numbers of deleted notes, revisions and deletions are left out.
        """
        check_number("first", first)
        check_number("last", last, least=first)
        limit = last - first + 1 if last - first < SMALL_RANGE_NOTES_MAX else None
        for note in self._queries.notes_from(first, limit):
            if note.number > last:
                break
            state = self._state(note.number, note)
            if state is not None:
                yield state

    def follow(self, *, last: int = 10, **filters: "Unpack[Filters]") -> Iterator[StoredEntry]:
        """Yield the `last` newest entries as they were stored, oldest first, and then each new entry as soon as it is stored.

        The iterator never ends. If the notebook is restored from an older copy meanwhile, the reader's `on_notice` is called.
        Then the iterator goes on with the entries that are new in the restored notebook (see `protocol.reading.shown_entries`).
        """
        check_number("last", last, least=0)
        return self._queries.follow(filters, last)

    def tags(self) -> "list[Tally]":
        """Read and return, for each tag, the number of notes that have it (`amount`). The most frequent tags come first."""
        return self._queries.tags()

    def authors(self) -> "list[Tally]":
        """Read and return, for each author, the number of notes that they wrote (`amount`). The most active come first."""
        return self._queries.authors()

    def days(self) -> "list[tuple[date, int]]":
        """Read and return, for each day with notes, a pair: the day, and the number of its notes. The earliest day is first.

        The day is that of the local time of the note's writer.
        """
        from datetime import date  # here, because it is slow to import, and a one-shot send needs none

        return [(date.fromordinal(tally.key), tally.amount) for tally in self._queries.days()]

    def stats(self) -> Stats:
        """Read and return numbers about the whole notebook.

        Raises `BadAnswer` if the server's answer lacks some of them.
        """
        return Stats(**{"first": None, "last": None, **self._queries.summary()})  # type: ignore[arg-type]

    def last_number(self) -> int:
        """Read the highest number of an entry that was not erased; 0 if there is none."""
        return next((stored.number for stored in self.log(newest_first=True, limit=1)), 0)

    def _state(self, number: int, note: StoredEntry | None) -> NoteState | None:
        """Read and return the state of the note that `number` stands for; None if the number is not in the notebook.

        `note` is that note if the caller has read it already, else None.
        """
        note = note or next(self.entries(numbers=[number]), None)
        if note is not None and note.version == note.number:
            return NoteState(note, note)
        latest = next(self.log(numbers=[number], newest_first=True, limit=1), None)
        note = note or next(self.log(numbers=[number], limit=1), None)  # not in `entries`, because the note was deleted
        return NoteState(note, latest) if note is not None and latest is not None else None

    @property
    def _queries(self) -> "Queries":
        from udpnote.client.reading.queries import Queries  # here, because a one-shot send reads nothing

        return Queries(self._read, self._now)

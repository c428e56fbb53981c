"""Writes entries directly into a notebook's tables, opens indexes of it, and tells without an index what a search must find."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from tests.support.later_searcher import LaterSearcher
from tests.support.matching import is_match
from udpnote.model.entry import Entry, Kind
from udpnote.model.query import PausePoint, Query, Tally, View
from udpnote.storage.database import IN_MEMORY, atomic, open_database
from udpnote.storage.index.index import Index
from udpnote.storage.notebook.tables import SCHEMA
from udpnote.text.search_terms import fold, parse_tag, tags, terms

NOW = 1_557_419_828_000_000
HOUR = 3_600_000_000
STORED = NOW + 100_000 * HOUR
END = 2**63 - 1
CLIENT = b"c" * 16


class Writings:
    """The notebook at `path`, written by one client; `notes` has its notes by their numbers, a deleted one without text."""

    def __init__(self, path: str = IN_MEMORY) -> None:
        self.connection = open_database(path, SCHEMA)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute("INSERT INTO clients VALUES (1, ?) ON CONFLICT DO NOTHING", (CLIENT,))
        self.notes: dict[int, Entry] = {}

    def note(self, text: str, *, author: str = "amy@pi", written_at: int = NOW, utc_offset: int = 480) -> int:
        entry = Entry(CLIENT, 0, Kind.NOTE, written_at, utc_offset, author, text)
        number = self._append(entry)
        self.notes[number] = entry
        return number

    def fill(self, texts: Iterable[str]) -> None:
        with atomic(self.connection):
            for text in texts:
                self.note(text)

    def revise(self, root: int, text: str) -> int:
        return self._revise(Kind.REVISION, root, text)

    def delete(self, root: int) -> int:
        return self._revise(Kind.DELETION, root, "")

    def matches(self, query: Query) -> list[int]:
        """The numbers of the notes that the words, tags and author of `query` find."""
        found = [number for number, note in sorted(self.notes.items()) if _is_found(note, query)]
        return found[::-1] if query.newest_first else found

    def close(self) -> None:
        self.connection.close()

    def _revise(self, kind: Kind, root: int, text: str) -> int:
        number = self._append(Entry(CLIENT, 0, kind, NOW + 1000 * HOUR, 0, "bob@desk", text))
        self.connection.execute("INSERT INTO revisions VALUES (?, ?, ?)", (number, root, root))
        self.notes[root] = self.notes[root]._replace(text=text)
        return number

    def _append(self, entry: Entry) -> int:
        cursor = self.connection.execute(
            "INSERT INTO entries SELECT coalesce(max(number), 0) + 1, 1, coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, ?"
            " FROM entries",
            (int(entry.kind), entry.written_at, entry.utc_offset, entry.author, entry.text, STORED),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid


def _is_found(note: Entry, query: Query) -> bool:
    author = fold(note.author)
    return (
        note.text != ""
        and all(_has(note.text, word) for word in query.words)
        and all(any(_has(note.text, word) for word in group) for group in query.any_of)
        and not any(_has(note.text, word) for word in query.without)
        and {parse_tag(tag) for tag in query.tags} <= set(tags(note.text))
        and (not query.author or fold(query.author) in (author, author.partition("@")[0]))
    )


def _has(text: str, word: str) -> bool:
    return word[1:] in tags(text) if word.startswith("#") else is_match(text, [word])


def never() -> bool:
    return False


@contextmanager
def opened(path: str, writings: Writings, **options: int) -> Iterator[Index]:
    """The index at `path` of a notebook."""
    with closing(Index(path, writings.connection, **options)) as index:
        yield index


@contextmanager
def caught_up(path: str, writings: Writings, **options: int) -> Iterator[Index]:
    """The index at `path` of a notebook, after it has indexed everything."""
    with opened(path, writings, **options) as index:
        catch_up(index)
        yield index


def catch_up(index: Index) -> None:
    """Have all entries indexed, however many calls that needs."""
    for _ in range(100_000):
        if index.catch_up(never):
            return
    raise AssertionError("the index never catches up")


def indexed_at(path: str, writings: Writings) -> int:
    """The last entry that is in the index at `path` when it is opened."""
    with opened(path, writings) as index:
        return index.indexed


def progress(index: Index) -> tuple[int, int]:
    """The last entry that is in the index, and the steps done of the next one, if that is long."""
    return index._open_index.state.indexed, index._open_index.state.step


def numbers(index: Index, query: Query, start: int | None = None, searcher: LaterSearcher | None = None) -> list[int]:
    """The numbers of `items`, without the points at which the search may pause."""
    return [found for found in items(index, query, start, searcher) if not isinstance(found, PausePoint)]


def items(
    index: Index, query: Query, start: int | None = None, searcher: LaterSearcher | None = None
) -> list[int | PausePoint]:
    """The numbers that a search by `searcher`, or else in this thread, finds, and the points at which it may pause."""
    first = (END if query.newest_first else 1) if start is None else start
    found = (searcher or LaterSearcher()).drain(index.matches(query, first))
    return [each for each in found if isinstance(each, int | PausePoint)]


def find(index: Index, *words: str) -> list[int]:
    return numbers(index, Query(words=words))


def tallied(index: Index, view: View) -> dict[str, int]:
    """The tallies of `view`: how many notes each label has."""
    return {tally.label: tally.amount for tally in tallies(index, view)}


def tallies(index: Index, view: View) -> Iterator[Tally]:
    return index.tallies(view, -END)


def assert_right(index: Index, writings: Writings) -> None:
    """Let the index catch up, and check that it finds and counts what reading all notes gives."""
    catch_up(index)
    shown = [note for note in writings.notes.values() if note.text]
    words = sorted({word for note in shown for word in note.text.split() if terms(word)})[:8]
    for query in [Query(words=(word,)) for word in [*words, "一", "开会", "gone"]]:
        assert numbers(index, query) == writings.matches(query), query
    assert index.totals.notes == len(shown)
    assert (tallied(index, View.TAGS), index.totals.tags) == counted(tag for note in shown for tag in tags(note.text))
    assert (tallied(index, View.AUTHORS), index.totals.authors) == counted(note.author for note in shown)
    assert (tallied(index, View.DAYS), index.totals.days) == counted(
        datetime.fromtimestamp(note.written_at // 1_000_000 + note.utc_offset * 60, UTC).date().isoformat() for note in shown
    )


def counted(labels: Iterator[str]) -> tuple[dict[str, int], int]:
    counter = Counter(labels)
    return dict(counter), len(counter)

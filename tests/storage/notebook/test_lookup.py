"""Lookups: what a query finds in a notebook, in which order, and where the lookup may pause."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.storage.notebook.conftest import part, stored
from tests.support.later_searcher import LaterSearcher
from udpnote.model.entry import Kind, StoredEntry
from udpnote.model.query import (
    FIRST,
    SUMMARY_LABELS,
    Cursor,
    IndexBehind,
    LookupStep,
    PausePoint,
    Query,
    SearchRunning,
    Tally,
    View,
    beginning_of,
    cursor_after,
)
from udpnote.storage.database import atomic
from udpnote.storage.index.counts import TALLIES_FETCHED, Counts
from udpnote.storage.index.index import IndexDamaged
from udpnote.storage.index.index_file import State, open_index_file
from udpnote.storage.index.shards import SHARD_BYTES_MAX, SHARD_NUMBERS_MAX, Shards
from udpnote.storage.notebook.lookup import PASSED_OVER_CHARACTERS_MAX, PASSED_OVER_MAX, SCANNED_NUMBERS, VERSIONS_AHEAD
from udpnote.storage.notebook.notebook import Notebook

DAY = 86_400_000_000
NOW = 20_000 * DAY
STORED = NOW + 100 * DAY

MEETING = Query(words=("开会",))


class Shelf:
    """A notebook, and short names for writing to it and looking things up in it."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.searcher = LaterSearcher()
        notebook.lookup.index.use_executor(self.searcher)

    def note(self, text: str, *, author: str = "amy@pi", written_at: int = NOW, stored_at: int = STORED) -> None:
        self._store(text, stored_at=stored_at, author=author, written_at=written_at)

    def revise(self, number: int, text: str, kind: Kind = Kind.REVISION) -> None:
        self._store(text, author="bob@desk", kind=kind, revises=number)

    def delete(self, number: int) -> None:
        self.revise(number, "", Kind.DELETION)

    def fill(self, count: int) -> None:
        self._store("x", count, written_at=NOW)

    def find(
        self, query: Query, start: int | Cursor | None = None, is_time_up: Callable[[], bool] = lambda: False
    ) -> list[LookupStep]:
        first = Cursor(start, 0) if isinstance(start, int) else start or beginning_of(query)
        return self.searcher.drain(self.notebook.lookup.answer(query, first, is_time_up))

    def stored(self, query: Query, start: int | Cursor | None = None) -> list[StoredEntry]:
        return [found for found in self.find(query, start) if isinstance(found, StoredEntry)]

    def numbers(self, query: Query, start: int | None = None) -> list[int]:
        return [found.number for found in self.stored(query, start)]

    def pauses(self, query: Query) -> list[int]:
        return [found.number for found in self.find(query) if isinstance(found, PausePoint)]

    def instructions_until_first(self, query: Query) -> int:
        """How many instructions SQLite executes until the first result is there."""
        executed = [0]

        def count() -> None:
            executed[0] += 1

        connection = self.notebook.lookup._connection
        connection.set_progress_handler(count, 1)
        next(self.notebook.lookup.answer(query, beginning_of(query), lambda: False))
        connection.set_progress_handler(None, 1)
        return executed[0]

    def texts(self, query: Query) -> list[str]:
        return [found.entry.text for found in self.find(query) if isinstance(found, StoredEntry)]

    def tallies(self, view: View, start: int = 0) -> list[Tally]:
        return [found for found in self.find(Query(view), start) if isinstance(found, Tally)]

    def _store(self, text: str, count: int = 1, stored_at: int = STORED, **fields: Any) -> None:
        numbers = range(self.notebook.last_number + 1, self.notebook.last_number + 1 + count)
        parts = [part(number, text)._replace(**fields) for number in numbers]
        assert self.notebook.store(parts, stored_at) == [*map(stored, numbers)]


@pytest.fixture
def shelf(notebook: Notebook) -> Shelf:
    return Shelf(notebook)


def test_notes_come_in_order_with_their_latest_text_and_without_the_deleted_ones(shelf: Shelf) -> None:
    for text in ("one", "two", "three"):
        shelf.note(text)
    shelf.revise(1, "one and a half")
    shelf.delete(2)
    found = [each for each in shelf.find(Query()) if isinstance(each, StoredEntry)]
    expected = [(1, 4, "one and a half", "amy@pi"), (3, 3, "three", "amy@pi")]
    assert [(each.number, each.version, each.entry.text, each.entry.author) for each in found] == expected
    assert shelf.numbers(Query(newest_first=True)) == [3, 1]
    shelf.revise(5, "two again")
    assert shelf.texts(Query()) == ["one and a half", "two again", "three"], "a revision of a deletion brings the note back"


def test_a_lookup_over_many_numbers_pauses_and_says_where_and_goes_on_from_any_number(shelf: Shelf) -> None:
    count = 2 * SCANNED_NUMBERS + 1
    shelf.fill(count)
    assert shelf.pauses(Query()) == [SCANNED_NUMBERS + 1, count, count + 1]
    assert shelf.pauses(Query(newest_first=True)) == [SCANNED_NUMBERS + 1, 1, 0]
    for start in (1, 3, count, count + 1, 2**63 - 1):
        assert shelf.numbers(Query(), start) == list(range(start, count + 1))
    for start in (3, 0):
        assert shelf.numbers(Query(newest_first=True), start) == list(range(start, 0, -1))


def test_notes_are_found_by_their_time_and_those_of_another_time_are_skipped_in_blocks(shelf: Shelf) -> None:
    shelf.fill(3 * SCANNED_NUMBERS)
    for day in (1, 3, 2):
        shelf.note(f"day {day}", written_at=NOW + day * DAY)
    shelf.fill(3 * SCANNED_NUMBERS)
    shelf.notebook.lookup.index.catch_up(lambda: False)
    assert shelf.texts(Query(since=NOW + 2 * DAY)) == ["day 3", "day 2"]
    assert shelf.texts(Query(since=NOW + 1, until=NOW + 2 * DAY)) == ["day 1"]
    assert shelf.texts(Query(since=NOW + 2 * DAY, until=NOW + 3 * DAY, newest_first=True)) == ["day 2"]
    for newest_first in (False, True):
        pauses = shelf.pauses(Query(since=NOW + DAY, newest_first=newest_first))
        assert len(pauses) <= SCANNED_NUMBERS // PASSED_OVER_MAX + 3


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    "query",
    [
        Query(), Query(since=NOW - 3 * DAY, until=NOW + 2 * DAY), Query(words=("x",)), Query(words=("x+",)), Query(tags=("t",)),
        Query(author="amy", since=NOW, words=("x",)), Query(numbers=tuple(range(90, 180))), Query(since=STORED),
    ],
)  # fmt: skip
def test_notes_come_in_the_order_of_time_from_any_place_each_once(shelf: Shelf, query: Query, newest_first: bool) -> None:
    random = Random(9)
    for number in range(1, 301):
        times = {"written_at": NOW + random.randint(-5, 5) * DAY, "stored_at": NOW + random.choice((-9, -2, 0, 9)) * DAY}
        shelf.note(f"{random.choice('xy')}+ #{random.choice('tu')}", author=random.choice(("amy", "bob")), **times)
        if number > 100 and number % 10 == 0:
            shelf.delete(number)
        elif number > 100 and number % 10 == 5:
            shelf.revise(number - 50, "x+ #t revised")
    wanted = sorted(shelf.stored(query), key=lambda note: (note.noted_at, note.number), reverse=newest_first)
    query = query._replace(by_time=True, newest_first=newest_first)
    steps = shelf.find(query)
    found = [step for step in steps if isinstance(step, StoredEntry)]
    assert found == wanted
    for place, step in enumerate(steps):
        left = sum(isinstance(each, StoredEntry) for each in steps[place + 1 :])
        if isinstance(step, StoredEntry) and place % 5 == 0:
            assert shelf.stored(query, cursor_after(step, query)) == wanted[len(wanted) - left :]
        elif isinstance(step, PausePoint):
            assert shelf.stored(query, Cursor(step.number, 0, step.time)) == wanted[len(wanted) - left :]


def test_a_limit_takes_the_latest_notes_and_a_clock_in_the_future_pins_nothing(shelf: Shelf) -> None:
    for number in range(1, 4):
        shelf.note(f"live {number}", written_at=NOW + number * DAY, stored_at=NOW + number * DAY)
    shelf.note("clock ahead", written_at=NOW + 30_000 * DAY, stored_at=NOW + 2 * DAY)
    for year in range(4):
        shelf.note(f"imported {year}", written_at=NOW - (9 - year) * 365 * DAY)
    shelf.revise(5, "imported 0, revised")
    latest = Query(newest_first=True, by_time=True)
    assert shelf.texts(latest)[:4] == ["live 3", "clock ahead", "live 2", "live 1"]
    assert shelf.texts(latest)[-1] == "imported 0, revised"
    for by_time in (False, True):
        assert shelf.numbers(Query(since=NOW + 2 * DAY, by_time=by_time)) == ([2, 4, 3] if by_time else [2, 3, 4])
        assert shelf.numbers(Query(since=NOW + 4 * DAY, by_time=by_time)) == []


def test_the_order_of_time_reads_no_note_that_is_not_wanted(shelf: Shelf) -> None:
    shelf.fill(20 * SCANNED_NUMBERS)
    for query in (Query(by_time=True), Query(by_time=True, newest_first=True), Query(by_time=True, until=NOW + 1)):
        assert shelf.instructions_until_first(query) < SCANNED_NUMBERS


def test_notes_are_found_by_words_tags_author_and_time_together(shelf: Shelf) -> None:
    shelf.note("今天开会 #工作")
    shelf.note("今天开会 #工作", author="bob@desk")
    shelf.note("今天开会")
    shelf.note("明天开会 #工作", written_at=NOW + DAY)
    assert shelf.numbers(Query(words=("开会",), tags=("工作",), author="amy")) == [1, 4]
    assert shelf.numbers(Query(words=("开会", "今"), tags=("#工作",))) == [1, 2]
    assert shelf.numbers(Query(words=("开会",), since=NOW + 1, newest_first=True)) == [4]
    shelf.revise(1, "改了")
    assert shelf.numbers(Query(author="AMY@pi", until=NOW + 1)) == [1, 3], "a note is its first writer's"


def test_a_search_finds_signs_emoji_and_beginnings_of_words_and_nested_tags(shelf: Shelf) -> None:
    long = "c " * PASSED_OVER_CHARACTERS_MAX
    for text in ("C and C++ #c++", "C# #dev/c", "c 🎉", "milkshake ++ #dev", long, f"{long} c++"):
        shelf.note(text)
    found = {"C++": [1, 6], "c#": [2], "c": [1, 2, 3, 5, 6], "🎉": [3], "mil*": [4], "mil": [], "nosuch+c": []}
    found |= {"#c++": [1], "#c": [], "#dev": [2, 4], "#d*": [2, 4]}
    assert {word: shelf.numbers(Query(words=(word,))) for word in found} == found
    for query, numbers in (
        (Query(words=("c",), without=("c++", "🎉")), [2, 5]), (Query(any_of=(("c++", "#dev", "🎉"),)), [1, 2, 3, 4, 6]),
        (Query(words=("c",), any_of=(("c++", "++"), ("#c++", "x", "c"))), [1, 6]), (Query(tags=("dev",), without=("c#",)), [4]),
        (Query(author="amy", without=("c", "#c++")), [4]), (Query(words=("c",), without=("#dev", "+")), [3, 5]),
        (Query(words=("c",), without=("c +", "c c")), [2, 3]), (Query(words=("mil*",), any_of=(("x", "++"),)), [4]),
    ):  # fmt: skip
        for newest_first, by_time in ((False, False), (True, True)):
            asked = query._replace(newest_first=newest_first, by_time=by_time)
            assert shelf.numbers(asked) == (numbers[::-1] if newest_first else numbers), asked
    for tag, numbers in (("c++", [1]), ("dev", [2, 4]), ("#dev/c", [2]), ("c", [])):
        for query in (Query(tags=(tag,)), Query(View.LOG, tags=(tag,))):
            assert shelf.numbers(query) == numbers


def test_many_matches_that_another_filter_leaves_out_are_paused_at(shelf: Shelf) -> None:
    shelf.fill(200)
    for query in (Query(words=("x",), since=NOW + DAY), Query(View.LOG, author="bob")):
        assert shelf.numbers(query) == []
        pauses = [1, *shelf.pauses(query)]
        assert max(later - earlier for earlier, later in pairwise(pauses)) <= PASSED_OVER_MAX
        assert pauses[-1] > 3 * PASSED_OVER_MAX


def test_a_lookup_pauses_after_each_few_long_texts_that_are_not_wanted(shelf: Shelf) -> None:
    for _ in range(20):
        shelf.note("x" * PASSED_OVER_CHARACTERS_MAX)
    for query in (Query(until=0), Query(View.LOG, author="bob"), Query(numbers=tuple(range(1, 21)), tags=("b",))):
        for newest_first in (False, True):
            assert len(shelf.pauses(query._replace(newest_first=newest_first))) >= 20


def test_the_log_holds_everything_as_it_was_kept_of_all_notes_or_of_those_that_match(shelf: Shelf) -> None:
    shelf.note("one #a")
    shelf.note("two", author="bob@desk")
    shelf.revise(1, "one revised #a")
    shelf.delete(2)
    shelf.note("three #a", written_at=NOW + DAY)
    found = [each for each in shelf.find(Query(View.LOG)) if isinstance(each, StoredEntry)]
    assert [(each.number, each.entry.kind, each.entry.revises, each.entry.text) for each in found] == [
        (1, Kind.NOTE, 0, "one #a"), (2, Kind.NOTE, 0, "two"), (3, Kind.REVISION, 1, "one revised #a"),
        (4, Kind.DELETION, 2, ""), (5, Kind.NOTE, 0, "three #a"),
    ]  # fmt: skip
    assert shelf.numbers(Query(View.LOG, newest_first=True)) == [5, 4, 3, 2, 1]
    assert shelf.numbers(Query(View.LOG, tags=("A",))) == [1, 3, 5]
    assert shelf.numbers(Query(View.LOG, author="BOB")) == [2, 4]
    assert shelf.numbers(Query(View.LOG, until=NOW + 1, newest_first=True)) == [4, 3, 2, 1]


def test_entries_are_found_by_their_numbers_and_by_those_of_their_revisions(shelf: Shelf) -> None:
    shelf.fill(3)
    shelf.revise(2, "two")
    shelf.delete(3)
    assert shelf.numbers(Query(numbers=(4, 1, 3, 99))) == [1, 2]
    assert shelf.numbers(Query(numbers=(4, 1), newest_first=True)) == [2, 1]
    assert shelf.numbers(Query(numbers=(1, 2)), 2) == [2]
    assert shelf.numbers(Query(View.LOG, numbers=(4, 3))) == [2, 3, 4, 5]
    assert shelf.numbers(Query(View.LOG, numbers=(4, 3), newest_first=True), 4) == [4, 3, 2]
    assert shelf.numbers(Query(View.LOG, numbers=(99,))) == []


@pytest.mark.parametrize("view", [View.NOTES, View.LOG])
def test_filters_apply_to_the_notes_with_the_given_numbers_too(shelf: Shelf, view: View) -> None:
    shelf.note("one #a")
    shelf.note("two", author="bob@desk", written_at=NOW - DAY)
    shelf.revise(1, "one again #a")
    wanted = [1, 3] if view is View.LOG else [1]
    for filters in ({"author": "amy"}, {"tags": ("a",)}, {"since": NOW}):
        assert shelf.numbers(Query(view, numbers=(1, 2), **filters)) == wanted
    assert shelf.numbers(Query(view, numbers=(1, 2), until=NOW)) == [2]


def test_only_a_query_that_needs_the_index_waits_for_it(shelf: Shelf) -> None:
    shelf.fill(1000)
    for query in (Query(), Query(View.LOG), Query(since=0), Query(numbers=(1,))):
        assert not any(isinstance(found, IndexBehind) for found in shelf.find(query, is_time_up=lambda: True))
    [behind] = shelf.find(Query(words=("x",)), is_time_up=lambda: True)
    assert isinstance(behind, IndexBehind)
    assert 0 < behind.indexed < 1000
    assert len(shelf.numbers(Query(words=("x",)))) == 1000


def test_the_summary_counts_what_there_is(shelf: Shelf) -> None:
    assert [tally.label for tally in shelf.tallies(View.SUMMARY)] == list(SUMMARY_LABELS[:-2]), "there is no first and last"
    shelf.note("one", written_at=NOW - DAY)
    shelf.note("two", author="bob@desk")
    shelf.revise(1, "three")
    shelf.note("four")
    shelf.delete(4)
    amounts = {tally.label: tally.amount for tally in shelf.tallies(View.SUMMARY)}
    assert tuple(amounts) == SUMMARY_LABELS
    assert amounts.pop("bytes") > 0
    assert amounts == {
        "notes": 2, "entries": 5, "authors": 2, "clients": 1, "days": 2, "first": NOW - DAY, "last": NOW,
    }  # fmt: skip
    assert [tally.label for tally in shelf.tallies(View.SUMMARY, 7)] == ["first", "last"]


@pytest.fixture
def searched(tmp_path: Path) -> Iterator[Shelf]:
    """Three notes in a file, whose index is up to date."""
    with closing(Notebook(tmp_path / "notebook.sqlite3")) as notebook:
        shelf = Shelf(notebook)
        for _ in range(3):
            shelf.note("开会")
        assert notebook.lookup.index.catch_up(lambda: False)
        yield shelf


def begun(shelf: Shelf, is_time_up: Callable[[], bool] = lambda: False) -> Iterator[LookupStep]:
    """A lookup for which the index was searched, and which has not read the notes yet."""
    lookup = shelf.notebook.lookup.answer(MEETING, FIRST, is_time_up)
    assert isinstance(next(lookup), SearchRunning)
    shelf.searcher.work()
    return lookup


@pytest.mark.parametrize(("text", "texts"), [("开会 later", ["开会", "开会 later", "开会"]), ("away", ["开会", "开会"])])
def test_a_note_that_is_revised_meanwhile_is_found_if_it_still_matches(searched: Shelf, text: str, texts: list[str]) -> None:
    lookup = begun(searched)
    searched.revise(2, text)
    assert [found.entry.text for found in searched.searcher.drain(lookup) if isinstance(found, StoredEntry)] == texts


def begin_index_anew(shelf: Shelf) -> None:
    """Do what a program with other rules for search terms does, if it opens the same index: empty it."""
    path = shelf.notebook.lookup.index.path
    with closing(open_index_file(path)) as connection, atomic(connection):
        Shards(connection, bytes_max=SHARD_BYTES_MAX, numbers_max=SHARD_NUMBERS_MAX).clear()
        Counts(connection).clear(last_number=shelf.notebook.last_number)
        State.read(connection)._replace(rules="others", indexed=0).write(connection)


def index_half_of_a_revision(shelf: Shelf) -> None:
    shelf.revise(2, "开会 " + "later " * 3000)
    assert not shelf.notebook.lookup.index.catch_up(lambda: True), "only the old text was removed"


@pytest.mark.parametrize("change_index", [index_half_of_a_revision, begin_index_anew])
@pytest.mark.parametrize("by_time", [False, True])
def test_a_search_leaves_no_note_out_that_the_index_lacks_for_a_while(
    searched: Shelf, by_time: bool, change_index: Callable[[Shelf], None]
) -> None:
    query = MEETING._replace(by_time=by_time)
    lookup = searched.notebook.lookup.answer(query, beginning_of(query), lambda: False)
    assert isinstance(next(lookup), SearchRunning)
    change_index(searched)
    assert [each.number for each in searched.searcher.drain(lookup) if isinstance(each, StoredEntry)] == [1, 2, 3]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_span_of_time_has_all_its_notes_also_after_another_program_has_begun_the_index_anew(
    searched: Shelf, newest_first: bool
) -> None:
    query = Query(since=NOW, newest_first=newest_first)
    assert searched.numbers(query) == sorted([1, 2, 3], reverse=newest_first)
    begin_index_anew(searched)
    assert searched.numbers(query) == sorted([1, 2, 3], reverse=newest_first)


def test_a_list_of_tags_that_another_program_cuts_short_by_beginning_the_index_anew_is_no_whole_one(searched: Shelf) -> None:
    for number in range(2 * TALLIES_FETCHED):
        searched.note(f"#tag{number}")
    query = Query(View.TAGS)
    lookup = searched.notebook.lookup.answer(query, beginning_of(query), lambda: False)
    assert isinstance(next(lookup), Tally)
    begin_index_anew(searched)
    *_, last = lookup
    assert isinstance(last, IndexBehind)
    assert len(searched.tallies(View.TAGS)) == 2 * TALLIES_FETCHED


def test_a_reader_of_tags_gets_all_of_them_though_the_index_is_built_again_meanwhile(searched: Shelf) -> None:
    searched.note("#x")
    assert len(searched.tallies(View.TAGS)) == 1
    searched.revise(searched.notebook.last_number, "#y")
    assert len(searched.tallies(View.TAGS)) == 1
    searched.note("#x")
    y, x = searched.tallies(View.TAGS)
    assert (y.label, x.label) == ("y", "x"), "x had no notes for a while"
    for name in ("", "-wal", "-shm"):
        Path(f"{searched.notebook.lookup.index.path}{name}").unlink()
    found = [y, *searched.tallies(View.TAGS, y.key + 1)]
    assert {tally.label: tally.amount for tally in found} == {"x": 1, "y": 1}


def test_the_figures_are_not_those_of_an_index_that_another_program_begins_anew(searched: Shelf) -> None:
    index = searched.notebook.lookup.index
    begin_index_anew(searched)
    with pytest.raises(IndexDamaged):
        print(index.totals)


def test_a_search_that_has_no_time_to_index_a_revision_goes_on_later(searched: Shelf) -> None:
    lookup = begun(searched, lambda: True)
    searched.revise(2, "开会 later")
    searched.fill(1000)
    assert [type(found) for found in searched.searcher.drain(lookup)] == [StoredEntry, IndexBehind]
    assert searched.numbers(MEETING, 2) == [2, 3]


def test_all_versions_of_notes_are_found_in_order_and_few_of_them_are_read_ahead(shelf: Shelf) -> None:
    notes, count = 64, 2 * VERSIONS_AHEAD
    shelf.fill(notes)
    for number in range(count):
        shelf.revise(1 + number % notes, f"version {number}")
    named = tuple(range(1, notes + 1))
    for numbers, found in (
        ((1,), [1, *range(notes + 1, notes + 1 + count, notes)]),
        (named, list(range(1, notes + 1 + count))),
    ):
        query = Query(View.LOG, numbers=(*numbers, found[-1]))
        assert shelf.numbers(query) == found
        assert shelf.numbers(query, found[2]) == found[2:]
        assert shelf.numbers(query._replace(newest_first=True)) == found[::-1]
        assert shelf.numbers(query._replace(newest_first=True), found[2]) == found[2::-1]
    assert shelf.instructions_until_first(query) < 8 * VERSIONS_AHEAD


def test_revisions_of_a_long_note_that_are_wanted_do_not_read_it_each_time(shelf: Shelf) -> None:
    shelf.note("first")
    for number in range(300):
        shelf.revise(1, f"version {number}")
    shelf.revise(1, "x " * PASSED_OVER_CHARACTERS_MAX)
    query = Query(View.LOG, author="amy")
    assert len(shelf.numbers(query)) == 302
    assert len(shelf.pauses(query)) <= 3, "it would pause after each of them"


def test_after_a_note_that_was_revised_or_deleted_a_lookup_pauses_and_its_first_text_is_not_read(shelf: Shelf) -> None:
    shelf.fill(4)
    shelf.revise(1, "another")
    shelf.delete(3)
    queries = (Query(), Query(numbers=(1, 2, 3, 4)), Query(words=("x",), author="amy"))
    for query in queries:
        assert 4 in shelf.pauses(query) or query.words, "after the deleted one"
        assert (2 in shelf.pauses(query)) == (not query.words), "after the revised one"
    connection = shelf.notebook.lookup._connection
    connection.execute("UPDATE entries SET text = CAST(x'FF' AS TEXT) WHERE number IN (1, 3)")  # reading that raises an error
    assert [shelf.texts(query) for query in queries] == [["another", "x", "x"]] * 2 + [["x", "x"]]

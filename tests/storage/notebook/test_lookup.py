"""Lookups: what a query finds in a notebook, in which order, and where the lookup may pause."""

from itertools import pairwise
from random import Random

import pytest

from tests.storage.notebook.shelf import DAY, NOW, STORED, Shelf
from udpnote.model.entry import Kind, StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Cursor, IndexBehind, PausePoint, Query, View, cursor_after
from udpnote.storage.notebook.lookup import PASSED_OVER_CHARACTERS_MAX, PASSED_OVER_MAX, SCANNED_NUMBERS, VERSIONS_AHEAD
from udpnote.storage.notebook.notebook import Notebook


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


def test_in_the_order_of_time_a_note_dated_ahead_counts_as_of_its_storing(shelf: Shelf) -> None:
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


def test_a_lookup_in_the_order_of_time_reads_few_notes_before_its_first(shelf: Shelf) -> None:
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


def test_a_lookup_pauses_among_matches_that_another_filter_leaves_out(shelf: Shelf) -> None:
    shelf.fill(200)
    for query in (Query(words=("x",), since=NOW + DAY), Query(View.LOG, author="bob")):
        assert shelf.numbers(query) == []
        pauses = [1, *shelf.pauses(query)]
        assert max(later - earlier for earlier, later in pairwise(pauses)) <= PASSED_OVER_MAX
        assert pauses[-1] > 3 * PASSED_OVER_MAX


def test_a_lookup_pauses_after_each_long_text_that_a_filter_leaves_out(shelf: Shelf) -> None:
    for _ in range(20):
        shelf.note("x" * PASSED_OVER_CHARACTERS_MAX)
    for query in (Query(until=0), Query(View.LOG, author="bob"), Query(numbers=tuple(range(1, 21)), tags=("b",))):
        for newest_first in (False, True):
            assert len(shelf.pauses(query._replace(newest_first=newest_first))) >= 20


def test_the_log_has_each_entry_as_it_was_stored_of_all_notes_or_of_matching_ones(shelf: Shelf) -> None:
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


def test_the_summary_counts_the_whole_notebook(shelf: Shelf) -> None:
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


def test_a_long_note_is_not_read_again_for_each_of_its_revisions(shelf: Shelf) -> None:
    shelf.note("first")
    for number in range(300):
        shelf.revise(1, f"version {number}")
    shelf.revise(1, "x " * PASSED_OVER_CHARACTERS_MAX)
    query = Query(View.LOG, author="amy")
    assert len(shelf.numbers(query)) == 302
    assert len(shelf.pauses(query)) <= 3, "there is a pause whenever the long text is read"


def test_a_lookup_pauses_after_a_revised_or_deleted_note_and_does_not_read_its_first_text(shelf: Shelf) -> None:
    shelf.fill(4)
    shelf.revise(1, "another")
    shelf.delete(3)
    *without_words, with_words = queries = (Query(), Query(numbers=(1, 2, 3, 4)), Query(words=("x",), author="amy"))
    for query in without_words:
        assert {2, 4} <= {*shelf.pauses(query)}, "after the revised note, and after the deleted one"
    assert 2 not in shelf.pauses(with_words)
    connection = shelf.notebook.lookup._connection
    connection.execute("UPDATE entries SET text = CAST(x'FF' AS TEXT) WHERE number IN (1, 3)")  # reading that raises an error
    assert [shelf.texts(query) for query in queries] == [["another", "x", "x"]] * 2 + [["x", "x"]]

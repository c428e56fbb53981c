"""What lookups find if the index or the notes change meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.storage.notebook.shelf import MEETING, NOW, Shelf
from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, IndexBehind, LookupStep, Query, SearchRunning, Tally, View, beginning_of
from udpnote.storage.database import atomic
from udpnote.storage.index.counts import TALLIES_FETCHED, Counts
from udpnote.storage.index.index import IndexDamaged
from udpnote.storage.index.index_file import State, open_index_file
from udpnote.storage.index.shards import SHARD_BYTES_MAX, SHARD_NUMBERS_MAX, Shards
from udpnote.storage.notebook.notebook import Notebook


@pytest.fixture
def searched(path: Path) -> Iterator[Shelf]:
    """Three notes in a file, whose index is up to date."""
    with closing(Notebook(path)) as notebook:
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


def test_a_list_of_tags_that_ends_early_because_the_index_was_begun_anew_is_not_taken_for_whole(searched: Shelf) -> None:
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


def test_the_totals_of_an_index_that_another_program_begins_anew_are_not_read(searched: Shelf) -> None:
    index = searched.notebook.lookup.index
    begin_index_anew(searched)
    with pytest.raises(IndexDamaged):
        _ = index.totals


def test_a_search_that_has_no_time_to_index_a_revision_goes_on_later(searched: Shelf) -> None:
    lookup = begun(searched, lambda: True)
    searched.revise(2, "开会 later")
    searched.fill(1000)
    assert [type(found) for found in searched.searcher.drain(lookup)] == [StoredEntry, IndexBehind]
    assert searched.numbers(MEETING, 2) == [2, 3]

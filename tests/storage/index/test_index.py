"""The search index: made from the notebook alone, and in agreement with it once it has caught up."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.writings import (
    END,
    HOUR,
    NOW,
    Writings,
    assert_right,
    catch_up,
    caught_up,
    find,
    items,
    never,
    numbers,
    progress,
    tallied,
    tallies,
)
from udpnote.errors import InvalidQuery
from udpnote.model.query import PausePoint, Query, View
from udpnote.storage.database import IN_MEMORY, atomic
from udpnote.storage.index.index import Index
from udpnote.storage.index.note_changes import BATCH_CHARACTERS_MAX, BATCH_ENTRIES_MAX
from udpnote.storage.index.shards import PORTION_CHARACTERS

VIEWS = (View.TAGS, View.AUTHORS, View.DAYS)


@pytest.fixture(scope="module")
def blocks() -> Iterator[Index]:
    """An index of four blocks, and a number more, each written an hour after the one before."""
    with closing(Writings()) as writings:
        with atomic(writings.connection):
            for number in range(1, 4097):
                writings.note("x", written_at=NOW + number // 1024 * HOUR)
        with caught_up(IN_MEMORY, writings) as index:
            yield index


def test_notes_are_found_by_their_words(index: Index, writings: Writings) -> None:
    writings.fill(["今日开会", "开会，明天也开会", "The fast FOX", "breakfast", "fox, fast", "Straße am Café"])
    catch_up(index)
    assert find(index, "今日") == [1]
    assert find(index, "开会") == [1, 2]
    assert find(index, "会") == [1, 2]
    assert find(index, "天也") == [2]
    assert find(index, "会明") == [2], "punctuation does not part a phrase"
    assert find(index, "fox") == find(index, "fast", "fox") == [3, 5]
    assert find(index, "fast fox") == [3]
    assert find(index, "break") == [], "a word is found as a whole"
    assert find(index, "STRASSE", "cafe") == [6]
    assert find(index, "开会", "fox") == []


def test_notes_are_found_by_tags_that_are_all_there(index: Index, writings: Writings) -> None:
    writings.fill(["#工作 #q3-plan", "今天#工作", "工作 q3 plan", "#q3 plan #Work_1"])
    catch_up(index)
    expected = {"工作": [1, 2], "#工作": [1, 2], "＃Q3-PLAN": [1], "q3": [4], "work_1": [4], "plan": [], "!": []}
    assert {tag: numbers(index, Query(tags=(tag,))) for tag in expected} == expected
    assert numbers(index, Query(tags=("工作", "q3-plan"))) == [1]
    assert numbers(index, Query(tags=("q3",), words=("plan",))) == [4]


def test_notes_are_found_by_their_author_without_case_and_without_the_host(index: Index, writings: Writings) -> None:
    authors = ["Amy@pi", "amy@desk", "amy pond@pi", "amy", "李雷@台式机", "@", 'x" OR "y', "pi"]
    for author in authors:
        writings.note("hello", author=author)
    catch_up(index)
    expected = {
        "AMY": [1, 2, 4], "amy@PI": [1], "Amy Pond": [3], "李雷": [5], "@": [6], 'x" or "y': [7], "pi": [8], "pond": [],
        "\ud800": [],
    }  # fmt: skip
    assert {author: numbers(index, Query(author=author)) for author in expected} == expected
    assert numbers(index, Query(author="amy", words=("hello",))) == [1, 2, 4]
    assert numbers(index, Query(author="amy", words=("bye",))) == []


def test_what_looks_like_a_query_language_is_text(index: Index, writings: Writings) -> None:
    writings.fill(["one OR two", "one", 'say "one" near(two)', "author:amy", "star*"])
    catch_up(index)
    assert find(index, "one OR two") == [1]
    assert find(index, 'NEAR("two')[0] == 3
    assert find(index, "author:amy") == [4]
    assert find(index, "sta*") == []
    assert find(index, "amy") == [4], "an author is no word"


def test_a_search_without_a_letter_in_it_is_refused(index: Index) -> None:
    with pytest.raises(InvalidQuery):
        index.matches(Query(words=("!?",)), 1)


def test_the_newest_come_first_where_that_is_asked_and_each_start_is_included(index: Index, writings: Writings) -> None:
    writings.fill(["会"] * 5)
    catch_up(index)
    newest_first = Query(words=("会",), newest_first=True)
    assert numbers(index, newest_first) == [5, 4, 3, 2, 1]
    assert numbers(index, newest_first, 3) == [3, 2, 1]
    assert numbers(index, newest_first, 0) == []
    assert numbers(index, Query(words=("会",)), 3) == [3, 4, 5]
    assert numbers(index, Query(words=("会",)), 6) == []


def test_an_empty_notebook_has_nothing_to_find(index: Index) -> None:
    assert index.catch_up(never)
    assert (
        index.indexed
        == index.last_number()
        == index.totals.notes
        == index.totals.tags
        == index.totals.authors
        == index.totals.days
        == 0
    )
    assert find(index, "会") == []
    assert index.written_between() == (None, None)
    assert [list(index.tallies(view, -END)) for view in VIEWS] == [[], [], []]
    assert index.skip(1, NOW, None, False) == 1
    assert index.skip(END, NOW, None, True) == END


@pytest.mark.parametrize("at_once", [True, False])
def test_revisions_replace_and_deletions_remove_and_a_later_revision_brings_back(
    index: Index, writings: Writings, at_once: bool
) -> None:
    def done() -> None:
        if not at_once:
            catch_up(index)

    writings.fill(["draft #a", "other #a #b"])
    done()
    writings.revise(1, "final #c")
    done()
    writings.delete(2)
    done()
    writings.delete(1)
    done()
    writings.revise(1, "back again #c")
    catch_up(index)
    assert [find(index, word) for word in ("draft", "final", "other", "back again")] == [[], [], [], [1]]
    assert [numbers(index, Query(tags=(tag,))) for tag in "abc"] == [[], [], [1]]
    assert tallied(index, View.TAGS) == {"c": 1}
    assert (index.totals.notes, index.totals.tags, index.totals.authors, index.totals.days) == (1, 1, 1, 1)
    assert numbers(index, Query(author="amy")) == [1], "the note is its first writer's"
    assert numbers(index, Query(author="bob")) == []


def test_tallies_count_what_is_shown(index: Index, writings: Writings) -> None:
    writings.note("#a #b #a", written_at=NOW)
    writings.note("#B", author="李雷@台式机", written_at=NOW + 24 * HOUR)
    writings.note("none", author="amy@pi", written_at=NOW - 24 * HOUR)
    catch_up(index)
    assert tallied(index, View.TAGS) == {"a": 1, "b": 2}
    assert tallied(index, View.AUTHORS) == {"amy@pi": 2, "李雷@台式机": 1}
    assert tallied(index, View.DAYS) == {"2019-05-09": 1, "2019-05-10": 1, "2019-05-11": 1}
    writings.delete(1)
    catch_up(index)
    assert tallied(index, View.TAGS) == {"b": 1}
    assert tallied(index, View.DAYS) == {"2019-05-09": 1, "2019-05-11": 1}


@pytest.mark.parametrize("view", VIEWS)
def test_tallies_come_by_key_and_go_on_after_any_of_them(index: Index, writings: Writings, view: View) -> None:
    for number in range(600):
        writings.note(f"#t{number}", author=f"a{number}", written_at=NOW + number * 24 * HOUR)
    catch_up(index)
    all_of_them = list(tallies(index, view))
    keys = [tally.key for tally in all_of_them]
    assert len(keys) == 600
    assert keys == sorted(set(keys))
    assert list(index.tallies(view, keys[299])) == all_of_them[300:]


@pytest.mark.parametrize(
    ("written_at", "utc_offset", "day", "date"),
    [
        (0, 0, 0, "1970-01-01"),
        (-1, 0, -1, "1969-12-31"),
        (-1, 1, 0, "1970-01-01"),
        (16 * HOUR, 480, 1, "1970-01-02"),
        (16 * HOUR - 1, 480, 0, "1970-01-01"),
        (HOUR, -480, -1, "1969-12-31"),
    ],
)
def test_a_day_is_the_writers_own(
    index: Index, writings: Writings, written_at: int, utc_offset: int, day: int, date: str
) -> None:
    writings.note("x", written_at=written_at, utc_offset=utc_offset)
    catch_up(index)
    assert [tuple(tally) for tally in tallies(index, View.DAYS)] == [(day, date, 1)]


@pytest.mark.parametrize(
    ("start", "since", "until", "newest_first", "skipped_to"),
    [
        (1, 0, None, False, 1), (1, 1, None, False, 1024), (1500, 1, 2, False, 1500), (1500, 2, None, False, 2048),
        (1500, 0, 1, False, 4097), (1500, None, 1, False, 4097), (1500, None, 1, True, 1023), (1500, 1, None, True, 1500),
        (4096, 1, 2, True, 2047), (1500, 2, None, True, 0),
    ],
)  # fmt: skip
def test_blocks_of_another_time_are_skipped(
    blocks: Index, start: int, since: int | None, until: int | None, newest_first: bool, skipped_to: int
) -> None:
    """`since` and `until` are in hours after `NOW`."""
    first, end = (None if hours is None else NOW + hours * HOUR for hours in (since, until))
    assert blocks.skip(start, first, end, newest_first) == skipped_to


def test_the_times_between_two_blocks_are_skipped_too(blocks: Index) -> None:
    assert blocks.skip(1, NOW + 1, NOW + HOUR, False) == 4097
    assert blocks.written_between() == (NOW, NOW + 4 * HOUR)


def test_what_is_not_indexed_yet_is_never_skipped(index: Index, writings: Writings) -> None:
    writings.fill(["x"] * 100)
    catch_up(index)
    writings.note("later", written_at=NOW + HOUR)
    assert index.skip(1, NOW + HOUR, None, False) == 101
    assert index.skip(101, NOW + HOUR, None, False) == 101
    assert index.skip(101, NOW + HOUR, None, True) == 101
    assert index.skip(END, NOW + HOUR, None, True) == END
    catch_up(index)
    assert index.skip(1, NOW + HOUR, None, False) == 1


def test_a_block_is_as_long_as_the_notes_in_it_say_in_whatever_order_they_come(index: Index, writings: Writings) -> None:
    for hours in (5, 7, 2, 9, 4):
        writings.note("x", written_at=NOW + hours * HOUR)
        catch_up(index)
    assert index.written_between() == (NOW + 2 * HOUR, NOW + 9 * HOUR)
    assert index.skip(1, NOW + 9 * HOUR, None, False) == index.skip(1, None, NOW + 2 * HOUR + 1, False) == 1
    assert index.skip(1, NOW + 9 * HOUR + 1, None, False) == index.skip(1, None, NOW + 2 * HOUR, False) == 6


def test_a_revision_is_no_reason_to_look_at_another_time(index: Index, writings: Writings) -> None:
    writings.note("old", written_at=NOW)
    writings.revise(1, "new")
    catch_up(index)
    assert index.written_between() == (NOW, NOW)
    assert index.skip(1, NOW + 1, None, False) == 3


def test_catching_up_stops_when_time_is_spent_and_goes_on_from_there(index: Index, writings: Writings) -> None:
    writings.fill(f"word{number}" for number in range(3 * BATCH_ENTRIES_MAX))
    for done in (1, 2):
        assert not index.catch_up(lambda: True)
        assert index.indexed == done * BATCH_ENTRIES_MAX
        assert find(index, f"word{index.indexed - 1}") == [index.indexed]
        assert find(index, f"word{index.indexed}") == []
    assert index.catch_up(lambda: True), "no time is left, but nothing to do either"
    assert index.catch_up(lambda: True)
    assert_right(index, writings)


def test_long_entries_are_indexed_one_at_a_time_and_each_in_portions(index: Index, writings: Writings) -> None:
    writings.fill(["x " * BATCH_CHARACTERS_MAX] * 3)
    writings.revise(1, "short")
    writings.revise(2, "short")
    portions = 2 * BATCH_CHARACTERS_MAX // PORTION_CHARACTERS
    for entry, steps in enumerate((portions, portions, portions, portions + 1, portions + 1)):
        for step in range(steps + 1):
            assert progress(index) == (entry, step)
            index.catch_up(lambda: True)
    assert progress(index) == (5, 0)
    assert find(index, "x") == [3]
    assert find(index, "short") == [1, 2]


operations = st.tuples(
    st.sampled_from(["note", "note", "revise", "delete", "catch up", "partly"]),
    st.integers(0, 30),
    st.lists(st.sampled_from(["a", "b", "开", "会", "开会", "#a", "#b", "，"]), min_size=1, max_size=5).map(" ".join),
)
queries = st.builds(
    Query,
    newest_first=st.booleans(),
    author=st.sampled_from(["", "", "amy", "b@c"]),
    tags=st.sampled_from([(), (), ("a",), ("a", "b")]),
    words=st.sampled_from([("a",), ("开会",), ("会 a", "b"), ("会",), ("a b",)]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(operations, max_size=60), st.lists(queries, max_size=5), st.integers(1, 60))
def test_whatever_is_written_in_whatever_order_the_index_agrees_with_the_notebook(
    history: list[tuple[str, int, str]], asked: list[Query], shard_numbers_max: int
) -> None:
    with (
        closing(Writings()) as writings,
        closing(Index(IN_MEMORY, writings.connection, shard_numbers_max=shard_numbers_max)) as index,
    ):
        for what, number, text in history:
            roots = sorted(writings.notes)
            if what == "catch up" or (what == "partly" and number % 2):
                index.catch_up(lambda: True)
            elif what == "note" or not roots:
                writings.note(text, author=("Amy@pi", "b@c", "b")[number % 3], written_at=NOW + number * 10 * HOUR)
            elif what == "revise":
                writings.revise(roots[number % len(roots)], text)
            elif what == "delete":
                writings.delete(roots[number % len(roots)])
        catch_up(index)
        for query in asked:
            assert numbers(index, query) == writings.matches(query)
        assert_right(index, writings)


def test_passed_says_where_to_go_on_and_nothing_is_left_out(writings: Writings) -> None:
    writings.fill("会" if number % 3 else "other" for number in range(1000))
    with closing(Index(IN_MEMORY, writings.connection, shard_numbers_max=100)) as index:
        catch_up(index)
        for query in (Query(words=("会",)), Query(words=("会",), newest_first=True)):
            whole = numbers(index, query)
            assert whole == writings.matches(query)
            resumed = list[int]()
            starts = [END if query.newest_first else 1]
            for start in starts:
                for each in items(index, query, start):
                    if isinstance(each, PausePoint):
                        starts.append(each.number)
                        break
                    resumed.append(each)
            assert resumed == whole
            assert len(starts) >= 10, "there was a pause in each shard"


def test_no_step_indexes_more_text_than_one_may(writings: Writings) -> None:
    half = "x " * (BATCH_CHARACTERS_MAX // 4)
    writings.fill([half, half, f"{half}y", half])
    with closing(Index(IN_MEMORY, writings.connection)) as index:
        steps = []
        while not index.catch_up(lambda: True):
            steps.append(progress(index))
        assert steps == [(2, 0), (3, 0)]
        writings.revise(1, half)
        writings.revise(2, f"{half}y")
        steps = []
        while not index.catch_up(lambda: True):
            steps.append(progress(index))
        assert steps == [(5, 0), (5, 1), (5, 2)], "what goes, what comes, and what else there is to do"
        assert find(index, "y") == [2, 3]

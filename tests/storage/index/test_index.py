"""The search index: made from the notebook alone, and in agreement with it once it has caught up."""

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.writings import END, HOUR, NOW, Writings, assert_right, catch_up, find, never, numbers, opened, progress
from udpnote.errors import InvalidQuery
from udpnote.model.query import Query
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.index.index import Index
from udpnote.storage.index.indexed_notebook import BATCH_CHARACTERS_MAX, BATCH_ENTRIES_MAX
from udpnote.storage.index.shards import PORTION_CHARACTERS


def test_notes_are_found_by_their_words_and_signs_of_a_query_language_are_text(index: Index, writings: Writings) -> None:
    writings.fill(
        ["今日开会", "开会，明天也开会", "The fast FOX", "breakfast", "fox, fast", "Straße am Café", "one OR two", "one"]
    )
    writings.fill(['say "one" near(two)', "author:amy", "star*"])
    catch_up(index)
    expected = {
        ("今日",): [1], ("开会",): [1, 2], ("会",): [1, 2], ("天也",): [2], ("fox",): [3, 5], ("fast", "fox"): [3, 5],
        ("fast fox",): [3], ("STRASSE", "cafe"): [6], ("开会", "fox"): [], ("one OR two",): [7], ("author:amy",): [10],
        ("会明",): [2],  # punctuation does not part a phrase
        ("break",): [], ("sta",): [], ("sta*", "star*"): [11],  # a word is found as a whole, unless it ends with *
        ("amy",): [10],  # an author is no word
    }  # fmt: skip
    assert {words: find(index, *words) for words in expected} == expected
    assert find(index, 'NEAR("two')[0] == 9


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


def test_an_empty_notebook_has_nothing_to_find_and_a_search_without_a_letter_is_refused(index: Index) -> None:
    assert index.catch_up(never)
    assert (index.indexed, index.last_number(), *index.totals) == (0,) * 6
    assert (find(index, "会"), index.time_span()) == ([], (None, None))
    assert (index.next_candidate(1, NOW, None, False), index.next_candidate(END, NOW, None, True)) == (1, END)
    with pytest.raises(InvalidQuery):
        index.matches(Query(words=("!?",)), 1)


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


def steps_of(index: Index) -> list[tuple[int, int]]:
    """The progress after each step until the index has caught up."""
    steps = []
    while not index.catch_up(lambda: True):
        steps.append(progress(index))
    return steps


def test_long_entries_are_indexed_one_at_a_time_and_each_in_portions(index: Index, writings: Writings) -> None:
    writings.fill(["x " * BATCH_CHARACTERS_MAX] * 3)
    writings.revise(1, "short")
    writings.revise(2, "short")
    portions = 2 * BATCH_CHARACTERS_MAX // PORTION_CHARACTERS
    last_steps = enumerate((portions, portions, portions, portions + 1, portions + 1))
    assert [(0, 0), *steps_of(index)] == [(entry, step) for entry, last in last_steps for step in range(last + 1)]
    assert progress(index) == (5, 0)
    assert (find(index, "x"), find(index, "short")) == ([3], [1, 2])


words = st.lists(st.sampled_from(["a", "b", "开", "会", "开会", "#a", "#b", "，", "Straße"]), min_size=1, max_size=5)
texts = st.builds(lambda words, times: " ".join(words * times), words, st.sampled_from([1] * 9 + [BATCH_CHARACTERS_MAX]))
operations = st.tuples(st.sampled_from(["note", "note", "revise", "delete", "catch up"]), st.integers(0, 30), texts)
queries = st.builds(
    Query,
    newest_first=st.booleans(),
    by_time=st.just(False),
    author=st.sampled_from(["", "", "amy", "b@c"]),
    tags=st.sampled_from([(), (), ("a",), ("a", "b")]),
    words=st.sampled_from([("a",), ("开会",), ("会 a", "b"), ("会",), ("a b",), ("strasse",), ("#b",)]),
    any_of=st.sampled_from([(), (), (("會", "#a"),), (("a b", "b"), ("#b", "strasse", "开会"))]),
    without=st.sampled_from([(), (), ("b",), ("#a", "开 会")]),
)


@settings(max_examples=25)
@given(st.lists(operations, max_size=60), st.lists(queries, max_size=5), st.integers(1, 60))
def test_after_any_writes_in_any_order_the_index_agrees_with_the_notebook(
    history: list[tuple[str, int, str]], asked: list[Query], shard_numbers_max: int
) -> None:
    with closing(Writings()) as writings, opened(IN_MEMORY, writings, shard_numbers_max=shard_numbers_max) as index:
        for deed, number, text in history:
            roots = sorted(writings.notes)
            if deed == "catch up":
                index.catch_up(lambda: True)
            elif deed == "note" or not roots:
                written_at = (number - 15) * 8 * HOUR - number % 2  # the last and the first moment of days around 1970
                author, utc_offset = (("Amy@pi", 0), ("b@c", -480), ("b", 480))[number % 3]
                writings.note(text, author=author, written_at=written_at, utc_offset=utc_offset)
            elif deed == "revise":
                writings.revise(roots[number % len(roots)], text)
            elif deed == "delete":
                writings.delete(roots[number % len(roots)])
        catch_up(index)
        for query in asked:
            assert numbers(index, query) == writings.matches(query)
        assert_right(index, writings)


def test_no_step_indexes_more_text_than_its_limit(index: Index, writings: Writings) -> None:
    half = "x " * (BATCH_CHARACTERS_MAX // 4)
    writings.fill([half, half, f"{half}y", half])
    assert steps_of(index) == [(2, 0), (3, 0)]
    writings.revise(1, half)
    writings.revise(2, f"{half}y")
    assert steps_of(index) == [(5, 0), (5, 1), (5, 2)], "a step for the old text, one for the new text, and one for the rest"
    assert find(index, "y") == [2, 3]

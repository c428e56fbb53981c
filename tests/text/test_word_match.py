"""Comparing words with texts: signs in a word count, and a long text is compared in portions with the same result."""

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpnote.model.query import Query, SearchRunning
from udpnote.text.word_match import (
    OVERLAP_CHARACTERS,
    PORTION_CHARACTERS,
    UNPAUSED_CHARACTERS,
    comparison_of,
    contains,
    parse_word,
)


def steps_and_answer(comparing: Generator[SearchRunning, None, bool]) -> tuple[int, bool]:
    """How often a comparison pauses, and its answer."""
    for steps in range(10_000):
        try:
            assert next(comparing).is_over()
        except StopIteration as end:
            return steps, end.value
    raise AssertionError("the comparison never ends")


def is_in(text: str, *words: str) -> bool:
    return steps_and_answer(contains(text, [[parse_word(word)] for word in words]))[1]


@pytest.mark.parametrize(
    ("word", "found", "not_found"),
    [
        ("C++", ["I like c++.", "c++11", "Ｃ＋＋", "c, C++"], ["C", "c+", "c + +", "abc++", "++c"]),
        ("C#", ["C#, F#"], ["#c", "c #"]), (".NET", ["asp.net"], ["net", "dot. net", ".nets"]),
        ("3.14", ["3.14", "x=3.14159 3.14"], ["3,14", "3 14", "13.14", "3.145"]),
        ("#work", ["a #work", "#Work/home"], ["work", "# work", "#works", "#work+"]),
        ("#c", ["#c", "＃Ｃ，"], ["#c++", "x#c"]), ("#mil*", ["#milk", "#mil/x"], ["mil", "#12 mil"]),
        ("#c++*", ["#c++", "#c++20"], ["#c", "c++20"]), ("#c++＊", ["#c++20"], ["#c+"]), ("#c+*", ["#c++"], ["#c"]),
        ("#12", ["#12"], ["12"]),
        ("#會議", ["#会议"], ["会议"]), ("#会议", ["#會議"], ["會議"]),
        ("I'm", ["I’m", "i'm"], ["im", "I m"]), ("今日，开会", ["今日,开会", "（今日，开会）"], ["今日开会", "今日。开会"]),
        ("今日开会", ["今日，开会"], ["今日不开会"]), ("oat milk", ["oat-milk", "Oat, milk"], ["oat or milk"]),
        ("oat-milk", ["oat—milk"], ["oat milk", "oat - milk"]), ("a - b", ["a - b", "a (-) b", "a-b"], ["a b", "a + b"]),
        ("a -- b-", ["a ! -- b-"], ["a - b-", "a -- b -"]), ("- - a", ["- - a", "--, a"], ["- a", "a - -"]),
        ("a+b-c", ["x a+b-c"], ["a+b c", "a+-b-c", "a+b", "a b-c"]), ("++", ["x++"], ["+", "+ +"]),
        ("🎉", ["party🎉!", "🎉🎉"], ["party"]), ("👍", ["👍🏽"], []), ("→ b", ["a → b"], ["a b", "b →"]),
        ("mil*", ["milk", "Milkshake!", "mil"], ["amil", "mi"]), ("oat mil*", ["oat-milk"], ["oats milk", "milk oat"]),
        ("node.j*", ["node.js"], ["node js"]), ("c++*", ["c++*", "c++", "c++11"], ["c+", "c*"]),
        ("**a**", ["**A**"], ["**a*", "a**"]), ("a *", ["a *"], ["a", "ab"]), ("工作*", ["工作了"], ["工"]),
        ("--all", ["list --all"], ["all", "-all"]), ("x,", ["x, y"], ["x"]),
    ],
)  # fmt: skip
def test_the_signs_of_a_word_count_and_those_that_only_the_text_has_do_not(
    word: str, found: list[str], not_found: list[str]
) -> None:
    assert [text for text in found + not_found if is_in(text, word)] == found


@given(st.integers(0, 3 * PORTION_CHARACTERS), st.sampled_from(["c++", "会+", "mil*"]), st.sampled_from("x中 "))
def test_a_long_text_is_compared_in_portions_with_the_same_result(before: int, word: str, filler: str) -> None:
    text = f"{filler * before} {word.replace('*', 'k')} {filler * 2 * PORTION_CHARACTERS}"
    steps, answer = steps_and_answer(contains(text, [[parse_word(word)]]))
    assert answer
    assert steps <= len(text) // (PORTION_CHARACTERS - OVERLAP_CHARACTERS)
    for words in ([[parse_word("y+")] * 5], [[parse_word("y+")]] * 5):
        assert (
            5 <= steps_and_answer(contains(text, words))[0] <= 5 * (1 + len(text) // (PORTION_CHARACTERS - OVERLAP_CHARACTERS))
        )
        assert steps_and_answer(contains(text[:UNPAUSED_CHARACTERS], words)) == (0, False)
    steps, answer = steps_and_answer(contains(text, [[parse_word(word)], [parse_word("y+")]]))
    assert steps >= 2
    assert not answer


def test_a_word_is_not_found_in_another_one_that_a_portion_cuts() -> None:
    assert not is_in(f"{' ' * (PORTION_CHARACTERS - OVERLAP_CHARACTERS - 2)}abc++{' ' * PORTION_CHARACTERS}", "c++")
    assert not is_in(f"{' ' * (PORTION_CHARACTERS - 4)}+milk{' ' * PORTION_CHARACTERS}", "+mil")


@pytest.mark.parametrize(
    ("query", "found", "not_found"),
    [
        (Query(words=("c++",), without=("c#",)), ["c++", "c++ #c"], ["c", "c++ c#"]),
        (Query(any_of=(("c++", "#go", "会议"),)), ["c++", "c #go", "會議"], ["c", "go", "会"]),
        (Query(any_of=(("c++", "x"), ("y", "z"))), ["c++", "x"], ["c", "y"]),
        (Query(words=("x",), without=("!", "#t", "c")), ["a #t c"], ["a!"]),
    ],
)
def test_only_words_with_signs_are_compared_and_the_words_that_may_stand_instead(
    query: Query, found: list[str], not_found: list[str]
) -> None:
    comparison = comparison_of(query)
    assert comparison is not None
    assert [text for text in found + not_found if steps_and_answer(comparison.accepts(text))[1]] == found


def test_where_no_word_has_signs_the_index_decides() -> None:
    assert comparison_of(Query(words=("a", "#c++"), any_of=(("b", "mil*"),), without=("c d", "#x"), tags=("t",))) is None

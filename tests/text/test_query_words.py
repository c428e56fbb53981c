"""The words of a search as people type them: words, phrases, OR, and words to leave out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.errors import raises
from udpnote.errors import InvalidQuery
from udpnote.text.query_words import BEGINNINGS_MAX, TERMS_MAX, QueryWords, check_words, parse_words


def typed(arguments: list[str]) -> tuple[str, str, str]:
    """The words, groups and words to leave out, each as one text that is easy to compare."""
    words, any_of, without = parse_words(arguments)
    return "|".join(words), "|".join("/".join(group) for group in any_of), "|".join(without)


@pytest.mark.parametrize(
    ("arguments", "words", "any_of", "without"),
    [
        ([], "", "", ""), (["a phrase", "word"], "a phrase|word", "", ""), (['"a phrase" word'], "a phrase|word", "", ""),
        (['left "in the middle" right'], "left|in the middle|right", "", ""), (['"never closed'], "never closed", "", ""),
        (["今日", "!?", "—"], "今日|!?|—", "", ""), (['"" C++ ""'], "C++", "", ""),
        (["今日　开会　-茶", "　"], "今日|开会", "", "茶"),
        (["牛奶　OR　奶油"], "", "牛奶/奶油", ""), (["“今日　开会”"], "今日　开会", "", ""),
        (["milk", "OR", "cream", "tea"], "tea", "milk/cream", ""),
        (["a", "b", "OR", "c d", "OR", "#e", "f"], "a|f", "b/c d/#e", ""),
        (["a OR b"], "a OR b", "", ""), (['"a b" OR c', "x OR y"], "x OR y", "a b/c", ""), (["a", "or", "b"], "a|or|b", "", ""),
        (["milk", "-tea", "-oat milk", "－茶"], "milk", "", "tea|oat milk|茶"), (['a -"b c" -d'], "a", "", "b c|d"),
        (["-a", "b", "OR", "c", "-C++"], "", "b/c", "a|C++"), (["a", "-"], "a|-", "", ""), (["--all", "x"], "x", "", "-all"),
        (['"-5" degrees "OR" b-c'], "-5|degrees|OR|b-c", "", ""), (["a", '"OR"', "b"], "a|OR|b", "", ""), (["-a"], "", "", "a"),
        (["“燕麦 奶” x", "-“茶”", "“oat", "milk”"], "燕麦 奶|x|oat|milk", "", "茶"),
        (["mi\x07lk\x1b", "\x00-\x08a", "a\tb", "\x07"], "milk|a\tb", "", "a"),
    ],
)  # fmt: skip
def test_arguments_are_words_phrases_and_groups(arguments: list[str], words: str, any_of: str, without: str) -> None:
    assert typed(arguments) == (words, any_of, without)


@pytest.mark.parametrize("line", ["OR", "OR a", "a OR", "a OR OR b", "a OR -b", "-a OR b", '"a b" OR', "a OR b OR -c"])
def test_or_without_a_word_on_each_side_is_refused(line: str) -> None:
    with raises(InvalidQuery, "or_not_between_words"):
        parse_words(line.split() if '"' not in line else [line])


@given(
    st.lists(
        st.sampled_from(["a", "C++", "b c", "OR", "-x", "-", "会议", "mil*", "#t", "!", "－", '"', '-"', '" OR "']), max_size=9
    )
)
def test_words_can_be_typed_again(arguments: list[str]) -> None:
    try:
        query = parse_words(arguments)
    except InvalidQuery:
        return
    assert parse_words(query.as_typed) == query


def test_words_with_too_many_terms_or_without_any_are_refused() -> None:
    check_words(QueryWords())
    assert parse_words(["x"] * TERMS_MAX).wanted == ("x",) * TERMS_MAX
    for words in (["!?"], ["", " "], ['""'], ["—", "…"]):
        with raises(InvalidQuery, "no_search_term"):
            parse_words(words)
    beginnings = [f"w{number}*" for number in range(BEGINNINGS_MAX + 1)]
    assert parse_words([*beginnings[1:], beginnings[1], "c++*", "-a"]).wanted[-1] == "c++*"
    for words in (beginnings, [f"-{word}" for word in beginnings], " OR ".join(beginnings).split()):
        with raises(InvalidQuery, "too_many_beginnings"):
            parse_words(words)
    for words in (["会" * (TERMS_MAX + 1)], ["a b"] * TERMS_MAX, ["x"] * 1000, ["-x y"] * TERMS_MAX, ["x"] + ["!"] * TERMS_MAX):
        with raises(InvalidQuery, "too_many_search_terms"):
            parse_words(words)


def test_words_that_a_star_may_help_become_beginnings_as_long_as_stars_are_left() -> None:
    query = parse_words(["mil", "cof", "OR", "mil", "oat tea", "C++", "会议", "mi*", "-te*", "-tea"])
    assert (query.possible_beginnings, query.beginnings_left) == (["mil", "oat tea", "cof"], BEGINNINGS_MAX - 2)
    assert typed(query.with_beginnings(["mil", "tea"]).as_typed) == ("mil*|oat tea|C++|会议|mi*", "cof/mil*", "te*|tea")
    assert parse_words(["a*"] * BEGINNINGS_MAX).beginnings_left == 0

"""Highlighting: the places in a text that match the words of a search."""

from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.support.matching import is_match, mixed, pieces
from udpnote.text.highlight import occurrences
from udpnote.text.search_terms import terms
from udpnote.text.word_match import parse_word


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Cafe\u0301, Straße!", ["café"], ["Cafe\u0301"]), ("Cafe\u0301, Straße!", ["café STRASSE"], ["Cafe\u0301, Straße"]),
        ("ﬁne ﬁn", ["fin"], ["ﬁn"]), ("x² ①②", ["12", "x2"], ["x²", "①②"]), ("in İstanbul", ["istanbul"], ["İstanbul"]),
        ("㍿と", ["株"], ["㍿"]), ("か\u3099か", ["が"], ["か\u3099"]), ("ﾊﾟﾝ", ["パン"], ["ﾊﾟﾝ"]), ("한국어", ["국"], ["국"]),
        ("在臺北的會議，ｶﾞ 发髮發", ["台北", "会议", "髪", "發"], ["臺北", "會議", "发髮發"]), ("在𧩙x", ["䜥"], ["𧩙"]),
        ("Firefox 牛奶 X", ["奶", "firefox"], ["Firefox", "奶"]), ("A電視B", ["视b"], ["視B"]),
        ("今天开会，明天开会", ["开会", "天"], ["天开会", "天开会"]), ("哈哈哈", ["哈哈"], ["哈哈哈"]),
        ("a b a b a", ["a b a"], ["a b a b a"]), ("fast breakfast FAST", ["fast"], ["fast", "FAST"]),
        ("हिन्दी", ["हिन्दी"], ["हिन्दी"]), ("nothing here", ["!?", "there"], []), ("", ["x"], []),
        ("a" + "\u0300\u0316" * 260_000 + " b", ["b"], ["b"]), ("C, C++ and milkshake", ["c++", "mil*"], ["C", "milkshake"]),
        ("#c++ #C, c #c/x", ["#c"], ["#C", "#c/x"]), ("#會議，会议 ＃Ａb", ["#会议", "#a*"], ["#會議", "＃Ａb"]),
        ("x #b", ["#b", "x"], ["x", "#b"]),
    ],
)  # fmt: skip
def test_matches_are_found_in_the_text_as_it_was_written(text: str, words: list[str], expected: list[str]) -> None:
    assert [text[start:end] for start, end in occurrences(text, words)] == expected


@given(mixed, st.lists(pieces | st.lists(pieces, max_size=3).map("".join), max_size=3))
@example("e\u0301", ["é"])
def test_a_text_matches_where_each_word_occurs(text: str, words: list[str]) -> None:
    assume(not any(parse_word(word).has_signs or parse_word(word).tag for word in words))
    assert is_match(text, words) == all(occurrences(text, [word]) for word in words if terms(word))


@given(mixed, st.data())
def test_occurrences_are_pieces_of_the_text_in_order_that_match_by_themselves(text: str, data: st.DataObject) -> None:
    found = terms(text)
    assume(found)
    first = data.draw(st.integers(0, len(found) - 1))
    phrase = " ".join(found[first : first + data.draw(st.integers(1, 3))])
    spans = occurrences(text, [phrase])
    assert spans, "a text has its own terms"
    assert all(end < start for (_, end), (start, _) in pairwise(spans)), "they neither overlap nor touch"
    for start, end in spans:
        assert 0 <= start < end <= len(text)
        assert is_match(text[start:end], [phrase])

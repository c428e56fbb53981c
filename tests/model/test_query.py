"""Queries: whether one asks for words in the texts of notes."""

import pytest

from udpnote.model.query import Query


@pytest.mark.parametrize(
    ("query", "has_words"),
    [
        (Query(), False), (Query(tags=("a",), author="lin", numbers=(1,)), False), (Query(words=("a",)), True),
        (Query(any_of=(("a", "b"),)), True), (Query(without=("a",)), True),
    ],
)  # fmt: skip
def test_a_query_with_any_words_has_words(query: Query, has_words: bool) -> None:
    assert query.has_words == has_words

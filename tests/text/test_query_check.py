"""A query that asks for too much, or for something that no notebook can answer, is refused before it is sent or looked up."""

from tests.support.errors import raises
from udpnote.errors import InvalidQuery
from udpnote.model.query import Query, View
from udpnote.text.query_check import QUERY_NUMBERS_MAX, QUERY_TAGS_MAX, check_query
from udpnote.text.query_words import TERMS_MAX


def test_a_query_of_the_largest_size_is_accepted() -> None:
    check_query(Query(words=("会" * TERMS_MAX,), tags=("t",) * QUERY_TAGS_MAX))
    for query in (
        Query(words=("!?",), any_of=(("x", "y"),)),
        Query(tags=("t",), without=("!",)),
        Query(author="a", without=("x",)),
    ):
        check_query(query)
    check_query(Query(numbers=tuple(range(1, QUERY_NUMBERS_MAX + 1))))


def test_a_query_that_asks_for_too_much_or_nothing_is_refused() -> None:
    for kind, query in (
        ("no_search_term", Query(any_of=(("!?", "x"),))),
        ("too_many_search_terms", Query(words=("x",), any_of=(("会" * 12, "a"),), without=("b c",) * 6)),
        ("only_words_to_leave_out", Query(without=("x",), since=0)),
        ("search_of_other_than_notes", Query(View.LOG, any_of=(("x", "y"),))),
        ("search_of_other_than_notes", Query(View.LOG, author="lin", without=("x",))),
        ("search_of_other_than_notes", Query(View.LOG, words=("x",))),
        ("search_of_other_than_notes", Query(numbers=(1,), words=("x",))),
        ("order_of_other_than_notes", Query(View.LOG, by_time=True)),
        *(
            ("tag_invalid", Query(tags=(tag,)))
            for tag in ("work nosuch", "工作,没有", "done.", "1", "", "#", "##a", "a/", "r&d")
        ),
        ("too_many_tags", Query(tags=("t",) * (QUERY_TAGS_MAX + 1))),
        ("too_many_numbers", Query(numbers=tuple(range(1, QUERY_NUMBERS_MAX + 2)))),
    ):
        with raises(InvalidQuery, kind):
            check_query(query)

"""Checks whether a query can be answered: by its limits, and by what the search index contains."""

from udpnote.errors import InvalidQuery
from udpnote.model.query import Query, View

QUERY_NUMBERS_MAX = 100
"""The most entry numbers in one query. A READ has room for this many."""

QUERY_TAGS_MAX = 8
"""The most tags in one query. The limit is low, because a search looks up each tag in every shard of the index."""


def check_query(query: Query) -> None:
    """Raise `InvalidQuery` if the query has too many tags or numbers, or an invalid tag, or in one of these cases:

    - `check_words` raises it for the words of the query, for example because there are too many.
    - The query names only words that notes must not have, and neither a tag nor an author: the index cannot find notes by what
      is missing.
    - The query has words, and also numbers or another view than `View.NOTES`: the index has only the current texts of notes.
    - The query is `by_time`, but its view is not `View.NOTES`.
    """
    if query.has_words or query.tags:
        from udpnote.text.query_words import check_words, words_of  # here, because they are slow to import
        from udpnote.text.search_terms import parse_tag
    if query.has_words:
        check_words(words_of(query))
        if not (query.words or query.any_of or query.tags or query.author):
            raise InvalidQuery("only_words_to_leave_out")
        if query.view is not View.NOTES or query.numbers:  # the index holds the current texts of notes, and nothing else
            raise InvalidQuery("search_of_other_than_notes")
    if query.by_time and query.view is not View.NOTES:
        raise InvalidQuery("order_of_other_than_notes")
    if len(query.tags) > QUERY_TAGS_MAX:
        raise InvalidQuery("too_many_tags", tags=len(query.tags), tags_max=QUERY_TAGS_MAX)
    for tag in query.tags:
        if not parse_tag(tag):
            raise InvalidQuery("tag_invalid", tag=tag)
    if len(query.numbers) > QUERY_NUMBERS_MAX:
        raise InvalidQuery("too_many_numbers", numbers=len(query.numbers), numbers_max=QUERY_NUMBERS_MAX)

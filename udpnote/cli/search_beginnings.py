"""Widens a query that has found nothing: words that are in no note become beginnings of words, such as `milk*`."""

from collections.abc import Sequence
from itertools import islice

from udpnote.client.reading.filters import Filters
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.text.query_words import BEGINNINGS_MAX, QueryWords
from udpnote.text.search_terms import terms


def words_that_find_nothing(notebook: NotebookReader, query: QueryWords, filters: Filters) -> list[str]:
    """Search for each word of `query` alone. Return the words that are in no note, if they may find one with a `*`.

    Only notes that match `filters` are searched. A query may have at most `BEGINNINGS_MAX` words with `*`: words for which no
    `*` is left are not returned. Raises the errors of reading (see `NotebookReader`).
    """
    words = [word for word in dict.fromkeys(query.wanted) if _may_find_more_with_star(word)]
    count = BEGINNINGS_MAX - sum(word.endswith("*") for word in query.wanted + query.without)
    return list(islice((word for word in words if not _finds_a_note(notebook, word, filters)), max(count, 0)))


def with_beginnings(query: QueryWords, words: Sequence[str]) -> QueryWords:
    """Return `query` with a `*` after each of its words that is in `words`."""
    changed = {word: f"{word}*" for word in words}

    def change(each: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(changed.get(word, word) for word in each)

    return query._replace(words=change(query.words), any_of=tuple(map(change, query.any_of)))


def _may_find_more_with_star(word: str) -> bool:
    """Whether `word` with `*` may find more than `word`: it ends with a letter or digit, but not with a Chinese character."""
    return word[-1].isalnum() and (word[-1].isascii() or len(terms(word)[-1]) > 1)


def _finds_a_note(notebook: NotebookReader, word: str, filters: Filters) -> bool:
    return any(notebook.entries(words=QueryWords((word,)).as_typed, newest_first=True, limit=1, **filters))

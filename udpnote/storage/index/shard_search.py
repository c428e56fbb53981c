"""Searches the shards of an index: finds the numbers of the notes with a query's words, tags and author.

A shard is one table of the index, and a portion is a piece of a long note (see `shards`). How long the search of one shard
takes depends on its notes: FTS5 reads every place of every term of a condition, and cannot be paused meanwhile. There are texts
for which it takes half a second.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import islice
from typing import NamedTuple

from udpnote.model.entry import SEQUENCE_MAX
from udpnote.model.query import Query
from udpnote.storage.index.index_file import State
from udpnote.storage.index.shards import PORTIONS_MAX, SHARD_COLUMNS, Shard, whole_term
from udpnote.text.query_words import check_words, words_of
from udpnote.text.search_terms import fold, tag_term
from udpnote.text.word_match import Word, parse_word


class Conditions(NamedTuple):
    """FTS5 expressions: all of `required` must hold for a note, and none of `excluded`. `required` is not empty."""

    required: tuple[str, ...]
    excluded: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """The conditions as one FTS5 expression."""
        required = " AND ".join(self.required)
        return f"({required}) NOT ({' OR '.join(self.excluded)})" if self.excluded else required


class Question(NamedTuple):
    """Asks for the first `matches_max` notes, from the number `start` on, that meet the `conditions`.

    The index must have all that it had in `state`, its state when the search began (see `State.has_all_of`). With
    `newest_first`, the numbers go down from `start`. If `time` is not None, the notes are wanted in the order of their
    `noted_at`, from the note with that time and the number `start` on. The search then begins with a window of `block_count`
    blocks (see `time_search`).
    """

    conditions: Conditions
    start: int
    newest_first: bool
    matches_max: int
    state: State
    time: int | None = None
    block_count: int = 1


class Answer(NamedTuple):
    """The `numbers` of the notes that were found, in the question's order, and where to continue.

    There may be fewer of them than `matches_max`. `following` is the question for the notes after them; None if no further
    notes match.
    """

    numbers: list[int]
    following: Question | None


def conditions_of(query: Query) -> Conditions:
    """The conditions that the index can check for `query`: an FTS5 expression for each word, group of words, tag and author.

    The index knows only the terms of a word (see `word_match`). So some words set no condition here, and the caller compares
    them with the notes that are found. These are a word without a term, a group with such a word, and a word to leave out that
    has signs, such as `C++`. Raises `InvalidQuery` if the words have too many terms, or if there are words but none has a term.
    The query must have a word, tag or author to find, not only words to leave out.
    """
    check_words(words_of(query))
    # each of `query.words` is a group by itself
    groups = [[parse_word(word) for word in group] for group in (*((word,) for word in query.words), *query.any_of)]
    required = [" OR ".join(dict.fromkeys(map(_condition, group))) for group in groups if all(word.terms for word in group)]
    required = [f"({condition})" if " OR " in condition else condition for condition in required]
    required += [f'tags : "{whole_term(tag_term(tag))}"' for tag in query.tags]
    if query.author:
        required.append(f'author : "{whole_term(fold(query.author))}"')
    assert required, "a search without a condition would find nothing, and the reader asked for everything"
    left_out = [word for word in map(parse_word, query.without) if word.terms and not word.has_signs]
    return Conditions(tuple(dict.fromkeys(required)), tuple(dict.fromkeys(map(_condition, left_out))))


def _condition(word: Word) -> str:
    """The FTS5 expression for notes that have all terms of `word` side by side or, if the word stands for a tag, that tag."""
    column, terms = ("tags", whole_term(word.tag)) if word.tag else ("words", " ".join(word.terms))
    return f'{column} : "{terms}"{" *" if word.is_prefix else ""}'


def search_shards(connection: sqlite3.Connection, question: Question, is_time_up: Callable[[], bool]) -> Answer:
    """Answer `question`: search one shard after the other, in a `snapshot` of the caller.

    Stop when `question.matches_max` notes are found, or when `is_time_up()` is true after a shard. The answer then says where
    to continue.
    """
    numbers: list[int] = []
    step = -1 if question.newest_first else 1
    shards = _shards_from(connection, question)
    for place, shard in enumerate(shards, 1):
        numbers += _matches_in(connection, shard, question, matches_max=question.matches_max - len(numbers))
        if len(numbers) == question.matches_max:
            return Answer(numbers, question._replace(start=numbers[-1] + step))
        if place < len(shards) and is_time_up():
            start = shard.first - 1 if question.newest_first else shard.last + 1
            return Answer(numbers, question._replace(start=start))
    return Answer(numbers, None)


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a read transaction, which hides later writes.

    Without it, a search during a change of a note could find the note by both of its texts, or by none.
    """
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # SQLite ends it by itself after some errors
            connection.execute("ROLLBACK")


def _shards_from(connection: sqlite3.Connection, question: Question) -> list[Shard]:
    """The shards to search, in the question's order: all but those with only numbers that come before `question.start`."""
    clause = "first <= ? ORDER BY first DESC" if question.newest_first else "last >= ? ORDER BY first"
    rows = connection.execute(f"SELECT {SHARD_COLUMNS} FROM shards WHERE {clause}", (question.start,))
    return [Shard(*row) for row in rows]


def _matches_in(connection: sqlite3.Connection, shard: Shard, question: Question, *, matches_max: int) -> list[int]:
    """The numbers of up to `matches_max` notes in `shard` that match `question`, in the question's order."""
    newest_first, start = question.newest_first, question.start
    numbers = long_matches(connection, shard, question.conditions)
    from_start_on = [each for each in numbers if (each <= start if newest_first else each >= start)]
    long = sorted(from_start_on, reverse=newest_first)
    short = _short_matches(connection, shard, question, matches_max)
    return list(islice(merge(long, short, reverse=newest_first), matches_max))


def _short_matches(connection: sqlite3.Connection, shard: Shard, question: Question, limit: int) -> list[int]:
    """The numbers of up to `limit` notes in `shard` that match and are not long (one row each), in the question's order."""
    between, order = ((1, question.start), "DESC") if question.newest_first else ((question.start, SEQUENCE_MAX), "ASC")
    rows = (
        f"SELECT rowid AS number FROM {shard.table} WHERE {shard.table} MATCH ? AND rowid BETWEEN ? AND ?"
        f" ORDER BY rowid {order} LIMIT ?"
    )
    numbers = _numbers(connection, rows, (question.conditions.expression, *between, limit))
    return sorted(numbers, reverse=question.newest_first)


def long_matches(connection: sqlite3.Connection, shard: Shard, conditions: Conditions) -> set[int]:
    """The numbers of all long notes in a shard that meet the `conditions`. Any portion of a note may meet a condition."""
    if not shard.portions:
        return set()
    rows = f"SELECT DISTINCT -rowid / {PORTIONS_MAX} AS number FROM {shard.table} WHERE {shard.table} MATCH ? AND rowid < 0"
    first, *others = conditions.required
    found = set(_numbers(connection, rows, (first,)))
    for condition, is_excluded in [*((each, False) for each in others), *((each, True) for each in conditions.excluded)]:
        if not found:
            break
        numbers = _numbers(connection, rows, (condition,))
        found = found.difference(numbers) if is_excluded else found.intersection(numbers)
    return found


def _numbers(connection: sqlite3.Connection, rows: str, values: Sequence[object]) -> list[int]:
    """The numbers that the SQL `rows`, with `values` for its question marks, selects, in no particular order.

    The statement joins them into one row, because the thread would wait for Python's global lock for each row. SQLite does not
    promise in which order `group_concat` joins.
    """
    [(numbers,)] = connection.execute(f"SELECT group_concat(number) FROM ({rows})", values)
    return [int(number) for number in numbers.split(",")] if numbers else []

"""Searches the shards of an index in the order of time, however the numbers of the notes are ordered.

Numbers mostly grow with time, but an import of old notes has the latest numbers. A shard finds its matches in the order of the
numbers. So a search in the order of time looks through windows of time: it finds all matches of a window, and sorts them. Each
block of numbers has a time span (see `counts`), so only the blocks whose span meets the window are searched.

A window ends where the span of the next block begins. The first window has few blocks, because the newest notes are usually
wanted and found in one or two. Each window without enough matches is followed by one with twice as many blocks.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Sequence
from heapq import merge
from itertools import islice
from typing import NamedTuple

from udpnote.model.entry import SEQUENCE_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.storage.index.counts import BLOCK_NUMBERS
from udpnote.storage.index.shard_search import Answer, Question, long_matches
from udpnote.storage.index.shards import SHARD_COLUMNS, SHARD_NUMBERS_MAX, Shard

WINDOW_BLOCKS_MAX = SHARD_NUMBERS_MAX // BLOCK_NUMBERS
"""The most blocks whose spans begin in one window: as many as a shard has."""


class _Span(NamedTuple):
    """The time span of the notes in the block of numbers `block`.

    `near` and `far` are the earliest and the latest `noted_at` of these notes. If the search begins with the newest notes,
    `near` is the latest and `far` the earliest.
    """

    near: int
    far: int
    block: int


class _Window(NamedTuple):
    """A span of time, from `earliest` to `latest`, both included, and the numbers of the `blocks` that may have its notes."""

    earliest: int
    latest: int
    blocks: list[int]


def search_by_time(connection: sqlite3.Connection, question: Question, is_time_up: Callable[[], bool]) -> Answer:
    """Answer `question`: search one window after the other, in a `snapshot` of the caller.

    Stop when `question.matches_max` notes are found, or when `is_time_up()` is true after a window. The answer then says where
    to continue.
    """
    time = question.time
    assert time is not None, "a search in the order of the numbers has no time to begin at"
    numbers: list[int] = []
    step = -1 if question.newest_first else 1  # `step` * time grows in the order of the search
    shards = [Shard(*row) for row in connection.execute(f"SELECT {SHARD_COLUMNS} FROM shards ORDER BY first")]
    spans = _spans_from(connection, question)
    beginnings = [step * span.near for span in spans]
    while True:
        # in the window: each block whose span includes `time`, and the next `block_count` blocks whose spans begin after it
        end = bisect_right(beginnings, step * time) + question.block_count
        in_window = [span.block for span in spans[:end] if step * span.far >= step * time]
        window_end = spans[end].near if end < len(spans) else None
        window = _window(time, window_end, in_window, newest_first=question.newest_first)
        found = _matches_in(connection, shards, window, question, question.matches_max - len(numbers))
        numbers += [number for _, number in found]
        if len(numbers) == question.matches_max:
            time, number = found[-1]
            block_count = max(question.block_count // 2, 1)  # the next page probably needs fewer: this window had enough
            return Answer(numbers, question._replace(start=number + step, time=time, block_count=block_count))
        if window_end is None:  # that was the last window
            return Answer(numbers, None)
        # continue with the next window, which has all notes from `window_end` on, whatever their numbers
        start, time = SEQUENCE_MAX if question.newest_first else 1, window_end
        block_count = min(2 * question.block_count, WINDOW_BLOCKS_MAX)
        question = question._replace(start=start, time=time, block_count=block_count)
        if is_time_up():
            return Answer(numbers, question)


def _spans_from(connection: sqlite3.Connection, question: Question) -> list[_Span]:
    """The spans that may have notes from the question's start on, in the order in which the search meets them."""
    columns, clause = ("latest, earliest", "earliest <= ?") if question.newest_first else ("earliest, latest", "latest >= ?")
    rows = connection.execute(f"SELECT {columns}, block FROM spans WHERE {clause}", (question.time,))
    return sorted((_Span(*row) for row in rows), reverse=question.newest_first)


def _window(time: int, window_end: int | None, blocks: list[int], *, newest_first: bool) -> _Window:
    """The window with these `blocks`, from `time` to just before `window_end`; without an end, to the latest possible time.

    With `newest_first`, it goes from `time` back to just after `window_end`; without an end, to the earliest possible time.
    """
    if newest_first:
        return _Window(WRITTEN_AT_MIN if window_end is None else window_end + 1, time, blocks)
    return _Window(time, WRITTEN_AT_MAX if window_end is None else window_end - 1, blocks)


def _matches_in(
    connection: sqlite3.Connection, shards: Sequence[Shard], window: _Window, question: Question, limit: int
) -> list[tuple[int, int]]:
    """The first `limit` notes in `window` that match `question`, in the question's order, as pairs: (noted_at, number)."""
    found = []
    for shard in shards:
        blocks = [
            block
            for block in window.blocks
            if shard.first < (block + 1) * BLOCK_NUMBERS and block * BLOCK_NUMBERS <= shard.last
        ]
        if blocks:
            found.append(_short_matches(connection, shard, window, blocks, question, limit))
            found.append(_long_matches(connection, shard, window, question))
    return list(islice(merge(*found, reverse=question.newest_first), limit))


def _short_matches(
    connection: sqlite3.Connection, shard: Shard, window: _Window, blocks: list[int], question: Question, limit: int
) -> list[tuple[int, int]]:
    """The first `limit` notes of `shard` in `window` that match and are not long (one row each), in the question's order.

    `blocks` are those blocks of the window that the shard has. Returns pairs as `_matches_in` does.

    The statement joins them into one row, because the thread would wait for Python's global lock for each row. SQLite does not
    promise in which order `group_concat` joins, so they are sorted here.
    """
    beyond, order = ("<=", "DESC") if question.newest_first else (">=", "ASC")
    table = shard.table
    rows = (
        f"SELECT noted_at, {table}.rowid AS number FROM {table} CROSS JOIN times ON times.number = {table}.rowid"
        f" WHERE {table} MATCH ? AND {table}.rowid BETWEEN ? AND ? AND noted_at BETWEEN ? AND ?"
        f" AND (noted_at <> ? OR {table}.rowid {beyond} ?) ORDER BY noted_at {order}, {table}.rowid {order} LIMIT ?"
    )
    numbers = max(min(blocks) * BLOCK_NUMBERS, 1), (max(blocks) + 1) * BLOCK_NUMBERS - 1
    times = window.earliest, window.latest
    values = (question.conditions.expression, *numbers, *times, question.time, question.start, limit)
    [(pairs,)] = connection.execute(f"SELECT group_concat(noted_at || ' ' || number) FROM ({rows})", values)
    if not pairs:
        return []
    found = [(int(noted_at), int(number)) for noted_at, number in (pair.split(" ") for pair in pairs.split(","))]
    return sorted(found, reverse=question.newest_first)


def _long_matches(connection: sqlite3.Connection, shard: Shard, window: _Window, question: Question) -> list[tuple[int, int]]:
    """The long notes of `shard` in `window` that match, in the question's order, as pairs (see `_matches_in`)."""
    found = []
    for number in long_matches(connection, shard, question.conditions):
        for (noted_at,) in connection.execute("SELECT noted_at FROM times WHERE number = ?", (number,)):
            is_before = noted_at == question.time and (
                number > question.start if question.newest_first else number < question.start
            )
            if window.earliest <= noted_at <= window.latest and not is_before:
                found.append((noted_at, number))
    return sorted(found, reverse=question.newest_first)

"""Searches the shards of an index in the order of time, however the numbers of the notes are ordered.

Numbers mostly grow with time, but an import of old notes has the latest numbers. A shard finds its matches in the order of the
numbers. So a search in the order of time looks through windows of time: it finds all matches of a window, and sorts them. Each
block of numbers has a time span (see `counts`), so only the blocks whose span meets the window are searched.

A window ends where the span of another block begins that was not searched yet. The first window has few blocks, because the
newest notes are usually wanted and found in one or two. Each window without enough matches is followed by one with twice as
many blocks.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Sequence
from heapq import merge
from itertools import islice
from typing import NamedTuple

from udpnote.model.entry import SEQUENCE_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.storage.index.counts import BLOCK_NUMBERS
from udpnote.storage.index.shard_search import Answer, Question, long_matches, snapshot
from udpnote.storage.index.shards import SHARD_COLUMNS, Shard

WINDOW_BLOCKS_MAX = 128
"""The most blocks by which a window is made longer: as many as a shard has."""


class _Block(NamedTuple):
    """A block of numbers whose notes have their `noted_at` from `bound` to `far`, in the order of the search."""

    bound: int
    far: int
    block: int


class _Window(NamedTuple):
    """The times from `earliest` to `latest`, and the `blocks` that may have notes with these times."""

    earliest: int
    latest: int
    blocks: list[int]


def search_by_time(connection: sqlite3.Connection, question: Question, is_time_up: Callable[[], bool]) -> Answer:
    """Search one window after the other until enough notes are found, or until `is_time_up()`, called after each window."""
    numbers: list[int] = []
    step = -1 if question.newest_first else 1
    with snapshot(connection):
        shards = [Shard(*row) for row in connection.execute(f"SELECT {SHARD_COLUMNS} FROM shards ORDER BY first")]
        blocks = _blocks_from(connection, question)
        bounds = [step * block.bound for block in blocks]
        while True:
            time = _time_of(question)
            end = bisect_right(bounds, step * time) + question.blocks
            opened = [each.block for each in blocks[:end] if step * each.far >= step * time]
            edge = blocks[end].bound if end < len(blocks) else None
            window = _window(time, edge, opened, newest_first=question.newest_first)
            found = _matches_in(connection, shards, window, question, question.matches_max - len(numbers))
            numbers += [number for _, number in found]
            if len(numbers) == question.matches_max:
                time, number = found[-1]
                blocks_wanted = max(question.blocks // 2, 1)
                return Answer(numbers, question._replace(start=number + step, time=time, blocks=blocks_wanted))
            if edge is None:
                return Answer(numbers, None)
            start = SEQUENCE_MAX if question.newest_first else 1
            question = question._replace(start=start, time=edge, blocks=min(2 * question.blocks, WINDOW_BLOCKS_MAX))
            if is_time_up():
                return Answer(numbers, question)


def _time_of(question: Question) -> int:
    assert question.time is not None, "a search in the order of the numbers has no time to begin at"
    return question.time


def _blocks_from(connection: sqlite3.Connection, question: Question) -> list[_Block]:
    """The blocks that may have notes from the question's start on, those whose span begins first being first."""
    columns, clause = ("latest, earliest", "earliest <= ?") if question.newest_first else ("earliest, latest", "latest >= ?")
    rows = connection.execute(f"SELECT {columns}, block FROM spans WHERE {clause}", (question.time,))
    return sorted((_Block(*row) for row in rows), reverse=question.newest_first)


def _window(time: int, edge: int | None, blocks: list[int], *, newest_first: bool) -> _Window:
    """The window from `time` on until `edge`, which is exclusive; None: until the end."""
    if newest_first:
        return _Window(WRITTEN_AT_MIN if edge is None else edge + 1, time, blocks)
    return _Window(time, WRITTEN_AT_MAX if edge is None else edge - 1, blocks)


def _matches_in(
    connection: sqlite3.Connection, shards: Sequence[Shard], window: _Window, question: Question, limit: int
) -> list[tuple[int, int]]:
    """The first `limit` notes in `window` that match the question, in its order, as pairs: (noted_at, number)."""
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
    in_order = merge(*found, reverse=question.newest_first)
    return list(islice(dict.fromkeys(in_order), limit))


def _short_matches(
    connection: sqlite3.Connection, shard: Shard, window: _Window, blocks: list[int], question: Question, limit: int
) -> list[tuple[int, int]]:
    """The first `limit` notes in `window` that match and are not long (they are one row each), in the question's order.

    They are read in one row: so the thread waits only once for Python's global lock.
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
    values = (" AND ".join(question.conditions), *numbers, *times, question.time, question.start, limit)
    [(pairs,)] = connection.execute(f"SELECT group_concat(noted_at || ' ' || number) FROM ({rows})", values)
    if not pairs:
        return []
    return [(int(noted_at), int(number)) for noted_at, number in (pair.split(" ") for pair in pairs.split(","))]


def _long_matches(connection: sqlite3.Connection, shard: Shard, window: _Window, question: Question) -> list[tuple[int, int]]:
    """The long notes in `window` that match, in the question's order."""
    found = []
    for number in long_matches(connection, shard, question.conditions):
        for (noted_at,) in connection.execute("SELECT noted_at FROM times WHERE number = ?", (number,)):
            is_before = noted_at == question.time and (
                number > question.start if question.newest_first else number < question.start
            )
            if window.earliest <= noted_at <= window.latest and not is_before:
                found.append((noted_at, number))
    return sorted(found, reverse=question.newest_first)

"""What is known of the notes of one notebook without reading them: how many there are of each kind, and from when.

Notes are counted by tag, author and day while they are shown. Of each block of numbers it is known when its earliest and its
latest note was written: most notebooks are written in the order of time, so a question about a week passes over the rest.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from udpnote.model.query import Tally, View
from udpnote.storage.index.note_changes import Change
from udpnote.text.search_terms import tags

BLOCK_NUMBERS = 1024
"""Numbers in a block: reading all of one takes less than a millisecond, and a million notes have a thousand blocks."""

FETCHED_TALLIES = 256
"""Tallies that are read at a time: nothing stays open between two of them."""

_MINUTE = 60_000_000
_DAY = 24 * 60 * _MINUTE
"""In microseconds."""

_EPOCH = date(1970, 1, 1).toordinal()

_TABLES = {
    View.TAGS: ("tags", "tag_id", "tag"),
    View.AUTHORS: ("authors", "author_id", "author"),
    View.DAYS: ("days", "day", "day"),
}
"""Of a view: its table, the column that orders it, and the one that is counted by."""


def create_figures(connection: sqlite3.Connection) -> None:
    """Make the tables; their totals keep themselves."""
    counted = "notes INTEGER NOT NULL CHECK (notes >= 0)"
    connection.execute(f"CREATE TABLE tags (tag_id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE, {counted})")
    connection.execute(f"CREATE TABLE authors (author_id INTEGER PRIMARY KEY, author TEXT NOT NULL UNIQUE, {counted})")
    connection.execute(f"CREATE TABLE days (day INTEGER PRIMARY KEY, {counted})")
    connection.execute(
        "CREATE TABLE totals (notes INTEGER NOT NULL, tags INTEGER NOT NULL, authors INTEGER NOT NULL, days INTEGER NOT NULL)"
    )
    connection.execute("INSERT INTO totals VALUES (0, 0, 0, 0)")
    for table, _, _ in _TABLES.values():
        for event, step in (("INSERT", 1), ("DELETE", -1)):
            add = f"UPDATE totals SET {table} = {table} + {step}"
            connection.execute(f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} BEGIN {add}; END")
    connection.execute("CREATE TABLE spans (block INTEGER PRIMARY KEY, earliest INTEGER NOT NULL, latest INTEGER NOT NULL)")


class Totals(NamedTuple):
    """How many notes are shown, and how many tags, authors and days they have."""

    notes: int
    tags: int
    authors: int
    days: int


class Figures:
    """The figures in the index behind `connection`; what writes runs inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def totals(self) -> Totals:
        """How many there are of each."""
        return Totals(*self._connection.execute("SELECT notes, tags, authors, days FROM totals").fetchone())

    def clear(self) -> None:
        """Forget all of them."""
        for table in ("tags", "authors", "days", "spans"):
            self._connection.execute(f"DELETE FROM {table}")
        self._connection.execute("UPDATE totals SET notes = 0")

    def write(self, changes: Sequence[Change]) -> None:
        """Count what has changed."""
        by_tag: Counter[str] = Counter()
        by_author: Counter[str] = Counter()
        by_day: Counter[int] = Counter()
        for _, author, written_at, utc_offset, before, after in changes:
            for tag in tags(after or ""):
                by_tag[tag] += 1
            for tag in tags(before or ""):
                by_tag[tag] -= 1
            shown = (after is not None) - (before is not None)
            by_author[author] += shown
            by_day[(written_at + utc_offset * _MINUTE) // _DAY] += shown
        self._count(View.TAGS, by_tag)
        self._count(View.AUTHORS, by_author)
        self._count(View.DAYS, by_day)
        self._connection.execute("UPDATE totals SET notes = notes + ?", (by_author.total(),))
        self._widen(changes)

    def tallies(self, view: View, after_key: int) -> Iterator[Tally]:
        """The tallies of TAGS, AUTHORS or DAYS (the key: days since 1970) whose key is higher, in its order."""
        table, key, label = _TABLES[view]
        select = f"SELECT {key}, {label}, notes FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT {FETCHED_TALLIES}"
        while rows := self._connection.execute(select, (after_key,)).fetchall():
            for after_key, counted, notes in rows:
                yield Tally(after_key, _day(counted) if view is View.DAYS else counted, notes)

    def written_between(self) -> tuple[int | None, int | None]:
        """When the earliest and the latest note was written, in microseconds since 1970 UTC; None without any note."""
        earliest, latest = self._connection.execute("SELECT min(earliest), max(latest) FROM spans").fetchone()
        return earliest, latest

    def skip(self, number: int, since: int | None, until: int | None, *, newest_first: bool) -> int | None:
        """The next number, from `number` on, in a block that may hold a note written in [since, until); None: there is none."""
        comparison, order = ("<=", "DESC") if newest_first else (">=", "ASC")
        row = self._connection.execute(
            f"SELECT block FROM spans WHERE block {comparison} ? AND latest >= coalesce(?, latest)"
            f" AND earliest < coalesce(?, earliest + 1) ORDER BY block {order} LIMIT 1",
            (number // BLOCK_NUMBERS, since, until),
        ).fetchone()
        if row is None:
            return None
        first = int(row[0]) * BLOCK_NUMBERS
        return min(number, first + BLOCK_NUMBERS - 1) if newest_first else max(number, first)

    def _count(self, view: View, counter: Counter[str] | Counter[int]) -> None:
        """Add to the notes that are counted; a row that comes to nothing goes."""
        table, _, label = _TABLES[view]
        more = [(counted, notes) for counted, notes in counter.items() if notes > 0]
        fewer = [(notes, counted) for counted, notes in counter.items() if notes < 0]
        self._connection.executemany(
            f"INSERT INTO {table} ({label}, notes) VALUES (?, ?)"
            f" ON CONFLICT ({label}) DO UPDATE SET notes = notes + excluded.notes",
            more,
        )
        self._connection.executemany(f"UPDATE {table} SET notes = notes + ? WHERE {label} = ?", fewer)
        self._connection.executemany(f"DELETE FROM {table} WHERE notes = 0 AND {label} = ?", [(each,) for _, each in fewer])

    def _widen(self, changes: Sequence[Change]) -> None:
        """Note when the notes of each block were written; a note that is not shown any more is not forgotten."""
        spans: dict[int, tuple[int, int]] = {}
        for change in changes:
            block, written_at = change.root // BLOCK_NUMBERS, change.written_at
            earliest, latest = spans.get(block, (written_at, written_at))
            spans[block] = (min(earliest, written_at), max(latest, written_at))
        self._connection.executemany(
            "INSERT INTO spans VALUES (?, ?, ?) ON CONFLICT (block) DO UPDATE"
            " SET earliest = min(earliest, excluded.earliest), latest = max(latest, excluded.latest)",
            [(block, *span) for block, span in spans.items()],
        )


def _day(day: int) -> str:
    return date.fromordinal(day + _EPOCH).isoformat()

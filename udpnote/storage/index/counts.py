"""Counts in the search index: how many notes each tag, author and day has, and when the notes of each block were written.

The index also has the `noted_at` of each note (see `StoredEntry`), by which a search orders its results (see `time_search`).

Each indexed change of a note updates the counts, so the server answers a summary or a list of tags without reading any note.
Deleted notes are not counted. A block is a range of 1,024 entry numbers; for each one the index has the earliest and the latest
`noted_at` of its notes. Numbers mostly grow with time, so a query for one week skips nearly all blocks.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from udpnote.model.query import Tally, View
from udpnote.storage.index.indexed_notebook import Change
from udpnote.text.search_terms import tags

BLOCK_NUMBERS = 1024
"""Entry numbers in a block. Its notes are read in less than a millisecond; a million notes have only a thousand blocks."""

TALLIES_FETCHED = 256
"""Tallies that one SQL statement reads. It ends before the caller handles them: an open one would block checkpoints."""

KEYS_PER_ENTRY_MAX = 1 << 21
"""More keys of tags than a single entry needs, which has at most 1 MiB of text. An index that is built again begins with a key
for which all its entries have so many. So a reader who goes on after a key of the earlier index gets all tags of the new one.
"""

_MINUTE = 60_000_000
_DAY = 24 * 60 * _MINUTE
"""A minute and a day, both in microseconds."""

_EPOCH = date(1970, 1, 1).toordinal()

_TABLES = {
    View.TAGS: ("tags", "tag_id", "tag"),
    View.AUTHORS: ("authors", "author_id", "author"),
    View.DAYS: ("days", "day", "day"),
}
"""For each view: its table, the column by which it is sorted, and the column with the tag, author or day."""


class Totals(NamedTuple):
    """How many notes there are, deleted ones not counted, and how many different tags, authors and days these notes have."""

    notes: int
    tags: int
    authors: int
    days: int


class Counts:
    """The counts in the index that `connection` has open. Methods that write run inside a transaction of the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def totals(self) -> Totals:
        """The totals of all indexed notes."""
        return Totals(*self._connection.execute("SELECT notes, tags, authors, days FROM totals").fetchone())

    def clear(self, *, last_number: int) -> None:
        """Remove all counts, the time spans of all blocks, and the times of all notes.

        `last_number` is the number of the notebook's last entry. The keys of tags and authors then begin after `last_number` ×
        `KEYS_PER_ENTRY_MAX` or, if that is higher, after the highest key that this index has given.
        """
        for table in ("tags", "authors", "days", "spans", "times"):
            self._connection.execute(f"DELETE FROM {table}")
        self._connection.execute("UPDATE totals SET notes = 0")
        for table in ("tags", "authors"):
            given = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone() or (0,)
            self._connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            first_key = max(last_number * KEYS_PER_ENTRY_MAX, *given)
            self._connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, first_key))

    def write(self, changes: Sequence[Change]) -> None:
        """Update the counts and times for `changes` of notes: take away what the old texts have, add what the new ones have."""
        by_tag: Counter[str] = Counter()
        by_author: Counter[str] = Counter()
        by_day: Counter[int] = Counter()
        for _, author, written_at, utc_offset, _, before, after in changes:
            by_tag.update(tags(after or ""))
            by_tag.subtract(tags(before or ""))
            shown = (after is not None) - (before is not None)
            by_author[author] += shown
            by_day[(written_at + utc_offset * _MINUTE) // _DAY] += shown
        self._add(View.TAGS, by_tag)
        self._add(View.AUTHORS, by_author)
        self._add(View.DAYS, by_day)
        self._connection.execute("UPDATE totals SET notes = notes + ?", (by_author.total(),))
        self._widen_spans(changes)
        times = [(change.root, change.noted_at) for change in changes]
        self._connection.executemany("INSERT OR IGNORE INTO times VALUES (?, ?)", times)

    def tallies(self, view: View, after_key: int) -> list[Tally]:
        """Return how many notes each tag, author or day has (`view` is TAGS, AUTHORS or DAYS), as tallies ordered by key.

        These are the first `TALLIES_FETCHED` tallies with a key above `after_key`. The key of a day is the number of days since
        1970, and its label the ISO 8601 date. A new tag or author gets the next higher key,
        and so does one that had no notes for a while. An index that is built again begins with higher keys.
        """
        table, key, label = _TABLES[view]
        select = f"SELECT {key}, {label}, notes FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT {TALLIES_FETCHED}"
        rows = self._connection.execute(select, (after_key,))
        return [Tally(found, _day(counted) if view is View.DAYS else counted, notes) for found, counted, notes in rows]

    def time_span(self) -> tuple[int | None, int | None]:
        """The earliest and the latest `noted_at` of a note, deleted notes included.

        In microseconds since 1970 UTC; both are None if there is no note.
        """
        earliest, latest = self._connection.execute("SELECT min(earliest), max(latest) FROM spans").fetchone()
        return earliest, latest

    def next_candidate(self, number: int, since: int | None, until: int | None, *, newest_first: bool) -> int | None:
        """Return the first entry number, from `number` on, whose block may have a note of `since` or later, before `until`.

        A note's time is its `noted_at`, in microseconds since 1970 UTC; None sets no limit. With `newest_first`, the numbers go
        down from `number`. Returns None if no block may have such a note.
        """
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

    def _add(self, view: View, counter: Counter[str] | Counter[int]) -> None:
        """Add `counter`, whose numbers may be negative, to the counts of one view. Remove the rows whose count becomes 0."""
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

    def _widen_spans(self, changes: Sequence[Change]) -> None:
        """Widen the time span of each block so that it includes its changed notes. Spans that are too wide only cost time."""
        spans: dict[int, tuple[int, int]] = {}
        for change in changes:
            block, noted_at = change.root // BLOCK_NUMBERS, change.noted_at
            earliest, latest = spans.get(block, (noted_at, noted_at))
            spans[block] = (min(earliest, noted_at), max(latest, noted_at))
        self._connection.executemany(
            "INSERT INTO spans VALUES (?, ?, ?) ON CONFLICT (block) DO UPDATE"
            " SET earliest = min(earliest, excluded.earliest), latest = max(latest, excluded.latest)",
            [(block, *span) for block, span in spans.items()],
        )


def _day(day: int) -> str:
    """The ISO 8601 date of the day that is `day` days after 1970-01-01."""
    return date.fromordinal(day + _EPOCH).isoformat()

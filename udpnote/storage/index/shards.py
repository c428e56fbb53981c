"""The full text of the notes of one notebook, in shards: one table of FTS5 for each range of numbers.

FTS5 is given terms, and no text: `words.terms` has taken it apart already. It gives what it finds in the order of the numbers,
but goes through all that a phrase may be in, whatever numbers are asked for. With shards, who wants the newest matches looks
through the newest notes only, and a long search has places to pause.

A note is a row, by its number. A long one is several rows, its portions, by negative numbers: each condition must hold in
one of them, but not all in the same, so each is asked for by itself.

FTS5 writes what a transaction adds as a segment of its own, and merges segments into larger ones when they get many; by
itself it does so in bursts, of up to 40 ms. Here each transaction merges a few pages, where it is most needed, and a shard
that is full comes to be a single segment: then a term is looked up in it in a hundredth of a millisecond.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from udpnote.storage.index.note_changes import Change, is_long
from udpnote.text.search_terms import TERMS_MAX, fold, tags, terms, terms_in_portions

SHARD_BYTES_MAX = 8 << 20
"""Text in a shard, in bytes of UTF-8. More shards make a rare word slower: a hundredth of a millisecond each."""

PORTION_CHARACTERS = 8 << 10
"""A long text is put into a shard in portions of so many characters, each in a row and a transaction of its own: 2 to 4 ms."""

PORTIONS_MAX = 1 << 12
"""More portions than any text has: a portion's row is -(number * PORTIONS_MAX + portion)."""

SHARD_NUMBERS_MAX = 1 << 17
"""Numbers in a shard: going through all of them takes a few milliseconds for each term, where the notes are very short."""

MERGED_SEGMENTS_MIN = 8
"""Segments of a size that are merged into one: each term is looked up in all that there are."""

MERGED_PAGES = 8
"""Pages of 4 KiB that one transaction merges, in 0.4 ms on average and 1.5 at most: twice what it adds, which keeps up."""

UNTIDY_MAX = 32
"""Segments that a shard may get beyond what is merged by the way: then nothing is taken up until it is tidy again."""

CRISIS_SEGMENTS = 2 * UNTIDY_MAX
"""Where it had so many of a size, FTS5 would merge them at once, which takes up to half a second: it never comes to that."""

_UNMERGED = 1 << 30
"""Said to be the segments of a shard that has just become full: all of them are merged into one, from the next time on."""

_PRIVATE = {code: chr(0xE000 + code) for code in range(128) if not chr(code).isalnum()}
"""Where FTS5 would part a name, a character that it takes for a letter stands in."""


def create_shards(connection: sqlite3.Connection) -> None:
    """Make the table of the shards; `untidy` counts the segments that each has got since it was merged."""
    connection.execute(
        """
        CREATE TABLE shards (
            shard INTEGER PRIMARY KEY,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            is_full INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            portions INTEGER NOT NULL,
            untidy INTEGER NOT NULL
        )
        """
    )


class _Row(NamedTuple):
    """A row to put into a table of FTS5, or, if the `command` says so, to take out of it; and what it counts there."""

    command: str | None
    rowid: int
    words: str
    author: str
    tags: str
    bytes: int


class _UnderWay(NamedTuple):
    """A long change that is being taken up: the number of its entry, the rows taken from it so far, and those that follow."""

    entry: int
    taken: int
    rows: Iterator[_Row]


class Shard(NamedTuple):
    """The notes whose numbers are from `first` to `last`; it grows until it `is_full`."""

    shard: int
    first: int
    last: int
    is_full: int
    bytes: int
    portions: int
    untidy: int

    @property
    def table(self) -> str:
        """Its table."""
        return f"search_{self.shard}"


SHARD_COLUMNS = ", ".join(Shard._fields)
"""The columns of the table of the shards."""


class Shards:
    """The full text in the index behind `connection`; what writes runs inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, *, bytes_max: int, numbers_max: int) -> None:
        self._connection = connection
        self._bytes_max = bytes_max
        self._numbers_max = numbers_max
        self._shards: list[Shard] = []
        self._under_way: _UnderWay | None = None

    def reload(self) -> None:
        """Take note of what others have written, or of what was rolled back."""
        rows = self._connection.execute(f"SELECT {SHARD_COLUMNS} FROM shards ORDER BY first")
        self._shards = [Shard(*row) for row in rows]

    def clear(self) -> None:
        """Remove all of them."""
        self.reload()
        for shard in self._shards:
            self._connection.execute(f"DROP TABLE {shard.table}")
        self._connection.execute("DELETE FROM shards")
        self._shards = []

    def tidy_up(self) -> bool:
        """Merge a little, and nothing else, where more has come than was merged by the way; False if there is no such shard."""
        if not self._shards:
            return False
        neediest = self._neediest()
        if self._shards[neediest].untidy < UNTIDY_MAX:
            return False
        self._merge_in(neediest)
        return True

    def write(self, changes: Sequence[Change], *, first: int, last: int) -> None:
        """Merge a little, and take up what the entries from number `first` to `last` change."""
        if self._shards:
            self._merge()
        if not self._shards or self._shards[-1].is_full:
            self._begin(first)
        for place, group in groupby(changes, key=lambda change: self._place_of(change.root)):
            self._change(place, [row for change in group for row in _rows_of(change)])
        self._extend(last)

    def write_portion(self, change: Change, step: int, *, entry: int) -> int:
        """The same for a long change, by the entry number `entry`, one row at a time; gives the next step, 0 after the last.

        After a restart, whatever was done before is passed over, again one row at a time.
        """
        under_way = self._under_way
        if under_way is None or under_way.entry != entry or under_way.taken > step:
            under_way = _UnderWay(entry, 0, _rows_of(change))
        row = next(under_way.rows, None)
        self._under_way = under_way._replace(taken=under_way.taken + 1)
        if row is None:
            self._under_way = None
            self._extend(entry)
            return 0
        if under_way.taken < step:
            return step
        if self._shards:
            self._merge()
        if not step and (not self._shards or self._shards[-1].is_full):
            self._begin(entry)
        self._change(self._place_of(change.root), [row])
        return step + 1

    def _place_of(self, number: int) -> int:
        """Where in the list the shard is that holds a note."""
        return bisect_right(self._shards, number, key=_first) - 1

    def _begin(self, first: int) -> None:
        """Begin a new shard."""
        shard = Shard(self._shards[-1].shard + 1 if self._shards else 1, first, first - 1, False, 0, 0, 0)
        self._connection.execute(
            f"CREATE VIRTUAL TABLE {shard.table} USING fts5"
            "(words, author, tags, content = '', columnsize = 0, detail = full, tokenize = 'ascii')"
        )
        for setting in (("automerge", 0), ("usermerge", MERGED_SEGMENTS_MIN), ("crisismerge", CRISIS_SEGMENTS)):
            self._connection.execute(f"INSERT INTO {shard.table} ({shard.table}, rank) VALUES (?, ?)", setting)
        self._connection.execute("INSERT INTO shards VALUES (?, ?, ?, ?, ?, ?, ?)", shard)
        self._shards.append(shard)

    def _change(self, place: int, rows: list[_Row]) -> None:
        """Put rows into one shard, and take others out of it."""
        shard = self._shards[place]
        self._connection.executemany(
            f"INSERT INTO {shard.table} ({shard.table}, rowid, words, author, tags) VALUES (?, ?, ?, ?, ?)",
            [row[:5] for row in rows],
        )
        signs = [1 if row.command is None else -1 for row in rows]
        shard = shard._replace(
            bytes=shard.bytes + sum(sign * row.bytes for sign, row in zip(signs, rows, strict=True)),
            portions=shard.portions + sum(sign for sign, row in zip(signs, rows, strict=True) if row.rowid < 0),
            untidy=shard.untidy + 1,
        )
        self._keep(place, shard)

    def _extend(self, last: int) -> None:
        """The newest shard holds the numbers up to `last`."""
        newest = len(self._shards) - 1
        self._keep(newest, self._shards[newest]._replace(last=last))

    def _keep(self, place: int, shard: Shard) -> None:
        """Keep what has changed about a shard; the newest one may be full now."""
        numbers = shard.last - shard.first + 1
        if not shard.is_full and (shard.bytes >= self._bytes_max or numbers >= self._numbers_max):
            shard = shard._replace(is_full=True, untidy=_UNMERGED)
        self._shards[place] = shard
        self._connection.execute(
            "UPDATE shards SET last = ?, is_full = ?, bytes = ?, portions = ?, untidy = ? WHERE shard = ?",
            (*shard[2:], shard.shard),
        )

    def _merge(self) -> None:
        """Merge a few pages: of the shard that grows, or else where it is most needed."""
        newest = len(self._shards) - 1
        self._merge_in(newest if self._shards[newest].untidy >= MERGED_SEGMENTS_MIN else self._neediest())

    def _neediest(self) -> int:
        """Where in the list the shard is that has got most since it was merged."""
        return max(range(len(self._shards)), key=lambda place: self._shards[place].untidy)

    def _merge_in(self, place: int) -> None:
        """Merge a few pages of one shard, if there is something to merge."""
        shard = self._shards[place]
        if shard.untidy >= _UNMERGED:
            self._merge_pages(shard, -MERGED_PAGES)  # negative: into a single segment, when all is done
            self._keep(place, shard._replace(untidy=MERGED_SEGMENTS_MIN))
        elif shard.untidy >= MERGED_SEGMENTS_MIN and not self._merge_pages(shard, MERGED_PAGES):
            self._keep(place, shard._replace(untidy=0))

    def _merge_pages(self, shard: Shard, pages: int) -> bool:
        """Let FTS5 merge so many pages of a shard; False if there was nothing to merge."""
        before = self._connection.total_changes
        self._connection.execute(f"INSERT INTO {shard.table} ({shard.table}, rank) VALUES ('merge', ?)", (pages,))
        return self._connection.total_changes - before >= 2  # as the documentation of FTS5 has it


def _first(shard: Shard) -> int:
    return shard.first


def _rows_of(change: Change) -> Iterator[_Row]:
    """What takes the text that a note had out of its shard, and puts in the one that it has."""
    for command, text in (("delete", change.before), (None, change.after)):
        if is_long(text):
            yield from _portions_of(command, change, text or "")
        elif text is not None:
            names, marks = _names_of(change.author), " ".join(map(whole_term, tags(text)))
            yield _Row(command, change.root, " ".join(terms(text)), names, marks, len(text.encode()))


def _portions_of(command: str | None, change: Change, text: str) -> Iterator[_Row]:
    """The rows of a long text: each begins with the last terms before it, so that any phrase is whole in the one it ends in."""
    names, marks = _names_of(change.author), " ".join(map(whole_term, tags(text)))
    before: list[str] = []
    for portion, following in enumerate(terms_in_portions(text, PORTION_CHARACTERS)):
        found = before + following
        words = " ".join(found)
        rowid = -(change.root * PORTIONS_MAX + portion)
        yield _Row(command, rowid, words, names, marks, len(words.encode()))
        names, marks, before = "", "", found[1 - TERMS_MAX :]


@lru_cache(maxsize=1024)
def _names_of(author: str) -> str:
    """An author's name as it is, and without what follows the `@`."""
    folded = fold(author)
    return " ".join(map(whole_term, dict.fromkeys((folded, folded.partition("@")[0]))))


def whole_term(name: str) -> str:
    """`name` as a single term, whatever is in it."""
    return name.encode(errors="replace").decode().translate(_PRIVATE) or _PRIVATE[0]

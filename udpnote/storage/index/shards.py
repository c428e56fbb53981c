"""The full text of the notes, in shards (tables of limited size): writes it in steps that each take a few milliseconds.

**FTS5** is SQLite's full-text index: a table that knows in which rows a term occurs. This module does not give it the text, but
the terms that `search_terms` makes from the text. So a search finds Chinese, Japanese and Thai by any piece of a sentence.

**A shard** is one FTS5 table with the notes of one range of numbers. FTS5 can give its matches in the order of the numbers,
but it reads all rows of the table in which a phrase may occur, whatever range of numbers the query has. With shards, a search
for the newest matches reads the newest shards only, and a long search can pause between two shards. A shard whose text or range
of numbers has reached its limit is full: the next notes go into a new one.

**A portion** is one row with a piece of a long text. A note is one row, whose rowid is the note's number; a note of more than
8,192 characters is several rows, its portions, with negative rowids. A transaction writes one portion, so that a note of 1 MiB
does not stop the server for a second. Each portion begins with the last terms of the one before, so that every phrase is
whole in some portion. Two words may be in different portions, so in long notes each condition is searched by itself.

**A segment** is the data that FTS5 writes for one transaction. It looks up a term in every segment of its table, so segments
must be merged into larger ones. FTS5's automatic merging takes up to 40 ms at a time, or half a second when there are too many
segments. So it is off. Instead, each transaction first merges a few pages of the shard that needs it most, and goes on merging
a full shard until it has one segment. Looking up a term in one segment takes a hundredth of a millisecond.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from udpnote.storage.index.indexed_notebook import Change, is_long
from udpnote.text.query_words import TERMS_MAX
from udpnote.text.search_terms import fold, tag_terms, terms, terms_in_portions

SHARD_BYTES_MAX = 8 << 20
"""A shard with this many bytes of text is full. Each shard adds 0.01 ms to the search for a rare word, so few are better."""

SHARD_NUMBERS_MAX = 1 << 17
"""The most entry numbers in a shard. So even if all notes are short, FTS5 reads all rows of a term in a few milliseconds."""

PORTION_CHARACTERS = 8 << 10
"""Characters of a long text in one portion. Writing it takes 2 to 4 ms."""

PORTIONS_MAX = 1 << 12
"""More portions than any text has. A portion's rowid is -(number * PORTIONS_MAX + portion)."""

MERGED_SEGMENTS_MIN = 8
"""How many segments of about one size are merged into one. With fewer, merging would cost more; with more, searching would."""

MERGED_PAGES = 8
"""How many pages of 4 KiB one transaction merges, in 0.4 ms on average and 1.5 ms at most.

That is twice what a transaction usually adds, so merging keeps up with writing.
"""

UNMERGED_SEGMENTS_MAX = 32
"""While a shard has this many unmerged segments, transactions only merge. That happens if the texts have many rare terms."""

CRISIS_SEGMENTS = 2 * UNMERGED_SEGMENTS_MAX
"""FTS5 merges this many segments of one size at once, for up to half a second: `UNMERGED_SEGMENTS_MAX` prevents that."""

_ALL_UNMERGED = 1 << 30
"""The `unmerged_segments` of a shard that has just become full, so that it is merged until one segment is left."""

_PRIVATE = {code: chr(0xE000 + code) for code in range(128) if not chr(code).isalnum()}
"""For each ASCII character at which FTS5 would cut a name or a tag, a private-use character that FTS5 treats as a letter."""


class _Row(NamedTuple):
    """A row of an FTS5 table. If `command` is "delete", the row is to be removed; if None, it is to be inserted.

    `words`, `author` and `tags` are search terms, separated by spaces. `bytes` is what the row adds to the size of its shard,
    or takes from it.
    """

    command: str | None
    rowid: int
    words: str
    author: str
    tags: str
    bytes: int


class _UnderWay(NamedTuple):
    """The long change of a note that is being indexed, one row of the index at a time.

    `entry` is the number of the entry that makes the change, `taken` is how many of its rows were taken so far, and `rows`
    yields the rest of them.
    """

    entry: int
    taken: int
    rows: Iterator[_Row]


class Shard(NamedTuple):
    """One FTS5 table, with the notes whose numbers are from `first` to `last`. New notes are added to it until it `is_full`.

    `shard` is the number of the shard itself. `bytes` is the size of its text. `portions` is how many of its rows are portions
    of long notes (see the top of this module). `unmerged_segments` is how many segments were added since FTS5 last had nothing
    left to merge in this shard. In a shard that has just become full, it is `_ALL_UNMERGED`, a very large number. While FTS5
    merges that shard, it is at least `MERGED_SEGMENTS_MIN` (8), so that merging goes on. Afterwards it is 0.
    """

    shard: int
    first: int
    last: int
    is_full: int
    bytes: int
    portions: int
    unmerged_segments: int

    @property
    def table(self) -> str:
        """The name of the FTS5 table in the index, such as `search_3`."""
        return f"search_{self.shard}"


SHARD_COLUMNS = ", ".join(Shard._fields)
"""The columns of the table `shards`."""


class Shards:
    """The shards in the index that `connection` has open. Methods that write run inside a transaction of the caller.

    A shard is full once it has `bytes_max` bytes of text, or `numbers_max` entry numbers.
    """

    def __init__(self, connection: sqlite3.Connection, *, bytes_max: int, numbers_max: int) -> None:
        self._connection = connection
        self._bytes_max = bytes_max
        self._numbers_max = numbers_max
        self._shards: list[Shard] = []
        self._under_way: _UnderWay | None = None

    def reload(self) -> None:
        """Read the list of shards again. Call this after another process has written, or after a rollback."""
        rows = self._connection.execute(f"SELECT {SHARD_COLUMNS} FROM shards ORDER BY first")
        self._shards = [Shard(*row) for row in rows]

    def clear(self) -> None:
        """Remove all shards with everything in them."""
        self.reload()
        for shard in self._shards:
            self._connection.execute(f"DROP TABLE {shard.table}")
        self._connection.execute("DELETE FROM shards")
        self._shards = []

    def merge_if_behind(self) -> bool:
        """Merge a few pages of the shard with the most unmerged segments, if it has at least `UNMERGED_SEGMENTS_MAX` of them.

        Returns False, and does nothing, if it has fewer or if there is no shard.
        """
        if not self._shards:
            return False
        place = self._most_unmerged()
        if self._shards[place].unmerged_segments < UNMERGED_SEGMENTS_MAX:
            return False
        self._merge(place)
        return True

    def write(self, changes: Sequence[Change], *, first: int, last: int) -> None:
        """Merge a few pages, then index `changes`, which are those of the entries with the numbers `first` to `last`.

        A long change (see `Change.is_long`) must go to `write_portion` instead.
        """
        self._merge_where_needed()
        if not self._shards or self._shards[-1].is_full:
            self._begin(first)
        for place, group in groupby(changes, key=lambda change: self._place_of(change.root)):
            self._change(place, [row for change in group for row in _rows_of(change)])
        self._extend(last)

    def write_portion(self, change: Change, step: int, *, entry: int) -> int:
        """Merge a few pages, then index the next row of the long `change`, which the entry with the number `entry` makes.

        `step` of the change's rows are indexed already. Returns how many are indexed after this call, or 0 if no row was left.
        After a restart of the program, this object makes the rows again, from the first one on. Each call then only skips one
        row that is indexed already, and returns `step`, until `step` rows are skipped.
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
        self._merge_where_needed()
        if not step and (not self._shards or self._shards[-1].is_full):
            self._begin(entry)
        self._change(self._place_of(change.root), [row])
        return step + 1

    def _place_of(self, number: int) -> int:
        """The position, in the list of shards, of the shard that has the note `number`."""
        return bisect_right(self._shards, number, key=_first) - 1

    def _begin(self, first: int) -> None:
        """Create the next shard, for the notes from the number `first` on, and append it to the list."""
        number = self._shards[-1].shard + 1 if self._shards else 1
        shard = Shard(number, first, first - 1, is_full=False, bytes=0, portions=0, unmerged_segments=0)
        self._connection.execute(
            f"CREATE VIRTUAL TABLE {shard.table} USING fts5"
            "(words, author, tags, content = '', columnsize = 0, detail = full, tokenize = 'ascii')"
        )
        for setting in (("automerge", 0), ("usermerge", MERGED_SEGMENTS_MIN), ("crisismerge", CRISIS_SEGMENTS)):
            self._connection.execute(f"INSERT INTO {shard.table} ({shard.table}, rank) VALUES (?, ?)", setting)
        self._connection.execute("INSERT INTO shards VALUES (?, ?, ?, ?, ?, ?, ?)", shard)
        self._shards.append(shard)

    def _change(self, place: int, rows: list[_Row]) -> None:
        """Insert `rows` into the shard at the position `place`; a row with the command "delete" is removed from it instead."""
        shard = self._shards[place]
        self._connection.executemany(
            f"INSERT INTO {shard.table} ({shard.table}, rowid, words, author, tags) VALUES (?, ?, ?, ?, ?)",
            [row[:5] for row in rows],
        )
        signs = [1 if row.command is None else -1 for row in rows]
        shard = shard._replace(
            bytes=shard.bytes + sum(sign * row.bytes for sign, row in zip(signs, rows, strict=True)),
            portions=shard.portions + sum(sign for sign, row in zip(signs, rows, strict=True) if row.rowid < 0),
            unmerged_segments=shard.unmerged_segments + 1,
        )
        self._keep(place, shard)

    def _extend(self, last: int) -> None:
        """Record that the newest shard has the numbers up to `last`."""
        newest = len(self._shards) - 1
        self._keep(newest, self._shards[newest]._replace(last=last))

    def _keep(self, place: int, shard: Shard) -> None:
        """Save `shard` as the one at the position `place` of the list. If it has reached a limit, mark it as full."""
        numbers = shard.last - shard.first + 1
        if not shard.is_full and (shard.bytes >= self._bytes_max or numbers >= self._numbers_max):
            shard = shard._replace(is_full=True, unmerged_segments=_ALL_UNMERGED)
        self._shards[place] = shard
        self._connection.execute(
            "UPDATE shards SET last = ?, is_full = ?, bytes = ?, portions = ?, unmerged_segments = ? WHERE shard = ?",
            (*shard[2:], shard.shard),
        )

    def _merge_where_needed(self) -> None:
        """Merge a few pages of the newest shard or, if that has few unmerged segments, of the shard with the most of them."""
        if not self._shards:
            return
        newest = len(self._shards) - 1
        is_newest_due = self._shards[newest].unmerged_segments >= MERGED_SEGMENTS_MIN
        self._merge(newest if is_newest_due else self._most_unmerged())

    def _most_unmerged(self) -> int:
        """The position, in the list of shards, of the shard with the most unmerged segments."""
        return max(range(len(self._shards)), key=lambda place: self._shards[place].unmerged_segments)

    def _merge(self, place: int) -> None:
        """Merge a few pages of the shard at `place`, if it has at least `MERGED_SEGMENTS_MIN` unmerged segments."""
        shard = self._shards[place]
        if shard.unmerged_segments >= _ALL_UNMERGED:
            self._merge_pages(shard, -MERGED_PAGES)  # negative: FTS5 begins a merge that ends with one segment
            self._keep(place, shard._replace(unmerged_segments=MERGED_SEGMENTS_MIN))
        elif shard.unmerged_segments >= MERGED_SEGMENTS_MIN and not self._merge_pages(shard, MERGED_PAGES):
            self._keep(place, shard._replace(unmerged_segments=0))

    def _merge_pages(self, shard: Shard, pages: int) -> bool:
        """Let FTS5 merge about `pages` pages of a shard; returns False if there was nothing to merge.

        A negative `pages` begins a complete merge: FTS5 merges that many pages now, and later calls with a positive number
        continue until one segment is left.
        """
        before = self._connection.total_changes
        self._connection.execute(f"INSERT INTO {shard.table} ({shard.table}, rank) VALUES ('merge', ?)", (pages,))
        return self._connection.total_changes - before >= 2  # FTS5's documentation gives this test


def _first(shard: Shard) -> int:
    """The first number of a shard, by which `_place_of` finds the shard."""
    return shard.first


def _rows_of(change: Change) -> Iterator[_Row]:
    """Yield the rows that remove the old text of a note from its shard, then those that insert its new text."""
    for command, text in (("delete", change.before), (None, change.after)):
        if is_long(text):
            yield from _portions_of(command, change, text or "")
        elif text is not None:
            author, tags = _names_of(change.author), " ".join(map(whole_term, tag_terms(text)))
            yield _Row(command, change.root, " ".join(terms(text)), author, tags, len(text.encode()))


def _portions_of(command: str | None, change: Change, text: str) -> Iterator[_Row]:
    """Yield the rows of a long text, one for each portion. Each begins with the last terms of the portion before.

    The text is the old or the new one of `change`. `command` says whether the rows are to be removed or inserted (see `_Row`).
    Only the first row has the author and the tags.
    """
    author, tags = _names_of(change.author), " ".join(map(whole_term, tag_terms(text)))
    before: list[str] = []
    for portion, following in enumerate(terms_in_portions(text, PORTION_CHARACTERS)):
        found = before + following
        words = " ".join(found)
        rowid = -(change.root * PORTIONS_MAX + portion)
        yield _Row(command, rowid, words, author, tags, len(words.encode()))
        author, tags, before = "", "", found[1 - TERMS_MAX :]


@lru_cache(maxsize=1024)
def _names_of(author: str) -> str:
    """The terms by which an author is found, folded and separated by a space: the name, and the name without its `@host`."""
    folded = fold(author)
    return " ".join(map(whole_term, dict.fromkeys((folded, folded.partition("@")[0]))))


def whole_term(name: str) -> str:
    """Return `name`, an author or tag, as one term. A private-use character replaces each character at which FTS5 would cut."""
    return name.encode(errors="replace").decode().translate(_PRIVATE) or _PRIVATE[0]

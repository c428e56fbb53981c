"""The full text of the notes of one notebook, in shards: one table of FTS5 for each range of numbers.

FTS5 is given terms, and no text: `words.terms` has taken it apart already. It goes through all that a phrase may be in,
whatever numbers are asked for, so one table of a million notes could hold up the server's only thread for a tenth of a
second. A shard can be gone through in some 10 ms, and then others have their turn.

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

from udpnote.query import Passed, Query
from udpnote.storage.changes import Change
from udpnote.words import check_words, fold, fold_tag, tags, terms

SHARD_BYTES_MAX = 8 << 20
"""Text in a shard, in bytes of UTF-8: a phrase of the commonest words, which is never there, then takes 10 to 15 ms. More
shards would make a rare word slower: a million notes of a hundred bytes are 12 of them, and 0.15 ms."""

SHARD_NUMBERS_MAX = 1 << 17
"""Numbers in a shard: a list of so many short notes that have a word in common takes no longer to go through."""

MERGED_SEGMENTS_MIN = 8
"""Segments of a size that are merged into one: each term is looked up in all that there are."""

MERGED_PAGES = 8
"""Pages of 4 KiB that one transaction merges, in 0.4 ms on average and 1.5 at most: twice what it adds, which keeps up."""

CRISIS_SEGMENTS = 64
"""So many of a size are merged at once, whatever that takes: it comes to that when old notes are revised by the thousand."""

_UNMERGED = 1 << 30
"""Said to be the segments of a shard that has just become full: all of them are merged into one, from the next time on."""

_PRIVATE = {code: chr(0xE000 + code) for code in range(128) if not chr(code).isalnum()}
"""Where FTS5 would part a name, a character that it takes for a letter stands in."""

FETCHED_MATCHES = 32
FETCHED_MATCHES_MAX = 4096
"""Matches taken from a shard at a time: few at first, because few may be wanted, and then twice as many each time."""


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
            untidy INTEGER NOT NULL
        )
        """
    )


class Shard(NamedTuple):
    """The notes whose numbers are from `first` to `last`; it grows until it `is_full`."""

    shard: int
    first: int
    last: int
    is_full: int
    bytes: int
    untidy: int

    @property
    def table(self) -> str:
        """Its table."""
        return f"search_{self.shard}"


class Shards:
    """The full text in the index behind `connection`; what writes runs inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, *, bytes_max: int, numbers_max: int) -> None:
        self._connection = connection
        self._bytes_max = bytes_max
        self._numbers_max = numbers_max
        self._shards: list[Shard] = []

    def reload(self) -> None:
        """Take note of what others have written, or of what was rolled back."""
        rows = self._connection.execute("SELECT shard, first, last, is_full, bytes, untidy FROM shards ORDER BY first")
        self._shards = [Shard(*row) for row in rows]

    def clear(self) -> None:
        """Remove all of them."""
        self.reload()
        for shard in self._shards:
            self._connection.execute(f"DROP TABLE {shard.table}")
        self._connection.execute("DELETE FROM shards")
        self._shards = []

    def write(self, changes: Sequence[Change], *, first: int, last: int) -> None:
        """Merge a little, and take up what the entries from number `first` to `last` change."""
        if self._shards:
            self._merge()
        if not self._shards or self._shards[-1].is_full:
            self._begin(first)
        for place, group in groupby(changes, key=lambda change: self._place_of(change.root)):
            self._change(place, list(group))
        newest = len(self._shards) - 1
        self._keep(newest, self._shards[newest]._replace(last=last))

    def matches(self, expression: str, start: int, *, newest_first: bool) -> Iterator[int | Passed]:
        """The numbers that match, from `start` on, in order; and after each shard, where the next one begins.

        Nothing stays open between two of them: the shards may be written to meanwhile.
        """
        number = start
        while (shard := self._at(number, newest_first)) is not None:
            limit = FETCHED_MATCHES
            while found := self._fetch(shard, expression, number, newest_first, limit):
                yield from found
                number = found[-1] - 1 if newest_first else found[-1] + 1
                if len(found) < limit:
                    break
                limit = min(2 * limit, FETCHED_MATCHES_MAX)
            number = shard.first - 1 if newest_first else shard.last + 1
            yield Passed(number)

    def _fetch(self, shard: Shard, expression: str, number: int, newest_first: bool, limit: int) -> list[int]:
        comparison, order = ("<=", "DESC") if newest_first else (">=", "ASC")
        rows = self._connection.execute(
            f"SELECT rowid FROM {shard.table} WHERE {shard.table} MATCH ? AND rowid {comparison} ?"
            f" ORDER BY rowid {order} LIMIT ?",
            (expression, number, limit),
        )
        return [match for (match,) in rows]

    def _at(self, number: int, newest_first: bool) -> Shard | None:
        """The shard that holds `number`, or else the next one in the order of the search."""
        place = self._place_of(number)
        if not newest_first and (place < 0 or self._shards[place].last < number):
            place += 1
        return self._shards[place] if 0 <= place < len(self._shards) else None

    def _place_of(self, number: int) -> int:
        """Where in the list the shard is that holds a note."""
        return bisect_right(self._shards, number, key=_first) - 1

    def _begin(self, first: int) -> None:
        """Begin a new shard."""
        shard = Shard(self._shards[-1].shard + 1 if self._shards else 1, first, first - 1, False, 0, 0)
        self._connection.execute(
            f"CREATE VIRTUAL TABLE {shard.table} USING fts5"
            "(words, author, tags, content = '', columnsize = 0, detail = full, tokenize = 'ascii')"
        )
        for setting in (("automerge", 0), ("usermerge", MERGED_SEGMENTS_MIN), ("crisismerge", CRISIS_SEGMENTS)):
            self._connection.execute(f"INSERT INTO {shard.table} ({shard.table}, rank) VALUES (?, ?)", setting)
        self._connection.execute("INSERT INTO shards VALUES (?, ?, ?, ?, ?, ?)", shard)
        self._shards.append(shard)

    def _change(self, place: int, changes: list[Change]) -> None:
        """Take the texts that the notes of one shard had out of it, and put in those that they have."""
        shard = self._shards[place]
        rows: list[tuple[str | None, int, str, str, str]] = []
        size = 0
        for root, author, _, _, before, after in changes:
            if before is not None:
                rows.append(("delete", root, *_columns(author, before)))
                size -= len(before.encode())
            if after is not None:
                rows.append((None, root, *_columns(author, after)))
                size += len(after.encode())
        self._connection.executemany(
            f"INSERT INTO {shard.table} ({shard.table}, rowid, words, author, tags) VALUES (?, ?, ?, ?, ?)", rows
        )
        self._keep(place, shard._replace(bytes=shard.bytes + size, untidy=shard.untidy + 1))

    def _keep(self, place: int, shard: Shard) -> None:
        """Keep what has changed about a shard; the newest one may be full now."""
        numbers = shard.last - shard.first + 1
        if not shard.is_full and (shard.bytes >= self._bytes_max or numbers >= self._numbers_max):
            shard = shard._replace(is_full=True, untidy=_UNMERGED)
        self._shards[place] = shard
        self._connection.execute(
            "UPDATE shards SET last = ?, is_full = ?, bytes = ?, untidy = ? WHERE shard = ?", (*shard[2:], shard.shard)
        )

    def _merge(self) -> None:
        """Merge a few pages: of the shard that grows, or else where it is most needed."""
        newest = len(self._shards) - 1
        neediest = max(range(newest + 1), key=lambda place: self._shards[place].untidy)
        place = newest if self._shards[newest].untidy >= MERGED_SEGMENTS_MIN else neediest
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


def expression_of(query: Query) -> str:
    """What FTS5 is asked for the words, the tags and the author of `query`; all of them must be in a note.

    Raises `InvalidQuery` like `check_words`.
    """
    check_words(query.words)
    wanted = [("words", " ".join(found)) for word in query.words if (found := terms(word))]
    wanted += [("tags", _whole(fold_tag(tag.lstrip("#＃")))) for tag in query.tags]
    wanted += [("author", _whole(fold(query.author)))] * bool(query.author)
    assert wanted, "an expression without a condition would find nothing, and what was asked for is everything"
    return " AND ".join(f'{column} : "{phrase}"' for column, phrase in wanted)


def _columns(author: str, text: str) -> tuple[str, str, str]:
    return " ".join(terms(text)), _names_of(author), " ".join(map(_whole, tags(text)))


@lru_cache(maxsize=1024)
def _names_of(author: str) -> str:
    """An author's name as it is, and without what follows the `@`."""
    folded = fold(author)
    return " ".join(map(_whole, dict.fromkeys((folded, folded.partition("@")[0]))))


def _whole(name: str) -> str:
    """`name` as a single term, whatever is in it."""
    return name.encode(errors="replace").decode().translate(_PRIVATE) or _PRIVATE[0]

"""Answers queries from a notebook: yields the entries or tallies that a query asks for, in order.

A server answers many readers in one thread, so a lookup must not delay the thread for long. Between two results, a lookup reads
a few thousand rows at most, about a millisecond's work. If it finds no result for that long, it yields a `PausePoint` with a
cursor: the server may drop the lookup there and later start another one from that cursor. Searches for words, tags and authors
use the search index. A server lets another thread do these searches, and the lookup yields `SearchRunning` meanwhile.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from datetime import date
from heapq import merge
from itertools import islice

from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN, Kind, StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Cursor, IndexBehind, LookupStep, PausePoint, Query, SearchRunning, Tally, View
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.index.index import Index, IndexDamaged
from udpnote.storage.index.search_worker import HalfIndexed
from udpnote.storage.notebook.tables import entries_from, last_number, notes_by_time, notes_from, root_of, times_of
from udpnote.text.query_check import check_query
from udpnote.text.search_terms import fold, tag_term, tag_terms
from udpnote.text.word_match import comparison_of

SCANNED_NUMBERS = 2048
"""How many entry numbers one SQL statement covers, which takes about a millisecond. After it, the lookup may pause."""

VERSIONS_AHEAD = 512
"""A query for the history of notes reads this many numbers of versions ahead, for all notes together: half a millisecond."""

VERSIONS_PER_STATEMENT = 32
"""How many versions one SQL statement reads: one statement for each version would take twice as long."""

PASSED_OVER_MAX = 64
PASSED_OVER_CHARACTERS_MAX = 64 << 10
"""A lookup pauses after it has passed over `PASSED_OVER_MAX` entries that are no results, or this many characters of them. That
takes a millisecond, too."""

COMPARED_CHARACTER_COST = 16
"""To compare one character with one word of a search takes as long as to pass over this many characters."""


class Lookup:
    """Answers queries from the notebook file `path`, which `connection` has open. `index` is its search index.

    `is_index_awaited` is True if the latest lookup that needed `index` ended early, because `index` did not have every entry
    yet. The reader then waits until `index` has all of them.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, index: Index) -> None:
        self._connection = connection
        self._path = path
        self.index = index
        self.is_index_awaited = False

    def answer(self, query: Query, start: Cursor, is_time_up: Callable[[], bool]) -> Generator[LookupStep, None, None]:
        """Yield the results of `query`, in the query's order, from the cursor `start` on. The offset of the cursor is ignored.

        Between results, this yields steps that are no results (see `LookupStep`). For a query that needs the search index, this
        first brings the index up to date. If `is_time_up()` becomes true before that is done, or if the index is damaged, this
        yields `IndexBehind` and ends. The first step raises `InvalidQuery` for a query that cannot be answered. Any step raises
        `StorageError` if the notebook cannot be read.
        """
        check_query(query)
        try:
            yield from self._answer(query, start, is_time_up)
        except IndexDamaged:  # the next lookup builds it again
            yield IndexBehind(0)

    def _answer(self, query: Query, start: Cursor, is_time_up: Callable[[], bool]) -> Iterator[LookupStep]:
        """Yield what `answer` yields. The caller has checked the query. Raises `IndexDamaged` if the index cannot be read."""
        with storage_errors(self._path):
            if query.view is View.LOG:
                yield from self._log(query, start.number)
            elif query.view is View.NOTES and query.numbers:
                yield from self._notes_numbered(query, start)
            elif query.view is View.NOTES and not (query.has_words or query.tags or query.author):
                yield from self._notes_by_time(query, start) if query.by_time else self._notes(query, start.number)
            elif query.view is View.NOTES:
                yield from self._search(query, start, is_time_up)
            elif not self._catch_up(is_time_up):
                yield IndexBehind(self.index.indexed)
            else:
                yield from self._tallies(query.view, start.number)

    def _catch_up(self, is_time_up: Callable[[], bool]) -> bool:
        """Index new entries until `is_time_up()`. Return whether all are indexed; set `is_index_awaited` to the opposite."""
        self.is_index_awaited = not self.index.catch_up(is_time_up)
        return not self.is_index_awaited

    def _notes(self, query: Query, start: int) -> Iterator[LookupStep]:
        """Yield the notes in the query's span of time, read from the notebook in the order of numbers, from `start` on."""
        order = "DESC" if query.newest_first else "ASC"
        clause = f"WHERE number BETWEEN ? AND ? AND kind = {Kind.NOTE:d} ORDER BY number {order}"
        pauses = _Pauses(query)
        for first, last in self._ranges(query, start):
            for number, note in notes_from(self._connection, clause, (first, last)):
                is_result = note is not None and _is_in_time(note, query)
                if note is not None and is_result:
                    yield note
                if pauses.are_due_after(note, is_result=is_result):
                    yield pauses.after(number)
            yield pauses.after(first if query.newest_first else last)

    def _notes_by_time(self, query: Query, start: Cursor) -> Iterator[LookupStep]:
        """Yield the notes in the query's span of time, read from the notebook in the order of time, from `start` on."""
        since, until = (WRITTEN_AT_MIN if query.since is None else query.since), query.until
        pauses = _Pauses(query)
        for cursor, note in notes_by_time(
            self._connection,
            start,
            since=since,
            until=WRITTEN_AT_MAX + 1 if until is None else until,
            newest_first=query.newest_first,
        ):
            if note is not None:
                yield note
            if pauses.are_due_after(note, is_result=note is not None):
                yield pauses.after(cursor.number, cursor.time)

    def _ranges(self, query: Query, start: int) -> Iterator[tuple[int, int]]:
        """Yield ranges of numbers, from `start` on, that may have notes in the query's span of time: pairs (first, last).

        The ranges are in the query's order, and each has at most `SCANNED_NUMBERS` numbers.
        """
        number, end = start, last_number(self._connection)
        number = min(number, end) if query.newest_first else max(number, 1)
        while 1 <= number <= end:
            if query.since is not None or query.until is not None:
                number = self.index.next_candidate(number, query.since, query.until, query.newest_first)
                if not 1 <= number <= end:
                    return
            if query.newest_first:
                first = max(1, number - SCANNED_NUMBERS + 1)
                yield first, number
                number = first - 1
            else:
                last = min(end, number + SCANNED_NUMBERS - 1)
                yield number, last
                number = last + 1

    def _search(self, query: Query, start: Cursor, is_time_up: Callable[[], bool]) -> Iterator[LookupStep]:
        """Yield the results that the index finds. Update the index first, and again when a found note was revised.

        If an update is not complete when `is_time_up()`, this yields `IndexBehind` and ends.
        """
        revised: Cursor | None = start
        while revised is not None:
            if not self._catch_up(is_time_up):
                yield IndexBehind(self.index.indexed)
                return
            revised = yield from self._matches(query, revised)

    def _matches(self, query: Query, start: Cursor) -> Generator[LookupStep, None, Cursor | None]:
        """Yield the results that the index finds, from the cursor `start` on, and return None after the last one.

        If a found note was revised after it was indexed, its latest text may not match. Then this stops before that note, and
        returns the note's cursor. It also stops where the search meets a change that is half indexed (see `HalfIndexed`).
        """
        indexed = self.index.indexed
        pauses = _Pauses(query)
        comparison = comparison_of(query)
        for found in self.index.matches(query, start.number, start.time):
            if isinstance(found, HalfIndexed):
                return Cursor(found.number, 0, found.time)
            if isinstance(found, PausePoint | SearchRunning):
                yield found
                continue
            time = next((time for time, _ in times_of(self._connection, [found])), 0) if query.by_time else 0
            for number, note in notes_from(self._connection, "WHERE number = ?", (found,)):
                if note is not None and note.version > indexed:
                    return Cursor(number, 0, time)
                is_result = note is not None and _is_in_time(note, query)
                if note is not None and is_result and comparison is not None:
                    pauses.compare(note, words=comparison.words)
                    is_result = yield from comparison.accepts(note.entry.text)
                if note is not None and is_result:
                    yield note
                if pauses.are_due_after(note, is_result=is_result):
                    yield pauses.after(number, time)
                del note  # it may take much memory, and finding the next one may take long
        return None

    def _notes_numbered(self, query: Query, start: Cursor) -> Iterator[LookupStep]:
        """Yield the notes, from `start` on, that the query names by the number of any version and that pass its filters."""
        pauses = _Pauses(query)
        roots = self._roots(query)
        places = times_of(self._connection, roots) if query.by_time else [(0, root) for root in sorted(roots)]
        first = (start.time, start.number)
        for time, root in reversed(places) if query.newest_first else places:
            is_before_cursor = (time, root) > first if query.newest_first else (time, root) < first
            if is_before_cursor:
                continue
            for number, note in notes_from(self._connection, "WHERE number = ?", (root,)):
                is_result = note is not None and self._passes_filters(note, query)
                if note is not None and is_result:
                    yield note
                if pauses.are_due_after(note, is_result=is_result):
                    yield pauses.after(number, time)

    def _log(self, query: Query, start: int) -> Iterator[LookupStep]:
        """Yield the results of `View.LOG` from the number `start` on: notes, revisions and deletions.

        Each has the text with which it was stored. An entry is a result if its note passes the query's filters and, if the
        query names numbers, is one of the notes that the query names (see `_roots`). An erased entry is a result only if the
        query names numbers.
        """
        pauses = _Pauses(query)
        answers: dict[int, bool] = {}
        has_filters = query._replace(newest_first=False, numbers=()) != Query(View.LOG)
        if query.numbers:
            for entries in self._versions(query, start):
                yield from self._chosen(entries, query, answers, pauses) if has_filters else entries
            return
        order = "DESC" if query.newest_first else "ASC"
        clause = f"WHERE number BETWEEN ? AND ? AND kind <> {Kind.ERASED:d} ORDER BY number {order}"
        for first, last in self._ranges(query._replace(since=None, until=None), start):
            entries = entries_from(self._connection, clause, (first, last))
            yield from self._chosen(entries, query, answers, pauses) if has_filters else entries
            yield pauses.after(first if query.newest_first else last)

    def _chosen(
        self, entries: Iterator[StoredEntry], query: Query, answers: dict[int, bool], pauses: "_Pauses"
    ) -> Iterator[LookupStep]:
        """Yield the `entries` whose notes pass the query's filters, and a `PausePoint` whenever `pauses` says that one is due.

        `answers` is a cache of which notes pass (see `_note_passes_filters`).
        """
        for entry in entries:
            if self._note_passes_filters(entry, query, answers, pauses):
                yield entry
            else:
                pauses.pass_over(entry)
            if pauses.are_due:
                yield pauses.after(entry.number)

    def _versions(self, query: Query, start: int) -> Iterator[Iterator[StoredEntry]]:
        """Yield all versions of the notes that the query names, a few at a time, because a note may have very many.

        The versions begin at the number `start`. The query's filters are not applied.
        """
        order = "DESC" if query.newest_first else "ASC"
        roots = self._roots(query)
        versions = (self._versions_of(root, query, start, VERSIONS_AHEAD // len(roots)) for root in roots)
        numbers = merge(*versions, reverse=query.newest_first)
        while some := tuple(islice(numbers, VERSIONS_PER_STATEMENT)):
            marks = ",".join("?" * len(some))
            yield entries_from(self._connection, f"WHERE number IN ({marks}) ORDER BY number {order}", some)

    def _versions_of(self, root: int, query: Query, start: int, ahead: int) -> Iterator[int]:
        """Yield the numbers of the note `root` and its later versions, from `start` on, in the query's order.

        Each SQL statement reads at most `ahead` numbers.
        """
        condition, order, step = ("<= ?", "DESC", -1) if query.newest_first else (">= ?", "ASC", 1)
        select = f"SELECT number FROM revisions WHERE root = ? AND number {condition} ORDER BY number {order} LIMIT {ahead}"
        if not query.newest_first and root >= start:
            yield root
        while some := self._connection.execute(select, (root, start)).fetchall():
            yield from (number for (number,) in some)
            start = some[-1][0] + step
        if query.newest_first and root <= start:
            yield root

    def _note_passes_filters(self, stored: StoredEntry, query: Query, answers: dict[int, bool], pauses: "_Pauses") -> bool:
        """Whether a note passes the query's filters: `stored` is the note itself, or a revision or deletion of it.

        Of a deleted note, the first text decides. `answers` is a cache of the answers, by the note's number. `pauses` counts
        what is read here.
        """
        root = stored.number if stored.entry.kind is Kind.NOTE else root_of(self._connection, stored.number)
        if root is None:
            return False
        if root not in answers:
            if len(answers) >= SCANNED_NUMBERS:
                answers.clear()
            [(_, note)] = notes_from(self._connection, "WHERE number = ?", (root,))
            if note is None:  # it was deleted: its first text decides
                [note] = entries_from(self._connection, "WHERE number = ?", (root,))
            pauses.read(note)
            answers[root] = self._passes_filters(note, query)
        return answers[root]

    @staticmethod
    def _passes_filters(note: StoredEntry, query: Query) -> bool:
        """Whether `note` is in the query's span of time, and has the query's author and tags. This does not use the index."""
        entry = note.entry
        author = fold(entry.author)
        return (
            _is_in_time(note, query)
            and (not query.author or fold(query.author) in (author, author.partition("@")[0]))
            and (not query.tags or not set(map(tag_term, query.tags)) - set(tag_terms(entry.text)))
        )

    def _roots(self, query: Query) -> set[int]:
        """The numbers of the notes that the query names, by their own numbers or by those of later versions."""
        roots = {root_of(self._connection, number) for number in query.numbers}
        return {root for root in roots if root is not None}

    def _tallies(self, view: View, start: int) -> Iterator[LookupStep]:
        """Yield the tallies of a view with keys from `start` on. The caller has brought the index up to date."""
        if view is View.SUMMARY:
            yield from [tally for tally in self._summary() if tally.key >= start]
        elif view is View.DAYS:
            for day in self.index.tallies(view, start - _EPOCH - 1):
                yield day._replace(key=day.key + _EPOCH)
        else:
            yield from self.index.tallies(view, start - 1)

    def _summary(self) -> Iterator[Tally]:
        """Yield one tally for each of `SUMMARY_LABELS`, without `first` and `last` if no note was ever stored."""
        ((clients,),) = self._connection.execute("SELECT coalesce(max(client), 0) FROM clients")  # clients are never removed
        ((pages,),), ((page_bytes,),) = (self._connection.execute(f"PRAGMA {each}") for each in ("page_count", "page_size"))
        totals = self.index.totals
        first, last = self.index.time_span()
        amounts = (
            totals.notes, last_number(self._connection), totals.authors, clients, totals.days, pages * page_bytes, first, last,
        )  # fmt: skip
        for key, (label, amount) in enumerate(zip(SUMMARY_LABELS, amounts, strict=True), 1):
            if amount is not None:
                yield Tally(key, label, amount)


_EPOCH = date(1970, 1, 1).toordinal()
"""A day's key is its `datetime.date.toordinal`, because a cursor cannot be negative. The index counts the days from 1970, and
this is the difference."""


def _is_in_time(note: StoredEntry, query: Query) -> bool:
    """Whether the `noted_at` of a note is the query's `since` or later, and before its `until`."""
    noted_at = note.noted_at
    return (query.since is None or noted_at >= query.since) and (query.until is None or noted_at < query.until)


class _Pauses:
    """Decides when a lookup that finds no results pauses, by counting the entries, and their characters, that it reads."""

    def __init__(self, query: Query) -> None:
        self._step = -1 if query.newest_first else 1
        self._entries = self._characters = 0

    def read(self, stored: StoredEntry) -> None:
        """Count the characters of `stored`, which was read to decide about another entry."""
        self._characters += len(stored.entry.text)

    def compare(self, stored: StoredEntry, *, words: int) -> None:
        """Count, for comparing the text of `stored` with `words` words, the characters that could be read in the same time."""
        self._characters += COMPARED_CHARACTER_COST * len(stored.entry.text) * words

    def pass_over(self, stored: StoredEntry | None) -> None:
        """Count `stored`, which is no result, and its characters. A deleted note is None, and counts without characters."""
        self._entries += 1
        if stored is not None:
            self.read(stored)

    def are_due_after(self, note: StoredEntry | None, *, is_result: bool) -> bool:
        """Whether to pause after `note`, which is None if it was deleted. Unless `is_result`, the note is counted first.

        A lookup always pauses after a note that was revised or deleted: the note's first text may be long, and SQLite must read
        past it.
        """
        if not is_result:
            self.pass_over(note)
        return self.are_due or note is None or note.version != note.number

    @property
    def are_due(self) -> bool:
        """Whether to pause now, because the entries or characters counted since the last pause have reached their limit."""
        return self._entries >= PASSED_OVER_MAX or self._characters >= PASSED_OVER_CHARACTERS_MAX

    def after(self, number: int, time: int = 0) -> PausePoint:
        """Return the `PausePoint` just after the entry `number` in the query's order; `time` is as in `Cursor`.

        Sets the counts of entries and characters since the last pause to 0.
        """
        self._entries = self._characters = 0
        return PausePoint(number + self._step, time)

"""The search index of one notebook: updated in small steps, and built again from the notebook whenever it cannot be used.

The index has a file of its own, and everything in it is derived from the notebook. Storing an entry does not touch the index.
The server indexes the entry later, when it has time. Each step is one transaction of a few milliseconds, which also records the
number of the last entry that is indexed. After a crash, indexing continues from the last transaction that reached the disk.

The steps are that small because the server does them in the thread that also acknowledges entries: during a step of 50 ms, an
acknowledgement would wait for up to 50 ms. `shards` explains how a step stays small, whatever is in the notes.

An index fits one notebook, and only while that notebook has the last entry that was indexed: after a restore from a backup, the
notebook may have another entry under the same number. An index that does not fit, is damaged, or was made by another version of
udpnote is emptied or removed, and built again without a notice: that costs nothing but time.

Several processes may use one index file at once; a process that finds the file busy tries again later. A process that cannot
write the file makes a temporary index for itself.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from udpnote.errors import StorageError
from udpnote.model.query import PausePoint, Query, SearchRunning, Tally, View
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.index.counts import Totals
from udpnote.storage.index.index_file import (
    State,
    Trouble,
    may_be_temporary,
    open_index_file,
    remove_index_file,
    temporary_folder,
    trouble_of,
)
from udpnote.storage.index.indexed_notebook import Batch, IndexedNotebook
from udpnote.storage.index.open_index import OpenIndex
from udpnote.storage.index.search_worker import Executor, HalfIndexed, matches
from udpnote.storage.index.shard_search import conditions_of, snapshot
from udpnote.storage.index.shards import SHARD_BYTES_MAX, SHARD_NUMBERS_MAX, Shards

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

LOG_BYTES_PER_CHECKPOINT = 8 << 20
"""A checkpoint is due when the write-ahead log has grown by this much. It takes ten milliseconds and two fsyncs."""

PAUSE_CALLS_MAX = 1023
"""How many calls of `catch_up` index nothing after an error: 1 after the first error, then 3, 7, 15, and at most this many."""

_T = TypeVar("_T")


class IndexDamaged(StorageError):
    """The search index could not be read. If it is damaged or gone, udpnote builds it again. The notebook is unharmed."""


class Index:
    """The search index of a notebook, in the file `path`; `notebook` is a connection to the notebook's file. Not thread-safe.

    The index has all entries once `catch_up` has returned True. If the file at `path` cannot be opened or written, the index is
    built in a temporary file, or in memory. Methods that read the index raise `IndexDamaged` if they fail; a damaged index is
    built again by the next `catch_up`. Making this object raises `StorageError` if the notebook cannot be read.

    `shard_bytes_max` and `shard_numbers_max` are the limits of `Shards`, and `log_bytes` is that of `Checkpoints`.
    """

    _open_index: OpenIndex
    _executor: Executor | None = None
    _folder: "TemporaryDirectory[str] | None" = None

    def __init__(
        self,
        path: str,
        notebook: sqlite3.Connection,
        *,
        shard_bytes_max: int = SHARD_BYTES_MAX,
        shard_numbers_max: int = SHARD_NUMBERS_MAX,
        log_bytes: int = LOG_BYTES_PER_CHECKPOINT,
    ) -> None:
        self.path = path
        self._notebook = IndexedNotebook(notebook)
        self._shard_limits = (shard_bytes_max, shard_numbers_max)
        self._log_bytes = log_bytes
        self._pause_calls = 0  # how many calls of `catch_up` the last pause after an error had
        self._calls_to_pause = 0  # how many of them are left
        self._transactions = 0
        self._open()

    @property
    def indexed(self) -> int:
        """The number of the last entry that is wholly indexed; 0 if there is none, or if the index is damaged."""
        return 0 if self._open_index.is_damaged else self._open_index.state.indexed

    @property
    def transactions(self) -> int:
        """How many transactions the calls of `catch_up` have made so far. If a call makes none and returns False, the index
        cannot be written now: wait a while before the next call.
        """
        return self._transactions

    @property
    def totals(self) -> Totals:
        """The numbers of notes, tags, authors and days in the index; see `Totals`.

        Also raises `IndexDamaged` if another program has begun the index anew since the last `catch_up`.
        """
        return self._counted(lambda: self._open_index.counts.totals, indexed=self.indexed)

    def last_number(self) -> int:
        """The number of the notebook's last entry, 0 if it has none; raises `StorageError` if the notebook cannot be read."""
        return self._notebook.last_number()

    def catch_up(self, is_time_up: Callable[[], bool]) -> bool:
        """Index the notebook's new entries, step by step, until all are indexed or `is_time_up()` is true after a step.

        Returns whether all are indexed. If not, call this again later. It may also end early and return False because another
        process writes the index, its disk is full, or a checkpoint is running. If the index is damaged or its file was
        replaced, this first opens it again or begins to build it again. Raises `StorageError` if the notebook cannot be read.
        """
        self._check_file()
        while self.indexed < self.last_number():
            if not self._try_step():
                return False
            if is_time_up():
                return self.indexed >= self.last_number()
        self._pause_calls = 0
        return True

    def use_executor(self, executor: Executor) -> None:
        """From now on, `executor` searches the file and does checkpoints. Ends a running search; waits for a checkpoint."""
        self._executor = executor
        self._open_index.use_executor(executor)

    def matches(self, query: Query, start: int, time: int = 0) -> Iterator[int | PausePoint | SearchRunning | HalfIndexed]:
        """Yield the numbers of the notes that have the words, tags and author of `query`, in the query's order.

        They begin at the note with the number `start`; if the query is `by_time`, `time` is the `noted_at` of that note. Also
        yields a `PausePoint` where the caller may pause, and `SearchRunning` while the executor searches. If the index may lack
        notes, the last value is a `HalfIndexed`: it says from which note on the caller must search again, after the index
        was brought up to date. Raises `InvalidQuery` as `conditions_of` does.
        """
        index, conditions = self._open_index, conditions_of(query)
        searched, start_time = index.search or index.connection, time if query.by_time else None
        newest_first = query.newest_first
        found = matches(searched, conditions, start, state=index.state, newest_first=newest_first, start_time=start_time)
        return self._read(found)

    def next_candidate(self, number: int, since: int | None, until: int | None, newest_first: bool) -> int:
        """Return the first number, from `number` on, of an entry whose note may be of `since` or later and before `until`.

        Times are in microseconds since 1970 UTC; None sets no limit. With `newest_first`, the numbers go down from `number`. If
        there is no such number, returns the number after the last indexed one or, with `newest_first`, 0. If `number` is not
        indexed yet, returns `number`.
        """
        if self._open_index.is_damaged:
            return number

        def candidate() -> int:
            if number > self.indexed:
                return number
            found = self._open_index.counts.next_candidate(number, since, until, newest_first=newest_first)
            if found is not None:
                return found
            return 0 if newest_first else self.indexed + 1

        return self._in_snapshot(candidate)

    def tallies(self, view: View, after_key: int) -> Iterator[Tally]:
        """Yield how many notes each tag, author or day has, for keys above `after_key`; see `Counts.tallies`.

        Also raises `IndexDamaged` if another program begins the index anew before all tallies were yielded.
        """
        indexed = self.indexed

        def tallies() -> list[Tally]:
            return self._open_index.counts.tallies(view, after_key)

        while some := self._counted(tallies, indexed=indexed):
            yield from some
            after_key = some[-1].key

    def time_span(self) -> tuple[int | None, int | None]:
        """The `noted_at` of the earliest and the latest note, in microseconds since 1970 UTC; both None if there is no note.

        Raises the same errors as `totals`.
        """
        return self._counted(self._open_index.counts.time_span, indexed=self.indexed)

    def close(self) -> None:
        """Close the file, and remove it if it is temporary. Interrupts a search that is running, and waits for a checkpoint."""
        self._open_index.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _counted(self, read: Callable[[], _T], *, indexed: int) -> _T:
        """Do what `_in_snapshot` does. Also raise `IndexDamaged` if the index does not have the entries up to the number
        `indexed` any more, because another program has begun it anew.
        """

        def checked() -> _T:
            if self.indexed < indexed:
                raise IndexDamaged("index_damaged", path=self.path, problem=str(self._open_index.state.rules))
            return read()

        return self._in_snapshot(checked)

    def _in_snapshot(self, read: Callable[[], _T]) -> _T:
        """In one `snapshot`, read the state of the index again, call `read`, and return what `read` returns.

        Raises `IndexDamaged` if the index cannot be read.
        """
        try:
            with snapshot(self._open_index.connection):
                self._open_index.refresh()  # another process may have written
                return read()
        except sqlite3.Error as error:
            raise self._damage(error, self._open_index) from error

    def _read(self, found: Iterator[_T]) -> Iterator[_T]:
        """Yield what `found` yields from the index. Raises `IndexDamaged` if the index cannot be read."""
        read = self._open_index
        try:
            yield from found
        except sqlite3.Error as error:
            raise self._damage(error, read) from error

    def _damage(self, error: sqlite3.Error, read: OpenIndex) -> IndexDamaged:
        """Return the error to raise after `error` came from the index `read`. Mark `read` as damaged if `error` is lasting."""
        if not may_be_temporary(error):
            read.is_damaged = True
        return IndexDamaged("index_damaged", path=self.path, problem=str(error))

    def _try_step(self) -> bool:
        """Do one transaction, and start a checkpoint if one is due. Returns False if no transaction could be done now."""
        if self._calls_to_pause:
            self._calls_to_pause -= 1
            return False
        checkpoints = self._open_index.checkpoints
        if self._open_index.is_damaged or (checkpoints is not None and checkpoints.is_running):
            return False
        try:
            self._do_step(self._open_index)
        except sqlite3.Error as error:
            self._handle_trouble(error)
            return False
        if checkpoints is not None:
            checkpoints.start_if_due()
        return True

    def _do_step(self, index: OpenIndex) -> None:
        """Do one transaction: index a few entries. If a shard has too many segments (see `shards`), only merge some of them."""
        with index.transaction():
            state = index.state if index.shards.merge_if_behind() else self._index_batch(index)
        index.state = state
        self._transactions += 1

    def _index_batch(self, index: OpenIndex) -> State:
        """Index the next few entries, if any, in the open transaction, and return the state of the index after it.

        Does nothing if another version of udpnote has just begun the index anew, with its own rules.
        """
        state = index.state
        batch = self._notebook.next_batch(state.indexed)
        if batch is not None and self._notebook.is_source_of(state):
            step = _write(index, batch)
            indexed = state.indexed if step else batch.last
            state = State(state.notebook_id, state.rules, indexed, step, *batch.fingerprint)
            state.write(index.connection)
        return state

    def _handle_trouble(self, error: sqlite3.Error) -> None:
        """React to an error of the index: if it cannot be used, open a temporary one; if it is damaged, mark it as damaged.

        Unless another process was just writing the index, the next calls of `catch_up` do nothing (see `PAUSE_CALLS_MAX`).
        """
        trouble = trouble_of(error)
        if trouble is not Trouble.BUSY:
            self._pause_calls = self._calls_to_pause = min(2 * self._pause_calls + 1, PAUSE_CALLS_MAX)
        if trouble is Trouble.UNWRITABLE:
            self.close()
            self._open_temporary()
        elif trouble is Trouble.DAMAGED:
            self._open_index.is_damaged = True
        else:
            with suppress(sqlite3.Error):  # if that fails, the next call meets the same error
                self._open_index.refresh()

    def _check_file(self) -> None:
        """Open the index again if it is damaged or its file was replaced. Then read what other processes have written.

        If another version of udpnote has begun the index anew with its own rules, use a temporary index from now on.
        """
        if self._open_index.is_damaged or self._open_index.is_replaced:
            self._open_again()
        try:
            self._open_index.refresh()
        except sqlite3.Error as error:
            self._handle_trouble(error)
        if not self._notebook.is_source_of(self._open_index.state):  # another version of udpnote uses the file at the same time
            self.close()
            self._open_temporary()

    def _open_again(self) -> None:
        """Open the index again. If it is damaged, remove its file first, unless another process has already replaced it."""
        self.close()
        old = self._open_index
        if old.is_damaged and old.is_in_place and not remove_index_file(old.path):
            self._open_temporary()
        else:
            self._open()

    def _open(self) -> None:
        """Open the index at `self.path`. If it is damaged, replace it by a new file. If that fails, use a temporary index."""
        for _ in ("the file as it is", "a new file"):
            try:
                self._open_at(self.path)
            except StorageError as error:
                if trouble_of(error.__cause__) is not Trouble.DAMAGED or not remove_index_file(self.path):
                    break
            else:
                return
        self._open_temporary()

    def _open_temporary(self) -> None:
        """Use an index of this process alone: in a temporary file or, if that cannot be written, in memory."""
        self._folder = temporary_folder()
        if self._folder is not None:
            try:
                self._open_at(os.path.join(self._folder.name, "index"))
            except StorageError:  # the disk has no room for it
                self._folder.cleanup()
            else:
                return
        self._open_at(IN_MEMORY)

    def _open_at(self, path: str) -> None:
        """Open the index at `path`, created if there is none, and use it from now on; raises `StorageError`."""
        connection = self._connect(path)
        shard_bytes_max, shard_numbers_max = self._shard_limits
        shards = Shards(connection, bytes_max=shard_bytes_max, numbers_max=shard_numbers_max)
        self._open_index = OpenIndex(path, connection, shards, self._notebook, log_bytes=self._log_bytes)
        if self._executor is not None:
            self.use_executor(self._executor)

    def _connect(self, path: str) -> sqlite3.Connection:
        """Open the index at `path`, created with the notebook's owner and permissions if there is none."""
        return open_index_file(path, notebook=self._notebook.path)


def _write(index: OpenIndex, batch: Batch) -> int:
    """Index `batch` in the open transaction or, of a long batch, only the next row.

    Returns 0 if the whole batch is indexed now. If rows of a long batch may be left, returns how many are indexed.
    """
    state = index.state
    if batch.is_long:
        step = index.shards.write_portion(batch.changes[0], state.step, entry=batch.last)
    else:
        index.shards.write(batch.changes, first=state.indexed + 1, last=batch.last)
        step = 0
    if not step:
        index.counts.write(batch.changes)
    return step

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
from udpnote.storage.database import IN_MEMORY, atomic, storage_errors
from udpnote.storage.index.checkpoints import Checkpoints
from udpnote.storage.index.counts import Counts, Totals
from udpnote.storage.index.index_file import (
    BUSY_MILLISECONDS,
    OPENING_BUSY_MILLISECONDS,
    State,
    Trouble,
    identity_of,
    may_be_temporary,
    open_index_file,
    remove_index_file,
    temporary_folder,
    trouble_of,
)
from udpnote.storage.index.note_changes import Batch, mark_of, next_batch
from udpnote.storage.index.search_worker import BackgroundSearch, Executor, matches
from udpnote.storage.index.shard_search import conditions_of
from udpnote.storage.index.shards import SHARD_BYTES_MAX, SHARD_NUMBERS_MAX, Shards
from udpnote.storage.notebook.tables import last_number, read_property
from udpnote.text.search_terms import RULES_VERSION

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
    """

    _connection: sqlite3.Connection
    _shards: Shards
    _counts: Counts
    _path_in_use: str
    _identity: tuple[int, int] | None
    _checkpoints: Checkpoints | None
    _state: State
    _data_version: int | None
    _executor: Executor | None = None
    _search: BackgroundSearch | None = None
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
        self._notebook = notebook
        [(file,)] = notebook.execute("SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name = 'main'")
        self._notebook_path = os.fsdecode(file) or IN_MEMORY  # the bytes of a path need not be UTF-8
        with storage_errors(self._notebook_path):
            notebook_id = read_property(notebook, "notebook_id")
        assert isinstance(notebook_id, bytes), "a notebook gets its id when its file is made"
        self._notebook_id = notebook_id
        self._shard_limits = (shard_bytes_max, shard_numbers_max)
        self._log_bytes = log_bytes
        self._pause_calls = self._calls_to_pause = 0
        self._transactions = 0
        self._open()

    @property
    def indexed(self) -> int:
        """The number of the last entry that is wholly indexed; 0 if there is none, or if the index is damaged."""
        return 0 if self._is_damaged else self._state.indexed

    @property
    def transactions(self) -> int:
        """How many transactions all calls of `catch_up` made. After a call that makes none and returns False, wait a while."""
        return self._transactions

    @property
    def totals(self) -> Totals:
        """The numbers of notes, tags, authors and days in the index; see `Totals`."""
        return self._ask(lambda: self._counts.totals)

    def last_number(self) -> int:
        """The number of the notebook's last entry, 0 if it has none; raises `StorageError` if the notebook cannot be read."""
        with storage_errors(self._notebook_path):
            return last_number(self._notebook)

    def catch_up(self, is_time_up: Callable[[], bool]) -> bool:
        """Index the notebook's new entries until all are indexed or, after a step, `is_time_up()` is true.

        Returns whether all are indexed. If not, call this again later. It may return False before `is_time_up()`: the index may
        be busy, its disk full, or a checkpoint running. If the index is damaged or its file was replaced, this opens it again
        or builds it again. Raises `StorageError` if the notebook cannot be read.
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
        if self._search is not None:
            self._search.close()
        self._search = self._open_search()
        if self._checkpoints is not None:
            self._checkpoints.finish()
            self._checkpoints = Checkpoints(self._path_in_use, log_bytes=self._log_bytes, executor=executor)

    def matches(self, query: Query, start: int, time: int = 0) -> Iterator[int | PausePoint | SearchRunning]:
        """Yield the numbers of the notes that have the words, tags and author of `query`, in the query's order.

        They begin at the note `start`; if the query is `by_time`, `time` is its `noted_at`. Also yields a `PausePoint` where
        the caller may pause, and `SearchRunning` while the executor searches. Raises `InvalidQuery` as `conditions_of` does.
        """
        conditions = conditions_of(query)
        searched = self._search or self._connection
        newest_first, start_time = query.newest_first, time if query.by_time else None
        return self._read(matches(searched, conditions, start, newest_first=newest_first, start_time=start_time))

    def next_candidate(self, number: int, since: int | None, until: int | None, newest_first: bool) -> int:
        """Return the first number, from `number` on, of an entry whose note may be of `since` or later and before `until`.

        Times are in microseconds since 1970 UTC; None sets no limit. With `newest_first`, the numbers go down from `number`. If
        there is no such number, returns the number after the last indexed one or, with `newest_first`, 0. If `number` is not
        indexed yet, returns `number`.
        """
        if number > self.indexed:
            return number
        found = self._ask(lambda: self._counts.next_candidate(number, since, until, newest_first=newest_first))
        if found is None:
            return 0 if newest_first else self.indexed + 1
        return found

    def tallies(self, view: View, after_key: int) -> Iterator[Tally]:
        """Yield how many notes each tag, author or day has; see `Counts.tallies`."""
        return self._read(self._counts.tallies(view, after_key))

    def time_span(self) -> tuple[int | None, int | None]:
        """The `noted_at` of the earliest and the latest note, in microseconds since 1970 UTC; see `Counts.time_span`."""
        return self._ask(self._counts.time_span)

    def close(self) -> None:
        """Close the file, and remove it if it is temporary. Interrupts a search that is running, and waits for a checkpoint."""
        if self._checkpoints is not None:
            self._checkpoints.finish()
        if self._search is not None:
            self._search.close()
        self._connection.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _ask(self, question: Callable[[], _T]) -> _T:
        """Return what `question` reads in the index; if that fails, raise `IndexDamaged`."""
        try:
            return question()
        except sqlite3.Error as error:
            raise self._damage(error, self._connection) from error

    def _read(self, found: Iterator[_T]) -> Iterator[_T]:
        """Yield what `found` yields from the index; if that fails, raise `IndexDamaged`."""
        connection = self._connection
        try:
            yield from found
        except sqlite3.Error as error:
            raise self._damage(error, connection) from error

    def _damage(self, error: sqlite3.Error, connection: sqlite3.Connection) -> IndexDamaged:
        """Return the error to raise for `error`. If it is lasting and `connection` is open, mark the index as damaged."""
        if connection is self._connection and not may_be_temporary(error):
            self._is_damaged = True
        return IndexDamaged("index_damaged", path=self.path, problem=str(error))

    def _try_step(self) -> bool:
        """Do one transaction, and start a checkpoint if one is due; returns False if no transaction can be done now."""
        if self._calls_to_pause:
            self._calls_to_pause -= 1
            return False
        if self._is_damaged or (self._checkpoints is not None and self._checkpoints.is_running):
            return False
        try:
            self._do_step()
        except sqlite3.Error as error:
            self._handle_trouble(error)
            return False
        if self._checkpoints is not None:
            self._checkpoints.start_if_due()
        return True

    def _do_step(self) -> None:
        """Do one transaction: index a few entries. If a shard has too many segments (see `shards`), only merge some of them."""
        try:
            with atomic(self._connection):
                self._refresh()  # another process may have written
                state = self._state if self._shards.merge_if_behind() else self._index_batch()
        except BaseException:
            self._data_version = None  # the transaction was rolled back: makes `_refresh` read the state again
            raise
        self._state = state
        self._transactions += 1
        self._forget_answers()

    def _index_batch(self) -> State:
        """Index the next few entries, if any, in the open transaction, and return the state of the index after it."""
        state = self._state
        with storage_errors(self._notebook_path):  # an error of the notebook, not of the index
            batch = next_batch(self._notebook, state.indexed)
        if batch is not None and self._is_ours(state):
            step = self._write(batch, state)
            indexed = state.indexed if step else batch.last
            state = State(state.notebook_id, state.rules, indexed, step, *batch.mark)
            state.write(self._connection)
        return state

    def _write(self, batch: Batch, state: State) -> int:
        """Index `batch`, return 0. If it is long, index one more row; return how many are done, or 0 if none was left."""
        if batch.is_long:
            step = self._shards.write_portion(batch.changes[0], state.step, entry=batch.last)
        else:
            self._shards.write(batch.changes, first=state.indexed + 1, last=batch.last)
            step = 0
        if not step:
            self._counts.write(batch.changes)
        return step

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
            self._is_damaged = True
        else:
            with suppress(sqlite3.Error):  # if that fails, the next call meets the same error
                self._refresh()

    def _refresh(self) -> None:
        """Read the state and the shards again if another process has written them, or if a transaction was rolled back."""
        (data_version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if data_version == self._data_version:
            return
        state = State.read(self._connection)
        self._shards.reload()
        self._state = state
        self._data_version = data_version
        self._forget_answers()

    def _forget_answers(self) -> None:
        if self._search is not None:
            self._search.forget()

    def _check_file(self) -> None:
        """Open the index again if it is damaged or its file was replaced. Then read what other processes have written."""
        if self._is_damaged or (self._identity is not None and self._identity != identity_of(self._path_in_use)):
            self._open_again()
        try:
            self._refresh()
        except sqlite3.Error as error:
            self._handle_trouble(error)
        if not self._is_ours(self._state):  # another version of udpnote uses the file at the same time
            self.close()
            self._open_temporary()

    def _is_ours(self, state: State) -> bool:
        """Whether an index in this state was made from this notebook, with the rules for search terms that this program has."""
        return (state.notebook_id, state.rules) == (self._notebook_id, RULES_VERSION)

    def _is_fit(self, state: State) -> bool:
        """Whether an index in this state `_is_ours`, and the notebook still has the last entry of which anything is indexed."""
        with storage_errors(self._notebook_path):
            last = state.indexed + bool(state.step)
            is_same = last == 0 or mark_of(self._notebook, last) == state[4:]
        return self._is_ours(state) and is_same

    def _open_again(self) -> None:
        """Open the index again. If it is damaged, remove its file first, unless another process has already replaced it."""
        self.close()
        is_there = self._identity is not None and self._identity == identity_of(self._path_in_use)
        if self._is_damaged and is_there and not remove_index_file(self._path_in_use):
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
        self._use(open_index_file(path, notebook=self._notebook_path))
        self._path_in_use = path
        if path != IN_MEMORY:
            self._identity = identity_of(path)
            self._checkpoints = Checkpoints(path, log_bytes=self._log_bytes, executor=self._executor)
        self._search = self._open_search()

    def _open_search(self) -> BackgroundSearch | None:
        """A new `BackgroundSearch`; None without executor, or for an index in memory, which no other connection can read."""
        if self._executor is None or self._identity is None:
            return None
        return BackgroundSearch(self._path_in_use, self._executor)

    def _use(self, connection: sqlite3.Connection) -> None:
        """Use the index that `connection` has open; empty it if it does not fit the notebook. On errors, close `connection`."""
        shard_bytes_max, shard_numbers_max = self._shard_limits
        self._connection = connection
        self._shards = Shards(connection, bytes_max=shard_bytes_max, numbers_max=shard_numbers_max)
        self._counts = Counts(connection)
        self._identity = self._search = self._checkpoints = self._data_version = None
        self._is_damaged = False
        try:
            with storage_errors(self.path):
                connection.execute(f"PRAGMA busy_timeout = {OPENING_BUSY_MILLISECONDS}")
                self._refresh()
                if not self._is_fit(self._state):
                    self._empty()
                connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        except BaseException:
            connection.close()
            raise

    def _empty(self) -> None:
        """Remove everything from the index, unless another process has just done so."""
        with atomic(self._connection):
            self._data_version = None
            self._refresh()
            if not self._is_fit(self._state):
                self._shards.clear()
                self._counts.clear()
                self._state = State(self._notebook_id, RULES_VERSION, 0)
                self._state.write(self._connection)

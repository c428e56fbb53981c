"""The search index of one notebook, in a file of its own beside it: derived from the notebook, and never the truth.

Entries are appended without it. It catches up afterwards, when there is time, in transactions of a few milliseconds, and
knows up to which number it has come; so a crash costs nothing but what was not committed. It is fit for one notebook only, and
only as long as the last entry that it took up is still the same one, which it is not where a backup was put back. An index
that is not fit, that is damaged, or that another version made is made anew, without a word: all of it can be.

Several processes may use one index at a time: whoever finds it busy comes again later. Where its file cannot be written, a
process makes one of its own, in a temporary file. Who has more urgent things to do than to wait for a search has it done
elsewhere.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from udpnote.errors import StorageError
from udpnote.model.query import PausePoint, Query, SearchRunning, Tally, View
from udpnote.storage.database import IN_MEMORY, atomic, storage_errors
from udpnote.storage.entry_rows import last_number
from udpnote.storage.index import files
from udpnote.storage.index.checkpoints import Checkpoints
from udpnote.storage.index.counts import Figures, Totals
from udpnote.storage.index.files import Trouble, identity_of, is_passing, trouble_of
from udpnote.storage.index.note_changes import Slice, mark_of, slice_after
from udpnote.storage.index.search_worker import Executor, Searches, matches
from udpnote.storage.index.shard_search import conditions_of
from udpnote.storage.index.shards import SHARD_BYTES_MAX, SHARD_NUMBERS_MAX, Shards
from udpnote.storage.index.state import SCHEMA, State
from udpnote.text.search_terms import RULES

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

LOG_BYTES = 8 << 20
"""By how much the log grows before a checkpoint begins: that takes ten milliseconds, and two fsyncs of the disk."""

PAUSE_CALLS_MAX = 1023
"""Calls that do nothing after the disk has refused something: one at first, then twice as many each time, up to this."""


_Answer = TypeVar("_Answer")


class IndexDamaged(StorageError):
    """The search index is damaged, or gone: it is made anew; the notebook is whole."""


class Index:
    """The search index at `path` of the notebook behind the connection `notebook`, for the thread that uses that one.

    It is right about the notebook as soon as `catch_up` has said so. What is wrong with its own file is mended there; what
    is found damaged while searching raises `IndexDamaged`, and then the next `catch_up` begins anew.
    """

    _connection: sqlite3.Connection
    _shards: Shards
    _figures: Figures
    _place: str
    _file: tuple[int, int] | None
    _checkpoints: Checkpoints | None
    _state: State
    _version: int | None
    _executor: Executor | None = None
    _searches: Searches | None = None
    _folder: "TemporaryDirectory[str] | None" = None

    def __init__(
        self,
        path: str,
        notebook: sqlite3.Connection,
        *,
        shard_bytes_max: int = SHARD_BYTES_MAX,
        shard_numbers_max: int = SHARD_NUMBERS_MAX,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        self.path = path
        self._notebook = notebook
        ((_, _, notebook_path),) = notebook.execute("SELECT * FROM pragma_database_list WHERE name = 'main'")
        self._notebook_path = notebook_path or IN_MEMORY
        with storage_errors(self._notebook_path):
            (self._notebook_id,) = notebook.execute("SELECT value FROM properties WHERE name = 'notebook_id'").fetchone()
        self._shard_limits = (shard_bytes_max, shard_numbers_max)
        self._log_bytes = log_bytes
        self._pause_calls = self._calls_to_pause = 0
        self._transactions = 0
        self._open()

    @property
    def indexed(self) -> int:
        """The number of the last entry that is in it."""
        return 0 if self._is_damaged else self._state.indexed

    @property
    def transactions(self) -> int:
        """How many it has made: where there are none, it does not get on."""
        return self._transactions

    @property
    def notes(self) -> int:
        """How many notes are shown."""
        return self._totals().notes

    @property
    def tags(self) -> int:
        """How many different tags they have."""
        return self._totals().tags

    @property
    def authors(self) -> int:
        """How many different authors wrote them."""
        return self._totals().authors

    @property
    def days(self) -> int:
        """On how many different days they were written."""
        return self._totals().days

    def last_number(self) -> int:
        """The number of the notebook's last entry; raises `StorageError` if that cannot be read."""
        with storage_errors(self._notebook_path):
            return last_number(self._notebook)

    def catch_up(self, is_spent: Callable[[], bool]) -> bool:
        """Take up entries until all are there, or until, asked after each few of them, `is_spent()`; gives if all are there.

        False may also mean that it is not possible now: call again. Raises `StorageError` if the notebook cannot be read.
        """
        self._look_after_file()
        while self.indexed < self.last_number():
            if not self._go_on():
                return False
            if is_spent():
                return self.indexed >= self.last_number()
        self._pause_calls = 0
        return True

    def search_in(self, executor: Executor) -> None:
        """Have `executor` search from now on, while whoever asks for `matches` does something else."""
        self._executor = executor
        if self._searches is not None:
            self._searches.close()
        self._searches = self._open_searches()
        if self._checkpoints is not None:
            self._checkpoints.finish()
            self._checkpoints = Checkpoints(self._place, log_bytes=self._log_bytes, executor=executor)

    def matches(self, query: Query, start: int) -> Iterator[int | PausePoint | SearchRunning]:
        """The numbers of the notes that have the words, tags and author of `query`, from `start` on, in the query's order.

        Among them is a `PausePoint`, with the number where to go on, wherever the caller may pause, and `SearchRunning`
        while a worker thread searches. Raises `InvalidQuery` like `check_words`.
        """
        conditions = conditions_of(query)
        asked = self._searches or self._connection
        return self._searching(matches(asked, conditions, start, newest_first=query.newest_first))

    def skip(self, number: int, since: int | None, until: int | None, newest_first: bool) -> int:
        """The next number, from `number` on, that may be a note's written in [since, until), in microseconds since 1970 UTC.

        It is past the end, or 0 if the newest come first, where there is none. What is not indexed yet always may be one.
        """
        if number > self.indexed:
            return number
        found = self._ask(lambda: self._figures.skip(number, since, until, newest_first=newest_first))
        if found is None:
            return 0 if newest_first else self.indexed + 1
        return found

    def tallies(self, view: View, after_key: int) -> Iterator[Tally]:
        """The tallies of TAGS, AUTHORS or DAYS whose key is higher than `after_key`, by key; that of a day: days since 1970."""
        return self._searching(self._figures.tallies(view, after_key))

    def written_between(self) -> tuple[int | None, int | None]:
        """When the earliest and the latest note was written, in microseconds since 1970 UTC, deleted ones included."""
        return self._ask(self._figures.written_between)

    def close(self) -> None:
        """Close the file; whoever closes it last moves its log into it."""
        if self._checkpoints is not None:
            self._checkpoints.finish()
        if self._searches is not None:
            self._searches.close()
        self._connection.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _totals(self) -> Totals:
        return self._ask(lambda: self._figures.totals)

    def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        """The answer to a question about what is in the index."""
        try:
            return question()
        except sqlite3.Error as error:
            raise self._damage(error, self._connection) from error

    def _searching(self, found: Iterator[_Answer]) -> Iterator[_Answer]:
        """What is found, one by one."""
        connection = self._connection
        try:
            yield from found
        except sqlite3.Error as error:
            raise self._damage(error, connection) from error

    def _damage(self, error: sqlite3.Error, connection: sqlite3.Connection) -> IndexDamaged:
        """Remember that what `connection` reads is damaged, if it is still what we use."""
        if connection is self._connection and not is_passing(error):
            self._is_damaged = True
        return IndexDamaged(f"the search index {self.path} cannot be read ({error}): it is made anew, ask again in a moment")

    def _look_after_file(self) -> None:
        """Open the index anew where that must be, and take note of what other processes have written."""
        if self._is_damaged or (self._file is not None and self._file != identity_of(self._place)):
            self._open_anew()
        try:
            self._refresh()
        except sqlite3.Error as error:
            self._mend(error)
        if not self._is_ours(self._state):  # another version of udpnote uses the file at the same time
            self.close()
            self._open_temporary()

    def _go_on(self) -> bool:
        """Take up a few entries; False if that is not possible now."""
        if self._calls_to_pause:
            self._calls_to_pause -= 1
            return False
        if self._is_damaged or (self._checkpoints is not None and self._checkpoints.is_running):
            return False
        try:
            self._take_up()
        except sqlite3.Error as error:
            self._mend(error)
            return False
        if self._checkpoints is not None:
            self._checkpoints.start_if_due()
        return True

    def _take_up(self) -> None:
        """Take up a few entries in a transaction of their own, or only tidy up a little, where there is need of it."""
        try:
            with atomic(self._connection):
                self._refresh()  # another process may have been first
                state = self._state if self._shards.tidy_up() else self._advance()
        except BaseException:
            self._version = None  # what was undone is not so
            raise
        self._state = state
        self._transactions += 1
        self._forget_answers()

    def _advance(self) -> State:
        """Take up a few entries, and give how far that has come."""
        state = self._state
        with storage_errors(self._notebook_path):  # not an error of the index
            found = slice_after(self._notebook, state.indexed)
        if found is not None and self._is_ours(state):
            step = self._write(found, state)
            indexed = state.indexed if step else found.last
            state = State(state.notebook_id, state.rules, indexed, step, *found.mark)
            state.keep(self._connection)
        return state

    def _write(self, found: Slice, state: State) -> int:
        """Take up what entries change, or one step of a long change; gives the next step, 0 if all is done."""
        if found.is_long:
            step = self._shards.write_portion(found.changes[0], state.step, entry=found.last)
        else:
            self._shards.write(found.changes, first=state.indexed + 1, last=found.last)
            step = 0
        if not step:
            self._figures.write(found.changes)
        return step

    def _mend(self, error: sqlite3.Error) -> None:
        """Do what can be done about an error while writing."""
        trouble = trouble_of(error)
        if trouble is not Trouble.BUSY:
            self._pause_calls = self._calls_to_pause = min(2 * self._pause_calls + 1, PAUSE_CALLS_MAX)
        if trouble is Trouble.UNWRITABLE:
            self.close()
            self._open_temporary()
        elif trouble is Trouble.DAMAGED:
            self._is_damaged = True
        else:
            with suppress(sqlite3.Error):  # if that fails, the next call sees it
                self._refresh()

    def _refresh(self) -> None:
        """Read how far the index has come, if another process may have written it, or a transaction was undone."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        state = State.read(self._connection)
        self._shards.reload()
        self._state = state
        self._version = version
        self._forget_answers()

    def _forget_answers(self) -> None:
        if self._searches is not None:
            self._searches.forget()

    def _is_ours(self, state: State) -> bool:
        """Whether an index with this state is one of this notebook, made by our rules."""
        return (state.notebook_id, state.rules) == (self._notebook_id, RULES)

    def _is_fit(self, state: State) -> bool:
        """Whether we can go on with an index that has this state."""
        with storage_errors(self._notebook_path):
            last = state.indexed + bool(state.step)
            is_same = last == 0 or mark_of(self._notebook, last) == state[4:]
        return self._is_ours(state) and is_same

    def _open_anew(self) -> None:
        """Open the index again, but not what is damaged; another process may have replaced that already."""
        self.close()
        is_there = self._file is not None and self._file == identity_of(self._place)
        if self._is_damaged and is_there and not files.remove(self._place):
            self._open_temporary()
        else:
            self._open()

    def _open(self) -> None:
        """Open the file; if it is damaged, a new one; if it cannot be written, one of our own."""
        for _ in ("as it is", "made anew"):
            try:
                self._open_at(self.path)
            except StorageError as error:
                if trouble_of(error.__cause__) is not Trouble.DAMAGED or not files.remove(self.path):
                    break
            else:
                return
        self._open_temporary()

    def _open_temporary(self) -> None:
        """Use an index of our own, in a temporary file, or, where there is none, in memory."""
        self._folder = files.temporary_folder()
        if self._folder is not None:
            try:
                self._open_at(os.path.join(self._folder.name, "index"))
            except StorageError:  # there is no room for one, or not enough
                self._folder.cleanup()
            else:
                return
        self._open_at(IN_MEMORY)

    def _open_at(self, place: str) -> None:
        """Use the index at `place`, made if it is not there; raises `StorageError`."""
        self._use(files.open_file(place, SCHEMA))
        self._place = place
        if place != IN_MEMORY:
            self._file = identity_of(place)
            self._checkpoints = Checkpoints(place, log_bytes=self._log_bytes, executor=self._executor)
        self._searches = self._open_searches()

    def _open_searches(self) -> Searches | None:
        """Who is asked to search in what is open now; nobody, where that is in memory, where nobody else can see it."""
        if self._executor is None or self._file is None:
            return None
        return Searches(self._place, self._executor)

    def _use(self, connection: sqlite3.Connection) -> None:
        """Use `connection` from now on, emptied unless it is fit; raises `StorageError`."""
        shard_bytes_max, shard_numbers_max = self._shard_limits
        self._connection = connection
        self._shards = Shards(connection, bytes_max=shard_bytes_max, numbers_max=shard_numbers_max)
        self._figures = Figures(connection)
        self._file = None
        self._searches = None
        self._checkpoints = None
        self._is_damaged = False
        self._version = None
        try:
            with storage_errors(self.path):
                files.wait_for_others(connection, files.OPENING_BUSY_MILLISECONDS)
                self._refresh()
                if not self._is_fit(self._state):
                    self._empty()
                files.wait_for_others(connection, files.BUSY_MILLISECONDS)
        except BaseException:
            connection.close()
            raise

    def _empty(self) -> None:
        """Begin anew in the same file, unless another process has done so meanwhile."""
        with atomic(self._connection):
            self._version = None
            self._refresh()
            if not self._is_fit(self._state):
                self._shards.clear()
                self._figures.clear()
                self._state = State(self._notebook_id, RULES, 0)
                self._state.keep(self._connection)

"""Searches in a worker thread, so that a server continues to serve however long a search takes.

SQLite releases Python's global lock while it works. So a search in another thread, on a connection of its own, delays no other
thread. A search is divided into questions (`shard_search.Question`). Each question is one job of the worker thread, and finds
the next matches, in the order of the notes' numbers or times.
"""

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from threading import Condition, Thread
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from udpnote.model.query import PausePoint, SearchRunning
from udpnote.storage.database import uri_of
from udpnote.storage.index.index_file import State, known_identity
from udpnote.storage.index.shard_search import Answer, Conditions, Question, search_shards, snapshot
from udpnote.storage.index.time_search import search_by_time

if TYPE_CHECKING:
    from concurrent.futures import Future

QUESTION_SECONDS = 0.02
"""After this time a question searches no further shard, so that the worker thread can do jobs of other readers."""

CACHE_KIBIBYTES = 4096
"""Page cache of the worker's connection: enough for the pages of a common word in an index of a million notes."""

MATCHES_MIN = 32
MATCHES_MAX = 4096
"""The most matches in one answer. The first answer of a search has up to `MATCHES_MIN`, because a reader may need no more. Each
next one has up to twice as many as the one before, but never more than `MATCHES_MAX`."""

ANSWERS_MAX = 16
"""The most answers that are kept. A reader of long notes asks the same question again for each page of results."""

JOBS_MAX = 128
"""If this many jobs wait for the worker thread when another is submitted, the cancelled ones among them are removed."""

END_SECONDS = 1.0
"""The most time to wait for the end of a job that was interrupted or is short. Usually it ends within milliseconds."""

_T = TypeVar("_T")


class Executor(Protocol):
    """Runs jobs one at a time, in the order in which they are submitted."""

    def submit(self, job: Callable[[], _T], /) -> "Future[_T]":
        """Run `job` later. The future gets what `job` returns, or the `sqlite3.Error` that it raises.

        If the future is cancelled before the job has begun, the job never runs.
        """

    def finish(self, future: "Future[_T]", /) -> None:
        """Wait until the job of `future` ends, for at most `END_SECONDS`. The caller has made sure that it ends soon."""


class SearchThread:
    """An `Executor` with one thread, which it starts with the first job. Calls `on_done` in that thread after each job.

    If no thread can be started, jobs run at once, in the caller's thread. A `ThreadPoolExecutor` would not do, for two reasons.
    It keeps cancelled jobs until its thread comes to them, so a client that asks for more and more searches while a long one
    runs could fill the memory. And Python waits for its threads at exit, so a long search would delay the end of a program.
    """

    def __init__(self, on_done: Callable[[], None]) -> None:
        self._on_done = on_done
        self._jobs: deque[tuple[Future[object], Callable[[], object]]] = deque()
        self._changed = Condition()
        self._thread: Thread | None = None
        self._is_closed = False

    def submit(self, job: Callable[[], _T], /) -> "Future[_T]":
        """Run `job` later, in the thread (see `Executor.submit`)."""
        from concurrent.futures import Future  # here, because it is slow to import and few notebooks are searched

        future = Future[_T]()
        with self._changed:
            if len(self._jobs) >= JOBS_MAX:
                self._jobs = deque(each for each in self._jobs if not each[0].cancelled())
            self._jobs.append((future, job))  # type: ignore[arg-type]
            self._changed.notify()
        if self._thread is None:
            self._start()
        return future

    def finish(self, future: "Future[_T]", /) -> None:
        """Wait for the end of the job of `future` (see `Executor.finish`)."""
        from concurrent.futures import wait

        wait([future], END_SECONDS)

    def close(self) -> None:
        """Wait until all submitted jobs are done, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        """Start the thread. If that is not possible, do all waiting jobs in the caller's thread."""
        thread = Thread(target=self._run, name="udpnote search", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system allows no further thread, or Python is ending
            while self._jobs:
                self._do(*self._jobs.popleft())
        else:
            self._thread = thread

    def _run(self) -> None:
        """Do the waiting jobs, the oldest first, until `close` was called and none is left."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._is_closed)
                if not self._jobs:
                    return
                future, job = self._jobs.popleft()
            self._do(future, job)

    def _do(self, future: "Future[object]", job: Callable[[], object]) -> None:
        """Do one job, unless it was cancelled: give its result or its `sqlite3.Error` to `future`, then call `on_done`."""
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(job())
        except sqlite3.Error as error:  # `future.result` raises it again
            future.set_exception(error)
        finally:
            self._on_done()


class BackgroundSearch:
    """Answers questions from the index file at `path`, in `executor`, until another file takes the place of that file.

    After `question_seconds`, a question searches no further shard: the answer has what was found so far, and where to continue.
    The latest `ANSWERS_MAX` answers are kept in memory. An answer is only for a question with the same `Question.state`, so no
    question gets an answer that was found before the index changed.
    """

    def __init__(self, path: str, executor: Executor, *, question_seconds: float = QUESTION_SECONDS) -> None:
        self._path = path
        self._executor = executor
        self._question_seconds = question_seconds
        self._identity = known_identity(path)
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False
        self._answers: dict[Question, Answer | None] = {}

    def ask(self, question: Question) -> Generator[SearchRunning, None, Answer | None]:
        """Yield `SearchRunning` until `question` is answered. Then return the answer, or None if the index may lack notes (see
        `search`).

        A kept answer is returned at once. Raises `sqlite3.Error` if the index cannot be read, its file was replaced, or `close`
        was called.
        """
        if question not in self._answers:
            future = self._executor.submit(partial(self._answer, question))
            try:
                while not future.done():
                    yield SearchRunning(future.done)
                self._answers[question] = future.result()
            finally:
                future.cancel()
        answer = self._answers.pop(question)
        self._answers[question] = answer  # moves it to the end, as the latest one
        if len(self._answers) > ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]
        return answer

    def close(self) -> None:
        """Interrupt the running question and close the file. Readers that wait for an answer get a `sqlite3.Error`."""
        if self._is_closed:
            return
        self._is_closed = True
        with suppress(sqlite3.ProgrammingError):  # the connection is not open yet, or already closed
            if self._connection is not None:
                self._connection.interrupt()
        self._executor.finish(self._executor.submit(self._disconnect))

    def _answer(self, question: Question) -> Answer | None:
        """Search for `question`, in the executor's thread, and return what `search` returns. Raises `sqlite3.Error`."""
        until = time.monotonic() + self._question_seconds
        return search(self._connect(), question, lambda: time.monotonic() >= until)

    def _connect(self) -> sqlite3.Connection:
        """The read-only connection to the index file, opened for the first question. Only the executor's thread reads with it.

        Raises `sqlite3.ProgrammingError` if this search is closed, or if another file has taken the place of the index.
        """
        if self._is_closed or self._identity != known_identity(self._path):
            raise sqlite3.ProgrammingError("another file has taken the place of the search index")
        if self._connection is None:
            address = uri_of(self._path, "mode=ro")  # read-only: it cannot remove the log of a later file
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
            self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        return self._connection

    def _disconnect(self) -> None:
        """Close the connection, if it is open. This runs as a job of the executor."""
        if self._connection is not None:
            self._connection.close()


class HalfIndexed(NamedTuple):
    """A search could not continue from the note `number` on, whose `noted_at` is `time` if the search is in the order of time.

    The index may lack notes, for one of two reasons. A long change of a note is being indexed, so the index may have neither
    text of that note. Or another program has begun the index anew. Search again from there, after the index was brought up to
    date.
    """

    number: int
    time: int


def search(connection: sqlite3.Connection, question: Question, is_time_up: Callable[[], bool]) -> Answer | None:
    """Find the next matches for `question`, in the order of numbers or of times, whichever it asks for.

    If `is_time_up()` becomes true, the answer has the matches that were found until then, and where to continue. Returns None
    if the index may lack notes (see `State.has_all_of`).
    """
    find = search_shards if question.time is None else search_by_time
    with snapshot(connection):
        return find(connection, question, is_time_up) if State.read(connection).has_all_of(question.state) else None


def matches(
    searched: BackgroundSearch | sqlite3.Connection,
    conditions: Conditions,
    start: int,
    *,
    state: State,
    newest_first: bool,
    start_time: int | None = None,
) -> Iterator[int | PausePoint | SearchRunning | HalfIndexed]:
    """Yield the numbers of the notes that meet the `conditions`, from `start` up or, with `newest_first`, from `start` down.

    `state` is the present state of the index. If `start_time` is not None, the notes come in the order of time, from the one
    with that time and the number `start` on. Also yields a `PausePoint` after each question but the last, and `SearchRunning`
    while a `BackgroundSearch` works on one. Ends after a `HalfIndexed`. If `searched` is a connection, each question searches
    one shard or one window of time, in the caller's thread. Raises `sqlite3.Error` if the index cannot be read.
    """
    question = Question(conditions, start, newest_first, MATCHES_MIN, state, start_time)
    while True:
        if isinstance(searched, BackgroundSearch):
            answer = yield from searched.ask(question)
        else:
            answer = search(searched, question, lambda: True)
        if answer is None:
            yield HalfIndexed(question.start, question.time or 0)
            return
        yield from answer.numbers
        if answer.following is None:
            return
        yield PausePoint(answer.following.start, answer.following.time or 0)
        question = answer.following._replace(matches_max=min(2 * question.matches_max, MATCHES_MAX))

"""Searches that somebody else does: whoever asks has more urgent things to do than to wait for FTS5.

SQLite works without Python's global lock. So what it does in another thread, with a connection of its own, holds up nobody,
however long it takes.
"""

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from threading import Condition, Thread
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote

from udpnote.model.query import PausePoint, SearchRunning
from udpnote.storage.index.files import identity_of
from udpnote.storage.index.shard_search import Answer, Question, look_through

if TYPE_CHECKING:
    from concurrent.futures import Future

QUESTION_SECONDS = 0.02
"""How long one question goes on to further shards, while other searches wait for their turn."""

CACHE_KIBIBYTES = 4096
"""Page cache of the connection that searches: what a common word needs of an index of a million notes."""

MATCHES_MIN = 32
MATCHES_MAX = 4096
"""Matches that are asked for at a time: few at first, because few may be wanted, and then twice as many each time."""

ANSWERS_MAX = 16
"""Answers that are remembered: one for each of a few readers of entries so long that it takes many turns to read them."""

JOBS_MAX = 128
"""Jobs that wait in a search thread before it is looked which of them nobody waits for any more."""

END_SECONDS = 1.0
"""How long to wait for the end of a job that was interrupted: it takes milliseconds."""

_T = TypeVar("_T")


class Executor(Protocol):
    """Who does jobs, one at a time, in their order."""

    def submit(self, job: Callable[[], _T], /) -> "Future[_T]":
        """Take a job, and give what will hold its result; whoever cancels that does not want it any more."""

    def finish(self, future: "Future[_T]", /) -> None:
        """Wait until a job is done that cannot take long."""


class SearchThread:
    """Does jobs in a thread of its own, and tells `on_done`, in that thread, whenever one is done.

    Where no thread can be started, a job is done at once.
    """

    def __init__(self, on_done: Callable[[], None]) -> None:
        self._on_done = on_done
        self._jobs: deque[tuple[Future[object], Callable[[], object]]] = deque()
        self._changed = Condition()
        self._thread: Thread | None = None
        self._is_closed = False

    def submit(self, job: Callable[[], _T], /) -> "Future[_T]":
        """See `Executor`."""
        from concurrent.futures import Future  # here: it is slow to import, and few servers are searched

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
        """See `Executor`."""
        from concurrent.futures import wait

        wait([future], END_SECONDS)

    def close(self) -> None:
        """End the thread when it has done what it was asked to do."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        thread = Thread(target=self._run, name="udpnote search", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left for us, or Python is ending
            while self._jobs:
                self._do(*self._jobs.popleft())
        else:
            self._thread = thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._is_closed)
                if not self._jobs:
                    return
                future, job = self._jobs.popleft()
            self._do(future, job)

    def _do(self, future: "Future[object]", job: Callable[[], object]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(job())
        except sqlite3.Error as error:  # whoever waits for the result gets it
            future.set_exception(error)
        finally:
            self._on_done()


class Searches:
    """What `executor` looks through the search index at `path` for, as long as that is the file it is now.

    A question goes on to further shards for up to `question_seconds`.
    """

    def __init__(self, path: str, executor: Executor, *, question_seconds: float = QUESTION_SECONDS) -> None:
        self._path = path
        self._executor = executor
        self._question_seconds = question_seconds
        self._identity = identity_of(path)
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False
        self._answers: dict[Question, Answer] = {}

    def ask(self, question: Question) -> Generator[SearchRunning, None, Answer]:
        """The answer to `question`; yields until it is there. Raises `sqlite3.Error` if the index cannot be read."""
        answers = self._answers
        if question not in answers:
            future = self._executor.submit(partial(self._answer, question))
            try:
                while not future.done():
                    yield SearchRunning(future.done)
                answers[question] = future.result()
            finally:
                future.cancel()
        answer = answers.pop(question)
        answers[question] = answer  # the latest one
        if len(answers) > ANSWERS_MAX:
            del answers[next(iter(answers))]
        return answer

    def forget(self) -> None:
        """What was answered may not be so any more: the index has changed."""
        self._answers = {}

    def close(self) -> None:
        """End what is being searched for, and let go of the file; whoever still waits gets an error."""
        if self._is_closed:
            return
        self._is_closed = True
        with suppress(sqlite3.ProgrammingError):  # it was not opened yet, or is not any more
            if self._connection is not None:
                self._connection.interrupt()
        self._executor.finish(self._executor.submit(self._disconnect))

    def _answer(self, question: Question) -> Answer:
        until = time.monotonic() + self._question_seconds
        return look_through(self._connect(), question, lambda: time.monotonic() >= until)

    def _connect(self) -> sqlite3.Connection:
        """The connection, opened for the first question; only the executor uses it."""
        if self._is_closed or self._identity != identity_of(self._path):
            raise sqlite3.ProgrammingError("it is not the file any more that it was")
        if self._connection is None:
            address = f"file:{quote(self._path)}?mode=ro"  # whoever only reads cannot remove the log of a later file
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
            self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


def matches(
    asked: Searches | sqlite3.Connection, conditions: tuple[str, ...], start: int, *, newest_first: bool
) -> Iterator[int | PausePoint | SearchRunning]:
    """The numbers, from `start` on, for which all `conditions` hold, and places to pause, wherever a question ends.

    Whoever asks a connection gets one shard's answers at a time. Raises `sqlite3.Error` if the index cannot be read.
    """
    question = Question(conditions, start, newest_first, MATCHES_MIN)
    while True:
        if isinstance(asked, Searches):
            answer = yield from asked.ask(question)
        else:
            answer = look_through(asked, question, lambda: True)
        yield from answer.numbers
        if answer.following is None:
            return
        yield PausePoint(answer.following)
        question = question._replace(start=answer.following, enough=min(2 * question.enough, MATCHES_MAX))

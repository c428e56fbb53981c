"""Searches that somebody else does: whoever asks has more urgent things to do than to wait for FTS5.

SQLite works without Python's global lock. So what it does in another thread, with a connection of its own, holds up nobody,
however long it takes.
"""

import sqlite3
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote

from udpnote.query import InProgress, Passed
from udpnote.storage.index_files import identity_of
from udpnote.storage.matching import Answer, Question, look_through

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

QUESTION_SECONDS = 0.02
"""How long one question goes on to further shards, while other searches wait for their turn."""

CACHE_KIBIBYTES = 4096
"""Page cache of the connection that searches: what a common word needs of an index of a million notes."""

MATCHES_MIN = 32
MATCHES_MAX = 4096
"""Matches that are asked for at a time: few at first, because few may be wanted, and then twice as many each time."""

ANSWERS_MAX = 16
"""Answers that are remembered: one for each of a few readers of entries so long that it takes many turns to read them."""

_T = TypeVar("_T")


class Executor(Protocol):
    """Who does jobs, one at a time, in their order."""

    def submit(self, job: Callable[[], _T], /) -> "Future[_T]":
        """Take a job, and give what will hold its result."""


class SearchThread:
    """Does searches in a thread of its own, and tells `on_done`, in that thread, whenever one is done."""

    def __init__(self, on_done: Callable[[], None]) -> None:
        self._on_done = on_done
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, job: Callable[[], _T], /) -> "Future[_T]":
        """See `Executor`."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor  # here: it is slow to import, and few servers are searched

            self._pool = ThreadPoolExecutor(1, "udpnote search")
        future = self._pool.submit(job)
        future.add_done_callback(lambda _: self._on_done())
        return future

    def close(self) -> None:
        """End the thread when it has done what it was asked to do."""
        if self._pool is not None:
            self._pool.shutdown()


class Searches:
    """What `executor` looks through the search index at `path` for, as long as that is the file it is now."""

    def __init__(self, path: str, executor: Executor) -> None:
        self._path = path
        self._executor = executor
        self._identity = identity_of(path)
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False
        self._answers: dict[Question, Answer] = {}

    def ask(self, question: Question) -> Generator[InProgress, None, Answer]:
        """The answer to `question`; yields until it is there. Raises `sqlite3.Error` if the index cannot be read."""
        answers = self._answers
        if question not in answers:
            future = self._executor.submit(partial(self._answer, question))
            try:
                while not future.done():
                    yield InProgress()
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
        """End what is being searched for, and let go of the file a moment later; whoever still waits gets an error."""
        if self._connection is not None and not self._is_closed:
            self._connection.interrupt()
            self._executor.submit(self._connection.close)
        self._is_closed = True

    def _answer(self, question: Question) -> Answer:
        until = time.monotonic() + QUESTION_SECONDS
        return look_through(self._connect(), question, lambda: time.monotonic() >= until)

    def _connect(self) -> sqlite3.Connection:
        """The connection, opened for the first question; only the executor uses it."""
        if self._is_closed or self._identity != identity_of(self._path):
            raise sqlite3.OperationalError("it is not the file any more that it was")
        if self._connection is None:
            connection = sqlite3.connect(
                f"file:{quote(self._path)}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA query_only = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
            self._connection = connection
        return self._connection


def matches(
    asked: Searches | sqlite3.Connection, conditions: tuple[str, ...], start: int, *, newest_first: bool
) -> Iterator[int | Passed | InProgress]:
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
        yield Passed(answer.following)
        question = question._replace(start=answer.following, enough=min(2 * question.enough, MATCHES_MAX))

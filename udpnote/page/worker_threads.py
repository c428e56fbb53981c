"""Runs calls that block, such as those of a `Client`, in threads, so that the page can answer other browsers meanwhile."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from udpnote.errors import Notice
from udpnote.page.responses import unavailable

T = TypeVar("T")


READING_THREADS, ASKING_THREADS, WRITING_THREADS, PROBING_THREADS = 8, 4, 8, 2
"""How many calls of each kind run at a time. Entries of calls that run together share datagrams and fsyncs. Each reading call
keeps the whole texts of a few results in memory.
"""

WAITING_CALLS_MAX = 200
"""The most calls of each kind that may wait for a thread: a few for each of the browsers that use the page at once."""


class WorkerThreads:
    """Runs at most `threads` calls at a time. At most `waiting_max` more calls wait for a thread. Further calls are refused
    (503).
    """

    def __init__(self, threads: int, waiting_max: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="udpnote page")
        self._calls_max = threads + waiting_max
        self._calls = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Call `work` in a thread, and return its result. Its sentences are in the language of the task that calls `run`.

        If that task is cancelled, a call that has begun goes on, and its result is dropped. Raises the errors of `work`, and a
        `Refusal` if too many calls wait, or after `close`. Raises `CancelledError` if `close` drops the call.
        """
        if self._calls >= self._calls_max:
            raise unavailable(Notice("page_busy"))
        self._calls += 1
        context = contextvars.copy_context()
        future = self._executor.submit(context.run, work)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _soon(loop, self._record_end))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Drop the calls that wait for a thread, and refuse further ones. Do not wait for those that run."""
        self._calls_max = 0
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _record_end(self) -> None:
        self._calls -= 1


class Threads:
    """The threads of a page, in four groups: for reading, for questions that the notebook's server answers in a moment, for
    writing, and for asking the server whether it answers.
    """

    def __init__(self) -> None:
        self.reading = WorkerThreads(READING_THREADS, WAITING_CALLS_MAX)
        self.asking = WorkerThreads(ASKING_THREADS, WAITING_CALLS_MAX)
        self.writing = WorkerThreads(WRITING_THREADS, WAITING_CALLS_MAX)
        self.probing = WorkerThreads(PROBING_THREADS, WAITING_CALLS_MAX)

    def close(self) -> None:
        """Start no more calls."""
        for each in (self.reading, self.asking, self.writing, self.probing):
            each.close()


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Let `loop` call `callback`, unless the loop has ended."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)

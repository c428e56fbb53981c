"""An executor of searches that works only when a test tells it to."""

import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from udpnote.model.query import SearchRunning

_T = TypeVar("_T")


class LaterSearcher:
    """Collects the jobs that are submitted, and does them when `work` or `finish` is called."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.cancelled = 0

    def submit(self, job: Callable[[], _T], /) -> Future[_T]:
        future = Future[_T]()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                self.cancelled += 1
                return
            try:
                future.set_result(job())
            except sqlite3.Error as error:
                future.set_exception(error)

        self.jobs.append(do)
        return future

    def finish(self, future: Future[_T], /) -> None:
        self.work()
        assert future.done()

    def work(self) -> int:
        """Do all jobs that were submitted, and return how many there were."""
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()
        return len(jobs)

    def drain(self, steps: Iterable[_T | SearchRunning]) -> list[_T]:
        """Return what a search finds. Whenever its `steps` say that it waits for a job, do all jobs."""
        found = list[_T]()
        for step in steps:
            if isinstance(step, SearchRunning):
                self.work()
            else:
                found.append(step)
        return found

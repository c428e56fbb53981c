"""Runs the parts of a measurement in processes of their own, and lets several begin at the same time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

SPAWN = get_context("spawn")
"""Starts each process of a measurement without the memory and the locks of this one."""

REPORT_SECONDS_MAX = 600.0
"""A process that reports nothing for so long has failed; no part of a measurement takes that long."""

END_SECONDS_MAX = 10.0

Work = Callable[[Connection], None]
"""The work of a process, which reports through the connection, and may receive through it."""


def received(connection: Connection) -> Any:
    """Return the next report of a process. Raises `TimeoutError` if none comes, and `EOFError` if the process has ended."""
    if not connection.poll(REPORT_SECONDS_MAX):
        raise TimeoutError(f"a process of the measurement has not reported for {REPORT_SECONDS_MAX:g} seconds")
    return connection.recv()


@contextmanager
def worker(work: Work) -> Iterator[Connection]:
    """Start a process that does `work`, and give the block our end of the connection to it. The process ends with the block."""
    ours, theirs = SPAWN.Pipe()
    working = SPAWN.Process(target=work, args=(theirs,), daemon=True)
    working.start()
    theirs.close()
    try:
        yield ours
    finally:
        working.terminate()
        working.join(END_SECONDS_MAX)
        working.kill()
        working.join()


@contextmanager
def process(work: Work) -> Iterator[Any]:
    """Start a process that does `work`, and give the block its first report. The process ends with the block."""
    with worker(work) as connection:
        yield received(connection)


@contextmanager
def processes(works: Iterable[Work]) -> Iterator[None]:
    """Start a process for each of `works`. The block begins when each has reported something; the processes end with it."""
    with ExitStack() as ending:
        for work in works:
            ending.enter_context(process(work))
        yield


def results_together(works: Sequence[Work]) -> list[Any]:
    """Do `works` at the same time, each in a process of its own, and return what each reports at its end.

    Each work must call `wait_for_start` when it is ready. All go on when all are ready.
    """
    with ExitStack() as ending:
        connections = [ending.enter_context(worker(work)) for work in works]
        for connection in connections:
            received(connection)
        for connection in connections:
            connection.send(True)
        return [received(connection) for connection in connections]


def wait_for_start(report: Connection) -> None:
    """Report that this process is ready, and wait until all processes are ready."""
    report.send(True)
    received(report)

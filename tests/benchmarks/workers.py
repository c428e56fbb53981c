"""Processes of a measurement, each started afresh, and clients that all begin at the same time."""

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
"""What a process does: it reports through the connection, and may receive through it."""


def received(connection: Connection) -> Any:
    """The next report of a process. Raises `TimeoutError` if it does not come, and `EOFError` if the process has ended."""
    if not connection.poll(REPORT_SECONDS_MAX):
        raise TimeoutError(f"a process of the measurement has not reported for {REPORT_SECONDS_MAX:g} seconds")
    return connection.recv()


@contextmanager
def worker(work: Work) -> Iterator[Connection]:
    """A process that does `work`, as our end of its connection. It ends with the context."""
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
    """A process that does `work`. The context begins with the first report of the process, and ends the process."""
    with worker(work) as connection:
        yield received(connection)


@contextmanager
def processes(works: Iterable[Work]) -> Iterator[None]:
    """Processes that work; the context begins when all of them have reported that they do."""
    with ExitStack() as ending:
        for work in works:
            ending.enter_context(process(work))
        yield


def results_together(works: Sequence[Work]) -> list[Any]:
    """What each of `works` reports at its end, if all begin at the same time, each in a process of its own.

    Each work calls `wait_for_start` when it is ready.
    """
    with ExitStack() as ending:
        connections = [ending.enter_context(worker(work)) for work in works]
        for connection in connections:
            received(connection)
        for connection in connections:
            connection.send(True)
        return [received(connection) for connection in connections]


def wait_for_start(report: Connection) -> None:
    """Report that this process is ready, and wait until all processes are."""
    report.send(True)
    received(report)

"""Checkpoints: a log is moved into its file when it has grown, and not earlier."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection, connect

import pytest

from tests.support.later_searcher import LaterSearcher
from udpnote.storage.index.index_file import open_index_file
from udpnote.storage.index.open_index import Checkpoints

LOG_BYTES = 100_000


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "a database?.sqlite3")


@pytest.fixture
def checkpoints(path: str) -> Checkpoints:
    return Checkpoints(path, log_bytes=LOG_BYTES)


@pytest.fixture
def writer(path: str) -> Iterator[Connection]:
    with closing(open_index_file(path)) as writer:
        writer.execute("CREATE TABLE lines (line BLOB)")
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        yield writer


def write(writer: Connection, size: int, checkpoints: Checkpoints | None = None) -> None:
    writer.execute("INSERT INTO lines VALUES (zeroblob(?))", (size,))
    if checkpoints is not None:
        checkpoints.start_if_due()


def test_a_long_log_is_moved_and_a_short_one_stays(path: str, writer: Connection, checkpoints: Checkpoints) -> None:
    size = os.stat(path).st_size
    write(writer, LOG_BYTES // 2, checkpoints)
    assert os.stat(path).st_size == size
    for turn in range(1, 4):
        write(writer, LOG_BYTES, checkpoints)
        assert os.stat(path).st_size > turn * LOG_BYTES
        write(writer, 1, checkpoints)
        assert os.stat(f"{path}-wal").st_size < LOG_BYTES
    write(writer, LOG_BYTES)
    for removed in (path, f"{path}-wal"):
        os.unlink(removed)
        checkpoints.start_if_due()
    assert not os.path.exists(path)


def test_a_log_that_a_reader_holds_is_tried_again_later(path: str, writer: Connection, checkpoints: Checkpoints) -> None:
    write(writer, LOG_BYTES)
    with closing(connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM lines").fetchall()
        write(writer, 10_000, checkpoints)
        size = os.stat(path).st_size
        assert size > LOG_BYTES, "the log is moved up to the state that the reader sees"
    write(writer, 10_000, checkpoints)
    assert os.stat(path).st_size == size
    write(writer, LOG_BYTES, checkpoints)
    assert os.stat(path).st_size > 2 * LOG_BYTES


def test_an_executor_does_one_checkpoint_of_all_that_was_written_before_it_began(path: str, writer: Connection) -> None:
    searcher = LaterSearcher()
    checkpoints = Checkpoints(path, log_bytes=LOG_BYTES, executor=searcher)
    size = os.stat(path).st_size
    for _ in range(3):
        write(writer, LOG_BYTES, checkpoints)
        assert not checkpoints.is_running, "the checkpoint has not begun"
    assert (len(searcher.jobs), os.stat(path).st_size) == (1, size)
    searcher.work()
    size = os.stat(path).st_size
    assert size > 3 * LOG_BYTES
    write(writer, 1)
    assert os.stat(f"{path}-wal").st_size < LOG_BYTES, "the log is begun again"
    write(writer, LOG_BYTES, checkpoints)
    checkpoints.finish()
    searcher.work()
    assert os.stat(path).st_size == size

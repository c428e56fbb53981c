"""Searches in a worker thread: what they find, how callers wait for them, and how they end if the index is lost."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import pytest

from tests.support.later_searcher import LaterSearcher
from tests.support.notebook_files import change
from tests.writings import Writings, catch_up, caught_up, numbers
from udpnote.model.query import PausePoint, Query, SearchRunning
from udpnote.storage.index.index import Index, IndexDamaged
from udpnote.storage.index.index_file import State
from udpnote.storage.index.search_worker import (
    ANSWERS_MAX,
    JOBS_MAX,
    MATCHES_MIN,
    BackgroundSearch,
    SearchThread,
    matches,
    search,
)
from udpnote.storage.index.shard_search import Question, conditions_of

WORDS, NOTHING = Query(words=("会",)), Query(words=("gone",))


WAIT_SECONDS = 30.0
"""How long a test waits for a thread before it fails."""


@pytest.fixture
def searcher() -> LaterSearcher:
    return LaterSearcher()


@pytest.fixture
def index(path: str, hundred: Writings, searcher: LaterSearcher) -> Iterator[Index]:
    """An index of a hundred notes in two shards, which `searcher` searches."""
    with caught_up(path, hundred, shard_numbers_max=64) as index:
        index.use_executor(searcher)
        yield index
    searcher.work()


def state_of(index: Index) -> State:
    return index._open_index.state


def found(index: Index, searcher: LaterSearcher) -> list[int]:
    return numbers(index, WORDS, searcher=searcher)


def begun(index: Index) -> Iterator[object]:
    """A search that waits for the executor."""
    search = index.matches(WORDS, 1)
    assert isinstance(next(search), SearchRunning)
    return search


def test_a_search_is_running_until_the_executor_has_done_it(index: Index, searcher: LaterSearcher) -> None:
    search = index.matches(WORDS, 1)
    waiting = [next(search) for _ in range(3)]
    assert len(searcher.jobs) == 1
    assert [isinstance(each, SearchRunning) and each.is_over() for each in waiting] == [False] * 3
    searcher.work()
    assert [isinstance(each, SearchRunning) and each.is_over() for each in waiting] == [True] * 3
    assert [next(search) for _ in range(MATCHES_MIN)] == list(range(1, MATCHES_MIN + 1))
    assert next(search) == PausePoint(MATCHES_MIN + 1)
    assert isinstance(next(search), SearchRunning)
    del search
    assert (searcher.work(), searcher.cancelled) == (1, 1), "a search that nobody waits for is not done"


@pytest.mark.parametrize("count", [0, MATCHES_MIN, MATCHES_MIN + 1, 7 * MATCHES_MIN + 1])
def test_the_worker_finds_what_a_search_without_it_finds(
    path: str, writings: Writings, searcher: LaterSearcher, count: int
) -> None:
    writings.fill(["会"] * count)
    queries = [WORDS, WORDS._replace(newest_first=True)]
    with caught_up(path, writings, shard_numbers_max=100) as index:
        here = [numbers(index, query) for query in queries]
        index.use_executor(searcher)
        there = [numbers(index, query, searcher=searcher) for query in queries]
        assert there == here == [writings.matches(query) for query in queries]


def test_one_question_goes_on_to_further_shards_while_there_is_time(index: Index, path: str, searcher: LaterSearcher) -> None:
    for seconds, end in ((WAIT_SECONDS, None), (0.0, PausePoint(65))):
        search = BackgroundSearch(path, searcher, question_seconds=seconds)
        found = matches(search, conditions_of(NOTHING), 1, state=state_of(index), newest_first=False)
        assert [isinstance(next(found), SearchRunning), searcher.work()] == [True, 1]
        assert next(found, None) == end
        search.close()


def test_a_change_between_the_search_of_two_shards_is_not_seen(index: Index, path: str, writings: Writings) -> None:
    def revise_the_rest() -> bool:
        for number in range(65, 101):
            writings.revise(number, "away")
        catch_up(index)
        return False

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        question = Question(conditions_of(WORDS), 1, False, 1000, state_of(index))
        for is_time_up, last in ((revise_the_rest, 100), (lambda: False, 64)):
            answer = search(other, question, is_time_up)
            assert answer is not None and answer.numbers == list(range(1, last + 1))


# Answers that are kept


def test_a_question_is_searched_once_until_the_index_changes(index: Index, writings: Writings, searcher: LaterSearcher) -> None:
    whole = found(index, searcher)
    assert list(islice(index.matches(WORDS, 1), MATCHES_MIN)) == whole[:MATCHES_MIN]
    assert searcher.work() == 0
    writings.delete(1)
    catch_up(index)
    assert found(index, searcher) == whole[1:]
    added = writings.note("会")
    with caught_up(index.path, writings, shard_numbers_max=64):
        pass  # as another process
    catch_up(index)
    assert found(index, searcher) == [*whole[1:], added]


def test_an_answer_from_before_a_change_is_not_kept(index: Index, writings: Writings, searcher: LaterSearcher) -> None:
    search = begun(index)
    searcher.work()
    writings.delete(1)
    catch_up(index)
    searcher.drain(search)
    assert found(index, searcher) == list(range(2, 101))


def test_the_latest_answers_are_kept_and_no_more(index: Index, path: str, searcher: LaterSearcher) -> None:
    with closing(BackgroundSearch(path, searcher)) as search:

        def searches(start: int) -> int:
            """How many searches a question needs."""
            question = Question(conditions_of(WORDS), start, False, 5, state_of(index))
            return len([searcher.work() for _ in search.ask(question)])

        assert [searches(start) for start in range(ANSWERS_MAX)] == [1] * ANSWERS_MAX
        assert (searches(0), searches(ANSWERS_MAX), searches(0), searches(1)) == (0, 1, 0, 1)


# An index that is lost while it is searched


@pytest.mark.parametrize("loss", ["gone", "replaced", "damaged"])
def test_a_search_of_an_index_that_is_gone_replaced_or_damaged_fails_and_the_index_is_mended(
    index: Index, path: str, writings: Writings, searcher: LaterSearcher, loss: str
) -> None:
    search = begun(index)
    if loss == "damaged":
        change(path, "DELETE FROM search_1_data WHERE id > 10")
    else:
        os.rename(path, f"{path}.before")
    if loss == "replaced":
        with closing(Writings()) as others, caught_up(path, others):
            pass
    elif loss == "gone":
        catch_up(index)
    with pytest.raises(IndexDamaged):
        searcher.drain(search)
    catch_up(index)
    assert found(index, searcher) == writings.matches(WORDS)


def test_an_index_that_cannot_be_opened_just_now_is_not_taken_for_damaged(
    index: Index, path: str, writings: Writings, searcher: LaterSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, connect = os.stat(path).st_ino, sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: connect("file:/nowhere/index?mode=ro", uri=True))
    with pytest.raises(IndexDamaged):
        found(index, searcher)
    monkeypatch.undo()
    assert index.indexed == 100
    catch_up(index)
    assert os.stat(path).st_ino == identity
    assert found(index, searcher) == writings.matches(WORDS)


# The thread


@pytest.fixture
def thread() -> Iterator[SearchThread]:
    with closing(SearchThread(lambda: None)) as thread:
        yield thread


def test_the_search_thread_runs_jobs_reports_each_when_it_is_done_and_survives_one_that_fails() -> None:
    def fail() -> None:
        raise sqlite3.DatabaseError("malformed")

    done = threading.Event()
    thread = SearchThread(done.set)
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        thread.submit(fail).result(WAIT_SECONDS)
    worker = thread.submit(threading.current_thread).result(WAIT_SECONDS)
    assert done.wait(WAIT_SECONDS)
    assert worker is not threading.current_thread()
    thread.close()
    assert not worker.is_alive()


@pytest.mark.usefixtures("no_threads")
def test_where_no_thread_can_be_started_a_job_is_done_at_once(thread: SearchThread) -> None:
    assert thread.submit(int).done()


def test_cancelled_jobs_do_not_pile_up(thread: SearchThread) -> None:
    busy, free = threading.Event(), threading.Event()

    def be_busy() -> None:
        busy.set()
        free.wait(WAIT_SECONDS)

    thread.submit(be_busy)
    assert busy.wait(WAIT_SECONDS)
    wanted = [thread.submit(int) for _ in range(3)]
    for _ in range(10 * JOBS_MAX):
        thread.submit(int).cancel()
    assert len(thread._jobs) <= JOBS_MAX
    free.set()
    assert [future.result(WAIT_SECONDS) for future in wanted] == [0, 0, 0]


def test_closing_interrupts_a_search_that_would_take_long(index: Index, path: str, thread: SearchThread) -> None:
    started = threading.Event()
    search = BackgroundSearch(path, thread)
    for _ in search.ask(Question(conditions_of(WORDS), 1, False, 1, state_of(index))):
        thread.submit(int).result(WAIT_SECONDS)  # jobs are done in order

    def count_for_long() -> None:
        connection = search._connect()
        connection.create_function("start", 0, started.set)
        counted = "WITH RECURSIVE n(n) AS (SELECT start() UNION ALL SELECT n + 1 FROM n LIMIT 100000000)"
        connection.execute(f"{counted} SELECT count(*) FROM n")

    future = thread.submit(count_for_long)
    assert started.wait(WAIT_SECONDS)
    search.close()
    with pytest.raises(sqlite3.OperationalError, match="interrupt"):
        future.result(WAIT_SECONDS)

"""Searches that are done elsewhere: what they find, who waits for them, and what becomes of them when the index goes."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from tests.support.later_searcher import LaterSearcher
from tests.writings import END, Writings, assert_right, catch_up, items, numbers
from udpnote.model.query import PausePoint, Query, SearchRunning
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.index.index import Index, IndexDamaged
from udpnote.storage.index.search_worker import (
    ANSWERS_MAX,
    JOBS_MAX,
    MATCHES_MAX,
    MATCHES_MIN,
    BackgroundSearch,
    SearchThread,
    matches,
)
from udpnote.storage.index.shard_search import Question, conditions_of, look_through

WORDS = Query(words=("会",))
WAIT_SECONDS = 30.0
"""How long a thread is waited for before the test fails."""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notebook.index")


@pytest.fixture
def writings() -> Iterator[Writings]:
    with closing(Writings()) as writings:
        yield writings


@pytest.fixture
def searcher() -> LaterSearcher:
    return LaterSearcher()


@pytest.fixture
def index(path: str, writings: Writings, searcher: LaterSearcher) -> Iterator[Index]:
    """An index of a hundred notes, which `searcher` searches."""
    writings.fill(["会"] * 100)
    with closing(Index(path, writings.connection, shard_numbers_max=64)) as index:
        catch_up(index)
        index.search_in(searcher)
        yield index
    searcher.work()


def found(search: Iterator[int | PausePoint | SearchRunning], searcher: LaterSearcher) -> list[int]:
    """All that `search` finds, with `searcher` at work whenever that is waited for."""
    found = []
    for each in search:
        if isinstance(each, SearchRunning):
            searcher.work()
        elif isinstance(each, int):
            found.append(each)
    return found


def test_a_search_is_in_progress_until_somebody_has_done_it(index: Index, searcher: LaterSearcher) -> None:
    search = index.matches(WORDS, 1)
    waiting = [next(search) for _ in range(3)]
    assert len(searcher.jobs) == 1
    assert [isinstance(each, SearchRunning) and each.is_over() for each in waiting] == [False] * 3
    searcher.work()
    assert [isinstance(each, SearchRunning) and each.is_over() for each in waiting] == [True] * 3
    assert [next(search) for _ in range(MATCHES_MIN)] == list(range(1, MATCHES_MIN + 1))
    assert next(search) == PausePoint(MATCHES_MIN + 1)
    assert isinstance(next(search), SearchRunning)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("count", [0, 1, MATCHES_MIN - 1, MATCHES_MIN, MATCHES_MIN + 1, 3 * MATCHES_MIN, 3 * MATCHES_MAX])
def test_what_is_found_elsewhere_is_what_is_found_here(
    path: str, writings: Writings, searcher: LaterSearcher, count: int, newest_first: bool
) -> None:
    writings.fill(["会"] * count)
    query = WORDS._replace(newest_first=newest_first)
    with closing(Index(path, writings.connection, shard_numbers_max=2000)) as index:
        catch_up(index)
        here = numbers(index, query)
        index.search_in(searcher)
        assert found(index.matches(query, END if newest_first else 1), searcher) == here == writings.matches(query)


def test_one_question_goes_through_several_shards(index: Index, searcher: LaterSearcher) -> None:
    search = index.matches(Query(words=("gone",)), 1)
    assert [isinstance(next(search), SearchRunning), searcher.work()] == [True, 1]
    assert next(search, None) is None


def test_a_question_ends_at_a_shard_when_its_time_is_over(index: Index, path: str, searcher: LaterSearcher) -> None:
    searches = BackgroundSearch(path, searcher, question_seconds=0.0)
    found = matches(searches, conditions_of(Query(words=("gone",))), 1, newest_first=False)
    assert isinstance(next(found), SearchRunning)
    searcher.work()
    assert next(found) == PausePoint(65)
    assert index.indexed == 100
    searches.close()


def test_what_is_written_while_a_search_is_in_progress_is_no_part_of_it(
    index: Index, writings: Writings, searcher: LaterSearcher
) -> None:
    search = index.matches(WORDS, 1)
    next(search)
    for number in range(1, 101):
        writings.revise(number, "away" if number % 2 else "会 again")
    catch_up(index)
    kept = found(search, searcher)
    assert kept == list(range(2, 101, 2))


def test_what_is_written_between_two_shards_is_no_part_of_a_search(index: Index, path: str, writings: Writings) -> None:
    def revise_the_rest() -> bool:
        for number in range(65, 101):
            writings.revise(number, "away")
        catch_up(index)
        return False

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        question = Question(conditions_of(WORDS), 1, False, 1000)
        assert look_through(other, question, revise_the_rest).numbers == list(range(1, 101))
        assert look_through(other, question, lambda: False).numbers == list(range(1, 65))


def test_the_same_question_is_not_asked_again_before_the_index_has_changed(
    index: Index, writings: Writings, searcher: LaterSearcher
) -> None:
    whole = found(index.matches(WORDS, 1), searcher)
    assert list(islice(index.matches(WORDS, 1), MATCHES_MIN)) == whole[:MATCHES_MIN]
    assert searcher.work() == 0
    writings.delete(1)
    catch_up(index)
    assert found(index.matches(WORDS, 1), searcher) == whole[1:]


def test_what_another_process_adds_to_the_index_is_found_at_once(
    index: Index, path: str, writings: Writings, searcher: LaterSearcher
) -> None:
    found(index.matches(WORDS, 1), searcher)
    writings.note("会")
    with closing(Index(path, writings.connection, shard_numbers_max=64)) as others:
        catch_up(others)
    catch_up(index)
    assert found(index.matches(WORDS, 1), searcher) == list(range(1, 102))


def test_an_answer_that_came_when_the_index_had_changed_is_not_remembered(
    index: Index, writings: Writings, searcher: LaterSearcher
) -> None:
    search = index.matches(WORDS, 1)
    next(search)
    searcher.work()
    writings.delete(1)
    catch_up(index)
    found(search, searcher)
    assert found(index.matches(WORDS, 1), searcher) == list(range(2, 101))


def test_so_many_answers_are_remembered_and_those_that_are_used(path: str, index: Index, searcher: LaterSearcher) -> None:
    searches = BackgroundSearch(path, searcher)

    def ask(start: int) -> int:
        """How often that has to be searched for."""
        question = Question(conditions_of(WORDS), start, False, 5)
        return len([searcher.work() for _ in searches.ask(question)])

    assert index.indexed == 100
    assert [ask(start) for start in range(ANSWERS_MAX)] == [1] * ANSWERS_MAX
    assert (ask(0), ask(ANSWERS_MAX), ask(0), ask(1)) == (0, 1, 0, 1)
    searches.close()


def test_a_search_that_nobody_waits_for_any_more_is_not_done(index: Index, searcher: LaterSearcher) -> None:
    search = index.matches(WORDS, 1)
    next(search)
    del search
    assert (searcher.work(), searcher.cancelled) == (1, 1)


def test_a_search_that_is_in_progress_when_the_index_is_made_anew_does_not_end_as_if_it_were_whole(
    index: Index, path: str, writings: Writings, searcher: LaterSearcher
) -> None:
    search = index.matches(WORDS, 1)
    next(search)
    os.unlink(path)
    catch_up(index)
    with pytest.raises(IndexDamaged):
        found(search, searcher)
    assert index.indexed == 100, "the new one is not to blame"
    assert found(index.matches(WORDS, 1), searcher) == writings.matches(WORDS)


def test_a_file_that_has_taken_the_place_of_the_index_is_not_searched(index: Index, path: str, searcher: LaterSearcher) -> None:
    search = index.matches(WORDS, 1)
    next(search)
    os.rename(path, f"{path}.before")
    with closing(Writings()) as others, closing(Index(path, others.connection)) as another:
        others.note("会")
        catch_up(another)
    with pytest.raises(IndexDamaged):
        found(search, searcher)


def test_an_index_that_cannot_be_opened_just_now_is_not_taken_for_damaged(
    index: Index, path: str, writings: Writings, searcher: LaterSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = os.stat(path).st_ino
    connect = sqlite3.connect

    def refuse(*_: object, **__: object) -> sqlite3.Connection:
        return connect("file:/nowhere/index?mode=ro", uri=True)

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(IndexDamaged):
        found(index.matches(WORDS, 1), searcher)
    monkeypatch.undo()
    assert index.indexed == 100
    catch_up(index)
    assert os.stat(path).st_ino == identity
    assert found(index.matches(WORDS, 1), searcher) == writings.matches(WORDS)


def test_damage_that_a_search_finds_elsewhere_is_mended(
    index: Index, path: str, writings: Writings, searcher: LaterSearcher
) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DELETE FROM search_1_data WHERE id > 10")  # below that, FTS5 says what there is
    with pytest.raises(IndexDamaged):
        found(index.matches(WORDS, 1), searcher)
    catch_up(index)
    assert found(index.matches(WORDS, 1), searcher) == writings.matches(WORDS)


def test_who_searches_may_change_and_then_lets_go_of_the_file(index: Index, searcher: LaterSearcher) -> None:
    before = found(index.matches(WORDS, 1), searcher)
    other = LaterSearcher()
    index.search_in(other)
    assert searcher.work() == 0, "all of it has been done"
    assert found(index.matches(WORDS, 1), other) == before
    index.search_in(searcher)
    other.work()


def test_an_index_in_memory_is_searched_at_once(writings: Writings, searcher: LaterSearcher) -> None:
    writings.fill(["会"] * 10)
    with closing(Index(IN_MEMORY, writings.connection)) as index:
        catch_up(index)
        index.search_in(searcher)
        assert items(index, WORDS) == list(range(1, 11))


def test_a_temporary_index_is_searched_elsewhere_too_and_goes_when_it_is_closed(
    tmp_path: Path, writings: Writings, searcher: LaterSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    writings.fill(["会"] * 100)
    with closing(Index(str(tmp_path / "index"), writings.connection)) as index:
        catch_up(index)
        assert_right(index, writings)
        index.search_in(searcher)
        search = index.matches(WORDS, 1)
        assert isinstance(next(search), SearchRunning)
        assert found(search, searcher) == writings.matches(WORDS)
        assert os.listdir(tmp_path / "temporary") != []
    assert os.listdir(tmp_path / "temporary") == []


def test_where_there_is_no_room_for_temporary_files_the_index_is_in_memory(
    tmp_path: Path, writings: Writings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    writings.fill(["会"] * 100)
    with closing(Index(str(tmp_path / "index"), writings.connection)) as index:
        catch_up(index)
        assert_right(index, writings)


def test_the_search_thread_works_apart_and_tells_when_it_is_done() -> None:
    done, worker = threading.Event(), []
    thread = SearchThread(done.set)
    future = thread.submit(lambda: worker.append(threading.current_thread()))
    future.result(WAIT_SECONDS)
    assert done.wait(WAIT_SECONDS)
    assert worker[0] is not threading.current_thread()
    thread.close()
    assert not worker[0].is_alive()


def test_jobs_that_nobody_wants_any_more_do_not_pile_up() -> None:
    busy, free = threading.Event(), threading.Event()
    thread = SearchThread(lambda: None)

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
    thread.close()


def test_whoever_asked_for_what_fails_is_told_and_the_next_job_is_done() -> None:
    def fail() -> None:
        raise sqlite3.DatabaseError("malformed")

    thread = SearchThread(lambda: None)
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        thread.submit(fail).result(WAIT_SECONDS)
    assert thread.submit(int).result(WAIT_SECONDS) == 0
    thread.close()


def test_where_no_thread_can_be_started_a_job_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    thread = SearchThread(lambda: None)
    assert thread.submit(int).done()
    thread.close()


def test_a_search_thread_that_nobody_has_asked_ends_too() -> None:
    SearchThread(lambda: None).close()


def test_a_search_in_a_thread_finds_what_is_there(index: Index, writings: Writings) -> None:
    done = threading.Semaphore(0)
    thread = SearchThread(done.release)
    index.search_in(thread)
    kept = []
    for each in index.matches(WORDS, 1):
        if isinstance(each, SearchRunning):
            assert done.acquire(timeout=WAIT_SECONDS)
        elif isinstance(each, int):
            kept.append(each)
    assert kept == writings.matches(WORDS)
    index.close()
    thread.close()


def test_closing_interrupts_a_search_that_would_take_long(path: str, writings: Writings) -> None:
    started, done = threading.Event(), threading.Event()
    thread = SearchThread(done.set)
    writings.fill(["会"])
    with closing(Index(path, writings.connection)) as index:
        catch_up(index)
        searches = BackgroundSearch(path, thread)
        question = Question(conditions_of(WORDS), 1, False, 1)
        ask = searches.ask(question)
        for _ in ask:
            assert done.wait(WAIT_SECONDS)

        def count_for_ever() -> None:
            connection = searches._connect()
            connection.create_function("start", 0, started.set)
            connection.execute("WITH RECURSIVE n(n) AS (SELECT start() UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n")

        future = thread.submit(count_for_ever)
        assert started.wait(WAIT_SECONDS)
        searches.close()
        with pytest.raises(sqlite3.OperationalError, match="interrupt"):
            future.result(WAIT_SECONDS)
        thread.close()

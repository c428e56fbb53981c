"""Readings that go on at the end, and those that must wait for the index: each asks as seldom as it can."""

import pytest

from tests.support.golden import NOTEBOOK_ID
from tests.support.readings import (
    Book,
    answers,
    asked,
    exchange,
    expire,
    finish,
    note,
    notes,
    page,
    pages_in,
    reading,
    receive,
    sent,
    sent_next,
)
from udpnote.model.query import FIRST, Cursor, Query, View
from udpnote.protocol.envelope import OPEN, Requester
from udpnote.protocol.messages import PageState, Read
from udpnote.protocol.paging import Pager
from udpnote.protocol.reading import INDEXING_PAUSE_SECONDS, LEASE_SECONDS, POLL_SECONDS, REFRESH_SECONDS, Indexing, Reading

LOG = Query(View.LOG)


def at_end(book: Book, *, query: Query = LOG, start: int | None = None) -> tuple[Reading, Read]:
    """A follower at time 0.01 that has read all of `book`, and the READ that it wants to leave."""
    reader = reading(query, follows=True, start=start)
    left = left_at_end(reader, book)
    reader.items()
    return reader, left


def left_at_end(reader: Reading, book: Book) -> Read:
    """The READ that `reader` wants to leave when it has read all of `book`."""
    while not (reads := sent(reader))[0].wait_milliseconds:
        receive(reader, *answers(book, *reads), now=0.01)
    assert len(reads) == 1, "what waits pays for one page"
    return reads[0]


def waiting(book: Book) -> tuple[Reading, Read]:
    """The same, and the server has said that it keeps the READ."""
    reader, left = at_end(book)
    receive(reader, *answers(book, left), now=0.01)
    assert sent(reader) == []
    return reader, left


def test_a_follower_reads_all_there_is_and_leaves_a_read_at_the_end() -> None:
    book = Book(*notes(50))
    reader, left = at_end(book)
    assert (left.cursor, left.wait_milliseconds, left.limit) == (Cursor(51, 0), 15_000, 0)
    assert left.wait_milliseconds == LEASE_SECONDS * 1000
    assert not reader.is_ended
    assert not reader.is_ended


def test_a_follower_hands_out_what_was_there_first() -> None:
    reader = reading(LOG, follows=True)
    receive(reader, *answers(Book(*notes(3)), *sent(reader)), now=0.01)
    assert reader.items() == notes(3)


def test_a_follower_may_begin_behind_all_that_is_there() -> None:
    _, left = at_end(Book(*notes(3)), start=4)
    assert left.cursor == Cursor(4, 0)


def test_a_follower_of_an_empty_notebook_waits_for_the_first_entry() -> None:
    reader, left = waiting(Book())
    assert left.cursor == Cursor(1, 0)
    receive(reader, *answers(Book(note(1)), left), now=5.0)
    assert reader.items() == [note(1)]


def test_who_waits_is_left_alone_and_refreshes_its_read_before_the_lease_ends() -> None:
    reader, left = waiting(Book(*notes(3)))
    for turn in (1, 2, 3):
        assert reader.next_timeout() == pytest.approx(0.01 + turn * REFRESH_SECONDS)
        now, reads = sent_next(reader)
        assert reads == [left._replace(turn=left.turn + turn)]
        receive(reader, page(reads[0], state=PageState.WAITING), now=now)
    assert REFRESH_SECONDS * 3 < LEASE_SECONDS
    assert (reader.items(), reader.events()) == ([], [])


def test_news_comes_without_a_timer_and_the_next_read_is_left_at_once() -> None:
    book = Book(*notes(3))
    reader, left = waiting(book)
    book.add(note(4, "news"))
    receive(reader, *answers(book, left), now=2.0)
    assert reader.items() == [note(4, "news")]
    [after] = sent(reader)
    assert (after.cursor, after.wait_milliseconds, after.turn) == (Cursor(5, 0), 15_000, left.turn + 1)


def test_more_news_than_a_page_holds_is_asked_for_without_waiting() -> None:
    book = Book(*notes(3))
    reader, left = waiting(book)
    book.add(*notes(9, first=4))
    receive(reader, *answers(book, left), now=2.0)
    assert reader.items() == notes(2, first=4)
    assert not reader.is_ended
    reads = sent(reader)
    assert {(each.cursor, each.wait_milliseconds) for each in reads} == {(Cursor(6, 0), 0)}
    receive(reader, *answers(book, *reads), now=2.0)
    assert reader.items() == notes(7, first=6)
    assert left_at_end(reader, book).cursor == Cursor(13, 0)


def test_the_repetition_of_news_changes_nothing() -> None:
    book = Book(*notes(3))
    reader, left = waiting(book)
    book.add(note(4))
    for _ in range(3):
        receive(reader, *answers(book, left), now=2.0)
    assert reader.items() == [note(4)]
    assert len(sent(reader)) == 1


def test_news_that_answers_an_earlier_read_comes_at_once() -> None:
    book = Book(*notes(3))
    reader, left = waiting(book)
    now, [again] = sent_next(reader)
    book.add(note(4))
    receive(reader, *answers(book, left), now=now)
    assert reader.items() == [note(4)]
    receive(reader, *answers(book, again), now=now)
    assert reader.items() == []
    assert [(each.cursor, each.wait_milliseconds) for each in sent(reader)] == [(Cursor(5, 0), 15_000)]


def test_a_word_that_a_read_waits_which_is_lost_is_asked_for_again_by_the_timer() -> None:
    reader, left = at_end(Book(*notes(3)))
    now, reads = sent_next(reader)
    assert now < 0.1
    assert reads == [left._replace(turn=left.turn + 1)]


def test_a_refresh_that_is_lost_is_repeated_and_no_silence() -> None:
    reader, left = waiting(Book(*notes(3)))
    refreshed, _ = sent_next(reader)
    now, reads = sent_next(reader)
    assert now < refreshed + 0.1
    assert reads == [left._replace(turn=left.turn + 2)]
    assert (reader.is_silent, reader.events()) == (False, [])


def test_a_server_without_room_for_a_waiting_read_is_asked_once_a_second() -> None:
    reader, left = at_end(Book(*notes(3)))
    now = 0.02
    for _ in range(3):
        receive(reader, page(left, state=PageState.END), now=now)
        assert sent(reader) == []
        assert reader.next_timeout() == now + POLL_SECONDS
        now, [left] = sent_next(reader)
        assert (left.cursor, left.wait_milliseconds) == (Cursor(4, 0), 15_000)
    receive(reader, page(left, state=PageState.WAITING), now=now)
    assert reader.next_timeout() == now + REFRESH_SECONDS


def test_a_poll_that_is_lost_is_repeated_and_no_silence() -> None:
    reader, left = at_end(Book(*notes(3)))
    receive(reader, page(left, state=PageState.END), now=0.02)
    polled, _ = sent_next(reader)
    now, _ = sent_next(reader)
    assert now < polled + 0.1
    assert (reader.is_silent, reader.events()) == (False, [])


def test_news_found_by_a_poll_comes_and_the_next_read_is_left_at_once() -> None:
    book = Book(*notes(3))
    reader, left = at_end(book)
    receive(reader, page(left, state=PageState.END), now=0.02)
    _, [left] = sent_next(reader)
    book.add(note(4))
    receive(reader, *answers(book, left), now=1.1)
    assert reader.items() == [note(4)]
    assert asked(sent(reader)) == [(Cursor(5, 0), 1)]


def test_a_late_end_of_an_earlier_turn_does_not_make_a_follower_poll() -> None:
    reader, left = at_end(Book(*notes(3)))
    receive(reader, page(left._replace(turn=left.turn - 1), state=PageState.END), now=0.02)
    assert sent(reader) == []
    receive(reader, page(left, state=PageState.WAITING), now=0.02)
    assert reader.next_timeout() == 0.02 + REFRESH_SECONDS


def test_a_late_word_that_an_earlier_read_waits_is_ignored() -> None:
    reader, left = at_end(Book(*notes(3)))
    receive(reader, page(left._replace(turn=1), state=PageState.WAITING), now=0.02)
    assert (reader.next_timeout() or 0.0) < 0.1


def test_a_follower_with_a_limit_ends_there() -> None:
    book = Book(*notes(3))
    reader = reading(LOG, follows=True, limit=4)
    exchange_once(reader, book)
    exchange_once(reader, book)
    book.add(*notes(3, first=4))
    now = expire(reader)
    exchange(reader, book, now=now)
    assert reader.items() == notes(4)
    assert (reader.is_ended, reader.next_timeout()) == (True, None)


def exchange_once(reader: Reading, book: Book) -> None:
    receive(reader, *answers(book, *sent(reader)), now=0.01)


def test_a_follower_and_a_server_need_no_timer_between_an_entry_and_its_arrival() -> None:
    book, pager = Book(*notes(3)), Pager[str](NOTEBOOK_ID)
    reader, left = at_end(book)
    pager.receive_read(left, Requester("here", OPEN))
    for number in range(4, 20):
        pager.serve(book.work(float(number)))
        said = [data for data, _ in pager.datagrams_to_send()]
        assert [each.state for each in pages_in(said)] == [PageState.WAITING]
        receive(reader, *said, now=float(number))
        book.add(note(number))
        pager.notice_stored(number)
        pager.serve(book.work(float(number)))
        receive(reader, *(data for data, _ in pager.datagrams_to_send()), now=float(number))
        assert reader.items() == [note(number)]
        [left] = sent(reader)
        pager.receive_read(left, Requester("here", OPEN))


# An index that is not ready.


def test_a_search_asks_again_in_a_while_if_the_index_is_not_ready() -> None:
    book = Book(*notes(9))
    book.indexed = 4
    reader = reading(Query(words=("x",)))
    exchange(reader, book, now=0.01)
    assert reader.indexing == Indexing(4, 9)
    assert reader.next_timeout() == 0.01 + INDEXING_PAUSE_SECONDS
    book.indexed = 7
    exchange(reader, book, now=expire(reader))
    assert reader.indexing == Indexing(7, 9)
    assert (reader.items(), reader.is_ended) == ([], False)
    book.indexed = None
    exchange(reader, book, now=expire(reader))
    assert reader.items() == notes(9)
    assert reader.is_ended


def test_how_far_the_index_has_come_is_told_only_until_it_is_ready() -> None:
    book = Book(*notes(9))
    book.indexed = 4
    reader = reading(Query(words=("x",)))
    exchange(reader, book, now=0.01)
    book.indexed = None
    exchange(reader, book, now=expire(reader))
    assert reader.is_ended
    assert reader.indexing is None


def test_whether_the_index_is_ready_is_asked_with_a_single_read() -> None:
    book = Book(*notes(90))
    book.indexed = 4
    reader = reading(Query(words=("x",)))
    exchange(reader, book, now=0.01)
    for _ in range(3):
        now, reads = sent_next(reader)
        assert len(reads) == 1
        receive(reader, *answers(book, *reads), now=now)
    book.indexed = None
    now, reads = sent_next(reader)
    receive(reader, *answers(book, *reads), now=now)
    assert len(sent(reader)) > 1, "once it is, a whole window is asked for again"


def test_whether_the_index_is_ready_is_asked_only_once_however_many_gaps_there_are() -> None:
    book = Book(*notes(40))
    reader = reading(Query(words=("x",)))
    reads = sent(reader)
    pages = answers(book, *reads)
    book.indexed = 4
    receive(reader, pages[3], pages[6], *answers(book, reads[0]), now=0.01)
    assert [asked(sent_next(reader)[1]) for _ in range(3)] == [[(FIRST, 1)]] * 3
    book.indexed = None
    finish(reader, book, now=reader.next_timeout() or 0.0)
    assert reader.items() == notes(40)


def test_nobody_is_asked_during_the_pause_whatever_comes() -> None:
    book = Book(*notes(40))
    reader = reading(Query(words=("x",)))
    reads = sent(reader)
    pages = answers(book, *reads)
    book.indexed = 4
    receive(reader, *answers(book, reads[0]), pages[3], pages[0], now=0.01)
    assert sent(reader) == []
    assert reader.items() == notes(2)
    assert reader.next_timeout() == 0.01 + INDEXING_PAUSE_SECONDS
    reader.handle_timeout(0.05)
    assert sent(reader) == []
    assert asked(sent_next(reader)[1]) == [(Cursor(3, 0), 13)]


def test_an_index_that_takes_long_is_no_silence() -> None:
    book = Book(*notes(9))
    book.indexed = 4
    reader = reading(Query(words=("x",)))
    exchange(reader, book, now=0.01)
    asked_at, _ = sent_next(reader)
    receive(reader, page(sent_next(reader)[1][0], state=PageState.INDEXING), now=asked_at + 0.8)
    resumed_at, _ = sent_next(reader)
    now, _ = sent_next(reader)
    assert resumed_at < now < resumed_at + 0.9
    assert (reader.is_silent, reader.events()) == (False, [])


def test_a_follower_that_searches_waits_for_the_index_too() -> None:
    book = Book(*notes(3))
    reader, left = at_end(book, query=Query(View.LOG, words=("x",)))
    book.indexed = 3
    receive(reader, *answers(book, left), now=0.02)
    assert reader.next_timeout() == 0.02 + INDEXING_PAUSE_SECONDS
    book.indexed = None
    book.add(*notes(1, first=4))
    exchange_after(reader, book)
    assert reader.items() == notes(1, first=4)


def exchange_after(reader: Reading, book: Book) -> None:
    now = expire(reader)
    receive(reader, *answers(book, *sent(reader)), now=now)

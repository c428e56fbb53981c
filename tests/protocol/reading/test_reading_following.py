"""Readings that follow, and readings that must wait for the search index: both ask as seldom as they can."""

import pytest

from tests.support.golden import OTHER_CLIENT_ID
from tests.support.readings import Book, Reader, answers, asked, new_reading, note, notes, page, seen
from udpnote.model.entry import NOTHING_SEEN
from udpnote.model.query import FIRST, Cursor, Query, View
from udpnote.protocol.reading.bursts import LEASE_SECONDS
from udpnote.protocol.reading.reading import INDEXING_PAUSE_SECONDS, POLL_SECONDS, REFRESH_SECONDS, Indexing
from udpnote.protocol.reading.shown_entries import NotebookRestored
from udpnote.protocol.reading_messages import PageState, Read
from udpnote.protocol.server_contact import NotebookUnreadable, ServerSilent

LOG = Query(View.LOG)
SEARCH = Query(words=("x",))
END, WAITING = PageState.END, PageState.WAITING


def at_end(book: Book, *, start: int | None = None) -> tuple[Reader, Read]:
    """A follower at time 0.01 that has read all of `book`, and its READ that is to wait at the server."""
    reader = new_reading(LOG, follows=True, start=start)
    waiting = waiting_read(reader, book)
    reader.items()
    return reader, waiting


def waiting_read(reader: Reader, book: Book) -> Read:
    """The READ of `reader` that is to wait, once it has read all of `book`."""
    while not (reads := reader.sent())[0].wait_milliseconds:
        reader.receive(*answers(book, *reads), now=0.01)
    assert len(reads) == 1, "a READ that waits pays for one page"
    return reads[0]


def kept(book: Book) -> tuple[Reader, Read]:
    """A follower that has read all of `book`, and its READ, after the server has said that it keeps this READ."""
    reader, waiting = at_end(book)
    reader.receive(*answers(book, waiting), now=0.01)
    assert reader.sent() == []
    return reader, waiting


@pytest.mark.parametrize(("count", "start", "number"), [(50, None, 51), (3, 4, 4), (0, None, 1)])
def test_a_follower_that_has_read_all_leaves_a_read_waiting(count: int, start: int | None, number: int) -> None:
    reader = new_reading(LOG, follows=True, start=start)
    waiting = waiting_read(reader, Book(*notes(count)))
    assert reader.items() == ([] if start else notes(count))
    assert (waiting.cursor, waiting.wait_milliseconds, waiting.limit) == (Cursor(number, 0), LEASE_SECONDS * 1000, 0)
    assert not reader.is_ended


def test_a_follower_whose_notebook_cannot_be_read_says_so_once_and_asks_every_second_until_it_can() -> None:
    book = Book(*notes(3))
    reader, waiting = kept(book)
    reader.receive(page(waiting, state=PageState.NOT_READABLE), now=1.0)
    assert (reader.events(), reader.is_ended, reader.sent()) == ([NotebookUnreadable()], False, [])
    now, reads = reader.sent_next()
    assert (now, reads) == (1.0 + POLL_SECONDS, [waiting._replace(burst=waiting.burst + 1)])
    reader.receive(page(reads[0], state=PageState.NOT_READABLE), now=now)
    now, reads = reader.sent_next()
    book.add(note(4))
    reader.receive(*answers(book, *reads), now=now)
    assert (reader.events(), reader.numbers_read(), reader.refusal) == ([], [4], None)


def test_a_follower_refreshes_its_read_before_the_lease_ends() -> None:
    reader, waiting = kept(Book(*notes(3)))
    for burst in (1, 2, 3):
        assert reader.next_timeout() == pytest.approx(0.01 + burst * REFRESH_SECONDS)
        now, reads = reader.sent_next()
        assert reads == [waiting._replace(burst=waiting.burst + burst)]
        reader.receive(page(reads[0], state=WAITING), now=now)
    assert REFRESH_SECONDS * 3 < LEASE_SECONDS
    assert (reader.items(), reader.events()) == ([], [])


def test_news_arrives_without_a_timer_and_the_next_read_is_sent_at_once_and_only_once() -> None:
    book = Book(*notes(3))
    reader, waiting = kept(book)
    now, [again] = reader.sent_next()
    book.add(note(4, "news"))
    for answered in (waiting, waiting, again):
        reader.receive(*answers(book, answered), now=now)
    assert reader.items() == [note(4, "news")]
    [after] = reader.sent()
    assert (after.cursor, after.wait_milliseconds, after.burst) == (Cursor(5, 0), 15_000, again.burst + 1)


def test_after_the_first_page_of_the_news_the_others_are_read_without_a_wait() -> None:
    book = Book(*notes(3))
    reader, waiting = kept(book)
    book.add(*notes(9, first=4))
    reader.receive(*answers(book, waiting), now=2.0)
    assert reader.items() == notes(2, first=4)
    reads = reader.sent()
    assert {(each.cursor, each.wait_milliseconds) for each in reads} == {(Cursor(6, 0), 0)}
    reader.receive(*answers(book, *reads), now=2.0)
    assert reader.items() == notes(7, first=6)
    assert waiting_read(reader, book).cursor == Cursor(13, 0)


@pytest.mark.parametrize("state", [WAITING, END], ids=["refresh", "poll"])
def test_a_refresh_or_a_poll_that_is_lost_is_repeated_and_is_no_silence(state: PageState) -> None:
    reader, waiting = at_end(Book(*notes(3)))
    reader.receive(page(waiting, state=state), now=0.02)
    first_at, _ = reader.sent_next()
    now, reads = reader.sent_next()
    assert now < first_at + 0.1
    assert reads == [waiting._replace(burst=waiting.burst + 2)]
    assert (reader.contact.is_silent, reader.events()) == (False, [])


def test_a_server_without_room_for_a_waiting_read_is_asked_once_a_second() -> None:
    book = Book(*notes(3))
    reader, waiting = at_end(book)
    now = 0.02
    for _ in range(3):
        reader.receive(page(waiting, state=END), now=now)
        assert reader.sent() == []
        assert reader.next_timeout() == now + POLL_SECONDS
        now, [waiting] = reader.sent_next()
        assert (waiting.cursor, waiting.wait_milliseconds) == (Cursor(4, 0), 15_000)
    book.add(note(4))
    reader.receive(*answers(book, waiting), now=now)
    assert reader.items() == [note(4)]
    assert asked(reader.sent()) == [(Cursor(5, 0), 1)]


def test_pages_of_earlier_bursts_say_nothing_of_the_read_that_waits() -> None:
    reader, waiting = at_end(Book(*notes(3)))
    reader.receive(page(waiting._replace(burst=waiting.burst - 1), state=END), now=0.02)
    reader.receive(page(waiting._replace(burst=1), state=WAITING), now=0.02)
    assert reader.sent() == []
    assert (reader.next_timeout() or 0.0) < 0.1
    reader.receive(page(waiting, state=WAITING), now=0.02)
    assert reader.next_timeout() == 0.02 + REFRESH_SECONDS


def test_a_waiting_page_ends_a_silence_and_a_late_one_the_silence_after_a_refusal() -> None:
    reader, late = at_end(Book(*notes(3)))
    for _ in range(20):  # more than it takes until the server counts as silent
        now, reads = reader.sent_next()
    assert list(map(type, reader.events())) == [ServerSilent]
    reader.receive(page(reads[-1], state=WAITING), now=now + 0.01)
    assert not reader.contact.is_silent
    assert reader.next_timeout() == pytest.approx(now + 0.01 + REFRESH_SECONDS)
    now, [again] = reader.sent_next()
    reader.receive(page(again, state=PageState.WRONG_NOTEBOOK), now=now)
    reader.receive(page(late, state=WAITING), now=now)
    assert not reader.contact.is_silent
    assert asked(reader.sent()) == [(Cursor(4, 0), 1)]
    assert reader.next_timeout() is not None


def indexing(book: Book, indexed: int = 4) -> Reader:
    """A search at time 0.01 that was told how far the index has come."""
    book.indexed, reader = indexed, new_reading(SEARCH)
    reader.exchange(book, now=0.01)
    return reader


def test_a_search_asks_again_later_with_a_single_read_until_the_index_is_ready() -> None:
    book = Book(*notes(90))
    reader = indexing(book)
    assert reader.indexing == Indexing(4, 90)
    assert reader.next_timeout() == 0.01 + INDEXING_PAUSE_SECONDS
    for indexed in (7, 9, None):
        book.indexed = indexed
        now, reads = reader.sent_next()
        assert len(reads) == 1
        reader.receive(*answers(book, *reads), now=now)
        assert reader.indexing == (Indexing(indexed, 90) if indexed else None)
    assert len(reader.sent()) > 1, "once it is ready, a whole window is asked for again"
    reader.finish(book, now=now)
    assert reader.items() == notes(90)


def test_an_index_that_is_not_ready_is_no_silence() -> None:
    reader = indexing(Book(*notes(9)))
    asked_at, _ = reader.sent_next()
    reader.receive(page(reader.sent_next()[1][0], state=PageState.INDEXING), now=asked_at + 0.8)
    resumed_at, _ = reader.sent_next()
    now, _ = reader.sent_next()
    assert resumed_at < now < resumed_at + 0.9
    assert (reader.contact.is_silent, reader.events()) == (False, [])


def test_a_reader_asks_once_after_each_pause_whether_the_index_is_ready_even_if_pages_arrive() -> None:
    book, reader = Book(*notes(40)), new_reading(SEARCH)
    reads = reader.sent()
    pages = answers(book, *reads)
    book.indexed = 4
    reader.receive(pages[3], pages[6], *answers(book, reads[0]), now=0.01)
    assert [asked(reader.sent_next()[1]) for _ in range(3)] == [[(FIRST, 1)]] * 3, "however many gaps there are"
    now = reader.next_timeout() or 0.0
    reader.receive(*answers(book, reads[0]), pages[0], now=now)
    reader.server_found(now, round_trip_seconds=0.001)
    assert (reader.sent(), reader.items()) == ([], notes(2))
    reader.handle_timeout(now + INDEXING_PAUSE_SECONDS / 2)
    assert reader.sent() == []
    assert reader.sent_next()[0] == pytest.approx(now + INDEXING_PAUSE_SECONDS)
    book.indexed = None
    reader.finish(book, now=reader.next_timeout() or 0.0)
    assert reader.items() == notes(38, first=3)


# A notebook that is restored from an older copy


@pytest.mark.parametrize(("shown", "kept"), [(7, 5), (300, 1), (300, 299), (300, 200), (3, 0)])
def test_a_follower_of_a_restored_notebook_goes_back_to_where_it_differs_and_shows_the_new_entries(
    shown: int, kept: int
) -> None:
    reader, waiting = at_end(Book(*notes(shown)))
    assert waiting.seen == seen(shown)
    theirs = [note(number, client_id=OTHER_CLIENT_ID) for number in range(kept + 1, kept + 9)]
    book = Book(*notes(kept), *theirs)
    _, [again] = reader.sent_next()
    reader.receive(*answers(book, again), now=5.0)
    rounds = 0
    while not (reads := reader.sent())[0].wait_milliseconds:
        rounds += 1
        assert again.stream_id not in {each.stream_id for each in reads}, "late pages are of the notebook as it was"
        reader.receive(*answers(book, *reads), now=5.0)
    assert reader.items() == theirs
    [restored] = reader.events()
    assert isinstance(restored, NotebookRestored) and restored.number <= kept + 1
    assert (reads[0].cursor, reads[0].seen) == (Cursor(kept + 9, 0), theirs[-1].as_seen)
    assert rounds < 20


def test_a_follower_that_has_shown_nothing_names_the_newest_entry_and_other_readings_name_none() -> None:
    _, waiting = at_end(Book(*notes(3)), start=4)
    assert waiting.seen == seen(3)
    assert new_reading(LOG, follows=True, start=4, seen=(seen(3),)).sent()[0].seen == seen(3)
    reader = new_reading(LOG)
    reader.receive(*answers(Book(*notes(30)), *reader.sent()), now=0.01)
    assert {each.seen for each in reader.sent()} == {NOTHING_SEEN}


def test_a_server_that_always_reports_an_older_copy_is_not_asked_for_ever() -> None:
    reader, waiting = at_end(Book(*notes(9)))
    reads = [waiting]
    for _ in range(9):
        reader.receive(page(reads[0], state=PageState.OLDER_COPY), now=1.0)
        reads = reader.sent() or reads
    assert (reads[0].seen, reads[0].cursor, reader.sent()) == (NOTHING_SEEN, FIRST, [])

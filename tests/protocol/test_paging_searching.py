"""Paging while something is searched for elsewhere: whoever waits for it is answered afterwards, and nobody else waits."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.golden import NOTEBOOK_ID
from tests.support.readings import Book, note, notes, pages_in, read
from udpnote.errors import StorageError
from udpnote.model.query import FIRST, Cursor, LookupStep, Query, SearchRunning
from udpnote.protocol.envelope import OPEN, Requester
from udpnote.protocol.messages import Page, PageState
from udpnote.protocol.paging import PAGES_MAX, SEARCHES_MAX, SEARCHES_PER_SOURCE_MAX, SIGN_OF_LIFE_SECONDS, Pager, ServeContext

HERE, THERE = Requester("here", OPEN), Requester("there", OPEN)


@pytest.fixture
def pager() -> Pager[str]:
    return Pager(NOTEBOOK_ID)


@pytest.fixture
def book() -> Book:
    """A notebook of nine notes, two of which fill a page, whose index is being searched."""
    book = Book(*notes(9))
    book.is_searching = True
    return book


def pages(pager: Pager[str]) -> list[Page]:
    return pages_in([data for data, _ in pager.datagrams_to_send()])


def test_a_turn_that_waits_for_a_search_is_answered_when_that_is_done(pager: Pager[str], book: Book) -> None:
    pager.receive_read(read(turn=7), HERE)
    pager.serve(book.work())
    assert (pages(pager), pager.is_busy, pager.is_searching) == ([], False, True)
    pager.serve(book.work())
    assert (pages(pager), pager.is_searching) == ([], True)
    book.is_searching = False
    pager.serve(book.work())
    [page] = pages(pager)
    assert (page.turn, page.start, page.next, page.state) == (7, FIRST, Cursor(3, 0), PageState.MORE)
    assert (len(book.lookups), pager.is_searching) == (1, False)


def test_nobody_waits_for_what_somebody_else_searches(pager: Pager[str], book: Book) -> None:
    pager.receive_read(read(), HERE)
    pager.serve(book.work())
    pager.receive_read(read(), THERE)
    pager.serve(Book(*notes(9)).work())
    assert [(len(pages_in([data])[0].items), source) for data, source in pager.datagrams_to_send()] == [(2, "there")]
    assert pager.is_searching


def test_what_was_found_before_a_search_goes_on_is_kept_for_the_pages_that_it_fills(pager: Pager[str], book: Book) -> None:
    book.is_searching = False
    for _ in range(4):
        pager.receive_read(read(), HERE)

    def find(query: Query, start: int) -> Iterator[LookupStep]:
        for item in book.find(query, start):
            yield item
            yield SearchRunning(lambda: True)

    for _ in range(8):
        pager.serve(ServeContext(find, book.last, 0.0, lambda: False))
        assert pager.datagrams_to_send() == []
    while pager.is_searching:
        pager.serve(ServeContext(find, book.last, 0.0, lambda: False))
    assert [len(page.items) for page in pages(pager)] == [2, 2, 2, 2]


def test_who_asks_again_while_a_search_goes_on_pays_for_more_pages_and_searches_no_more(pager: Pager[str], book: Book) -> None:
    pager.receive_read(read(turn=1), HERE)
    pager.serve(book.work())
    for turn in (2, 3):
        pager.receive_read(read(turn=turn), HERE)
        pager.serve(book.work())
    book.is_searching = False
    pager.serve(book.work())
    assert [(page.turn, page.start.number) for page in pages(pager)] == [(1, 1), (1, 3), (1, 5)]
    assert len(book.lookups) == 1


def test_another_question_from_the_same_place_takes_the_place_of_the_one_before(pager: Pager[str], book: Book) -> None:
    pager.receive_read(read(), HERE)
    pager.serve(book.work())
    pager.receive_read(read(query=Query(words=("7",))), HERE)
    book.is_searching = False
    pager.serve(book.work())
    [page] = pages(pager)
    assert [item[0] for item in page.items] == [7]
    assert not pager.is_searching


def test_so_many_wait_for_searches_at_a_time_and_no_more(pager: Pager[str], book: Book) -> None:
    for number in range(SEARCHES_MAX + 2):
        pager.receive_read(read(), Requester(f"host {number}", OPEN))
    pager.serve(book.work())
    assert pager.drops() == Counter({"too many searches": 2})
    pager.serve(book.work())
    assert pager.drops() == Counter()
    book.is_searching = False
    pager.serve(book.work())
    assert {source for _, source in pager.datagrams_to_send()} == {f"host {number}" for number in range(SEARCHES_MAX)}


def test_one_address_waits_for_so_many_searches_at_a_time_and_no_more(pager: Pager[str], book: Book) -> None:
    for number in range(SEARCHES_PER_SOURCE_MAX + 2):
        pager.receive_read(read(Cursor(number + 1, 0)), HERE)
    pager.receive_read(read(), THERE)
    pager.serve(book.work())
    assert pager.drops() == Counter({"too many searches": 2})
    book.is_searching = False
    pager.serve(book.work())
    sources = Counter(source for _, source in pager.datagrams_to_send())
    assert sources == {"here": SEARCHES_PER_SOURCE_MAX, "there": 1}


def test_whoever_waits_for_a_search_is_forgotten_with_the_key(pager: Pager[str], book: Book) -> None:
    pager.receive_read(read(), HERE)
    pager.serve(book.work())
    kept = []
    for envelopes in ([OPEN], []):
        pager.forget_others(envelopes)
        kept.append(pager.is_searching)
    assert kept == [True, False]
    book.is_searching = False
    pager.serve(book.work())
    assert pager.datagrams_to_send() == []


def test_a_search_that_fails_is_not_answered_as_if_it_were_at_its_end(pager: Pager[str], book: Book) -> None:
    def find(query: Query, start: int) -> Iterator[LookupStep]:
        yield next(book.find(query, start))
        raise StorageError("the disk is broken")

    work = ServeContext(find, 9, 0.0, lambda: False)
    pager.receive_read(read(), HERE)
    pager.serve(work)
    book.is_searching = False
    with pytest.raises(StorageError):
        pager.serve(work)
    pager.serve(work)
    assert (pager.datagrams_to_send(), pager.is_searching) == ([], False)


def test_when_time_is_over_the_others_that_wait_have_their_turn_next(pager: Pager[str], book: Book) -> None:
    for peer in (HERE, THERE):
        pager.receive_read(read(), peer)
    pager.serve(book.work())
    book.is_searching = False
    for peer in (HERE, THERE):
        pager.serve(book.work(is_spent=lambda: True))
        assert [source for _, source in pager.datagrams_to_send()] == [peer.address]


def test_a_turn_that_searches_for_long_is_answered_with_what_there_is_at_the_next_pause(pager: Pager[str], book: Book) -> None:
    for _ in range(PAGES_MAX):
        pager.receive_read(read(), HERE)
    pager.serve(book.work(10.0))
    book.is_searching = False
    pager.serve(book.work(10.01 + SIGN_OF_LIFE_SECONDS))
    [*_, page] = pages(pager)
    assert (page.state, page.next) == (PageState.MORE, Cursor(book.stride, 0))


def test_a_turn_that_searches_for_a_moment_goes_on_to_its_end(pager: Pager[str], book: Book) -> None:
    for _ in range(PAGES_MAX):
        pager.receive_read(read(), HERE)
    pager.serve(book.work(10.0))
    book.is_searching = False
    pager.serve(book.work(10.0 + SIGN_OF_LIFE_SECONDS / 2))
    assert [page.state for page in pages(pager)][-1] is PageState.END


def test_searches_that_are_over_when_time_is_make_it_busy(pager: Pager[str], book: Book) -> None:
    for peer in (HERE, THERE):
        pager.receive_read(read(), peer)
    pager.serve(book.work())
    book.is_searching = False
    states = []
    for _ in range(2):
        states.append(pager.is_busy)
        pager.serve(book.work(is_spent=lambda: True))
    assert [*states, pager.is_busy] == [True, True, False]
    assert len(pages(pager)) == 2


def test_who_waits_gets_what_was_stored_while_it_was_searched_for(pager: Pager[str], book: Book) -> None:
    words = Query(words=("later",))
    pager.receive_read(read(wait=10.0, query=words), HERE)
    pager.serve(book.work())
    book.is_searching = False
    found = book.items.copy()
    book.add(note(10, "later"))
    pager.notice_stored(10)
    last, book.items = book.last, found  # the search has not seen it
    pager.serve(book.work()._replace(last=last))
    book.add(note(10, "later"))
    assert pager.is_busy
    pager.serve(book.work())
    assert [[item[0] for item in page.items] for page in pages(pager)] == [[], [10]]


def test_a_follower_of_what_must_be_searched_for_is_told_to_ask_again(pager: Pager[str], book: Book) -> None:
    book.is_searching = False
    pager.receive_read(read(Cursor(10, 0), wait=10.0), HERE)
    pager.serve(book.work())
    assert [page.state for page in pages(pager)] == [PageState.WAITING]
    book.add(note(10))
    book.is_searching = True
    pager.notice_stored(10)
    pager.serve(book.work())
    [page] = pages(pager)
    assert (page.state, page.next, page.items) == (PageState.INDEXING, Cursor(10, 0), ())

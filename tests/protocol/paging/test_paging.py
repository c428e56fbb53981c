"""Paging: each READ pays for one page, bursts are served in order, and searches hold up nobody else."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.paging import PagedBook, answered, numbers, states
from tests.support.readings import NOTES, OTHER_STREAM, Book, note, notes, read, seen
from tests.support.wire import decoded
from udpnote.errors import StorageError
from udpnote.model.entry import NOTHING_SEEN, SeenEntry
from udpnote.model.query import FIRST, Cursor, LookupStep, Query, SearchRunning
from udpnote.protocol.codec.reading import READ_BYTES
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.paging import paging as limits
from udpnote.protocol.reading_messages import Page, PageState

OTHER_ID = bytes(range(16))
END, MORE = PageState.END, PageState.MORE


@pytest.fixture
def paged() -> PagedBook:
    """A notebook of nine notes, two of which fill a page."""
    return PagedBook(Book(*notes(9)))


@pytest.fixture
def searching(paged: PagedBook) -> PagedBook:
    """The notebook of `paged`, while a worker thread searches its index."""
    paged.book.is_searching = True
    return paged


def sources(paged: PagedBook) -> list[str]:
    return [source for source, _ in paged.addressed_pages()]


def test_reads_of_one_burst_get_as_many_consecutive_pages_from_one_lookup(paged: PagedBook) -> None:
    pages = paged.answer(read(), read(), read())
    assert numbers(pages) == [[1, 2], [3, 4], [5, 6]]
    assert [page.start for page in pages] + [pages[-1].next] == [FIRST, Cursor(3, 0), Cursor(5, 0), Cursor(7, 0)]
    assert {(page.burst_end, page.burst, page.state, page.last) for page in pages} == {(Cursor(7, 0), 1, MORE, 9)}
    assert paged.book.lookups == [(NOTES, 1)]
    assert paged.serve() == [], "pages are sent once"


def test_reads_of_one_burst_that_arrive_one_after_the_other_get_consecutive_pages_from_one_lookup(paged: PagedBook) -> None:
    one = read(pages=3)
    pages = [*paged.answer(one), *paged.answer(one), *paged.answer(one)]
    assert numbers(pages) == [[1, 2], [3, 4], [5, 6]]
    assert {page.burst_end for page in pages} == {Cursor(7, 0)}
    assert paged.answer(one) == [], "the network has duplicated it"
    assert paged.book.lookups == [(NOTES, 1)]
    assert numbers(paged.answer(read(burst=2, pages=3))) == numbers(paged.answer(one, source="there")) == [[1, 2]]


def test_pages_of_an_envelope_that_is_used_no_more_are_not_kept(paged: PagedBook) -> None:
    paged.answer(read(pages=3))
    paged.pager.forget_other_envelopes([])
    assert numbers(paged.answer(read(pages=3))) == [[1, 2]]


def test_a_burst_gets_no_more_pages_than_there_are_and_all_but_the_last_have_one_size() -> None:
    paged = PagedBook(Book(*notes(5)))
    paged.receive(*[read()] * 9)
    paged.pager.serve(paged.book.context())
    datagrams = [data for data, _ in paged.pager.datagrams_to_send()]
    assert [len(data) == READ_BYTES + OPEN.overhead_bytes for data in datagrams] == [True, True, False]
    assert states(decoded(Page, datagrams)) == [MORE, MORE, END]
    pages = answered(Book(*notes(2 * limits.PAGES_MAX + 50)), *[read(pages=255)] * (limits.PAGES_MAX + 10))
    assert len(pages) == limits.PAGES_MAX == 64, "no burst gets more pages than that"
    paged = PagedBook(Book(*notes(2 * limits.PAGES_MAX + 50)))
    alone = [page for _ in range(limits.PAGES_MAX + 10) for page in paged.answer(read(pages=255))]
    assert len(alone) == limits.PAGES_MAX, "nor does it if its READs arrive one by one"


def test_other_cursors_and_streams_are_served_separately_and_hosts_in_turn(paged: PagedBook) -> None:
    paged.receive(read(), read(Cursor(5, 0)), read(stream_id=OTHER_STREAM))
    paged.receive(read(), source="there")
    was_busy = paged.pager.is_busy
    paged.pager.serve(paged.book.context())
    assert (was_busy, paged.pager.is_busy) == (True, False)
    found = [(source, *numbers([page])) for source, page in paged.addressed_pages()]
    assert found == [("here", [1, 2]), ("there", [1, 2]), ("here", [5, 6]), ("here", [1, 2])]


@pytest.mark.parametrize("is_searching", [False, True])
def test_another_query_from_the_same_cursor_replaces_the_first(paged: PagedBook, is_searching: bool) -> None:
    paged.book.is_searching = is_searching
    paged.receive(read(burst=1))
    assert not is_searching or paged.serve() == []
    paged.receive(read(burst=2, query=Query(words=("7",))))
    paged.book.is_searching = False
    assert [(page.burst, numbers([page])) for page in paged.serve()] == [(2, [[7]])]
    assert not paged.is_searching


def test_reads_that_cannot_be_served_are_refused_at_once_without_a_lookup_or_dropped(paged: PagedBook) -> None:
    here = Cursor(3, 1)
    paged.receive(read(here, burst=4, notebook_id=OTHER_ID, wait=1.0))
    assert paged.pages() == [Page(read().stream_id, 4, PageState.WRONG_NOTEBOOK, here, here, here, NOTHING_SEEN, 0, ())]
    assert not paged.pager.is_busy
    assert (paged.serve(), paged.book.lookups, paged.pager.waiting) == ([], [], 0)
    paged.receive(*(read(stream_id=at.to_bytes(8)) for at in range(limits.PENDING_BURSTS_MAX + 3)), read(stream_id=bytes(8)))
    assert paged.pager.drops() == Counter({"too many reads": 3})
    assert paged.pager.drops() == Counter()
    assert [int.from_bytes(page.stream_id) for page in paged.serve()] == [0, *range(limits.PENDING_BURSTS_MAX)]
    assert len(paged.answer(read(stream_id=b"\xff" * 8))) == 1, "there is room again"


def test_a_burst_that_waits_for_a_search_is_answered_when_that_is_over(searching: PagedBook) -> None:
    for reads in ([read(burst=7)], []):
        assert searching.answer(*reads) == []
        assert (searching.pager.is_busy, searching.is_searching) == (False, True)
    searching.receive(read(), source="there")
    searching.pager.serve(Book(*notes(9)).context())
    assert (sources(searching), searching.is_searching) == (["there"], True), "other bursts do not wait for it"
    assert searching.answer(read(Cursor(9, 0)), source="there") == []
    searching.book.is_searching = False
    assert searching.pager.is_busy
    first, _ = searching.serve()
    assert (first.burst, first.start, first.next, first.state) == (7, FIRST, Cursor(3, 0), MORE)
    assert (len(searching.book.lookups), searching.is_searching) == (2, False)


def test_items_found_before_a_search_continues_are_kept_for_its_pages(paged: PagedBook) -> None:
    def find(query: Query, start: Cursor) -> Iterator[LookupStep]:
        for item in paged.book.find(query, start):
            yield item
            yield SearchRunning(lambda: True)

    context = paged.book.context()._replace(lookup=find)
    paged.receive(*[read()] * 4)
    for _ in range(8):
        paged.pager.serve(context)
        assert paged.pages() == []
    while paged.is_searching:
        paged.pager.serve(context)
    assert [len(page.items) for page in paged.pages()] == [2, 2, 2, 2]


def test_reads_that_arrive_during_a_search_pay_for_more_pages_and_start_no_other_search(searching: PagedBook) -> None:
    for burst in (1, 2, 3):
        searching.answer(read(burst=burst))
    searching.book.is_searching = False
    assert [(page.burst, page.start.number) for page in searching.serve()] == [(1, 1), (1, 3), (1, 5)]
    assert len(searching.book.lookups) == 1


@pytest.mark.parametrize("is_one_host", [True, False])
def test_the_number_of_searches_is_limited_in_total_and_per_host(searching: PagedBook, is_one_host: bool) -> None:
    limit = limits.SEARCHES_PER_HOST_MAX if is_one_host else limits.SEARCHES_MAX
    for number in range(limit + 2):
        reads = [read(Cursor(number + 1, 0))] * (1 if number < limit else 3)
        searching.receive(*reads, source="here" if is_one_host else f"host {number}")
    assert searching.serve() == []
    assert searching.pager.drops() == Counter({"too many searches": 2 * 3}), "three READs of each of two bursts"
    searching.answer(read(), source="another")
    assert searching.pager.drops() == Counter({"too many searches": 1} if not is_one_host else {})
    searching.book.is_searching = False
    searching.pager.serve(searching.book.context())
    assert len(sources(searching)) == limit + is_one_host


def test_reads_under_a_withdrawn_key_are_forgotten(searching: PagedBook) -> None:
    searching.answer(read())
    kept = []
    for envelopes in ([OPEN], []):
        searching.pager.forget_other_envelopes(envelopes)
        kept.append(searching.is_searching)
    assert kept == [True, False]
    searching.book.is_searching = False
    assert searching.serve() == []
    searching.receive(read())
    searching.pager.serve(searching.book.context())
    searching.receive(read())
    searching.pager.forget_other_envelopes(())
    assert (searching.pages(), searching.pager.is_busy) == ([], False), "also pages that were not sent yet"


def test_a_search_that_fails_is_answered_as_one_that_cannot_be_read(searching: PagedBook) -> None:
    def find(query: Query, start: Cursor) -> Iterator[LookupStep]:
        yield next(searching.book.find(query, start))
        raise StorageError("file_damaged")

    context = searching.book.context()._replace(lookup=find)
    searching.receive(read())
    searching.pager.serve(context)
    searching.book.is_searching = False
    searching.pager.serve(context)
    assert (states(searching.pages()), searching.is_searching) == ([PageState.NOT_READABLE], False)
    assert searching.pager.failure is not None


def test_when_time_is_up_one_finished_search_was_served(searching: PagedBook) -> None:
    for source in ("here", "there"):
        assert searching.answer(read(), source=source) == []
    searching.book.is_searching = False
    for source in ("here", "there"):
        assert searching.pager.is_busy
        searching.pager.serve(searching.book.context(is_time_up=lambda: True))
        assert sources(searching) == [source]
    assert not searching.pager.is_busy


@pytest.mark.parametrize(
    ("seconds", "state", "number"),
    [(limits.UNANSWERED_SECONDS_MAX + 0.01, MORE, 4), (limits.UNANSWERED_SECONDS_MAX / 2, END, 10)],
)
def test_a_burst_whose_search_takes_long_is_answered_at_the_next_pause(
    searching: PagedBook, seconds: float, state: PageState, number: int
) -> None:
    assert searching.answer(*[read()] * limits.PAGES_MAX, now=10.0) == []
    searching.book.is_searching = False
    [*_, page] = searching.serve(10.0 + seconds)
    assert (page.state, page.next) == (state, Cursor(number, 0))


def test_a_waiting_read_gets_an_entry_that_was_stored_during_its_search(searching: PagedBook) -> None:
    book = searching.book
    searching.answer(read(wait=10.0, query=Query(words=("later",))))
    book.is_searching = False
    before = book.items.copy()
    searching.store(note(10, "later"))
    context = book.context()
    book.items = before  # the search has not seen the new note
    searching.pager.serve(context)
    book.add(note(10, "later"))
    assert searching.pager.is_busy
    assert numbers(searching.serve()) == [[], [10]]


def test_a_waiting_read_whose_answer_needs_a_search_is_told_to_ask_again(paged: PagedBook) -> None:
    assert states(paged.answer(read(Cursor(10, 0), wait=10.0))) == [PageState.WAITING]
    paged.book.is_searching = True
    paged.store(note(10))
    [page] = paged.serve()
    assert (page.state, page.next, page.items) == (PageState.INDEXING, Cursor(10, 0), ())


def test_a_follower_whose_last_entry_the_notebook_does_not_have_is_told_so_without_a_lookup(paged: PagedBook) -> None:
    here = Cursor(3, 0)
    assert states(paged.answer(read(here, seen=seen(2)))) == [MORE]
    lookups = len(paged.book.lookups)
    for number, lost in enumerate((SeenEntry(2, bytes(16), 2), seen(2)._replace(sequence=3), seen(99)), 2):
        [page] = paged.answer(*[read(here, burst=number, seen=lost, wait=1.0)] * 3)
        assert (page.state, page.start, page.next, page.items) == (PageState.OLDER_COPY, here, here, ())
    assert (len(paged.book.lookups), paged.pager.waiting) == (lookups, 0)

"""Building pages: whatever their sizes, all items come in order, and each page is as full as it can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.paging import PagedBook, answered, assembled, numbers, states
from tests.support.readings import NEWEST_FIRST, NOTES, UNANSWERABLE, Book, after, deletion, note, notes, read, seen
from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query, Tally, View
from udpnote.protocol.codec.reading import PAGE_OVERHEAD_BYTES, pack_tally
from udpnote.protocol.envelope import BODY_BYTES_MAX
from udpnote.protocol.reading.page_assembly import PageAssembly
from udpnote.protocol.reading_messages import Page, PageState, StoredPart

END, MORE = PageState.END, PageState.MORE


def test_a_page_has_the_entries_from_its_cursor_on() -> None:
    [page] = answered(Book(*notes(9)), read(Cursor(3, 0), burst=7))
    here, after_page = Cursor(3, 0), Cursor(5, 0)
    items = tuple(notes(2, first=3))
    assert page == Page(read().stream_id, 7, MORE, here, after_page, after_page, newest=seen(9), indexed=0, items=items)


def test_the_last_page_says_that_it_is_the_last() -> None:
    for count, cursor, following, expected in ((9, 8, 10, [8, 9]), (9, 10, 10, []), (0, 1, 1, [])):
        [page] = answered(Book(*notes(count)), read(Cursor(cursor, 0)))
        assert (page.state, page.start, page.next, page.last) == (END, Cursor(cursor, 0), Cursor(following, 0), count)
        assert numbers([page]) == [expected]
    assert states(answered(Book(*notes(5)), read(Cursor(0, 0), query=NEWEST_FIRST))) == [END]


def test_pages_have_no_more_entries_than_the_limit() -> None:
    for limit, found in ((1, [[1]]), (2, [[1, 2]]), (3, [[1, 2], [3]]), (9, [[1, 2], [3, 4], [5]])):
        pages = answered(Book(*notes(5)), *[read(limit=limit)] * 5)
        assert numbers(pages) == found
        assert (pages[-1].state, pages[-1].next) == (MORE if limit <= 5 else END, Cursor(found[-1][-1] + 1, 0))


def test_a_long_entry_continues_over_as_many_pages_as_it_needs() -> None:
    book = Book(note(1, "a"), note(2, "b" * 2750), note(3, "c"))
    pages = answered(book, *[read()] * 9)
    assert numbers(pages) == [[1], [2], [2], [2, 3]]
    assert assembled(pages) == book.wanted(NOTES)
    assert pages[0].next == Cursor(2, 0)
    assert [page.next.number for page in pages[1:3]] == [2, 2]
    assert 900 < pages[1].next.offset < pages[2].next.offset < 2750
    pages = answered(Book(note(2), note(3)), read(Cursor(1, 5)))
    assert assembled(pages) == [note(2), note(3)], "the offset of a cursor counts for its own entry only"


@pytest.mark.parametrize("offset", [5, 6, 3000])
def test_the_last_byte_is_sent_of_an_entry_that_became_shorter_than_the_part_already_read(offset: int) -> None:
    [page] = answered(Book(note(1, "short", version=9), note(2)), read(Cursor(1, offset)))
    first = page.items[0]
    assert isinstance(first, StoredPart)
    assert (first.stored.version, first.offset, first.total_bytes, first.data) == (9, 4, 5, b"t")
    assert (page.start, page.next) == (Cursor(1, offset), Cursor(3, 0))


def test_an_entry_that_just_fits_is_whole_and_one_byte_more_is_not() -> None:
    [page] = answered(Book(note(1, "x" * 5000)), read())
    [part] = page.items
    assert isinstance(part, StoredPart)
    room = len(part.data)
    assert answered(Book(note(1, "x" * room)), read())[0].items == (note(1, "x" * room),)
    pages = answered(Book(note(1, "x" * (room + 1))), read(), read())
    assert [item.data for page in pages for item in page.items if isinstance(item, StoredPart)] == [b"x" * room, b"x"]


sizes = st.one_of(st.integers(1, 60), st.integers(800, 1300), st.integers(0, 5000))


@given(st.lists(sizes, max_size=12), st.booleans(), st.integers(1, 4), st.integers(0, 12), st.integers(1, 5))
def test_entries_of_all_sizes_are_found_in_order_page_by_page(
    entry_sizes: list[int], newest_first: bool, reads: int, limit: int, stride: int
) -> None:
    entries = [note(at, "中" * (size // 3) + "x" * (size % 3)) if size else deletion(at, revises=1)
               for at, size in enumerate(entry_sizes, 2)]  # fmt: skip
    query, book = Query(newest_first=newest_first), Book(*entries, stride=stride)
    pages, cursor, items = list[Page](), LAST if newest_first else FIRST, list[Item]()
    while (not pages or pages[-1].state is MORE) and (not limit or len(items) < limit):
        pages += answered(book, *[read(cursor, query=query, limit=limit and limit - len(items))] * reads)
        cursor, items = pages[-1].next, assembled(pages, -1 if newest_first else 1)
    assert items == book.wanted(query)[: limit or None]


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_in_the_order_of_time_go_on_where_the_one_before_has_ended(newest_first: bool) -> None:
    book, query = Book(stride=2), Query(newest_first=newest_first, by_time=True)
    for number, second in enumerate((5, -3, 5, 9, -3, 0, 7, 2), 1):
        stored = note(number, "中" * (1200 if number in (3, 5) else 90))
        book.add(stored._replace(entry=stored.entry._replace(written_at=second)))
    assembly, asked = PageAssembly(query, limit=0, start=None), 0
    while not assembly.is_at_end:
        asked += 1
        for page in answered(book, *[read(assembly.position, query=query)] * (1 + asked % 2)):
            assert assembly.deliver(page)
    assert assembly.items() == book.wanted(query)
    assert [item.number for item in book.wanted(query) if isinstance(item, StoredEntry)] == (
        [4, 7, 3, 1, 8, 6, 5, 2] if newest_first else [2, 5, 6, 8, 1, 3, 7, 4]
    )
    assert asked > 4


def test_tallies_come_over_as_many_pages_as_they_need_in_the_order_of_their_keys() -> None:
    tallies = [Tally(key, f"标签{key}" + "x" * 60, 3 * key) for key in range(1, 41)]
    book, query = Book(*tallies), Query(View.TAGS)
    pages = answered(book, *[read(query=query)] * 9)
    assert (len(pages), pages[-1].state, assembled(pages)) == (4, END, tallies)
    assert answered(book, read(pages[0].next, query=query))[0].items == pages[1].items
    room = BODY_BYTES_MAX - PAGE_OVERHEAD_BYTES
    for surplus, expected in ((0, [[1, 2, 3]]), (1, [[1, 2], [3]])):
        labels = ["a" * 400, "b" * 400, "c" * (room - 3 * len(pack_tally(Tally(0, "", 0))) - 800 + surplus)]
        book = Book(*(Tally(key, label, 1) for key, label in enumerate(labels, 1)))
        assert numbers(answered(book, read(query=query), read(query=query))) == expected


def test_building_pages_stops_when_time_is_up() -> None:
    paged = PagedBook(Book(*notes(40), stride=4))
    paged.receive(read(query=Query(words=("33",))))
    [page] = paged.serve(is_time_up=after(2))
    assert (page.state, page.next, page.burst_end, page.items) == (MORE, Cursor(12, 0), Cursor(12, 0), ())
    paged = PagedBook(Book(*notes(40), stride=40))
    paged.receive(*[read()] * 9)
    pages = paged.serve(is_time_up=after(1))
    assert numbers(pages) == [[1, 2], [3, 4], [5]], "a pause after the second page, with one entry on the third"
    assert {(page.burst_end, page.state) for page in pages} == {(Cursor(6, 0), MORE)}
    assert not paged.pager.is_busy


def test_one_page_says_that_a_query_cannot_be_answered_or_the_index_is_not_ready() -> None:
    book = Book(*notes(9))
    [page] = answered(book, read(query=UNANSWERABLE), read(query=UNANSWERABLE))
    assert (page.state, page.start, page.next, page.items) == (PageState.BAD_QUERY, FIRST, FIRST, ())
    book.indexed = 4
    [page] = answered(book, read(), read())
    assert (page.state, page.indexed, page.last, page.items) == (PageState.INDEXING, 4, 9, ())
    assert (page.start, page.next, page.burst_end) == (FIRST, FIRST, FIRST)

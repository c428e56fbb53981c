"""Paging: a READ gets one page and no more, consecutive and complete, whoever asks what and how often."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import NOTEBOOK_ID
from tests.support.readings import NEWEST_FIRST, UNANSWERABLE, Book, after, deletion, note, notes, pages_in, read
from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query, Tally, View
from udpnote.protocol.codec import PAGE_BODY_BYTES_MAX, READ_BYTES
from udpnote.protocol.codec_reading import PAGE_OVERHEAD_BYTES, pack_tally
from udpnote.protocol.envelope import OPEN, Requester
from udpnote.protocol.messages import Page, PageState, Read, StoredPart
from udpnote.protocol.page_assembly import EntryAssembly
from udpnote.protocol.paging import PAGES_MAX, PENDING_TURNS_MAX, Pager

OTHER_ID = bytes(range(16))
OTHER_STREAM = bytes(range(8))
END, MORE = PageState.END, PageState.MORE


def pager() -> Pager[str]:
    return Pager(NOTEBOOK_ID)


def pages(desk: Pager[str], source: str = "here") -> list[Page]:
    """The pages that are due, all of which must go to `source`."""
    datagrams = desk.datagrams_to_send()
    assert {each for _, each in datagrams} <= {source}
    assert all(len(data) <= READ_BYTES + OPEN.overhead_bytes for data, _ in datagrams)
    return pages_in([data for data, _ in datagrams])


def served(book: Book, *reads: Read) -> list[Page]:
    """What a fresh server answers to `reads`."""
    desk = pager()
    for each in reads:
        desk.receive_read(each, Requester("here", OPEN))
    desk.serve(book.work())
    return pages(desk)


def numbers(found: list[Page]) -> list[list[int]]:
    """The numbers of the entries on each page; a part of one counts."""
    return [[item.stored.number if isinstance(item, StoredPart) else number(item) for item in page.items] for page in found]


def number(item: Item) -> int:
    return item.key if isinstance(item, Tally) else item.number


def assembled(found: list[Page], step: int = 1) -> list[Item]:
    """What the pages carry, which must be consecutive and lead on."""
    assembly, items = EntryAssembly(), list[Item]()
    assert all(earlier.next == later.start for earlier, later in pairwise(found))
    for page in found:
        assert (step * page.start.number, page.start.offset) <= (step * page.next.number, page.next.offset)
        for item in page.items:
            if isinstance(item, StoredPart):
                assert assembly.fits(item)
            whole = assembly.take(item) if isinstance(item, StoredPart) else item
            items += [whole] if whole is not None else []
    return items


def test_one_read_gets_one_page_of_what_is_there_from_its_cursor_on() -> None:
    book = Book(*notes(9))
    [page] = served(book, read(Cursor(3, 0), turn=7))
    assert page == Page(
        read().stream_id, 7, MORE, Cursor(3, 0), Cursor(5, 0), Cursor(5, 0), last=9, indexed=0, items=tuple(notes(2, first=3))
    )


def test_the_last_page_says_so_and_leads_behind_all_that_is_there() -> None:
    [page] = served(Book(*notes(9)), read(Cursor(8, 0)))
    assert (page.state, page.next, page.items) == (END, Cursor(10, 0), tuple(notes(2, first=8)))
    [page] = served(Book(*notes(9)), read(page.next))
    assert (page.state, page.start, page.next, page.items) == (END, Cursor(10, 0), Cursor(10, 0), ())


def test_an_empty_notebook_has_one_empty_page() -> None:
    assert [(page.state, page.start, page.next, page.last) for page in served(Book(), read())] == [(END, FIRST, FIRST, 0)]


def test_reads_of_one_turn_get_as_many_consecutive_pages_from_one_lookup() -> None:
    book = Book(*notes(9))
    found = served(book, read(), read(), read())
    assert numbers(found) == [[1, 2], [3, 4], [5, 6]]
    assert [(page.start, page.next) for page in found] == [
        (FIRST, Cursor(3, 0)), (Cursor(3, 0), Cursor(5, 0)), (Cursor(5, 0), Cursor(7, 0)),
    ]  # fmt: skip
    assert {(page.ahead, page.turn, page.state, page.last) for page in found} == {(Cursor(7, 0), 1, MORE, 9)}
    assert book.lookups == [(Query(), 1)]


def test_the_pages_of_one_turn_have_one_size_but_for_the_last_so_that_they_leave_together() -> None:
    desk = pager()
    for _ in range(5):
        desk.receive_read(read(), Requester("here", OPEN))
    desk.serve(Book(*notes(5)).work())
    assert [len(data) == READ_BYTES + OPEN.overhead_bytes for data, _ in desk.datagrams_to_send()] == [True, True, False]


def test_a_turn_gets_no_more_pages_than_there_are() -> None:
    found = served(Book(*notes(3)), *[read()] * 5)
    assert numbers(found) == [[1, 2], [3]]
    assert [page.state for page in found] == [MORE, END]


def test_what_is_asked_again_before_it_was_served_is_one_turn_of_more_pages() -> None:
    found = served(Book(*notes(9)), read(turn=1), read(turn=2))
    assert numbers(found) == [[1, 2], [3, 4]]
    assert [page.turn for page in found] == [1, 1]


def test_other_cursors_streams_and_sources_are_served_each_by_itself_in_the_order_of_their_arrival() -> None:
    desk, book = pager(), Book(*notes(9))
    for each, source in [
        (read(), "here"), (read(Cursor(5, 0)), "here"), (read(stream_id=OTHER_STREAM), "here"), (read(), "there"),
    ]:  # fmt: skip
        desk.receive_read(each, Requester(source, OPEN))
    was_busy = desk.is_busy
    desk.serve(book.work())
    assert (was_busy, desk.is_busy) == (True, False)
    assert [(source, *numbers(pages_in([data]))) for data, source in desk.datagrams_to_send()] == [
        ("here", [1, 2]), ("here", [5, 6]), ("here", [1, 2]), ("there", [1, 2]),
    ]  # fmt: skip


def test_another_query_from_the_same_cursor_takes_the_place_of_the_first() -> None:
    found = served(Book(*notes(3)), read(turn=1), read(turn=2, query=Query(words=("3",))))
    assert [(page.turn, numbers([page])) for page in found] == [(2, [[3]])]


def test_pages_leave_once() -> None:
    desk = pager()
    desk.receive_read(read(), Requester("here", OPEN))
    desk.serve(Book(*notes(1)).work())
    assert len(pages(desk)) == 1
    desk.serve(Book(*notes(1)).work())
    assert pages(desk) == []


@pytest.mark.parametrize(("limit", "expected"), [(1, [[1]]), (2, [[1, 2]]), (3, [[1, 2], [3]]), (9, [[1, 2], [3, 4], [5]])])
def test_no_more_entries_are_found_than_the_limit(limit: int, expected: list[list[int]]) -> None:
    found = served(Book(*notes(5)), *[read(limit=limit)] * 5)
    assert numbers(found) == expected
    assert found[-1].state is (MORE if limit <= 5 else END)
    assert found[-1].next == Cursor(expected[-1][-1] + 1, 0)


def test_the_newest_come_first_if_they_are_to() -> None:
    book = Book(*notes(5))
    found = served(book, *[read(LAST, query=NEWEST_FIRST)] * 5)
    assert numbers(found) == [[5, 4], [3, 2], [1]]
    assert [(page.start, page.next) for page in found] == [
        (LAST, Cursor(3, 0)), (Cursor(3, 0), Cursor(1, 0)), (Cursor(1, 0), Cursor(0, 0)),
    ]  # fmt: skip
    assert numbers(served(book, read(Cursor(2, 0), query=NEWEST_FIRST))) == [[2, 1]]
    assert served(book, read(Cursor(0, 0), query=NEWEST_FIRST))[0].state is END


# Long entries, and what fits.


def test_a_long_entry_begins_a_page_and_goes_on_over_as_many_as_it_needs() -> None:
    book = Book(note(1, "a"), note(2, "b" * 2900), note(3, "c"))
    found = served(book, *[read()] * 9)
    assert numbers(found) == [[1], [2], [2], [2, 3]]
    assert assembled(found) == book.wanted(Query())
    assert found[0].next == Cursor(2, 0)
    assert [page.next.number for page in found[1:3]] == [2, 2]
    assert 1000 < found[1].next.offset < found[2].next.offset < 2900


def test_reading_goes_on_inside_a_long_entry() -> None:
    book = Book(note(1, "a" * 2900), note(2))
    found = served(book, read())
    while found[-1].state is not END:
        found += served(book, read(found[-1].next))
    assert numbers(found) == [[1], [1], [1, 2]]
    assert assembled(found) == book.wanted(Query())


def test_the_offset_of_a_cursor_counts_for_its_own_entry_only() -> None:
    book = Book(note(2), note(3))
    [page] = served(book, read(Cursor(1, 5)))
    assert assembled([page]) == [note(2), note(3)]


@pytest.mark.parametrize("offset", [5, 6, 3000])
def test_of_a_version_that_became_shorter_than_what_was_read_the_end_tells_so(offset: int) -> None:
    [page] = served(Book(note(1, "short", version=9), note(2)), read(Cursor(1, offset)))
    first = page.items[0]
    assert isinstance(first, StoredPart)
    assert (first.stored.version, first.offset, first.total_bytes, first.data) == (9, 4, 5, b"t")
    assert (page.start, page.next) == (Cursor(1, offset), Cursor(3, 0))


def test_a_deletion_is_an_entry_without_text() -> None:
    book = Book(note(1), deletion(2, revises=1), note(3))
    assert assembled(served(book, read())) == book.wanted(Query())
    assert assembled(served(book, read(Cursor(2, 0)))) == [deletion(2, revises=1), note(3)]


def test_an_entry_that_just_fits_is_whole_and_one_byte_more_is_not() -> None:
    [page] = served(Book(note(1, "x" * 5000)), read())
    [part] = page.items
    assert isinstance(part, StoredPart)
    room = len(part.data)
    assert assembled(served(Book(note(1, "x" * room)), read())) == [note(1, "x" * room)]
    found = served(Book(note(1, "x" * (room + 1))), read(), read())
    assert [item.data for page in found for item in page.items if isinstance(item, StoredPart)] == [b"x" * room, b"x"]


sizes = st.one_of(st.integers(1, 60), st.integers(800, 1300), st.integers(0, 5000))


@given(st.lists(sizes, max_size=12), st.booleans(), st.integers(1, 4), st.integers(0, 12), st.integers(1, 5))
@settings(deadline=None)
def test_whatever_their_sizes_all_entries_are_found_in_order_page_by_page(
    found_sizes: list[int], newest_first: bool, credits_each: int, limit: int, stride: int
) -> None:
    entries = [note(at, "中" * (size // 3) + "x" * (size % 3)) if size else deletion(at, revises=1)
               for at, size in enumerate(found_sizes, 2)]  # fmt: skip
    query, book = Query(newest_first=newest_first), Book(*entries, stride=stride)
    found, cursor, items = list[Page](), LAST if newest_first else FIRST, list[Item]()
    while (not found or found[-1].state is MORE) and (not limit or len(items) < limit):
        found += served(book, *[read(cursor, query=query, limit=limit and limit - len(items))] * credits_each)
        cursor, items = found[-1].next, assembled(found, -1 if newest_first else 1)
    assert items == book.wanted(query)[: limit or None]


def test_tallies_come_over_as_many_pages_as_they_need_in_the_order_of_their_keys() -> None:
    tallies = [Tally(key, f"标签{key}" + "x" * 60, 3 * key) for key in range(1, 41)]
    book, query = Book(*tallies), Query(View.TAGS)
    found = served(book, *[read(query=query)] * 9)
    assert len(found) == 4
    assert assembled(found) == tallies
    assert found[-1].state is END
    [page] = served(book, read(found[0].next, query=query))
    assert page.items == found[1].items


def test_a_tally_that_just_fits_goes_on_the_page_and_one_byte_more_on_the_next() -> None:
    query, room = Query(View.TAGS), PAGE_BODY_BYTES_MAX - PAGE_OVERHEAD_BYTES
    for surplus, expected in ((0, [[1, 2, 3]]), (1, [[1, 2], [3]])):
        labels = ["a" * 400, "b" * 400, "c" * (room - 3 * len(pack_tally(Tally(0, "", 0))) - 800 + surplus)]
        book = Book(*(Tally(key, label, 1) for key, label in enumerate(labels, 1)))
        assert numbers(served(book, read(query=query), read(query=query))) == expected


# Where a lookup pauses, or cannot begin.


def test_what_was_passed_in_vain_is_not_looked_at_again() -> None:
    book = Book(*notes(40), stride=4)
    desk = pager()
    desk.receive_read(read(query=Query(words=("33",))), Requester("here", OPEN))
    desk.serve(book.work(is_spent=after(2)))
    [page] = pages(desk)
    assert (page.state, page.next, page.ahead, page.items) == (MORE, Cursor(12, 0), Cursor(12, 0), ())


def test_who_has_no_time_left_stops_at_a_pause_and_the_rest_is_asked_for_again() -> None:
    book, desk = Book(*notes(40), stride=40), pager()
    for _ in range(9):
        desk.receive_read(read(), Requester("here", OPEN))
    desk.serve(book.work(is_spent=after(1)))
    found = pages(desk)
    assert numbers(found) == [[1, 2], [3, 4], [5]], "a pause after the second page, with one entry on the third"
    assert {page.ahead for page in found} == {Cursor(6, 0)}
    assert {page.state for page in found} == {MORE}
    assert not desk.is_busy


def test_who_has_no_time_left_serves_one_turn_and_keeps_the_others() -> None:
    book, desk = Book(*notes(9), stride=9), pager()
    for cursor in (FIRST, Cursor(3, 0), Cursor(5, 0)):
        desk.receive_read(read(cursor), Requester("here", OPEN))
    for expected in ([[1, 2]], [[3, 4]], [[5, 6]]):
        assert desk.is_busy
        desk.serve(book.work(is_spent=lambda: True))
        assert numbers(pages(desk)) == expected
    assert not desk.is_busy


def test_an_index_that_is_not_ready_is_told_how_far_it_has_come() -> None:
    book = Book(*notes(9))
    book.indexed = 4
    [page] = served(book, read(), read())
    assert (page.state, page.indexed, page.last, page.items) == (PageState.INDEXING, 4, 9, ())
    assert (page.start, page.next, page.ahead) == (FIRST, FIRST, FIRST)


def test_a_query_that_cannot_be_answered_is_told_so_once() -> None:
    [page] = served(Book(*notes(9)), read(query=UNANSWERABLE), read(query=UNANSWERABLE))
    assert (page.state, page.start, page.next, page.items) == (PageState.BAD_QUERY, FIRST, FIRST, ())


def test_a_read_of_another_notebook_is_told_so_at_once_and_nothing_is_looked_up() -> None:
    book, desk = Book(*notes(9)), pager()
    desk.receive_read(read(Cursor(3, 1), turn=4, notebook_id=OTHER_ID, wait=1.0), Requester("here", OPEN))
    cursor = Cursor(3, 1)
    assert pages(desk) == [Page(read().stream_id, 4, PageState.WRONG_NOTEBOOK, cursor, cursor, cursor, 0, 0, ())]
    assert not desk.is_busy
    desk.serve(book.work())
    assert book.lookups == []
    assert (desk.waiting, pages(desk)) == (0, [])


# Bounds.


def test_one_turn_gets_64_pages_at_most() -> None:
    found = served(Book(*notes(2 * PAGES_MAX + 50)), *[read()] * (PAGES_MAX + 10))
    assert len(found) == PAGES_MAX == 64


def test_reads_beyond_the_table_of_turns_are_dropped_and_counted_but_not_those_of_a_turn_that_is_in_it() -> None:
    desk, book = pager(), Book(*notes(9))
    for at in range(PENDING_TURNS_MAX + 3):
        desk.receive_read(read(stream_id=at.to_bytes(8)), Requester("here", OPEN))
    desk.receive_read(read(stream_id=bytes(8)), Requester("here", OPEN))
    assert desk.drops() == Counter({"too many reads": 3})
    assert desk.drops() == Counter()
    desk.serve(book.work())
    found = pages(desk)
    assert [int.from_bytes(page.stream_id) for page in found] == [0, *range(PENDING_TURNS_MAX)]
    desk.receive_read(read(stream_id=(PENDING_TURNS_MAX + 1).to_bytes(8)), Requester("here", OPEN))
    assert desk.is_busy, "there is room again"


def test_a_dropped_read_does_not_end_the_wait_of_its_stream() -> None:
    desk, book = pager(), Book()
    desk.receive_read(read(wait=9.0), Requester("here", OPEN))
    desk.serve(book.work())
    for at in range(PENDING_TURNS_MAX):
        desk.receive_read(read(stream_id=at.to_bytes(8)), Requester("here", OPEN))
    desk.receive_read(read(Cursor(2, 0)), Requester("here", OPEN))
    assert desk.waiting == 1


def test_entries_are_told_apart_from_their_parts() -> None:
    [page] = served(Book(note(1)), read())
    assert [type(item) for item in page.items] == [StoredEntry]

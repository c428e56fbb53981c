"""Readings and pages that no server sends: never an exception, never an item twice or out of order, never an endless wait."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.readings import NOTES, Book, Reader, new_reading, note, notes, number_of, page
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query, Tally
from udpnote.protocol.messages import PageItem, PageState, Read, StoredPart


def begun(query: Query = NOTES, *, follows: bool = False) -> tuple[Reader, Read]:
    """A reading, and the first READ that it sent."""
    reader = new_reading(query, follows=follows)
    return reader, reader.sent()[0]


def test_a_page_of_another_stream_or_that_leads_back_or_waits_for_a_reader_that_does_not_follow_is_no_answer() -> None:
    reader, read = begun()
    for state in PageState:
        reader.receive(page(read._replace(stream_id=bytes(8)), note(1), following=Cursor(2, 0), state=state), now=0.01)
    for state, following in ((PageState.MORE, FIRST), (PageState.MORE, Cursor(0, 0)), (PageState.END, Cursor(0, 0))):
        reader.receive(page(read, note(1), following=following, state=state), now=0.01)
    reader.receive(page(read, state=PageState.WAITING), now=0.01)
    assert reader.answered_at == reader.progressed_at == 0.0
    assert (reader.items(), reader.events(), reader.sent(), reader.is_ended) == ([], [], [], False)


def test_an_entry_that_is_not_utf8_ends_the_reading_and_an_index_that_does_not_advance_is_no_progress() -> None:
    reader, read = begun()
    parts = [StoredPart(note(1, ""), 5, offset, data) for offset, data in ((0, b"ab\xe4"), (3, b"cd"))]
    reader.receive(page(read, *parts, following=Cursor(2, 0)), now=0.01)
    assert (reader.has_invalid_pages, reader.is_ended, reader.items(), reader.next_timeout()) == (True, True, [], None)
    reader, read = begun()
    for now, indexed in ((1.0, 5), (2.0, 5), (3.0, 6), (4.0, 2)):
        reader.receive(page(read, state=PageState.INDEXING, indexed=indexed), now=now)
        assert (reader.progressed_at, reader.answered_at) == (3.0 if now >= 3.0 else 1.0, now)


numbers = st.sampled_from([1, 2, 3, 4, 5, 6, 9, 2**63 - 1])
offsets = st.sampled_from([0, 0, 0, 1, 2, 3, 1 << 20])
cursors = st.builds(Cursor, numbers, offsets) | st.sampled_from([Cursor(0, 0), FIRST, LAST])
parts = st.builds(
    lambda number, data, offset, surplus, version: StoredPart(
        note(number, "", version=version), offset + len(data) + surplus, offset, data
    ),
    *(numbers, st.sampled_from([b"x", b"yz", b"\xe4\xb8"]), st.sampled_from([0, 0, 1, 2, 3])),
    *(st.sampled_from([1, 1, 2, 5]), st.sampled_from([None, None, 7, 8])),
)
tallies = st.builds(Tally, st.integers(-3, 9), st.just("x"), st.just(1))
contents = st.lists(numbers.map(note) | parts, max_size=4) | st.lists(tallies, max_size=4)
forgeries = st.tuples(st.sampled_from(PageState), st.integers(0, 6), cursors, cursors, contents, st.booleans())


def check(reader: Reader, delivered: list[Item], *, newest_first: bool) -> None:
    """Each item comes once and in order, and a timer runs until reading has ended."""
    delivered += reader.items()
    found = list(map(number_of, delivered))
    assert found == sorted(set(found), reverse=newest_first)
    assert (reader.next_timeout() is None) == reader.is_ended


@given(st.booleans(), st.booleans(), st.lists(forgeries, max_size=30))
@settings(max_examples=300)
def test_no_forgery_breaks_a_reading_or_makes_it_deliver_an_item_twice_or_out_of_order(
    newest_first: bool, follows: bool, taken: list[tuple[PageState, int, Cursor, Cursor, list[PageItem], bool]]
) -> None:
    query, delivered, now = Query(newest_first=newest_first), list[Item](), 0.001
    reader, read = begun(query, follows=follows)
    for state, burst, start, following, items, expires in taken:
        answered = read._replace(burst=burst)
        reader.receive(page(answered, *items, start=start, following=following, state=state), now=now)
        check(reader, delivered, newest_first=newest_first)
        now = reader.expire() if expires and not reader.is_ended else now + 0.001
        reader.handle_timeout(now)
        reader.sent()
        check(reader, delivered, newest_first=newest_first)
    if not follows and not reader.is_ended:
        reader.finish(Book(*notes(9)), now=now)
        check(reader, delivered, newest_first=newest_first)

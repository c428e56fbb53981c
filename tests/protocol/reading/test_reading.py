"""Reading: each item arrives once and in order, also if pages are lost, late or forged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import NOTEBOOK_ID, golden
from tests.support.keys import AT_NEW, AT_OLD, OLD
from tests.support.readings import NEWEST_FIRST, NOTES, Book, Reader, answers, asked, deletion, new_reading, note, notes, page
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query, Tally, View
from udpnote.protocol.congestion import WINDOW_INITIAL
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.reading.bursts import BURSTS_TIMED_MAX, LIMIT_MAX, SPARE_SHARE
from udpnote.protocol.reading.reading import ENTRIES_PER_PAGE, PAGES_WINDOW_MAX
from udpnote.protocol.reading_messages import PageItem, PageState, Read, StoredPart
from udpnote.protocol.server_contact import SILENT_INTERVAL_SECONDS, KeyChanged, ServerSilent


def book_of(pages: int) -> Book:
    """A notebook of `pages` pages, with two entries on each."""
    return Book(*notes(2 * pages), stride=1000)


def begins(page_number: int) -> Cursor:
    """Where the page begins in a notebook that `book_of` makes. The first page has the number 1."""
    return Cursor(2 * page_number - 1, 0)


def unacquainted() -> Reader:
    """A reading that does not know the round-trip time yet."""
    return new_reading(round_trip_seconds=None)


def silent() -> Reader:
    """A reading at time 1 whose first burst was not answered, and which has reported that."""
    reader = unacquainted()
    reader.expire()
    reader.sent()
    assert list(map(type, reader.events())) == [ServerSilent]
    return reader


@pytest.mark.parametrize("start", [None, 43])
@pytest.mark.parametrize(("query", "first"), [(Query(words=("中文",)), FIRST), (NEWEST_FIRST, LAST)])
def test_a_reading_asks_at_once_for_a_window_of_pages_from_its_start(query: Query, first: Cursor, start: int | None) -> None:
    reader = new_reading(query, start=start)
    reads = reader.sent()
    assert asked(reads) == [(Cursor(start, 0) if start else first, WINDOW_INITIAL)]
    assert (reads[0].notebook_id, reads[0].query, reads[0].burst) == (NOTEBOOK_ID, query, 1)
    assert (reads[0].limit, reads[0].wait_milliseconds) == (0, 0)
    assert {each.pages for each in reads} == {WINDOW_INITIAL - WINDOW_INITIAL // SPARE_SHARE}
    assert reader.sent() == []
    streams = {new_reading(seed=seed).sent()[0].stream_id for seed in range(50)}
    assert len(streams) == 50, "nobody else can guess a stream"


TALLIES = [Tally(3 * key, f"标签 {key}", key) for key in range(1, 100)]
LONG = [note(1, "一" * 3000), note(2), note(3, "x" * 9000), deletion(4, revises=3), note(5, "二" * 400)]


@pytest.mark.parametrize("query", [NOTES, NEWEST_FIRST])
@pytest.mark.parametrize("items", [notes(120), [], TALLIES, LONG], ids=["notes", "nothing", "tallies", "long entries"])
def test_everything_arrives_in_order_and_then_reading_ends(query: Query, items: list[Item]) -> None:
    if items is TALLIES and query is NEWEST_FIRST:
        query = Query(View.TAGS)
    reader, book = new_reading(query), Book(*items)
    reader.exchange(book, now=0.01)
    assert reader.items() == book.wanted(query)
    assert (reader.items(), reader.is_ended, reader.next_timeout()) == ([], True, None)
    assert (reader.events(), reader.refusal) == ([], None)
    reader.handle_timeout(100.0)
    assert reader.sent() == []


def test_a_limit_counts_down_over_the_bursts_and_ends_the_reading() -> None:
    reader, book = new_reading(limit=7), book_of(30)
    reads = reader.sent()
    reader.receive(answers(book, *reads)[0], now=0.01)
    assert reader.sent() == [], "one burst at a time"
    reader.receive(*answers(book, *reads)[1:], now=0.01)
    reads = reader.sent()
    assert (asked(reads), reads[0].limit) == ([(begins(3), 2)], 3), "as many pages as it took before"
    reader.receive(*answers(book, *reads), now=0.02)
    assert reader.items() == book.wanted(NOTES)[:7]
    assert (reader.is_ended, reader.next_timeout(), reader.sent()) == (True, None, [])


def test_no_more_pages_are_asked_for_than_a_limit_needs() -> None:
    pages = {1: 1, ENTRIES_PER_PAGE: 1, ENTRIES_PER_PAGE + 1: 2, 1000: WINDOW_INITIAL, 2**40: WINDOW_INITIAL}
    for limit, count in pages.items():
        reads = new_reading(limit=limit).sent()
        assert (asked(reads), reads[0].limit) == ([(FIRST, count)], min(limit, LIMIT_MAX))


def test_no_more_entries_are_accepted_than_a_limit_allows() -> None:
    reader, book = new_reading(limit=3), book_of(30)
    reads = [each._replace(limit=0) for each in reader.sent()]
    reader.receive(*answers(book, *reads, *reads, *reads), now=0.01)
    assert (reader.items(), reader.is_ended) == (book.wanted(NOTES)[:3], True)


def test_the_next_burst_is_asked_for_as_soon_as_a_page_of_the_last_one_arrives() -> None:
    reader, book = new_reading(), book_of(100)
    pages = answers(book, *reader.sent())
    reader.receive(pages[3], now=0.01)
    reads = reader.sent()
    assert (asked(reads), reads[0].burst) == ([(begins(11), WINDOW_INITIAL + 1)], 2)
    reader.receive(*pages, now=0.01)
    assert reader.sent() == []
    reader.receive(answers(book, *reads)[0], now=0.02)
    reads = reader.sent()
    assert (asked(reads), reads[0].burst) == ([(begins(22), 22)], 3)


def test_nothing_is_asked_for_behind_an_end_that_is_known() -> None:
    reader, book = new_reading(), book_of(10)
    pages = answers(book, *reader.sent())
    reader.receive(pages[0], now=0.01)
    reads = reader.sent()
    assert asked(reads) == [(Cursor(21, 0), 11)]
    reader.receive(*answers(book, *reads), now=0.01)
    assert (reader.sent(), reader.is_ended) == ([], False)
    reader.receive(*pages, now=0.01)
    assert reader.is_ended


def test_a_burst_has_twice_the_pages_of_the_last_one_up_to_54() -> None:
    reader, book, counts = new_reading(), book_of(400), list[int]()
    while reads := reader.sent():
        counts += [count for _, count in asked(reads)]
        reader.receive(*answers(book, *reads), now=0.01)
    assert (counts[:3], max(counts), PAGES_WINDOW_MAX) == ([10, 20, 40], 54, 54)


def test_a_burst_that_is_not_answered_is_asked_again_by_the_timer_with_half_a_window() -> None:
    reader = new_reading()
    reader.sent()
    assert reader.next_timeout() == reader.next_timeout() == pytest.approx(0.03)
    reader.handle_timeout(0.029)
    assert reader.sent() == []
    (first, early), (second, late), (third, last) = (reader.sent_next() for _ in range(3))
    assert (asked(early), early[0].burst) == ([(FIRST, 5)], 2)
    assert 2 * first <= second - first <= 2.5 * first
    assert 2 * (second - first) <= third - second <= 2.5 * (second - first)
    assert [len(late), len(last)] == [2, 2]


def test_an_answer_is_a_sample_of_the_path_and_ends_the_backoff() -> None:
    reader, book = unacquainted(), book_of(100)
    reads = reader.sent()
    assert reader.next_timeout() == 1.0
    reader.receive(answers(book, *reads)[0], now=0.01)
    assert reader.next_timeout() == pytest.approx(0.04)
    assert reader.contact.timer.smoothed_seconds == pytest.approx(0.01)
    reader.sent()
    for _ in range(3):
        now, reads = reader.sent_next()
    reader.receive(answers(book, *reads)[0], now=now + 0.01)
    assert (reader.next_timeout() or 0.0) < now + 0.06


def test_each_page_starts_the_timer_again() -> None:
    reader, book = new_reading(limit=40), book_of(20)
    pages = answers(book, *reader.sent())
    for at in range(1, 5):
        reader.receive(pages[at], now=at * 0.02)
        assert (reader.next_timeout() or 0.0) > at * 0.02 + 0.02
    assert reader.sent() == []


def test_after_a_timeout_a_page_is_asked_for_at_each_gap_and_the_rest_of_a_window_behind_them() -> None:
    reader, book = new_reading(), book_of(100)
    pages = answers(book, *reader.sent())
    reader.receive(*(pages[at] for at in (6, 4, 3, 1, 0)), now=0.01)
    assert (reader.numbers_read(), reader.answers) == ([1, 2, 3, 4], 5)
    _, reads = reader.sent_next()
    assert asked(reads) == [(begins(3), 1), (begins(6), 1), (begins(8), 5)], "a window of seven"
    reader.receive(*answers(book, reads[0]), now=0.05)
    assert reader.numbers_read() == [5, 6, 7, 8, 9, 10]


def test_the_gaps_at_the_front_come_first_if_there_are_more_than_a_window() -> None:
    reader, book = new_reading(), book_of(100)
    first = reader.sent()
    reader.sent_next()
    reader.sent_next()
    reader.receive(*answers(book, *first)[1::2], now=0.5)
    _, reads = reader.sent_next()
    assert asked(reads) == [(begins(number), 1) for number in (1, 3, 5, 7)], "a window of four"


def test_late_pages_of_a_burst_that_was_given_up_are_used_and_teach_the_round_trip() -> None:
    reader, book = new_reading(), book_of(100)
    late = answers(book, *reader.sent())
    for _ in range(2):
        reader.sent_next()
    reader.receive(*late, now=0.4)
    assert reader.numbers_read() == list(range(1, 21))
    assert (reader.next_timeout() or 0.0) > 0.5, "0.4 seconds of round trip are learned from"


def test_pages_of_a_burst_before_the_latest_bursts_teach_no_round_trip() -> None:
    reader, book = new_reading(), book_of(100)
    late, now = answers(book, *reader.sent()), 0.0
    for _ in range(BURSTS_TIMED_MAX):
        now, _ = reader.sent_next()
    reader.receive(late[0], now=now)
    (earlier, _), (later, _) = reader.sent_next(), reader.sent_next()
    assert later - earlier < 0.1, "the round trip of the first burst is no longer known"


@pytest.mark.parametrize("length", [500, 1500, 3000, 5000])
@pytest.mark.parametrize("arrived", [1, 2, 3])
@pytest.mark.parametrize("rest_arrives", [True, False])
def test_an_entry_that_is_revised_while_its_parts_arrive_comes_once_and_whole(
    length: int, arrived: int, rest_arrives: bool
) -> None:
    reader, book = new_reading(), Book(note(1), note(2, "x" * 4000), note(3))
    reads = reader.sent()
    reader.receive(*answers(book, *reads)[:arrived], now=0.01)
    book.add(note(2, "y" * length, version=4))
    if rest_arrives:
        reader.receive(*answers(book, *reads)[arrived:], now=0.01)
    reader.finish(book, now=0.02)
    assert reader.items() == [note(1), note(2, "y" * length, version=4), note(3)]


def test_an_answer_ends_the_silence_and_reading_continues_with_a_fresh_window() -> None:
    reader, book = silent(), book_of(25)
    reader.handle_timeout(3.9)
    assert reader.sent() == []
    now, reads = reader.sent_next()
    assert (now >= 4.0, asked(reads)) == (True, [(FIRST, 1)])
    assert (reader.next_timeout() or 0.0) >= now + SILENT_INTERVAL_SECONDS
    reader.receive(*answers(book, *reads), now=now + 0.01)
    assert (reader.contact.is_silent, reader.contact.answered_at) == (False, now + 0.01)
    assert reader.numbers_read() == [1, 2]
    assert asked(reader.sent()) == [(Cursor(3, 0), WINDOW_INITIAL)]


def test_a_server_that_was_found_is_asked_at_once() -> None:
    reader = silent()
    reader.server_found(2.0, round_trip_seconds=0.001)
    assert asked(reader.sent()) == [(FIRST, WINDOW_INITIAL)]
    assert reader.next_timeout() == pytest.approx(2.02), "the path is new, and the timeout that of its round trip"
    reader = new_reading()
    reader.receive(answers(book_of(25), *reader.sent())[0], now=0.01)
    reader.sent()
    reader.server_found(0.02, round_trip_seconds=0.001)
    assert asked(reader.sent()) == [(Cursor(3, 0), WINDOW_INITIAL)], (
        "also for the pages that were in flight from the old address"
    )


def test_a_query_that_cannot_be_answered_ends_the_reading() -> None:
    reader = new_reading(Query(words=("?",)))  # a `Book` cannot answer that
    reader.exchange(Book(*notes(9)), now=0.01)
    assert (reader.refusal, reader.is_ended, reader.items(), reader.next_timeout()) == (PageState.BAD_QUERY, True, [], None)
    reader = new_reading()
    reader.receive(page(reader.sent()[0], state=PageState.NOT_READABLE), now=0.01)
    assert (reader.refusal, reader.is_ended, reader.next_timeout()) == (PageState.NOT_READABLE, True, None)


def test_messages_of_other_kinds_and_streams_do_not_disturb_a_reading() -> None:
    reader, book = new_reading(), book_of(6)
    names = ("OFFER", "READ a search", "PAGE with tallies", "PAGE from another notebook")
    reader.receive(b"no message", *map(golden, names), now=0.01)
    assert (reader.items(), reader.events(), reader.is_ended) == ([], [], False)
    reader.exchange(book, now=0.01)
    assert reader.items() == book.wanted(NOTES)


def test_a_reader_of_a_sealed_notebook_believes_only_its_server_also_that_the_key_has_changed() -> None:
    reader = new_reading(envelope=OLD)
    read = reader.sent(AT_OLD)[0]
    for state in (PageState.END, PageState.KEY_CHANGED):
        reader.receive(*(page(read, state=state, envelope=envelope) for envelope in (OPEN, AT_NEW, OLD)), now=0.1)
    reader.receive(page(read._replace(burst=2), state=PageState.KEY_CHANGED, envelope=AT_OLD), now=0.1)
    assert (reader.is_ended, reader.events(), reader.contact.is_silent) == (False, [], False)
    reader.receive(page(read, state=PageState.KEY_CHANGED, envelope=AT_OLD), now=0.1)
    assert (reader.is_ended, list(map(type, reader.events())), reader.contact.is_silent) == (False, [KeyChanged], True)
    reader.receive(page(read, state=PageState.END, envelope=AT_OLD), now=0.2)
    assert reader.is_ended


def begun(query: Query = NOTES, *, follows: bool = False) -> tuple[Reader, Read]:
    """A reading, and the first READ that it sent."""
    reader = new_reading(query, follows=follows)
    return reader, reader.sent()[0]


def test_a_page_of_another_stream_one_that_leads_back_and_a_wait_without_following_are_no_answers() -> None:
    reader, read = begun()
    for state in PageState:
        reader.receive(page(read._replace(stream_id=bytes(8)), note(1), following=Cursor(2, 0), state=state), now=0.01)
    for state, following in (
        (PageState.MORE, FIRST),
        (PageState.MORE, Cursor(0, 0)),
        (PageState.END, Cursor(0, 0)),
        (PageState.END, Cursor(3, 0, 1)),
    ):
        reader.receive(page(read, note(1), following=following, state=state), now=0.01)
    reader.receive(page(read, state=PageState.WAITING), now=0.01)
    assert reader.contact.answered_at == reader.progressed_at == 0.0
    assert (reader.items(), reader.events(), reader.sent(), reader.is_ended) == ([], [], [], False)


def test_an_entry_that_is_not_utf8_ends_the_reading() -> None:
    reader, read = begun()
    parts = [StoredPart(note(1, ""), 5, offset, data) for offset, data in ((0, b"ab\xe4"), (3, b"cd"))]
    reader.receive(page(read, *parts, following=Cursor(2, 0)), now=0.01)
    assert (reader.has_invalid_pages, reader.is_ended, reader.items(), reader.next_timeout()) == (True, True, [], None)


def test_an_index_that_does_not_advance_is_no_progress() -> None:
    reader, read = begun()
    for now, indexed in ((1.0, 5), (2.0, 5), (3.0, 6), (4.0, 2)):
        reader.receive(page(read, state=PageState.INDEXING, indexed=indexed), now=now)
        assert (reader.progressed_at, reader.contact.answered_at) == (3.0 if now >= 3.0 else 1.0, now)


@pytest.mark.parametrize("limit", [0, 5])
@pytest.mark.parametrize("newest_first", [False, True])
def test_notes_are_read_in_the_order_of_time(newest_first: bool, limit: int) -> None:
    imported = [each._replace(number=each.number + 20, version=each.number + 20) for each in notes(12)]
    query, book = Query(newest_first=newest_first, by_time=True), Book(*notes(15, first=13), *imported)
    reader = new_reading(query, limit=limit)
    reader.finish(book, now=0.01)
    assert reader.items() == book.wanted(query)[: limit or None]


numbers = st.sampled_from([1, 2, 3, 4, 5, 6, 9, 2**63 - 1])
offsets = st.sampled_from([0, 0, 0, 1, 2, 3, 1 << 20])
cursors = st.builds(Cursor, numbers, offsets, st.sampled_from([0, 0, 0, 0, 7])) | st.sampled_from([Cursor(0, 0), FIRST, LAST])
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
    found = [item[0] for item in delivered]  # the number of an entry, or the key of a tally
    assert found == sorted(set(found), reverse=newest_first)
    assert (reader.next_timeout() is None) == reader.is_ended


@given(st.booleans(), st.booleans(), st.lists(forgeries, max_size=30))
@settings(max_examples=150)
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

"""Reading: all that is there comes, in order, each thing once, whatever the pages do on their way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import NOISE, NOTEBOOK_ID, golden
from tests.support.readings import (
    NEWEST_FIRST,
    Book,
    answers,
    asked,
    deletion,
    exchange,
    finish,
    note,
    notes,
    reading,
    receive,
    sent,
    sent_next,
)
from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query, Tally, View
from udpnote.protocol.congestion import WINDOW_INITIAL
from udpnote.protocol.reading import ENTRIES_PER_PAGE, PAGES_WINDOW_MAX, TURNS_TIMED_MAX, Reading


def book(pages: int) -> Book:
    """A notebook of that many pages: the page `n` (from 1 on) begins at the entry 2n - 1."""
    return Book(*notes(2 * pages), stride=1000)


def begins(page: int) -> Cursor:
    return Cursor(2 * page - 1, 0)


def read_all(reader: Reading, notebook: Book) -> list[Item]:
    exchange(reader, notebook, now=0.01)
    assert reader.is_ended
    return reader.items()


# What is asked, and what comes.


def test_a_reading_asks_for_a_window_of_pages_from_the_first_entry_on_at_once() -> None:
    reader = reading(Query(words=("中文",)))
    reads = sent(reader)
    assert asked(reads) == [(FIRST, WINDOW_INITIAL)]
    assert (reads[0].notebook_id, reads[0].query) == (NOTEBOOK_ID, Query(words=("中文",)))
    assert (reads[0].turn, reads[0].limit, reads[0].wait_milliseconds) == (1, 0, 0)
    assert sent(reader) == []


def test_a_reading_of_the_newest_begins_at_the_last_entry_and_any_reading_where_it_is_told() -> None:
    assert asked(sent(reading(NEWEST_FIRST))) == [(LAST, WINDOW_INITIAL)]
    assert asked(sent(reading(start=43))) == [(Cursor(43, 0), WINDOW_INITIAL)]
    assert asked(sent(reading(NEWEST_FIRST, start=43))) == [(Cursor(43, 0), WINDOW_INITIAL)]


def test_readings_have_different_unpredictable_streams() -> None:
    streams = {sent(reading(seed=seed))[0].stream_id for seed in range(50)}
    assert len(streams) == 50


def test_all_comes_in_order_and_then_it_is_over() -> None:
    reader, notebook = reading(), book(60)
    assert read_all(reader, notebook) == notebook.wanted(Query())
    assert reader.items() == []
    assert reader.next_timeout() is None
    assert reader.is_ended
    assert (reader.events(), reader.is_refused) == ([], False)
    reader.handle_timeout(100.0)
    assert sent(reader) == []


def test_the_newest_come_first_if_they_are_to() -> None:
    reader, notebook = reading(NEWEST_FIRST), book(60)
    assert read_all(reader, notebook) == notebook.wanted(NEWEST_FIRST)


def test_an_empty_notebook_ends_it_at_once() -> None:
    assert read_all(reading(), Book()) == []


def test_tallies_come_like_entries() -> None:
    tallies = [Tally(3 * key, f"标签 {key}", key) for key in range(1, 100)]
    assert read_all(reading(Query(View.TAGS)), Book(*tallies)) == tallies


def test_long_entries_are_put_together_again() -> None:
    notebook = Book(note(1, "一" * 3000), note(2), note(3, "x" * 9000), deletion(4, revises=3), note(5, "二" * 400))
    assert read_all(reading(), notebook) == notebook.wanted(Query())
    assert read_all(reading(NEWEST_FIRST), notebook) == notebook.wanted(NEWEST_FIRST)


def test_pages_that_are_out_of_order_wait_for_what_comes_before_them() -> None:
    reader, notebook = reading(), book(10)
    pages = answers(notebook, *sent(reader))
    receive(reader, *pages[:0:-1], now=0.01)
    assert (reader.items(), reader.position, reader.is_ended) == ([], FIRST, False)
    receive(reader, pages[0], now=0.01)
    assert reader.items() == notebook.wanted(Query())
    assert reader.is_ended


def test_pages_that_come_twice_are_delivered_once() -> None:
    reader, notebook = reading(), book(30)
    seen: list[bytes] = []
    while reads := sent(reader):
        pages = answers(notebook, *reads)
        seen += pages
        receive(reader, *pages, *reversed(seen), now=0.01)
    assert reader.items() == notebook.wanted(Query())


def test_each_page_is_delivered_as_soon_as_it_has_no_gap_before_it() -> None:
    reader, notebook = reading(), book(3)
    pages = answers(notebook, *sent(reader))
    for number, each in enumerate(pages, 1):
        receive(reader, each, now=0.01)
        assert [item.number for item in reader.items() if isinstance(item, StoredEntry)] == [2 * number - 1, 2 * number]
        assert reader.position == begins(number + 1)


def test_what_is_no_message_is_not_heard() -> None:
    reader, notebook = reading(), book(12)
    receive(reader, b"no message", now=0.01)
    assert (reader.items(), reader.events(), reader.is_ended) == ([], [], False)
    assert read_all(reader, notebook) == notebook.wanted(Query())


@given(st.lists(NOISE, max_size=20))
@settings(deadline=None)
def test_no_bytes_disturb_a_reading(noise: list[bytes]) -> None:
    reader, notebook = reading(), book(12)
    strangers = [golden(name) for name in ("OFFER", "READ a search", "PAGE with tallies", "PAGE from another notebook")]
    receive(reader, *noise, *strangers, now=0.01)
    assert read_all(reader, notebook) == notebook.wanted(Query())


# Limits.


@pytest.mark.parametrize(
    ("limit", "expected"), [(1, 1), (ENTRIES_PER_PAGE, 1), (ENTRIES_PER_PAGE + 1, 2), (1000, WINDOW_INITIAL), (2**40, 10)]
)
def test_what_is_limited_asks_for_no_more_pages_than_that_takes(limit: int, expected: int) -> None:
    reads = sent(reading(limit=limit))
    assert asked(reads) == [(FIRST, expected)]
    assert reads[0].limit == min(limit, 2**32 - 1)


def test_a_limit_counts_down_over_the_turns_and_ends_the_reading() -> None:
    reader, notebook = reading(limit=7), book(30)
    reads = sent(reader)
    assert (asked(reads), reads[0].limit) == ([(FIRST, 2)], 7)
    receive(reader, *answers(notebook, *reads), now=0.01)
    reads = sent(reader)
    assert (asked(reads), reads[0].limit) == ([(begins(3), 2)], 3), "as many pages as it took before"
    receive(reader, *answers(notebook, *reads), now=0.02)
    assert reader.items() == notebook.wanted(Query())[:7]
    assert (reader.is_ended, reader.next_timeout(), sent(reader)) == (True, None, [])


def test_a_limited_reading_asks_for_one_turn_at_a_time() -> None:
    reader, notebook = reading(limit=100), book(60)
    receive(reader, answers(notebook, *sent(reader))[0], now=0.01)
    assert sent(reader) == []


def test_a_server_that_gives_more_than_the_limit_is_not_followed() -> None:
    reader, notebook = reading(limit=3), book(30)
    reads = [each._replace(limit=0) for each in sent(reader)]
    receive(reader, *answers(notebook, *reads, *reads, *reads), now=0.01)
    assert reader.items() == notebook.wanted(Query())[:3]
    assert reader.is_ended


# Several turns under way.


def test_the_next_turn_is_asked_for_when_the_first_page_of_this_one_is_there() -> None:
    reader, notebook = reading(), book(100)
    pages = answers(notebook, *sent(reader))
    receive(reader, pages[3], now=0.01)
    reads = sent(reader)
    assert asked(reads) == [(begins(11), WINDOW_INITIAL + 1)]
    assert reads[0].turn == 2
    receive(reader, *pages, now=0.01)
    assert sent(reader) == [], "two turns are enough"
    receive(reader, answers(notebook, *reads)[0], now=0.02)
    assert asked(sent(reader)) == [(begins(22), 22)]


def test_an_end_that_is_known_already_is_not_asked_for_again() -> None:
    reader, notebook = reading(), book(10)
    pages = answers(notebook, *sent(reader))
    receive(reader, pages[0], now=0.01)
    reads = sent(reader)
    assert asked(reads) == [(Cursor(21, 0), 11)]
    receive(reader, *answers(notebook, *reads), now=0.01)
    assert sent(reader) == []
    assert not reader.is_ended
    receive(reader, *pages, now=0.01)
    assert reader.is_ended


def test_the_window_grows_to_64_pages() -> None:
    reader, notebook = reading(), book(400)
    turns = []
    while reads := sent(reader):
        turns += [count for _, count in asked(reads)]
        receive(reader, *answers(notebook, *reads), now=0.01)
    assert turns[:3] == [10, 11, 21]
    assert max(turns) == PAGES_WINDOW_MAX == 64


def test_each_ask_has_a_turn_of_its_own() -> None:
    reader, notebook = reading(), book(100)
    turns = []
    while reads := sent(reader):
        turns += sorted({each.turn for each in reads})
        receive(reader, *answers(notebook, *reads), now=0.01)
    assert turns == list(range(1, len(turns) + 1))


# What is lost.


def test_a_turn_that_is_not_answered_is_asked_again_by_the_timer() -> None:
    reader = reading()
    sent(reader)
    assert reader.next_timeout() == pytest.approx(0.03)
    assert reader.next_timeout() == reader.next_timeout()
    reader.handle_timeout(0.029)
    assert sent(reader) == []
    now, reads = sent_next(reader)
    assert now == pytest.approx(0.03)
    assert (asked(reads), reads[0].turn) == ([(FIRST, 5)], 2), "with half a window"


def test_without_a_round_trip_the_first_attempt_is_given_a_second() -> None:
    reader = reading(round_trip_seconds=None)
    sent(reader)
    assert reader.next_timeout() == 1.0


def test_timeouts_back_off_and_the_window_falls_to_two() -> None:
    reader = reading()
    sent(reader)
    (first, early), (second, late), (third, last) = (sent_next(reader) for _ in range(3))
    assert 2 * first <= second - first <= 2.5 * first
    assert 2 * (second - first) <= third - second <= 2.5 * (second - first)
    assert [len(early), len(late), len(last)] == [5, 2, 2]


def test_an_answer_ends_the_backoff_and_is_a_sample_of_the_path() -> None:
    reader, notebook = reading(round_trip_seconds=None), book(100)
    receive(reader, answers(notebook, *sent(reader))[0], now=0.01)
    assert reader.next_timeout() == pytest.approx(0.04)
    sent(reader)
    for _ in range(3):
        now, reads = sent_next(reader)
    receive(reader, answers(notebook, *reads)[0], now=now + 0.01)
    assert (reader.next_timeout() or 0.0) < now + 0.06


def test_the_timer_of_a_turn_begins_anew_with_each_of_its_pages() -> None:
    reader, notebook = reading(limit=40), book(20)
    pages = answers(notebook, *sent(reader))
    for at in range(1, 5):
        receive(reader, pages[at], now=at * 0.02)
        assert (reader.next_timeout() or 0.0) > at * 0.02 + 0.02
    assert sent(reader) == []


def test_each_gap_is_asked_for_one_page_and_what_is_behind_all_for_the_rest_of_the_window() -> None:
    reader, notebook = reading(), book(100)
    pages = answers(notebook, *sent(reader))
    receive(reader, *(pages[at] for at in (0, 1, 3, 4, 6)), now=0.01)
    _, reads = sent_next(reader)
    assert asked(reads) == [(begins(3), 1), (begins(6), 1), (begins(8), 5)], "a window of seven"


def test_more_gaps_than_the_window_are_closed_from_the_front_on() -> None:
    reader, notebook = reading(), book(100)
    first = sent(reader)
    sent_next(reader)
    sent_next(reader)
    receive(reader, *answers(notebook, *first)[1::2], now=0.5)
    _, reads = sent_next(reader)
    assert asked(reads) == [(begins(1), 1), (begins(3), 1), (begins(5), 1), (begins(7), 1)], "a window of four"


def test_a_gap_that_is_closed_lets_all_that_waited_behind_it_out() -> None:
    reader, notebook = reading(), book(10)
    pages = answers(notebook, *sent(reader))
    receive(reader, *pages[:4], *pages[5:], now=0.01)
    assert len(reader.items()) == 8
    _, reads = sent_next(reader)
    receive(reader, *answers(notebook, reads[0]), now=0.05)
    assert len(reader.items()) == 12
    assert reader.is_ended


def test_pages_that_overlap_are_delivered_without_their_overlap() -> None:
    reader, notebook = reading(), book(10)
    [first, *_] = sent(reader)
    for cursor in (Cursor(2, 0), FIRST, Cursor(6, 0), Cursor(4, 0), Cursor(3, 0), Cursor(8, 0)):
        receive(reader, *answers(notebook, first._replace(cursor=cursor)), now=0.01)
    assert [item.number for item in reader.items() if isinstance(item, StoredEntry)] == list(range(1, 10))


def test_a_late_page_of_a_turn_that_was_given_up_is_used() -> None:
    reader, notebook = reading(), book(10)
    late = answers(notebook, *sent(reader))
    sent_next(reader)
    receive(reader, *late, now=0.05)
    assert reader.is_ended
    assert reader.items() == notebook.wanted(Query())


def test_a_late_answer_still_tells_its_round_trip() -> None:
    reader, notebook = reading(), book(100)
    late = answers(notebook, *sent(reader))
    for _ in range(2):
        sent_next(reader)
    receive(reader, late[0], now=0.4)
    assert (reader.next_timeout() or 0.0) > 0.5, "0.4 seconds of round trip are learned from"


def test_the_turns_that_are_timed_stay_few() -> None:
    reader, notebook = reading(), book(100)
    late, now = answers(notebook, *sent(reader)), 0.0
    for _ in range(TURNS_TIMED_MAX):
        now, _ = sent_next(reader)
    receive(reader, late[0], now=now)
    (earlier, _), (later, _) = sent_next(reader), sent_next(reader)
    assert later - earlier < 0.1, "the round trip of the first turn is no longer known"


# Entries that are revised meanwhile.


@pytest.mark.parametrize("length", [500, 1500, 3000, 5000])
@pytest.mark.parametrize("arrived", [1, 2, 3])
def test_an_entry_that_is_revised_while_its_parts_arrive_comes_once_and_whole(length: int, arrived: int) -> None:
    reader, notebook = reading(), Book(note(1), note(2, "x" * 4000), note(3))
    receive(reader, *answers(notebook, *sent(reader))[:arrived], now=0.01)
    notebook.add(note(2, "y" * length, version=4))
    finish(reader, notebook, now=0.02)
    assert reader.items() == [note(1), note(2, "y" * length, version=4), note(3)]


def test_an_entry_that_is_revised_while_its_parts_arrive_is_begun_anew_whatever_came_of_it_before() -> None:
    reader, notebook = reading(), Book(note(1, "x" * 4000), note(2))
    reads = sent(reader)
    old = answers(notebook, *reads)
    notebook.add(note(1, "y" * 4000, version=3))
    new = answers(notebook, *reads)
    receive(reader, old[0], new[1], new[2], old[3], now=0.01)
    assert reader.position == FIRST
    finish(reader, notebook, now=0.02)
    assert reader.items() == [note(1, "y" * 4000, version=3), note(2)]


def test_an_entry_that_is_deleted_while_its_parts_arrive_is_passed_over() -> None:
    reader, notebook = reading(), Book(note(1), note(2, "x" * 4000), note(3, "z" * 3000))
    receive(reader, *answers(notebook, *sent(reader))[:2], now=0.01)
    del notebook.items[2]
    finish(reader, notebook, now=0.02)
    assert reader.items() == [note(1), note(3, "z" * 3000)]

"""Reading from a server that does not answer: it is left alone, looked for, and asked on when it is found."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.support.readings import (
    UNANSWERABLE,
    Book,
    answers,
    asked,
    exchange,
    expire,
    notes,
    page,
    reading,
    receive,
    sent,
    sent_next,
)
from udpnote.model.query import FIRST, Cursor, Query
from udpnote.protocol.congestion import RTO_MAX_SECONDS, WINDOW_INITIAL
from udpnote.protocol.messages import PageState
from udpnote.protocol.reading import Reading
from udpnote.protocol.server_contact import SILENCE_SECONDS, SILENT_INTERVAL_SECONDS, ServerSilent, WrongServer


def unacquainted() -> Reading:
    return reading(round_trip_seconds=None)


def silent() -> Reading:
    """A reading at time 1 whose first turn was not answered, and which has said so."""
    reader = unacquainted()
    expire(reader)
    sent(reader)
    assert reader.events() == [ServerSilent()]
    return reader


@pytest.mark.parametrize("begin", [reading, unacquainted])
def test_a_silent_server_is_told_once_and_sent_one_read_per_three_seconds_at_most(begin: Callable[[], Reading]) -> None:
    reader, times = begin(), []
    sent(reader)
    while (now := expire(reader)) < 600.0:
        reads = sent(reader)
        times += [now] * len(reads) if reader.is_silent else []
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert SILENCE_SECONDS <= times[0] <= 2 * SILENCE_SECONDS
    assert SILENT_INTERVAL_SECONDS <= min(gaps) < max(gaps) == RTO_MAX_SECONDS
    assert reader.events() == [ServerSilent()]
    assert reader.answered_at == 0.0


def test_silence_sends_nothing_before_its_time() -> None:
    reader = silent()
    reader.handle_timeout(3.9)
    assert sent(reader) == []
    now, reads = sent_next(reader)
    assert now >= 4.0
    assert asked(reads) == [(FIRST, 1)]


def test_an_answer_ends_the_silence_and_reading_goes_on_with_a_fresh_window() -> None:
    reader, book = silent(), Book(*notes(50))
    now, reads = sent_next(reader)
    receive(reader, *answers(book, *reads), now=now + 0.01)
    assert not reader.is_silent
    assert reader.answered_at == now + 0.01
    assert reader.items() == notes(2)
    assert asked(sent(reader)) == [(Cursor(3, 0), WINDOW_INITIAL)]


def test_what_was_asked_before_the_silence_still_ends_it() -> None:
    reader, book = unacquainted(), Book(*notes(3))
    late = answers(book, *sent(reader))
    expire(reader)
    receive(reader, *late, now=1.5)
    assert (reader.is_silent, reader.is_ended, reader.items()) == (False, True, notes(3))


def test_a_word_that_a_read_waits_ends_the_silence_too() -> None:
    reader = reading(follows=True)
    exchange_end(reader)
    now, reads = sent_next(reader)
    for _ in range(20):  # more than it takes until it is silent
        now, reads = sent_next(reader)
    assert reader.events() == [ServerSilent()]
    receive(reader, page(reads[-1], state=PageState.WAITING), now=now + 0.01)
    assert not reader.is_silent
    assert reader.next_timeout() == pytest.approx(now + 3.01)


def exchange_end(reader: Reading) -> None:
    receive(reader, *answers(Book(*notes(3)), *sent(reader)), now=0.01)


def test_a_server_that_was_found_is_asked_for_a_fresh_window_at_once() -> None:
    reader = silent()
    reader.server_found(2.0, round_trip_seconds=0.001)
    assert asked(sent(reader)) == [(FIRST, WINDOW_INITIAL)]
    assert not reader.is_silent
    assert reader.next_timeout() == pytest.approx(2.02), "the path is new, and the timeout that of its round trip"


def test_what_was_under_way_to_the_old_address_is_asked_of_the_one_that_was_found() -> None:
    reader, book = reading(), Book(*notes(50))
    receive(reader, answers(book, *sent(reader))[0], now=0.01)
    sent(reader)
    reader.server_found(0.02, round_trip_seconds=0.001)
    assert asked(sent(reader)) == [(Cursor(3, 0), WINDOW_INITIAL)]


def test_a_server_that_was_found_and_does_not_answer_falls_silent_again() -> None:
    reader = silent()
    reader.server_found(2.0, round_trip_seconds=0.001)
    while not (events := reader.events()):
        now = expire(reader)
    assert events == [ServerSilent()]
    assert SILENCE_SECONDS <= now - 2.0 < 3 * SILENCE_SECONDS
    assert reader.answered_at == 0.0, "being found is no answer"


def test_a_server_that_was_found_during_a_pause_is_asked_after_it() -> None:
    reader = reading(Query(words=("x",)))
    receive(reader, page(sent(reader)[0], state=PageState.INDEXING), now=0.01)
    reader.server_found(0.02, round_trip_seconds=0.001)
    assert sent(reader) == []
    now, _ = sent_next(reader)
    assert now == pytest.approx(0.11)


# Another notebook's server, and a query that cannot be answered.


def test_a_server_with_another_notebook_is_told_once_and_left_alone() -> None:
    reader = reading()
    for each in sent(reader):
        receive(reader, page(each, state=PageState.WRONG_NOTEBOOK), now=0.01)
    assert reader.events() == [WrongServer()]
    for attempt in (1, 2, 3):
        now, reads = sent_next(reader)
        assert now == pytest.approx(0.01 + attempt * SILENT_INTERVAL_SECONDS)
        assert asked(reads) == [(FIRST, 1)]
        receive(reader, page(reads[0], state=PageState.WRONG_NOTEBOOK), now=now + 0.01)
    assert reader.events() == []
    assert (reader.is_silent, reader.answered_at) == (True, 0.0)


def test_a_word_of_another_notebook_on_a_turn_that_was_given_up_is_ignored() -> None:
    reader, book = reading(), Book(*notes(50))
    [first, *_] = reads = sent(reader)
    receive(reader, *answers(book, *reads), now=0.01)
    receive(reader, page(first, state=PageState.WRONG_NOTEBOOK), now=0.01)
    assert (reader.events(), reader.is_silent) == ([], False)


def test_a_late_word_that_a_read_waits_takes_back_what_another_notebook_said() -> None:
    reader = reading(follows=True)
    exchange_end(reader)
    late = sent(reader)[-1]
    now, [again] = sent_next(reader)
    receive(reader, page(again, state=PageState.WRONG_NOTEBOOK), now=now)
    receive(reader, page(late, state=PageState.WAITING), now=now)
    assert not reader.is_silent
    assert asked(sent(reader)) == [(Cursor(4, 0), 1)]
    assert reader.next_timeout() is not None


def test_a_query_that_cannot_be_answered_ends_the_reading() -> None:
    reader = reading(UNANSWERABLE)
    exchange(reader, Book(*notes(9)), now=0.01)
    assert (reader.is_refused, reader.is_ended, reader.items(), reader.next_timeout()) == (True, True, [], None)
    reader.handle_timeout(9.0)
    assert sent(reader) == []

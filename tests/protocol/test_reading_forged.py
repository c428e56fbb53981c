"""Pages that no server would send: never an exception, never a thing twice or out of order, never an endless wait."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.readings import (
    NEWEST_FIRST,
    Book,
    answers,
    asked,
    exchange,
    expire,
    finish,
    note,
    notes,
    page,
    reading,
    receive,
    sent,
    sent_next,
)
from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query, Tally, View
from udpnote.protocol.messages import PageItem, PageState, Read, StoredPart
from udpnote.protocol.page_assembly import EARLY_PAGES_MAX, RESTARTS_MAX
from udpnote.protocol.reading import Indexing, Reading

OTHER_STREAM = bytes(8)


def part(number: int, data: bytes, *, offset: int = 0, total_bytes: int = 4000, version: int | None = None) -> StoredPart:
    return StoredPart(note(number, "", version=version), total_bytes, offset, data)


def begun(query: Query = Query(), *, follows: bool = False) -> tuple[Reading, Read]:  # noqa: B008 - it is immutable
    """A reading, and the first READ that it sent."""
    reader = reading(query, follows=follows)
    return reader, sent(reader)[0]


def test_pages_of_another_stream_are_ignored() -> None:
    reader, asking = begun()
    stranger = asking._replace(stream_id=OTHER_STREAM)
    for state in PageState:
        receive(reader, page(stranger, note(1), following=Cursor(2, 0), state=state), now=0.01)
    assert (reader.items(), reader.position, reader.is_ended, reader.answered_at) == ([], FIRST, False, 0.0)
    assert (reader.events(), sent(reader)) == ([], [])


@pytest.mark.parametrize(
    ("query", "here", "back"), [(Query(), Cursor(5, 10), Cursor(5, 9)), (NEWEST_FIRST, Cursor(5, 0), Cursor(6, 0))]
)
def test_a_page_that_leads_back_is_ignored(query: Query, here: Cursor, back: Cursor) -> None:
    reader, asking = begun(query)
    receive(reader, page(asking, following=here), now=0.01)
    assert reader.position == here
    receive(reader, page(asking, note(5), start=here, following=back), now=0.01)
    assert (reader.items(), reader.position) == ([], here)


def test_a_page_that_leads_back_is_ignored_even_before_its_turn_has_come() -> None:
    reader, asking = begun()
    receive(reader, page(asking, note(9), start=Cursor(9, 0), following=Cursor(3, 0)), now=0.01)
    receive(reader, page(asking, following=Cursor(9, 0)), now=0.01)
    assert (reader.items(), reader.position) == ([], Cursor(9, 0))


def test_a_page_that_brings_a_thing_twice_or_out_of_order_delivers_it_once_and_in_order() -> None:
    reader, asking = begun()
    receive(reader, page(asking, note(3), note(3), note(2), note(7), note(4), following=Cursor(4, 0)), now=0.01)
    receive(reader, page(asking, note(5), note(7), note(8), start=Cursor(4, 0), following=Cursor(9, 0)), now=0.01)
    assert reader.items() == [note(3), note(7), note(8)]


def test_a_tally_comes_once_however_often_it_is_sent() -> None:
    reader, asking = begun(Query(View.TAGS))
    tallies = [Tally(key, str(key), key) for key in (1, 2, 2, 5, 3)]
    receive(reader, page(asking, *tallies, following=Cursor(3, 0)), now=0.01)
    receive(reader, page(asking, *tallies, start=Cursor(3, 0), following=Cursor(6, 0)), now=0.01)
    assert reader.items() == [tallies[0], tallies[1], tallies[3]]


def test_a_part_that_goes_on_with_nothing_sends_the_reader_back_to_the_beginning_of_its_entry() -> None:
    reader, asking = begun()
    receive(reader, page(asking, note(1), part(2, b"x", offset=9), note(3), following=Cursor(4, 0)), now=0.01)
    assert (reader.items(), reader.position) == ([note(1)], Cursor(2, 0))
    assert asked(sent(reader)) == [(Cursor(2, 0), 11)]


@pytest.mark.parametrize(
    "second", [part(1, b"c", offset=3), part(1, b"c", offset=1), part(2, b"c", offset=2), part(1, b"c", offset=2, version=9)]
)
def test_a_part_that_does_not_go_on_where_the_last_one_ended_sends_the_reader_back(second: StoredPart) -> None:
    reader, asking = begun()
    number = second.stored.number
    receive(reader, page(asking, part(1, b"ab"), following=Cursor(1, 2)), now=0.01)
    receive(reader, page(asking, second, start=Cursor(1, 2), following=Cursor(3, 0)), now=0.01)
    is_here_already = second.offset == 1
    assert reader.position == (Cursor(3, 0) if is_here_already else Cursor(number, 0))
    assert reader.items() == []


def test_parts_that_overlap_because_a_server_has_cut_them_twice_make_their_entry_whole() -> None:
    reader, asking = begun()
    receive(reader, page(asking, note(1), part(2, b"ab", total_bytes=4), following=Cursor(2, 2)), now=0.01)
    before = part(1, b"x", offset=3, total_bytes=4)
    receive(reader, page(asking, before, part(2, b"abc", total_bytes=4), start=FIRST, following=Cursor(2, 3)), now=0.01)
    assert reader.position == Cursor(2, 3)
    last = part(2, b"bcd", offset=1, total_bytes=4)
    receive(reader, page(asking, last, start=Cursor(2, 1), following=Cursor(3, 0)), now=0.01)
    assert (reader.items(), reader.position) == ([note(1), note(2, "abcd")], Cursor(3, 0))


def test_characters_that_a_server_has_cut_are_nonsense() -> None:
    reader, asking = begun()
    receive(reader, page(asking, part(1, b"ab\xe4", total_bytes=5), following=Cursor(1, 3)), now=0.01)
    receive(reader, page(asking, part(1, b"cd", offset=3, total_bytes=5), start=Cursor(1, 3), following=Cursor(2, 0)), now=0.01)
    assert reader.items() == []
    assert reader.is_nonsense
    assert reader.is_ended
    assert reader.next_timeout() is None


@pytest.mark.parametrize("following", [FIRST, Cursor(0, 0)])
def test_a_page_that_leads_nowhere_is_no_answer(following: Cursor) -> None:
    reader, asking = begun()
    receive(reader, page(asking, note(1), following=following), now=0.01)
    assert (reader.items(), reader.answered_at, reader.progressed_at) == ([], 0.0, 0.0)
    assert reader.datagrams_to_send() == []


def test_a_page_that_says_to_wait_is_no_answer_to_one_who_did_not_ask_for_it() -> None:
    reader, asking = begun()
    receive(reader, page(asking, state=PageState.WAITING), now=0.01)
    assert reader.answered_at == reader.progressed_at == 0.0


def test_an_entry_that_is_another_one_with_each_part_is_nonsense() -> None:
    reader, asking = begun()
    for version in range(RESTARTS_MAX):
        assert not reader.is_nonsense
        start = Cursor(1, 0)
        one = part(1, b"abc", total_bytes=9, version=2 * version + 1)
        receive(reader, page(asking, one, start=start, following=Cursor(1, 3)), now=0.01)
        other = part(1, b"def", offset=3, total_bytes=9, version=2 * version + 2)
        receive(reader, page(asking, other, start=Cursor(1, 3), following=Cursor(1, 6)), now=0.01)
    assert reader.is_nonsense
    assert reader.items() == []


def test_an_index_that_does_not_get_on_is_no_progress() -> None:
    reader, asking = begun()
    for now, indexed in ((1.0, 5), (2.0, 5), (3.0, 6), (4.0, 2)):
        receive(reader, page(asking, state=PageState.INDEXING, following=FIRST, indexed=indexed), now=now)
        assert reader.progressed_at == (3.0 if now >= 3.0 else 1.0)
        assert reader.answered_at == now


def test_pages_are_kept_up_to_a_limit_and_one_that_closes_the_gap_is_taken_even_then() -> None:
    reader, asking = begun()
    for number in range(2, EARLY_PAGES_MAX + 12):
        following = Cursor(number + 1, 0)
        receive(reader, page(asking, note(number), start=Cursor(number, 0), following=following), now=0.01)
    assert (reader.items(), reader.position) == ([], FIRST)
    receive(reader, page(asking, note(1), following=Cursor(2, 0)), now=0.01)
    assert reader.items() == [note(number) for number in range(1, EARLY_PAGES_MAX + 2)]


def test_an_overlapping_page_closes_the_gap_even_when_the_most_are_kept() -> None:
    reader, asking = begun()
    receive(reader, page(asking, note(1), following=Cursor(2, 0)), now=0.01)
    for number in range(3, EARLY_PAGES_MAX + 3):
        receive(reader, page(asking, note(number), start=Cursor(number, 0), following=Cursor(number + 1, 0)), now=0.01)
    receive(reader, page(asking, note(1), note(2), following=Cursor(3, 0)), now=0.01)
    assert len(reader.items()) == EARLY_PAGES_MAX + 2


def test_absurd_cursors_lead_nowhere_else_than_to_the_end() -> None:
    reader, asking = begun()
    receive(reader, page(asking, following=Cursor(2**63 - 1, 1 << 20)), now=0.01)
    assert asked(sent(reader)) == [(Cursor(2**63 - 1, 1 << 20), 11)]
    finish(reader, Book(*notes(9)), now=0.02)
    assert reader.items() == []


# Whatever comes.

numbers = st.sampled_from([1, 2, 3, 4, 5, 6, 9, 2**63 - 1])
cursors = st.one_of(
    st.builds(Cursor, numbers, st.sampled_from([0, 0, 0, 1, 2, 3, 1 << 20])), st.sampled_from([Cursor(0, 0), FIRST, LAST])
)
versions = st.sampled_from([None, None, 7, 8])
parts = st.builds(
    lambda number, data, offset, surplus, version: part(
        number, data, offset=offset, total_bytes=offset + len(data) + surplus, version=version
    ),
    numbers,
    st.sampled_from([b"x", b"yz", b"\xe4\xb8"]),
    st.sampled_from([0, 0, 1, 2, 3]),
    st.sampled_from([1, 1, 2, 5]),
    versions,
)
tallies = st.builds(Tally, st.integers(-3, 9), st.just("x"), st.just(1))
contents = st.one_of(
    st.lists(st.one_of(st.builds(lambda number: note(number), numbers), parts), max_size=4), st.lists(tallies, max_size=4)
)
forgeries = st.tuples(st.sampled_from(PageState), st.integers(0, 6), cursors, cursors, contents, st.booleans())


def check(reader: Reading, delivered: list[Item], *, newest_first: bool) -> None:
    """Each thing once and in order, and somebody waits for something as long as it is not over."""
    delivered += reader.items()
    found = [item.key if isinstance(item, Tally) else item.number for item in delivered]
    assert found == sorted(set(found), reverse=newest_first)
    assert (reader.next_timeout() is None) == reader.is_ended


@given(st.booleans(), st.booleans(), st.lists(forgeries, max_size=30))
@settings(deadline=None, max_examples=300)
def test_no_forgery_breaks_a_reading_or_has_it_deliver_a_thing_twice_or_out_of_order(
    newest_first: bool, follows: bool, taken: list[tuple[PageState, int, Cursor, Cursor, list[PageItem], bool]]
) -> None:
    query, delivered, now = Query(newest_first=newest_first), list[Item](), 0.001
    reader, asking = begun(query, follows=follows)
    for state, turn, start, following, items, expires in taken:
        answered = asking._replace(turn=turn)
        receive(reader, page(answered, *items, start=start, following=following, state=state), now=now)
        check(reader, delivered, newest_first=newest_first)
        now = expire(reader) if expires and not reader.is_ended else now + 0.001
        reader.handle_timeout(now)
        sent(reader)
        check(reader, delivered, newest_first=newest_first)
    if not follows and not reader.is_ended:
        finish(reader, Book(*notes(9)), now=now)
        check(reader, delivered, newest_first=newest_first)


def test_a_forged_state_of_the_index_only_makes_the_reader_ask_later() -> None:
    reader, asking = begun()
    receive(reader, page(asking, start=Cursor(7, 0), following=Cursor(7, 0), state=PageState.INDEXING), now=0.01)
    assert reader.indexing == Indexing(0, 9)
    now, reads = sent_next(reader)
    receive(reader, *answers(Book(*notes(9)), *reads), now=now)
    exchange(reader, Book(*notes(9)), now=now)
    assert [item.number for item in reader.items() if isinstance(item, StoredEntry)] == list(range(1, 10))

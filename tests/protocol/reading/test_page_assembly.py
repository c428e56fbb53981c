"""Assembling pages: each item is delivered once and in order, even from pages that no right server sends."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.readings import NEWEST_FIRST, NOTES, note, page, read
from tests.support.wire import decoded
from udpnote.model.query import FIRST, LAST, Cursor, Item, Query, Tally, View
from udpnote.protocol.reading.page_assembly import EARLY_PAGES_MAX, RESTARTS_MAX, PageAssembly
from udpnote.protocol.reading_messages import Page, PageItem, PageState, StoredPart


class Assembled:
    """A `PageAssembly` that is fed with pages, as a reading does."""

    def __init__(self, query: Query = NOTES) -> None:
        self.assembly = PageAssembly(query, limit=0, start=None)

    def take(self, *items: PageItem, start: Cursor = FIRST, following: Cursor) -> None:
        [one] = decoded(Page, [page(read(), *items, start=start, following=following)])
        self.deliver(one)

    def deliver(self, one: Page) -> None:
        if self.assembly.are_cursors_valid(one):
            self.assembly.early.keep(one, self.assembly.position)
        while (each := self.assembly.early.take(self.assembly.position)) is not None:
            self.assembly.deliver(each)

    @property
    def state(self) -> tuple[list[Item], Cursor]:
        """The items since the last call, and the position."""
        return self.assembly.items(), self.assembly.position


def part(number: int, data: bytes, *, offset: int = 0, total_bytes: int = 4000, version: int | None = None) -> StoredPart:
    return StoredPart(note(number, "", version=version), total_bytes, offset, data)


def test_a_note_that_was_revised_between_its_parts_is_read_again_from_its_own_time() -> None:
    query = Query(newest_first=True, by_time=True)
    first = part(1, b"ab", version=9)
    time = first.stored.noted_at
    assembled = Assembled(query)
    assembled.take(first, start=assembled.assembly.position, following=Cursor(1, 2, time))
    assembled.take(part(1, b"c", offset=2, version=10), start=Cursor(1, 2, time), following=Cursor(0, 0, time))
    assert assembled.state == ([], Cursor(1, 0, time))
    assembled.take(note(2), note(1), start=Cursor(2, 0, time + 1), following=Cursor(0, 0, time))
    assert assembled.state == ([note(2), note(1)], Cursor(0, 0, time))


def test_items_are_delivered_once_and_in_order() -> None:
    assembled = Assembled()
    assembled.take(note(3), note(3), note(2), note(7), note(4), following=Cursor(4, 0))
    assembled.take(note(5), note(7), note(8), start=Cursor(4, 0), following=Cursor(9, 0))
    assert assembled.state == ([note(3), note(7), note(8)], Cursor(9, 0))
    tallies = [Tally(key, str(key), key) for key in (1, 2, 2, 5, 3)]
    assembled = Assembled(Query(View.TAGS))
    assembled.take(*tallies, following=Cursor(3, 0))
    assembled.take(*tallies, start=Cursor(3, 0), following=Cursor(6, 0))
    assert assembled.state[0] == [tallies[0], tallies[1], tallies[3]]


def test_no_page_that_leads_back_is_kept() -> None:
    for query, beyond, back in ((NOTES, 12, 10), (NEWEST_FIRST, 6, 8)):
        assembled = Assembled(query)
        assembled.assembly.position = Cursor(9, 0)
        assembled.take(note(9), start=Cursor(beyond, 0), following=Cursor(back, 0))
        assert assembled.assembly.early.is_empty
        assert assembled.state == ([], Cursor(9, 0))


def test_a_part_must_continue_its_entry_where_the_last_one_ended_or_before() -> None:
    assembled = Assembled()
    assembled.take(note(1), part(2, b"x", offset=9), note(3), following=Cursor(4, 0))
    assert assembled.state == ([note(1)], Cursor(2, 0))
    for second, position in (
        (part(1, b"c", offset=3), Cursor(1, 0)),
        (part(2, b"c", offset=2), Cursor(2, 0)),
        (part(1, b"c", offset=2, version=9), Cursor(1, 0)),
        (part(1, b"c", offset=1), Cursor(3, 0)),  # this is already here
    ):
        assembled = Assembled()
        assembled.take(part(1, b"ab"), following=Cursor(1, 2))
        assembled.take(second, start=Cursor(1, 2), following=Cursor(3, 0))
        assert assembled.state == ([], position)
    assembled = Assembled()
    assembled.take(note(1), part(2, b"ab", total_bytes=4), following=Cursor(2, 2))
    before = part(1, b"x", offset=3, total_bytes=4)
    assembled.take(before, part(2, b"abc", total_bytes=4), start=FIRST, following=Cursor(2, 3))
    assert assembled.state == ([note(1)], Cursor(2, 3))
    assembled.take(part(2, b"bcd", offset=1, total_bytes=4), start=Cursor(2, 1), following=Cursor(3, 0))
    assert assembled.state == ([note(2, "abcd")], Cursor(3, 0))


def test_pages_whose_parts_are_always_of_another_version_are_invalid() -> None:
    assembled = Assembled()
    for version in range(RESTARTS_MAX):
        assert not assembled.assembly.has_invalid_pages
        assembled.take(part(1, b"abc", total_bytes=9, version=2 * version + 1), following=Cursor(1, 3))
        other = part(1, b"def", offset=3, total_bytes=9, version=2 * version + 2)
        assembled.take(other, start=Cursor(1, 3), following=Cursor(1, 6))
    assert (assembled.state[0], assembled.assembly.has_invalid_pages) == ([], True)


@pytest.mark.parametrize("closing", [[note(1)], [note(1), note(2)]], ids=["from the position", "from before it"])
def test_early_pages_are_kept_up_to_a_limit_and_one_that_closes_the_gap_is_taken_even_then(closing: list[PageItem]) -> None:
    assembled = Assembled()
    if len(closing) > 1:
        assembled.take(note(1), following=Cursor(2, 0))
    first = len(closing) + 1
    for number in range(first, first + EARLY_PAGES_MAX + 10):
        assembled.take(note(number), start=Cursor(number, 0), following=Cursor(number + 1, 0))
    assembled.take(*closing, following=Cursor(first, 0))
    assert assembled.state[0] == [note(number) for number in range(1, first + EARLY_PAGES_MAX)]


steps = st.tuples(
    *(st.sampled_from([1, 1, 1, 2, 0, -1]), st.sampled_from([0, 0, 0, 0, 0, 1, -1]), st.sampled_from([1, 1, 1, 1, 2])),
    *(st.sampled_from([0, 0, 0, 0, 5]), st.sampled_from([PageState.MORE] * 5 + [PageState.END])),
)


@pytest.mark.parametrize("query", [NOTES, NEWEST_FIRST, Query(by_time=True), Query(by_time=True, newest_first=True)])
@given(steps=st.lists(steps, min_size=2, max_size=20))
@example(steps=[(1, 0, 1, 0, PageState.MORE), (1, 0, 1, 5, PageState.MORE)])
def test_pages_that_arrive_together_bring_the_same_items_as_one_by_one(
    query: Query, steps: list[tuple[int, int, int, int, PageState]]
) -> None:
    together, one_by_one = Assembled(query), Assembled(query)
    following, pages = Cursor(20, 0), list[Page]()
    for forward, gap, burst, time, state in steps:
        start = following._replace(number=following.number + gap)
        number = start.number - forward if query.newest_first else start.number + forward
        following = Cursor(max(number, 1), 0, time)
        data = page(read(burst=burst), note(max(start.number, 1)), start=start, following=following, state=state)
        pages += [each._replace(burst_end=LAST) for each in decoded(Page, [data])]
    for each in (together, one_by_one):
        each.assembly.position = pages[0].start
    count = 0
    for joined, joined_count in together.assembly.joined(pages):
        count += joined_count
        together.deliver(joined)
    for each_page in pages:
        one_by_one.deliver(each_page)
    assert (count, together.state) == (len(pages), one_by_one.state)


def test_pages_are_joined_from_the_position_on_unless_the_reading_has_a_limit() -> None:
    data = [page(read(), note(n), start=Cursor(n, 0), following=Cursor(n + 1, 0)) for n in range(1, 9)]
    pages = [each._replace(burst_end=LAST) for each in decoded(Page, data)]
    for limit, start, counts in ((0, None, [8]), (0, 2, [1] * 8), (9, None, [1] * 8)):
        assembly = PageAssembly(NOTES, limit=limit, start=start)
        assert [count for _, count in assembly.joined(pages)] == counts
    together = PageAssembly(NOTES, limit=0, start=None)
    assert [count for _, count in together.joined([*pages[:3], *pages[4:], pages[3]])] == [3, 1, 1, 1, 1, 1]

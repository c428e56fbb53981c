"""READs that wait: answered when something is stored, in a table of limited size, by PAGEs together no longer than the READ."""

from collections import Counter
from weakref import ref

import pytest

from tests.support.golden import NOTEBOOK_ID
from tests.support.paging import PagedBook, assembled, numbers, states
from tests.support.readings import UNANSWERABLE, Book, after, note, notes, read, seen
from udpnote.model.entry import NOTHING_SEEN
from udpnote.model.query import FIRST, Cursor, Query
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.codec.reading import READ_BYTES
from udpnote.protocol.envelope import OPEN, Requester
from udpnote.protocol.paging.paging import PENDING_BURSTS_MAX, Pager
from udpnote.protocol.paging.waiting_reads import REPEAT_SECONDS, WAIT_END_SENDINGS_MAX, WAITING_PER_HOST_MAX, WAITING_READS_MAX
from udpnote.protocol.reading_messages import Page, PageState

OTHER_ID = bytes(range(16))
THIRD = Query(words=("third",))
END, INDEXING, MORE, WAITING = PageState.END, PageState.INDEXING, PageState.MORE, PageState.WAITING


def waiting(*texts: str, cursor: Cursor = FIRST, wait: float = 9.0, limit: int = 0, query: Query = THIRD) -> PagedBook:
    """A notebook with notes of these `texts`, at time 0, and one READ that waits; its first page has been sent."""
    paged = PagedBook(Book())
    store(paged, *texts)
    assert states(paged.answer(read(cursor, wait=wait, limit=limit, query=query))) == [WAITING]
    return paged


def store(paged: PagedBook, *texts: str, now: float = 1.0) -> list[Page]:
    """Store notes with `texts` at once, and return the pages that are sent."""
    paged.store(*(note(paged.book.last + at, text) for at, text in enumerate(texts, 1)))
    return paged.serve(now)


def streams(count: int, first: int = 0) -> list[bytes]:
    return [at.to_bytes(8) for at in range(first, first + count)]


def test_a_read_that_finds_nothing_waits() -> None:
    paged, here = PagedBook(Book(*notes(2))), Cursor(3, 0)
    pages = paged.answer(*[read(here, burst=5, wait=9.0)] * 3)
    assert pages == [Page(read().stream_id, 5, WAITING, here, here, here, newest=seen(2), indexed=0, items=())]
    assert (paged.pager.waiting, paged.pager.is_busy) == (1, False)


def test_a_read_that_waits_is_answered_once_from_its_cursor_on_when_something_is_stored() -> None:
    paged = waiting("one", "two", cursor=Cursor(2, 0))
    paged.pager.notice_stored(2)
    assert not paged.pager.is_busy, "this entry was there before the READ"
    [page] = store(paged, "the third")
    assert (page.state, page.burst, page.start, page.next) == (END, 1, Cursor(2, 0), Cursor(4, 0))
    assert (page.burst_end, page.last) == (Cursor(4, 0), 3)
    assert assembled([page]) == [note(3, "the third")]
    assert (store(paged, "another third"), paged.pager.is_busy) == ([], False), "the answer is not made again"


def test_a_read_that_waits_goes_on_waiting_while_nothing_that_it_wants_is_stored() -> None:
    paged = waiting("one", "two")
    assert store(paged, "no") == []
    assert store(paged, "nor this", "nor that") == []
    assert paged.pager.waiting == 1
    [page] = store(paged, "the third")
    assert (page.start, page.next, numbers([page])) == (FIRST, Cursor(7, 0), [[6]])
    assert paged.book.lookups == [(THIRD, start) for start in (1, 3, 4, 6)]


def test_a_read_waits_only_if_it_is_certain_that_nothing_is_there() -> None:
    for state, asking in (
        (END, read(wait=9.0)),
        (END, read(Cursor(10, 0))),  # it is not to wait
        (INDEXING, read(wait=9.0, query=THIRD)),
        (PageState.BAD_QUERY, read(wait=9.0, query=UNANSWERABLE)),
        (PageState.NOT_READABLE, read(wait=9.0)),
        (MORE, read(wait=9.0, query=THIRD)),  # time is up
    ):
        paged = PagedBook(Book(*notes(9 if state is MORE or not asking.wait_milliseconds else 2)))
        paged.book.indexed = 1 if state is INDEXING else None
        paged.book.is_broken = state is PageState.NOT_READABLE
        paged.receive(asking)
        assert states(paged.serve(is_time_up=lambda state=state: state is MORE)) == [state]  # type: ignore[misc]
        assert paged.pager.waiting == 0


@pytest.mark.parametrize("texts", [["third " + "x" * 3000], ["third " + "x" * 100] * 50])
def test_an_answer_is_so_short_that_its_read_outweighs_three_sendings_whatever_is_stored(texts: list[str]) -> None:
    paged = waiting()
    [page] = store(paged, *texts)
    assert page.state is MORE
    first = len(encode(Page(page.stream_id, 1, WAITING, FIRST, FIRST, FIRST, NOTHING_SEEN, 0, ())))
    unused = READ_BYTES + OPEN.overhead_bytes - first - WAIT_END_SENDINGS_MAX * len(encode(page))
    assert 0 <= unused < WAIT_END_SENDINGS_MAX * 250


@pytest.mark.parametrize(("state", "following"), [(INDEXING, FIRST), (MORE, Cursor(4, 0)), (PageState.NOT_READABLE, FIRST)])
def test_a_wait_also_ends_when_the_reader_must_ask_again(state: PageState, following: Cursor) -> None:
    paged = waiting()
    paged.store(*notes(9))
    paged.book.indexed = 3 if state is INDEXING else None
    paged.book.is_broken = state is PageState.NOT_READABLE
    [page] = paged.serve(1.0, is_time_up=lambda: True)
    assert (page.state, page.start, page.next, page.items) == (state, FIRST, following, ())


def test_when_time_is_up_one_read_that_waited_and_one_new_burst_were_served() -> None:
    for is_time_up, expected in ((lambda: True, [["a", "c"], ["b", "d"]]), (after(50), [["a", "b", "c", "d"]])):
        paged = PagedBook(Book())
        for source in ("a", "b"):
            paged.receive(read(wait=9.0), source=source)
        paged.serve()
        paged.store(note(1))
        for source in ("c", "d"):
            paged.receive(read(), source=source)
        for sources in expected:
            assert paged.pager.is_busy
            paged.pager.serve(paged.book.context(is_time_up=is_time_up))
            assert [source for source, _ in paged.addressed_pages()] == sources
        assert not paged.pager.is_busy


def test_an_answer_is_repeated_with_growing_pauses_as_long_as_the_read_pays_for_it() -> None:
    paged = waiting()
    [page] = store(paged, "third", now=1.0)
    paged.pager.handle_timeout(1.0 + REPEAT_SECONDS / 2)
    assert paged.pages() == []
    times, credit = [1.0], READ_BYTES + OPEN.overhead_bytes - 124 - len(encode(page))
    while (now := paged.pager.next_timeout() or 0.0) < 9.0:
        paged.pager.handle_timeout(now)
        if again := paged.pages():
            assert again == [page]
            times.append(now)
            credit -= len(encode(page))
    assert times == [pytest.approx(1.0 + REPEAT_SECONDS * (2**repeat - 1)) for repeat in range(4)]
    assert 0 <= credit < len(encode(page))


def test_a_lease_ends_without_the_others_and_nothing_is_sent_for_it_any_more() -> None:
    paged = PagedBook(Book())
    for wait, source in ((1.0, "a"), (3.0, "b"), (2.0, "c")):
        paged.receive(read(wait=wait), source=source)
    paged.serve(10.0)
    for left, due in ((3, 11.0), (2, 12.0), (1, 13.0)):
        assert (paged.pager.waiting, paged.pager.next_timeout()) == (left, due)
        paged.pager.handle_timeout(due - 0.1)
        assert (paged.pages(), paged.pager.waiting) == ([], left)
        if left == 1:
            paged.store(note(1))
        paged.pager.handle_timeout(due)
    assert (paged.pager.waiting, paged.pager.next_timeout(), paged.pager.is_busy) == (0, None, False)
    assert store(paged, "third", now=13.1) == []


@pytest.mark.parametrize("burst", [1, 2], ids=["the same READ again", "the next READ"])
def test_the_next_read_of_a_stream_replaces_the_one_that_waits(burst: int) -> None:
    paged = waiting(wait=2.0)
    paged.receive(read(burst=burst, wait=5.0, query=THIRD))
    assert (paged.pager.waiting, paged.pager.next_timeout()) == (0, None)
    assert [(page.burst, page.state) for page in paged.serve(1.0)] == [(burst, WAITING)]
    paged.pager.handle_timeout(2.0)
    assert (paged.pager.waiting, paged.pager.next_timeout()) == (1, 6.0)
    assert [page.burst for page in store(paged, "third", now=2.0)] == [burst]


def test_a_read_of_an_older_burst_ends_no_wait() -> None:
    paged = PagedBook(Book())
    paged.answer(read(burst=2, wait=9.0, query=THIRD))
    for wait in (0.0, 5.0):
        assert [(page.burst, page.state) for page in paged.answer(read(burst=1, wait=wait), now=1.0)] == [(1, END)]
        assert (paged.pager.waiting, paged.pager.next_timeout()) == (1, 9.0)
    assert [page.burst for page in store(paged, "third", now=2.0)] == [2]


def test_a_refused_or_dropped_read_ends_no_wait() -> None:
    paged = waiting()
    paged.receive(read(burst=2, notebook_id=OTHER_ID))
    paged.receive(*(read(stream_id=stream_id) for stream_id in streams(PENDING_BURSTS_MAX)), read(Cursor(2, 0)))
    assert paged.pager.drops()["too many reads"] == 1
    assert paged.pager.waiting == 1


def test_the_next_read_ends_the_repetition_of_an_answer() -> None:
    paged = waiting()
    [page] = store(paged, "third", now=1.0)
    paged.receive(read(page.next, burst=2))
    paged.pager.handle_timeout(1.0 + REPEAT_SECONDS)
    assert (paged.pages(), paged.pager.waiting) == ([], 0)


def test_256_reads_of_one_host_wait_and_1024_in_total() -> None:
    paged = PagedBook(Book())
    for stream_id in streams(WAITING_PER_HOST_MAX + 1):
        paged.receive(read(wait=9.0, stream_id=stream_id))
    assert Counter(states(paged.serve())) == {WAITING: WAITING_PER_HOST_MAX, END: 1}
    assert WAITING_PER_HOST_MAX == 256
    for at in range(WAITING_READS_MAX - WAITING_PER_HOST_MAX):
        paged.receive(read(wait=9.0), source=f"reader {at}")
    paged.pager.serve(paged.book.context())
    assert {page.state for _, page in paged.addressed_pages()} == {WAITING}
    assert states(paged.answer(read(wait=9.0), source="another")) == [END]
    assert paged.pager.waiting == WAITING_READS_MAX == 1024


def test_a_read_that_no_longer_waits_makes_room() -> None:
    for is_lease, room in ((True, WAITING_PER_HOST_MAX), (False, 1)):
        paged = PagedBook(Book())
        paged.answer(*(read(wait=1.0, stream_id=stream_id) for stream_id in streams(WAITING_PER_HOST_MAX)))
        if is_lease:
            paged.pager.handle_timeout(1.0)
        else:
            paged.answer(read(stream_id=streams(1)[0]), now=1.0)
        again = [read(wait=1.0, stream_id=stream_id) for stream_id in streams(WAITING_PER_HOST_MAX, first=1000)]
        assert states(paged.answer(*again, now=1.0)).count(WAITING) == room


class Host(str):
    """The name of a host, which a weak reference can point to: so a test sees whether it is kept in memory."""

    __slots__ = ("__weakref__",)


def test_nothing_is_kept_of_a_host_that_is_gone() -> None:
    pager, book, host = Pager(NOTEBOOK_ID), Book(), Host("here")
    requests = (read(), read(notebook_id=OTHER_ID), read(wait=1.0), read(query=UNANSWERABLE, burst=2), read(wait=1.0))
    for at, each in enumerate(requests):
        pager.receive_read(each, Requester((host, 1), OPEN))
        pager.serve(book.context(float(at)))
    pager.handle_timeout(6.0)
    pager.datagrams_to_send()
    remembered = ref(host)
    del host
    assert remembered() is None

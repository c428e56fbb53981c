"""READs that wait: woken by what is stored, answered with what they pay for, in a table that stays bounded."""

from collections import Counter
from weakref import ref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.test_paging import OTHER_ID, OTHER_STREAM, assembled, numbers, pager, pages
from tests.support.golden import NOTEBOOK_ID
from tests.support.readings import UNANSWERABLE, Book, after, note, notes, pages_in, read
from udpnote.model.query import FIRST, Cursor, Query
from udpnote.protocol.codec import READ_BYTES, encode
from udpnote.protocol.envelope import OPEN, Requester
from udpnote.protocol.messages import Page, PageState
from udpnote.protocol.paging import NEWS_SENDINGS, REPEAT_SECONDS, WAITING_PER_SOURCE_MAX, WAITING_READS_MAX, Pager

THIRD = Query(words=("third",))


def waiting(book: Book, cursor: Cursor = FIRST, *, wait: float = 9.0, limit: int = 0, query: Query = THIRD) -> Pager[str]:
    """A server at time 0 at which one READ waits; that has been said."""
    desk = pager()
    desk.receive_read(read(cursor, wait=wait, limit=limit, query=query), Requester("here", OPEN))
    desk.serve(book.work())
    assert [page.state for page in pages(desk)] == [PageState.WAITING]
    return desk


def store(desk: Pager[str], book: Book, *texts: str, now: float = 1.0) -> list[Page]:
    """Store notes with `texts` at once, and give the pages that leave."""
    book.add(*(note(book.last + at, text) for at, text in enumerate(texts, 1)))
    desk.notice_stored(book.last)
    desk.serve(book.work(now))
    return pages(desk)


def test_a_read_that_finds_nothing_waits_and_is_told_so() -> None:
    desk, book = pager(), Book(note(1), note(2))
    desk.receive_read(read(Cursor(3, 0), turn=5, wait=9.0), Requester("here", OPEN))
    desk.serve(book.work())
    here = Cursor(3, 0)
    assert pages(desk) == [Page(read().stream_id, 5, PageState.WAITING, here, here, here, last=2, indexed=0, items=())]
    assert desk.waiting == 1
    assert not desk.is_busy


def test_a_read_that_finds_something_does_not_wait() -> None:
    desk = pager()
    desk.receive_read(read(wait=9.0), Requester("here", OPEN))
    desk.serve(Book(note(1)).work())
    assert numbers(pages(desk)) == [[1]]
    assert desk.waiting == 0


def test_pages_that_are_left_over_do_not_leave_once_another_key_counts() -> None:
    desk = pager()
    desk.receive_read(read(), Requester("here", OPEN))
    desk.serve(Book(note(1)).work())
    desk.forget_others(())
    assert pages(desk) == []


def test_a_read_that_does_not_want_to_wait_is_told_that_there_is_nothing() -> None:
    desk = pager()
    desk.receive_read(read(), Requester("here", OPEN))
    desk.serve(Book().work())
    assert [page.state for page in pages(desk)] == [PageState.END]
    assert desk.waiting == 0


@pytest.mark.parametrize("state", [PageState.INDEXING, PageState.BAD_QUERY, PageState.MORE])
def test_a_read_whose_end_is_not_known_does_not_wait(state: PageState) -> None:
    desk, book = pager(), Book(*notes(9))
    book.indexed = 3 if state is PageState.INDEXING else None
    desk.receive_read(read(wait=9.0, query=UNANSWERABLE if state is PageState.BAD_QUERY else THIRD), Requester("here", OPEN))
    desk.serve(book.work(is_spent=lambda: True))
    assert [page.state for page in pages(desk)] == [state]
    assert desk.waiting == 0


def test_reads_that_wait_together_wait_as_one() -> None:
    desk = pager()
    for _ in range(3):
        desk.receive_read(read(wait=9.0), Requester("here", OPEN))
    desk.serve(Book().work())
    assert [page.state for page in pages(desk)] == [PageState.WAITING]
    assert desk.waiting == 1


def test_what_is_stored_wakes_whoever_waits_for_it_and_the_page_begins_where_it_was_asked() -> None:
    book = Book(note(1), note(2))
    desk = waiting(book, Cursor(2, 0))
    [page] = store(desk, book, "the third")
    assert (page.state, page.turn, page.start, page.next) == (PageState.END, 1, Cursor(2, 0), Cursor(4, 0))
    assert (page.ahead, page.last) == (Cursor(4, 0), 3)
    assert assembled([page]) == [note(3, "the third")]


def test_what_was_stored_before_it_waited_wakes_nobody() -> None:
    book = Book(note(1), note(2))
    desk = waiting(book)
    desk.notice_stored(2)
    assert not desk.is_busy


def test_a_filter_that_finds_nothing_goes_on_waiting_and_looks_only_at_what_is_new() -> None:
    book = Book(note(1), note(2))
    desk = waiting(book)
    assert store(desk, book, "no") == []
    assert store(desk, book, "nor this", "nor that") == []
    assert desk.waiting == 1
    [page] = store(desk, book, "the third")
    assert (page.start, page.next, numbers([page])) == (FIRST, Cursor(7, 0), [[6]])
    assert book.lookups == [(THIRD, start) for start in (1, 3, 4, 6)]


def test_an_answer_is_not_made_again_when_more_is_stored() -> None:
    book = Book()
    desk = waiting(book)
    assert numbers(store(desk, book, "third")) == [[1]]
    assert store(desk, book, "third again") == []
    assert not desk.is_busy


@pytest.mark.parametrize("texts", [["third " + "x" * 3000], ["third " + "x" * 100] * 50])
def test_an_answer_is_so_short_that_the_read_pays_for_it_three_times_however_much_is_stored(texts: list[str]) -> None:
    book = Book()
    desk = waiting(book)
    [page] = store(desk, book, *texts)
    said = len(encode(Page(page.stream_id, 1, PageState.WAITING, FIRST, FIRST, FIRST, 0, 0, ())))
    assert page.state is PageState.MORE
    assert READ_BYTES + OPEN.overhead_bytes - said - NEWS_SENDINGS * len(encode(page)) in range(NEWS_SENDINGS * 250)
    for _ in range(NEWS_SENDINGS):
        desk.handle_timeout(desk.next_timeout() or 0.0)
    assert len(desk.datagrams_to_send()) >= NEWS_SENDINGS - 1


@pytest.mark.parametrize("limit", [0, 2])
def test_an_answer_keeps_to_the_limit(limit: int) -> None:
    book = Book()
    [page] = store(waiting(book, limit=limit), book, "third", "third", "third")
    assert numbers([page]) == [[1, 2, 3][: limit or None]]


@pytest.mark.parametrize("state", [PageState.INDEXING, PageState.MORE])
def test_a_wait_ends_too_when_somebody_must_ask_again(state: PageState) -> None:
    book = Book()
    desk = waiting(book)
    book.add(*notes(9))
    book.indexed = 3 if state is PageState.INDEXING else None
    desk.notice_stored(book.last)
    desk.serve(book.work(1.0, is_spent=lambda: True))
    [page] = pages(desk)
    assert (page.state, page.start, page.items) == (state, FIRST, ())
    assert page.next == (FIRST if state is PageState.INDEXING else Cursor(4, 0))


def test_who_has_no_time_left_serves_one_that_waited_and_one_turn_and_keeps_the_others() -> None:
    book, desk = Book(), pager()
    for source in ("a", "b"):
        desk.receive_read(read(wait=9.0), Requester(source, OPEN))
    desk.serve(book.work())
    desk.datagrams_to_send()
    book.add(note(1))
    desk.notice_stored(1)
    for source in ("c", "d"):
        desk.receive_read(read(), Requester(source, OPEN))
    for expected in (["a", "c"], ["b", "d"]):
        assert desk.is_busy
        desk.serve(book.work(is_spent=lambda: True))
        assert [source for _, source in desk.datagrams_to_send()] == expected
    assert not desk.is_busy


def test_who_has_time_left_serves_all_that_waited() -> None:
    book, desk = Book(), pager()
    for source in ("a", "b", "c"):
        desk.receive_read(read(wait=9.0), Requester(source, OPEN))
    desk.serve(book.work())
    desk.datagrams_to_send()
    book.add(note(1))
    desk.notice_stored(1)
    desk.serve(book.work(is_spent=after(50)))
    assert [source for _, source in desk.datagrams_to_send()] == ["a", "b", "c"]


# Repetition, and the end of a wait.


def test_an_answer_is_repeated_with_growing_pauses_while_the_read_pays_for_it() -> None:
    book = Book()
    desk = waiting(book)
    [page] = store(desk, book, "third", now=1.0)
    times, spent = [1.0], READ_BYTES + OPEN.overhead_bytes - 76 - len(encode(page))
    while (now := desk.next_timeout() or 0.0) < 9.0:
        desk.handle_timeout(now)
        if again := pages(desk):
            assert again == [page]
            times.append(now)
            spent -= len(encode(page))
    assert times == [pytest.approx(1.0 + REPEAT_SECONDS * (2**repeat - 1)) for repeat in range(len(times))]
    assert 0 <= spent < len(encode(page))
    assert len(times) == 6


def test_nothing_is_repeated_before_it_is_due() -> None:
    book = Book()
    desk = waiting(book)
    store(desk, book, "third", now=1.0)
    assert desk.next_timeout() == 1.0 + REPEAT_SECONDS
    desk.handle_timeout(1.0 + REPEAT_SECONDS / 2)
    assert pages(desk) == []


def test_a_wait_that_was_not_answered_is_repeated_to_nobody() -> None:
    desk = waiting(Book(), wait=9.0)
    assert desk.next_timeout() == 9.0
    desk.handle_timeout(8.9)
    assert (pages(desk), desk.waiting) == ([], 1)


def test_a_lease_ends_and_what_is_stored_then_wakes_nobody() -> None:
    book = Book()
    desk = waiting(book, wait=2.5)
    desk.handle_timeout(2.5)
    assert (desk.waiting, desk.next_timeout()) == (0, None)
    assert store(desk, book, "third", now=2.6) == []


def test_one_lease_ends_without_the_others() -> None:
    book, desk = Book(), pager()
    for wait, source in ((1.0, "a"), (3.0, "b"), (2.0, "c")):
        desk.receive_read(read(wait=wait), Requester(source, OPEN))
    desk.serve(book.work(10.0))
    for left, due in ((3, 11.0), (2, 12.0), (1, 13.0)):
        assert (desk.waiting, desk.next_timeout()) == (left, due)
        desk.handle_timeout(due)
    assert (desk.waiting, desk.next_timeout()) == (0, None)


def test_a_lease_that_ends_while_something_is_due_is_not_served() -> None:
    book = Book()
    desk = waiting(book, wait=2.5)
    book.add(note(1, "third"))
    desk.notice_stored(1)
    desk.handle_timeout(3.0)
    assert not desk.is_busy
    desk.serve(book.work(3.0))
    assert pages(desk) == []


# The readers' next READs.


def test_a_newer_read_of_a_stream_takes_the_place_of_the_one_that_waits() -> None:
    book = Book()
    desk = waiting(book, wait=2.0)
    desk.receive_read(read(turn=2, wait=5.0, query=THIRD), Requester("here", OPEN))
    assert (desk.waiting, desk.next_timeout()) == (0, None)
    desk.serve(book.work(1.0))
    assert [(page.turn, page.state) for page in pages(desk)] == [(2, PageState.WAITING)]
    desk.handle_timeout(2.0)
    assert (desk.waiting, desk.next_timeout()) == (1, 6.0)
    assert [page.turn for page in store(desk, book, "third", now=2.0)] == [2]


def test_the_next_read_ends_the_repetition() -> None:
    book = Book()
    desk = waiting(book)
    [page] = store(desk, book, "third", now=1.0)
    desk.receive_read(read(page.next, turn=2), Requester("here", OPEN))
    desk.handle_timeout(1.0 + REPEAT_SECONDS)
    assert pages(desk) == []
    assert desk.waiting == 0


@pytest.mark.parametrize("wait", [0.0, 5.0])
def test_an_older_read_that_the_network_has_delayed_is_answered_and_ends_no_wait(wait: float) -> None:
    book, desk = Book(), pager()
    desk.receive_read(read(turn=2, wait=9.0, query=THIRD), Requester("here", OPEN))
    desk.serve(book.work())
    pages(desk)
    desk.receive_read(read(turn=1, wait=wait), Requester("here", OPEN))
    desk.serve(book.work(1.0))
    assert [(page.turn, page.state) for page in pages(desk)] == [(1, PageState.END)]
    assert (desk.waiting, desk.next_timeout()) == (1, 9.0)
    assert [page.turn for page in store(desk, book, "third", now=2.0)] == [2]


def test_a_read_that_comes_twice_takes_its_own_place() -> None:
    book, desk = Book(), waiting(Book(), wait=2.0)
    desk.receive_read(read(wait=2.0, query=THIRD), Requester("here", OPEN))
    desk.serve(book.work(1.0))
    assert [page.state for page in pages(desk)] == [PageState.WAITING]
    desk.handle_timeout(2.0)
    assert (desk.waiting, desk.next_timeout()) == (1, 3.0)


@pytest.mark.parametrize(("stream_id", "source"), [(OTHER_STREAM, "here"), (read().stream_id, "there")])
def test_reads_of_other_streams_and_sources_wait_beside_it(stream_id: bytes, source: str) -> None:
    desk, book = pager(), Book()
    desk.receive_read(read(wait=9.0), Requester("here", OPEN))
    desk.receive_read(read(wait=9.0, stream_id=stream_id), Requester(source, OPEN))
    desk.serve(book.work())
    assert desk.waiting == 2
    book.add(note(1))
    desk.datagrams_to_send()
    desk.notice_stored(1)
    desk.serve(book.work(1.0))
    assert [to for _, to in desk.datagrams_to_send()] == ["here", source]


def test_reads_of_another_notebook_end_no_wait() -> None:
    desk = waiting(Book())
    desk.receive_read(read(turn=2, notebook_id=OTHER_ID), Requester("here", OPEN))
    assert desk.waiting == 1


# Bounds.


def streams(count: int, first: int = 0) -> list[bytes]:
    return [at.to_bytes(8) for at in range(first, first + count)]


def test_from_one_source_32_reads_wait_and_one_more_is_told_that_there_is_nothing() -> None:
    desk, book = pager(), Book()
    for stream_id in streams(WAITING_PER_SOURCE_MAX + 1):
        desk.receive_read(read(wait=9.0, stream_id=stream_id), Requester("here", OPEN))
    desk.receive_read(read(wait=9.0), Requester("there", OPEN))
    desk.serve(book.work())
    states = Counter((source, pages_in([data])[0].state) for data, source in desk.datagrams_to_send())
    assert states == {("here", PageState.WAITING): 32, ("here", PageState.END): 1, ("there", PageState.WAITING): 1}
    assert desk.waiting == 33


def test_all_in_all_1024_reads_wait_and_one_more_is_told_that_there_is_nothing() -> None:
    desk, book = pager(), Book()
    for at in range(WAITING_READS_MAX):
        desk.receive_read(read(wait=9.0), Requester(f"reader {at}", OPEN))
    desk.serve(book.work())
    desk.datagrams_to_send()
    desk.receive_read(read(wait=9.0), Requester("here", OPEN))
    desk.serve(book.work())
    assert [page.state for page in pages(desk)] == [PageState.END]
    assert desk.waiting == WAITING_READS_MAX == 1024


@pytest.mark.parametrize("how", ["lease", "next read"])
def test_a_wait_that_is_over_makes_room_for_another(how: str) -> None:
    desk, book = pager(), Book()
    for stream_id in streams(WAITING_PER_SOURCE_MAX):
        desk.receive_read(read(wait=1.0, stream_id=stream_id), Requester("here", OPEN))
    desk.serve(book.work())
    if how == "lease":
        desk.handle_timeout(1.0)
    else:
        desk.receive_read(read(stream_id=streams(1)[0]), Requester("here", OPEN))
    desk.serve(book.work(1.0))
    desk.datagrams_to_send()
    for stream_id in streams(WAITING_PER_SOURCE_MAX, first=100):
        desk.receive_read(read(wait=1.0, stream_id=stream_id), Requester("here", OPEN))
    desk.serve(book.work(1.0))
    assert [page.state for page in pages(desk)].count(PageState.WAITING) == {"lease": 32, "next read": 1}[how]


def test_two_reads_of_one_stream_that_come_together_wait_as_one() -> None:
    desk, book = pager(), Book()
    for _ in range(WAITING_PER_SOURCE_MAX):
        for cursor in (FIRST, Cursor(2, 0)):
            desk.receive_read(read(cursor, wait=1.0), Requester("here", OPEN))
        desk.serve(book.work())
        assert [page.state for page in pages(desk)] == [PageState.WAITING] * 2
        assert desk.waiting == 1


class Caller:
    """Somebody who asks, to see whether he is remembered."""


def test_nothing_is_kept_of_whom_is_gone() -> None:
    desk, book, caller = Pager[Caller](NOTEBOOK_ID), Book(), Caller()
    for at, each in enumerate((read(), read(notebook_id=OTHER_ID), read(wait=1.0), read(query=UNANSWERABLE, turn=2))):
        desk.receive_read(each, Requester(caller, OPEN))
        desk.serve(book.work(float(at)))
    desk.receive_read(read(wait=1.0), Requester(caller, OPEN))
    desk.serve(book.work(5.0))
    desk.handle_timeout(6.0)
    desk.datagrams_to_send()
    remembered = ref(caller)
    del caller
    assert remembered() is None


# What holds whatever comes.

SOURCES = ("here", "there", "elsewhere")
reads = st.tuples(
    st.just("read"),
    st.builds(
        lambda cursor, wait, limit, stream_id, query, notebook_id: read(
            cursor, wait=wait, limit=limit, stream_id=stream_id, query=query, notebook_id=notebook_id
        ),
        st.sampled_from([FIRST, Cursor(3, 700), Cursor(2**62, 0), Cursor(2**63 - 1, 0)]),
        st.sampled_from([0.0, 0.3, 0.3, 60.0]),
        st.sampled_from([0, 1, 5]),
        st.sampled_from(streams(3)),
        st.sampled_from([Query(), Query(), Query(words=("x",)), Query(newest_first=True), UNANSWERABLE]),
        st.sampled_from([NOTEBOOK_ID] * 5 + [OTHER_ID]),
    ),
    st.sampled_from(SOURCES),
    st.integers(1, 4),
)
steps = st.one_of(
    reads,
    st.tuples(st.just("store"), st.sampled_from(["y", "xy", "z" * 800, "x" * 4000])),
    st.tuples(st.just("serve"), st.integers(0, 6)),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.01, 0.02, 0.1, 1.0])),
    st.tuples(st.just("index"), st.booleans()),
)


class Ledger:
    """A server, a notebook, and how many bytes have come from each source and gone there."""

    def __init__(self) -> None:
        self.desk, self.book, self.now = pager(), Book(stride=2), 0.0
        self.received: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def step(self, kind: str, *arguments: object) -> None:
        match kind, *arguments:
            case "read", message, str(source), int(credits_count):
                for _ in range(credits_count):
                    self.desk.receive_read(message, Requester(source, OPEN))  # type: ignore[arg-type]
                    self.received[source] += READ_BYTES + OPEN.overhead_bytes
            case "store", str(text):
                self.book.add(note(self.book.last + 1, text))
                self.desk.notice_stored(self.book.last)
            case "serve", int(calls):
                self.desk.serve(self.book.work(self.now, after(calls)))
            case "wait", float(seconds):
                self.now += seconds
                self.desk.handle_timeout(self.now)
            case "index", bool(is_ready):
                self.book.indexed = None if is_ready else 1
        self.settle()

    def settle(self) -> None:
        for data, source in self.desk.datagrams_to_send():
            self.sent[source] += len(data)
        assert all(self.sent[source] <= self.received[source] for source in self.sent)
        assert self.desk.waiting <= len(SOURCES) * 3, "one for each stream of each source"
        assert (self.desk.next_timeout() is None) == (not self.desk.waiting)


@given(st.lists(steps, max_size=40))
@settings(deadline=None, max_examples=300)
def test_no_source_is_sent_more_bytes_than_it_sent_and_all_who_wait_make_room_again(taken: list[tuple[object, ...]]) -> None:
    ledger = Ledger()
    for kind, *arguments in taken:
        ledger.step(str(kind), *arguments)
    while ledger.desk.is_busy:
        ledger.step("serve", 0)
    ledger.book.indexed = None
    for _ in range(20):  # a repetition may be due before a lease ends
        ledger.step("wait", 60.0)
    assert ledger.desk.waiting == 0
    for stream_id in streams(WAITING_PER_SOURCE_MAX):
        ledger.step("read", read(Cursor(2**63 - 1, 0), wait=1.0, stream_id=stream_id), "here", 1)
    ledger.desk.serve(ledger.book.work(ledger.now))
    assert ledger.desk.waiting == WAITING_PER_SOURCE_MAX

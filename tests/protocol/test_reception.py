"""Reception: which parts are handed out to be stored, what is answered, and in which envelope."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import (
    CLIENT_ID,
    GOLDEN,
    NOISE,
    NOTEBOOK_ID,
    PROBE_ID,
    SERVER_ID,
    STREAM_ID,
    TOKEN,
    WRITTEN_AT,
    golden,
    with_check,
)
from tests.support.keys import AT_MIDDLE, AT_NEW, MIDDLE, NEW, OLD, SEALED_ENVELOPES, STRANGE
from tests.support.readings import NEWEST_FIRST, NOTES, UNANSWERABLE, Book, after, note, read
from tests.support.wire import decoded
from udpnote.model.entry import (
    NO_PREDECESSOR,
    NOTHING_SEEN,
    TEXT_BYTES_MAX,
    Bundle,
    Entry,
    Kind,
    NoteRun,
    Part,
    Restored,
    Status,
    Verdict,
)
from udpnote.model.query import FIRST, Cursor, Query
from udpnote.protocol import messages
from udpnote.protocol.codec.codec import PART_ACKS_MAX, Message, append_body, decode, encode, part_bytes_max
from udpnote.protocol.discovery import Offerer
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN, Envelope
from udpnote.protocol.examination import Reporter
from udpnote.protocol.examination_messages import Examine, Report
from udpnote.protocol.messages import Ack, Append, Discover, Offer, PartAck, Reason, Refuse, Run
from udpnote.protocol.paging.paging import Pager
from udpnote.protocol.reading_messages import Page, PageState
from udpnote.protocol.reception import OPEN_ENVELOPES, Envelopes, Reception

OTHER_ID = bytes(range(16))
HERE, THERE = "192.168.1.7", "fe80::7%eth0"
TEXT = "我是一个中文".encode()
LONGEST_NAME, LONGEST_VERSION = "实" * 42, "9" * 32


class Server:
    """The reception and the pager of one notebook, and what they answer."""

    def __init__(self, envelopes: Envelopes = OPEN_ENVELOPES) -> None:
        self.pager = Pager(NOTEBOOK_ID)
        offerer = Offerer(notebook_id=NOTEBOOK_ID, name=LONGEST_NAME, version=LONGEST_VERSION, server_id=SERVER_ID)
        self.reception = Reception(
            NOTEBOOK_ID,
            offerer=offerer,
            reporter=Reporter(notebook_id=NOTEBOOK_ID, server_id=SERVER_ID),
            pager=self.pager,
            envelopes=envelopes,
        )

    def receive(self, *batch: bytes, source: str = HERE) -> None:
        for data in batch:
            self.reception.receive_datagram(data, (source, 1), entries=42)

    def confirm(self, *numbers: int) -> None:
        self.reception.confirm_stored([Verdict(Status.STORED, number) for number in numbers])

    def answers(self, envelope: Envelope = OPEN) -> list[Message]:
        return [message for message, _ in self.addressed_answers(envelope)]

    def addressed_answers(self, envelope: Envelope = OPEN) -> list[tuple[Message, str]]:
        return [(decode(data, envelope), source[0]) for data, source in self.reception.datagrams_to_send()]

    def pages(self, book: Book, now: float = 0.0, is_time_up: Callable[[], bool] = lambda: False) -> list[tuple[bytes, str]]:
        """Serve READs, and return the pages that are sent, each with the host to which it goes."""
        self.pager.serve(book.context(now, is_time_up))
        return [(data, source[0]) for data, source in self.pager.datagrams_to_send()]

    @property
    def is_untouched(self) -> bool:
        """Whether nothing is to be stored, answered or read."""
        return not (self.reception.notes_to_store() or self.reception.datagrams_to_send() or self.pager.is_busy)


def part(sequence: int = 1, *, data: bytes = TEXT, client_id: bytes = CLIENT_ID, kind: Kind = Kind.NOTE) -> Part:
    return Part(client_id, sequence, kind, WRITTEN_AT, 480, "小明", len(data), 0, data, int(kind is not Kind.NOTE))


def append(carried: Part, *, attempt: int = 1, notebook_id: bytes = NOTEBOOK_ID) -> bytes:
    return encode(Append(notebook_id, TOKEN, attempt, carried))


def ack(*verdicts: tuple[Part, int, Status, int], client_id: bytes = CLIENT_ID) -> Ack:
    """An ACK of parts, each with its attempt, status and number."""
    parts = [
        PartAck(carried.sequence, carried.offset, attempt, status, number, messages.content_check(carried))
        for carried, attempt, status, number in verdicts
    ]
    return Ack(TOKEN, client_id, tuple(parts))


def test_notes_are_acknowledged_once_they_are_confirmed() -> None:
    server = Server()
    server.receive(append(part(1)), append(part(2)))
    assert server.reception.notes_to_store() == server.reception.notes_to_store() == [part(1), part(2)]
    assert server.answers() == []
    server.confirm(41, 42)
    assert server.addressed_answers() == [(ack((part(1), 1, Status.STORED, 41), (part(2), 1, Status.STORED, 42)), HERE)]
    assert server.is_untouched


def test_notes_that_come_too_early_are_dropped() -> None:
    server = Server()
    server.receive(append(part(1)), append(part(2)), append(part(3)))
    server.reception.confirm_stored([None, Verdict(Status.STORED, 1), None])
    assert server.answers() == [ack((part(2), 1, Status.STORED, 1))]
    assert server.reception.drops() == Counter({"early": 2})
    assert server.is_untouched


def test_a_batch_that_was_abandoned_or_has_other_verdicts_is_not_acknowledged_and_can_be_sent_again() -> None:
    server = Server()
    server.receive(append(part(1)), append(part(2)))
    for numbers in ([], [1], [1, 2, 3]):
        with pytest.raises(AssertionError, match="not stored"):
            server.confirm(*numbers)
        assert server.answers() == []
    server.reception.abandon_batch()
    server.confirm()
    assert server.is_untouched
    server.receive(append(part(1), attempt=2))
    assert server.reception.notes_to_store() == [part(1)]


def test_parts_that_a_notebook_may_store_are_handed_out_as_they_came_and_others_are_answered_at_once() -> None:
    limit, deletion = part_bytes_max(part().author), part(kind=Kind.DELETION, data=b"")
    first = part(data=b"x" * limit)._replace(total_bytes=TEXT_BYTES_MAX)
    middle = first._replace(offset=limit)
    restorations = Restored(WRITTEN_AT, OTHER_ID, 5), Restored(0, *NO_PREDECESSOR)
    accepted = [first, middle, part(data=b"\0"), part(kind=Kind.REVISION), deletion]
    accepted += [each._replace(restored=restored) for each, restored in zip((part(), deletion), restorations, strict=True)]
    for carried in accepted:
        server = Server()
        server.receive(append(carried))
        assert server.reception.notes_to_store() == [carried]
    texts = (b" \n", "\u3000".encode(), b"\xff\xfe", TEXT[:-1])
    for carried, status in (
        (first._replace(total_bytes=TEXT_BYTES_MAX + 1), Status.TOO_LARGE),
        *((part()._replace(author=author), Status.REFUSED) for author in (" \u3000", "lin\namy")),
        (part(kind=Kind.DELETION), Status.REFUSED),
        (first._replace(kind=Kind.DELETION, revises=1), Status.REFUSED),
        (part(kind=Kind.DELETION, data=b"")._replace(author="\t"), Status.REFUSED),
        (part(kind=Kind.REVISION, data=b" "), Status.REFUSED),
        *((part(data=data), Status.REFUSED) for data in texts),
    ):
        server = Server()
        server.receive(append(carried, attempt=4))
        assert server.answers() == [ack((carried, 4, status, 0))]
        assert server.is_untouched


def run_of(*texts: str, author: str = "小明") -> NoteRun:
    return NoteRun(CLIENT_ID, 1, 480, author, (WRITTEN_AT,) * len(texts), texts)


def bundle_of(*texts: str, author: str = "小明") -> Bundle:
    notes = [Entry(CLIENT_ID, place, Kind.NOTE, WRITTEN_AT, 480, author, text) for place, text in enumerate(texts, 1)]
    return Bundle(tuple(notes), (5,) * len(notes), OTHER_ID, 7)


def test_a_run_or_bundle_gets_one_verdict_and_is_split_if_no_notebook_would_store_all_of_it() -> None:
    cases = [
        (make(*texts, **author), verdict) for make in (run_of, bundle_of) for texts, author, verdict in (
            ("ab", {}, Verdict(Status.STORED, 41)), ("ab", {}, Verdict(Status.SPLIT, 0)), ("a ", {}, None),
            ("ab", {"author": "lin\namy"}, None),
        )
    ]  # fmt: skip
    for notes, verdict in cases:
        server, datagram = Server(), encode(Run(NOTEBOOK_ID, TOKEN, 3, notes, 0))
        server.receive(datagram)
        assert server.reception.notes_to_store() == ([notes] if verdict is not None else [])
        server.reception.confirm_stored([verdict] if verdict is not None else [])
        run = decode(datagram)
        assert isinstance(run, Run)
        expected = PartAck(1, 0, 3, *(verdict or Verdict(Status.SPLIT, 0)), run.check)
        assert server.answers() == [Ack(TOKEN, CLIENT_ID, (expected,))]
        server = Server()
        server.receive(encode(Run(OTHER_ID, TOKEN, 2, notes, 0)))
        assert server.answers() == [Refuse(TOKEN, Reason.WRONG_NOTEBOOK, CLIENT_ID, 1, 0, 2)]
        assert server.is_untouched


def test_acknowledgements_go_where_their_own_appends_came_from() -> None:
    server, other = Server(), part(1, client_id=OTHER_ID)
    server.receive(append(part(1)), append(other))
    server.receive(append(part(2)), source=THERE)
    server.confirm(1, 2, 3)
    assert server.addressed_answers() == [
        (ack((part(1), 1, Status.STORED, 1)), HERE),
        (ack((other, 1, Status.STORED, 2), client_id=OTHER_ID), HERE),
        (ack((part(2), 1, Status.STORED, 3)), THERE),
    ]


def test_each_acknowledgement_has_the_token_of_its_appends() -> None:
    server = Server()
    server.receive(append(part(1)), encode(Append(NOTEBOOK_ID, PROBE_ID, 1, part(2))), append(part(3)))
    server.confirm(1, 2, 3)
    first, second = ack((part(1), 1, Status.STORED, 1), (part(3), 1, Status.STORED, 3)), ack((part(2), 1, Status.STORED, 2))
    assert server.answers() == [first, second._replace(token=PROBE_ID)]


def test_each_read_gets_a_page_where_it_came_from_though_the_reads_are_alike() -> None:
    server = Server()
    for source in (HERE, HERE, THERE):
        server.receive(encode(read()), source=source)
    sources = [source for _, source in server.pages(Book(*(note(number, "x" * 1000) for number in range(1, 4))))]
    assert sources == [HERE, HERE, THERE]


def test_acknowledgements_are_in_as_few_datagrams_as_possible() -> None:
    server, sequences = Server(), range(1, 2 * PART_ACKS_MAX + 2)
    server.receive(*(append(part(sequence)) for sequence in sequences))
    server.confirm(*sequences)
    acks = decoded(Ack, [data for data, _ in server.reception.datagrams_to_send()])
    assert [len(each.parts) for each in acks] == [PART_ACKS_MAX, PART_ACKS_MAX, 1]
    assert [part_ack.sequence for each in acks for part_ack in each.parts] == list(sequences)


def test_a_datagram_that_gets_no_answer_is_counted_by_its_reason() -> None:
    unexpected = [name for name in GOLDEN if name.split()[0] in ("OFFER", "PAGE", "ACK", "REFUSE", "REPORT")]
    for data, reason in (
        (b"GET / HTTP/1.1\r\n", "foreign"),
        (with_check(b"UN\1\x0d"), "type"),
        (with_check(encode(DISCOVER))[:-1], "corrupted"),
        (encode(DISCOVER, NEW), "sealed"),
        *((golden(name), "unexpected") for name in unexpected),
    ):
        server = Server()
        server.receive(data, data)
        assert server.reception.drops() == Counter({reason: 2})
        assert server.reception.drops() == Counter()
        assert server.is_untouched


DISCOVER, APPEND = Discover(PROBE_ID, messages.ANY_NOTEBOOK), Append(NOTEBOOK_ID, TOKEN, 1, part(1))
EXAMINE = Examine(TOKEN, 63, body_bytes=76)


@pytest.mark.parametrize("envelope", [NEW, MIDDLE])
def test_an_answer_or_refusal_travels_in_the_envelope_of_its_request(envelope: Envelope) -> None:
    server, other = Server(SEALED_ENVELOPES), NEW if envelope is MIDDLE else MIDDLE
    requests = DISCOVER, Discover(PROBE_ID, OTHER_ID), EXAMINE, Append(OTHER_ID, TOKEN, 4, part(1)), APPEND
    server.receive(*(encode(request, envelope) for request in requests))
    server.receive(encode(Append(NOTEBOOK_ID, TOKEN, 2, part(2)), other))
    server.confirm(1, 2)
    *answers, last = (data for data, _ in server.reception.datagrams_to_send())
    assert [decode(data, envelope) for data in answers] == [
        Offer(PROBE_ID, NOTEBOOK_ID, LONGEST_NAME, 42, LONGEST_VERSION, 0, SERVER_ID),
        Report(TOKEN, 63, 1 << 63, NOTEBOOK_ID, SERVER_ID, 0, HERE, 1, 0, (), body_bytes=76),
        Refuse(TOKEN, Reason.WRONG_NOTEBOOK, CLIENT_ID, 1, 0, 4),
        ack((part(1), 1, Status.STORED, 1)),
    ]
    assert decode(last, other) == ack((part(2), 2, Status.STORED, 2)), "not acknowledged under one key"


@pytest.mark.parametrize("message", [DISCOVER, read(), APPEND, EXAMINE])
@pytest.mark.parametrize(("envelope", "reason"), [(OPEN, "unsealed"), (STRANGE, "strange")])
def test_without_the_key_no_host_gets_an_answer_or_stores_anything(message: Message, envelope: Envelope, reason: str) -> None:
    server = Server(SEALED_ENVELOPES)
    server.receive(encode(message, envelope))
    assert server.is_untouched
    assert server.reception.drops() == Counter({reason: 1})


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (DISCOVER, Offer(PROBE_ID, NOTEBOOK_ID, LONGEST_NAME, 0, LONGEST_VERSION, messages.KEY_CHANGED, SERVER_ID)),
        (APPEND, Refuse(TOKEN, Reason.KEY_CHANGED, CLIENT_ID, 1, 0, 1)),
        (Run(NOTEBOOK_ID, TOKEN, 1, bundle_of("a", "b"), 0), Refuse(TOKEN, Reason.KEY_CHANGED, CLIENT_ID, 1, 0, 1)),
        (read(), Page(STREAM_ID, 1, PageState.KEY_CHANGED, FIRST, FIRST, FIRST, NOTHING_SEEN, 0, ())),
        (Discover(PROBE_ID, OTHER_ID), None),
        (Append(OTHER_ID, TOKEN, 1, part(1)), None),
        (read(notebook_id=OTHER_ID), None),
        (EXAMINE, None),
        (Refuse(TOKEN, Reason.WRONG_NOTEBOOK, CLIENT_ID, 1, 0, 1), None),
    ],
)
def test_a_request_under_an_earlier_key_is_told_only_that_the_key_changed(message: Message, answer: "Message | None") -> None:
    server, data = Server(SEALED_ENVELOPES), encode(message, OLD)
    server.receive(data)
    answers = [answer for answer, _ in server.reception.datagrams_to_send()]
    assert [decode(each, OLD) for each in answers] == ([answer] if answer is not None else [])
    assert all(len(each) <= len(data) for each in answers)
    assert server.is_untouched
    server.receive(OLD.wrap(b"UN\1\3" + bytes(20)))
    assert server.is_untouched, "the server answered a malformed datagram"
    assert server.reception.drops() == Counter({"old key": 1, "strange": 1})


def test_reads_under_a_withdrawn_key_are_forgotten_and_told_that_the_key_changed() -> None:
    server, book = Server(SEALED_ENVELOPES), Book()
    for envelope, source in ((MIDDLE, "withdrawn"), (NEW, "stays")):
        server.receive(encode(read(wait=9.0), envelope), source=source)
    assert len(server.pages(book)) == 2
    again = encode(read(), MIDDLE)
    server.receive(again, source="not served yet")
    server.reception.use_envelopes(Envelopes((AT_NEW,), (AT_MIDDLE,)))
    assert (server.pager.waiting, server.pager.is_busy) == (1, False)
    book.add(note(1))
    server.pager.notice_stored(1)
    assert [source for _, source in server.pages(book)] == ["stays"]
    server.receive(again, source="not served yet")
    [answer] = decoded(Page, [data for data, _ in server.reception.datagrams_to_send()], MIDDLE)
    assert answer.state is PageState.KEY_CHANGED


SHORT = Part(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 0, "x", 1, 0, b"y")
CARRIED = [
    *(SHORT, SHORT._replace(client_id=OTHER_ID, sequence=2), SHORT._replace(total_bytes=4, offset=2)),
    SHORT._replace(total_bytes=TEXT_BYTES_MAX + 1),
    SHORT._replace(kind=Kind.REVISION, revises=1, restored=Restored(0, *NO_PREDECESSOR)),
]
REQUESTS = st.sampled_from([
    *(append(carried, notebook_id=notebook_id) for carried in CARRIED for notebook_id in (NOTEBOOK_ID, OTHER_ID)),
    OPEN.wrap(append_body(Append(NOTEBOOK_ID, TOKEN, 1, SHORT)).ljust(200, b"\0")),
    *(encode(Run(NOTEBOOK_ID, TOKEN, 1, notes, 0)) for notes in (run_of("a", "b"), bundle_of("a", "b"))),
    *(encode(Discover(PROBE_ID, wanted)) for wanted in (messages.ANY_NOTEBOOK, NOTEBOOK_ID, OTHER_ID)),
    encode(read(notebook_id=OTHER_ID)),
    *(encode(EXAMINE._replace(body_bytes=size)) for size in (76, 104, BODY_BYTES_MAX)),
])  # fmt: skip
READS = st.builds(
    lambda cursor, wait, limit, stream, query: encode(
        read(cursor, wait=wait, limit=limit, stream_id=stream.to_bytes(8), query=query)
    ),
    st.sampled_from([FIRST, Cursor(1, 500), Cursor(9, 0), Cursor(2**63 - 1, 0)]),
    *(st.sampled_from([0.0, 0.3, 60.0]), st.sampled_from([0, 1, 5]), st.integers(0, 2)),
    st.sampled_from([NOTES, NOTES, Query(words=("y",)), NEWEST_FIRST, UNANSWERABLE]),
)
BATCHES = st.lists(st.tuples(st.one_of(REQUESTS, READS, NOISE), st.sampled_from([HERE, THERE, "127.0.0.1"])), max_size=20)
STORED, SECONDS = st.sampled_from([None, None, "y", "xy", "z" * 800, "x" * 4000]), st.sampled_from([0.0, 0.02, 0.1, 1.0])


@given(st.lists(st.tuples(BATCHES, STORED, SECONDS, st.integers(0, 6), st.booleans()), max_size=8))
@settings(max_examples=100)
def test_no_address_is_sent_more_bytes_than_it_sent_and_every_wait_ends(
    steps: list[tuple[list[tuple[bytes, str]], str | None, float, int, bool]],
) -> None:
    server, book, now = Server(), Book(*(note(number, "x" * 3000) for number in range(1, 5)), stride=2), 0.0
    balance: Counter[str] = Counter()
    for batch, text, seconds, slices, is_ready in steps:
        for data, source in batch:
            balance[source] += len(data)
            server.reception.receive_datagram(data, (source, 1), entries=2**63 - 1)
        server.confirm(*(2**63 - 1 for _ in server.reception.notes_to_store()))
        if text:
            book.add(note(book.last + 1, text))
            server.pager.notice_stored(book.last)
        now, book.indexed = now + seconds, None if is_ready else 1
        server.pager.handle_timeout(now)
        answers = [(data, source[0]) for data, source in server.reception.datagrams_to_send()]
        for data, source in answers + server.pages(book, now, after(slices)):
            balance[source] -= len(data)
        assert min(balance.values(), default=0) >= 0
        assert (server.pager.next_timeout() is None) == (not server.pager.waiting)
    book.indexed = None
    while server.pager.is_busy:
        server.pages(book, now)
    for _ in range(20):  # a repetition may be due before a lease ends
        now += 60.0
        server.pager.handle_timeout(now)
    assert server.pager.waiting == 0

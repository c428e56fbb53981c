"""Reception: what is handed out to be stored, what is answered, and that neither says more than is so."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import CLIENT_ID, GOLDEN, NOISE, NOTEBOOK_ID, PROBE_ID, STREAM_ID, WRITTEN_AT, golden, sealed
from tests.support.readings import Book, note
from udpnote.model.entry import NO_PREDECESSOR, TEXT_BYTES_MAX, Entry, Kind, Part, Restored, Status, Verdict
from udpnote.model.query import FIRST, Cursor, Query
from udpnote.protocol.codec import PART_ACKS_MAX, append_body, decode, encode
from udpnote.protocol.delivery import Delivery, DeliveryEvent, Stored
from udpnote.protocol.discovery import Offerer
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import (
    ANY_NOTEBOOK,
    Ack,
    Append,
    Discover,
    Message,
    Offer,
    Page,
    PageState,
    PartAck,
    Read,
    Reason,
    Refuse,
    content_check,
)
from udpnote.protocol.paging import Pager
from udpnote.protocol.reception import Reception

OTHER_ID = bytes(range(16))
TEXT = "我是一个中文".encode()


def reception(pager: Pager[str] | None = None) -> Reception[str]:
    offerer = Offerer(notebook_id=NOTEBOOK_ID, name="实" * 42, version="9" * 32)
    return Reception(NOTEBOOK_ID, offerer=offerer, pager=pager or Pager(NOTEBOOK_ID))


def part(sequence: int = 1, *, data: bytes = TEXT, client_id: bytes = CLIENT_ID, kind: Kind = Kind.NOTE) -> Part:
    return Part(client_id, sequence, kind, WRITTEN_AT, 480, "小明", len(data), 0, data, int(kind is not Kind.NOTE))


def append(carried: Part, *, attempt: int = 1, notebook_id: bytes = NOTEBOOK_ID) -> bytes:
    return encode(Append(notebook_id, attempt, carried))


def receive(desk: Reception[str], *batch: bytes, source: str = "here") -> None:
    for data in batch:
        desk.receive_datagram(data, source, entries=42)


def answers(desk: Reception[str]) -> list[tuple[Message, str]]:
    return [(decode(data), source) for data, source in desk.datagrams_to_send()]


def part_ack(carried: Part, attempt: int, status: Status, number: int) -> PartAck:
    return PartAck(carried.sequence, carried.offset, attempt, status, number, content_check(carried))


def stored(*numbers: int) -> list[Verdict]:
    return [Verdict(Status.STORED, number) for number in numbers]


def test_nothing_is_acknowledged_before_it_is_confirmed() -> None:
    desk = reception()
    receive(desk, append(part(1)), append(part(2)))
    assert desk.parts_to_store() == [part(1), part(2)]
    assert answers(desk) == []
    desk.confirm_stored(stored(41, 42))
    acks = (part_ack(part(1), 1, Status.STORED, 41), part_ack(part(2), 1, Status.STORED, 42))
    assert answers(desk) == [(Ack(CLIENT_ID, acks), "here")]


def test_what_was_abandoned_is_not_acknowledged_and_can_be_sent_again() -> None:
    desk = reception()
    receive(desk, append(part(1)))
    desk.abandon()
    desk.confirm_stored([])
    assert desk.parts_to_store() == []
    assert answers(desk) == []
    receive(desk, append(part(1), attempt=2))
    assert desk.parts_to_store() == [part(1)]


@pytest.mark.parametrize("verdicts", [[], stored(1), stored(1, 2, 3)])
def test_verdicts_that_do_not_match_the_parts_acknowledge_nothing(verdicts: list[Verdict]) -> None:
    desk = reception()
    receive(desk, append(part(1)), append(part(2)))
    with pytest.raises(AssertionError, match="not stored"):
        desk.confirm_stored(verdicts)
    assert answers(desk) == []


def test_what_to_store_is_the_same_until_it_is_confirmed_and_answers_leave_once() -> None:
    desk = reception()
    receive(desk, append(part(1)))
    assert desk.parts_to_store() == desk.parts_to_store() == [part(1)]
    desk.confirm_stored(stored(1))
    assert desk.parts_to_store() == []
    assert len(answers(desk)) == 1
    assert answers(desk) == []


def test_a_duplicate_append_is_asked_about_again_and_acknowledged_again() -> None:
    desk = reception()
    receive(desk, append(part(1), attempt=1))
    desk.confirm_stored(stored(7))
    receive(desk, append(part(1), attempt=2))
    desk.confirm_stored([Verdict(Status.STORED_ALREADY, 7)])
    acks = (part_ack(part(1), 1, Status.STORED, 7), part_ack(part(1), 2, Status.STORED_ALREADY, 7))
    assert answers(desk) == [(Ack(CLIENT_ID, acks), "here")]


def test_what_came_too_early_is_counted_and_not_answered() -> None:
    desk = reception()
    receive(desk, append(part(1)), append(part(2)), append(part(3)))
    desk.confirm_stored([None, *stored(1), None])
    assert answers(desk) == [(Ack(CLIENT_ID, (part_ack(part(2), 1, Status.STORED, 1),)), "here")]
    assert desk.drops() == Counter({"early": 2})
    assert desk.parts_to_store() == []


@pytest.mark.parametrize("status", Status)
def test_the_notebooks_verdict_is_told_as_it_is(status: Status) -> None:
    number = 5 if status in (Status.STORED, Status.STORED_ALREADY) else 0
    desk = reception()
    receive(desk, append(part(3), attempt=9))
    desk.confirm_stored([Verdict(status, number)])
    assert answers(desk) == [(Ack(CLIENT_ID, (part_ack(part(3), 9, status, number),)), "here")]


def test_an_entry_for_another_notebook_is_refused_and_not_stored() -> None:
    desk = reception()
    receive(desk, append(part(3), attempt=2, notebook_id=OTHER_ID))
    assert desk.parts_to_store() == []
    assert answers(desk) == [(Refuse(Reason.WRONG_NOTEBOOK, CLIENT_ID, 3, 0, 2), "here")]


@pytest.mark.parametrize(
    ("carried", "status"),
    [
        (part()._replace(total_bytes=TEXT_BYTES_MAX + 1), Status.TOO_LARGE),
        (part()._replace(author=" \u3000"), Status.REFUSED),
        (part(kind=Kind.DELETION), Status.REFUSED),
        (part(kind=Kind.DELETION)._replace(total_bytes=99), Status.REFUSED),
        (part(kind=Kind.DELETION, data=b"")._replace(author="\t"), Status.REFUSED),
        (part(kind=Kind.REVISION, data=b" "), Status.REFUSED),
        (part(data=b" \n"), Status.REFUSED),
        (part(data="\u3000".encode()), Status.REFUSED),
        (part(data=b"\xff\xfe"), Status.REFUSED),
        (part(data=TEXT[:-1]), Status.REFUSED),
    ],
)
def test_what_no_notebook_would_keep_is_answered_and_not_stored(carried: Part, status: Status) -> None:
    desk = reception()
    receive(desk, append(carried, attempt=4))
    assert desk.parts_to_store() == []
    assert answers(desk) == [(Ack(CLIENT_ID, (part_ack(carried, 4, status, 0),)), "here")]


@pytest.mark.parametrize(
    "carried",
    [part()._replace(total_bytes=TEXT_BYTES_MAX), part(data=TEXT[1:-1])._replace(total_bytes=18, offset=1), part(data=b"\0")],
)
def test_a_part_of_a_larger_entry_is_not_judged_as_a_text(carried: Part) -> None:
    desk = reception()
    receive(desk, append(carried))
    assert desk.parts_to_store() == [carried]


@pytest.mark.parametrize(
    "carried",
    [
        part(kind=Kind.REVISION),
        part(kind=Kind.DELETION, data=b""),
        part()._replace(restored=Restored(WRITTEN_AT, OTHER_ID, 5)),
        part(kind=Kind.DELETION, data=b"")._replace(restored=Restored(0, *NO_PREDECESSOR)),
    ],
)
def test_revisions_deletions_and_what_is_restored_are_handed_out_as_they_came(carried: Part) -> None:
    desk = reception()
    receive(desk, append(carried))
    assert desk.parts_to_store() == [carried]


def test_an_acknowledgement_goes_where_its_own_append_came_from() -> None:
    desk = reception()
    receive(desk, append(part(1)), append(part(1, client_id=OTHER_ID)), source="here")
    receive(desk, append(part(2)), source="there")
    desk.confirm_stored(stored(1, 2, 3))
    assert answers(desk) == [
        (Ack(CLIENT_ID, (part_ack(part(1), 1, Status.STORED, 1),)), "here"),
        (Ack(OTHER_ID, (part_ack(part(1, client_id=OTHER_ID), 1, Status.STORED, 2),)), "here"),
        (Ack(CLIENT_ID, (part_ack(part(2), 1, Status.STORED, 3),)), "there"),
    ]


def test_the_acknowledgements_of_a_large_batch_fill_as_few_datagrams_as_can_be() -> None:
    desk = reception()
    sequences = range(1, 2 * PART_ACKS_MAX + 2)
    receive(desk, *(append(part(sequence)) for sequence in sequences))
    desk.confirm_stored(stored(*sequences))
    acks = [message.parts for message, _ in answers(desk) if isinstance(message, Ack)]
    assert [len(parts) for parts in acks] == [PART_ACKS_MAX, PART_ACKS_MAX, 1]
    assert [part_ack.sequence for parts in acks for part_ack in parts] == list(sequences)


def test_who_looks_for_the_notebook_is_told_how_many_entries_it_has() -> None:
    desk = reception()
    receive(desk, encode(Discover(PROBE_ID, ANY_NOTEBOOK)), encode(Discover(PROBE_ID, NOTEBOOK_ID)))
    offer = Offer(PROBE_ID, NOTEBOOK_ID, "实" * 42, entries=42, version="9" * 32, flags=0)
    assert answers(desk) == [(offer, "here"), (offer, "here")]


def test_who_looks_for_another_notebook_is_not_answered() -> None:
    desk = reception()
    receive(desk, encode(Discover(PROBE_ID, OTHER_ID)))
    assert answers(desk) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "foreign"),
        (b"UN", "truncated"),
        (bytes(1201), "oversized"),
        (b"UN\2" + golden("APPEND in Chinese")[3:], "version"),
        (golden("APPEND in Chinese")[:-1] + b"\0", "corrupted"),
        (sealed(b"UN\1\x09"), "type"),
        (sealed(b"UN\1\3"), "malformed"),
        *((golden(name), "unexpected") for name in GOLDEN if name.split()[0] in ("OFFER", "PAGE", "ACK", "REFUSE")),
    ],
)
def test_what_deserves_no_answer_is_counted_by_its_reason(data: bytes, reason: str) -> None:
    desk = reception()
    receive(desk, data, data)
    assert desk.drops() == Counter({reason: 2})
    assert desk.drops() == Counter()
    assert desk.parts_to_store() == []
    assert answers(desk) == []


# READs, which are passed on.


def read(*, cursor: Cursor = FIRST, notebook_id: bytes = NOTEBOOK_ID, wait_milliseconds: int = 0) -> bytes:
    return encode(Read(notebook_id, STREAM_ID, 1, cursor, 0, wait_milliseconds, Query()))


def served(pager: Pager[str], book: Book) -> list[tuple[Cursor, str]]:
    """Where each page begins that the pager makes, and where it goes."""
    pager.serve(book.context())
    found = [(decode(data), source) for data, source in pager.datagrams_to_send()]
    return [(message.start, source) for message, source in found if isinstance(message, Page)]


def test_a_read_is_passed_on_once_for_each_time_that_it_comes_from_each_source() -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    desk = reception(pager)
    for data, source in [(read(), "here")] * 2 + [(read(), "there")] + [(read(cursor=Cursor(3, 0)), "there")] * 2:
        receive(desk, data, source=source)
    assert answers(desk) == []
    book = Book(*(note(number, "x" * 700) for number in range(1, 9)))
    assert served(pager, book) == [
        (Cursor(1, 0), "here"), (Cursor(2, 0), "here"),
        (Cursor(1, 0), "there"), (Cursor(3, 0), "there"), (Cursor(4, 0), "there"),
    ]  # fmt: skip


def test_a_read_of_another_notebook_is_told_so_each_time() -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    receive(reception(pager), read(notebook_id=OTHER_ID), read(notebook_id=OTHER_ID))
    messages = [decode(data) for data, _ in pager.datagrams_to_send()]
    assert [message.state for message in messages if isinstance(message, Page)] == [PageState.WRONG_NOTEBOOK] * 2


# What holds whatever comes.

requests = st.one_of(
    st.builds(
        lambda carried, attempt, notebook_id, padded_bytes: OPEN.seal(
            append_body(Append(notebook_id, attempt, carried)).ljust(padded_bytes, b"\0")
        ),
        st.builds(
            Part,
            st.sampled_from([CLIENT_ID, OTHER_ID]),
            st.integers(1, 5),
            st.sampled_from(Kind),
            st.just(WRITTEN_AT),
            st.just(0),
            st.just("x"),
            st.sampled_from([3, 4, TEXT_BYTES_MAX + 1]),
            st.sampled_from([0, 2]),
            st.just(b"y"),
            st.sampled_from([0, 1]),
            st.sampled_from([None, Restored(0, *NO_PREDECESSOR)]),
        ),
        st.integers(1, 3),
        st.sampled_from([NOTEBOOK_ID, OTHER_ID]),
        st.sampled_from([0, 200]),
    ),
    st.sampled_from([encode(Discover(PROBE_ID, wanted)) for wanted in (ANY_NOTEBOOK, NOTEBOOK_ID, OTHER_ID)]),
    st.builds(
        lambda cursor, notebook_id, wait: read(cursor=cursor, notebook_id=notebook_id, wait_milliseconds=wait),
        st.sampled_from([FIRST, Cursor(1, 500), Cursor(9, 0)]),
        st.sampled_from([NOTEBOOK_ID, OTHER_ID]),
        st.sampled_from([0, 1000]),
    ),
    NOISE,
)


@given(st.lists(st.lists(st.tuples(requests, st.sampled_from(["here", "there"])), max_size=20), max_size=4))
@settings(deadline=None, max_examples=200)
def test_no_address_is_sent_more_bytes_than_it_sent(batches: list[list[tuple[bytes, str]]]) -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    desk, book = reception(pager), Book(*(note(number, "x" * 3000) for number in range(1, 5)))
    received: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for batch in batches:
        for data, source in batch:
            received[source] += len(data)
            desk.receive_datagram(data, source, entries=2**63 - 1)
        desk.confirm_stored([Verdict(Status.STORED, 2**63 - 1) for _ in desk.parts_to_store()])
        pager.serve(book.context())
        for data, source in desk.datagrams_to_send() + pager.datagrams_to_send():
            answered[source] += len(data)
        assert all(answered[source] <= received[source] for source in answered)


@given(st.lists(NOISE, max_size=20))
@settings(deadline=None)
def test_no_bytes_keep_an_honest_entry_from_being_stored(noise: list[bytes]) -> None:
    desk = reception()
    receive(desk, *noise, append(part(77)))
    assert desk.parts_to_store()[-1] == part(77)
    desk.confirm_stored(stored(*range(1, len(desk.parts_to_store()) + 1)))
    assert any(isinstance(message, Ack) and message.parts[-1].sequence == 77 for message, _ in answers(desk))


# Both halves, with a network between them that does what it likes.


class Network:
    """A client, a notebook, and between them a network that loses, doubles, delays and reorders as its seed has it."""

    def __init__(self, seed: int, loss: float) -> None:
        self.random, self.loss = Random(seed), loss
        self.way = Delivery(NOTEBOOK_ID, random=Random(seed))
        self.desk = reception()
        self.kept: dict[int, dict[int, bytes]] = {}
        self.notebook: dict[int, str] = {}
        self.under_way: list[tuple[float, bytes, str]] = []

    def run(self, added: list[Entry]) -> list[DeliveryEvent]:
        """Deliver `added`, and give all events."""
        now, events = 0.0, []
        self.way.add(added, now)
        while (due := self.way.next_timeout()) is not None:
            self._carry(self.way.datagrams_to_send(), "server", now)
            now = max(now, min([due, *(arrival for arrival, _, _ in self.under_way)]))
            assert now < 3600.0, "an hour is enough for anything"
            self._arrive(now)
            self.way.handle_timeout(now)
            events += self.way.events()
        return events

    def _carry(self, datagrams: list[bytes], destination: str, now: float) -> None:
        for data in datagrams:
            while self.random.random() >= self.loss:
                self.under_way.append((now + self.random.uniform(0.0002, 0.005), data, destination))
                if self.random.random() < 0.9:
                    break

    def _arrive(self, now: float) -> None:
        arrived = sorted(flight for flight in self.under_way if flight[0] <= now)
        self.under_way = [flight for flight in self.under_way if flight[0] > now]
        for _, data, destination in arrived:
            if destination == "server":
                self.desk.receive_datagram(data, "client", entries=0)
                continue
            resent = self.way.retransmissions
            self.way.receive_datagram(data, now)
            assert self.way.retransmissions == resent, "an acknowledgement triggered a resend"
        self.desk.confirm_stored([self._store(part) for part in self.desk.parts_to_store()])
        self._carry([data for data, _ in self.desk.datagrams_to_send()], "client", now)

    def _store(self, part: Part) -> Verdict:
        if part.sequence in self.notebook:
            return Verdict(Status.STORED_ALREADY, part.sequence + 100)
        kept = self.kept.setdefault(part.sequence, {})
        kept[part.offset] = part.data
        data = b"".join(kept[offset] for offset in sorted(kept))
        if len(data) < part.total_bytes:
            return Verdict(Status.PART_KEPT, 0)
        self.notebook[part.sequence] = data.decode()
        return Verdict(Status.STORED, part.sequence + 100)


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.2, 0.5]))
@settings(deadline=None, max_examples=30)
def test_on_any_network_every_entry_is_stored_once_and_told_once(seed: int, loss: float) -> None:
    network = Network(seed, loss)
    texts = [*(f"第{number}条" for number in range(60)), "中" * 2000, "x" * 8000]
    added = [Entry(CLIENT_ID, number, Kind.NOTE, WRITTEN_AT, 480, "小明", text) for number, text in enumerate(texts, start=1)]
    events = network.run(added)
    told = [event for event in events if isinstance(event, Stored)]
    assert sorted(told) == [Stored(one, one.sequence + 100) for one in added]
    assert network.notebook == {one.sequence: one.text for one in added}

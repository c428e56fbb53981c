"""What servers and clients of sealed notebooks say to whom, and in which envelope."""

from collections import Counter
from random import Random

import pytest

from tests.protocol.test_reception import part, part_ack, stored
from tests.support.deliveries import entry, refuse
from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, PROBE_ID, STREAM_ID
from tests.support.readings import Book, note, read
from udpnote.errors import BadDatagram
from udpnote.model.entry import Status
from udpnote.model.query import FIRST, Cursor, Query
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.delivery import Delivery, DeliveryEvent
from udpnote.protocol.discovery import NOTEBOOKS_MAX, DiscoveryTarget, Offerer, Prober
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import (
    ANY_NOTEBOOK,
    KEY_CHANGED,
    Ack,
    Append,
    Discover,
    Message,
    Offer,
    Page,
    PageState,
    Read,
    Reason,
    Refuse,
)
from udpnote.protocol.paging import Pager
from udpnote.protocol.reading import Reading, Selection
from udpnote.protocol.reception import Envelopes, Reception
from udpnote.protocol.sealed_envelope import client_envelope, server_envelope
from udpnote.protocol.server_contact import SILENT_INTERVAL_SECONDS, KeyChanged, WrongServer

RANDOM = Random(6683)
OTHER_ID = bytes(range(16))
NEW_KEY, MIDDLE_KEY, OLD_KEY, STRANGE_KEY = (bytes((number,)) * 16 for number in range(1, 5))
NEW, MIDDLE, OLD, STRANGE = (client_envelope(key, RANDOM.randbytes) for key in (NEW_KEY, MIDDLE_KEY, OLD_KEY, STRANGE_KEY))
AT_NEW, AT_MIDDLE, AT_OLD = (server_envelope(key, RANDOM.randbytes) for key in (NEW_KEY, MIDDLE_KEY, OLD_KEY))
ENVELOPES = Envelopes((AT_NEW, AT_MIDDLE), (AT_OLD,))
DISCOVER, READ = Discover(PROBE_ID, ANY_NOTEBOOK), Read(NOTEBOOK_ID, STREAM_ID, 1, FIRST, 0, 0, Query())
APPEND = Append(NOTEBOOK_ID, 1, part(1))


def reception(envelopes: Envelopes = ENVELOPES, pager: Pager[str] | None = None) -> Reception[str]:
    offerer = Offerer(notebook_id=NOTEBOOK_ID, name="实验室", version="0.1.0")
    return Reception(NOTEBOOK_ID, offerer=offerer, pager=pager or Pager(NOTEBOOK_ID), envelopes=envelopes)


def receive(desk: Reception[str], message: Message, envelope: Envelope, source: str = "here") -> int:
    """Have a message arrive; gives how long its datagram was."""
    data = encode(message, envelope)
    desk.receive_datagram(data, source, entries=42)
    return len(data)


def answers(desk: Reception[str], envelope: Envelope) -> list[Message]:
    return [decode(data, envelope) for data, _ in desk.datagrams_to_send()]


# Reception.


@pytest.mark.parametrize("envelope", [NEW, MIDDLE])
def test_an_answer_comes_in_the_envelope_of_the_question(envelope: Envelope) -> None:
    desk = reception()
    receive(desk, DISCOVER, envelope)
    assert answers(desk, envelope) == [Offer(PROBE_ID, NOTEBOOK_ID, "实验室", 42, "0.1.0", 0)]
    receive(desk, APPEND, envelope)
    desk.confirm_stored(stored(1))
    assert answers(desk, envelope) == [Ack(CLIENT_ID, (part_ack(part(1), 1, Status.STORED, 1),))]
    receive(desk, Append(OTHER_ID, 1, part(1)), envelope)
    assert answers(desk, envelope) == [Refuse(Reason.WRONG_NOTEBOOK, CLIENT_ID, 1, 0, 1)]


def test_what_is_said_under_two_keys_is_not_acknowledged_under_one() -> None:
    desk = reception()
    receive(desk, APPEND, NEW)
    receive(desk, Append(NOTEBOOK_ID, 2, part(2)), MIDDLE)
    desk.confirm_stored(stored(1, 2))
    first, second = (data for data, _ in desk.datagrams_to_send())
    assert decode(first, NEW) == Ack(CLIENT_ID, (part_ack(part(1), 1, Status.STORED, 1),))
    assert decode(second, MIDDLE) == Ack(CLIENT_ID, (part_ack(part(2), 2, Status.STORED, 2),))


@pytest.mark.parametrize("message", [DISCOVER, READ, APPEND])
@pytest.mark.parametrize(("envelope", "reason"), [(OPEN, "unsealed"), (STRANGE, "strange")])
def test_who_has_no_key_gets_no_answer_and_stores_nothing(message: Message, envelope: Envelope, reason: str) -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    desk = reception(pager=pager)
    receive(desk, message, envelope)
    assert (desk.parts_to_store(), desk.datagrams_to_send(), pager.is_busy) == ([], [], False)
    assert desk.drops() == Counter({reason: 1})


def test_an_open_notebook_takes_nothing_that_is_sealed() -> None:
    desk = reception(Envelopes())
    receive(desk, APPEND, NEW)
    assert (desk.parts_to_store(), desk.datagrams_to_send()) == ([], [])


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (DISCOVER, Offer(PROBE_ID, NOTEBOOK_ID, "实验室", 0, "0.1.0", KEY_CHANGED)),
        (APPEND, Refuse(Reason.KEY_CHANGED, CLIENT_ID, 1, 0, 1)),
        (READ, Page(STREAM_ID, 1, PageState.KEY_CHANGED, FIRST, FIRST, FIRST, 0, 0, ())),
        (Discover(PROBE_ID, OTHER_ID), None),
        (Append(OTHER_ID, 1, part(1)), None),
        (READ._replace(notebook_id=OTHER_ID), None),
        (Refuse(Reason.WRONG_NOTEBOOK, CLIENT_ID, 1, 0, 1), None),
    ],
)
def test_who_has_an_old_key_is_told_so_and_nothing_else(message: Message, answer: Message | None) -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    desk = reception(pager=pager)
    size = receive(desk, message, OLD)
    datagrams = [data for data, _ in desk.datagrams_to_send()]
    assert [decode(data, OLD) for data in datagrams] == ([answer] if answer is not None else [])
    assert all(len(data) <= size for data in datagrams)
    assert (desk.parts_to_store(), pager.is_busy) == ([], False)
    assert desk.drops() == Counter({"old key": 1})


def test_nothing_that_makes_no_sense_is_answered_under_an_old_key_either() -> None:
    desk = reception()
    desk.receive_datagram(OLD.seal(b"UN\1\3" + bytes(20)), "here", entries=42)
    assert desk.datagrams_to_send() == []
    assert desk.drops() == Counter({"strange": 1})


@pytest.mark.parametrize("reads", [1, 2, 7])
def test_sealed_pages_are_no_longer_than_their_reads(reads: int) -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    desk = reception(pager=pager)
    paid = sum(receive(desk, READ, NEW) for _ in range(reads))
    pager.serve(Book(*(note(number, "字" * 333) for number in range(1, 20))).context())
    datagrams = [data for data, _ in pager.datagrams_to_send()]
    assert len(datagrams) == reads
    assert sum(map(len, datagrams)) <= paid
    assert all(isinstance(decode(data, NEW), Page) for data in datagrams)


def test_whoever_waits_under_a_key_that_is_taken_back_gets_no_news() -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    desk = reception(pager=pager)
    book = Book(note(1, "there"))
    for envelope, source in ((MIDDLE, "taken back"), (NEW, "stays")):
        receive(desk, read(Cursor(2, 0), wait=9.0), envelope, source)
    pager.serve(book.context())
    receive(desk, read(Cursor(1, 0), turn=2, stream_id=bytes(8)), MIDDLE, "not served yet")
    pager.datagrams_to_send()
    assert pager.waiting == 2
    desk.use(Envelopes((AT_NEW,), (AT_MIDDLE,)))
    assert pager.waiting == 1
    book.add(note(2, "news"))
    pager.notice_stored(2)
    pager.serve(book.context())
    [(data, source)] = pager.datagrams_to_send()
    assert source == "stays"
    assert isinstance(decode(data, NEW), Page)


def test_a_read_that_is_repeated_after_its_key_was_taken_back_is_told_so() -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    desk = reception(pager=pager)
    data = encode(READ, MIDDLE)
    desk.receive_datagram(data, "here", entries=42)
    desk.use(Envelopes((AT_NEW,), (AT_MIDDLE,)))
    desk.receive_datagram(data, "here", entries=42)
    assert not pager.is_busy
    [answer] = answers(desk, MIDDLE)
    assert isinstance(answer, Page) and answer.state is PageState.KEY_CHANGED


def test_the_same_read_from_two_sources_is_answered_to_both() -> None:
    pager: Pager[str] = Pager(NOTEBOOK_ID)
    desk = reception(pager=pager)
    for source in ("here", "there", "here"):
        desk.receive_datagram(encode(READ, NEW), source, entries=42)
    replayed = encode(READ, NEW)
    for source in ("here", "there"):
        desk.receive_datagram(replayed, source, entries=42)
    pager.serve(Book(note(1)).context())
    assert {source for _, source in pager.datagrams_to_send()} == {"here", "there"}


# Discovery.


def probed(prober: Prober[str], *envelopes: Envelope) -> list[Discover]:
    """The DISCOVERs that leave now, one in each envelope."""
    discovers = [decode(data, each) for data, each in zip(prober.datagrams_to_send(), envelopes, strict=True)]
    assert all(isinstance(each, Discover) for each in discovers)
    return discovers  # type: ignore[return-value]


def test_each_round_asks_once_in_each_envelope_for_what_is_wanted_there() -> None:
    prober: Prober[str] = Prober(0.0, random=Random(1), targets=(DiscoveryTarget(NEW, OTHER_ID), DiscoveryTarget(OPEN)))
    sealed, openly = probed(prober, AT_NEW, OPEN)
    assert (sealed.notebook_id, openly.notebook_id) == (OTHER_ID, ANY_NOTEBOOK)
    assert sealed.probe_id != openly.probe_id


def offer(probe_id: bytes, *, notebook_id: bytes = NOTEBOOK_ID, flags: int = 0) -> Offer:
    return Offer(probe_id, notebook_id, "实验室", 42, "0.1.0", flags)


def test_an_offer_counts_in_the_envelope_of_its_probe_only() -> None:
    prober: Prober[str] = Prober(0.0, random=Random(1), targets=(DiscoveryTarget(NEW), DiscoveryTarget(OPEN)))
    sealed, openly = probed(prober, AT_NEW, OPEN)
    prober.receive_datagram(encode(offer(sealed.probe_id)), "impostor", 0.1)
    prober.receive_datagram(encode(offer(openly.probe_id), AT_NEW), "odd", 0.1)
    prober.receive_datagram(encode(offer(sealed.probe_id), AT_MIDDLE), "other key", 0.1)
    assert prober.found() == []
    prober.receive_datagram(encode(offer(sealed.probe_id), AT_NEW), "true", 0.2)
    prober.receive_datagram(encode(offer(openly.probe_id)), "impostor", 0.3)
    found = prober.found()
    assert [(each.source, each.key_id) for each in found] == [("true", NEW.key_id), ("impostor", None)]


@pytest.mark.parametrize("flags", [0, KEY_CHANGED, 2])
def test_only_a_sealed_offer_can_say_that_the_key_has_changed(flags: int) -> None:
    prober: Prober[str] = Prober(0.0, random=Random(1), targets=(DiscoveryTarget(OLD), DiscoveryTarget(OPEN)))
    sealed, openly = probed(prober, AT_OLD, OPEN)
    prober.receive_datagram(encode(offer(sealed.probe_id, flags=flags), AT_OLD), "sealed", 0.1)
    prober.receive_datagram(encode(offer(openly.probe_id, flags=flags)), "open", 0.1)
    assert [each.has_new_key for each in prober.found()] == [flags == KEY_CHANGED, False]


# Delivery and reading.


def delivery(envelope: Envelope) -> Delivery:
    way = Delivery(NOTEBOOK_ID, random=Random(1), envelope=envelope)
    way.add([entry(1)], 0.0)
    return way


@pytest.mark.parametrize(
    ("envelope", "at_server", "event"), [(OLD, AT_OLD, KeyChanged()), (OPEN, OPEN, WrongServer())], ids=["sealed", "open"]
)
def test_a_changed_key_is_told_and_what_waits_goes_on_waiting(
    envelope: Envelope, at_server: Envelope, event: DeliveryEvent
) -> None:
    way = delivery(envelope)
    [data] = way.datagrams_to_send()
    append = decode(data, at_server)
    assert isinstance(append, Append)
    refusal = Refuse(Reason.KEY_CHANGED, append.part.client_id, append.part.sequence, append.part.offset, append.attempt)
    way.receive_datagram(encode(refusal, at_server), 0.1)
    assert list(map(type, way.events())) == [type(event)]
    assert (way.outstanding, way.is_silent) == (1, True)
    assert way.next_timeout() == pytest.approx(0.1 + SILENT_INTERVAL_SECONDS)


def test_a_key_that_changed_during_a_silence_is_told_too() -> None:
    way = delivery(OLD)
    [data] = way.datagrams_to_send()
    append = decode(data, AT_OLD)
    assert isinstance(append, Append)
    refusal = Refuse(Reason.KEY_CHANGED, append.part.client_id, append.part.sequence, append.part.offset, append.attempt)
    way.handle_timeout(1.0)
    way.events()
    assert way.is_silent
    way.receive_datagram(encode(refusal, AT_OLD), 1.5)
    assert list(map(type, way.events())) == [KeyChanged]
    assert way.is_silent


def test_a_changed_key_of_what_is_not_under_way_is_ignored() -> None:
    way = delivery(OLD)
    way.datagrams_to_send()
    way.receive_datagram(encode(Refuse(Reason.KEY_CHANGED, CLIENT_ID, 2, 0, 1), AT_OLD), 0.1)
    assert way.events() == []


def test_a_client_believes_no_answer_in_the_open_or_under_another_key() -> None:
    way = delivery(NEW)
    [data] = way.datagrams_to_send()
    append = decode(data, AT_NEW)
    assert isinstance(append, Append)
    ack = Ack(CLIENT_ID, (part_ack(append.part, 1, Status.STORED, 1),))
    for forged in (encode(ack), encode(ack, AT_OLD), refuse(append), encode(ack, NEW)):
        way.receive_datagram(forged, 0.1)
    assert (way.events(), way.outstanding) == ([], 1)
    way.receive_datagram(encode(ack, AT_NEW), 0.2)
    assert way.outstanding == 0


def reading(envelope: Envelope) -> Reading:
    return Reading(NOTEBOOK_ID, Selection(Query()), random=Random(1), now=0.0, envelope=envelope)


@pytest.mark.parametrize(
    ("envelope", "at_server", "event"), [(OLD, AT_OLD, KeyChanged()), (OPEN, OPEN, WrongServer())], ids=["sealed", "open"]
)
def test_a_reader_is_told_of_a_changed_key_and_asks_seldom_from_then_on(
    envelope: Envelope, at_server: Envelope, event: DeliveryEvent
) -> None:
    reader = reading(envelope)
    asked = decode(reader.datagrams_to_send()[0], at_server)
    assert isinstance(asked, Read)
    page = Page(asked.stream_id, asked.turn, PageState.KEY_CHANGED, FIRST, FIRST, FIRST, 0, 0, ())
    reader.receive_datagram(encode(page._replace(turn=asked.turn + 1), at_server), 0.1)
    assert reader.events() == [], "nobody has asked for that"
    reader.receive_datagram(encode(page, at_server), 0.1)
    assert list(map(type, reader.events())) == [type(event)]
    assert reader.next_timeout() == pytest.approx(0.1 + SILENT_INTERVAL_SECONDS)
    assert not reader.is_ended


def test_a_reader_believes_no_page_in_the_open() -> None:
    reader = reading(NEW)
    asked = decode(reader.datagrams_to_send()[0], AT_NEW)
    assert isinstance(asked, Read)
    end = Page(asked.stream_id, asked.turn, PageState.END, FIRST, FIRST, FIRST, 0, 0, ())
    reader.receive_datagram(encode(end), 0.1)
    assert not reader.is_ended
    reader.receive_datagram(encode(end, AT_NEW), 0.1)
    assert reader.is_ended


def test_nothing_leaves_a_sealed_client_that_opens_without_the_key() -> None:
    way, reader = delivery(NEW), reading(NEW)
    prober: Prober[str] = Prober(0.0, random=Random(1), targets=(DiscoveryTarget(NEW, NOTEBOOK_ID),))
    for data in (*way.datagrams_to_send(), *reader.datagrams_to_send(), *prober.datagrams_to_send()):
        for envelope in (OPEN, AT_OLD, AT_MIDDLE):
            with pytest.raises(BadDatagram):
                decode(data, envelope)
        decode(data, AT_NEW)


def test_whoever_forges_open_notebooks_does_not_crowd_a_sealed_one_out_of_a_search() -> None:
    prober: Prober[str] = Prober(0.0, random=Random(1), targets=(DiscoveryTarget(NEW), DiscoveryTarget(OPEN)))
    sealed, openly = probed(prober, AT_NEW, OPEN)
    for number in range(NOTEBOOKS_MAX + 1):
        prober.receive_datagram(encode(offer(openly.probe_id, notebook_id=number.to_bytes(16))), "forger", 0.1)
    prober.receive_datagram(encode(offer(sealed.probe_id), AT_NEW), "true", 0.2)
    found = prober.found()
    assert len(found) == NOTEBOOKS_MAX + 1
    assert found[-1].source == "true"

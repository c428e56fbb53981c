"""Builders for the tests of delivery: entries to send, what was sent, and answers to it."""

from random import Random

from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, WRITTEN_AT
from udpnote.model.entry import Entry, Kind, Status
from udpnote.protocol.codec import decode, encode, part_bytes_max
from udpnote.protocol.delivery import Delivery, Stored
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import Ack, Append, PartAck, Reason, Refuse, content_check
from udpnote.protocol.server_contact import ServerSilent

AUTHOR = "小明"
PART_BYTES = part_bytes_max(AUTHOR)
SETTLED = (Status.STORED, Status.STORED_ALREADY)


def entry(sequence: int, text: str = "我是一个中文", kind: Kind = Kind.NOTE) -> Entry:
    return Entry(CLIENT_ID, sequence, kind, WRITTEN_AT, 480, AUTHOR, text, int(kind is not Kind.NOTE))


def revision(sequence: int, text: str = "我改主意") -> Entry:
    return entry(sequence, text, Kind.REVISION)


def deletion(sequence: int) -> Entry:
    return entry(sequence, "", Kind.DELETION)


def entries(count: int, first: int = 1) -> list[Entry]:
    return [entry(sequence) for sequence in range(first, first + count)]


def in_parts(sequence: int, parts_count: int) -> Entry:
    return entry(sequence, "x" * (PART_BYTES * parts_count))


def new_delivery(*added: Entry, envelope: Envelope = OPEN) -> Delivery:
    """A delivery to which entries are added at time 0, and which knows nothing of the path: a second of timeout."""
    delivery = Delivery(NOTEBOOK_ID, random=Random(1), envelope=envelope)
    delivery.add(added, 0.0)
    return delivery


def acquainted(*added: Entry) -> Delivery:
    """A delivery that adds at time 0 and knows the path: 10 ms of round trip, so 30 ms of timeout, and a window of 10."""
    delivery = Delivery(NOTEBOOK_ID, random=Random(1))
    delivery.add([entry(1_000_000)], -0.01)
    delivery.receive_datagram(ack(*sent(delivery)), 0.0)
    assert delivery.events() == [Stored(entry(1_000_000), 1_000_100)]
    delivery.add(added, 0.0)
    return delivery


def silent(*added: Entry) -> Delivery:
    """A delivery at time 1 whose first window was not answered, and which has reported that."""
    delivery = new_delivery(*added)
    expire(delivery)
    sent(delivery)
    assert list(map(type, delivery.events())) == [ServerSilent]
    return delivery


def sent(delivery: Delivery, envelope: Envelope = OPEN) -> list[Append]:
    messages = [decode(data, envelope) for data in delivery.datagrams_to_send()]
    appends = [message for message in messages if isinstance(message, Append)]
    assert appends == messages
    return appends


def keys(appends: list[Append]) -> list[tuple[int, int, int]]:
    """The sequence, offset and attempt of each."""
    return [(append.part.sequence, append.part.offset, append.attempt) for append in appends]


def ack(*appends: Append, status: Status = Status.STORED, client_id: bytes = CLIENT_ID, envelope: Envelope = OPEN) -> bytes:
    """An acknowledgement of `appends`; entries are stored under their sequence plus 100."""
    parts = [
        PartAck(*key, status, key[0] + 100 if status in SETTLED else 0, content_check(append.part))
        for key, append in zip(keys(list(appends)), appends, strict=True)
    ]
    return encode(Ack(client_id, tuple(parts)), envelope)


def refuse(append: Append, reason: Reason = Reason.WRONG_NOTEBOOK, envelope: Envelope = OPEN) -> bytes:
    part = append.part
    return encode(Refuse(reason, part.client_id, part.sequence, part.offset, append.attempt), envelope)


def expire(delivery: Delivery) -> float:
    """Let the next timer expire, and give the time at which it did."""
    now = delivery.next_timeout()
    assert now is not None, "nothing waits"
    delivery.handle_timeout(now)
    return now


def sent_next(delivery: Delivery) -> tuple[float, list[Append]]:
    """What the timers release next, and when; datagrams that were due before are dropped."""
    delivery.datagrams_to_send()
    while True:
        now = expire(delivery)
        if appends := sent(delivery):
            return now, appends

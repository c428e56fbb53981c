"""A delivery, what it sends, and answers to it: what the tests of delivery share."""

from random import Random

from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, WRITTEN_AT
from tests.support.wire import decoded
from udpnote.model.entry import Entry, Kind, Status
from udpnote.protocol.codec.codec import encode, part_bytes_max
from udpnote.protocol.delivery.delivery import Delivery
from udpnote.protocol.delivery.events import Stored
from udpnote.protocol.delivery.payloads import SHORT_NOTE_BYTES_MAX
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import Ack, Append, PartAck, Reason, Refuse, content_check
from udpnote.protocol.server_contact import ServerSilent

AUTHOR = "小明"
PART_BYTES = part_bytes_max(AUTHOR)
OTHER_ID = bytes(range(16))
SETTLED = (Status.STORED, Status.STORED_ALREADY)
VERDICTS = [status for status in Status if status is not Status.PART_KEPT]


def entry(sequence: int, text: str = "我是一个中文", kind: Kind = Kind.NOTE) -> Entry:
    return Entry(CLIENT_ID, sequence, kind, WRITTEN_AT, 480, AUTHOR, text, int(kind is not Kind.NOTE))


def revision(sequence: int, text: str = "我改主意") -> Entry:
    return entry(sequence, text, Kind.REVISION)


def deletion(sequence: int) -> Entry:
    return entry(sequence, "", Kind.DELETION)


def entries(count: int, first: int = 1) -> list[Entry]:
    """Notes that are too long for a run, so that each travels in a datagram of its own."""
    return [entry(sequence, "长" * (SHORT_NOTE_BYTES_MAX // 3 + 1)) for sequence in range(first, first + count)]


def in_parts(sequence: int, parts_count: int) -> Entry:
    return entry(sequence, "x" * (PART_BYTES * parts_count))


def new_delivery(*added: Entry, envelope: Envelope = OPEN, round_trip_seconds: float | None = None) -> Delivery:
    """Make a delivery, and add entries at time 0. If it does not know the round-trip time, its timeout is a second."""
    delivery = Delivery(NOTEBOOK_ID, random=Random(1), envelope=envelope, round_trip_seconds=round_trip_seconds)
    delivery.add(added, 0.0)
    return delivery


def acquainted(*added: Entry) -> Delivery:
    """Make a delivery that knows that the round trip takes 10 ms: its timeout is 30 ms."""
    return new_delivery(*added, round_trip_seconds=0.01)


def silent(*added: Entry) -> Delivery:
    """Make a delivery whose first window was not answered, and which has reported at time 1 that the server is silent."""
    delivery = new_delivery(*added)
    expire(delivery)
    sent(delivery)
    assert list(map(type, delivery.events())) == [ServerSilent]
    return delivery


def sent(delivery: Delivery, envelope: Envelope = OPEN) -> list[Append]:
    return decoded(Append, delivery.datagrams_to_send(), envelope)


def keys(appends: list[Append]) -> list[tuple[int, int, int]]:
    """Return the sequence, the offset and the attempt of each."""
    return [(append.part.sequence, append.part.offset, append.attempt) for append in appends]


def ack(*appends: Append, status: Status = Status.STORED, client_id: bytes = CLIENT_ID, envelope: Envelope = OPEN) -> bytes:
    """Make an acknowledgement of `appends`. The number of a stored entry is its sequence plus 100."""
    parts = [
        PartAck(*key, status, key[0] + 100 if status in SETTLED else 0, content_check(append.part))
        for key, append in zip(keys(list(appends)), appends, strict=True)
    ]
    return encode(Ack(appends[0].token, client_id, tuple(parts)), envelope)


def refuse(append: Append, reason: Reason = Reason.WRONG_NOTEBOOK, envelope: Envelope = OPEN) -> bytes:
    return encode(Refuse(append.token, reason, append.part.client_id, *keys([append])[0]), envelope)


def expire(delivery: Delivery) -> float:
    """Let the next timer expire, and return the time at which it did."""
    now = delivery.next_timeout()
    assert now is not None, "nothing waits"
    delivery.handle_timeout(now)
    return now


def sent_next(delivery: Delivery) -> tuple[float, list[Append]]:
    """Let timers expire until APPENDs are due. Return the time, and these APPENDs. Drop datagrams that were due before."""
    delivery.datagrams_to_send()
    while True:
        now = expire(delivery)
        if appends := sent(delivery):
            return now, appends


def attempts(*sequences: int, attempt: int = 1) -> list[tuple[int, int, int]]:
    return [(sequence, 0, attempt) for sequence in sequences]


def stored(entry: Entry, number: int) -> Stored:
    return Stored((entry,), number)

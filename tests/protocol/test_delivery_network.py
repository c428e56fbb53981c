"""Both halves of delivery, with a network between them that loses, doubles, delays and reorders datagrams at random."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.deliveries import entry
from tests.support.golden import NOTEBOOK_ID
from udpnote.model.entry import Entry, Part, Status, Verdict
from udpnote.protocol.delivery import Delivery, DeliveryEvent, Stored
from udpnote.protocol.discovery import Offerer
from udpnote.protocol.paging import Pager
from udpnote.protocol.reception import Reception


class Network:
    """A client, a notebook, and the network between them, which is as random as its seed."""

    def __init__(self, seed: int, loss: float) -> None:
        self.random, self.loss = Random(seed), loss
        self.delivery = Delivery(NOTEBOOK_ID, random=Random(seed))
        offerer = Offerer(notebook_id=NOTEBOOK_ID, name="", version="")
        self.reception: Reception[str] = Reception(NOTEBOOK_ID, offerer=offerer, pager=Pager(NOTEBOOK_ID))
        self.kept: dict[int, dict[int, bytes]] = {}
        self.notebook: dict[int, str] = {}
        self.in_flight: list[tuple[float, bytes, str]] = []

    def run(self, added: list[Entry]) -> list[DeliveryEvent]:
        """Deliver `added`, and give all events."""
        now, events = 0.0, []
        self.delivery.add(added, now)
        while (due := self.delivery.next_timeout()) is not None:
            self._carry(self.delivery.datagrams_to_send(), "server", now)
            now = max(now, min([due, *(arrival for arrival, _, _ in self.in_flight)]))
            assert now < 3600.0, "an hour is enough for anything"
            self._arrive(now)
            self.delivery.handle_timeout(now)
            events += self.delivery.events()
        return events

    def _carry(self, datagrams: list[bytes], destination: str, now: float) -> None:
        for data in datagrams:
            while self.random.random() >= self.loss:
                self.in_flight.append((now + self.random.uniform(0.0002, 0.005), data, destination))
                if self.random.random() < 0.9:
                    break

    def _arrive(self, now: float) -> None:
        arrived = sorted(flight for flight in self.in_flight if flight[0] <= now)
        self.in_flight = [flight for flight in self.in_flight if flight[0] > now]
        for _, data, destination in arrived:
            if destination == "server":
                self.reception.receive_datagram(data, "client", entries=0)
                continue
            resent = self.delivery.retransmissions
            self.delivery.receive_datagram(data, now)
            assert self.delivery.retransmissions == resent, "an acknowledgement triggered a resend"
        self.reception.confirm_stored([self._store(part) for part in self.reception.parts_to_store()])
        self._carry([data for data, _ in self.reception.datagrams_to_send()], "client", now)

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
def test_on_any_network_every_entry_is_stored_once_and_reported_once(seed: int, loss: float) -> None:
    network = Network(seed, loss)
    texts = [*(f"第{number}条" for number in range(60)), "中" * 2000, "x" * 8000]
    added = [entry(sequence, text) for sequence, text in enumerate(texts, start=1)]
    reported = [event for event in network.run(added) if isinstance(event, Stored)]
    assert sorted(reported) == [Stored(one, one.sequence + 100) for one in added]
    assert network.notebook == {one.sequence: one.text for one in added}

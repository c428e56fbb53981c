"""Arrivals: a batch has all that has arrived or, if that is too much, each address's share of it."""

from collections import Counter

from udpnote.lan.udp_socket import BATCH_DATAGRAMS_MAX
from udpnote.model.address import Address, Datagram
from udpnote.server.arrivals import OVERLOADED_BATCH_DATAGRAMS, RECEIVES_MAX, WAITING_DATAGRAMS_MAX, Arrivals

FLOOD, HONEST = ("10.0.0.66", 5000), ("10.0.0.7", 6000)


class Incoming:
    """An endpoint at which `datagrams` have arrived."""

    def __init__(self, *datagrams: Datagram) -> None:
        self.datagrams = list(datagrams)
        self.timeouts: list[float] = []

    def receive(self, timeout_seconds: float) -> list[Datagram]:
        self.timeouts.append(timeout_seconds)
        batch, self.datagrams = self.datagrams[:BATCH_DATAGRAMS_MAX], self.datagrams[BATCH_DATAGRAMS_MAX:]
        return batch


def of(address: Address, count: int) -> list[Datagram]:
    return [(str(number).encode(), address) for number in range(count)]


def test_a_batch_has_all_that_has_arrived_if_that_is_less_than_a_full_batch() -> None:
    sent = [*of(FLOOD, BATCH_DATAGRAMS_MAX - 2), *of(HONEST, 1)]
    incoming = Incoming(*sent)
    assert Arrivals(incoming).next_batch(3.0) == sent
    assert incoming.timeouts == [3.0]


def test_when_more_arrives_a_batch_is_small_each_host_has_its_share_and_the_rest_is_counted() -> None:
    incoming = Incoming(*of(FLOOD, 3 * BATCH_DATAGRAMS_MAX), *of(HONEST, 200))
    arrivals = Arrivals(incoming)
    batch = arrivals.next_batch(3.0)
    assert len(batch) == OVERLOADED_BATCH_DATAGRAMS
    assert Counter(address for _, address in batch) == {FLOOD: 64, HONEST: 64}
    assert [data for data, address in batch if address == HONEST] == [data for data, _ in of(HONEST, 64)]
    assert arrivals.drops() == {"overload": 3 * BATCH_DATAGRAMS_MAX - WAITING_DATAGRAMS_MAX}
    assert arrivals.drops() == Counter()
    rest = [each for _ in range(18) for each in arrivals.next_batch(3.0)]
    assert Counter(address for _, address in rest) == {FLOOD: WAITING_DATAGRAMS_MAX - 64, HONEST: 136}
    assert incoming.timeouts[1:12] == [0.0] * 11, "a batch does not wait for more datagrams while some are there"


def test_a_flood_without_an_end_does_not_keep_a_batch_from_being_handled() -> None:
    incoming = Incoming(*of(FLOOD, 20 * BATCH_DATAGRAMS_MAX))
    arrivals = Arrivals(incoming)
    batch = arrivals.next_batch(3.0)
    assert (len(batch), len(incoming.timeouts)) == (OVERLOADED_BATCH_DATAGRAMS, RECEIVES_MAX)
    assert arrivals.drops() == {"overload": RECEIVES_MAX * BATCH_DATAGRAMS_MAX - WAITING_DATAGRAMS_MAX}, "all are counted"

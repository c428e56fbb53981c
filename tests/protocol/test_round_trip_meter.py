"""The round trip to a server, measured with DISCOVERs at an even pace."""

from random import Random

import pytest

from tests.support.golden import NOTEBOOK_ID, SERVER_ID
from tests.support.keys import AT_NEW, NEW
from tests.support.wire import decoded
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.discovery import DiscoveryTarget
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import Discover, Offer
from udpnote.protocol.round_trip_meter import ANSWER_SECONDS, INTERVAL_SECONDS, PROBES, RoundTripMeter


def offer(discover: Discover, envelope: Envelope = OPEN, notebook_id: bytes = NOTEBOOK_ID) -> bytes:
    return encode(Offer(discover.probe_id, notebook_id, "实验室", 42, "0.1.0", 0, SERVER_ID), envelope)


def new_meter(envelope: Envelope = OPEN) -> RoundTripMeter:
    return RoundTripMeter(5.0, target=DiscoveryTarget(envelope, NOTEBOOK_ID), random=Random(1))


@pytest.mark.parametrize(("envelope", "at_server"), [(OPEN, OPEN), (NEW, AT_NEW)])
def test_each_probe_is_timed_by_its_own_offer_and_those_without_one_are_lost_in_the_end(
    envelope: Envelope, at_server: Envelope
) -> None:
    meter, sent = new_meter(envelope), list[tuple[float, Discover]]()
    now = 5.0
    while not meter.is_finished:
        for discover in decoded(Discover, meter.datagrams_to_send(), at_server):
            sent.append((now, discover))
            if len(sent) % 4:  # every fourth is lost
                meter.receive_datagram(offer(discover, at_server), now + 0.25)
                meter.receive_datagram(offer(discover, at_server), now + 0.5)  # a duplicate
        now = meter.next_timeout()
        meter.handle_timeout(now - 0.001)
        meter.handle_timeout(now)
    assert [at for at, _ in sent] == pytest.approx([5.0 + INTERVAL_SECONDS * place for place in range(PROBES)])
    assert {discover.notebook_id for _, discover in sent} == {NOTEBOOK_ID}
    assert meter.sent == PROBES
    assert meter.round_trips == pytest.approx([0.25] * (PROBES * 3 // 4))
    assert now == pytest.approx(sent[-1][0] + ANSWER_SECONDS)


def test_the_meter_ends_with_the_last_offer_if_none_is_lost() -> None:
    meter = new_meter()
    while not meter.is_finished:
        for discover in decoded(Discover, meter.datagrams_to_send()):
            meter.receive_datagram(offer(discover), meter.next_timeout())
        meter.handle_timeout(meter.next_timeout())
    assert len(meter.round_trips) == PROBES


def test_other_datagrams_do_not_count_and_time_asleep_is_not_made_up_for() -> None:
    meter = new_meter(NEW)
    [discover] = decoded(Discover, meter.datagrams_to_send(), AT_NEW)
    for data in (
        b"noise",
        offer(discover),
        offer(discover, AT_NEW, bytes(16)),
        offer(discover._replace(probe_id=bytes(8)), AT_NEW),
    ):
        meter.receive_datagram(data, 5.1)
    meter.receive_datagram(encode(discover, AT_NEW), 5.1)
    meter.handle_timeout(9.0)
    meter.handle_timeout(9.0)
    assert (len(meter.datagrams_to_send()), meter.sent, meter.round_trips) == (1, 2, [])

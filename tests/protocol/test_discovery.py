"""Discovery: a few rounds of probes, and offers that are matched with their probe, their envelope and their notebook."""

from random import Random

import pytest

from tests.support.golden import GOLDEN, NOTEBOOK_ID, PROBE_ID, SERVER_ID, golden
from tests.support.keys import AT_MIDDLE, AT_NEW, AT_OLD, NEW, OLD
from tests.support.wire import decoded
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.discovery import DISCOVERY_SECONDS, NOTEBOOKS_MAX, SERVERS_MAX, SETTLING_SECONDS, DiscoveryTarget, Prober
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, Discover, Offer

OTHER_ID = bytes(range(16))


def new_prober(*targets: DiscoveryTarget, now: float = 0.0) -> Prober[str]:
    return Prober(now, random=Random(1), targets=targets or (DiscoveryTarget(),))


def probes(prober: Prober[str], *envelopes: Envelope) -> list[Discover]:
    """Return the DISCOVERs that are sent now, one in each of `envelopes`; without `envelopes`, all are open."""
    datagrams = prober.datagrams_to_send()
    in_envelopes = zip(datagrams, envelopes or [OPEN] * len(datagrams), strict=True)
    return [found for data, envelope in in_envelopes for found in decoded(Discover, [data], envelope)]


def rounds(prober: Prober[str], until: float) -> list[tuple[float, Discover]]:
    """Call `handle_timeout` whenever it is due, until the time `until`. Return each DISCOVER with the time when it was sent."""
    sent = [(0.0, discover) for discover in probes(prober)]
    while (now := prober.next_timeout()) < until:
        prober.handle_timeout(now)
        sent += [(now, discover) for discover in probes(prober)]
    return sent


def offer(
    probe: Discover,
    notebook_id: bytes = NOTEBOOK_ID,
    *,
    flags: int = 0,
    server_id: bytes = SERVER_ID,
    envelope: Envelope = OPEN,
) -> bytes:
    return encode(Offer(probe.probe_id, notebook_id, "实验室", 42, "0.1.0", flags, server_id), envelope)


def sources(prober: Prober[str]) -> list[str]:
    return [answer.source for answer in prober.found()]


def test_a_discovery_probes_on_its_schedule() -> None:
    prober = new_prober(DiscoveryTarget(notebook_id=NOTEBOOK_ID))
    sent = rounds(prober, until=DISCOVERY_SECONDS)
    assert [now for now, _ in sent] == [0.0, 0.1, 0.3, 0.7, 1.5]
    assert len({discover.probe_id for _, discover in sent}) == 5
    assert {discover.notebook_id for _, discover in sent} == {NOTEBOOK_ID}
    assert prober.next_timeout() == prober.finished_at == 2.5
    prober.handle_timeout(1000.0)
    assert probes(prober) == []


def test_rounds_of_a_discovery_that_were_missed_together_are_one() -> None:
    prober = new_prober(now=100.0)
    probes(prober)
    assert prober.next_timeout() == pytest.approx(100.1)
    prober.handle_timeout(100.09)
    assert (probes(prober), prober.finished_at) == ([], 102.5)
    prober.handle_timeout(100.8)
    assert len(probes(prober)) == 1, "rounds that were missed together are one"


def test_a_discovery_is_settled_a_second_after_the_first_offer_or_at_its_end() -> None:
    for first_at, settled_at in ((0.25, 0.25 + SETTLING_SECONDS), (2.0, DISCOVERY_SECONDS)):
        prober = new_prober()
        (probe,) = probes(prober)
        for data in (b"no message", *(golden(name) for name in GOLDEN if name != "OFFER")):
            prober.receive_datagram(data, "here", 0.01)
        assert (prober.found(), prober.settled_at) == ([], prober.finished_at), "nothing but an offer counts"
        for now, notebook_id in ((first_at, NOTEBOOK_ID), (first_at + 0.2, OTHER_ID)):
            prober.receive_datagram(offer(probe, notebook_id), "here", now)
        assert prober.settled_at == settled_at


def test_a_notebook_is_found_with_its_source_and_the_round_trip_of_its_own_probe() -> None:
    prober = new_prober()
    _, (_, second) = rounds(prober, until=0.2)
    prober.receive_datagram(offer(second), "here", now=0.35)
    (answer,) = prober.found()
    assert (answer.source, answer.offer, answer.key_id) == ("here", decode(offer(second)), None)
    assert answer.round_trip_seconds == pytest.approx(0.25)


def test_each_notebook_is_found_once() -> None:
    prober = new_prober()
    (probe,) = probes(prober)
    for now, source, notebook_id in ((0.01, "here", NOTEBOOK_ID), (0.02, "there", NOTEBOOK_ID), (0.03, "here", OTHER_ID)):
        prober.receive_datagram(offer(probe, notebook_id), source, now)
    assert [(each.source, each.offer.notebook_id) for each in prober.found()] == [("here", NOTEBOOK_ID), ("here", OTHER_ID)]
    prober.receive_datagram(offer(probe), "here", 0.04)
    assert prober.found() == []


def test_offers_to_another_probe_or_of_another_notebook_are_ignored() -> None:
    prober = new_prober(DiscoveryTarget(notebook_id=NOTEBOOK_ID))
    (probe,) = probes(prober)
    prober.receive_datagram(offer(Discover(PROBE_ID, NOTEBOOK_ID)), "forger", 0.01)
    prober.receive_datagram(offer(probe, OTHER_ID), "there", 0.01)
    assert prober.found() == []
    prober.receive_datagram(offer(probe), "here", 0.02)
    assert sources(prober) == ["here"]


def test_all_servers_that_answer_one_probe_for_one_notebook_are_found_but_not_a_restarted_one_or_a_second_address() -> None:
    prober = new_prober()
    (_, first), (_, second) = rounds(prober, until=0.2)
    for probe, source, server_id in (
        (first, "here", SERVER_ID), (first, "its IPv6 address", SERVER_ID), (second, "after its restart", b"restart "),
    ):  # fmt: skip
        prober.receive_datagram(offer(probe, server_id=server_id), source, 0.2)
    assert sources(prober) == ["here"]
    for number in range(2 * SERVERS_MAX):
        prober.receive_datagram(offer(first, server_id=b"copy%4d" % number), f"copy {number}", 0.2)
    answers = prober.found()
    assert [each.source for each in answers] == [f"copy {number}" for number in range(SERVERS_MAX - 2)]
    assert {each.other_source for each in answers} == {"here"}
    prober.receive_datagram(offer(second), "here", 0.3)
    assert prober.found() == []


def test_each_round_asks_once_in_each_envelope_and_an_offer_counts_only_in_that_of_its_probe() -> None:
    prober = new_prober(DiscoveryTarget(NEW, NOTEBOOK_ID), DiscoveryTarget(OPEN))
    sealed, openly = probes(prober, AT_NEW, OPEN)
    assert (sealed.notebook_id, openly.notebook_id) == (NOTEBOOK_ID, ANY_NOTEBOOK)
    assert sealed.probe_id != openly.probe_id
    prober.receive_datagram(offer(sealed), "impostor", 0.1)
    prober.receive_datagram(offer(openly, envelope=AT_NEW), "odd", 0.1)
    prober.receive_datagram(offer(sealed, envelope=AT_MIDDLE), "other key", 0.1)
    assert prober.found() == []
    prober.receive_datagram(offer(sealed, envelope=AT_NEW), "true", 0.2)
    prober.receive_datagram(offer(openly), "impostor", 0.3)
    assert [(each.source, each.key_id) for each in prober.found()] == [("true", NEW.key_id), ("impostor", None)]


@pytest.mark.parametrize("flags", [0, KEY_CHANGED, 2])
def test_only_a_sealed_offer_can_report_a_changed_key(flags: int) -> None:
    prober = new_prober(DiscoveryTarget(OLD), DiscoveryTarget(OPEN))
    sealed, openly = probes(prober, AT_OLD, OPEN)
    prober.receive_datagram(offer(sealed, flags=flags, envelope=AT_OLD), "sealed", 0.1)
    prober.receive_datagram(offer(openly, flags=flags), "open", 0.1)
    assert [each.has_new_key for each in prober.found()] == [flags == KEY_CHANGED, False]


def test_forged_open_notebooks_fill_a_thousand_places_and_crowd_out_no_sealed_one() -> None:
    prober = new_prober(DiscoveryTarget(NEW), DiscoveryTarget(OPEN))
    sealed, openly = probes(prober, AT_NEW, OPEN)
    for number in range(NOTEBOOKS_MAX + 10):
        prober.receive_datagram(offer(openly, number.to_bytes(16)), "forger", 0.1)
    prober.receive_datagram(offer(sealed, envelope=AT_NEW), "true", 0.2)
    assert sources(prober) == [*["forger"] * NOTEBOOKS_MAX, "true"]

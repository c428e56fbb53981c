"""Discovery: a few rounds of probes, and offers that are matched by their probe and compared by their notebook."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import GOLDEN, NOISE, NOTEBOOK_ID, PROBE_ID, golden
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.discovery import (
    DISCOVERY_SECONDS,
    NOTEBOOKS_MAX,
    PROBE_SCHEDULE_SECONDS,
    SETTLING_SECONDS,
    DiscoveryTarget,
    Offerer,
    Prober,
)
from udpnote.protocol.messages import ANY_NOTEBOOK, Discover, Offer

OTHER_ID = bytes(range(16))
OFFERER = Offerer(notebook_id=NOTEBOOK_ID, name="实验室", version="0.1.0")


def prober(now: float = 0.0, wanted: bytes = ANY_NOTEBOOK) -> Prober[str]:
    return Prober(now, random=Random(1), targets=(DiscoveryTarget(notebook_id=wanted),))


def probes(searching: Prober[str]) -> list[Discover]:
    sent = [decode(data) for data in searching.datagrams_to_send()]
    discovers = [message for message in sent if isinstance(message, Discover)]
    assert discovers == sent
    return discovers


def rounds(searching: Prober[str], until: float) -> list[tuple[float, Discover]]:
    """What a driver sends that calls `handle_timeout` exactly when it is due."""
    sent = [(0.0, discover) for discover in probes(searching)]
    while (now := searching.next_timeout()) < until:
        searching.handle_timeout(now)
        sent += [(now, discover) for discover in probes(searching)]
    return sent


def offer(probe_id: bytes, notebook_id: bytes = NOTEBOOK_ID, name: str = "实验室") -> bytes:
    return encode(Offer(probe_id, notebook_id, name, entries=42, version="0.1.0", flags=0))


def test_a_search_probes_on_its_schedule_and_then_waits_to_its_end() -> None:
    searching = prober()
    sent = rounds(searching, until=DISCOVERY_SECONDS)
    assert [now for now, _ in sent] == list(PROBE_SCHEDULE_SECONDS) == [0.0, 0.1, 0.3, 0.7, 1.5]
    assert searching.next_timeout() == searching.finished_at == 2.5
    searching.handle_timeout(1000.0)
    assert probes(searching) == []


def test_a_search_counts_from_its_own_beginning() -> None:
    searching = prober(now=100.0)
    probes(searching)
    assert searching.next_timeout() == pytest.approx(100.1)
    assert searching.finished_at == 102.5


def test_nothing_is_probed_before_its_time() -> None:
    searching = prober()
    probes(searching)
    searching.handle_timeout(0.09)
    assert probes(searching) == []


def test_each_round_has_a_probe_id_of_its_own_and_names_what_is_wanted() -> None:
    sent = [discover for _, discover in rounds(prober(wanted=NOTEBOOK_ID), until=DISCOVERY_SECONDS)]
    assert len({discover.probe_id for discover in sent}) == 5
    assert {discover.notebook_id for discover in sent} == {NOTEBOOK_ID}


def test_an_offer_is_found_with_its_source_and_the_round_trip_of_its_own_round() -> None:
    searching = prober()
    _, (_, second) = rounds(searching, until=0.2)
    searching.receive_datagram(offer(second.probe_id), "here", now=0.35)
    (found,) = searching.found()
    assert found.source == "here"
    assert found.round_trip_seconds == pytest.approx(0.25)
    assert found.offer == decode(offer(second.probe_id))


def test_a_notebook_that_answers_several_times_is_found_once() -> None:
    searching = prober()
    (first,) = probes(searching)
    for now, source in ((0.01, "here"), (0.02, "there"), (0.03, "here")):
        searching.receive_datagram(offer(first.probe_id), source, now)
    assert [found.source for found in searching.found()] == ["here"]
    searching.receive_datagram(offer(first.probe_id), "here", 0.04)
    assert searching.found() == []


def test_notebooks_are_told_apart_by_their_ids_and_not_by_names_or_addresses() -> None:
    searching = prober()
    (first,) = probes(searching)
    for notebook_id in (NOTEBOOK_ID, OTHER_ID):
        searching.receive_datagram(offer(first.probe_id, notebook_id, "same"), "here", 0.01)
    assert [found.offer.notebook_id for found in searching.found()] == [NOTEBOOK_ID, OTHER_ID]


def test_an_offer_that_answers_none_of_our_probes_is_ignored() -> None:
    searching = prober()
    searching.receive_datagram(offer(PROBE_ID), "forger", 0.01)
    assert searching.found() == []


def test_an_offer_of_a_notebook_that_is_not_wanted_is_ignored() -> None:
    searching = prober(wanted=NOTEBOOK_ID)
    (first,) = probes(searching)
    searching.receive_datagram(offer(first.probe_id, OTHER_ID), "there", 0.01)
    assert searching.found() == []
    searching.receive_datagram(offer(first.probe_id, NOTEBOOK_ID), "here", 0.02)
    assert [found.source for found in searching.found()] == ["here"]


def test_a_forger_of_notebooks_fills_no_more_than_a_thousand_places() -> None:
    searching = prober()
    (first,) = probes(searching)
    for number in range(NOTEBOOKS_MAX + 10):
        searching.receive_datagram(offer(first.probe_id, number.to_bytes(16)), "forger", 0.01)
    assert len(searching.found()) == NOTEBOOKS_MAX


def test_a_search_is_settled_a_second_after_the_first_notebook_answered() -> None:
    searching = prober()
    (first,) = probes(searching)
    assert searching.settled_at == searching.finished_at
    for now, notebook_id in ((0.25, NOTEBOOK_ID), (0.75, OTHER_ID)):
        searching.receive_datagram(offer(first.probe_id, notebook_id), "here", now)
    assert searching.settled_at == 0.25 + SETTLING_SECONDS


def test_a_search_is_settled_when_it_is_finished_at_the_latest() -> None:
    searching = prober()
    (first,) = probes(searching)
    searching.receive_datagram(offer(first.probe_id), "here", 2.0)
    assert searching.settled_at == searching.finished_at


@pytest.mark.parametrize("name", [name for name in GOLDEN if name != "OFFER"])
def test_anything_but_an_offer_is_ignored_by_a_search(name: str) -> None:
    searching = prober()
    searching.receive_datagram(golden(name), "here", 0.01)
    assert searching.found() == []
    assert searching.settled_at == searching.finished_at


def test_what_is_no_message_is_not_heard() -> None:
    searching = prober()
    probes(searching)
    searching.receive_datagram(b"no message", "here", 0.01)
    assert searching.found() == []
    assert searching.settled_at == searching.finished_at


@given(st.lists(NOISE, max_size=20))
@settings(deadline=None)
def test_no_bytes_disturb_a_search(noise: list[bytes]) -> None:
    searching = prober()
    (first,) = probes(searching)
    for data in noise:
        searching.receive_datagram(data, "anywhere", 0.01)
    searching.receive_datagram(offer(first.probe_id), "here", 0.02)
    assert [found.source for found in searching.found()] == ["here"]


@pytest.mark.parametrize("wanted", [ANY_NOTEBOOK, NOTEBOOK_ID])
def test_a_server_answers_who_looks_for_any_notebook_or_for_its_own(wanted: bytes) -> None:
    answer = OFFERER.answer(Discover(PROBE_ID, wanted), entries=42)
    assert answer == golden("OFFER")


def test_a_server_does_not_answer_who_looks_for_another_notebook() -> None:
    assert OFFERER.answer(Discover(PROBE_ID, OTHER_ID), entries=42) is None


def test_the_longest_offer_is_no_longer_than_the_probe_it_answers() -> None:
    offerer = Offerer(notebook_id=NOTEBOOK_ID, name="中" * 42 + "xx", version="9" * 32)
    answer = offerer.answer(Discover(PROBE_ID, ANY_NOTEBOOK), entries=2**63 - 1)
    assert answer is not None
    assert len(answer) <= len(prober().datagrams_to_send()[0])

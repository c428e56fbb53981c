"""Rediscovery: when a client looks for a server that has fallen silent, how often, and until when.

What it believes of the answers is tested with the client's keys, in tests/client/test_trust.py.
"""

from random import Random

from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.protocol.messages import Discover, Offer
from udpnote.protocol.rediscovery import (
    DISCOVERY_PAUSE_MAX_SECONDS,
    DISCOVERY_PAUSE_SECONDS,
    MOVED_PAUSE_SECONDS,
    LookingForServer,
    Rediscovery,
    ServerMoved,
)

HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0)
SEED = 6683


def rediscovery() -> Rediscovery:
    return Rediscovery(HOME, random=Random(SEED))


def answer(search: Rediscovery, source: Address, now: float) -> bool:
    """Let the notebook's server answer the latest question from `source`; returns whether it counts as found."""
    search.handle_timeout(now)
    question = decode(search.probes_to_send()[-1])
    assert isinstance(question, Discover)
    offer = Offer(question.probe_id, HOME.notebook_id, HOME.name, 42, "1.0", 0)
    return search.receive_datagram(encode(offer), source, now) is not None


def pauses(search: Rediscovery, now: float, count: int) -> list[float]:
    """The pauses between `count` discoveries that find nothing, the first of which begins now."""
    found = []
    for _ in range(count):
        search.handle_timeout(now)
        assert search.probes_to_send(), "a discovery has begun"
        ended_at = now + DISCOVERY_SECONDS
        while (timeout := search.next_timeout()) is not None and timeout <= ended_at:
            search.handle_timeout(timeout)
            search.probes_to_send()
        assert timeout is not None
        found.append(timeout - ended_at)
        now = timeout
    return found


def test_nothing_is_asked_before_the_server_falls_silent() -> None:
    search = rediscovery()
    search.handle_timeout(1.0)
    assert (search.next_timeout(), search.probes_to_send(), search.events()) == (None, [], [])
    assert search.receive_datagram(b"", address_of(HOME), 1.0) is None


def test_it_asks_at_once_and_after_each_discovery_in_vain_pauses_twice_as_long_up_to_a_limit() -> None:
    search = rediscovery()
    search.begin(1.0)
    search.begin(1.0)
    assert search.events() == [LookingForServer()] * 2
    assert search.next_timeout() == 1.0
    expected = [DISCOVERY_PAUSE_SECONDS * 2**number for number in range(5)]
    assert pauses(search, 1.0, 7) == [*expected, DISCOVERY_PAUSE_MAX_SECONDS, DISCOVERY_PAUSE_MAX_SECONDS]


def test_a_silence_during_a_discovery_begins_no_other_one() -> None:
    search = rediscovery()
    search.begin(1.0)
    search.handle_timeout(1.0)
    assert len(search.probes_to_send()) == 1
    search.begin(1.05)
    search.handle_timeout(1.05)
    assert search.probes_to_send() == []
    assert search.next_timeout() == 1.1, "the second round"


def test_a_server_that_is_found_where_it_was_but_stays_silent_is_looked_for_after_a_growing_pause() -> None:
    search, now = rediscovery(), 1.0
    search.begin(now)
    for pause in (MOVED_PAUSE_SECONDS, 2 * MOVED_PAUSE_SECONDS, 4 * MOVED_PAUSE_SECONDS):
        assert answer(search, address_of(HOME), now)
        assert (search.notebook, search.next_timeout()) == (HOME, None)
        search.begin(now)
        assert search.next_timeout() == now + pause
        now += pause


def test_an_answer_of_the_server_ends_the_search_and_the_pauses() -> None:
    search = rediscovery()
    search.begin(1.0)
    assert answer(search, ("192.0.2.8", 6684), 1.0)
    assert search.events() == [LookingForServer(), ServerMoved(("192.0.2.8", 6684))]
    assert search.address == ("192.0.2.8", 6684)
    search.end()
    search.begin(9.0)
    assert search.next_timeout() == 9.0

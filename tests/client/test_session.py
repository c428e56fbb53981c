"""A session with a server: what it knows of the network from earlier sessions, and when it asks a silent server again."""

from collections.abc import Callable

import pytest

from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT, Weather
from udpnote import Client
from udpnote.errors import Notice
from udpnote.model.entry import Entry, Kind, StoredEntry
from udpnote.protocol.codec.codec import decode
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.reading_messages import Read
from udpnote.protocol.server_contact import FOLLOWER_INTERVAL_SECONDS_MAX, SILENT_INTERVAL_SECONDS

IMPORTED = [StoredEntry(1, 0, Entry(b"another client\0\0", 1, Kind.NOTE, 0, 0, "bob@pi", "before"), 1)]
CALLS: dict[str, Callable[[Client], object]] = {
    "send": lambda client: client.send("one"),
    "read": lambda client: list(client.entries()),
    "import": lambda client: list(client.import_entries(IMPORTED)),
}
SLOW = Weather(latency_seconds=(0.15, 0.15))


@pytest.mark.parametrize("call", CALLS)
def test_a_lost_first_datagram_is_sent_again_after_the_round_trip_that_the_call_before_has_learned(lan: Lan, call: str) -> None:
    lan.serve()
    CALLS[call](lan.client())
    lan.network.deaf.add(KITCHEN)
    lan.after(0.015, lan.network.deaf.clear)
    began_at = lan.now
    CALLS[call](lan.client())
    assert 0.015 < lan.now - began_at < 0.1


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_has_become_slow_is_neither_looked_for_nor_sent_many_datagrams(lan: Lan, call: str) -> None:
    lan.serve()
    CALLS[call](lan.client())
    lan.network.weather = SLOW
    sent_before = len(lan.sent)
    client = lan.client()
    CALLS[call](client)
    assert lan.notices == []
    assert len(lan.sent) - sent_before < 30
    round_trip_seconds = lan.outbox().round_trips.seconds(client.known()[0].notebook_id)
    assert round_trip_seconds is not None and 0.02 < round_trip_seconds < 0.3, "and the next client waits longer"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("is_forged", [False, True])
def test_a_hint_that_the_port_of_the_server_is_closed_starts_a_discovery_at_once_and_no_silence(
    lan: Lan, call: str, is_forged: bool
) -> None:
    server = lan.serve()
    CALLS[call](lan.client())
    if not is_forged:
        server.stop()
        lan.after(0.3, lambda: lan.serve(host=CELLAR))
    lan.network.closed.add((KITCHEN, PORT))
    began_at, sent_before = lan.now, len(lan.sent)
    CALLS[call](lan.client())
    assert lan.now - began_at < (0.1 if is_forged else 0.8), "otherwise the silence of the server would have begun"
    assert lan.notices[:1] == [Notice("server_port_closed", address=f"{KITCHEN}:{PORT}")]
    assert [each.kind for each in lan.notices].count("server_silent") == 0
    assert len(lan.sent) - sent_before < 60


@pytest.mark.parametrize("outage_seconds", [240.0, 3600.0])
def test_a_follower_gets_new_entries_soon_after_its_server_is_back_and_asks_a_silent_one_seldom(
    lan: Lan, outage_seconds: float
) -> None:
    server = lan.serve()
    client, follower = lan.client(), lan.client("follower.sqlite3")
    client.send("before")
    following = follower.follow(last=1)
    next(following)
    server.stop()
    back_at, sent = lan.now + outage_seconds, list[list[bytes]]()
    for seconds in (60.0, outage_seconds):
        lan.after(seconds, lambda: sent.append(lan.sent.copy()))
    lan.after(outage_seconds, lan.serve)
    lan.after(outage_seconds, lambda: client.send("back"))
    assert next(following).entry.text == "back"
    assert lan.now - back_at <= FOLLOWER_INTERVAL_SECONDS_MAX + 0.1
    early, all_sent = sent
    reads = [data for data in all_sent[len(early) :] if isinstance(decode(data, OPEN), Read)]
    assert len(reads) <= 1 + (outage_seconds - 60.0) / FOLLOWER_INTERVAL_SECONDS_MAX


@pytest.mark.parametrize("host", [KITCHEN, CELLAR])
@pytest.mark.parametrize("away_seconds", [602.0, 605.0, 608.0])
def test_a_follower_asks_its_silent_server_again_as_soon_as_it_answers_another_call_of_the_client(
    lan: Lan, host: str, away_seconds: float
) -> None:
    server = lan.serve()
    client = lan.client()
    client.send("before")
    following = client.follow(last=1)
    next(following)
    server.stop()
    back_at = lan.now + away_seconds

    def send() -> None:
        client.send("back")
        client.wake()  # as a second thread would, which wants the lock

    lan.after(away_seconds, lambda: lan.serve(host=host))
    lan.after(away_seconds, send)
    assert next(following).entry.text == "back"
    assert lan.now - back_at <= SILENT_INTERVAL_SECONDS + 1.0

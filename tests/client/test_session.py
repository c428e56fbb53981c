"""A session with a server: what it knows of the network from earlier sessions."""

from collections.abc import Callable

import pytest

from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT, Weather
from udpnote import Client
from udpnote.errors import Notice
from udpnote.model.entry import Entry, Kind, StoredEntry

IMPORTED = [StoredEntry(1, 0, Entry(b"another client\0\0", 1, Kind.NOTE, 0, 0, "bob@pi", "before"), 1)]
CALLS: dict[str, Callable[[Client], object]] = {
    "send": lambda client: client.send("one"),
    "read": lambda client: list(client.entries()),
    "import": lambda client: list(client.import_entries(IMPORTED)),
}
SLOW = Weather(latency_seconds=(0.15, 0.15))


@pytest.mark.parametrize("call", CALLS)
def test_a_first_datagram_that_is_lost_is_sent_again_after_a_round_trip_of_the_call_before_and_not_after_a_second(
    lan: Lan, call: str
) -> None:
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
    notices: list[Notice] = []
    sent_before = len(lan.sent)
    client = lan.client(on_notice=notices.append)
    CALLS[call](client)
    assert notices == []
    assert len(lan.sent) - sent_before < 30
    round_trip_seconds = lan.outbox().round_trips.seconds(client.known()[0].notebook_id)
    assert round_trip_seconds is not None and 0.02 < round_trip_seconds < 0.3, "and the next client waits longer"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("is_forged", [False, True])
def test_a_server_whose_port_is_said_to_be_closed_is_looked_for_at_once_and_the_hint_believed_no_further(
    lan: Lan, call: str, is_forged: bool
) -> None:
    server = lan.serve()
    CALLS[call](lan.client())
    if not is_forged:
        server.stop()
        lan.after(0.3, lambda: lan.serve(host=CELLAR))
    lan.network.closed.add((KITCHEN, PORT))
    notices: list[Notice] = []
    began_at, sent_before = lan.now, len(lan.sent)
    CALLS[call](lan.client(on_notice=notices.append))
    assert lan.now - began_at < (0.1 if is_forged else 0.8), "otherwise the silence of the server would have begun"
    assert notices[:1] == [Notice("server_port_closed", address=f"{KITCHEN}:{PORT}")]
    assert [each.kind for each in notices].count("server_silent") == 0
    assert len(lan.sent) - sent_before < 60

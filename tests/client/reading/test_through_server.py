"""When reading through a server is given up, and why."""

import pytest

from tests.support.errors import raises
from tests.support.lan import KITCHEN, Lan
from tests.support.network import Weather
from tests.support.notebook_files import no_indexing
from udpnote.errors import Queued, ServerNotFound, StorageError
from udpnote.model.address import Address
from udpnote.model.notebook import SilentServer, display_name
from udpnote.protocol.codec.codec import decode
from udpnote.protocol.congestion import RTO_MIN_SECONDS
from udpnote.protocol.reading_messages import Read


def test_a_silent_server_is_given_up_after_a_while_and_named_with_its_id_beside_another_of_its_name(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    client.send("here")
    server.stop()
    started = lan.now
    with raises(ServerNotFound, "no_answer_to_reading", server=SilentServer("kitchen", KITCHEN, False)):
        list(client.entries())
    assert lan.now - started == pytest.approx(5.0, abs=0.5)
    [known] = client.known()
    lan.outbox().remember(known._replace(notebook_id=bytes(16)))
    silent = SilentServer(display_name(known, lan.outbox().notebooks()), KITCHEN, False)
    with raises(ServerNotFound, "no_answer_to_reading", server=silent):
        list(client.entries())
    with raises(Queued, "no_answer_yet", server=silent):
        client.send("waits")
    with raises(ServerNotFound, "no_answer_on_lan"):
        list(lan.client("stranger.sqlite3").entries())


def test_if_only_short_datagrams_pass_the_user_is_told_once_that_long_ones_may_be_lost(lan: Lan) -> None:
    server = lan.serve()
    lan.client().send("here")

    def receive_short(data: bytes, source: Address) -> None:
        if len(data) <= 1000:
            server._receive(data, source)

    lan.network.receivers[server.address] = receive_short
    with raises(ServerNotFound, "no_answer_to_reading"):
        list(lan.client(wait=20.0).entries())
    kinds = ["server_silent", "server_found_again", "server_answers_only_discovery"]
    assert [each.kind for each in lan.notices] == kinds


def test_a_network_that_delays_each_datagram_differently_hardly_slows_a_reading_down(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    list(client.send_many([f"note {number} {'x' * 100}" for number in range(180)]))
    lan.network.weather = Weather(latency_seconds=(0.7, 0.85))
    assert len(list(client.entries())) == 180  # now the round trip is known
    began, sent = lan.now, len(lan.sent)
    assert len(list(client.entries())) == 180
    reads = [data for data in lan.sent[sent:] if isinstance(decode(data), Read)]
    assert len(reads) < 200 and lan.now - began < 5 * 1.7, "most READs bring a page that is new"


def test_a_read_that_is_lost_does_not_hold_up_a_reading(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    list(client.send_many([f"note {number} {'x' * 900}" for number in range(30)]))
    assert len(list(client.entries())) == 30  # now the round trip is known
    lost: list[bytes] = []

    def lose_one(data: bytes, source: Address) -> None:
        message = decode(data)
        if isinstance(message, Read) and message.burst == 1 and not lost:
            lost.append(data)
        else:
            server._receive(data, source)

    lan.network.receivers[server.address] = lose_one
    began = lan.now
    assert len(list(client.entries())) == 30
    assert lost and lan.now - began < RTO_MIN_SECONDS, "no timer has expired"


def test_a_search_gives_up_on_an_index_that_does_not_grow_and_tells_it_from_a_silent_server(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    client.send("here")
    assert len(list(client.search("here"))) == 1
    with no_indexing(lan.notebook()):
        client.send("and here")
        started = lan.now
        with raises(StorageError, "index_does_not_grow", percent=50):
            list(client.search("here"))
        assert lan.now - started == pytest.approx(5.0, abs=0.5)
        lan.after(2.0, server.stop)
        with raises(ServerNotFound, "no_answer_to_reading", server=SilentServer("kitchen", KITCHEN, False)):
            list(client.search("here"))

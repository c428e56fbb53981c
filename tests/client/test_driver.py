"""Waiting for a server: how long, and what a client says, while nothing can leave its machine."""

from tests.support.errors import raises
from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT
from udpnote.client.sending.results import State
from udpnote.errors import Notice, Queued, ServerNotFound
from udpnote.model.notebook import SilentServer

CUT_OFF = SilentServer("kitchen", KITCHEN, False, obstacle="Network is unreachable")


def test_a_client_on_no_network_gives_up_soon_and_says_that_nothing_was_sent_and_why(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    client.send("here")
    lan.network.is_down, began = True, lan.now
    with raises(Queued, "no_answer_yet", server=CUT_OFF):
        client.send("on the train", wait=5.0)
    with raises(ServerNotFound, "no_answer_to_reading", server=CUT_OFF):
        list(client.entries())
    assert 1.0 <= lan.now - began < 3.0
    assert lan.notices == [], "the outcome says it all"
    lan.network.is_down = False
    assert client.send("back again").state is State.STORED
    assert lan.texts() == ["here", "on the train", "back again"]


def test_a_client_on_no_network_waits_as_long_as_it_is_told_if_that_is_longer_than_usual(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    client.send("here")
    lan.network.is_down = True

    def join() -> None:
        lan.network.is_down = False

    lan.after(7.0, join)
    assert client.send("from a machine that was just started", wait=20.0).number == 2


def test_a_client_that_joins_another_network_with_its_server_soon_enough_finds_it_there(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    client.send("here")
    server.stop()
    lan.serve(host=CELLAR)
    lan.network.is_down = True

    def join() -> None:
        lan.network.is_down = False

    lan.after(0.5, join)
    assert client.send("after half a second", wait=5.0).number == 2


def test_a_client_whose_first_datagram_has_left_does_not_say_that_nothing_was_sent(lan: Lan) -> None:
    server = lan.serve()
    lan.client().send("here")
    server.stop()

    def leave() -> None:
        lan.network.is_down = True

    lan.after(0.1, leave)
    with raises(Queued, "no_answer_yet", server=CUT_OFF._replace(obstacle=None)):
        lan.client().send("it may have arrived")


def test_a_client_that_reaches_other_hosts_waits_as_long_as_usual_for_a_server_to_which_it_has_no_way(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    client.send("here")
    lan.network.unroutable.add((KITCHEN, PORT))
    lan.network.deaf.add(KITCHEN)
    began = lan.now
    with raises(Queued, "no_answer_yet"):
        client.send("waits", wait=5.0)
    assert lan.now - began >= 5.0


def test_an_entry_that_waited_was_not_sent_either_although_the_session_has_sent_others(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    client.send("here")
    lan.network.is_down = True
    with raises(Queued, "no_answer_yet", server=CUT_OFF):
        lan.client().send("on the train")
    assert client.deliver(wait=5.0) == Notice("no_answer_yet", server=CUT_OFF)


def test_a_client_to_which_a_router_says_that_the_server_is_away_does_not_say_that_nothing_was_sent(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    client.send("here")
    server.stop()
    lan.network.absent.add(KITCHEN)
    with raises(Queued, "no_answer_yet", server=CUT_OFF._replace(obstacle=None)):
        client.send("it has left this machine")

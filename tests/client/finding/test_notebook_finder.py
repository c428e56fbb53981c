"""Finding the notebook that is meant: how often and how long the client asks, and which answers it believes."""

from typing import Any

import pytest

from tests.support.errors import raises
from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT, Weather
from udpnote.client.finding.all_notebooks import notebooks_by_address
from udpnote.errors import Notice, Queued
from udpnote.lan.probing_endpoint import NAMED_SERVER, ProbeAttempt
from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.sealed_envelope import key_id
from udpnote.settings import PORTS

KEY = b"k" * 16
LOST = "pi..lan"  # no host can have this name, so it needs no name server


def test_an_impostor_of_a_notebook_that_is_joined_meanwhile_is_not_believed(lan: Lan) -> None:
    lan.serve()
    home = KnownNotebook(b"h" * 16, "kitchen", "192.0.2.7", PORT, 0, key_id(KEY))
    lan.after(0.5, lambda: lan.outbox().join(home, KEY))  # while the discovery waits for other answers
    with raises(Queued, "impostor", name="kitchen"):
        lan.client().send("secret")
    assert lan.texts() == []


def test_a_discovery_is_repeated_while_there_is_time_and_ends_when_the_notebook_answers(lan: Lan) -> None:
    lan.after(20.0, lan.serve)
    assert lan.client(wait=60.0).send("found at last").number == 1
    assert 1020 < lan.now < 1040


def test_if_nothing_answers_and_no_notebook_is_chosen_the_user_is_told_which_ones_were_used_before(lan: Lan) -> None:
    lan.serve(port=7000)
    lan.client(server=f"{KITCHEN}:7000").send("to a server that discovery does not find")
    with raises(Queued, "no_answer_on_lan", known=lan.outbox().notebooks()):
        lan.client().send("to whom?")
    with raises(Queued, "no_answer_on_lan", known=[]):
        lan.client(notebook="cellar").send("to another one")
    assert "`udpnote use NAME`" in str(Notice("no_answer_on_lan", ports=PORTS, known=lan.client().known()))


def test_after_a_vain_discovery_entries_are_queued_for_a_while_without_another_one(lan: Lan) -> None:
    client = lan.client(wait=2.0)
    for texts in (["one"] * 3000, ["two"]):
        reasons = [sent.reason for sent in client.send_many(texts)]
        assert reasons == [Notice("no_answer_on_lan", ports=PORTS, known=[])] * len(texts)
    assert lan.now == pytest.approx(1002.0)
    lan.run(lan.now + 31)
    server = lan.serve()
    assert client.send("three").number
    assert sorted(lan.texts()) == [*["one"] * 3000, "three", "two"]
    assert [each.notebook_id for each in client.known()] == [server.notebook_id]


def test_a_discovery_asks_at_the_default_ports_or_only_at_the_set_one(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {port: lan.serve(f"book {port}", f"192.0.2.{port % 100}", port=port).notebook_id for port in (*PORTS, 6687)}

    def asked(**options: Any) -> set[bytes]:
        return {bytes.fromhex(each.notebook_id) for each in lan.client(**options).find()}

    assert asked() == {found[port] for port in PORTS}
    assert asked(port=6687) == {found[6687]}
    monkeypatch.setenv("UDPNOTE_PORT", "6684")
    assert asked() == {found[6684]}
    assert lan.client(notebook="book 6684").send("here").number == 1
    with raises(Queued, "name_or_id_not_found", name_or_id="attic"):
        lan.client(notebook="attic").send("not there")


def test_a_notebook_at_a_named_server_is_taken_as_soon_as_it_answers(lan: Lan) -> None:
    lan.serve()
    lan.client(server=KITCHEN).send("at once")
    assert lan.now < 1000.1
    lan.client().send("after listening for others")
    assert lan.now > 1001.0


@pytest.mark.parametrize("sealed", [False, True])
def test_if_a_named_host_is_unknown_the_notebook_that_was_there_is_found_and_no_other(lan: Lan, sealed: bool) -> None:
    server = lan.serve(sealed=sealed)
    with raises(Queued, "not_a_host_name", host=LOST):
        lan.client(server=LOST).send("to nobody")
    if sealed:
        lan.client().join(server.code)
    else:
        lan.client().use("kitchen")
    lan.outbox().named_servers.record(f"{LOST}:{PORT}", server.notebook_id)
    server.stop()
    lan.serve("cellar", KITCHEN)
    with raises(Queued, "no_answer_at_server", host=LOST, port=PORT):
        lan.client(server=LOST, wait=2.0).send("to no other one")
    lan.serve(host=CELLAR, sealed=sealed)
    lan.notices.clear()
    client = lan.client(server=LOST)
    assert client.send("found on the LAN").number
    assert sorted(lan.texts()) == ["found on the LAN", "to no other one", "to nobody"]
    assert [each.kind for each in lan.notices] == ["notebook_of_lost_host_sought"]
    with raises(Queued, "not_a_host_name", host=LOST):
        lan.client(server=LOST, notebook="cellar").send("another name")
    assert lan.texts("cellar") == []


def test_a_copied_notebook_that_is_served_twice_is_found_at_both_servers_and_clients_are_warned(lan: Lan) -> None:
    lan.serve().stop()
    lan.notebook("copy").write_bytes(lan.notebook().read_bytes())
    lan.serve()
    lan.serve("copy", CELLAR, called="kitchen")
    client = lan.client()
    found = {each.address: each for each in client.find(timeout=0.3)}
    assert (set(found), len({each.notebook_id for each in found.values()})) == ({KITCHEN, CELLAR}, 1)
    assert sorted((each.other_server, each.warning and each.warning.kind) for each in found.values() if each.other_server) == [
        (f"{next(address for address in found if not found[address].other_server)}:{PORT}", "served_twice")
    ]
    assert client.send("in one of them").number == 1
    assert [notice.kind for notice in lan.notices] == ["served_twice"]


def test_beside_a_copy_that_answers_first_a_client_keeps_to_the_server_that_it_has_used_and_is_warned(lan: Lan) -> None:
    lan.serve().stop()
    lan.notebook("copy").write_bytes(lan.notebook().read_bytes())
    kitchen = lan.serve()
    lan.client().send("milk")
    lan.serve("copy", CELLAR, called="kitchen")

    def answer_later(data: bytes, source: Address) -> None:
        lan.after(0.01, lambda: kitchen._receive(data, source))

    lan.network.receivers[kitchen.address] = answer_later
    status, used = lan.client().status(1.0), lan.client().use("kitchen")
    assert (status.notebook and status.notebook.host, status.entries, used.host) == (KITCHEN, 1, KITCHEN)
    assert [notice.kind for notice in lan.notices] == ["served_twice"] * 2


def test_the_doctor_finds_a_server_with_a_round_trip_of_two_seconds(lan: Lan) -> None:
    lan.serve()
    lan.network.weather = Weather(latency_seconds=(1.0, 1.0))
    found = notebooks_by_address(lan.client()._driver, lookup_seconds=0.0)
    assert [each.name for each in found.values()] == ["kitchen"]


def test_a_search_at_a_named_server_tells_whether_the_system_has_sent_its_datagrams(lan: Lan) -> None:
    refused, closed = (lan.client(server=host) for host in (KITCHEN, CELLAR))
    lan.network.unroutable.add((KITCHEN, PORT))
    lan.network.closed.add((CELLAR, PORT))
    assert [*refused.find(), *closed.find()] == []
    assert refused.probe_attempts == [ProbeAttempt(NAMED_SERVER, KITCHEN, "Network is unreachable")]
    assert closed.probe_attempts == [ProbeAttempt(NAMED_SERVER, CELLAR, None)]
    assert [notice.kind for notice in lan.notices] == ["server_unreachable", "server_port_closed"]


def test_a_named_server_whose_port_is_said_to_be_closed_is_asked_again_with_one_notice(lan: Lan) -> None:
    lan.network.closed.add((KITCHEN, PORT))
    lan.after(1.0, lan.network.closed.clear)
    lan.after(1.0, lan.serve)
    assert lan.client(server=KITCHEN).send("after all").number == 1
    assert lan.notices == [Notice("server_port_closed", address=f"{KITCHEN}:{PORT}")]


def test_a_discovery_gets_the_answers_that_arrive_while_another_call_of_the_client_waits(lan: Lan) -> None:
    kitchen, cellar = lan.serve(), lan.serve("cellar", CELLAR)

    def answer_later(data: bytes, source: Address) -> None:
        lan.after(0.01, lambda: cellar._receive(data, source))

    lan.network.receivers[cellar.address] = answer_later
    client = lan.client(notebook="kitchen")
    client.send("stored")
    finding = client.find(0.08)  # all are asked only once in this time
    found = [next(finding).name]
    kitchen.stop()
    with raises(Queued, "no_answer_yet"):
        client.send("waits", wait=0.03)
    assert [*found, *(each.name for each in finding)] == ["kitchen", "cellar"]


def test_a_discovery_leaves_datagrams_for_another_call_of_the_client_to_that_call(lan: Lan) -> None:
    lan.serve()
    writer, client = lan.client("other.sqlite3"), lan.client()
    following = client.follow(last=0)
    lan.after(5.0, lambda: writer.send("before the discovery"))  # when the client has begun to follow
    next(following)
    lan.after(0.01, lambda: writer.send("during the discovery"))
    list(client.find(0.05))
    began = lan.now
    assert next(following).text == "during the discovery"
    assert lan.now == began, "the entry was lost, and had to be asked for again"

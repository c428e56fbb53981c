"""Sending while another command changes what is known of the notebook."""

from contextlib import closing

import pytest

from tests.household import House
from tests.support.errors import raises
from udpnote import Server
from udpnote.errors import Outdated, Queued
from udpnote.model.join_code import join_code
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.sealed_envelope import key_id
from udpnote.server.sealing import seal_notebook, unseal_notebook
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.outbox import Outbox


def seal(house: House) -> str:
    with closing(Notebook(house.notebook())) as notebook:
        return join_code(seal_notebook(notebook, name="kitchen").current)


def serve(house: House, *, sealed: bool) -> Server:
    return Server(house.notebook(), name="kitchen", bind="127.0.0.1", port=house.port, sealed=sealed)


@pytest.mark.parametrize("names_server", [False, True])
def test_who_writes_while_another_command_joins_goes_on_sealed(house: House, names_server: bool) -> None:
    house.reserve_port()
    server = f"127.0.0.1:{house.port}" if names_server else None
    with serve(house, sealed=False):
        writer = house.client(server=server)
        writer.send("in the open")
    code = seal(house)
    with serve(house, sealed=True):
        house.client().join(code)
        assert writer.send("sealed").number == 2
    assert house.texts() == ["in the open", "sealed"]


def test_who_writes_while_another_command_leaves_does_not_go_on_sealed(house: House) -> None:
    house.reserve_port()
    code = ""
    with serve(house, sealed=True) as server:
        code = str(server.join_code)
        writer = house.client()
        writer.join(code)
        writer.send("sealed")
    with closing(Notebook(house.notebook())) as notebook:
        unseal_notebook(notebook)
    with serve(house, sealed=False):
        with pytest.raises(Queued):
            writer.send("waits: it was joined when it was sealed", wait=0.3)
        assert house.texts() == ["sealed"]
        house.client().leave("kitchen", sends_open=True)
        writer.send("in the open")
    assert sorted(house.texts()) == ["in the open", "sealed", "waits: it was joined when it was sealed"]


def test_a_reader_that_runs_while_another_command_joins_does_not_go_on_in_the_open(house: House) -> None:
    house.serve()
    reader = house.client()
    reader.send("in the open")
    following = reader.follow(last=1)
    assert next(following).number == 1
    reader.send("and more")
    assert next(following).number == 2
    known = reader.chosen()
    assert known is not None
    with closing(Outbox(house.notebook().with_name("outbox.sqlite3"))) as outbox:
        outbox.join(known._replace(key_id=key_id(b"k" * 16)), b"k" * 16)
    house.client("other.sqlite3").send("which whoever goes on in the open would read")
    with raises(Outdated, "joined_or_left_meanwhile"):
        next(following)


def test_a_client_holds_on_to_its_notebook_whatever_another_command_chooses(house: House) -> None:
    house.serve("kitchen")
    writer = house.client()
    writer.send("in the kitchen")
    with closing(Outbox(house.notebook().with_name("outbox.sqlite3"))) as outbox:
        elsewhere = KnownNotebook(b"e" * 16, "elsewhere", "127.0.0.1", house.port, 0)
        outbox.remember(elsewhere)
        outbox.choose(elsewhere.notebook_id)
    assert writer.name == "kitchen"
    assert writer.revise(1, "in the kitchen, too").number == 2

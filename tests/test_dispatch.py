"""Sending while another command changes what is known of the notebook."""

from contextlib import closing

import pytest

from tests.household import House
from udpnote import Server
from udpnote.errors import Queued
from udpnote.keys import join_code
from udpnote.seal import seal_notebook, unseal_notebook
from udpnote.storage.notebook import Notebook


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

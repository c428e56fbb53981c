"""Servers that give themselves out as a sealed notebook, with its name, its id and all of its entries: nobody is fooled."""

import json
import shutil
from typing import NamedTuple

import pytest

from tests.system.lab import Host, Lab, Process, Server, assert_once
from tests.system.sealing import join, join_code, start_with_key, take_seal_off, waiting_texts

POSING = "somebody may be posing as it"
BEFORE = "before the impostors"
WAIT = ("--wait", "2")
"""Long enough to notice that the server is silent, and to ask who is there."""


class Scene(NamedTuple):
    """A laptop that has joined, the server that it knows, and its join code; and impostors, whose address is not its own."""

    laptop: Host
    kitchen: Host
    server: Server
    code: str
    open_impostor: Server
    open_address: str
    usurper: Server
    usurped_address: str
    sealed_impostor: Server
    sealed_address: str
    sealed_code: str

    @property
    def impostors(self) -> tuple[Server, ...]:
        return (self.open_impostor, self.usurper, self.sealed_impostor)


def usurp(usurper: Host, victim: Host, address: str) -> None:
    """Give the usurper the address of its victim, which gets another one."""
    for host in (victim, usurper):
        host.ip("-4", "addr", "flush", "dev", "eth0")
    usurper.ip("addr", "add", f"{address}/24", "brd", "+", "dev", "eth0")
    victim.ip("addr", "add", "10.77.1.99/24", "brd", "+", "dev", "eth0")


@pytest.fixture
def scene(lab: Lab) -> Scene:
    """The server has ended, and all three impostors have a copy of its file: two without the seal, one with another key.

    One of the open ones has the server's address, which will come back with another one.
    """
    lan = lab.switch()
    kitchen, laptop, *mallories = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "laptop", "m0", "m1", "m2"))
    server = kitchen.serve("--sealed", "--name", "home")
    code = join_code(kitchen)
    join([laptop], code)
    assert laptop.run("send", BEFORE).code == 0
    server.end()
    for mallory in mallories:
        shutil.copy(server.notebook, mallory.home)
    usurp(mallories[1], kitchen, kitchen.address(lan))
    laptop.ip("neigh", "flush", "all")
    for mallory in mallories[:2]:
        take_seal_off(mallory.home / "notebook.sqlite3")
    assert mallories[2].run("key", "rotate").code == 0  # the key file is not in the copy
    openly = [mallory.serve("--name", "home") for mallory in mallories[:2]]
    return Scene(
        laptop, kitchen, server, code, openly[0], mallories[0].address(lan), openly[1], kitchen.address(lan),
        mallories[2].serve("--sealed"), mallories[2].address(lan), join_code(mallories[2]),
    )  # fmt: skip


def start_sending(scene: Scene) -> dict[str, Process]:
    """Everything that might give a text away, all at once; by the texts."""
    addresses = {"usurper": scene.usurped_address, "open": scene.open_address, "sealed": scene.sealed_address}
    to_addresses = {
        f"to the {name} one": scene.laptop.start("send", *WAIT, "--server", address, f"to the {name} one")
        for name, address in addresses.items()
    }
    return to_addresses | {
        "plainly": scene.laptop.start("send", *WAIT, "plainly"),
        "by name": scene.laptop.start("send", *WAIT, "--notebook-id", "home", "by name"),
        "by key": start_with_key(scene.laptop, scene.code, "send", *WAIT, "by key"),
    }


def start_reading(scene: Scene) -> list[Process]:
    """Everything that might believe a text."""
    return [
        scene.laptop.start("list", *WAIT),
        scene.laptop.start("list", *WAIT, "--server", scene.open_address),
        start_with_key(scene.laptop, scene.code, "list", *WAIT),
        start_with_key(scene.laptop, scene.sealed_code, "list", *WAIT),  # a key that somebody has foisted on its user
    ]


def assert_all_are_told(started: list[Process], codes: tuple[int, ...]) -> None:
    for result in [process.wait() for process in started]:
        assert (result.code in codes, result.output) == (True, ""), f"exit code {result.code}: {result.output}{result.errors}"
        assert POSING in result.errors, result.errors


def assert_impostors_are_marked(scene: Scene) -> None:
    """In the list of notebooks; and nobody joins one instead."""
    listing, finding = scene.laptop.start("find", "--timeout", "1"), scene.laptop.start("find", "--json", "--timeout", "1")
    joining = scene.laptop.start("join", scene.code)
    listed, found, joined = (process.wait() for process in (listing, finding, joining))
    assert " ms  posing  " in listed.output and POSING in listed.errors
    assert [each["posing"] for each in json.loads(found.output)] == [True]
    assert joined.code == 1 and POSING in joined.errors, "an impostor was joined"


def test_impostors_of_a_sealed_notebook_get_nothing_and_are_told_of_and_the_real_one_gets_it_all_once(scene: Scene) -> None:
    sending, reading = start_sending(scene), start_reading(scene)
    silent = sending.pop("to the sealed one").wait()
    assert silent.code == 75, "what is sealed with another key is not heard at all"
    assert_all_are_told(list(sending.values()), (75,))
    assert_all_are_told(reading, (1, 69))
    again = scene.laptop.start("outbox", "--send", under=("env", "UDPNOTE_WAIT=2"))
    assert_impostors_are_marked(scene)
    result = again.wait()
    assert result.code == 75 and POSING in result.errors
    assert_once(waiting_texts(scene.laptop), [*sending, "to the sealed one"])
    scene.server.start()
    delivering = scene.laptop.run("send", "at last")
    assert delivering.code == 0 and "10.77.1.99" in delivering.errors, delivering.errors
    assert_once(waiting_texts(scene.laptop), ["to the usurper one", "to the open one", "to the sealed one"])
    assert [impostor.texts() for impostor in scene.impostors] == [[BEFORE]] * 3
    assert_once(scene.server.texts(), [BEFORE, "plainly", "by name", "by key", "at last"])

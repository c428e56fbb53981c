"""Impostors with the name, the id and the entries of a sealed notebook: no client believes or tells them anything."""

import json
import shutil
from typing import NamedTuple

import pytest

from tests.support.processes import Process
from tests.system.lab import Host, Lab, Server, assert_once
from tests.system.sealing import join, join_code, mark_as_open, start_with_key, waiting_texts

BEFORE = "before the impostors"
NEW_ADDRESS = "10.77.1.99"
WAIT = ("--wait", "2")
"""Long enough to notice that the server is silent, and to ask which servers are there."""


class Scene(NamedTuple):
    """A laptop that has joined, the server that it knows with its join code, and the impostors with their addresses."""

    laptop: Host
    kitchen: Host
    server: Server
    code: str
    impostors: dict[str, Server]
    addresses: dict[str, str]
    sealed_impostor_code: str


@pytest.fixture
def scene(lab: Lab) -> Scene:
    """The server has ended, and all impostors have a copy of its file, but not of its key file.

    `open` and `usurper` say that the notebook is open, and the usurper has the server's old address. `sealed` has another key.
    """
    lan = lab.switch()
    kitchen, laptop, *mallories = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "laptop", "m0", "m1", "m2"))
    server = kitchen.serve("--sealed", "--name", "home")
    code = join_code(kitchen)
    join([laptop], code)
    laptop.succeed("send", BEFORE)
    server.stop()
    for mallory in mallories:
        shutil.copy(server.notebook, mallory.home)
    open_one, usurper, sealed = mallories
    kitchen.set_address(NEW_ADDRESS)
    usurper.set_address(kitchen.address(lan))
    laptop.ip("neigh", "flush", "all")
    for mallory in (open_one, usurper):
        mark_as_open(mallory.home / "notebook.sqlite3")
    sealed.succeed("key", "rotate")
    impostors = {
        "usurper": usurper.serve("--name", "home"),
        "open": open_one.serve("--name", "home"),
        "sealed": sealed.serve("--sealed"),
    }
    addresses = {"usurper": kitchen.address(lan), "open": open_one.address(lan), "sealed": sealed.address(lan)}
    return Scene(laptop, kitchen, server, code, impostors, addresses, join_code(sealed))


def start_sending(scene: Scene) -> dict[str, Process]:
    """Send in every way that might give a text away, all at once; the processes by their texts."""
    to_addresses = {
        f"to the {name} one": scene.laptop.start("send", *WAIT, "--server", address, f"to the {name} one")
        for name, address in scene.addresses.items()
    }
    return to_addresses | {
        "without an address": scene.laptop.start("send", *WAIT, "without an address"),
        "by name": scene.laptop.start("send", *WAIT, "--notebook-id", "home", "by name"),
        "by key": start_with_key(scene.laptop, scene.code, "send", *WAIT, "by key"),
    }


def start_reading(scene: Scene) -> list[Process]:
    """Read in every way that might show an impostor's entries."""
    return [
        scene.laptop.start("list", *WAIT),
        scene.laptop.start("list", *WAIT, "--server", scene.addresses["open"]),
        start_with_key(scene.laptop, scene.code, "list", *WAIT),
        start_with_key(scene.laptop, scene.sealed_impostor_code, "list", *WAIT),  # a key that the user was talked into
    ]


def assert_all_fail_with_a_warning(started: list[Process], codes: tuple[int, ...]) -> None:
    for result in [process.wait() for process in started]:
        assert (result.code in codes, result.out) == (True, ""), f"exit code {result.code}: {result.out}{result.err}"
        assert "`udpnote leave" in result.err, result.err


def test_impostors_get_and_tell_nothing_and_the_real_server_gets_each_entry_once(scene: Scene) -> None:
    sending, reading = start_sending(scene), start_reading(scene)
    finding, joining = scene.laptop.start("find", "--json", "--timeout", "1"), scene.laptop.start("join", scene.code)
    to_sealed = sending.pop("to the sealed one").wait()
    assert to_sealed.code == 75 and "`udpnote leave" not in to_sealed.err, "what is sealed with another key cannot be heard"
    assert_all_fail_with_a_warning(list(sending.values()), (75,))
    assert_all_fail_with_a_warning(reading, (1, 69))
    assert_all_fail_with_a_warning([joining], (1,))
    assert True in [each["posing"] for each in json.loads(finding.wait().out)]
    assert_once(waiting_texts(scene.laptop), [*sending, "to the sealed one"])
    scene.server.start()
    delivering = scene.laptop.succeed("send", "at last")
    assert NEW_ADDRESS in delivering.err
    assert_once(waiting_texts(scene.laptop), ["to the usurper one", "to the open one", "to the sealed one"])
    assert [impostor.texts() for impostor in scene.impostors.values()] == [[BEFORE]] * 3
    assert_once(scene.server.texts(), [BEFORE, "without an address", "by name", "by key", "at last"])

"""Servers that give themselves out as a sealed notebook, with its name, its id and all of its entries: nobody is fooled."""

import json
import shutil
from typing import NamedTuple

import pytest

from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Process, Server, assert_once
from tests.system.sealing import join, join_code, start_with_key, take_seal_off, waiting_texts

POSING = "somebody may be posing as it"
BEFORE = "before the impostor"
WAIT = ("--wait", "2")
"""Long enough to notice that the server is silent, and to ask who is there."""


class Scene(NamedTuple):
    """A joined laptop, the server that it knows, which has ended, and mallory, who has a copy of its file."""

    pair: Pair
    server: Server
    mallory: Host
    code: str

    def pose(self, *seal: str) -> Server:
        """Have mallory serve the copy."""
        return self.mallory.serve("--name", "home", *seal)

    def take_address(self) -> None:
        """Give mallory the address of the server, which goes."""
        address = self.pair.kitchen.address(self.pair.lan)
        for host in (self.pair.kitchen, self.mallory):
            host.ip("-4", "addr", "flush", "dev", "eth0")
        self.mallory.ip("addr", "add", f"{address}/24", "brd", "+", "dev", "eth0")
        self.pair.kitchen.ip("addr", "add", "10.77.1.99/24", "brd", "+", "dev", "eth0")
        self.pair.laptop.ip("neigh", "flush", "all")


@pytest.fixture
def scene(lab: Lab) -> Scene:
    lan = lab.switch()
    kitchen, laptop, mallory = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "laptop", "mallory"))
    server = kitchen.serve("--sealed", "--name", "home")
    code = join_code(kitchen)
    join([laptop], code)
    assert laptop.run("send", BEFORE).code == 0
    server.end()
    shutil.copy(server.notebook, mallory.home / "notebook.sqlite3")
    return Scene(Pair(lan, kitchen, laptop), server, mallory, code)


def tempted(scene: Scene, address: str) -> dict[str, Process]:
    """Everything that might give a text away, or believe one, all at once; the entries are the keys."""
    laptop = scene.pair.laptop
    started = {
        "plainly": laptop.start("send", *WAIT, "plainly"),
        "by name": laptop.start("send", *WAIT, "--notebook-id", "home", "by name"),
        "by key": start_with_key(laptop, scene.code, "send", *WAIT, "by key"),
        "by address": laptop.start("send", *WAIT, "--server", address, "by address"),
    }
    reading = {
        "list": laptop.start("list", *WAIT),
        "list by key": start_with_key(laptop, scene.code, "list", *WAIT),
        "list by address": laptop.start("list", *WAIT, "--server", address),
        "find": laptop.start("find", "--json", "--timeout", "1"),
    }
    return started | reading


def assert_nobody_is_fooled(started: dict[str, Process], *, is_noticed: bool) -> None:
    """Entries are queued (75), reading fails (1 or 69) and prints nothing, and whoever could know of the impostor says so."""
    for what, process in started.items():
        result = process.wait()
        said = f"{what}: exit code {result.code}, {result.output}{result.errors}"
        if what == "find":
            assert [each["posing"] for each in json.loads(result.output)] == [True] * is_noticed, said
        else:
            assert result.code in ((1, 69) if "list" in what else (75,)), said
            assert result.output == "", said
        assert (POSING in result.errors) == is_noticed, said


ENTRIES = ["plainly", "by name", "by key", "by address"]


def assert_delivered_by_the_real_one(scene: Scene, rogue: Server) -> None:
    """Beside the impostor the real server is back, at another address perhaps: all that was meant for it is there, once."""
    assert_once(waiting_texts(scene.pair.laptop), ENTRIES)
    scene.server.start()
    assert scene.pair.laptop.run("send", "at last").code == 0
    assert waiting_texts(scene.pair.laptop) == ["by address"], "which was meant for that server alone"
    assert rogue.texts() == [BEFORE]
    assert_once(scene.server.texts(), [BEFORE, "plainly", "by name", "by key", "at last"])


def assert_more_caution(scene: Scene) -> None:
    """What waits is not delivered to an impostor either; it is marked in the list, and nobody joins it."""
    laptop = scene.pair.laptop
    sending = laptop.start("outbox", "--send", under=("env", "UDPNOTE_WAIT=2"))
    finding, joining = laptop.start("find", "--timeout", "1"), laptop.start("join", scene.code)
    sent, found, joined = (process.wait() for process in (sending, finding, joining))
    assert sent.code == 75 and POSING in sent.errors
    assert " ms  posing  " in found.output
    assert joined.code == 1 and POSING in joined.errors, "an impostor was joined"


@pytest.mark.parametrize("is_at_old_address", [False, True], ids=["elsewhere", "at the old address"])
def test_a_copy_without_the_seal_gets_nothing_and_is_told_of(scene: Scene, is_at_old_address: bool) -> None:
    rogue_address = scene.mallory.address(scene.pair.lan)
    if is_at_old_address:
        scene.take_address()
        rogue_address = scene.pair.kitchen.address(scene.pair.lan)
    take_seal_off(scene.mallory.home / "notebook.sqlite3")
    rogue = scene.pose()
    assert_nobody_is_fooled(tempted(scene, rogue_address), is_noticed=True)
    assert_more_caution(scene)
    assert_delivered_by_the_real_one(scene, rogue)


def test_a_copy_that_is_sealed_with_another_key_gets_nothing(scene: Scene) -> None:
    assert scene.mallory.run("key", "rotate").code == 0  # the key file was not in the copy
    other_code = join_code(scene.mallory)
    rogue = scene.pose("--sealed")
    laptop = scene.pair.laptop
    named = [start_with_key(laptop, other_code, command, *WAIT) for command in ("list", "follow")]
    assert_nobody_is_fooled(tempted(scene, scene.mallory.address(scene.pair.lan)), is_noticed=False)
    for result in [process.wait() for process in named]:
        assert (result.code, result.output) == (1, "") and POSING in result.errors
    assert_delivered_by_the_real_one(scene, rogue)

"""Following a notebook on several hosts while the network, the server and the followers have troubles."""

import json
import signal
from typing import NamedTuple

import pytest

from tests.support.processes import Process, eventually
from tests.system.lab import SECONDS_MAX, Host, Lab, Server, Switch
from tests.system.network import end_trouble, lose

LINES = 30
"""How many lines each writer writes at a time."""

NEW_ADDRESS = "10.77.1.99"


class Scene:
    """Three hosts that follow what two others write."""

    def __init__(self, lan: Switch, kitchen: Host, server: Server, readers: list[Host], writers: list[Process]) -> None:
        self.lan, self.kitchen, self.server, self.readers, self.writers = lan, kitchen, server, readers, writers
        self.followers = [reader.start("follow", "--json") for reader in readers]
        self.lines = 0

    def write(self, lines: int = LINES) -> None:
        for number, writer in enumerate(self.writers):
            writer.type("".join(f"作者 {number}，第 {self.lines + line} 行\n" for line in range(lines)))
        self.lines += lines * len(self.writers)

    def wait_for(self, follower: Process, lines: int | None = None) -> None:
        """Wait until `follower` has printed so many lines, or all of them."""
        wanted = self.lines if lines is None else lines
        eventually(lambda: follower.output.count("\n") >= wanted, f"{wanted} lines are printed", SECONDS_MAX)

    def wait_for_all(self) -> None:
        for follower in self.followers:
            self.wait_for(follower)


@pytest.fixture
def scene(lab: Lab) -> Scene:
    lan = lab.switch()
    kitchen, *others = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "r0", "r1", "r2", "w0", "w1"))
    server = kitchen.serve("--quiet")
    made = Scene(lan, kitchen, server, others[:3], [writer.start_sending() for writer in others[3:]])
    made.write(1)
    made.wait_for_all()
    return made


def survive_losses(scene: Scene) -> None:
    lose(scene.lan, percent=20)
    scene.write()
    scene.wait_for_all()
    end_trouble(scene.lan)


def survive_a_killed_server(scene: Scene) -> None:
    before = scene.lines
    scene.write()
    scene.wait_for(scene.followers[0], before + LINES // 2)
    scene.server.restart()
    scene.write()
    scene.wait_for_all()


def survive_absences(scene: Scene) -> None:
    """The cable of one follower is out, and another follower is suspended."""
    cut_off, suspended, present = scene.followers
    before = len(cut_off.errors)
    scene.readers[0].ip("link", "set", "eth0", "down")
    suspended.signal(signal.SIGSTOP)
    scene.write()
    scene.wait_for(present)
    eventually(lambda: len(cut_off.errors) > before, "the one that is cut off tells its user")
    scene.readers[0].ip("link", "set", "eth0", "up")
    suspended.signal(signal.SIGCONT)
    scene.wait_for_all()


def survive_a_move(scene: Scene) -> None:
    scene.kitchen.set_address(NEW_ADDRESS)
    scene.write()
    scene.wait_for_all()
    for follower in scene.followers:
        assert NEW_ADDRESS in follower.errors, "the user is not told where the server is now"


class Printed(NamedTuple):
    """One entry as a follower printed it, and as the notebook has it."""

    number: int
    author: str
    text: str


def test_three_followers_print_each_entry_once_and_in_order_through_losses_a_kill_absences_and_a_move(scene: Scene) -> None:
    for survive in (survive_losses, survive_a_killed_server, survive_absences, survive_a_move):
        survive(scene)
    for writer in scene.writers:
        writer.end_input()
        assert writer.wait(SECONDS_MAX).code == 0
    stored = [Printed(each.number, each.entry.author, each.entry.text) for each in scene.server.stored()]
    assert len(stored) == scene.lines
    for follower in scene.followers:
        result = follower.end(signal.SIGINT)
        assert result.code == 0, result.err
        objects = [json.loads(line) for line in result.lines]
        assert [Printed(each["number"], each["author"], each["text"]) for each in objects] == stored

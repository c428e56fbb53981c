"""Following a notebook on several hosts at once, whatever happens to the network, the server and the followers meanwhile."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Process, Server, Switch, wait_until
from tests.system.measures import figures, follow_writer
from tests.system.network import be_perfect, lose

LINES = 100
"""How many each writer writes in one act."""

PATIENCE_SECONDS = 60.0


class Scene(NamedTuple):
    """Three hosts that follow what three others write."""

    lan: Switch
    kitchen: Host
    server: Server
    readers: list[Host]
    followers: list[Process]
    writers: list[Process]

    def write(self, act: int) -> None:
        """Have each writer write some lines."""
        for number, writer in enumerate(self.writers):
            writer.feed("".join(f"作者 {number}，第 {act} 幕，第 {line} 行\n" for line in range(LINES)))

    def wait_for(self, follower: Process, acts: int) -> None:
        """Wait until `follower` has printed all that was written in so many acts."""
        wait_for_lines(follower, lines_in(acts))

    def end_writing(self) -> None:
        for writer in self.writers:
            writer.end_input()
        for result in [writer.wait(PATIENCE_SECONDS) for writer in self.writers]:
            assert result.code == 0, result.errors


def wait_for_lines(follower: Process, lines: int) -> None:
    def has_printed_them() -> bool:
        assert follower.is_running, follower.errors
        return follower.output.count("\n") >= lines

    wait_until(has_printed_them, f"{lines} lines are printed", PATIENCE_SECONDS)


def lines_in(acts: int) -> int:
    """How many lines have been written by then; three before the first act."""
    return 3 + 3 * LINES * acts


Trouble = Callable[[Scene], Iterator[None]]
"""A play in acts: where it yields, an act's lines are written, or rather: they begin to be."""


def none(_: Scene) -> Iterator[None]:
    yield from [None] * 4


def losses(scene: Scene) -> Iterator[None]:
    lose(scene.lan, percent=20)
    for act in range(1, 4):
        yield
        scene.wait_for(scene.followers[act % 3], act)
    be_perfect(scene.lan)


def kills(scene: Scene) -> Iterator[None]:
    for act in range(1, 5):
        yield
        wait_for_lines(scene.followers[act % 3], lines_in(act) - 2 * LINES)  # in the midst of the act
        scene.server.process.kill()
        scene.server.start()


def move(scene: Scene) -> Iterator[None]:
    yield
    scene.wait_for(scene.followers[0], 1)
    scene.kitchen.ip("addr", "del", f"{scene.kitchen.address(scene.lan)}/24", "dev", "eth0")
    scene.kitchen.ip("addr", "add", "10.77.1.99/24", "brd", "+", "dev", "eth0")
    yield
    for follower in scene.followers:
        scene.wait_for(follower, 2)
        assert "10.77.1.99" in follower.errors, "the user is not told where the server is now"
    yield


def absences(scene: Scene) -> Iterator[None]:
    """One follower's cable is out, another follower is suspended."""
    cut_off, suspended, present = scene.followers
    yield
    scene.readers[0].ip("link", "set", "eth0", "down")
    suspended.signal(signal.SIGSTOP)
    yield
    scene.wait_for(present, 2)
    wait_until(lambda: "looking for it" in cut_off.errors, "the one that is cut off has noticed")
    scene.readers[0].ip("link", "set", "eth0", "up")
    suspended.signal(signal.SIGCONT)
    yield


@pytest.fixture
def scene(lab: Lab) -> Scene:
    lan = lab.switch()
    kitchen, *others = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "r0", "r1", "r2", "w0", "w1", "w2"))
    server = kitchen.serve()
    followers = [reader.start("follow", "--json") for reader in others[:3]]
    writers = [writer.start("send", "--wait", "90", stdin=subprocess.PIPE) for writer in others[3:]]
    made = Scene(lan, kitchen, server, others[:3], followers, writers)
    for writer in writers:
        writer.feed("the first line\n")
    for follower in followers:
        made.wait_for(follower, 0)
    return made


@pytest.mark.parametrize("trouble", [none, losses, kills, move, absences])
def test_three_followers_print_each_entry_once_in_its_order(scene: Scene, trouble: Trouble) -> None:
    acts = 0
    for _ in trouble(scene):
        scene.write(acts)
        acts += 1
    scene.end_writing()
    for follower in scene.followers:
        scene.wait_for(follower, acts)
    stored = [(each.number, each.entry.author, each.entry.text) for each in scene.server.stored()]
    assert len(stored) == lines_in(acts)
    for follower in scene.followers:
        assert printed_by(follower) == stored


def printed_by(follower: Process) -> list[tuple[int, str, str]]:
    """End a follower as its user does, and give what it has printed."""
    follower.signal(signal.SIGINT)
    result = follower.wait(10)
    assert result.code == 0, result.errors
    assert "Traceback" not in result.errors
    printed = [json.loads(line) for line in result.output.splitlines()]
    return [(each["number"], each["author"], each["text"]) for each in printed]


def test_on_a_quiet_lan_every_follower_prints_every_entry_once_as_it_is_stored(lab: Lab) -> None:
    followed = follow_writer(lab, entries=100, pause_seconds=0.02)
    print(f"from the acknowledgement to the line: {figures(followed.delays)}")
    for printed in followed.printed:
        assert [number for number, _ in printed] == list(range(1, 103))


def test_ctrl_c_ends_a_follower_that_looks_for_its_server(pair: Pair) -> None:
    server = pair.kitchen.serve()
    assert pair.laptop.run("send", "今天开会").code == 0
    follower = pair.laptop.start("tail")
    wait_until(follower.has_printed, "it follows")
    server.process.kill()
    wait_until(lambda: "looking for it" in follower.errors, "it has noticed")
    follower.signal(signal.SIGINT)
    result = follower.wait(5)
    assert result.code == 0 and "Traceback" not in result.errors
    assert result.output.endswith("#1  somebody@laptop  今天开会\n") and result.output.count("\n") == 1


def test_without_a_server_there_is_nothing_to_follow(pair: Pair) -> None:
    result = pair.laptop.run("follow", "--wait", "0.5")
    assert result.code == 69 and result.output == ""
    assert "udpnote serve" in result.errors

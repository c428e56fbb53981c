"""Two hosts that revise the same note at once or offline: nothing is lost, and what was replaced unseen is told."""

import json
import re
from typing import NamedTuple

import pytest

from tests.support.processes import Process
from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Server
from udpnote.client.notebook_reader import overtaken

ROUNDS = 2


class Two(NamedTuple):
    """Two hosts that know a notebook with one note."""

    server: Server
    laptop: Host
    desk: Host


@pytest.fixture
def two(lab: Lab, pair: Pair) -> Two:
    made = Two(pair.kitchen.serve(), pair.laptop, lab.host("desk", pair.lan))
    made.laptop.succeed("send", "as it was")
    made.desk.succeed("list")
    return made


def revise(host: Host, command: str, text: str) -> Process:
    """Begin to `edit` or `delete` the note."""
    return host.start(command, "1", *([text] if command == "edit" else []), "--wait", "0.5")


def revise_offline(commands: dict[Host, str]) -> None:
    """Have both revise the note while neither reaches the server, and then deliver, one host after the other."""
    for host in commands:
        host.ip("link", "set", "eth0", "down")
    for process in [revise(host, command, f"as {host.name} has it") for host, command in commands.items()]:
        assert process.wait().code == 75
    for host in commands:
        host.ip("link", "set", "eth0", "up")
        host.succeed("outbox", "--send", "--wait", "30")


def version(command: str, name: str) -> tuple[str, str]:
    """The kind and the text that a command leaves in the history."""
    return ("revision", f"as {name} has it") if command == "edit" else ("deletion", "")


def replaced_by_others(told: str) -> list[int]:
    """The numbers of one's own revisions of #1 that others have replaced, as a command tells them."""
    return [int(number) for number in re.findall(r"#(\d+) of #1\b", told)]


@pytest.mark.parametrize(("first", "last"), [("edit", "delete"), ("delete", "edit")])
def test_of_two_offline_revisions_the_later_one_shows_and_the_writer_of_the_other_is_told_once(
    two: Two, first: str, last: str
) -> None:
    revise_offline({two.laptop: first, two.desk: last})
    assert replaced_by_others(two.laptop.succeed("list").err) == [2]
    assert replaced_by_others(two.laptop.succeed("list").err + two.desk.succeed("list").err) == []
    shown = two.laptop.run("show", "1", "--json")
    if last == "delete":
        assert shown.code == 1 and "somebody@desk" in shown.err
    else:
        assert json.loads(shown.out)["text"] == "as desk has it"
    history = [json.loads(line) for line in two.desk.succeed("show", "1", "--history", "--json").lines]
    expected = [("note", "as it was"), version(first, "laptop"), version(last, "desk")]
    assert [(each["kind"], each["text"]) for each in history] == expected


def test_of_two_who_revise_at_the_same_time_each_is_told_what_was_replaced_unseen(two: Two) -> None:
    told = dict.fromkeys((two.laptop, two.desk), "")
    for number in range(ROUNDS):
        processes = {host: host.start("edit", "1", f"{host.name} {number}") for host in told}
        for host, process in processes.items():
            result = process.wait()
            assert result.code == 0, result.err
            told[host] += result.err
    for host in told:
        told[host] += host.succeed("list").err
    history = two.server.stored()
    assert len(history) == 1 + 2 * ROUNDS
    for host in told:
        own = [each.number for each in history[1:] if each.entry.author == f"somebody@{host.name}"]
        assert sorted(replaced_by_others(told[host])) == [number for number in own if overtaken(history, number)], told[host]

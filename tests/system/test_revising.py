"""Two hosts that revise the same note, at once or without a network: nothing is lost, and whoever is overtaken is told."""

import json
import re
from typing import NamedTuple

import pytest

from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Process, Server
from udpnote.client.notebook_reader import overtaken
from udpnote.model.entry import Kind

ROUNDS = 4


class Two(NamedTuple):
    """Two hosts that know a notebook in which there is one note."""

    server: Server
    laptop: Host
    desk: Host


@pytest.fixture
def two(lab: Lab, pair: Pair) -> Two:
    made = Two(pair.kitchen.serve(), pair.laptop, lab.host("desk", pair.lan))
    assert made.laptop.run("send", "as it was").code == 0
    assert made.desk.run("list").code == 0
    return made


def revise(host: Host, deed: str, text: str) -> Process:
    """Begin to edit or delete the note."""
    return host.start(deed, "1", *([text] if deed == "edit" else []), "--wait", "0.5")


def revise_apart(deeds: dict[Host, str]) -> None:
    """Have both revise the note while neither reaches the server, and then deliver that, one host after the other."""
    for host in deeds:
        host.ip("link", "set", "eth0", "down")
    for process in [revise(host, deed, f"as {host.name} has it") for host, deed in deeds.items()]:
        result = process.wait()
        assert result.code == 75 and "queued" in result.errors
    for host in deeds:
        host.ip("link", "set", "eth0", "up")
        delivered = host.run("outbox", "--send", "--wait", "30")
        assert delivered.code == 0, delivered.errors


OUTCOMES = {"edit": "replaced", "delete": "deleted"}


def version(deed: str, name: str) -> tuple[str, str]:
    """The kind and the text of what a deed leaves in the history."""
    return ("revision", f"as {name} has it") if deed == "edit" else ("deletion", "")


def news(host: Host) -> str:
    """What a host is told with its next command."""
    result = host.run("list")
    assert result.code == 0, result.errors
    return result.errors


@pytest.mark.parametrize(("first", "last"), [("edit", "edit"), ("edit", "delete"), ("delete", "edit")])
def test_of_two_who_revise_offline_the_later_one_shows_and_the_earlier_one_is_told(two: Two, first: str, last: str) -> None:
    revise_apart({two.laptop: first, two.desk: last})
    told = news(two.laptop)
    assert re.search(f"your revision #2 of #1 was {OUTCOMES[last]} by somebody@desk.*#3", told), told
    assert "#2" not in news(two.laptop) + news(two.desk), "whoever was told is told again, or whoever shows is"
    shown = two.laptop.run("show", "1")
    if last == "delete":
        assert shown.code == 1 and "deleted by #3 (somebody@desk" in shown.errors
    else:
        assert shown.code == 0 and shown.output.endswith("as desk has it\n")
    history = [json.loads(line) for line in two.desk.run("show", "1", "--history", "--json").output.splitlines()]
    expected = [("note", "as it was"), version(first, "laptop"), version(last, "desk")]
    assert [(each["kind"], each["text"]) for each in history] == expected


def test_what_was_deleted_comes_back_by_an_edit(two: Two) -> None:
    assert two.laptop.run("delete", "1").code == 0
    assert "there are no notes" in two.desk.run("list").errors
    edited = two.desk.run("edit", "1", "here again")
    assert edited.code == 0 and "was deleted by somebody@laptop" in edited.errors
    listed = two.laptop.run("list")
    assert listed.output.endswith("here again\n")
    assert listed.errors == "", "what was seen and then replaced is told as if it had not been seen"


def test_of_two_who_revise_at_once_again_and_again_each_is_told_what_was_replaced_unseen(two: Two) -> None:
    told = dict.fromkeys((two.laptop, two.desk), "")
    for number in range(ROUNDS):
        processes = {host: host.start("edit", "1", f"{host.name} {number}") for host in told}
        for host, process in processes.items():
            result = process.wait()
            assert result.code == 0, result.errors
            told[host] += result.errors
    for host in told:
        told[host] += news(host)
    shown = {host.run("show", "1").output for host in told}
    history = two.server.stored()
    assert [each.entry.kind for each in history] == [Kind.NOTE, *[Kind.REVISION] * 2 * ROUNDS]
    assert [output.splitlines()[1] for output in shown] == [history[-1].entry.text]
    for host in told:
        own = [each.number for each in history[1:] if each.entry.author == f"somebody@{host.name}"]
        replaced = re.findall(r"your revision #(\d+) of #1 was", told[host])
        assert sorted(map(int, replaced)) == [number for number in own if overtaken(history, number)], told[host]

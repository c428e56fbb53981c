"""What strangers get from a sealed server, and what can be read of its traffic on the cable."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.processes import eventually
from tests.system.capture import Capture, Datagram, hardware_address
from tests.system.conftest import Pair
from tests.system.hostile_datagrams import Overheard
from tests.system.hostile_host import SERVER_PORT
from tests.system.lab import SECONDS_MAX, Host, Lab
from tests.system.sealing import join, join_code, notebook_id
from udpnote.protocol.envelope import SEALED_HEADER

NAME, AUTHOR = "厨房笔记", "小明@书房"
TEXT, EDITED, IMPORTED, SEARCHED = "今天开会，下午三点", "会议改到明天", "我是一个中文", "散会以后"


@pytest.fixture
def capture(pair: Pair) -> Iterator[Capture]:
    """All that passes between the kitchen and the switch."""
    with closing(Capture(pair.lan, pair.kitchen)) as made:
        yield made


def sent_to(passed: list[Datagram], host: Host) -> list[bytes]:
    """The datagrams for `host` alone."""
    address = hardware_address(host)
    return [each.data for each in passed if each.target == address]


def requests_of(passed: list[Datagram], host: Host) -> list[bytes]:
    """The datagrams of `host` for servers."""
    address = hardware_address(host)
    return [each.data for each in passed if each.source == address and each.target_port == SERVER_PORT]


def overhear(pair: Pair, capture: Capture) -> Overheard:
    """Have a client join, write and read, and capture that."""
    join([pair.laptop], join_code(pair.kitchen))
    for command in (["send", TEXT], ["list"]):
        pair.laptop.succeed(*command)
    passed = capture.datagrams()
    sealed = [each for each in requests_of(passed, pair.laptop) if each.startswith(SEALED_HEADER)]
    return Overheard(notebook_id(pair.laptop), sealed, sent_to(passed, pair.laptop))


def test_a_stranger_gets_nothing_from_a_sealed_server_but_sealed_answers_to_replayed_requests(
    lab: Lab, pair: Pair, capture: Capture
) -> None:
    server = pair.kitchen.serve("--sealed", "--name", NAME)
    overheard = overhear(pair, capture)
    stranger, address, path = lab.host("stranger", pair.lan), pair.kitchen.address(pair.lan), lab.folder / "overheard"
    overheard.write(path)
    commands = [["find", "--timeout", "0.5"], ["list", "--wait", "0.5"], ["follow", "--wait", "0.5"]]
    commands += [["send", "--wait", "0.5", "secret"], ["send", "--wait", "0.5", "--server", address, "secret"]]
    results = [running.wait() for running in [stranger.start(*command) for command in commands]]
    assert [result.code for result in results] == [69, 69, 69, 75, 75]
    assert all("udpnote join" in result.err for result in results)
    counted = run_hostile_host(stranger, "scan", str(path), address)
    assert isinstance(counted, dict) and counted["sent"] > 0 and counted["received"] == 0
    passed = capture.datagrams()
    assert len(requests_of(passed, stranger)) > 1000, "the server was not reached"
    assert sent_to(passed, stranger) == []
    assert_answers_are_small_and_sealed(run_hostile_host(stranger, "replay", str(path), address), overheard)
    assert server.texts() == [TEXT]


def run_hostile_host(stranger: Host, *arguments: str) -> object:
    result = stranger.start_module("tests.system.hostile_host", *arguments).wait(SECONDS_MAX)
    assert result.code == 0, result.err
    return json.loads(result.out)


def assert_answers_are_small_and_sealed(replayed: object, overheard: Overheard) -> None:
    """A replayed request is answered with no more bytes than it has, sealed anew for the client that made it."""
    assert isinstance(replayed, list) and len(replayed) == len(overheard.requests) > 3
    for request, *answers in ([bytes.fromhex(each) for each in exchange] for exchange in replayed):
        assert answers and sum(map(len, answers)) <= len(request)
        assert all(answer.startswith(SEALED_HEADER) and answer not in overheard.answers for answer in answers)
        assert_unreadable(answers, secrets(overheard.notebook_id))


def secrets(*identities: bytes) -> list[bytes]:
    return [*identities, *(text.encode() for text in (NAME, AUTHOR, TEXT, EDITED, IMPORTED, SEARCHED))]


def assert_unreadable(datagrams: list[bytes], needles: list[bytes]) -> None:
    for needle in needles:
        assert not any(needle in data for data in datagrams), f"{needle.decode(errors='replace')!r} can be read"


def do_everything(host: Host) -> None:
    """Write, read, follow, edit, import and export; all of it must succeed."""
    follower = host.start("follow")
    old, copy = host.home / "old.txt", host.home / "copy.jsonl"
    old.write_text(f"2019/05/09 16:37:08\n{IMPORTED}\n")
    host.succeed("send", "--author", AUTHOR, TEXT)
    for command in (["edit", "1", EDITED], ["import", str(old)], ["list"], ["search", SEARCHED], ["export", "-o", str(copy)]):
        host.succeed(*command)
    host.succeed("find", "--timeout", "0.3")
    assert IMPORTED in copy.read_text()
    eventually(lambda: IMPORTED in follower.output, "the follower has printed it")
    follower.kill()


@pytest.mark.parametrize("options", [["--sealed"], []], ids=["sealed", "open"])
def test_everything_can_be_read_on_the_cable_unless_it_is_sealed(pair: Pair, capture: Capture, options: list[str]) -> None:
    server = pair.kitchen.serve(*options, "--name", NAME)
    if options:
        join([pair.laptop], join_code(pair.kitchen))
    do_everything(pair.laptop)
    passed = [each.data for each in capture.datagrams()]
    needles = secrets(notebook_id(pair.laptop), *{each.entry.client_id for each in server.stored()})
    if options:
        assert len([data for data in passed if data.startswith(SEALED_HEADER)]) > 20
        assert_unreadable(passed, needles)
    else:
        for needle in needles:
            assert any(needle in data for data in passed), f"the capture has missed {needle.decode(errors='replace')!r}"

"""The answers of a sealed server to strangers, and the texts that can be read in its traffic on the cable."""

from collections.abc import Callable, Iterator
from contextlib import closing
from random import Random

import pytest

from tests.support.processes import eventually
from tests.system.capture import Capture, hardware_address
from tests.system.conftest import Pair, pair_in
from tests.system.hostile_datagrams import of_strangers
from tests.system.hostile_host import answers_at_each, send
from tests.system.lab import SERVER_PORT, Host, Lab, at_once
from tests.system.sealing import join, join_code, notebook_id
from udpnote.protocol.envelope import SEALED_HEADER

SEED = 6683
NAME, AUTHOR = "厨房笔记", "小明@书房"
TEXT, EDITED, IMPORTED, SEARCHED = "今天开会，下午三点", "会议改到明天", "我是一个中文", "散会以后"


@pytest.fixture
def capture(pair: Pair) -> Iterator[Capture]:
    """Captures what passes between the kitchen and the switch of `pair`."""
    with closing(Capture(pair.lan, pair.kitchen)) as made:
        yield made


def exchanged(capture: Capture, host: Host) -> tuple[list[bytes], list[bytes]]:
    """The datagrams since the last call: the requests of `host`, and the answers to `host`."""
    passed, address = capture.datagrams(), hardware_address(host)
    requests = [each.data for each in passed if each.source == address and each.target_port == SERVER_PORT]
    return requests, [each.data for each in passed if each.target == address]


def test_a_stranger_gets_nothing_from_a_sealed_server_but_sealed_answers_to_replayed_requests(
    lab: Lab, pair: Pair, capture: Capture
) -> None:
    server = pair.kitchen.serve("--sealed", "--name", NAME)
    join([pair.laptop], join_code(pair.kitchen))
    pair.laptop.succeed("send", TEXT)
    pair.laptop.succeed("list")
    requests, known_answers = exchanged(capture, pair.laptop)
    requests = [each for each in requests if each.startswith(SEALED_HEADER)]
    secret = secrets(notebook_id(pair.laptop))
    stranger, address = lab.host("stranger", pair.lan), pair.kitchen.address(pair.lan)
    commands = [["find", "--timeout", "0.5"], ["list", "--wait", "0.5"], ["send", "--wait", "0.5", "--server", address, "no"]]
    results = [running.wait() for running in [stranger.start(*command) for command in commands]]
    assert [result.code for result in results] == [69, 69, 75]
    assert all("udpnote join" in result.err for result in results)
    send(stranger.socket(address), of_strangers(secret[0], requests, known_answers, Random(SEED)))
    asked, got = exchanged(capture, stranger)
    assert (len(asked) > 1000, got) == (True, [])
    assert len(requests) > 3
    sockets = [stranger.socket(address) for _ in requests]
    for request, ours in zip(requests, sockets, strict=True):
        ours.send(request)
    for request, got in zip(requests, answers_at_each(sockets), strict=True):
        assert got and sum(map(len, got)) <= len(request)
        assert all(answer.startswith(SEALED_HEADER) and answer not in known_answers for answer in got)
        assert readable(got, secret) == []
    assert server.texts() == [TEXT]


def secrets(*identities: bytes) -> list[bytes]:
    """What must not be readable in sealed traffic: the given ids, and all texts and names of these tests."""
    return [*identities, *(text.encode() for text in (NAME, AUTHOR, TEXT, EDITED, IMPORTED, SEARCHED))]


def readable(datagrams: list[bytes], needles: list[bytes]) -> list[bytes]:
    """Those of `needles` that are in at least one of `datagrams`."""
    return [needle for needle in needles if any(needle in data for data in datagrams)]


def do_everything(host: Host) -> None:
    """Write, read, follow, edit, import and export; all of it must succeed."""
    follower = host.start("follow")
    old, copy = host.home / "old.txt", host.home / "copy.jsonl"
    old.write_text(f"2019/05/09 16:37:08\n{IMPORTED}\n")
    host.succeed("send", "--author", AUTHOR, TEXT)
    for command in (["edit", "1", EDITED], ["import", str(old)], ["list"], ["search", SEARCHED], ["export", "-o", str(copy)]):
        host.succeed(*command)
    eventually(lambda: host.run("find", "--timeout", "0.3").code == 0, "an answer comes in time, which may take longer here")
    assert IMPORTED in copy.read_text()
    eventually(lambda: IMPORTED in follower.output, "the follower has printed it")
    follower.kill()


OPTIONS = {"sealed": ["--sealed"], "open": []}


def test_texts_and_ids_can_be_read_on_the_cable_unless_they_are_sealed(new_lab: Callable[[str], Lab]) -> None:
    at_once(lambda name: check_cable(pair_in(new_lab(name)), *OPTIONS[name]), OPTIONS)


def check_cable(pair: Pair, *options: str) -> None:
    """Do everything with a server that has these options, and look at what passes on the cable."""
    server = pair.kitchen.serve(*options, "--name", NAME)
    with closing(Capture(pair.lan, pair.kitchen)) as capture:
        if options:
            join([pair.laptop], join_code(pair.kitchen))
        do_everything(pair.laptop)
        passed = [each.data for each in capture.datagrams()]
    needles = secrets(notebook_id(pair.laptop), *{each.entry.client_id for each in server.stored()})
    assert readable(passed, needles) == ([] if options else needles)
    assert any(each.startswith(SEALED_HEADER) for each in passed) == bool(options)

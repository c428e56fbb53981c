"""What leaves a sealed server, and what can be read of it on the cable; and that it is as reliable as an open one."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.capture import Capture, Datagram, hardware_address
from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Result, assert_once, require_tool, wait_until
from tests.system.network import be_perfect, lose
from tests.system.sealing import join, join_code, notebook_id, waiting_texts
from tests.system.stranger import SERVER_PORT, Heard, write_heard
from udpnote.protocol.envelope import SEALED_HEADER

SEED = 6683
NAME, AUTHOR = "厨房笔记", "小明@书房"
TEXT, EDITED, IMPORTED, SEARCHED = "今天开会，下午三点", "会议改到明天", "我是一个中文", "散会以后"


@pytest.fixture
def capture(pair: Pair) -> Iterator[Capture]:
    """All that passes between the kitchen and the switch."""
    made = Capture(pair.lan, pair.kitchen)
    yield made
    made.close()


def run_all(host: Host, commands: list[list[str]]) -> list[Result]:
    """Run them at the same time; none of them takes long."""
    return [running.wait(20) for running in [host.start(*command) for command in commands]]


def sent_to(passed: list[Datagram], host: Host) -> list[bytes]:
    """What somebody has sent to `host`, and not to everybody."""
    address = hardware_address(host)
    return [each.data for each in passed if each.target == address]


def requests_of(passed: list[Datagram], host: Host) -> list[bytes]:
    """What `host` has said to servers."""
    address = hardware_address(host)
    return [each.data for each in passed if each.source == address and each.target_port == SERVER_PORT]


def overhear(pair: Pair, capture: Capture) -> Heard:
    """A client joins and writes and reads, and what passes is overheard."""
    join([pair.laptop], join_code(pair.kitchen))
    for command in (["send", TEXT], ["list"]):
        assert pair.laptop.run(*command).code == 0
    passed = capture.datagrams()
    sealed = [each for each in requests_of(passed, pair.laptop) if each.startswith(SEALED_HEADER)]
    return Heard(notebook_id(pair.laptop), sealed, sent_to(passed, pair.laptop))


def test_a_stranger_gets_no_byte_from_a_sealed_server_but_sealed_answers_to_what_it_repeats(
    lab: Lab, pair: Pair, capture: Capture
) -> None:
    server = pair.kitchen.serve("--sealed", "--name", NAME)
    heard = overhear(pair, capture)
    stranger = lab.host("stranger", pair.lan)
    address = pair.kitchen.address(pair.lan)
    commands = [["find", "--timeout", "0.5"], ["list", "--wait", "0.5"], ["follow", "--wait", "0.5"]]
    commands += [["send", "--wait", "0.5", "secret"], ["send", "--wait", "0.5", "--server", address, "secret"]]
    results = run_all(stranger, commands)
    assert [result.code for result in results] == [69, 69, 69, 75, 75]
    assert all("`udpnote join`" in result.errors for result in results), "nobody says what it may be"
    path = lab.folder / "heard"
    write_heard(path, heard)
    told = stranger_tells(stranger, "scan", address, path)
    assert isinstance(told, dict) and told["sent"] > 0 and told["received"] == 0, f"{told} with seed {SEED}"
    passed = capture.datagrams()
    assert len(requests_of(passed, stranger)) > 1000, "the stranger was not heard"
    assert sent_to(passed, stranger) == []
    assert_replays_are_answered_in_moderation(stranger_tells(stranger, "replay", address, path), heard)
    assert server.texts() == [TEXT]


def stranger_tells(stranger: Host, manner: str, address: str, path: Path) -> object:
    result = stranger.start_module("tests.system.stranger", manner, address, str(path), str(SEED)).wait()
    assert result.code == 0, result.errors
    return json.loads(result.output)


def assert_replays_are_answered_in_moderation(told: object, heard: Heard) -> None:
    """Whoever repeats a request is answered: with no more bytes than it has, and so that only its author can read it."""
    assert isinstance(told, list) and len(told) == len(heard.requests) > 3
    for request, *answers in ([bytes.fromhex(each) for each in exchange] for exchange in told):
        assert answers and sum(map(len, answers)) <= len(request)
        assert all(answer.startswith(SEALED_HEADER) and answer not in heard.answers for answer in answers)
        assert_tell_nothing(answers, secrets(heard.notebook_id))


def secrets(*identities: bytes) -> list[bytes]:
    return [*identities, *(text.encode() for text in (NAME, AUTHOR, TEXT, EDITED, IMPORTED, SEARCHED))]


def assert_tell_nothing(datagrams: list[bytes], needles: list[bytes]) -> None:
    for needle in needles:
        assert not any(needle in data for data in datagrams), f"{needle.decode(errors='replace')!r} can be read"


def do_everything(host: Host) -> None:
    """Write, read, follow, correct and take along, all of which must succeed."""
    follower = host.start("follow")
    old, copy = host.home / "old.txt", host.home / "copy.jsonl"
    old.write_text(f"2019/05/09 16:37:08\n{IMPORTED}\n")
    commands = [["send", "--author", AUTHOR, TEXT], ["edit", "1", EDITED], ["import", str(old)], ["list"]]
    commands += [["search", SEARCHED], ["export", "-o", str(copy)], ["find", "--timeout", "0.5"]]
    for command in commands:
        result = host.run(*command)
        assert result.code == 0, f"{command}: {result.errors}"
    assert IMPORTED in copy.read_text()
    wait_until(lambda: IMPORTED in follower.output, "the follower has printed it")
    follower.kill()


@pytest.mark.parametrize("seal", [["--sealed"], []], ids=["sealed", "open"])
def test_all_that_is_said_can_be_read_on_the_cable_unless_it_is_sealed(pair: Pair, capture: Capture, seal: list[str]) -> None:
    server = pair.kitchen.serve(*seal, "--name", NAME)
    if seal:
        join([pair.laptop], join_code(pair.kitchen))
    do_everything(pair.laptop)
    passed = [each.data for each in capture.datagrams()]
    needles = secrets(notebook_id(pair.laptop), *{each.entry.client_id for each in server.stored()})
    if seal:
        assert len([data for data in passed if data.startswith(SEALED_HEADER)]) > 20
        assert_tell_nothing(passed, needles)
    else:
        for needle in needles:
            assert any(needle in data for data in passed), f"the capture has missed {needle.decode(errors='replace')!r}"


def test_what_is_sealed_arrives_once_through_losses_and_a_killed_server(pair: Pair) -> None:
    require_tool("nft")
    server = pair.kitchen.serve("--sealed")
    join([pair.laptop], join_code(pair.kitchen))
    lines = [f"第 {number} 行" for number in range(200)]
    lose(pair.lan, percent=20)
    client = pair.laptop.start("send", "--wait", "60", stdin=subprocess.PIPE)
    client.feed("".join(f"{line}\n" for line in lines[:100]))
    wait_until(lambda: client.output.count("\n") > 30, "some are stored")
    server.process.signal(signal.SIGKILL)
    server.process.wait()
    client.feed("".join(f"{line}\n" for line in lines[100:]))
    server.start()
    client.end_input()
    result = client.wait()
    assert result.code == 0, result.errors
    assert waiting_texts(pair.laptop) == []
    be_perfect(pair.lan)
    assert_once(server.texts(), lines)

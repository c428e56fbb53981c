"""A network that loses and duplicates datagrams."""

import json

from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, assert_once
from tests.system.network import duplicate, end_trouble, lose

LINES = [f"第 {number} 行" for number in range(100)]
NOTES = [f"第 {number} 条记录 #tag{number % 3} 牛奶" for number in range(60)]
REVISED, DELETED, LONG = 7, 9, len(NOTES) + 1
"""Numbers of notes."""

NEW_TEXT = "改过的一条 #tag9"
LONG_TEXT = "今天开会，" * (2**20 // 15)
"""An entry may have 1 MiB of UTF-8, and this is all but a byte of it."""

COMMANDS = [
    ["list", "--all", "--json"],
    ["search", "-n", "1000", "条记录 #tag2", "牛奶"],
    ["show", str(REVISED), "#1", str(LONG)],
    ["show", "--history", str(REVISED), str(DELETED)],
    ["stats"],
    ["export"],
]


def given(command: list[str], *option: str) -> list[str]:
    """`command` with an option right after its name, because the words of a search must come last."""
    return [command[0], *option, *command[1:]]


def test_all_is_read_and_stored_once_though_datagrams_are_lost_and_doubled(pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet", "--name", "home")
    pair.kitchen.succeed("send", lines=NOTES)
    pair.kitchen.succeed("send", "--whole", lines=[LONG_TEXT])
    pair.kitchen.succeed("edit", str(REVISED), NEW_TEXT)
    pair.kitchen.succeed("delete", str(DELETED))
    texts = dict(enumerate([*NOTES, LONG_TEXT], 1)) | {REVISED: NEW_TEXT}
    del texts[DELETED]
    lose(pair.lan, percent=10)
    duplicate(pair.lan, pair.kitchen, pair.laptop, percent=30)
    outputs = []
    for command, process in [(command, pair.laptop.start(*given(command, "--wait", "30"))) for command in COMMANDS]:
        result = process.wait(SECONDS_MAX)
        assert result.code == 0, f"{command}: {result.err}"
        in_file = pair.kitchen.succeed(*given(command, "--file", str(server.notebook))).out
        assert result.out == in_file != "", command
        outputs.append(result.out)
    listed = map(json.loads, outputs[0].splitlines())
    assert [(each["number"], each["text"]) for each in listed] == sorted(texts.items())
    assert pair.laptop.succeed("outbox", "--json").out == ""
    pair.laptop.succeed("send", "--wait", "30", lines=LINES)
    end_trouble(pair.lan)
    assert json.loads(pair.laptop.succeed("use", "--json").out)["name"] == "home"
    assert_once(server.texts()[-len(LINES) :], LINES)

"""Reading from another host than the server's, by a client that has never heard of it."""

import json
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import pytest

from tests.system.lab import Host, Lab, Result, Server, Switch
from tests.system.network import be_perfect, double, lose

NOTES = [f"第 {number} 条记录 #tag{number % 3} 牛奶" for number in range(200)]
REVISED, DELETED, LONG = 7, 9, len(NOTES) + 1
"""Numbers of notes."""

NEW_TEXT = "改过的一条 #tag9"
LONG_TEXT = "今天开会，" * (2**20 // 15)
"""An entry holds 1 MiB of UTF-8, and this is all but a byte of it."""

COMMANDS = {
    "list": ["list"],
    "list of all": ["list", "--all"],
    "search": ["search", "条记录 #tag2", "牛奶", "-n", "1000"],
    "show": ["show", str(REVISED), "#1", str(LONG)],
    "history": ["show", "--history", str(REVISED), str(DELETED)],
    "tags": ["tags"],
    "stats": ["stats"],
    "export": ["export"],
    "export as Markdown": ["export", "--format", "markdown"],
    "export as text": ["export", "--format", "text"],
}


class Library(NamedTuple):
    """A notebook with something in it: where it is, and how to get a host that has never heard of it."""

    lab: Lab
    lan: Switch
    kitchen: Host
    server: Server

    def stranger(self) -> Host:
        return self.lab.host(f"stranger{next(_strangers)}", self.lan)

    def in_file(self, command: list[str]) -> Result:
        """What a command prints that reads the file beside its server."""
        result = self.kitchen.run(*command, "--notebook", str(self.server.notebook))
        assert result.code == 0, result.errors
        return result


_strangers = count(1)


@pytest.fixture(scope="module")
def library(laboratory: type[Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    lab = laboratory(tmp_path_factory.mktemp("library"))
    try:
        lan = lab.switch()
        kitchen, laptop = lab.host("kitchen", lan), lab.host("laptop", lan)
        made = Library(lab, lan, kitchen, kitchen.serve("--name", "home"))
        fill(laptop)
        yield made
    finally:
        lab.close()


def fill(laptop: Host) -> None:
    for result in (
        laptop.run("send", lines=NOTES),
        laptop.run("send", "--whole", lines=[LONG_TEXT]),
        laptop.run("edit", str(REVISED), NEW_TEXT),
        laptop.run("delete", str(DELETED)),
    ):
        assert result.code == 0, result.errors


def texts_by_number() -> dict[int, str]:
    """The notes as they are to be shown, with their numbers."""
    texts = dict(enumerate([*NOTES, LONG_TEXT], 1)) | {REVISED: NEW_TEXT}
    del texts[DELETED]
    return texts


def objects(result: Result) -> list[dict[str, object]]:
    """The JSON objects that a command has printed, a line each."""
    assert result.code == 0, result.errors
    return [json.loads(line) for line in result.output.splitlines()]


def test_strangers_find_the_server_and_print_what_is_in_its_file(library: Library) -> None:
    reading = {name: library.stranger().start(*command) for name, command in COMMANDS.items()}
    for name, process in reading.items():
        result = process.wait()
        assert result.code == 0, f"{name}: {result.errors}"
        assert result.output == library.in_file(COMMANDS[name]).output != "", name


def test_a_stranger_reads_every_note_whole_once_and_in_order(library: Library) -> None:
    listed = objects(library.stranger().run("list", "--all", "--json"))
    assert [(each["number"], each["text"]) for each in listed] == sorted(texts_by_number().items())


def test_a_stranger_gets_the_figures(library: Library) -> None:
    stranger = library.stranger()
    tags = {each["tag"]: each["notes"] for each in objects(stranger.run("tags", "--json"))}
    assert tags == {"tag0": 66, "tag1": 67, "tag2": 65, "tag9": 1}
    [stats] = objects(stranger.run("stats", "--json"))
    assert (stats["notes"], stats["entries"], stats["authors"]) == (200, 203, {"somebody@laptop": 200})


def test_reading_leaves_nothing_in_the_outbox_and_only_the_choice_of_the_notebook(library: Library) -> None:
    stranger = library.stranger()
    assert stranger.run("list").code == 0
    assert stranger.run("outbox", "--json").output == "[]\n"
    assert json.loads(stranger.run("use", "--json").output)["name"] == "home"


@pytest.fixture
def bad_network(library: Library) -> Iterator[Host]:
    """A stranger whose network loses 20 % each way and doubles 30 %."""
    stranger = library.stranger()
    lose(library.lan, percent=20)
    double(library.lan, library.kitchen, stranger, percent=30)
    yield stranger
    be_perfect(library.lan)


@pytest.mark.parametrize("name", ["list of all", "stats"])
def test_on_a_network_that_loses_and_doubles_all_is_read_once(library: Library, bad_network: Host, name: str) -> None:
    result = bad_network.run(*COMMANDS[name], "--wait", "30")
    assert result.code == 0, result.errors
    assert result.output == library.in_file(COMMANDS[name]).output

"""`udpnote follow`: entries as they are stored, whatever happens to the server meanwhile."""

import json
import os
import signal

import pytest

from tests.support.machine import Machine, change, note
from tests.support.processes import Process, eventually, free_port
from udpnote.model.entry import Entry, Kind

NOW = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def following(machine: Machine, *options: str, command: str = "follow") -> Process:
    return machine.start(command, *options)


def from_file(machine: Machine) -> list[str]:
    return ["--notebook", str(machine.home / "notebook.sqlite3")]


@pytest.mark.parametrize("command", ["follow", "tail"])
def test_the_latest_entries_come_first_and_then_each_new_one_as_it_is_stored(machine: Machine, command: str) -> None:
    machine.keep(*[note(n, f"note {n}") for n in range(1, 13)])
    machine.serve()
    process = following(machine, command=command)
    process.expect("^2026-11-23 07:52:59  #3  lin@desk  note 3\n")
    process.expect("#12  lin@desk  note 12\n")
    for number, text in enumerate(["今天开会", "second\nline\x1b[2J"], 13):
        machine.send(text)
        process.expect(rf"{NOW}  #{number}  amy@pi  {text[:4]}")
    result = process.end(signal.SIGINT)
    assert (result.code, result.err, len(result.lines)) == (0, "", 12)
    assert result.lines[-1].endswith("second␊line␛[2J")


def test_a_file_is_followed_while_its_server_writes(machine: Machine) -> None:
    machine.serve()
    machine.send("before")
    process = machine.start("follow", *from_file(machine), environ={"UDPNOTE_SERVER": f"127.0.0.1:{free_port()}"})
    process.expect("#1  amy@pi  before\n")
    for number, text in enumerate(["今天开会", "third"], 2):
        machine.send(text)
        process.expect(f"#{number}  amy@pi  {text}\n")
    result = process.end(signal.SIGINT)
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(("last", "texts"), [("1", ["two", "new"]), ("100000", ["one", "two", "new"])])
def test_the_number_of_entries_to_begin_with_can_be_chosen(machine: Machine, last: str, texts: list[str]) -> None:
    machine.keep(note(1, "one"), note(2, "two"))
    machine.serve()
    process = following(machine, "-n", last)
    process.expect("two\n")
    machine.send("new")
    process.expect("new\n")
    assert [line.split("  ")[-1] for line in process.end(signal.SIGINT).lines] == texts


@pytest.mark.parametrize("kept", [[], [note(1, "old")]])
def test_only_new_entries_can_be_followed_also_in_an_empty_notebook(machine: Machine, kept: list[Entry]) -> None:
    machine.keep(*kept)
    machine.serve()
    process = following(machine, "-n", "0")

    def is_followed() -> bool:
        machine.send("new")
        return process.out is not None and "new" in process.out.text

    eventually(is_followed)  # nothing says when it has begun
    assert "old" not in process.end(signal.SIGINT).out


def test_revisions_and_deletions_are_told_as_what_they_are(machine: Machine) -> None:
    machine.keep(note(1, "one"), change(Kind.REVISION, 2, "zwei", 1), change(Kind.DELETION, 3, "", 2))
    machine.serve()
    process = following(machine)
    process.expect("2026-11-23 09:00:00  #2 revises #1  amy@pi  zwei\n2026-11-23 09:00:00  #3 deletes #2  amy@pi\n")
    machine.run("edit", "1", "back again")
    process.expect(f"{NOW}  #4 revises #3  amy@pi  back again\n")


def test_json_has_the_kind_and_what_it_revises(machine: Machine) -> None:
    machine.keep(note(1, "one #a"), change(Kind.REVISION, 2, "zwei", 1))
    machine.serve()
    process = following(machine, "--json")
    process.expect("zwei.*\n")
    machine.send("live")
    process.expect("live.*\n")
    first, second, third = map(json.loads, process.end(signal.SIGINT).lines)
    assert list(first) == [
        "number", "text", "written_at", "stored_at", "author", "client", "sequence", "tags", "revised", "kind", "revises",
    ]  # fmt: skip
    assert (first["kind"], first["revises"], first["revised"], first["tags"]) == ("note", None, None, ["a"])
    assert (second["kind"], second["revises"], second["number"]) == ("revision", 1, 2)
    assert (third["kind"], third["number"], third["author"]) == ("note", 3, "amy@pi")


def test_only_what_is_wanted_is_followed(machine: Machine) -> None:
    machine.keep(note(1, "one #alarm"), note(2, "two"), note(3, "three #alarm", author="bob"))
    machine.serve()
    process = following(machine, "--tag", "#Alarm", "--author", "lin")
    process.expect("#1  lin@desk  one #alarm\n")
    for author, text in (("bob", "no #alarm"), ("lin", "nothing"), ("lin@home", "fire #alarm")):
        machine.send("--author", author, text)
    process.expect("#6  lin@home  fire #alarm\n")
    assert len(process.end(signal.SIGINT).lines) == 2


def test_a_server_that_ends_and_comes_back_is_followed_further(machine: Machine) -> None:
    server = machine.serve()
    machine.send("one")
    process = following(machine)
    process.expect("one\n")
    machine.send("two")
    process.expect("two\n")
    server.end(signal.SIGTERM)
    process.expect_error("the server does not answer: looking for it\n")
    machine.serve()
    machine.send("three")
    process.expect("#3  amy@pi  three\n")
    result = process.end(signal.SIGINT)
    assert (result.code, len(result.lines)) == (0, 3)


def test_what_is_queued_is_delivered_before_following_begins(machine: Machine) -> None:
    assert machine.send("--wait", "0", "queued").code == 75
    machine.serve()
    process = following(machine)
    process.expect_error("1 queued entry delivered as well")
    process.expect("#1  amy@pi  queued\n")
    assert machine.waiting() == []


@pytest.mark.parametrize("source", ["server", "file"])
def test_a_reader_that_leaves_ends_it_without_a_traceback(machine: Machine, source: str) -> None:
    machine.serve()
    machine.send("one")
    reading, writing = os.pipe()
    process = machine.start("follow", *(from_file(machine) if source == "file" else []), stdout=writing)
    os.close(writing)
    assert os.read(reading, 4) == machine.run("list").out[:4].encode()
    os.close(reading)
    machine.send("two")
    result = process.end()
    assert (result.code, result.err) == (1, "")

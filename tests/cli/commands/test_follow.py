"""`udpnote follow`: entries as they are stored, whatever happens to the server meanwhile."""

import json
import os
import signal

import pytest

from tests.support.json_page import differences
from tests.support.machine import NOW, Machine, change, note
from tests.support.processes import eventually, free_port, script
from udpnote.model.entry import Kind


def test_the_latest_ten_entries_come_first_and_then_each_new_one_with_its_kind(machine: Machine) -> None:
    machine.keep(
        *[note(n, f"note {n}") for n in range(1, 11)], change(Kind.REVISION, 11, "elf", 1), change(Kind.DELETION, 12, "", 11)
    )
    machine.serve()
    process = machine.start("follow")
    process.expect("^2026-11-23 07:52:59  #3  lin@desk  note 3\n")
    process.expect("2026-11-23 09:00:00  #11 revises #1  amy@pi  elf\n")
    process.expect("2026-11-23 09:00:00  #12 deletes #11 of note #1  amy@pi\n")
    machine.send("今天\n开会\x1b[2J")
    process.expect(rf"{NOW}  #13  amy@pi  今天␊开会␛\[2J\n")
    machine.run("edit", "1", "back again")
    process.expect(f"{NOW}  #14 revises #12 of note #1  amy@pi  back again\n")
    result = process.end(signal.SIGINT)
    assert (result.code, result.err, len(result.lines)) == (130, "", 12)


def test_a_file_is_followed_while_its_server_writes_until_the_reader_of_the_output_leaves(machine: Machine) -> None:
    machine.keep(note(1, "before", author="amy@pi"))
    machine.serve()
    reading, writing = os.pipe()
    elsewhere = {"UDPNOTE_SERVER": f"127.0.0.1:{free_port()}"}
    process = machine.start("tail", "--file", str(machine.notebook), environ=elsewhere, stdout=writing)
    os.close(writing)
    for number, text in enumerate(["before", "今天开会"], 1):
        assert os.read(reading, 1000).decode().endswith(f"#{number}  amy@pi  {text}\n")
        machine.send("今天开会")
    os.close(reading)
    machine.send("nobody reads this")
    result = process.end()
    assert (result.code, result.err) == (1, "")


def test_only_new_entries_can_be_followed(machine: Machine) -> None:
    machine.keep(note(1, "old"))
    machine.serve()
    process = machine.start("follow", "-n", "0")
    eventually(lambda: machine.send("new").code == 0 and "new" in process.output)  # nothing says when it has begun
    assert "old" not in process.end(signal.SIGINT).out


def test_follow_prints_only_entries_that_match_its_filters_and_json_has_the_kind(machine: Machine) -> None:
    machine.keep(note(1, "one #alarm"), note(2, "two #alarm"), note(3, "three #alarm", author="bob"))
    machine.keep(change(Kind.REVISION, 4, "zwei #alarm", 2)._replace(author="lin"))
    machine.serve()
    process = machine.start("follow", "--json", "-n", "2", "--tag", "#Alarm", "--author", "lin")
    process.expect("two.*\n")
    for author, text in (("bob", "no #alarm"), ("lin", "nothing"), ("lin@home", "fire #alarm")):
        machine.send("--author", author, text)
    process.expect("fire.*\n")
    entries = [json.loads(line) for line in process.end(signal.SIGINT).lines]
    assert differences("follow", entries) == set()
    assert [(each["number"], each["kind"], each["revises"], each["author"]) for each in entries] == [
        (2, "note", None, "lin@desk"), (4, "revision", 2, "lin"), (7, "note", None, "lin@home"),
    ]  # fmt: skip


def test_follow_delivers_queued_entries_first(machine: Machine) -> None:
    assert machine.send("--wait", "0", "queued").code == 75
    machine.serve()
    process = machine.start("follow")
    process.expect("#1  amy@pi  queued\n")
    assert machine.waiting() == []
    process.end(signal.SIGINT)


def test_a_command_runs_for_each_new_entry_in_order_until_ctrl_c_ends_both(machine: Machine) -> None:
    machine.keep(note(1, "old"), note(2, "latest"))
    machine.serve()
    text = "echo RUN $NOTE_NUMBER $(cat) $$\n[ $NOTE_NUMBER = 4 ] && exec sleep 60\nexit 3"
    process = machine.start("follow", "-n", "1", "--exec", str(script(machine.home / "script", text)))
    process.expect(r"#2  lin@desk  latest\nRUN 2 latest \d+\n")
    machine.send("new")
    process.expect(r"#3  amy@pi  new\nRUN 3 new \d+\n")
    machine.send("slow")
    command = int(process.expect(r"RUN 4 slow (\d+)\n")[1])
    machine.send("waits")
    result = process.end(signal.SIGINT)
    assert (result.code, result.err.count("exit code 3"), "waits" in result.out) == (130, 2, False)
    with pytest.raises(ProcessLookupError):
        os.kill(command, 0)
    assert machine.refused("follow --exec nosuch-command", code=2, facts=["nosuch-command"])

"""`udpnote outbox`: shows, sends, moves and discards the entries that wait."""

import os
import re
from contextlib import closing
from pathlib import Path

import pytest
from wcwidth import wcswidth

from tests.support.killed_database import OUTBOX_NOTES, damage_last_frame, files, killed_outbox
from tests.support.machine import NOW, Machine
from tests.support.processes import COMMAND, memory_bytes_max
from udpnote.model.entry import Status
from udpnote.storage.outbox.outbox import Outbox


def test_outbox_shows_each_entry_with_its_time_and_notebook(machine: Machine) -> None:
    assert machine.refused("outbox", code=0), "a message says that the outbox is empty"
    assert machine.json("outbox --json") == []
    machine.run("send --wait 0 --notebook cellar 今天")
    [entry] = machine.json("outbox --json")
    assert re.fullmatch("[0-9a-f]{32}", entry.pop("client"))
    assert entry.pop("written_at").endswith("+08:00")
    assert entry == {
        "sequence": 1, "author": "amy@pi", "text": "今天", "kind": "note", "revises": None,
        "notebook": None, "notebook_name": "cellar", "server": f"127.0.0.1:{machine.port}", "refused": None,
    }  # fmt: skip
    machine.send("--wait", "0", "明天\x1b[31m")
    heading, _, row = machine.run("outbox").lines
    assert heading.split() == ["SEQUENCE", "STATE", "SINCE", "FOR", "TEXT"]
    assert re.match(rf" +2  waits  {NOW}  127\.0\.0\.1:{machine.port} +明天␛\[31m", row)


@pytest.mark.parametrize("columns", [20, 45, 80, 200])
def test_each_row_fits_a_terminal_with_its_sequence_and_state_first_and_a_pipe_gets_the_whole_text(
    machine: Machine, columns: int
) -> None:
    text = "今天开会 🎉 " + "long " * 100
    machine.send("--wait", "0", "--notebook", "厨房" * 20, text)
    with closing(Outbox(machine.outbox)) as outbox:
        outbox.mark_refused(None, 1, Status.TOO_LARGE)
    lines = machine.show("outbox", columns=columns).text.splitlines()
    assert max(map(wcswidth, lines)) <= max(columns, len("  2026-05-09 16:37:08"))
    assert re.search(r"^ +1\s+refused: too large", "\n".join(lines), re.M)
    assert sum("今天开会" in line for line in lines) == 1
    assert f"{'厨房' * 20} at 127.0.0.1:{machine.port}  {text.strip()}" in machine.run("outbox").out


def test_only_the_latest_of_many_are_shown_and_all_are_counted(machine: Machine) -> None:
    machine.send("--wait", "0", typed="".join(f"text {number}\n" for number in range(1, 31)))
    with closing(Outbox(machine.outbox)) as outbox:
        outbox.mark_refused(None, 12, Status.TOO_LARGE)
    result = machine.run("outbox", COLUMNS="60")
    assert [line.split()[-1] for line in result.lines] == ["TEXT", *map(str, range(11, 31))]
    assert [
        fact for fact in ("29 entries wait", "1 was refused", "20", "`udpnote outbox --all`") if fact not in result.err
    ] == []
    for options, shown in (("-n 2", 2), ("--all", 30)):
        assert len(machine.run(f"outbox {options}").lines) == 1 + shown
    assert [len(machine.json(f"outbox --json {options}")) for options in ("", "-n 2")] == [30, 2]
    machine.refused("outbox --all -n 2", code=2, facts=["--all"])


@pytest.mark.parametrize("option", ["--all", "--json"])
def test_a_large_outbox_is_printed_while_it_is_read(machine: Machine, option: str) -> None:
    machine.home.mkdir(mode=0o700)
    with closing(Outbox(machine.outbox)) as outbox:
        for _ in range(4):
            outbox.add(["a long text " * 1000] * 1_000, author="amy", written_at=0, utc_offset=0)
    reading, writing = os.pipe()
    process = machine.start("outbox", option, command=(COMMAND,), stdout=writing)
    os.close(writing)
    with open(reading, encoding="utf-8") as output:
        assert "a long text" in output.read(4096)
        assert memory_bytes_max(process.pid) < 64 << 20
        assert sum("a long text" in line for line in output) > 3_900
    assert process.wait().code == 0


def test_outbox_send_delivers_each_entry_once_and_keeps_those_without_an_answer(machine: Machine) -> None:
    machine.send("--wait", "0", typed="one\ntwo\n")
    result = machine.run("outbox --send --wait 0.2")
    assert (result.code, machine.waiting(), "one" in result.out) == (75, ["one", "two"], True)
    assert f"port {machine.port}" in result.err
    machine.serve("kitchen")
    results = [machine.run("outbox --send") for _ in range(2)]
    assert ([each.code for each in results], machine.texts(), machine.waiting()) == ([0, 0], ["one", "two"], [])
    assert [line.split()[0] for line in results[0].lines] == ["#1", "#2"]
    machine.stop()
    machine.send("--wait", "0", "--notebook", "kitchen", typed="three\nfour\n", UDPNOTE_SERVER="")
    with closing(Outbox(machine.outbox)) as outbox:
        outbox.add(["for the notebook that will be chosen"], author="", written_at=0, utc_offset=0)
    for wait, facts in (("0", []), ("0.2", ["udpnote doctor"])):
        result = machine.run(f"outbox --send --wait {wait}")
        assert (result.code, [fact for fact in ("2 entries queued", *facts) if fact not in result.err]) == (75, []), result


@pytest.mark.parametrize("is_more_left", [True, False])
@pytest.mark.parametrize("is_assigned", [True, False])
def test_outbox_send_does_not_call_entries_queued_that_another_command_has_removed(
    served: Machine, *, is_assigned: bool, is_more_left: bool
) -> None:
    served.send("one")
    served.stop()
    if is_assigned:
        served.send("--wait", "0", "--notebook", "kitchen", "two", UDPNOTE_SERVER="")
    else:
        served.send("--wait", "0", "two")
    if is_more_left:
        served.send("--wait", "0", "--server", "127.0.0.1:1", "three")
    sending = served.start("outbox", "--send", "--wait", "2")
    sending.expect_error("looking for (it|the server)")
    served.run("outbox --discard 2")
    result = sending.wait()
    expected = (75, 0, 1, 1) if is_more_left else (0, 0, 0, 0)
    assert (result.code, *(result.err.count(word) for word in ("queued", "no answer", "doctor"))) == expected, result.err


def test_a_refused_entry_is_reported_shown_kept_and_discarded_on_demand(machine: Machine) -> None:
    machine.refuse("spam")
    machine.serve()
    sent = machine.send(typed="ham\nspam\neggs\n")
    assert (sent.code, machine.texts(), "1 entry refused" in sent.err) == (1, ["ham", "eggs"], True)
    [entry] = machine.json("outbox --json")
    assert (entry["text"], bool(entry["refused"])) == ("spam", True)
    assert re.search("refused.*spam", machine.run("outbox").out)
    machine.run("outbox --send")
    assert machine.waiting() == ["spam"]
    assert (machine.run("outbox --discard-refused").code, machine.waiting()) == (0, [])


def test_only_named_entries_are_discarded(machine: Machine) -> None:
    machine.send("--wait", "0", typed="one\ntwo\nthree")
    everything = ["one", "two", "three"]
    for options, left, said in (
        ("--discard-refused", everything, "nothing was removed"),
        ("--discard 17", everything, "nothing was removed"),
        ("--discard 2 --discard 17", ["one", "three"], "1 entry removed"),
        ("--discard 4-", ["one", "three"], "nothing was removed"),
        ("--discard 1-2,7", ["three"], "1 entry removed"),
        ("--discard 2-", [], "1 entry removed"),
    ):
        result = machine.run(f"outbox {options}")
        assert (result.code, machine.waiting(), said in result.err) == (0, left, True)
    machine.refused("outbox --discard all", code=2, facts=["'all'"])


def test_notes_are_moved_to_another_notebook_and_sent_and_send_and_use_count_those_elsewhere(served: Machine) -> None:
    served.send("--wait", "0", "--notebook", "cellar", typed="one\n笔记\n")
    assert "2 other entries wait" in served.run("send", "three").err
    served.refused("outbox --from cellar", code=2, facts=["--to"])
    moved = served.run("outbox --to kitchen --from cellar")
    assert (moved.code, "2 notes moved to kitchen" in moved.err, len(moved.lines)) == (0, True, 3)
    assert {each["notebook_name"] for each in served.json("outbox --json")} == {"kitchen"}
    assert served.run("outbox --to kitchen --send").code == 0
    assert (served.texts(), served.waiting()) == (["three", "one", "笔记"], [])
    assert "wait" not in served.run("send", "four").err
    with closing(Outbox(served.outbox)) as outbox:
        outbox.add(["for the notebook that will be chosen"], author="", written_at=0, utc_offset=0)
    assert "1 other entry waits" in served.run("send", "five").err
    served.send("--wait", "0", "--notebook", "cellar", typed="six\n")
    assert "`udpnote outbox --to kitchen`" in served.run("use", "kitchen").err


def test_a_damaged_log_of_the_outbox_is_kept_and_named_once_and_the_next_note_follows_the_readable_ones(
    machine: Machine,
) -> None:
    machine.home.mkdir()
    killed_outbox(machine.outbox)
    damage_last_frame(machine.outbox)
    damaged, aside = files(machine.outbox)["-wal"], Path(f"{machine.outbox}-wal.1.old")
    said = [machine.run(command).err for command in ("send --wait 0 another", "outbox")]
    assert [str(aside) in each for each in said] == [True, False]
    assert (aside.read_bytes(), aside.stat().st_mode & 0o777) == (damaged, 0o600)
    expected = [*(f"note {number}" for number in range(OUTBOX_NOTES - 1)), "another"]
    assert [each["text"] for each in machine.json("outbox --json")] == expected


def test_a_removed_log_of_a_killed_command_is_reported_once_and_the_next_note_is_queued(machine: Machine) -> None:
    machine.home.mkdir()
    killed_outbox(machine.outbox)
    log = Path(f"{machine.outbox}-wal")
    log.unlink()
    said = [machine.run(command).err for command in ("send --wait 0 another", "outbox")]
    assert [str(log) in each for each in said] == [True, False]
    assert [each["text"] for each in machine.json("outbox --json")] == ["another"]


def test_the_log_of_an_outbox_that_is_gone_is_kept_and_named_once_and_its_notes_are_sent_from_another_folder(
    served: Machine, tmp_path: Path
) -> None:
    served.home.mkdir(exist_ok=True)
    killed_outbox(served.outbox)
    folder, aside = tmp_path / "moved", f"{served.outbox}-wal.1.old"
    folder.mkdir(0o700)
    served.outbox.rename(folder / "outbox.sqlite3")
    said = [served.run(command).err for command in ("send --wait 0 --notebook cellar new", "outbox")]
    assert [(aside in each, "`UDPNOTE_HOME=FOLDER udpnote outbox --send`" in each) for each in said] == [
        (True, True), (False, False)
    ]  # fmt: skip
    Path(aside).rename(folder / "outbox.sqlite3-wal")
    assert served.run("outbox --send", UDPNOTE_HOME=str(folder), **served.discovering).code == 0
    assert (served.texts(), served.waiting()) == ([f"note {number}" for number in range(OUTBOX_NOTES)], ["new"])

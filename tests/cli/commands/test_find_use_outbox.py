"""`udpnote find`, `use` and `outbox`: which notebooks there are, which one is meant, and what waits."""

import json
import re
import signal
from contextlib import closing

import pytest

from tests.support.machine import Machine
from tests.support.processes import free_port
from udpnote.storage.outbox import Outbox


def find(machine: Machine, *options: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(machine.run("find", "--timeout", "0.3", "--json", *options).out)
    return found


def waiting(machine: Machine) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(machine.run("outbox", "--json").out)
    return listed


def test_find_lists_name_address_entries_round_trip_and_id(machine: Machine) -> None:
    machine.serve("--name", "厨房")
    machine.send(typed="one\ntwo\n")
    result = machine.run("find", "--timeout", "0.3")
    heading, row = result.lines
    assert (result.code, heading.split()) == (0, ["NOTEBOOK", "ADDRESS", "ENTRIES", "ROUND", "TRIP", "SEAL", "ID"])
    assert re.fullmatch(rf"厨房 +127\.0\.0\.1:{machine.port} +2 +[\d.]+ ms  open +[0-9a-f]{{32}}", row)
    assert row.index("127") + len("厨房") == heading.index("ADDRESS"), "a Chinese character takes two cells"


def test_find_as_json_has_every_field_with_its_unit(machine: Machine) -> None:
    machine.serve("--name", "厨房")
    (found,) = find(machine)
    rtt = found.pop("rtt_ms")
    assert re.fullmatch("[0-9a-f]{32}", str(found.pop("notebook")))
    assert found == {
        "name": "厨房", "address": "127.0.0.1", "port": machine.port, "entries": 0, "sealed": False, "posing": False,
        "key_changed": False,
    }  # fmt: skip
    assert isinstance(rtt, float) and 0 < rtt < 300


def test_find_makes_a_name_with_control_characters_harmless(machine: Machine) -> None:
    machine.serve("--name", "evil\x1b[2J")
    assert "evil␛[2J" in machine.run("find", "--timeout", "0.3").out


def test_find_without_an_answer_exits_69_and_says_what_was_tried_and_what_may_hinder(machine: Machine) -> None:
    result = machine.run("find", "--timeout", "0.2")
    assert (result.code, result.out) == (69, "")
    assert "no notebook answered within 0.2 seconds" in result.err
    assert re.search(r"the named server +127\.0\.0\.1 +sent, no answer", result.err)
    assert "udpnote serve" in result.err
    assert "firewall" in result.err


def test_find_names_the_port_that_it_has_tried_at_a_named_server(machine: Machine) -> None:
    other = free_port()
    err = machine.run("find", "--timeout", "0.2", "--server", f"127.0.0.1:{other}").err
    assert f"port {other}" in err
    assert "6683" not in err


def test_find_as_json_without_an_answer_is_an_empty_list(machine: Machine) -> None:
    result = machine.run("find", "--timeout", "0.2", "--json")
    assert (result.code, json.loads(result.out)) == (69, [])


def test_find_at_a_host_that_does_not_resolve_says_so(machine: Machine) -> None:
    result = machine.run("find", "--server", "a..b")
    assert (result.code, result.out, result.err.count("\n")) == (69, "", 1)
    assert "cannot resolve 'a..b'" in result.err


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan"])
def test_find_refuses_a_timeout_that_is_none(machine: Machine, seconds: str) -> None:
    assert machine.run("find", "--timeout", seconds).code == 2


def test_find_can_be_interrupted(machine: Machine) -> None:
    machine.serve()
    finding = machine.start("find", "--timeout", "60")
    finding.expect("127")
    assert finding.end(signal.SIGINT).code == 130


def test_use_before_any_choice_says_how_to_choose(machine: Machine) -> None:
    result = machine.run("use")
    assert (result.code, result.out) == (1, "")
    assert "udpnote use NAME" in result.err


@pytest.mark.parametrize("digits", [None, 8, 32])
def test_use_chooses_by_name_or_by_the_start_of_the_id_and_shows_the_choice(machine: Machine, digits: int | None) -> None:
    machine.serve("--name", "kitchen")
    notebook_id = str(find(machine)[0]["notebook"])
    wanted = "kitchen" if digits is None else notebook_id[:digits]
    chosen, shown = machine.run("use", wanted), machine.run("use")
    assert chosen.code == shown.code == 0
    assert (
        chosen.out
        == shown.out
        == (f"entries go to kitchen, which is open  (id {notebook_id}, last seen at 127.0.0.1 port {machine.port})\n")
    )
    as_json = json.loads(machine.run("use", "--json").out)
    where = {"address": "127.0.0.1", "port": machine.port}
    assert as_json == {"name": "kitchen", "notebook": notebook_id, "sealed": False} | where


def test_use_of_another_notebook_says_that_what_runs_already_keeps_its_own(machine: Machine) -> None:
    machine.serve("--name", "kitchen")
    machine.serve("--name", "cellar", "--port", str(other := free_port()), "--notebook", str(machine.home / "cellar.sqlite3"))
    first = machine.run("use", "kitchen")
    second = machine.run("use", "cellar", UDPNOTE_SERVER=f"127.0.0.1:{other}")
    again = machine.run("use", "cellar")
    assert (first.code, second.code, again.code, first.err, again.err) == (0, 0, 0, "", "")
    assert (
        second.err == "udpnote: a command that runs already, such as `udpnote write`, goes on with the notebook that it has\n"
    )


def test_use_of_an_unknown_notebook_names_the_one_there_is_and_chooses_nothing(machine: Machine) -> None:
    machine.serve("--name", "kitchen")
    result = machine.run("use", "cellar")
    assert (result.code, result.out) in [(1, ""), (69, "")]
    assert "kitchen" in result.err and "cellar" in result.err
    assert machine.run("use").code == 1


def test_an_empty_outbox_says_that_all_is_delivered(machine: Machine) -> None:
    result = machine.run("outbox")
    assert (result.code, result.out) == (0, "")
    assert "nothing waits" in result.err
    assert waiting(machine) == []


def test_the_outbox_shows_since_when_for_whom_and_what_waits(machine: Machine) -> None:
    machine.send("--wait", "0", "今天\x1b[31m")
    heading, row = machine.run("outbox").lines
    assert heading.split() == ["SEQUENCE", "SINCE", "FOR", "STATE", "TEXT"]
    assert re.match(rf" +1  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  127\.0\.0\.1:{machine.port}  waits  今天␛\[31m", row)


def test_the_outbox_tells_two_notebooks_of_one_name_apart_by_their_ids(machine: Machine) -> None:
    machine.serve("--name", "厨房")
    notebook_id = str(find(machine)[0]["notebook"])
    machine.run("use", "厨房")
    with closing(Outbox(machine.home / "outbox.sqlite3")) as outbox:
        [kitchen] = outbox.notebooks()
        outbox.add(["今天"], author="amy@pi", written_at=0, utc_offset=480, notebook_id=kitchen.notebook_id)
        assert machine.run("outbox").lines[1].split()[3] == "厨房"
        outbox.remember(kitchen._replace(notebook_id=bytes(16)))
    assert machine.run("outbox").lines[1].split()[3:5] == ["厨房", f"({notebook_id[:8]})"]


def test_the_outbox_as_json_has_the_entry_and_where_it_goes(machine: Machine) -> None:
    machine.send("--wait", "0", "--notebook-id", "cellar", "今天")
    (entry,) = waiting(machine)
    assert re.fullmatch("[0-9a-f]{32}", str(entry.pop("client")))
    assert str(entry.pop("written_at")).endswith("+08:00")
    assert entry == {
        "sequence": 1, "author": "amy@pi", "text": "今天", "kind": "note", "revises": None,
        "notebook": None, "notebook_name": "cellar",
        "server": f"127.0.0.1:{machine.port}", "refused": None,
    }  # fmt: skip


def test_sending_the_outbox_delivers_all_that_waits_and_prints_it(machine: Machine) -> None:
    machine.send("--wait", "0", typed="one\ntwo\n")
    machine.serve()
    result = machine.run("outbox", "--send")
    assert (result.code, machine.texts(), machine.waiting()) == (0, ["one", "two"], [])
    assert [line.split()[0] for line in result.lines] == ["#1", "#2"]
    assert machine.run("outbox", "--send").code == 0
    assert machine.texts() == ["one", "two"]


def test_sending_the_outbox_without_a_server_exits_75_and_keeps_it(machine: Machine) -> None:
    machine.send("--wait", "0", "one")
    result = machine.run("outbox", "--send", "--wait", "0.3")
    assert (result.code, machine.waiting()) == (75, ["one"])
    assert f"no answer from 127.0.0.1 port {machine.port}" in result.err
    assert "one" in result.out


def test_what_was_refused_is_shown_kept_and_discarded_on_demand(machine: Machine) -> None:
    machine.serve().end(signal.SIGTERM)
    machine.refuse("spam")
    machine.serve()
    machine.send("spam")
    assert [(each["text"], each["refused"]) for each in waiting(machine)] == [("spam", "refused")]
    assert re.search("refused.*spam", machine.run("outbox").out)
    machine.run("outbox", "--send")
    assert machine.waiting() == ["spam"]
    result = machine.run("outbox", "--discard-refused")
    assert (result.code, machine.waiting()) == (0, [])
    assert "1 entry removed" in result.err


def test_an_entry_that_is_named_is_discarded_and_the_others_wait_on(machine: Machine) -> None:
    for text in ("one", "two", "three"):
        machine.send("--wait", "0", text)
    result = machine.run("outbox", "--discard", "2", "--discard", "17")
    assert (result.code, machine.waiting()) == (0, ["one", "three"])
    assert "1 entry removed" in result.err


def test_discarding_keeps_what_only_waits(machine: Machine) -> None:
    machine.send("--wait", "0", "precious")
    assert machine.run("outbox", "--discard-refused").code == 0
    assert machine.waiting() == ["precious"]


def test_an_outbox_that_cannot_be_used_is_one_line_and_exit_1(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    (machine.home / "outbox.sqlite3").write_text("Dear diary\n" * 100)
    for command in (["send", "a"], ["outbox"], ["use"]):
        result = machine.run(*command)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert f"{machine.home}/outbox.sqlite3 is not a udpnote outbox" in result.err

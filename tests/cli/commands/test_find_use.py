"""`udpnote find` and `udpnote use`: which notebooks there are, and which one is meant."""

import json
import re
import signal

import pytest

from tests.support.machine import Machine
from tests.support.processes import free_port


def test_find_lists_name_address_entries_round_trip_and_id(machine: Machine) -> None:
    server = machine.serve("厨房\x1b[2J")
    machine.send(typed="one\ntwo\n")
    result = machine.run("find", "--timeout", "0.2")
    heading, row = result.lines
    assert (result.code, heading.split()) == (0, ["NOTEBOOK", "ADDRESS", "ENTRIES", "ROUND", "TRIP", "SEAL", "ID"])
    assert re.fullmatch(rf"厨房␛\[2J +127\.0\.0\.1:{machine.port} +2 +[\d.]+ ms  open +{server.notebook_id}", row)
    assert row.index("127") + len("厨房") == heading.index("ADDRESS"), "a Chinese character takes two cells"


def test_find_as_json_has_every_field_with_its_unit(machine: Machine) -> None:
    server = machine.serve("厨房")
    [found] = json.loads(machine.run("find", "--timeout", "0.2", "--json").out)
    rtt = found.pop("rtt_ms")
    assert found == {
        "name": "厨房", "address": "127.0.0.1", "port": machine.port, "entries": 0, "sealed": False, "posing": False,
        "key_changed": False, "notebook": server.notebook_id,
    }  # fmt: skip
    assert isinstance(rtt, float) and 0 < rtt < 200


def test_find_without_an_answer_exits_69_and_says_what_was_tried(machine: Machine) -> None:
    other = free_port()
    result = machine.run("find", "--timeout", "0.1", "--server", f"127.0.0.1:{other}")
    assert (result.code, result.out) == (69, "")
    for fact in ("0.1 seconds", "127.0.0.1", f"port {other}", "udpnote serve", "firewall"):
        assert fact in result.err
    assert "6683" not in result.err
    as_json = machine.run("find", "--timeout", "0.1", "--json")
    assert (as_json.code, json.loads(as_json.out)) == (69, [])


def test_find_at_a_host_that_does_not_resolve_names_it(machine: Machine) -> None:
    result = machine.run("find", "--server", "a..b")
    assert (result.code, result.out, result.err.count("\n")) == (69, "", 1)
    assert "a..b" in result.err


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan"])
def test_find_refuses_a_timeout_that_is_none(machine: Machine, seconds: str) -> None:
    assert machine.run("find", "--timeout", seconds).code == 2


def test_find_can_be_interrupted(machine: Machine) -> None:
    machine.serve()
    finding = machine.start("find", "--timeout", "60")
    finding.expect("127")
    assert finding.end(signal.SIGINT).code == 130


@pytest.mark.parametrize("digits", [None, 8, 32])
def test_use_chooses_by_name_or_by_the_start_of_the_id_and_shows_the_choice(machine: Machine, digits: int | None) -> None:
    notebook_id = machine.serve("kitchen").notebook_id
    before = machine.run("use")
    assert (before.code, before.out) == (1, "")
    chosen = machine.run("use", "kitchen" if digits is None else notebook_id[:digits])
    shown = machine.run("use")
    assert (chosen.code, shown.code) == (0, 0)
    assert chosen.out == shown.out
    for fact in ("kitchen", notebook_id, "127.0.0.1", str(machine.port)):
        assert fact in shown.out
    assert json.loads(machine.run("use", "--json").out) == {
        "name": "kitchen", "notebook": notebook_id, "sealed": False, "address": "127.0.0.1", "port": machine.port,
    }  # fmt: skip


def test_use_of_another_notebook_says_that_a_running_command_keeps_its_own(machine: Machine) -> None:
    machine.serve("kitchen")
    machine.serve("cellar", port=(other := free_port()), notebook=machine.home / "cellar.sqlite3")
    first = machine.run("use", "kitchen")
    second = machine.run("use", "cellar", UDPNOTE_SERVER=f"127.0.0.1:{other}")
    again = machine.run("use", "cellar")
    assert (first.code, second.code, again.code, first.err, again.err) == (0, 0, 0, "", "")
    assert "`udpnote write`" in second.err


def test_use_of_an_unknown_notebook_names_the_one_there_is_and_chooses_nothing(machine: Machine) -> None:
    machine.serve("kitchen")
    result = machine.run("use", "cellar")
    assert (result.code, result.out) == (1, "")
    assert "kitchen" in result.err and "cellar" in result.err
    assert machine.run("use").code == 1

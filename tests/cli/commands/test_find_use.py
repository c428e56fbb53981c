"""`udpnote find` and `udpnote use`: which notebooks there are, and which one is meant."""

import re
import signal

import pytest

from tests.support.machine import Machine
from tests.support.processes import free_port
from udpnote.model.join_code import join_code


def test_find_lists_name_address_entries_round_trip_and_id_until_it_is_interrupted(machine: Machine) -> None:
    server = machine.serve("厨房\x1b[2J")
    machine.send(typed="one\ntwo\n")
    finding = machine.start("find", "--timeout", "60")
    finding.expect("127.*\n")
    result = finding.end(signal.SIGINT)
    heading, row = result.lines
    assert (result.code, heading.split()) == (130, ["NOTEBOOK", "ADDRESS", "ENTRIES", "ROUND", "TRIP", "SEAL", "ID"])
    assert re.fullmatch(rf"厨房␛\[2J +127\.0\.0\.1:{machine.port} +2 +[\d.]+ ms  not sealed  {server.notebook_id}", row)
    assert row.index("127") + len("厨房") == heading.index("ADDRESS"), "a Chinese character takes two cells"
    [found] = machine.json("find --timeout 0.4 --json")
    assert 0 < found.pop("rtt_ms") < 400
    assert found == {
        "name": "厨房\x1b[2J", "address": "127.0.0.1", "port": machine.port, "entries": 2, "sealed": False, "impostor": False,
        "key_changed": False, "other_server": None, "notebook": server.notebook_id,
    }  # fmt: skip


def test_find_without_an_answer_exits_69_and_says_what_was_tried_and_for_how_long(machine: Machine) -> None:
    facts = ["0.1 seconds.", "127.0.0.1", f"port {(other := free_port())}", "udpnote serve", "firewall"]
    assert "6683" not in machine.refused(f"find --timeout 0.1 --server 127.0.0.1:{other}", code=69, facts=facts)
    machine.refused("find --timeout 1", code=69, facts=["1 second."])
    machine.refused("find --server a..b", code=69, facts=["a..b"])
    assert machine.refused("find --timeout 0.1 --json", code=69)


@pytest.mark.parametrize("digits", [None, 8, 32])
def test_use_chooses_by_name_or_by_the_start_of_the_id_and_shows_the_choice(machine: Machine, digits: int | None) -> None:
    notebook_id = machine.serve("kitchen").notebook_id
    machine.refused("use", facts=["udpnote use NAME"])
    if digits is None:
        machine.refused("use cellar", facts=["kitchen", "cellar"])
    chosen, shown = machine.run("use", "kitchen" if digits is None else notebook_id[:digits]), machine.run("use")
    assert (chosen.code, shown.code, chosen.out) == (0, 0, shown.out)
    assert [fact in shown.out for fact in ("kitchen", notebook_id, "127.0.0.1", str(machine.port))] == [True] * 4
    assert machine.json("use --json") == [
        {"name": "kitchen", "notebook": notebook_id, "sealed": False, "address": "127.0.0.1", "port": machine.port}
    ]


@pytest.mark.parametrize("words", [["use", ""], ["leave", ""], ["outbox", "--to", ""], ["list", "--notebook", ""]])
def test_an_empty_name_of_a_notebook_is_a_usage_error(machine: Machine, words: list[str]) -> None:
    result = machine.run(*words)
    assert (result.code, result.err.count("\n"), "''" in result.err) == (2, 1, True)


def test_use_of_another_notebook_says_that_a_running_command_keeps_its_own(machine: Machine) -> None:
    machine.serve("kitchen")
    machine.serve("cellar", port=(other := free_port()), notebook=machine.home / "cellar.sqlite3")
    used = [("kitchen", {}), ("cellar", {"UDPNOTE_SERVER": f"127.0.0.1:{other}"}), ("cellar", {})]
    first, second, again = [machine.run("use", name, **environ) for name, environ in used]
    assert (first.code, second.code, again.code) == (0, 0, 0)
    assert ["`udpnote write`" in each.err for each in (first, second, again)] == [False, True, False]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("server", "127.0.0.1:{port}"), ("notebook", "cellar"), ("key", join_code(b"s" * 16)), ("server", "")],
)
@pytest.mark.parametrize("is_variable", [True, False])
def test_use_names_the_setting_that_overrides_the_choice(machine: Machine, setting: str, value: str, is_variable: bool) -> None:
    machine.serve("kitchen")
    machine.run("use kitchen")
    machine.environ |= {"UDPNOTE_SERVER": ""}
    value = value.format(port=machine.port)
    if is_variable:
        machine.environ[f"UDPNOTE_{setting.upper()}"] = value
    elif value:
        (machine.home / "config.toml").write_text(f'{setting} = "{value}"\n')
        (machine.home / "config.toml").chmod(0o600)
    shown = machine.run("use")
    facts = [f"UDPNOTE_{setting.upper()}"] if is_variable else [f"`{setting}`", "config.toml"]
    assert (shown.code, [fact for fact in facts if fact not in shown.err]) == (0, [] if value else facts)
    assert (shown.out.startswith("entries go to kitchen"), "kitchen" in shown.out) == (not value, True)
    assert value == "" or value not in shown.err


@pytest.mark.parametrize("name", ["厨房", "客厅"])
def test_find_says_that_the_chosen_notebook_is_silent_if_another_has_its_name_or_address(machine: Machine, name: str) -> None:
    machine.environ |= machine.discovering
    machine.serve("厨房")
    machine.run("use 厨房")
    assert "does not answer" not in machine.run("find --timeout 0.4").err
    machine.stop()
    server = machine.serve(name, notebook=machine.home / "new.sqlite3")
    assert f"`udpnote use {server.notebook_id[:8]}`" in machine.run("find --timeout 0.4").err

"""`udpnote status`: the report, for people and as JSON, and its exit code."""

import json
import re
from typing import Any

from tests.support.machine import Machine
from tests.support.processes import free_port


def report(machine: Machine, options: str = "", *, code: int = 0, **environ: str) -> dict[str, Any]:
    """The JSON of a status that ends with `code`."""
    result = machine.run(f"status --json {options}", **environ)
    assert result.code == code, result
    facts: dict[str, Any] = json.loads(result.out)
    return facts


def test_status_without_a_notebook_says_what_is_missing_and_creates_nothing(machine: Machine) -> None:
    shown, facts = machine.run("status --wait 0"), report(machine, "--wait 0", code=69)
    assert (shown.code, "named by UDPNOTE_SERVER" in shown.out, "nothing" in shown.out) == (69, True, True)
    assert (facts["notebook"], facts["answers"], facts["problem"]["kind"]) == (None, False, "no_answer_at_server")
    assert (facts["waiting"], facts["this_host"], facts["files"]["outbox"]["exists"]) == ([], None, False)
    assert facts["settings"]["server"] == {
        "value": f"127.0.0.1:{machine.port}", "source": "environment", "place": "UDPNOTE_SERVER",
    }  # fmt: skip
    assert facts["settings"]["wait"] == {"value": 0.0, "source": "flag", "place": "--wait"}
    assert facts["settings"]["port"] == {"value": None, "source": "default", "place": None}
    assert not machine.home.exists()


def test_status_tells_by_which_setting_or_choice_the_notebook_is_meant_and_where_it_answers(machine: Machine) -> None:
    server = machine.serve("厨房")
    machine.environ |= machine.discovering
    assert report(machine)["chosen_by"] == "only_one"
    machine.send("milk")
    machine.send("--server", f"127.0.0.1:{free_port()}", "--wait", "0", "lost")
    (machine.home / "config.toml").write_text('notebook = "厨房"\n')
    facts = [report(machine, options) for options in ("", f"--notebook {server.notebook_id[:8]}")]
    (machine.home / "config.toml").unlink()
    facts.append(report(machine))
    assert [(each["chosen_by"], [named["source"] for named in each["named_by"]]) for each in facts] == [
        ("setting", ["settings_file"]), ("setting", ["flag"]), ("choice", []),
    ]  # fmt: skip
    for each in facts:
        assert (each["name"], each["notebook"], each["port"], each["entries"], each["answers"]) == (
            "厨房", server.notebook_id, machine.port, 1, True,
        )  # fmt: skip
        assert [(count["entries"], count["notebook"]) for count in each["waiting"]] == [(1, None)]
        assert (each["this_host"]["name"], each["this_host"]["in_use"]) == ("厨房", True)
    shown = machine.run("status")
    assert re.search(rf"^notebook +厨房, not sealed +\(id {server.notebook_id}\)\nbecause +chosen", shown.out)
    assert re.search(
        r"^server .*answers.*1 entry\nwaiting +1 entry for 127.0.0.1.*\nthis host +厨房, not sealed, 1 entry", shown.out, re.M
    )
    machine.stop()
    silent = machine.run("status", UDPNOTE_WAIT="0.4")
    assert (silent.code, "no answer within 0.4 s; last seen at 127.0.0.1" in silent.out) == (69, True)


def test_status_goes_on_without_an_outbox_that_cannot_be_read_and_never_shows_a_key(machine: Machine) -> None:
    machine.serve("secret", sealed=True)
    found = machine.run("status", UDPNOTE_KEY=machine.code)
    assert (found.code, "named by UDPNOTE_SERVER and UDPNOTE_KEY" in found.out, "sealed, and its key is here" in found.out) == (
        0, True, True,
    )  # fmt: skip
    assert machine.code not in found.out + str(report(machine, UDPNOTE_KEY=machine.code))
    for command in ("send milk", "key rotate", "status"):  # the owner's new key is used at once
        assert machine.run(command).code == 0
    machine.outbox.write_text("garbage")
    broken = machine.run("status")
    assert (broken.code, str(machine.outbox) in broken.out.splitlines()[0], "SETTING" in broken.out) == (1, True, True)
    assert "this host      secret, sealed" in broken.out


def test_on_a_terminal_long_lines_are_broken_and_go_on_in_their_column(machine: Machine) -> None:
    machine.serve("厨房")
    shown = machine.show("status", columns=60).text.splitlines()
    place = next(number for number, line in enumerate(shown) if line.startswith("notebook  "))
    assert re.fullmatch(r"notebook +厨房, not sealed +\(id", shown[place]) and re.fullmatch(
        r" {15}[0-9a-f]{32}\)", shown[place + 1]
    )


def test_entries_for_a_notebook_that_is_not_known_yet_are_counted_in_a_sentence(machine: Machine) -> None:
    machine.environ |= machine.discovering
    machine.run("send --wait 0 milk")
    assert "1 entry for a notebook that is not known yet\n" in machine.run("status", UDPNOTE_WAIT="0.4").out

"""The doctor: each trouble is set up for real. The doctor names its cause and no other, and prints commands that mend it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.json_page import differences
from tests.support.processes import Process
from tests.support.requirements import require_tool
from tests.system.doctor_cases import CASES, Case, pair
from tests.system.lab import Host, Lab
from tests.system.network import firewall

HARMLESS_HERE = {"disk_pretends"}
"""A folder of the tests may be in memory."""

SECONDS_MAX = 12.0


def start_doctor(case: "Case") -> Process:
    return case.host.start("doctor", "--json", *case.arguments, is_powerless=True)


def named(doctor: Process) -> dict[str, str]:
    """The kinds of the troubles that `doctor` names, each with the command that it prints to mend the trouble."""
    result = doctor.wait()
    findings = [json.loads(line) for line in result.lines]
    assert differences("doctor", findings) == set()
    troubles = {each["kind"]: each["command"] for each in findings if each["verdict"] == "trouble"}
    assert result.code == int(bool(troubles)), result.err
    assert result.seconds < SECONDS_MAX
    return {kind: command for kind, command in troubles.items() if kind not in HARMLESS_HERE}


def run(host: Host, command: str) -> None:
    """Run a command that the doctor has printed."""
    variable, _, value = command.removeprefix("export ").partition("=")
    if command.startswith("export "):
        host.environ[variable] = value
    else:
        for part in command.split(" && "):
            host.shell(*part.removeprefix("sudo ").split())


BATCHES = [CASES[first : first + 12] for first in range(0, len(CASES), 12)]
"""The cases that are tried at the same time, each in a laboratory of its own."""


def examined(cases: dict[str, Case]) -> dict[str, dict[str, str]]:
    """The troubles that doctors name on the hosts of all cases. The doctors run at the same time, as they mostly wait."""
    doctors = {name: start_doctor(case) for name, case in cases.items()}
    return {name: named(doctor) for name, doctor in doctors.items()}


@pytest.mark.usefixtures("own_settings")
@pytest.mark.parametrize("troubles", BATCHES, ids=lambda troubles: "-".join(each.__name__ for each in troubles))
def test_the_doctor_names_the_cause_and_no_other_and_its_command_mends_it(
    laboratory: type[Lab], tmp_path: Path, troubles: list[Callable[[Lab], list[Case]]]
) -> None:
    require_tool("setpriv")
    with ExitStack() as labs:
        empty = [labs.enter_context(closing(laboratory(tmp_path / each.__name__))) for each in troubles]
        with ThreadPoolExecutor() as setting_up:
            made = list(setting_up.map(lambda trouble, lab: trouble(lab), troubles, empty))
        cases: dict[str, Case] = {}
        to_mend: dict[str, Case] = {}
        for trouble, its_cases in zip(troubles, made, strict=True):
            named_cases = {f"{trouble.__name__} on {each.host.name}": each for each in its_cases}
            cases |= named_cases
            to_mend |= named_cases if any(each.mended_on for each in its_cases) else {}
        files = {name: sorted(case.host.home.rglob("*")) for name, case in cases.items()}
        found = examined(cases)
        assert {name: sorted(case.host.home.rglob("*")) for name, case in cases.items()} == files, "a doctor leaves no file"
        assert {name: set(each) for name, each in found.items()} == {name: case.troubles for name, case in cases.items()}
        for name, case in to_mend.items():
            for host in case.mended_on:
                for command in found[name].values():
                    run(host, command)
        assert examined(to_mend) == {name: {} for name in to_mend}


def test_the_command_for_a_firewall_is_that_of_ufw_where_ufw_is_active(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "ufw").mkdir()
    (tmp_path / "ufw" / "ufw.conf").write_text("# on\nENABLED=yes\n")
    laptop = pair(lab, is_serving=False).laptop
    firewall(laptop, leaving="udp dport 6683-6686 counter drop")
    mounting = ("unshare", "-m", "sh", "-c", f'mount -t overlay none -o lowerdir={tmp_path}:/etc /etc && exec "$@"', "sh")
    found = [json.loads(line) for line in laptop.start("doctor", "--json", under=mounting).wait().lines]
    assert "sudo ufw allow out 6683:6686/udp" in [each["command"] for each in found]
    assert "firewall_rules_secret" in [each["kind"] for each in found]


def test_a_server_that_listens_at_an_ipv6_address_of_this_host_is_on_this_host(lab: Lab) -> None:
    lan, kitchen, _ = pair(lab, ipv6=True, is_serving=False)
    kitchen.serve("--bind", kitchen.address(lan, 6))
    found = [json.loads(line)["kind"] for line in kitchen.start("doctor", "--json").wait().lines]
    assert "server_asked_elsewhere" in found and "no_server_elsewhere" in found


def test_the_doctor_on_the_servers_host_looks_at_the_port_that_was_named(lab: Lab) -> None:
    lan, kitchen, _ = pair(lab, is_serving=False)

    def examined_at(host: str) -> dict[str, str | None]:
        """The kinds of the doctor's findings with `--server` for `host`, each with its command."""
        lines = kitchen.start("doctor", "--json", "--server", f"{host}:7777").wait().lines
        return {found["kind"]: found["command"] for found in map(json.loads, lines)}

    server = kitchen.serve("--port", "7777")
    for host in ("127.0.0.1", kitchen.address(lan)):
        found = examined_at(host)
        assert "port_used" in found and "port_unused" not in found
    server.stop()
    found = examined_at("127.0.0.1")
    assert "port_unused" in found and found["no_program_there"] == "udpnote serve --port 7777"

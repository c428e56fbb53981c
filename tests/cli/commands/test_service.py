"""`udpnote service`, with a program of the test in place of the commands of systemd."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.json_page import differences
from tests.support.machine import Machine
from tests.support.processes import COMMAND
from udpnote.errors import Notice

PROGRAM = f"""#!{sys.executable} -S
import json, os, sys
folder = os.path.dirname(__file__)
command = [os.path.basename(__file__), *sys.argv[1:]]
answers = json.load(open(os.path.join(folder, "answers.json")))
with open(os.path.join(folder, "calls"), "a") as calls:
    print(json.dumps(command), file=calls)
code, output, problem = next((answer for words, *answer in answers if words in " ".join(command)), (0, "", ""))
print(output)
print(problem, file=sys.stderr)
sys.exit(code)
"""
RUNNING = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nSubState=running\nStatusText=厨房 at 0.0.0.0:6683"
FAILED = "UnitFileState=enabled\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainStatus=1"


class Systemd:
    """A program in place of `systemctl`, `loginctl` and `journalctl` of `machine`. It notes its calls, and answers as told."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self._folder = machine, folder
        folder.mkdir()
        for name in ("systemctl", "loginctl", "journalctl"):
            (folder / name).write_text(PROGRAM)
            (folder / name).chmod(0o755)
        self.units = folder / "config" / "systemd" / "user"
        machine.environ |= {"PATH": f"{folder}:{machine.environ['PATH']}", "XDG_CONFIG_HOME": str(folder / "config")}
        self.answer(["show udpnote", 0, RUNNING, ""])

    def answer(self, *answers: list[object], system: str = "running", user: str = "degraded") -> None:
        """Choose how commands end. Each answer has words of the command, and then its exit code, output and errors.

        `system` and `user` are the states of the two managers."""
        managers = [["systemctl is-system-running", 0, system, ""], ["--user is-system-running", 1, user, ""]]
        (self._folder / "answers.json").write_text(json.dumps([*managers, *answers]))

    def changes(self) -> list[str]:
        """The command lines since the last call that change something."""
        calls = self._folder / "calls"
        lines = [shlex.join(json.loads(line)) for line in calls.read_text().splitlines()] if calls.exists() else []
        calls.unlink(missing_ok=True)
        return [line for line in lines if not any(word in line for word in ("is-system-running", " show", "journalctl"))]

    def unit(self, name: str = "udpnote.service") -> str:
        return (self.units / name).read_text()


@pytest.fixture
def systemd(machine: Machine, tmp_path: Path) -> Systemd:
    machine.home.mkdir()
    return Systemd(machine, tmp_path / "systemd")


def state(systemd: Systemd) -> dict[str, Any]:
    """The JSON that `service status` prints of this user's only service."""
    [found] = [each for each in map(json.loads, systemd.machine.run("service status --json").lines) if not each["system"]]
    assert differences("service status", [found]) == set()
    return dict(found)


def test_install_names_its_steps_writes_the_unit_starts_the_server_and_names_its_address(systemd: Systemd) -> None:
    machine = systemd.machine
    dry = machine.run("service install --name '厨房 2' --dry-run")
    assert (dry.code, systemd.changes(), systemd.units.exists()) == (0, [], False)
    result = machine.run("service install --name '厨房 2'")
    steps = [f"systemctl --user {words}" for words in ("daemon-reload", "enable udpnote.service", "restart udpnote.service")]
    assert (result.code, systemd.changes()) == (0, steps)
    assert systemd.unit() == dry.out
    assert f'ExecStart={COMMAND} serve --quiet "--name=厨房 2" --file={machine.notebook}\n' in dry.out
    assert f"Environment=UDPNOTE_HOME={machine.home}\n" in dry.out
    said = [*steps, f"{systemd.units}/udpnote.service"]
    assert [fact for fact in said if fact not in result.err or fact not in dry.err] == []
    facts = ["厨房 at 0.0.0.0:6683", machine.notebook, "loginctl enable-linger", "journalctl --user -u udpnote.service"]
    facts += ["firewall/udpnote ", "firewall/udpnote.xml ", "service uninstall"]
    assert [fact for fact in facts if str(fact) not in result.out] == []
    found = state(systemd)
    assert (found["file"], found["name"], found["running"], found["enabled"], found["lingers"], found["changed"]) == (
        str(machine.notebook), "厨房 2", True, "enabled", False, False,
    )  # fmt: skip


def test_variables_go_into_the_unit_and_the_settings_file_keeps_its_settings(systemd: Systemd) -> None:
    machine = systemd.machine
    (machine.home / "config.toml").write_text('bind = "127.0.0.1"\nsealed = true\n')
    unit = machine.run("service install --dry-run", UDPNOTE_PORT="7001", UDPNOTE_NAME="-x", UDPNOTE_FILE="k.sqlite3").out
    assert "serve --quiet --name=-x --port=7001 --file=" in unit
    assert f"--file={Path('k.sqlite3').absolute()} --sealed\n" in unit
    assert "127.0.0.1" not in unit
    assert machine.run("service install --dry-run", UDPNOTE_SEALED="false").out.count(" --open\n") == 1, "the file says sealed"
    installed = machine.run("service install --port 7001 --sealed")
    assert "7001/udp" in installed.out and "key show" in installed.out and "firewall/udpnote" not in installed.out


def test_a_sealed_notebook_is_served_sealed_without_the_option(systemd: Systemd) -> None:
    systemd.machine.serve("厨房")
    systemd.machine.stop()
    systemd.machine.run("seal")
    assert "key show" in systemd.machine.run("service install").out


def test_a_further_notebook_has_a_unit_and_a_file_of_its_own(systemd: Systemd) -> None:
    machine = systemd.machine
    assert machine.run("service install").code == machine.run("service install --instance 厨房 --port 6684").code == 0
    unit = "udpnote-\\xe5\\x8e\\xa8\\xe6\\x88\\xbf.service"
    assert sorted(each.name for each in systemd.units.iterdir()) == [unit, "udpnote.service"]
    assert f"--name=厨房 --port=6684 --file={machine.home}/notebook-厨房.sqlite3" in systemd.unit(unit)
    assert machine.run("service uninstall --instance 厨房").code == 0
    assert systemd.changes()[-2:] == [f"systemctl --user disable --now '{unit}'", "systemctl --user daemon-reload"]
    assert [each.name for each in systemd.units.iterdir()] == ["udpnote.service"]


def test_uninstall_removes_only_its_own_unit_keeps_a_changed_one_and_names_the_notebook(systemd: Systemd) -> None:
    machine = systemd.machine
    machine.refused("service uninstall", facts=[systemd.units])
    machine.run("service install")
    dry = machine.refused("service uninstall --dry-run", code=0, facts=["disable --now"])
    assert (systemd.units / "udpnote.service").exists()
    done = machine.refused("service uninstall", code=0, facts=[machine.notebook])
    assert dry == done and list(systemd.units.iterdir()) == []
    for command in ("service install", "service uninstall"):
        machine.run("service install")
        changed = systemd.unit() + "# mine\n"
        (systemd.units / "udpnote.service").write_text(changed)
        assert state(systemd)["changed"]
        assert "udpnote.service.1.old" in machine.run(command).err
        assert systemd.unit("udpnote.service.1.old") == changed
        (systemd.units / "udpnote.service.1.old").unlink()
        assert (systemd.units / "udpnote.service").exists() is (command == "service install")
    (systemd.units / "udpnote.service").write_text("[Service]\nExecStart=/bin/true\n")
    systemd.changes()
    for command in ("install", "uninstall"):
        machine.refused(f"service {command}", facts=["mv ", systemd.units])
    assert (systemd.changes(), systemd.unit()) == ([], "[Service]\nExecStart=/bin/true\n")


def test_a_server_that_does_not_start_is_reported_with_its_own_message(systemd: Systemd) -> None:
    message = "udpnote: port 6683 is taken"
    failed = ["restart", 1, "", "Job failed"]
    for since, state_of_unit, said, not_said in (
        ("--since @", FAILED, "port 6683 is taken. systemd tries again", "install the service again"),
        ("--since @", FAILED.replace("auto-restart", "failed"), "install the service again", "tries again every"),
        ("no time", FAILED, "did not start. systemd", "port 6683 is taken"),  # of an earlier server
    ):
        systemd.answer(failed, [since, 0, f"{message}\nFailed to start", ""], ["show udpnote", 0, state_of_unit, ""])
        facts = [said, "journalctl --user -u udpnote.service"]
        assert not_said not in systemd.machine.refused("service install", facts=facts)
    assert (systemd.units / "udpnote.service").exists()
    systemd.answer(["show udpnote", 0, FAILED, ""], ["show-user", 0, "yes", ""])
    found = state(systemd)
    assert (found["running"], found["exit_code"], found["substate"], found["lingers"]) == (False, 1, "auto-restart", True)
    shown = systemd.machine.run("service status")
    assert (shown.code, "exit code 1" in shown.out, "start it again" in shown.out) == (1, True, True)
    stopped = "UnitFileState=enabled\nActiveState=inactive\nSubState=dead\nResult=success\nExecMainStatus=0"
    systemd.answer(["show udpnote", 0, stopped, ""])
    assert "exit code" not in systemd.machine.run("service status").out
    systemd.answer(["daemon-reload", 1, "", "Access\ndenied"])
    systemd.machine.refused("service install", facts=["systemctl --user daemon-reload", "Access denied"])


def test_status_names_the_command_that_enables_a_unit_and_claims_nothing_of_a_manager_that_does_not_answer(
    systemd: Systemd,
) -> None:
    systemd.machine.run("service install --instance 厨房 --port 6684")
    enable = "`systemctl --user enable 'udpnote-\\xe5\\x8e\\xa8\\xe6\\x88\\xbf.service'`"
    systemd.answer(["show udpnote", 0, RUNNING.replace("=enabled", "=disabled"), ""])
    assert enable in systemd.machine.run("service status").out
    systemd.answer(["show udpnote", 1, "", "no bus"])
    shown = systemd.machine.run("service status").out
    assert " enable " not in shown and shown.count(str(Notice("service_not_known"))) == 2


def test_without_systemd_or_its_manager_of_this_user_nothing_is_done(systemd: Systemd) -> None:
    for managers, fact in (({"system": "offline"}, "udpnote serve"), ({"user": ""}, "--system")):
        systemd.answer(**managers)
        systemd.machine.refused("service install", facts=[fact])
    systemd.machine.refused("service install", facts=["udpnote serve"], PATH=str(systemd.units))
    systemd.machine.refused("service status", facts=["udpnote serve"], PATH=str(systemd.units))
    assert (systemd.changes(), systemd.units.exists()) == ([], False)


def test_a_service_that_cannot_run_is_refused_before_anything_is_written(systemd: Systemd) -> None:
    machine = systemd.machine
    for arguments in ("--name ''", "--port 0", "--port 70000", "--instance a/b", f"--name {'x' * 300}"):
        assert machine.run(f"service install {arguments}").code == 2
    machine.serve("厨房")
    machine.stop()
    machine.refused("service install --sealed", facts=[f"udpnote seal --file {machine.notebook}"])
    machine.run("seal")
    machine.refused("service install", facts=[machine.notebook, "--sealed"], UDPNOTE_SEALED="false")
    machine.refused("service install --system --name x", facts=["/opt/udpnote"])
    if os.geteuid() == 0:
        machine.refused("service install --sealed", facts=["--system"], SUDO_USER="ann")
    assert (systemd.changes(), systemd.units.exists()) == ([], False)

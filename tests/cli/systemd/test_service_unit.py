"""The unit files of services, as systemd itself reads them, and how udpnote recognizes its own."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.errors import raises
from tests.support.requirements import require_tool
from udpnote.cli.systemd.service_unit import (
    INSTANCE_BYTES_MAX,
    Found,
    Service,
    Unit,
    check_instance,
    installed_services,
    put_aside,
    read_unit,
    unit_text,
    write_unit,
)
from udpnote.errors import InvalidSetting

NAMES = ["home", "厨房 2", "a \"b\" 'c'", "50% $HOME ${PATH} %h", "back\\slash\\", "-x; #y", "\U0001f389"]
EXPOSURE_MAX = 2
"""The highest exposure, from 0 to 10, that `systemd-analyze security` may give a service of the system."""


def written(service: Service, folder: Path, name: str) -> Path:
    """Write the unit file of `service` into `folder`. `name` is the server's name, and the name of its folder."""
    program = folder / "bin" / re.sub(r"[\"'\\]", "", name) / "udpnote"  # systemd refuses these in a program's path
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch(0o755)
    path = folder / service.unit
    home = "/var/lib/udpnote" if service.is_system else str(folder / name)
    command = [str(program), "serve", f"--name={name}"]
    write_unit(str(path), unit_text(service, command, file=f"{home}/notebook.sqlite3", name=name, home=home))
    return path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("is_system", "instance"), [(True, "厨房-2"), (False, "lab_1.b")])
def test_systemd_finds_no_fault_in_a_unit_file_whatever_the_names(
    is_system: bool, instance: str, name: str, tmp_path: Path
) -> None:
    require_tool("systemd-analyze")
    paths = [written(Service(is_system, each), tmp_path, name) for each in ("", instance)]
    command = ["systemd-analyze", "--system" if is_system else "--user", "verify", *map(str, paths)]
    environ = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "udpnote" in line]) == (0, []), done
    for path in paths:
        assert read_unit(str(path))[0] is Found.OURS
        assert path.stat().st_mode & 0o777 == 0o644


def test_every_word_of_the_command_reaches_the_server_as_it_is() -> None:
    words = ["/opt/50% $x/udpnote", "--port=6683", 'a "b"', "it's", "50% $HOME", "back\\", "a;b", "厨房", "two\nlines", ""]
    text = unit_text(Service(False, ""), words, file="/n", name=None, home="/50% $x")
    [command, home] = re.findall("^(?:ExecStart|Environment)=(.*)$", text, re.MULTILINE)
    assert home == '"UDPNOTE_HOME=/50%% $x"', "systemd does not expand $ in a variable, nor in the program's own path"
    quoted = r"""
        "/opt/50%% $x/udpnote" --port=6683 "a \"b\"" "it's" "50%% $$HOME" "back\\" "a;b" 厨房 "two\nlines" ""
    """
    assert command == quoted.strip()


def test_a_service_of_the_system_can_do_little_beyond_its_work(tmp_path: Path) -> None:
    require_tool("systemd-analyze")
    path = written(Service(True, ""), tmp_path, "home")
    options = ["--offline=true", "--json=short", f"--threshold={EXPOSURE_MAX * 10}"]
    done = subprocess.run(["systemd-analyze", "security", *options, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) > 50


def test_the_own_unit_file_a_changed_one_and_one_of_somebody_else_are_told_apart(tmp_path: Path) -> None:
    path = written(Service(False, ""), tmp_path, 'a "b" 厨房\\')
    unit = Unit(f'{tmp_path}/a "b" 厨房\\/notebook.sqlite3', 'a "b" 厨房\\')
    assert read_unit(str(path)) == (Found.OURS, unit)
    text = path.read_text()
    path.write_text(text.replace("RestartSec=10s", "RestartSec=1s"))
    assert read_unit(str(path)) == (Found.CHANGED, unit)
    path.write_text(text.replace("Name=", "Name=x").replace("File=", "File=[]"))
    assert read_unit(str(path)) == (Found.CHANGED, Unit(None, None))
    aside = put_aside(str(path))
    assert read_unit(str(path)) == (Found.NOTHING, None)
    path.write_bytes(b"[Service]\nExecStart=/bin/true \xff\n")
    assert read_unit(str(path)) == (Found.FOREIGN, None)
    assert put_aside(str(path)) != aside, "an earlier file stays"
    kinds: list[Callable[[Path], None]] = [os.mkfifo, os.mkdir, *(partial(os.symlink, to) for to in ("/nowhere", "/dev/null"))]
    for make in kinds:
        make(path)
        assert read_unit(str(path)) == (Found.FOREIGN, None)
        put_aside(str(path))


def test_instances_have_names_that_units_and_folders_can_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for instance in ("lab", "厨房", "a.b-c_2", "é" * (INSTANCE_BYTES_MAX // 2)):
        check_instance(instance)
        service = Service(False, instance)
        assert len(service.unit) <= 255 and service.unit.isascii()
        Path(service.path).parent.mkdir(parents=True, exist_ok=True)
        written(service, Path(service.path).parent, "x")
    (tmp_path / "systemd" / "user" / "udpnote.service").write_text("[Service]\n")
    (tmp_path / "systemd" / "user" / Service(False, "endless").unit).symlink_to("/proc/self/mem")  # it cannot be read
    assert {each.instance for each in installed_services() if not each.is_system} == {
        "lab", "厨房", "a.b-c_2", "é" * (INSTANCE_BYTES_MAX // 2),
    }  # fmt: skip
    for instance in ("", "-a", ".a", "a b", "a/b", "a%h", "a:b", "a\n", "é" * (INSTANCE_BYTES_MAX // 2 + 1)):
        with raises(InvalidSetting, "service_instance_invalid", instance=instance):
            check_instance(instance)

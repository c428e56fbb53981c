"""A server does nothing that systemd would forbid it as a service: the tests trace its system calls."""

import re
import subprocess
from importlib.resources import files
from pathlib import Path

from tests.endurance.trace import require_trace
from tests.support.processes import eventually
from tests.support.requirements import require_tool
from tests.system.conftest import Pair


def setting(unit: str, name: str) -> list[str]:
    """The values of a setting in one of the unit files."""
    text = (files("udpnote.cli.systemd") / unit).read_text(encoding="utf-8")
    return re.findall(f"^{name}=(.*)$", text, re.MULTILINE)


def calls_in(group: str) -> set[str]:
    """The system calls in a group of systemd, and in the groups that it contains."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^ +(@?[a-z]\w*(?:-\w+)*)$", listed, re.MULTILINE)
    return {call for name in names for call in (calls_in(name) if name.startswith("@") else [name])}


def allowed_calls(unit: str) -> set[str]:
    """The system calls that a unit file allows."""
    allowed = set[str]()
    for value in setting(unit, "SystemCallFilter"):
        if value.startswith("~"):
            allowed -= calls_in(value[1:])
        else:
            allowed |= calls_in(value)
    return allowed


def test_a_server_does_nothing_that_its_unit_files_forbid(pair: Pair, tmp_path: Path) -> None:
    require_tool("systemd-analyze")
    require_tool("strace")
    trace, notes = tmp_path / "trace", pair.kitchen.home / "notes.txt"
    tracer = ["strace", "-D", "-f", "-qqq", "-o", str(trace)]  # -D: signals reach the server itself
    server = pair.kitchen.serve("--quiet", "--sealed", "--text-file", str(notes), under=tracer)
    require_trace(server.process)
    [code] = re.findall("udpnote join (.*)", server.process.errors)
    pair.laptop.succeed("join", code)
    pair.laptop.succeed("send", "今天开会")
    assert "今天开会" in pair.laptop.succeed("search", "开会").out
    server.stop()
    eventually(lambda: re.search(r"^\d+ +exit_group\(0\)", trace.read_text(errors="replace"), re.MULTILINE) is not None)
    text = "\n".join(line.partition(" ")[2].strip() for line in trace.read_text(errors="replace").splitlines())
    made = set(re.findall(r"^(?:<\.\.\. )?(\w+)(?:\(| resumed>)", text, re.MULTILINE))
    families = set(re.findall(r"^socket\((AF_\w+)", text, re.MULTILINE))
    assert len(made) > 30 and len(families) > 2
    for unit in ("system.service", "user.service"):
        assert made - allowed_calls(unit) == set()
        assert families - set(setting(unit, "RestrictAddressFamilies")[0].split()) == set()
    assert not re.findall(r"^(?:mmap|mprotect)\(.*PROT_WRITE\|PROT_EXEC.*$", text, re.MULTILINE)
    opened = re.findall(r'^openat\(\w+, "(.*?)", (O_\S+)', text, re.MULTILINE)
    written = {path for path, flags in opened if re.search("O_WRONLY|O_RDWR|O_CREAT", flags)}
    assert {path for path in written if not path.startswith((str(pair.kitchen.home), "/dev/"))} == set()

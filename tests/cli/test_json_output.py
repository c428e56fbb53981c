"""The JSON of the commands: an object per line, with the keys that docs/json.md explains."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.json_page import differences
from tests.support.machine import Machine, change, note
from tests.support.processes import Result
from udpnote.model.entry import Kind

COMMANDS = {
    "send": "send --json 'milk #food'",
    "edit": "edit --json 1 'oat milk #food'",
    "list": "list --json",
    "search": "search --json milk",
    "show": "show --json 1",
    "show --history": "show --history --json 1",
    "tags": "tags --json",
    "stats": "stats --json",
    "stats --year": "stats --year 2026 --json",
    "delete": "delete --json 1",
    "undo": "undo --json",
    "export": "export",
    "find": "find --json --timeout 0.2",
    "use": "use --json kitchen",
    "status": "status --json",
    "backup": "backup --json {home}/b",
    "import": "import --json --file {home}/c {home}/b.jsonl",
    "restore": "restore --json --dry-run --file {home}/d {home}/b",
    "outbox": "outbox --json",
    "key rotate": "key rotate --json --accept-old 1h --file {home}/b",
    "key show": "key show --json --file {home}/b",
}


def results(machine: Machine) -> Iterator[tuple[str, Result]]:
    """Run all `COMMANDS`; each with its name, and after what it needs."""
    for name, line in COMMANDS.items():
        if name == "import":
            machine.run("export", "-o", f"{machine.home}/b.jsonl")
        if name == "outbox":
            machine.send("--server", "127.0.0.1:1", "--wait", "0", "later")
            machine.run(f"seal --file {machine.home}/b")
        yield name, machine.run(line.format(home=machine.home))


def test_each_command_prints_an_object_per_line_with_the_keys_that_the_page_on_json_explains(served: Machine) -> None:
    for name, result in results(served):
        assert (name, result.code, differences(name, map(json.loads, result.lines))) == (name, 0, set()), result


VARIED = re.compile(
    r'(?<="language": {"value": )"[^"]*"|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[0-9:.+-]*|\d+\.\d+|([0-9A-Z]{4}-){6}[0-9A-Z]{3}'
)
"""The language itself, and ids, times, durations and join codes, which differ from run to run."""


def outcomes(home: Path, language: str) -> Iterator[object]:
    """What commands leave in `language`: files, exit codes, and JSON without what is `VARIED`."""
    machine = Machine(home)
    machine.environ["UDPNOTE_LANGUAGE"] = language
    machine.keep(note(1, "买牛奶 #food"), change(Kind.REVISION, 2, "买豆浆 #food", 1))
    machine.serve("kitchen", text_file=home / "notes.text")
    for ending in ("jsonl", "md", "txt", "csv", "html"):
        machine.run(f"export -o {home}/notes.{ending}")
    yield {each.name: each.read_bytes() for each in home.glob("notes.*")}
    for name, result in results(machine):
        yield name, result.code, VARIED.sub("", result.out.replace(str(home), "").replace(str(machine.port), ""))
    machine.close()


def test_the_language_changes_no_json_no_exit_code_and_no_file(tmp_path: Path) -> None:
    assert [*outcomes(tmp_path / "one", "zh_CN")] == [*outcomes(tmp_path / "two", "en")]

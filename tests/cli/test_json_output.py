"""The JSON of the commands: an object per line, with the keys that docs/json.md explains."""

import json

from tests.support.json_page import differences
from tests.support.machine import Machine
from tests.support.processes import free_port

COMMANDS = {
    "send": "send --json 'milk #food'",
    "edit": "edit --json 1 'oat milk #food'",
    "list": "list --json",
    "search": "search --json milk",
    "show": "show --json 1",
    "show --history": "show --history --json 1",
    "tags": "tags --json",
    "stats": "stats --json",
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


def test_each_command_prints_an_object_per_line_with_the_keys_that_the_page_on_json_explains(served: Machine) -> None:
    for name, line in COMMANDS.items():
        if name == "import":
            served.run("export", "-o", f"{served.home}/b.jsonl")
        if name == "outbox":
            served.send("--server", f"127.0.0.1:{free_port()}", "--wait", "0", "later")
            served.run(f"seal --file {served.home}/b")
        result = served.run(line.format(home=served.home))
        assert (name, result.code, differences(name, map(json.loads, result.lines))) == (name, 0, set()), result

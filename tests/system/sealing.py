"""Steps of tests of sealed notebooks: join, name a key, and look into an outbox."""

import json
from collections.abc import Iterable
from pathlib import Path

from tests.support.notebook_files import change, read
from tests.support.processes import Process
from tests.system.lab import Host


def join_code(host: Host) -> str:
    return host.succeed("key", "show").out.strip()


def join(hosts: Iterable[Host], code: str) -> None:
    for result in [joining.wait() for joining in [host.start("join", code) for host in hosts]]:
        assert result.code == 0, result.err


def start_with_key(host: Host, code: str, *arguments: str) -> Process:
    """Start a command with the join code in a variable of its own."""
    return host.start(*arguments, environ={"UDPNOTE_KEY": code})


def notebook_id(host: Host) -> bytes:
    return bytes.fromhex(json.loads(host.succeed("use", "--json").out)["notebook"])


def waiting_texts(host: Host) -> list[str]:
    return [each["text"] for each in map(json.loads, host.succeed("outbox", "--json").lines)]


def mark_as_open(notebook: Path) -> None:
    """Change a copy of a sealed notebook's file so that it says it is open."""
    assert read(notebook, "value FROM properties WHERE name = 'sealed'") == [(1,)]
    change(notebook, "UPDATE properties SET value = 0 WHERE name = 'sealed'")

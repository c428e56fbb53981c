"""What the tests of sealed notebooks have in common: joining, and commands under a named key."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from tests.system.lab import Host, Process


def join_code(host: Host) -> str:
    """The join code of the notebook on `host`."""
    shown = host.run("key", "show")
    assert shown.code == 0, shown.errors
    return shown.output.strip()


def join(hosts: Iterable[Host], code: str) -> None:
    """Have each of `hosts` join, all at once."""
    for result in [joining.wait() for joining in [host.start("join", code) for host in hosts]]:
        assert result.code == 0, result.errors


def start_with_key(host: Host, code: str, *arguments: str) -> Process:
    """Start a command that names the key for itself alone."""
    return host.start(*arguments, under=("env", f"UDPNOTE_KEY={code}"))


def notebook_id(host: Host) -> bytes:
    """The notebook that `host` has chosen."""
    return bytes.fromhex(json.loads(host.run("use", "--json").output)["notebook"])


def waiting_texts(host: Host) -> list[str]:
    """What the outbox of `host` holds."""
    return [each["text"] for each in json.loads(host.run("outbox", "--json").output)]


def take_seal_off(notebook: Path) -> None:
    """Have a notebook's file say that it is open, as whoever has a copy of it can."""
    with closing(sqlite3.connect(notebook)) as connection, connection:
        changed = connection.execute("UPDATE properties SET value = 0 WHERE name = 'sealed'").rowcount
    assert changed == 1

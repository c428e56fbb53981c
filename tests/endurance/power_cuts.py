"""Power cuts: after each system call of a server and its clients, what the disk may have left is opened and compared.

A promise is what somebody was told before the power cut. The server tells that an entry is stored; a client sends an entry, so
its outbox must keep it until it is acknowledged, and never give its sequence to another one.
"""

import operator
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.endurance.disk import Disk
from tests.endurance.table import Row
from tests.endurance.trace import Call, calls, require_trace, tracer
from tests.support.disks import mounted
from tests.system.lab import Host, Lab, Server, lines_of
from udpnote.errors import StorageError
from udpnote.model.entry import StoredEntry
from udpnote.protocol.messages import Ack, Append
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.outbox.outbox import Outbox

Identity = tuple[bytes, int]
"""A client id and a sequence."""

LINES = 40
LETTER = "长信" * 2000


class Side(NamedTuple):
    """The server or the client: how a call changes what it has promised, and how many promises its file breaks."""

    database: Path
    trace: Path
    promise: Callable[[Call, dict[Identity, int]], None]
    broken: Callable[[Path, dict[Identity, int], dict[Identity, StoredEntry]], tuple[int, int]]


def power_cuts(lab: Lab, seed: int, *, cuts_max: int = 10_000) -> Iterator[Row]:
    """Trace a server and its clients, and cut the power after each of their calls, or after some of them, `cuts_max` times."""
    source = Random(seed)
    lan = lab.switch()
    kitchen, laptop = lab.host("kitchen", lan), lab.host("laptop", lan)
    notebook, outbox = lab.folder / "disk" / "notebook.sqlite3", laptop.home / "outbox.sqlite3"
    sides = {
        "a power cut of the server": Side(notebook, lab.folder / "server", _promise_as_server, _broken_by_notebook),
        "a power cut of a client": Side(outbox, lab.folder / "client", _promise_as_client, _broken_by_outbox),
    }
    server_trace, client_trace = (side.trace for side in sides.values())
    with mounted(notebook.parent) as disk:  # a small one, on which the server does not lengthen its log beforehand
        server = kitchen.serve("--quiet", notebook=notebook, under=tracer(server_trace))
        require_trace(server.process)
        _write(server, laptop, source, client_trace)
        _stop(server)
        stored = {(each.entry.client_id, each.entry.sequence): each for each in server.stored()}
        for what, side in sides.items():
            folder = disk / what
            yield _cut(what, side, stored, folder, source, cuts_max // len(sides))


def _write(server: Server, laptop: Host, source: Random, trace: Path) -> None:
    """Send single entries, many and a long one. In between, stop and start the server, which empties its log."""
    send = ["send", "--wait", "20"]
    sent = [[*send, "alone"], send], [[*send, "--whole"], send]
    for number, commands in enumerate(sent):
        if number:
            _stop(server)
            server.start()
        for command in commands:
            letter = [LETTER[: source.randrange(1000, len(LETTER))]]
            lines = letter if "--whole" in command else lines_of(f"batch {number}, line", source.randrange(1, LINES))
            result = laptop.start(*command, lines=lines, under=tracer(trace)).wait()
            assert result.code == 0, result.err


def _stop(server: Server) -> None:
    """Stop the server itself: a signal to strace would not reach it."""
    os.killpg(server.process.pid, signal.SIGTERM)
    result = server.process.wait()
    assert result.code == 0, result.err


def _cut(what: str, side: Side, stored: dict[Identity, StoredEntry], folder: Path, source: Random, cuts_max: int) -> Row:
    """Cut the power at all moments, or at some that are chosen at random.

    At each moment, cut it twice: first the disk keeps nothing that was not synced, and then a part of that.
    """
    row = Row(what)
    happened = list(calls(side.trace))
    count = sum(1 for _ in _moments(side, happened))
    chosen = set(source.sample(range(count), min(count, cuts_max // 2)))
    for number, (disk, promises) in enumerate(_moments(side, happened)):
        for share in (0.0, source.random()) if number in chosen else ():
            folder.mkdir()
            for name, content in disk.left(source, share).items():
                (folder / name).write_bytes(content)
                os.utime(folder / name, (0, 0))  # before this machine was started, as after a power failure
            try:
                lost, doubled = side.broken(folder / side.database.name, promises, stored)
                with closing(sqlite3.connect(folder / side.database.name)) as connection:
                    lost += connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
            except StorageError:
                lost, doubled = max(1, len(promises)), 0
            row.add(Row(what, 1, len(promises), lost, doubled))
            shutil.rmtree(folder)
    return row


def _moments(side: Side, happened: list[Call]) -> Iterator[tuple[Disk, dict[Identity, int]]]:
    """The disk, and what was promised, after each call that has changed one of them."""
    disk, promises = Disk(str(side.database)), dict[Identity, int]()
    for call in happened:
        before = dict(promises)
        side.promise(call, promises)
        if disk.follow(call) or promises != before:
            yield disk, promises


def _promise_as_server(call: Call, promises: dict[Identity, int]) -> None:
    """An acknowledgement promises that an entry is stored under its number."""
    for message in call.messages if call.name == "sendmsg" else []:
        if isinstance(message, Ack):
            promises |= {(message.client_id, part.sequence): part.number for part in message.parts if part.number}


def _broken_by_notebook(path: Path, promises: dict[Identity, int], stored: dict[Identity, StoredEntry]) -> tuple[int, int]:
    with closing(Notebook(path)) as notebook:
        there = list(notebook.entries_after(0))
    by_identity = {(each.entry.client_id, each.entry.sequence): each for each in there}
    kept = [by_identity.get(identity) for identity in promises]
    expected = [stored[identity]._replace(number=number) for identity, number in promises.items()]
    return sum(map(operator.ne, kept, expected)), len(there) - len(by_identity)


def _promise_as_client(call: Call, promises: dict[Identity, int]) -> None:
    """A sent entry stays in the outbox until it is acknowledged."""
    for message in call.messages:
        if isinstance(message, Append) and call.name == "sendmsg":
            promises.setdefault(message.part[:2], 0)
        elif isinstance(message, Ack) and call.name == "recvmsg":
            promises |= {(message.client_id, part.sequence): part.number for part in message.parts if part.number}


def _broken_by_outbox(path: Path, promises: dict[Identity, int], stored: dict[Identity, StoredEntry]) -> tuple[int, int]:
    with closing(Outbox(path)) as outbox:
        there = {(each.entry.client_id, each.entry.sequence): each.entry for each in outbox.listing()}
        [entry] = outbox.add(["the next one"], author="", written_at=0, utc_offset=0)
    waiting = [identity for identity, number in promises.items() if not number]
    lost = sum(there.get(identity) != stored[identity].entry for identity in waiting)
    return lost, sum(client_id == entry.client_id and sequence >= entry.sequence for client_id, sequence in promises)

"""Full disks: small disks under the server or the client that fill up while entries flow, and get space again."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random

from tests.endurance.table import Row
from tests.endurance.writers import SECONDS_MAX, Writer
from tests.support.disks import fill, mounted, shorten
from tests.support.processes import memory_bytes_max
from tests.system.lab import NEW_PROCESS, Lab, lost_and_doubled, wait_at_random

LINES = 40_000
"""So many that the disk is full before they are all stored, and so few that all of a round fit on an empty one."""
ROOM_BYTES = 5000
"""The free space that some full disks have: a few entries fit."""


def full_disks(lab: Lab, seed: int, *, times: int = 4) -> Iterator[Row]:
    """Fill the disk of the server or of the client, chosen at random, and free it after the client has given up."""
    source = Random(seed)
    lan = lab.switch()
    kitchen, laptop = lab.host("kitchen", lan), lab.host("laptop", lan)
    with ExitStack() as mounts:
        disk = mounts.enter_context(mounted(lab.folder / "disk"))
        server = kitchen.serve("--quiet", notebook=disk / "notebook.sqlite3", under=NEW_PROCESS)
        writer = Writer(laptop, "writer")
        writer.home.rmdir()
        mounts.enter_context(mounted(writer.home))
        for _ in range(times):
            sending = writer.start(LINES)
            sending.expect("\n", SECONDS_MAX)
            wait_at_random(source, seconds_max=0.05)
            os.killpg(sending.pid, signal.SIGSTOP)  # on a busy machine it could send everything before the disk is full
            filler = fill(source.choice([disk, writer.home]))
            shorten(filler, source.choice([0, ROOM_BYTES]))
            os.killpg(sending.pid, signal.SIGCONT)
            assert sending.wait(SECONDS_MAX).code, "the disk was full too late"
            filler.unlink()
            assert server.process.is_running, server.process.errors
        writer.send_waiting()
        memory_bytes = memory_bytes_max(server.process.pid)
        lost, doubled = lost_and_doubled(server.texts(), writer.expected)
    yield Row("a full disk", times, len(writer.expected), len(lost), len(doubled), memory_bytes=memory_bytes)

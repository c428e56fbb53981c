"""Kills: SIGKILL to the server or a client at random moments while entries flow."""

import time
from collections.abc import Iterator
from random import Random

from tests.endurance.table import Row
from tests.endurance.writers import SECONDS_MAX, Writer
from tests.support.processes import memory_bytes_max
from tests.system.lab import NEW_PROCESS, Lab, lost_and_doubled, wait_at_random

LINES = 3000
"""More than a client keeps in memory: its outbox still takes lines when the first ones are acknowledged."""

STOP_SECONDS_MAX = 3.0


def kills(lab: Lab, seed: int, *, times: int = 12) -> Iterator[Row]:
    """Kill the server or one of two clients, chosen at random. At the end, stop the server while the clients send."""
    source = Random(seed)
    lan = lab.switch()
    server = lab.host("kitchen", lan).serve("--quiet", under=NEW_PROCESS)
    writers = [Writer(lab.host(name, lan), name) for name in ("laptop", "desk")]
    memory_bytes = 0
    for _ in range(times):
        _have_all_send(writers, source)
        wait_at_random(source, seconds_max=0.3)
        memory_bytes = max(memory_bytes, memory_bytes_max(server.process.pid))
        victim = source.choice([server, *writers])
        if isinstance(victim, Writer):
            victim.kill()
        else:
            server.restart()
    _have_all_send(writers, source)
    stopped_at = time.monotonic()
    server.stop()
    assert time.monotonic() - stopped_at < STOP_SECONDS_MAX
    server.start()
    for writer in writers:
        writer.kill()
        writer.send_waiting()
    expected = [line for writer in writers for line in writer.expected]
    lost, doubled = lost_and_doubled(server.texts(), expected)
    yield Row("kill -9 of server or clients", times, len(expected), len(lost), len(doubled), memory_bytes=memory_bytes)


def _have_all_send(writers: list[Writer], source: Random) -> None:
    """Start each writer that has ended. Wait until most of them send; the others may be killed before that."""
    for writer in writers:
        if not (writer.process and writer.process.is_running):
            sending = writer.start(LINES)
            if source.random() < 0.7:
                sending.expect("\n", SECONDS_MAX)

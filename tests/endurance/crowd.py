"""A crowd: many clients at once, each with its outbox, some of them killed and started again."""

from collections.abc import Iterator
from math import ceil
from random import Random

from tests.endurance.table import Row
from tests.endurance.writers import SECONDS_MAX, Writer
from tests.support.processes import memory_bytes_max
from tests.system.flooded import TEXT, milliseconds
from tests.system.lab import NEW_PROCESS, Lab, lost_and_doubled, wait_at_random

CLIENTS_PER_HOST = 20
LINES = 400
REQUESTS = 20


def crowd(lab: Lab, seed: int, *, clients: int = 200) -> Iterator[Row]:
    """Start all clients at once, kill every fifth one at a random moment, and start it again."""
    source = Random(seed)
    lan = lab.switch()
    kitchen, onlooker = lab.host("kitchen", lan), lab.host("onlooker", lan)
    server = kitchen.serve("--quiet", under=NEW_PROCESS)
    hosts = [lab.host(f"host{number}", lan) for number in range(ceil(clients / CLIENTS_PER_HOST))]
    writers = [Writer(hosts[number // CLIENTS_PER_HOST], f"client{number}") for number in range(clients)]
    sending = {writer: writer.start(LINES) for writer in writers}
    for writer in (victims := source.sample(writers, clients // 5)):
        wait_at_random(source, seconds_max=0.1)
        writer.kill()
    sending |= {writer: writer.start(LINES) for writer in victims}
    taken = milliseconds(onlooker, kitchen.address(lan), "send", REQUESTS)
    onlooker.succeed("outbox", "--send")
    for writer in writers:
        result = sending[writer].wait(SECONDS_MAX)
        assert result.code == 0, result.err  # so the entries that waited have been sent as well
        writer.settle()
    memory_bytes = memory_bytes_max(server.process.pid)
    expected = [line for writer in writers for line in writer.expected] + [TEXT] * len(taken)
    lost, doubled = lost_and_doubled(server.texts(), expected)
    what = f"{clients} clients at once, {len(victims)} of them killed"
    yield Row(what, clients, len(expected), len(lost), len(doubled), taken, memory_bytes=memory_bytes)

"""What a seed has in store: how many take part, the weather, how often who dies, and which incidents come when."""

from random import Random
from typing import NamedTuple

from tests.simulation.network import Weather
from udpnote.protocol.wire import part_bytes_max

INCIDENTS = (
    "partition",
    "server crash",
    "server move",
    "server clock jump",
    "client clock jump",
    "disk full",
    "disk broken",
    "outbox copied",
    "second process",
    "client crash",
    "client move",
    "power failure",
    "garbage",
)


class Scenario(NamedTuple):
    """One seed's plan; times in seconds, rates per step."""

    trouble_seconds: float
    installations: int
    writes: int
    long_entries: float
    weather: Weather
    client_crash_rate: float
    server_crash_rate: float
    has_two_addresses: bool
    incidents: tuple[tuple[float, str], ...]


def draw_scenario(random: Random) -> Scenario:
    """A scenario with some of the faults: with all of them always, the rarer paths would be drowned."""
    trouble_seconds = random.uniform(10.0, 80.0)
    kinds = [kind for kind in INCIDENTS if random.random() < 0.4]
    incidents = [(random.uniform(0.0, trouble_seconds), kind) for kind in kinds for _ in range(random.randint(1, 3))]
    return Scenario(
        trouble_seconds=trouble_seconds,
        installations=random.choice((1, 1, 2, 2, 3, 4, 6)),
        writes=random.randint(3, 15),
        long_entries=random.choice((0.0, 0.0, 0.1, 0.3)),
        weather=_draw_weather(random),
        client_crash_rate=random.choice((0.0, 0.0, 0.01, 0.05)),
        server_crash_rate=random.choice((0.0, 0.0, 0.02, 0.1)),
        has_two_addresses=random.random() < 0.3,
        incidents=tuple(sorted(incidents)),
    )


def _draw_weather(random: Random) -> Weather:
    return Weather(
        loss=random.choice((0.0, 0.05, 0.2, 0.5)),
        duplication=random.choice((0.0, 0.0, 0.1, 0.3)),
        late=random.choice((0.0, 0.1, 0.3)),
        late_seconds=random.choice((0.01, 0.1, 2.0)),
        corruption=random.choice((0.0, 0.0, 0.05, 0.2)),
        replay=random.choice((0.0, 0.05, 0.2)),
        misdelivery=random.choice((0.0, 0.0, 0.0, 0.1, 0.4)),
    )


def draw_text(random: Random, number: int, *, long_entries: float) -> str:
    """A text like no other: `number` is in all of its parts."""
    if random.random() < long_entries:
        return _lines(number, random.choice((1_500, 4_000, 8_000, 8_000)))
    match random.randrange(150):
        case 0:
            return _lines(number, 100_000)
        case chance if chance < 10:
            size = part_bytes_max("王芳@10.0.0.1") + random.randint(-1, 1)
            return f"{number} ".ljust(size, "x")
        case chance if chance < 40:
            return f"{number} 我是一个中文" + "，今日记录" * random.randrange(5)
        case chance if chance < 60:
            return f"\x1b[2J{number}\x00\r\n\t\x07\u202e\ufeff \U0001f4d3"
        case _:
            return f"{number} a line"


def _lines(number: int, size: int) -> str:
    """Lines of `size` bytes in all, or a little more, of which no two are alike."""
    lines: list[str] = []
    written = 0
    while written < size:
        lines.append(f"{number}/{len(lines)} 我是一个中文")
        written += len(lines[-1].encode()) + 1
    return "\n".join(lines)

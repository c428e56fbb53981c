"""Draws at random what a seed does: its users, the faults of its network, how often processes crash, and its incidents."""

from random import Random

from tests.support.network import Weather
from udpnote.model.entry import CLIENT_ID_BYTES, SEQUENCE_MAX, Entry, Kind, StoredEntry
from udpnote.model.query import Query, View
from udpnote.protocol.codec.codec import part_bytes_max


def names(listed: str) -> list[str]:
    """Return the names in `listed`, which are separated by `;`."""
    return [name.strip() for name in listed.split(";")]


INCIDENTS = names("""partition; server crash; server move; server clock jump; client clock jump; disk full; disk broken;
    outbox copied; second process; client crash; client move; power failure; garbage; reader crash; reader move;
    import cut short; key changed""")

WORDS = (("line",), ("中",), ("今日记录",), ("LINE", "a"), ("a line",), ("我是", "记"), ("1",), ("nowhere",))
"""Words to search for: some are in many texts, some in few, some in none. Single characters and phrases are among them."""

AUTHORS = ["王芳", "王芳@10.0.0.2", "小明", "小明@old", "nobody"]
"""Authors to filter by: whole names, or the part before the `@`."""

TAG = "会议"

LETTER_BYTES = 15_000

LATE_NUMBERS = 5  # most revisions are of one of the latest entries, so users often revise the same note


class Scenario:
    """The plan of one seed. Times are in seconds, rates from 0 to 1.

    Each seed has only some of the faults. With all of them at once, rare paths would never be reached.
    """

    def __init__(self, random: Random) -> None:
        self.trouble_seconds = random.uniform(10.0, 80.0)
        kinds = [kind for kind in INCIDENTS if random.random() < 0.4]
        times = [(random.uniform(0.0, self.trouble_seconds), kind) for kind in kinds for _ in range(random.randint(1, 3))]
        self.incidents = sorted(times)
        self.installations = random.choice((1, 1, 2, 2, 3, 4, 6))
        self.writes = random.randint(3, 15)
        self.long_entries = random.choice((0.0, 0.0, 0.1, 0.3))
        self.weather = _draw_weather(random)
        self.client_crash_rate = random.choice((0.0, 0.0, 0.01, 0.05))
        self.server_crash_rate = random.choice((0.0, 0.0, 0.02, 0.1))
        self.has_two_addresses = random.random() < 0.3
        self.revisions = random.choice((0.0, 0.2, 0.5))
        self.readings = random.choice((0, 2, 5, 10))
        self.followers = random.choice((0, 0, 1, 2))
        self.imports = random.choice((0, 0, 0, 1, 2))
        self.attacks = random.choice((0.0, 0.05, 0.3))


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
    """Draw the text of an entry. Texts with different numbers differ. `long_entries` is the share of long ones."""
    if random.random() < long_entries:
        return draw_lines(number, random.choice((1_500, 4_000, 8_000, 8_000)))
    match random.randrange(150):
        case 0:
            return draw_lines(number, 40_000)
        case chance if chance < 10:
            size = part_bytes_max("王芳@10.0.0.1") + random.randint(-1, 1)
            return f"{number} ".ljust(size, "x")
        case chance if chance < 40:
            return f"{number} 我是一个中文" + "，今日记录" * random.randrange(5)
        case chance if chance < 50:
            return f"{number} a line #{TAG} #tag{number % 3}"
        case chance if chance < 60:
            return f"\x1b[2J{number}\x00\r\n\t\x07\u202e\ufeff \U0001f4d3"
        case _:
            return f"{number} a line"


def draw_lines(number: int, size: int = LETTER_BYTES) -> str:
    """Make a text of `size` bytes or a little more, whose lines all differ."""
    lines: list[str] = []
    written = 0
    while written < size:
        lines.append(f"{number}/{len(lines)} 我是一个中文")
        written += len(lines[-1].encode()) + 1
    return "\n".join(lines)


def draw_revised(random: Random, last: int) -> int:
    """Draw the number of an entry to revise in a notebook of `last` entries.

    It is mostly one of the latest entries, sometimes any other, and rarely one that is not there yet.
    """
    if not last or random.random() < 0.05:
        return random.choice((SEQUENCE_MAX, last + 1, last + 3))
    first = max(1, last - LATE_NUMBERS) if random.random() < 0.7 else 1
    return random.randint(first, last)


def draw_query(random: Random, *, last: int, now: int) -> tuple[Query, int]:
    """Draw a query and its limit (0: none). The notebook has `last` entries; `now` is in microseconds since 1970 UTC."""
    view = random.choice((View.NOTES, View.LOG))
    query = Query(view, newest_first=random.random() < 0.5, by_time=view is View.NOTES and random.random() < 0.7)
    limit = random.choice((0, 0, 1, 3, 10))
    match random.randrange(9):
        case 0:
            return Query(view), 0
        case 1:
            return query._replace(newest_first=True), random.randint(1, 20)
        case 2 | 3:
            return query._replace(view=View.NOTES, words=random.choice(WORDS)), limit
        case 4:
            return query._replace(author=random.choice(AUTHORS).swapcase()), limit
        case 5 if last:
            return query._replace(numbers=tuple(random.randint(1, last) for _ in range(random.randint(1, 5)))), 0
        case 6:
            return query._replace(since=now - random.randint(0, 80_000_000), until=now), limit
        case 7:
            return Query(random.choice((View.AUTHORS, View.TAGS))), 0
        case _:
            words, tags = random.choice((((), (TAG,)), (("line",), ("tag1",)), (random.choice(WORDS), ())))
            return query._replace(view=View.NOTES if words else view, words=words, tags=tags), limit


def draw_file(random: Random, texts: list[str]) -> list[StoredEntry]:
    """Make an export of another notebook, with these `texts`, with revisions, deletions, and gaps in its numbers."""
    client_ids = [random.randbytes(CLIENT_ID_BYTES) for _ in range(random.randint(1, 3))]
    olds: list[StoredEntry] = []
    number = 0
    for sequence, text in enumerate(texts, 1):
        number += random.choice((1, 1, 1, 2))
        kind = random.choice((Kind.NOTE, Kind.NOTE, Kind.REVISION, Kind.DELETION)) if number > 1 else Kind.NOTE
        revises = random.randint(1, number - 1) if kind is not Kind.NOTE else 0
        at = 1_500_000_000_000_000 + number * 1_000_000
        shown = "" if kind is Kind.DELETION else text
        entry = Entry(random.choice(client_ids), sequence, kind, at, 480, "小明@old", shown, revises)
        olds.append(StoredEntry(number, at + random.randrange(1_000_000), entry, number))
    return olds

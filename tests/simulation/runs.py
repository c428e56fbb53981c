"""Running seeds: what came of each, and whether together they tried everything that they are there for."""

import traceback
from collections import Counter
from typing import NamedTuple

from tests.simulation.stage import Trace
from tests.simulation.world import simulate

FAULTS = (
    "attacker acknowledged without having seen",
    "attacker answered in the open",
    "attacker asked with a key that was taken back",
    "attacker cut a datagram",
    "attacker flipped a bit",
    "attacker offered without having been asked",
    "attacker posed as the notebook",
    "attacker reflected a datagram",
    "attacker refused what is not under way",
    "attacker repeated a datagram",
    "attacker said in the open what was sealed",
    "attacker sealed with another key",
    "attacker sent a page to nobody",
    "attacker spliced two datagrams",
    "another server at the old address",
    "answer from another address",
    "bits flipped",
    "client clock jumped",
    "client crashed after adding to the outbox",
    "client crashed after receiving",
    "client crashed at rest",
    "client crashed before a datagram left",
    "client crashed between an answer and removing the entry",
    "client moved",
    "datagram duplicated",
    "datagram late",
    "datagram lengthened",
    "datagram lost",
    "datagram lost to a partition",
    "datagram misdelivered",
    "datagram reordered",
    "datagram replayed",
    "datagram to nobody",
    "datagram truncated",
    "disk filled",
    "follower crashed",
    "import cut short",
    "importer crashed after receiving",
    "index behind after a crash",
    "index damaged",
    "index lost",
    "key changed",
    "noise sent",
    "outbox copied",
    "power lost",
    "reader crashed after receiving",
    "reader crashed at rest",
    "reader moved",
    "reading failed",
    "removal undone by a power failure",
    "second process started",
    "server clock jumped",
    "server crashed after indexing",
    "server crashed at rest",
    "server crashed before serving readers",
    "server crashed before the commit",
    "server crashed between commit and acknowledgement",
    "server crashed between reading and sending",
    "server moved",
    "write failed",
)
PATHS = (
    "AUTHORS read, all",
    "LOG read, all",
    "LOG read, author",
    "LOG read, limit",
    "LOG read, numbers",
    "LOG read, refused",
    "LOG read, tags",
    "NOTES read, all",
    "NOTES read, author",
    "NOTES read, limit",
    "NOTES read, numbers",
    "NOTES read, refused",
    "NOTES read, tags",
    "NOTES read, words",
    "TAGS read, all",
    "deletion stored",
    "entry postponed",
    "entry renewed",
    "entry renewed by another process",
    "entry revised while it was read",
    "follower caught up",
    "import completed",
    "import ended by a full disk",
    "importer told of another key",
    "impostor told of",
    "imported NEW",
    "imported ORPHANED",
    "imported THERE_ALREADY",
    "multi-part entry completed",
    "notebook discovered",
    "notebook not discovered",
    "notes found by a search",
    "own log imported",
    "page BAD_QUERY",
    "page END",
    "page INDEXING",
    "page MORE",
    "page WAITING",
    "page WRONG_NOTEBOOK",
    "page repeated by a timer",
    "reader waits for a search",
    "refused by another notebook",
    "retransmission",
    "revision refused",
    "revision stored",
    "reader told of another key",
    "search for nobody",
    "search waited for the index",
    "server dropped: corrupted",
    "server dropped: early",
    "server dropped: foreign",
    "server dropped: forged",
    "server dropped: malformed",
    "server dropped: old key",
    "server dropped: oversized",
    "server dropped: strange",
    "server dropped: truncated",
    "server dropped: type",
    "server dropped: unexpected",
    "server dropped: unsealed",
    "server dropped: version",
    "server found at another address",
    "server found by a reader",
    "server found where it was",
    "server looked for",
    "server looked for by a reader",
    "server looked for by an importer",
    "sender told of another key",
    "shows a revision",
    "slice ended with readers left",
    "unfinished entry expired",
    "verdict CONFLICT",
    "verdict NO_SPACE",
    "verdict PART_KEPT",
    "verdict REFUSED",
    "verdict STORED",
    "verdict STORED_ALREADY",
)
"""What enough seeds together must meet, so that the simulation cannot stop testing something without being noticed."""


class Result(NamedTuple):
    """What came of one seed; `failure` is empty if it kept every promise, else a traceback."""

    seed: int
    failure: str
    settled_seconds: float
    entries: int
    coverage: Counter[str]


def run_seed(seed: int, trace: Trace | None = None) -> Result:
    """Run one seed."""
    try:
        outcome = simulate(seed, trace)
    except Exception:  # noqa: BLE001 - whatever it is, the seed that leads there must be told
        return Result(seed, traceback.format_exc(), 0.0, 0, Counter())
    return Result(seed, "", outcome.settled_seconds, outcome.entries, outcome.coverage)


def replay_command(seed: int) -> str:
    """What to type to see a seed's every step."""
    return f"python -m tests.simulation --seed {seed}"


def untried(coverage: Counter[str]) -> list[str]:
    """The faults and paths that were not met."""
    return [what for what in FAULTS + PATHS if not coverage[what]]

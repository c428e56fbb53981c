"""`python -m tests.system`, as root: how long things take on a LAN of namespaces; exit code 1 if a promise is missed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.system.lab import Lab
from tests.system.measures import Figures, append_amid_slow_queries, figures, follow_writer

LINE_SECONDS_MAX = 0.05
"""From an acknowledgement to the line on every follower of a quiet LAN."""

HELD_UP_SECONDS_MAX = 0.02
"""What a slow query may add to the time until an acknowledgement."""

STOCK_ENTRIES = 200_000


@contextmanager
def laboratory() -> Iterator[Lab]:
    with TemporaryDirectory(prefix="udpnote-measures-", dir=Path.cwd()) as folder:
        lab = Lab(Path(folder))
        try:
            yield lab
        finally:
            lab.close()


def tell(what: str, measured: Figures, target_seconds: float) -> bool:
    """Print a row; gives whether the worst is within the target."""
    is_met = measured.worst <= target_seconds
    print(f"{'met   ' if is_met else 'MISSED'}  {what:<68} ≤ {1000 * target_seconds:3.0f} ms   {measured}", flush=True)
    return is_met


def main() -> int:
    met = []
    for pause_seconds in (0.15, 0.02):
        with laboratory() as lab:
            followed = follow_writer(lab, entries=100, pause_seconds=pause_seconds)
        what = f"acknowledgement to line on 3 followers, an entry every {1000 * pause_seconds:.0f} ms"
        met.append(tell(what, figures(followed.delays), LINE_SECONDS_MAX))
    with laboratory() as lab:
        alone, amid, _ = append_amid_slow_queries(lab, stock=STOCK_ENTRIES, entries=200)
    worst_alone = figures(alone).worst
    tell(f"an entry acknowledged, {STOCK_ENTRIES:,} there, nobody reads", figures(alone), worst_alone)
    met.append(tell("the same amid slow queries", figures(amid), worst_alone + HELD_UP_SECONDS_MAX))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.system`, as root: how long things take on a LAN of namespaces. Exit code 1 if a promise is missed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.system.lab import Lab
from tests.system.measures import Figures, append_amid_slow_queries, figures, seconds_until_followers_print

LINE_SECONDS_MAX = 0.05
"""From an acknowledgement to the line on every follower of a quiet LAN."""

HELD_UP_SECONDS_MAX = 0.02
"""What slow queries may add to the time until an acknowledgement."""

STORED_ENTRIES = 200_000


@contextmanager
def laboratory() -> Iterator[Lab]:
    """A laboratory with its files in a temporary folder."""
    with TemporaryDirectory(prefix="udpnote-measures-", dir=Path.cwd()) as folder:
        lab = Lab(Path(folder))
        try:
            yield lab
        finally:
            lab.close()


def report(what: str, measured: Figures, seconds_max: float) -> bool:
    """Print one row; gives whether the worst duration is within `seconds_max`."""
    is_met = measured.worst <= seconds_max
    print(f"{'met   ' if is_met else 'MISSED'}  {what:<68} ≤ {1000 * seconds_max:3.0f} ms   {measured}", flush=True)
    return is_met


def main() -> int:
    """Measure everything; gives the exit code."""
    met = []
    for pause_seconds in (0.15, 0.02):
        with laboratory() as lab:
            delays = seconds_until_followers_print(lab, entries=100, pause_seconds=pause_seconds)
        what = f"acknowledgement to line on 3 followers, an entry every {1000 * pause_seconds:.0f} ms"
        met.append(report(what, figures(delays), LINE_SECONDS_MAX))
    with laboratory() as lab:
        alone, amid, _ = append_amid_slow_queries(lab, stored=STORED_ENTRIES, entries=200)
    worst_alone = figures(alone).worst
    report(f"an entry acknowledged, {STORED_ENTRIES:,} there, nobody reads", figures(alone), worst_alone)
    met.append(report("the same amid slow queries", figures(amid), worst_alone + HELD_UP_SECONDS_MAX))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())

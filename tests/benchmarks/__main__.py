"""`python -m tests.benchmarks [MEASURE ...]`: all measurements, or the ones named; exit code 1 if a target is missed."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.measures import Row, lock_step, losses, million, one_shot, sustained
from tests.benchmarks.reading import export, held_up, reading
from tests.benchmarks.sealing import sealed_sustained, strangers

MEASURES: dict[str, Callable[[Path], Iterator[Row]]] = {
    measure.__name__.replace("_", "-"): measure
    for measure in (sustained, lock_step, losses, one_shot, million, reading, export, held_up, sealed_sustained, strangers)
}


def main(names: list[str]) -> int:
    """Run the measurements and print each row as it is known."""
    unknown = set(names) - set(MEASURES)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}", file=sys.stderr)
        return 2
    missed = 0
    with TemporaryDirectory(prefix="udpnote-benchmarks-", dir=Path.cwd()) as folder:
        for name in names or MEASURES:
            for row in MEASURES[name](Path(folder)):
                print(f"{'met   ' if row.is_met else 'MISSED'}  {row.what:<60} {row.target:>7}   {row.figure}", flush=True)
                missed += not row.is_met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tests.benchmarks [MEASURE ...]`: all measurements, or the ones named; exit code 1 if a target is missed."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.growth import million
from tests.benchmarks.measures import Row, one_shot
from tests.benchmarks.reading import export, held_up, reading
from tests.benchmarks.sealing import sealed_sustained, strangers
from tests.benchmarks.writing import crowd, lock_step, losses, sustained

MEASURES: dict[str, Callable[[Path], Iterator[Row]]] = {
    measure.__name__.replace("_", "-"): measure
    for measure in (
        sustained,
        crowd,
        lock_step,
        losses,
        one_shot,
        million,
        reading,
        export,
        held_up,
        sealed_sustained,
        strangers,
    )
}

VERDICTS = {True: "met   ", False: "MISSED", None: "none  "}


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
                print(f"{VERDICTS[row.is_met]}  {row.what:<60} {row.target:>7}   {row.figure}", flush=True)
                missed += row.is_met is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

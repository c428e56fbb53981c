"""`python -m tests.benchmarks [MEASURE ...]`: runs the named measurements or, if none is named, all except the longest.

Exit code 1: a target is missed. Exit code 2: no measurement has that name.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.bulk import interactive, pipe
from tests.benchmarks.growth import growth, growth_to_ten_million, million
from tests.benchmarks.measures import Row
from tests.benchmarks.page import page
from tests.benchmarks.reading import export, held_up
from tests.benchmarks.sealing import sealed_sustained, strangers
from tests.benchmarks.start_up import start_up
from tests.benchmarks.writing import ceiling, crowd, lock_step, losses, sustained

MEASURES: dict[str, Callable[[Path], Iterator[Row]]] = {
    measure.__name__.replace("_", "-"): measure
    for measure in (
        sustained, ceiling, crowd, lock_step, losses, start_up, interactive, pipe, million, growth, growth_to_ten_million,
        export, held_up, sealed_sustained, strangers, page,
    )
}  # fmt: skip

ONLY_BY_NAME = {"growth-to-ten-million"}
"""Measures that take so long that they run only if they are named."""

VERDICTS = {True: "met   ", False: "MISSED", None: "none  "}


def main(names: list[str]) -> int:
    """Run the measurements with these `names`, print each row as soon as it is measured, and return the exit code."""
    unknown = set(names) - set(MEASURES)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}", file=sys.stderr)
        return 2
    missed = 0
    with TemporaryDirectory(prefix="udpnote-benchmarks-", dir=Path.cwd()) as folder:
        for name in names or [name for name in MEASURES if name not in ONLY_BY_NAME]:
            for row in MEASURES[name](Path(folder)):
                print(f"{VERDICTS[row.is_met]}  {row.what:<70} {row.target:>7}   {row.figure}", flush=True)
                missed += row.is_met is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tests.simulation`: replay one seed with a trace, or run many on all processor cores."""

import argparse
import os
import signal
import sys
import time
from collections import Counter
from multiprocessing import Pool

from tests.simulation.runs import FAULTS, PATHS, Result, replay_command, run_seed, untried

PROGRESS_SECONDS = 2.0
SEEDS_AT_ONCE = 16
INTERRUPTED = 130


def main() -> int:
    """Run the seeds that the arguments name; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Simulate a LAN from seeds.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="replay this seed, with a trace of its every step")
    what.add_argument("--seeds", type=int, help="run so many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default: 0)")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _replay(arguments.seed)
    tally = Tally(arguments.seeds)
    try:
        _run(range(arguments.first, arguments.first + arguments.seeds), tally)
    except KeyboardInterrupt:
        tally.report()
        return INTERRUPTED
    tally.report()
    return 1 if tally.failed else 0


def _replay(seed: int) -> int:
    result = run_seed(seed, trace=lambda line: print(ascii(line)[1:-1]))
    if result.failure:
        print(result.failure, file=sys.stderr)
        return 1
    print(f"seed {seed}: {result.entries} entries, settled {result.settled_seconds:.0f} s after the trouble", file=sys.stderr)
    return 0


def _run(seeds: range, tally: "Tally") -> None:
    """Run `seeds` on all cores; an interruption ends the workers, too."""
    with Pool(os.cpu_count(), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        for result in pool.imap_unordered(run_seed, seeds, chunksize=SEEDS_AT_ONCE):
            tally.add(result)


class Tally:
    """The results of the seeds so far."""

    def __init__(self, seeds: int) -> None:
        self.failed: list[int] = []
        self._seeds, self._done, self._entries = seeds, 0, 0
        self._slowest = Result(0, "", 0.0, 0, Counter())
        self._coverage: Counter[str] = Counter()
        self._started = self._shown = time.monotonic()

    def add(self, result: Result) -> None:
        """Count `result`, and show it if it is a failure."""
        self._done += 1
        self._entries += result.entries
        self._coverage.update(result.coverage)
        self._slowest = max(self._slowest, result, key=lambda each: each.settled_seconds)
        if result.failure:
            self.failed.append(result.seed)
            print(f"\n{result.failure}seed {result.seed} failed: {replay_command(result.seed)}", file=sys.stderr)
        if time.monotonic() >= self._shown + PROGRESS_SECONDS:
            self._shown = time.monotonic()
            rate = self._done / (self._shown - self._started)
            progress = f"{self._done:,} of {self._seeds:,} seeds, {rate:.0f}/s, {len(self.failed)} failed"
            print(f"\r{progress}", end="", file=sys.stderr, flush=True)

    def report(self) -> None:
        """Print what was tried and what failed."""
        print(file=sys.stderr)
        for what in FAULTS + PATHS:
            print(f"{self._coverage[what]:12,}  {what}")
        slowest = f"the slowest settled after {self._slowest.settled_seconds:.0f} s (seed {self._slowest.seed})"
        print(f"{self._done:,} seeds, {self._entries:,} entries, {len(self.failed)} failed; {slowest}")
        if untried(self._coverage):
            print(f"never tried: {', '.join(untried(self._coverage))}")
        for seed in sorted(self.failed):
            print(f"failed: {replay_command(seed)}")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.simulation`: replay one seed with a trace, or run many on all processor cores."""

import argparse
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from multiprocessing import Pool

from tests.simulation.runs import Result, replay_command, run_seed, untried

SEEDS_AT_ONCE = 16


def main() -> int:
    """Run the seeds that the arguments name, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Simulate a LAN from seeds.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="replay this seed, with a trace of its every step")
    what.add_argument("--seeds", type=int, help="run so many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default: 0)")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        failure = run_seed(arguments.seed, trace=lambda line: print(ascii(line)[1:-1])).failure
        print(failure or "every promise was kept", file=sys.stderr)
        return 1 if failure else 0
    results: list[Result] = []
    with suppress(KeyboardInterrupt):
        _run(range(arguments.first, arguments.first + arguments.seeds), results)
    coverage = sum((result.coverage for result in results), Counter[str]())
    failed = [result.seed for result in results if result.failure]
    print(f"{len(results):,} of {arguments.seeds:,} seeds, {len(failed)} failed; never tried: {untried(coverage)}")
    return 1 if failed or len(results) < arguments.seeds else 0


def _run(seeds: range, results: list[Result]) -> None:
    """Run `seeds` on all cores, add their results to `results`, and print each failure. Ctrl-C ends the workers, too."""
    with Pool(os.cpu_count(), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        for result in pool.imap_unordered(run_seed, seeds, chunksize=SEEDS_AT_ONCE):
            results.append(result)
            if result.failure:
                print(f"{result.failure}seed {result.seed} failed: {replay_command(result.seed)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

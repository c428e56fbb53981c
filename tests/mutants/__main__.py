"""`python -m tests.mutants`: apply one mutant at a time in a copy, run the tests that should fail, and print the survivors.

A mutant is killed if its tests fail, and survives if they do not. The exit code is 0 if every mutant was killed, else 1.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.catalogue import Mutant, read_catalogue

ROOT = Path(__file__).parents[2]

SECONDS_MAX = 300.0
"""How long the tests of one mutant may take. A mutant whose tests take longer is killed, too."""

KILLED = "killed"


def main() -> int:
    """Run or print the mutants that the command line asks for. Returns the exit code."""
    # A shell starts its background jobs with SIGINT ignored. Tests of Ctrl-C would then fail for every mutant.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Print the mutants that no test notices.")
    parser.add_argument("pattern", nargs="?", default="", help="only the mutants whose path or promise contains this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many copies are tested at once")
    parser.add_argument("--list", action="store_true", help="print the mutants, without a test run")
    arguments = parser.parse_args()
    mutants = [mutant for mutant in read_catalogue() if arguments.pattern in f"{mutant.path} {mutant.promise}"]
    if arguments.list:
        print(*mutants, sep="\n")
        return 0
    return _run(mutants, arguments.jobs)


def _run(mutants: list[Mutant], jobs: int) -> int:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as executor:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            ignored = shutil.ignore_patterns(".*", "__pycache__")
            copies.put(shutil.copytree(ROOT, Path(folder, str(number)), ignore=ignored))
        outcomes = list(executor.map(lambda mutant: _outcome(mutant, copies), mutants))
    survivors = [mutant for mutant, outcome in zip(mutants, outcomes, strict=True) if outcome != KILLED]
    print(f"\n{len(mutants) - len(survivors)} of {len(mutants)} mutants killed")
    for mutant in survivors:
        print(f"{mutant}\n  {mutant.old!r}\n  -> {mutant.new!r}\n  tests: {' '.join(mutant.tests)}")
    return 1 if survivors else 0


def _outcome(mutant: Mutant, copies: SimpleQueue[Path]) -> str:
    """Apply `mutant` in a free one of `copies`, run its tests, and undo it. Print and return the outcome."""
    copy = copies.get()
    file = copy / mutant.path
    text = file.read_text()
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        outcome = _tested(copy, mutant.tests)
    finally:
        file.write_text(text)
        copies.put(copy)
    print(f"{outcome}  {mutant}", flush=True)
    return outcome


def _tested(copy: Path, tests: tuple[str, ...]) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-o", "addopts=", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        return KILLED
    return {0: "SURVIVED", 1: KILLED}.get(done.returncode, "TESTS DO NOT RUN")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.mutants`: break one line at a time in a copy, run the tests that should fail, and print the survivors.

Exit code 0 if every mutant was killed, 1 if one survived, 2 if one does not apply: its line is no longer in the code.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.catalogue import Mutant, read_catalogue

ROOT = Path(__file__).parents[2]

SECONDS_MAX = 300.0
"""How long the tests of one mutant may take: a mutant that makes them hang counts as killed."""

COPIED = ("udpnote", "tests", "docs", "README.md", "pyproject.toml")
"""What a copy of the project holds: all that tests read."""


class Outcome(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    NOT_APPLICABLE = "DOES NOT APPLY"
    TESTS_BROKEN = "TESTS DO NOT RUN"


def main() -> int:
    """Run the mutants that the command line asks for, or only check that each applies."""
    # A shell starts its background jobs with SIGINT ignored, and tests of Ctrl-C would then fail for every mutant.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("pattern", nargs="?", default="", help="only the mutants whose path or promise contains this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many copies are tested at once")
    parser.add_argument("--list", action="store_true", help="print the mutants and check that each applies, without a test run")
    arguments = parser.parse_args()
    mutants = [mutant for mutant in read_catalogue() if arguments.pattern in f"{mutant.path} {mutant.promise}"]
    if arguments.list:
        return _list(mutants)
    return _run(mutants, jobs=max(1, arguments.jobs))


def _list(mutants: list[Mutant]) -> int:
    for mutant in mutants:
        print(f"{'' if mutant.applies_to(ROOT) else 'DOES NOT APPLY  '}{mutant}")
    return 0 if all(mutant.applies_to(ROOT) for mutant in mutants) else 2


def _run(mutants: list[Mutant], *, jobs: int) -> int:
    outcomes: dict[Mutant, Outcome] = {}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as executor:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            copies.put(_copied(Path(folder) / f"copy-{number}"))
        futures = {executor.submit(_tried, mutant, copies): mutant for mutant in mutants}
        for done, future in enumerate(as_completed(futures), 1):
            mutant = futures[future]
            outcomes[mutant] = future.result()
            elapsed = time.monotonic() - started
            print(f"{done}/{len(mutants)}  {elapsed:.0f} s  {outcomes[mutant].value}  {mutant}", flush=True)
    survivors = [mutant for mutant in mutants if outcomes[mutant] is not Outcome.KILLED]
    print(f"\n{len(mutants) - len(survivors)} of {len(mutants)} mutants killed")
    for mutant in survivors:
        print(f"{outcomes[mutant].value}: {mutant}\n  {mutant.old!r}\n  -> {mutant.new!r}\n  tests: {' '.join(mutant.tests)}")
    if any(outcomes[mutant] in (Outcome.NOT_APPLICABLE, Outcome.TESTS_BROKEN) for mutant in survivors):
        return 2
    return 1 if survivors else 0


def _copied(copy: Path) -> Path:
    """A copy of the project in the folder `copy`."""
    copy.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


def _tried(mutant: Mutant, copies: SimpleQueue[Path]) -> Outcome:
    """Break the code in a free copy, and run the mutant's tests there."""
    copy = copies.get()
    try:
        if not mutant.applies_to(copy):
            return Outcome.NOT_APPLICABLE
        with _broken(copy / mutant.path, mutant):
            return _tested(copy, mutant.tests)
    finally:
        copies.put(copy)


@contextmanager
def _broken(file: Path, mutant: Mutant) -> Iterator[None]:
    text = file.read_text()
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        yield
    finally:
        file.write_text(text)


def _tested(copy: Path, tests: tuple[str, ...]) -> Outcome:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-o", "addopts=", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome.KILLED
    if done.returncode == 0:
        return Outcome.SURVIVED
    return Outcome.KILLED if done.returncode == 1 else Outcome.TESTS_BROKEN  # 1: collected, and a test failed


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.endurance [NAME ...]`: long experiments, and a table of what they found.

Exit code 1 if an entry was lost or stored twice, a target was missed, or a round did not end as it should; 130 after Ctrl-C.
Each round has a seed of its own, which is printed; `--seed` with it makes that round the first one.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tests.endurance.crowd import crowd
from tests.endurance.floods import flood
from tests.endurance.full_disks import full_disks
from tests.endurance.kills import kills
from tests.endurance.power_cuts import power_cuts
from tests.endurance.table import Row, as_markdown
from tests.system.floods import FLOODS
from tests.system.lab import Lab

MINUTES = 12.0
"""How long each experiment takes by default. All of them together take an hour."""

NAMES = ("kills", "power-cuts", "full-disks", "floods", "crowd")

Round = Callable[[Lab, int], Iterator[Row]]


def rounds(name: str, seconds: float) -> list[Round]:
    """The rounds of the experiment `name`. They are run in turn until `seconds` are over, but each at least once."""
    floods: list[Round] = [partial(flood, name=each, seconds=seconds / len(FLOODS)) for each in FLOODS]
    one: dict[str, Round] = {"kills": kills, "power-cuts": power_cuts, "full-disks": full_disks, "crowd": crowd}
    return floods if name == "floods" else [one[name]]


def run(names: list[str], seconds: float, first_seed: int, rows: dict[str, Row], failures: list[str]) -> None:
    """Run the experiments, and put into `rows` and `failures` what they find."""
    for name in names:
        each_once, ends_at = rounds(name, seconds), time.monotonic() + seconds
        for number, one in enumerate(cycle(each_once)):
            if number >= len(each_once) and time.monotonic() > ends_at:
                break
            what = f"{name} --seed {first_seed + number}"
            say(what)
            try:
                with laboratory() as lab:
                    for row in one(lab, first_seed + number):
                        say(f"{what}: {json.dumps(row.figures, ensure_ascii=False)}")
                        rows.setdefault(row.what, Row(row.what, is_flood=row.is_flood)).add(row)
            except (AssertionError, pytest.skip.Exception) as problem:
                failures.append(f"{what}: {problem}")
                say(failures[-1])
                if not isinstance(problem, AssertionError):
                    break  # this machine cannot run the experiment


@contextmanager
def laboratory() -> Iterator[Lab]:
    """A laboratory in a temporary folder; both are removed at the end."""
    with uninterrupted():
        folder = TemporaryDirectory(prefix="udpnote-endurance-")
        lab = Lab(Path(folder.name))
    try:
        yield lab
    finally:
        with uninterrupted():
            lab.close()
            folder.cleanup()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C take effect only after the block."""
    pressed: list[bool] = []
    signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Run the experiments that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description="Run the long experiments, as root.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)} (default: all)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"for each experiment (default: {MINUTES:g})")
    parser.add_argument("--seed", type=int, default=Random().randrange(10**6), help="of the first round (default: random)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts its background jobs with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    started, code = time.strftime("%Y-%m-%d %H:%M"), 0
    rows: dict[str, Row] = {}
    failures: list[str] = []
    try:
        run(arguments.names or list(NAMES), 60 * arguments.minutes, arguments.seed, rows, failures)
    except KeyboardInterrupt:
        code = 130
    print(as_markdown(list(rows.values())), *failures, sep="\n")
    load = os.getloadavg()[2]
    print(f"\n{started}, {arguments.minutes:g} minutes each, seed {arguments.seed}; load {load:.0f} at the end")
    return 1 if failures or not all(row.is_met for row in rows.values()) else code


if __name__ == "__main__":
    sys.exit(main())

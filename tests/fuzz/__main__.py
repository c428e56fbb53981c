"""`python -m tests.fuzz`: fuzz each target for some seconds. Exit code 1: a target breaks; 69: libFuzzer is not installed.

An input that breaks a target is added to its saved inputs, so that `pytest tests/fuzz` repeats it.
"""

import argparse
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.targets import INPUTS_MAX, TARGETS, corpus_file, inputs


def main() -> int:
    """Fuzz the targets that the arguments name, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Search for bytes that break a decoder.")
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET", help=f"default: {' '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=20, help="how long for each (default: 20)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**31, help="to repeat a run")
    parser.add_argument("--save", action="store_true", help="add inputs that take new paths to the saved corpus")
    arguments = parser.parse_args()
    if find_spec("atheris") is None:
        print("libFuzzer is not installed: pip install 'udpnote[fuzz]'", file=sys.stderr)
        return os.EX_UNAVAILABLE
    return max(_fuzz(name, arguments) for name in arguments.targets)


def _fuzz(name: str, arguments: argparse.Namespace) -> int:
    print(f"{name}: {arguments.seconds} s, seed {arguments.seed}", file=sys.stderr, flush=True)
    with TemporaryDirectory(prefix="udpnote-fuzz-") as folder:
        found = Path(folder, "inputs")
        found.mkdir()
        for number, data in enumerate(inputs(name)):
            (found / str(number)).write_bytes(data)
        options = [f"-max_total_time={arguments.seconds}", f"-seed={arguments.seed}"]
        command = [sys.executable, "-m", "tests.fuzz.guided", name, folder, *options]
        code = subprocess.run(command, check=False).returncode
        crashes = {path.read_bytes() for path in Path(folder).glob("crash-*")}
        for crash in crashes:
            print(f"{name} is broken by {crash.hex()}", file=sys.stderr)
        if crashes or arguments.save:
            _save(name, crashes or {path.read_bytes() for path in found.iterdir()})
    return min(code, 1)


def _save(name: str, found: set[bytes]) -> None:
    """Add the new inputs among `found`, the shortest first, to the saved inputs of the target `name`, up to `INPUTS_MAX`.

    libFuzzer has left only inputs that take a new path.
    """
    known = inputs(name)
    new = sorted(found - set(known), key=lambda data: (len(data), data))
    saved = [*known[len(TARGETS[name].seeds) :], *new][:INPUTS_MAX]
    corpus_file(name).write_text("".join(f"{data.hex()}\n" for data in saved))
    print(f"{name}: {len(saved)} inputs are saved", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

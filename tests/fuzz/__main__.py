"""`python -m tests.fuzz`: look for bytes that break a target, for so many seconds each; exit code 1 if there are any."""

import argparse
import hashlib
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.fuzz import corpus, mutation
from tests.fuzz.targets import TARGETS


class Outcome(NamedTuple):
    """What came of fuzzing: inputs that may take new ways, and one that broke the target."""

    found: list[bytes]
    broken: bytes | None


def main() -> int:
    """Fuzz what the arguments say; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Look for bytes that break a decoder.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"what to fuzz: {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--seconds", type=int, default=20, help="how long for each (default: 20)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**31, help="for the same inputs again")
    parser.add_argument("--save", action="store_true", help="add what takes new ways to the saved corpus")
    parser.add_argument("--plain", action="store_true", help="do without atheris, although it is installed")
    parser.add_argument("--replay", metavar="FILE", help="try the one input in this file, in hexadecimal")
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if arguments.replay:
        return _replay(names, Path(arguments.replay))
    is_guided = find_spec("atheris") is not None and not arguments.plain
    return max(_fuzz(name, arguments, is_guided=is_guided) for name in names)


def _replay(names: list[str], file: Path) -> int:
    for name in names:
        TARGETS[name].check(bytes.fromhex(file.read_text()))
    print("it breaks nothing", file=sys.stderr)
    return 0


def _fuzz(name: str, arguments: argparse.Namespace, *, is_guided: bool) -> int:
    engine = "libFuzzer" if is_guided else "random changes"
    print(f"{name}: {arguments.seconds} s of {engine}, seed {arguments.seed}", file=sys.stderr, flush=True)
    run = _with_atheris if is_guided else _with_mutation
    outcome = run(name, arguments.seconds, arguments.seed)
    if outcome.broken is not None:
        _report(name, outcome.broken)
        return 1
    if arguments.save:
        print(f"{name}: {corpus.save(name, outcome.found)} inputs are saved", file=sys.stderr)
    return 0


def _report(name: str, data: bytes) -> None:
    file = f"crash-{name}-{hashlib.sha1(data).hexdigest()[:12]}.hex"
    Path(file).write_text(data.hex() + "\n")
    print(f"{name} is broken by {data.hex()}\nto see how again: python -m tests.fuzz {name} --replay {file}", file=sys.stderr)


def _with_mutation(name: str, seconds: int, seed: int) -> Outcome:
    found: list[bytes] = []
    tried, until = 0, time.monotonic() + seconds
    try:
        for data in mutation.fuzz(TARGETS[name].check, corpus.inputs(name), Random(seed)):
            tried += 1
            if data is not None:
                found.append(data)
            if time.monotonic() >= until:
                break
    except mutation.Broken as broken:
        print(f"{name}: {broken.__cause__!r}", file=sys.stderr)
        return Outcome(found, broken.data)
    print(f"{name}: {tried:,} inputs tried, {len(found)} took new ways", file=sys.stderr)
    return Outcome(found, None)


def _with_atheris(name: str, seconds: int, seed: int) -> Outcome:
    with TemporaryDirectory(prefix="udpnote-fuzz-") as folder:
        inputs = Path(folder, "inputs")
        inputs.mkdir()
        for number, data in enumerate(corpus.inputs(name)):
            (inputs / str(number)).write_bytes(data)
        command = [sys.executable, "-m", "tests.fuzz.guided", name, folder, str(seconds), str(seed)]
        code = subprocess.run(command, check=False).returncode
        crashes = [path.read_bytes() for path in Path(folder).iterdir() if path.is_file()]
        found = [path.read_bytes() for path in inputs.iterdir()]
    assert bool(crashes) == bool(code), "libFuzzer ended badly, and not for an input"
    return Outcome(found, crashes[0] if crashes else None)


if __name__ == "__main__":
    sys.exit(main())

"""The saved inputs of each target, and which of them are worth saving."""

import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import INPUT_BYTES_MAX, TARGETS, Check

FOLDER = Path(__file__).parent / "corpus"
TRACED = str(Path("udpnote", "protocol"))
INPUTS_MAX = 200
"""Of each target: what is replayed with the tests must not hold them up."""

Ways = set[tuple[str, int, int]]
"""A way is a file, and two lines of it of which the second was run right after the first."""


def path_of(name: str) -> Path:
    """The file that holds the saved inputs of the target."""
    return FOLDER / f"{name}.hex"


def saved(name: str) -> list[bytes]:
    """The saved inputs of the target."""
    return [bytes.fromhex(line) for line in path_of(name).read_text().splitlines()] if path_of(name).exists() else []


def inputs(name: str) -> list[bytes]:
    """All inputs to begin with."""
    return [*TARGETS[name].seeds, *saved(name)]


def ways(check: Check, data: bytes) -> Ways:
    """Which ways through the protocol's code `check` takes for `data`; raises what it raises."""
    taken: Ways = set()

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        if TRACED not in file:
            return None
        last = frame.f_code.co_firstlineno

        def follow(frame: FrameType, _event: str, _argument: Any) -> Any:
            nonlocal last
            taken.add((file, last, frame.f_lineno))
            last = frame.f_lineno
            return follow

        return follow

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        check(data)
    finally:
        sys.settrace(before)
    return taken


def save(name: str, found: Iterable[bytes]) -> int:
    """Save those of `found` that go ways which no input before them goes; gives how many are saved now."""
    target = TARGETS[name]
    known: Ways = set().union(*(ways(target.check, data) for data in target.seeds))
    kept: list[bytes] = []
    for data in sorted({*saved(name), *found}, key=lambda data: (len(data), data)):
        new = ways(target.check, data) - known
        if new and len(data) <= INPUT_BYTES_MAX and len(kept) < INPUTS_MAX:
            known |= new
            kept.append(data)
    path_of(name).write_text("".join(f"{data.hex()}\n" for data in kept))
    return len(kept)

"""Reads the mutants: which lines they break, how, and which tests must then fail.

`catalogue.txt` has one mutant after another. Each begins with a line that names the file and the tests. Then come the lines of
the file as they are, each after a `-`, and the lines that replace them, each after a `+`. Lines that begin with `#` say which
promise all mutants up to the next blank line break.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CATALOGUE = Path(__file__).with_name("catalogue.txt")


class Mutant(NamedTuple):
    """Replaces the lines `old` in the file `path`, which has them exactly once, by the lines `new`.

    `tests` are paths of tests, from the project's root. Their run must then fail. `promise` says what the mutant breaks.
    """

    promise: str
    path: str
    tests: tuple[str, ...]
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}: {self.promise or ' '.join((self.new.strip() or f'without {self.old.strip()}').split())}"

    def applies_to(self, root: Path) -> bool:
        """Whether the file, below the folder `root`, still has the lines `old` exactly once."""
        file = root / self.path
        return file.is_file() and file.read_text().count(self.old) == 1


def read_catalogue() -> Iterator[Mutant]:
    """Yield all mutants, in the order of the file. Raises `ValueError` for a block that is no mutant."""
    for block in CATALOGUE.read_text().split("\n\n"):
        promise = " ".join(line[1:].strip() for line in block.splitlines() if line.startswith("#"))
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        heads = [number for number, line in enumerate(lines) if line[0] not in "-+"]
        for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
            path, *tests = lines[start].split()
            old = "".join(f"{line[1:]}\n" for line in lines[start:end] if line.startswith("-"))
            new = "".join(f"{line[1:]}\n" for line in lines[start:end] if line.startswith("+"))
            if not old or not tests:
                raise ValueError(f"{CATALOGUE}: no lines to replace, or no tests, at {lines[start]!r}")
            yield Mutant(promise, path, tuple(tests), old, new)

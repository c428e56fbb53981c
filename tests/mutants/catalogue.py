"""The mutants: which line is broken, how, which promise of the design that breaks, and which tests must fail."""

from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """One line (or a few) of the file `path` that is replaced: `old`, which occurs there exactly once, by `new`.

    `tests` are the paths, from the project's root, whose run must then fail; `promise` says in a few words what is broken.
    """

    promise: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}: {self.promise}"

    def applies_to(self, root: Path) -> bool:
        """Whether the line is still in the code below the folder `root`, once."""
        file = root / self.path
        return file.is_file() and file.read_text().count(self.old) == 1


MUTANTS: tuple[Mutant, ...] = ()

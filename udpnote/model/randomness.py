"""Where random numbers come from: the operating system, or a `random.Random` with a seed in a simulation."""

from typing import Protocol


class Randomness(Protocol):
    """Gives random numbers and bytes. Ids are made of them, so they must be unpredictable, except in simulations."""

    def random(self) -> float:
        """A random number, evenly distributed, from 0 (included) to 1 (excluded)."""

    def randbytes(self, n: int, /) -> bytes:
        """`n` random bytes."""

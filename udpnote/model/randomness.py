"""Where random numbers come from: the operating system, or a `random.Random` with a seed in a simulation."""

from typing import Protocol


class Randomness(Protocol):
    """Gives random numbers and bytes. Ids are made of them, so outside of simulations they must be unpredictable."""

    def random(self) -> float:
        """A number that is at least 0 and less than 1, each with the same probability."""

    def randbytes(self, n: int, /) -> bytes:
        """`n` random bytes."""

"""The random numbers of this machine. `random.SystemRandom` gives the same, but importing `random` takes a millisecond."""

import os

_BITS = 53  # of a float's significand


class SystemRandomness:
    """Random numbers from the operating system (`os.urandom`), which nobody can predict."""

    randbytes = staticmethod(os.urandom)

    def random(self) -> float:
        """A number that is at least 0 and less than 1, each with the same probability."""
        return (int.from_bytes(os.urandom(7)) >> (7 * 8 - _BITS)) / (1 << _BITS)

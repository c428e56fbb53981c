"""A fuzzer of the standard library alone: inputs are changed at random, and what takes a new way is changed further."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.fuzz.corpus import Ways, ways
from tests.fuzz.targets import INPUT_BYTES_MAX, Check

CHANGES_MAX = 4
PIECE_BYTES_MAX = 32
EXTREMES = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
"""Where fields end and signs change."""


class Broken(Exception):
    """An input for which the target raised."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


def fuzz(check: Check, inputs: Sequence[bytes], random: Random) -> Iterator[bytes | None]:
    """Try one input after the other, for ever; gives each that took a new way, and None for one that did not.

    Raises `Broken` from what the target raised.
    """
    known: Ways = set()
    pool = list(inputs)
    for data in inputs:
        known |= _tried(check, data)
    while True:
        data = mutated(pool, random)
        new = _tried(check, data) - known
        if new:
            known |= new
            pool.append(data)
        yield data if new else None


def mutated(pool: Sequence[bytes], random: Random) -> bytes:
    """One of `pool` with a few changes."""
    data = bytearray(random.choice(pool))
    for _ in range(random.randint(1, CHANGES_MAX)):
        at = random.randint(0, len(data))
        random.choice(_CHANGES)(data, at, pool, random)
    return bytes(data[:INPUT_BYTES_MAX])


def _tried(check: Check, data: bytes) -> Ways:
    try:
        return ways(check, data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Broken(data) from error


def _flip(data: bytearray, at: int, _pool: Sequence[bytes], random: Random) -> None:
    if at < len(data):
        data[at] ^= 1 << random.randrange(8)


def _put_number(data: bytearray, at: int, _pool: Sequence[bytes], random: Random) -> None:
    size = random.choice((1, 2, 4, 8))
    number = (random.choice(EXTREMES) + random.randint(-1, 1)) % 2 ** (8 * size)
    data[at : at + size] = number.to_bytes(size)


def _remove(data: bytearray, at: int, _pool: Sequence[bytes], random: Random) -> None:
    del data[at : at + random.randint(1, PIECE_BYTES_MAX)]


def _insert(data: bytearray, at: int, _pool: Sequence[bytes], random: Random) -> None:
    size = random.randint(1, PIECE_BYTES_MAX)
    data[at:at] = random.choice((bytes(size), random.randbytes(size)))


def _take_from_another(data: bytearray, at: int, pool: Sequence[bytes], random: Random) -> None:
    other = random.choice(pool)
    start = random.randint(0, len(other))
    piece = other[start : start + random.randint(1, PIECE_BYTES_MAX)]
    data[at : at + random.choice((0, len(piece)))] = piece


def _cut(data: bytearray, at: int, _pool: Sequence[bytes], _random: Random) -> None:
    del data[at:]


_Change = Callable[[bytearray, int, Sequence[bytes], Random], None]
_CHANGES: tuple[_Change, ...] = (_flip, _flip, _put_number, _put_number, _remove, _insert, _take_from_another, _cut)

"""Checks the numbers of entries, and how many of them, that a program passes to the library."""

from collections.abc import Iterable, Sequence

from udpnote.errors import InvalidQuery
from udpnote.model.argument_types import check_several, check_type
from udpnote.model.entry import SEQUENCE_MAX


def check_selection(numbers: Sequence[int], limit: int | None, start: int | None = None) -> None:
    """Check the numbers of entries, the highest count of results and the first number that a program asks for.

    Raises `TypeError` for a value of another type, and `InvalidQuery` for a number that no entry has or a negative count.
    """
    check_numbers("numbers", numbers)
    if limit is not None:
        check_number("limit", limit, least=0)
    if start is not None:
        check_number("start", start)


def check_numbers(name: str, numbers: Iterable[int]) -> list[int]:
    """The `numbers` of the argument `name` as a list. Raises what `check_number` does, and `TypeError` for a str or bytes."""
    check_several(name, numbers, "a sequence of ints")
    checked = list(numbers)
    for number in checked:
        check_number(f"each of {name}", number)
    return checked


def check_number(name: str, number: int, *, least: int = 1) -> None:
    """Raise `TypeError` unless `number`, the argument `name`, is an int, and `InvalidQuery` if it is out of range.

    The range goes from `least` to `SEQUENCE_MAX`, the highest number that an entry can have.
    """
    check_type(name, number, int)
    if not least <= number <= SEQUENCE_MAX:
        raise InvalidQuery("argument_out_of_range", name=name, number=number, least=least, most=SEQUENCE_MAX)

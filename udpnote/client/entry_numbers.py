"""Checks arguments that a program passes to the library: numbers of entries, and how many results it asks for."""

from collections.abc import Iterable, Sequence

from udpnote.errors import InvalidQuery
from udpnote.model.argument_types import check_several, check_type
from udpnote.model.entry import SEQUENCE_MAX, SeenEntry, StoredEntry


def check_selection(numbers: Sequence[int], limit: int | None, start: int | None = None) -> None:
    """Check three arguments of a reading method: the `numbers` of entries, `limit` and `start`.

    `limit` is the most results, and `start` the number from which to read; both may be None. Raises `TypeError` for a value of
    another type, and `InvalidQuery` for a number that no entry can have or a negative `limit`.
    """
    check_numbers("numbers", numbers)
    if limit is not None:
        check_number("limit", limit, least=0)
    if start is not None:
        check_number("start", start)


def check_numbers(name: str, numbers: Iterable[int]) -> list[int]:
    """Return `numbers`, the value of the argument called `name`, as a list, after checking each number with `check_number`.

    Raises the errors of `check_number`, and `TypeError` if `numbers` is a str, bytes or no iterable.
    """
    check_several(name, numbers, "a sequence of ints")
    checked = list(numbers)
    for number in checked:
        check_number(f"each of {name}", number)
    return checked


def check_number(name: str, number: int, *, least: int = 1) -> None:
    """Check that `number`, the value of the argument called `name`, is an int from `least` to `SEQUENCE_MAX`, both included.

    `SEQUENCE_MAX` is the highest number that an entry can have. Raises `TypeError` for another type, and `InvalidQuery` for a
    number out of range.
    """
    check_type(name, number, int)
    if not least <= number <= SEQUENCE_MAX:
        raise InvalidQuery("argument_out_of_range", name=name, number=number, least=least, most=SEQUENCE_MAX)


def seen_entry(seen: StoredEntry | SeenEntry | None) -> SeenEntry | None:
    """The argument `seen` of `Client.revise` as a `SeenEntry`; None if it is None.

    Raises `TypeError` if `seen` or one of its fields has another type, and `InvalidQuery` for a number out of range.
    """
    if seen is None:
        return None
    check_type("seen", seen, StoredEntry, SeenEntry)
    as_seen = seen.as_seen if isinstance(seen, StoredEntry) else seen
    check_number("seen.number", as_seen.number)
    check_type("seen.client_id", as_seen.client_id, bytes)
    check_number("seen.sequence", as_seen.sequence)
    return as_seen

"""Checks the types of arguments. If a program passes a value of a wrong type, the `TypeError` names the argument."""

from collections.abc import Iterable
from reprlib import repr as shortened


def check_type(name: str, value: object, *types: type) -> None:
    """Raise `TypeError` unless `value` has one of these `types`. A bool does not count as an int. `name` names the argument."""
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise wrong_type(name, " or ".join(map(_with_article, types)), value)


def check_several(name: str, value: object, expected: str) -> Iterable[object]:
    """Return `value`, the argument `name`. Raise `TypeError` unless it is an iterable. A str or bytes does not count as one.

    `expected` tells the reader of the error what `value` must be. The types of the elements are not checked.
    """
    if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Iterable):
        raise wrong_type(name, expected, value)
    return value


def wrong_type(name: str, expected: str, value: object) -> TypeError:
    """Make the error for the argument `name` with the wrong `value`. `expected` says what it must be, such as `an int`."""
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}: {shortened(value)}")


def _with_article(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'aeiou' else 'a'} {kind.__name__}"

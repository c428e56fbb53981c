"""Checks the types of arguments, and texts that people give. The `TypeError` about a wrong type names the argument."""

from collections.abc import Iterable, Mapping
from reprlib import repr as shortened

from udpnote.errors import InvalidSetting, Notice

_TYPES: dict[str, tuple[type, ...]] = {"port": (int,), "wait": (int, float), "sealed": (bool,)}
_PATHS = frozenset({"key_file", "file", "text_file", "outbox"})
"""The types of options of clients and servers, and which of them are paths. All others are texts."""


def check_options(options: Mapping[str, object], unset: object = None) -> None:
    """Raise `TypeError` if the value of one of these options of a client or server has a wrong type. None and `unset` are
    right.
    """
    for name, value in options.items():
        if value is None or value is unset or (name in _PATHS and hasattr(value, "__fspath__")):
            continue
        if name in _PATHS and not isinstance(value, str):
            raise wrong_type(name, "a str or a PathLike", value)
        check_type(name, value, *_TYPES.get(name, (str,)))


def check_functions(**functions: object) -> None:
    """Raise `TypeError` unless each of these arguments can be called, or is None."""
    for name, value in functions.items():
        if value is not None and not callable(value):
            raise wrong_type(name, "a function", value)


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


def checked_text(value: object, where: str | Notice) -> str:
    """Return `value`. Raise `InvalidSetting` unless it is text, not blank and valid UTF-8. `where` names its place."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidSetting("setting_not_text", where=where, value=value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidSetting("setting_not_utf8", where=where, value=value) from None
    return value


def wrong_type(name: str, expected: str, value: object) -> TypeError:
    """Make the error for the argument `name` with the wrong `value`. `expected` says what it must be, such as `an int`."""
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}: {shortened(value)}")


def _with_article(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'aeiou' else 'a'} {kind.__name__}"

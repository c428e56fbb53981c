"""Shows the named tuples of the library with their ids in hexadecimal digits, as people read them."""


def readable(value: tuple[object, ...]) -> str:
    """The `repr` of `value`, a named tuple, but with hexadecimal digits for fields that are bytes, such as ids."""
    names: tuple[str, ...] = getattr(type(value), "_fields", ())
    fields = (f"{name}={each.hex() if isinstance(each, bytes) else each!r}" for name, each in zip(names, value, strict=True))
    return f"{type(value).__name__}({', '.join(fields)})"

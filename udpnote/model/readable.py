"""Shows the values of the library as people can read them."""


def readable(value: tuple[object, ...]) -> str:
    """The `repr` of a named tuple, with bytes, such as ids, as hexadecimal digits."""
    names: tuple[str, ...] = getattr(type(value), "_fields", ())
    fields = (f"{name}={each.hex() if isinstance(each, bytes) else each!r}" for name, each in zip(names, value, strict=True))
    return f"{type(value).__name__}({', '.join(fields)})"

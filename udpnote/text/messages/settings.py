"""What is wrong with a setting or an address."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}

"""What is wrong with a host, a port or an interface."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}

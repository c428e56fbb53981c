"""What a server tells its owner."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}

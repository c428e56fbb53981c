"""What is wrong with a file or its disk."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}

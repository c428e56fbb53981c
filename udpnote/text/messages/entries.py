"""What is wrong with an entry, a query, a join code, or a line of a file to import."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}

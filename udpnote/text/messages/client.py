"""What a client tells: why an entry waits, why a notebook is not found or not believed."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}

"""What commands say of what was typed, and of files and terminals."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}
